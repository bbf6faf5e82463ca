//! Performing: the steps that a profile gives, and what is said of a call that did not go well.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value as Json, json};
use tenantry::model::{Fate, IntentAction, Kind, Next, Reached};
use tenantry::portal::{Call, CallError, Done};

use super::super::kit::{CallExt, call, create, field, fields, perform};
use super::server::{Answer, Asked, Server, ok, status};
use super::writer;

pub(super) const API: &str = r#"
http:
  inside: {header: X-Acting-In}
  errors:
    conflict: [{status: [400], when: 'response.body.code == "TAKEN"'}]
    throttled: [{status: [420]}]
kinds:
  Organization:
    read: unreadable
    create: call
    update: call
    delete: call
    fields: {displayName: full, contact.phone: full, notes: full, licences: immutable, "*": unsupported}
    http:
      create:
        - {path: /orgs, body: {name: "${self.displayName}", phone: "${self.contact.phone}", licences: "${self.licences}", tags: ["made by ${owner}", "${self.notes}"]}, id: location}
      update:
        - {when: '"displayName" in changed', method: PUT, path: "/orgs/${id}", update: readModifyWrite, etag: true, idempotent: true, body: {org: {name: "${self.displayName}"}}}
        - {when: '"notes" in changed', method: PATCH, path: "/orgs/${id}/notes", body: {notes: "${self.notes}", name: "${self.displayName}"}}
        - {when: has(self.contact.phone), method: PATCH, path: "/orgs/${id}/phone", body: {phone: "${self.contact.phone}"}}
      delete:
        - {method: PATCH, path: "/orgs/${id}", body: {enabled: false}, idempotent: true}
        - {method: DELETE, path: "/orgs/${id}", idempotent: true}
        - wait: {path: "/orgs/${id}", until: response.status == 404, failed: 'response.status == 200 && response.body.state == "failed"', every: 5ms, atMost: 200ms}
  User:
    read: unreadable
    create: call
    update: call
    delete: call
    fields: {email: immutable, firstName: immutable, roles: full, "*": unsupported}
    http:
      get: {path: "/users/${id}", item: response.body.user}
      item: {id: item.id, key: item.mail, fields: {email: item.mail}}
      create:
        - {path: /users, form: {mail: "${self.email}", first: "${self.firstName}"}, id: response.body.user.id, take: {link: response.body.link}}
        - {when: has(self.lastName), method: GET, path: "/users/${id}/mailbox"}
        - {each: {added: roles}, method: PUT, path: "/users/${id}/roles/${item}", query: {via: "${steps.link}"}, idempotent: true}
      update:
        - {each: {removed: roles}, method: DELETE, path: "/users/${id}/roles/${item}"}
        - {each: {added: roles}, method: PUT, path: "/users/${id}/roles/${item}"}
      delete: [{method: DELETE, path: "/users/${id}"}]
  Integration:
    read: unreadable
    create: call
    fields: {type: full, secrets: full, "*": unsupported}
    http:
      create: [{path: /integrations, headers: {X-Kind: "${self.type}"}, body: {key: "${secrets.token}", other: "${secrets.absent}"}, id: response.body.id}]
"#;

async fn server(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
    Server::start(answer).await
}

fn acting(mut call: Call) -> Call {
    call.tenant_id = Some("c1".into());
    call
}

pub(super) fn changing(address: &str, before: Json, after: Json) -> Call {
    let mut changed = call(IntentAction::Update, address, after).object("id-1");
    changed.before = fields(changed.address.kind, before);
    acting(changed)
}

fn id(done: Result<Done, CallError>) -> String {
    match done {
        Ok(Done::Now { id: Some(id), .. }) => id.into(),
        other => panic!("{other:?}"),
    }
}

fn line(asked: &Asked) -> String {
    format!("{} {}", asked.line, asked.text)
}

#[tokio::test]
async fn a_body_keeps_types_leaves_out_what_is_absent_and_the_id_may_stand_in_the_location() {
    let server = server(|_| (201, vec![("location", "/orgs/o%201".to_owned())], json!({}))).await;
    let portal = writer(&server.url, API);
    let made = create("acme/organization/acme", json!({"displayName": "Acme", "licences": {"basic": 3}}));
    assert_eq!(id(perform(&portal, made).await), "o 1");
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, "POST /orgs");
    assert_eq!(asked[0].json(), json!({"name": "Acme", "licences": {"basic": 3}, "tags": ["made by installation-1"]}));
    assert_eq!(asked[0].header("x-acting-in"), None, "what makes a tenant is in none");
}

#[tokio::test]
async fn a_location_at_another_origin_is_no_id() {
    let server = server(|_| (201, vec![("location", "https://elsewhere.example/orgs/1".to_owned())], json!({}))).await;
    let portal = writer(&server.url, API);
    let answer = perform(&portal, create("acme/organization/acme", json!({"displayName": "Acme"}))).await;
    assert!(matches!(answer, Err(CallError::Uncertain(_))), "{answer:?}");
}

#[tokio::test]
async fn a_set_is_gained_item_by_item_and_the_object_is_read_back() {
    let server = server(|asked| match asked.line.as_str() {
        "POST /users" => ok(json!({"user": {"id": "u/1"}, "link": "a b"})),
        "GET /users/u%2F1" => ok(json!({"user": {"id": "u/1", "mail": "A@acme.example"}})),
        _ => status(204, Json::Null),
    })
    .await;
    let portal = writer(&server.url, API);
    let user = create("acme/user/a", json!({"email": "a@acme.example", "roles": ["r1", "../r2"]}));
    let Ok(Done::Now { id, object: Some(object), .. }) = perform(&portal, acting(user)).await else { panic!("it is done") };
    assert_eq!((id.as_deref(), &*object.key), (Some("u/1"), "a@acme.example"));
    let asked = server.asked();
    assert!(asked.iter().all(|a| a.header("x-acting-in") == Some("c1")));
    assert_eq!(
        asked.iter().map(line).collect::<Vec<_>>(),
        [
            "POST /users mail=a%40acme.example",
            "PUT /users/u%2F1/roles/..%2Fr2?via=a+b ",
            "PUT /users/u%2F1/roles/r1?via=a+b ",
            "GET /users/u%2F1 ",
        ]
    );
}

#[tokio::test]
async fn a_set_loses_and_gains_what_differs_and_nothing_else() {
    let server = server(|_| ok(json!({}))).await;
    let portal = writer(&server.url, API);
    let user = changing("acme/user/a", json!({"roles": ["r1", "r2"]}), json!({"roles": ["r2", "r3"]}));
    perform(&portal, user).await.unwrap();
    assert_eq!(server.lines(), ["DELETE /users/id-1/roles/r1", "GET /users/id-1", "PUT /users/id-1/roles/r3"]);
}

#[tokio::test]
async fn a_value_that_would_leave_its_place_in_a_path_is_refused() {
    let server = server(|_| ok(json!({}))).await;
    let portal = writer(&server.url, API);
    let up = perform(&portal, acting(call(IntentAction::Delete, "acme/user/a", json!({})).object(".."))).await;
    assert!(matches!(up, Err(CallError::Refused(_))), "{up:?}");
    assert_eq!(server.lines(), [""; 0]);
}

#[tokio::test]
async fn what_is_there_is_read_right_before_and_written_as_that_version() {
    let server = server(|asked| match asked.line.as_str() {
        "GET /orgs/id-1" => (200, vec![("etag", "\"7\"".to_owned())], json!({"org": {"name": "Old", "plan": "gold"}})),
        _ if asked.header("if-match") == Some("\"7\"") => ok(json!({})),
        _ => status(428, json!({})),
    })
    .await;
    let portal = writer(&server.url, API);
    let change = changing("acme/organization/acme", json!({"displayName": "Old"}), json!({"displayName": "New"}));
    perform(&portal, change).await.unwrap();
    let put = &server.asked()[1];
    assert_eq!((put.line.as_str(), put.json()), ("PUT /orgs/id-1", json!({"org": {"name": "New", "plan": "gold"}})));
}

#[tokio::test]
async fn somebody_elses_change_in_between_is_tried_again() {
    let server = server(|asked| match asked.line.as_str() {
        "GET /orgs/id-1" => (200, vec![("etag", "\"7\"".to_owned())], json!({})),
        _ => status(412, json!({})),
    })
    .await;
    let portal = writer(&server.url, API);
    let answer = perform(&portal, changing("acme/organization/acme", json!({}), json!({"displayName": "New"}))).await;
    assert!(matches!(answer, Err(CallError::Retry { .. })), "{answer:?}");
}

#[tokio::test]
async fn an_update_sends_what_differs_alone() {
    let server = server(|_| ok(json!({}))).await;
    let portal = writer(&server.url, API);
    let mut change = changing("acme/organization/acme", json!({}), json!({"displayName": "Acme", "notes": "n", "contact.phone": "1"}));
    change.changed = vec![field(Kind::Organization, "notes")];
    perform(&portal, change).await.unwrap();
    assert_eq!(server.asked().iter().map(line).collect::<Vec<_>>(), [r#"PATCH /orgs/id-1/notes {"notes":"n"}"#], "`when` sees it too");
}

#[tokio::test]
async fn a_secret_is_in_the_body_and_in_nothing_that_is_said() {
    let server = server(|asked| status(422, json!({"message": format!("bad key {}", asked.json()["key"])}))).await;
    let portal = writer(&server.url, API);
    let mut made = create("msp/integration/aws", json!({"type": "aws"}));
    made.secrets.push((field(Kind::Integration, "secrets"), "token".into(), SecretString::from("canary-1")));
    let answer = perform(&portal, made).await;
    assert_eq!(server.asked()[0].json(), json!({"key": "canary-1"}));
    let Err(CallError::Refused(why)) = answer else { panic!("{answer:?}") };
    assert!(why.contains("422") && !why.contains("canary"), "{why}");
}

#[tokio::test]
async fn an_answer_means_what_the_profile_says_and_else_what_its_status_says() {
    async fn check(answer: Answer, expected: fn(&CallError) -> bool) {
        let shown = answer.0;
        let server = Server::start(move |_| answer.clone()).await;
        let made = acting(create("acme/user/a", json!({"email": "a@acme.example"})));
        let error = perform(&writer(&server.url, API), made).await.unwrap_err();
        assert!(expected(&error), "{shown}: {error:?}");
    }
    check(status(400, json!({"code": "TAKEN"})), |e| matches!(e, CallError::Refused(_))).await;
    check(status(409, json!({})), |e| matches!(e, CallError::Refused(_))).await;
    check(status(403, json!({})), |e| matches!(e, CallError::Denied(_))).await;
    check(status(503, json!({})), |e| matches!(e, CallError::Uncertain(_))).await;
    let later = (420, vec![("retry-after", "7".to_owned())], json!({}));
    check(later, |e| matches!(e, CallError::Retry { after: Some(after), .. } if *after == Duration::from_secs(7))).await;
}

#[tokio::test]
async fn a_connection_that_is_refused_may_be_tried_again() {
    let address = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
    let portal = writer(&format!("http://{address}"), API);
    let answer = perform(&portal, acting(create("acme/user/a", json!({"email": "a@acme.example"})))).await;
    assert!(matches!(answer, Err(CallError::Retry { .. })), "{answer:?}");
}

#[tokio::test]
async fn what_is_said_of_a_later_step_is_said_of_that_step_alone() {
    let server = server(|asked| match asked.line.as_str() {
        "POST /users" => ok(json!({"user": {"id": "u1"}, "link": "x"})),
        _ => status(400, json!({"message": "no such role"})),
    })
    .await;
    let user = create("acme/user/a", json!({"email": "a@acme.example", "roles": ["r1"]}));
    let answer = perform(&writer(&server.url, API), acting(user)).await;
    assert_eq!(answer, Err(CallError::Refused("the portal answers with 400: no such role".to_owned())));
    assert_eq!(server.lines(), ["POST /users", "PUT /users/u1/roles/r1?via=x"], "and the first is not made again");
}

#[tokio::test]
async fn a_look_after_a_first_step_does_not_make_the_step_undone() {
    let server = server(|asked| match asked.line.split(['?']).next().unwrap() {
        "POST /users" => ok(json!({"user": {"id": "u1"}, "link": "x"})),
        "GET /users/u1/mailbox" => ok(json!({})),
        _ => status(503, json!({})),
    })
    .await;
    let user = create("acme/user/a", json!({"email": "a@acme.example", "lastName": "A", "roles": ["r1"]}));
    let answer = perform(&writer(&server.url, API), acting(user)).await;
    assert!(matches!(answer, Err(CallError::Lost { next: Next::Repeatable, .. })), "{answer:?}");
    let made = server.asked().iter().filter(|a| a.line == "POST /users").count();
    assert_eq!(made, 1, "made again it would be there twice");
}

#[tokio::test]
async fn to_find_gone_what_is_to_be_deleted_is_success() {
    let server = server(|_| status(404, json!({}))).await;
    let portal = writer(&server.url, API);
    let gone = Done::Now { id: None, object: None, carried: Vec::new() };
    assert_eq!(perform(&portal, acting(call(IntentAction::Delete, "acme/user/a", json!({})).object("u1"))).await, Ok(gone.clone()));
    assert_eq!(perform(&portal, acting(call(IntentAction::Delete, "acme/organization/acme", json!({})).object("c1"))).await, Ok(gone));
}

#[tokio::test]
async fn a_deletion_in_two_steps_that_the_portal_queues_is_waited_for() {
    let asked_before = std::sync::atomic::AtomicU32::new(0);
    let server = server(move |asked| match asked.line.as_str() {
        "GET /orgs/c1" if asked_before.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 1 => status(404, json!({})),
        "GET /orgs/c1" => ok(json!({"state": "deleting"})),
        _ => status(202, json!({})),
    })
    .await;
    let portal = writer(&server.url, API);
    let delete = || acting(call(IntentAction::Delete, "acme/organization/acme", json!({})).object("c1"));
    assert!(matches!(perform(&portal, delete()).await, Ok(Done::Now { id: None, .. })));
    let lines: Vec<_> = server.asked().iter().map(line).collect();
    assert_eq!(lines[..2], [r#"PATCH /orgs/c1 {"enabled":false}"#, "DELETE /orgs/c1 "]);
    assert_eq!(lines[2..], ["GET /orgs/c1 "; 3]);
}

#[tokio::test]
async fn a_wait_that_is_over_leaves_the_change_pending() {
    let server = server(|_| ok(json!({"state": "deleting"}))).await;
    let delete = acting(call(IntentAction::Delete, "acme/organization/acme", json!({})).object("c1"));
    let answer = perform(&writer(&server.url, API), delete).await;
    assert!(matches!(&answer, Ok(Done::Pending { work: None, .. })), "{answer:?}");
}

#[tokio::test]
async fn with_an_idempotency_key_a_lost_answer_may_be_asked_for_again() {
    let api = API.replace("http:\n  inside", "limits: {idempotent: true}\nhttp:\n  idempotencyHeader: X-Once\n  inside");
    let server = server(|_| status(503, json!({}))).await;
    let made = acting(create("acme/user/a", json!({"email": "a@acme.example"})).intent("intent-1"));
    let answer = perform(&writer(&server.url, &api), made).await;
    assert!(matches!(answer, Err(CallError::Lost { next: Next::SameKey, .. })), "it may have had its effect: {answer:?}");
    assert_eq!(server.asked()[0].header("x-once"), Some("intent-1"), "the call that makes it has the intent itself as its key");
}

const INVITING: &str = r#"
http: {}
kinds:
  User:
    read: unreadable
    create: call
    fields: {email: immutable, "*": unsupported}
    http:
      create:
        - {path: /users, body: {mail: "${self.email}"}, id: response.body.id, take: {link: response.body.link}}
        - {path: "/users/${id}/invitations", query: {via: "${steps.link}"}}
"#;

/// The part of a creation after its first step.
async fn first_part(server: &Server, api: &str) -> (Call, Reached) {
    let call = acting(create("acme/user/a", json!({"email": "a@acme.example"})));
    let answer = writer(&server.url, api).perform(std::slice::from_ref(&call)).await.remove(0);
    let Ok(Done::Partly { reached }) = answer else { panic!("{answer:?}") };
    (call, reached)
}

async fn inviting(invited: bool) -> Server {
    server(move |asked| match asked.line.as_str() {
        "GET /users/u1/invitations" if invited => ok(json!({"sent": 1})),
        "GET /users/u1/invitations" => status(404, Json::Null),
        _ => ok(json!({"id": "u1", "link": "x"})),
    })
    .await
}

#[tokio::test]
async fn one_part_of_a_call_makes_one_thing_and_says_how_to_go_on() {
    let server = inviting(false).await;
    let (mut call, reached) = first_part(&server, INVITING).await;
    assert_eq!(server.lines(), ["POST /users"]);
    assert_eq!((reached.steps, reached.id(), reached.if_lost), (Some(1), Some("u1"), Next::Unsure));
    assert_eq!(reached.next, "step 2 of 2 (POST /users/u1/invitations)");
    call.fate = call.fate.at(reached);
    assert!(matches!(perform(&writer(&server.url, INVITING), call).await, Ok(Done::Now { id: Some(_), .. })));
    assert_eq!(server.lines(), ["POST /users/u1/invitations?via=x"]);
}

#[tokio::test]
async fn a_step_of_which_nobody_knows_is_never_made_again() {
    let server = inviting(false).await;
    let (mut call, reached) = first_part(&server, INVITING).await;
    server.asked();
    call.fate = Fate { next: reached.if_lost, ..call.fate.at(reached) };
    let answer = perform(&writer(&server.url, INVITING), call).await;
    let Err(CallError::Lost { next: Next::Unsure, message, .. }) = answer else { panic!("{answer:?}") };
    assert!(message.contains("POST /users/u1/invitations"), "{message}");
    assert_eq!(server.lines(), [""; 0]);
}

#[tokio::test]
async fn a_step_that_can_be_looked_for_is_made_only_where_it_is_not_found() {
    let api = INVITING.replace(", query:", ", find: {path: \"/users/${id}/invitations\", holds: response.status == 200}, query:");
    for (invited, expected) in
        [(true, &["GET /users/u1/invitations"][..]), (false, &["GET /users/u1/invitations", "POST /users/u1/invitations?via=x"])]
    {
        let server = inviting(invited).await;
        let (mut call, reached) = first_part(&server, &api).await;
        server.asked();
        assert_eq!(reached.if_lost, Next::Findable);
        call.fate = Fate { next: reached.if_lost, ..call.fate.at(reached) };
        assert!(matches!(perform(&writer(&server.url, &api), call).await, Ok(Done::Now { .. })));
        assert_eq!(server.lines(), expected);
    }
}

#[tokio::test]
async fn a_call_goes_on_after_the_step_that_made_what_was_found() {
    let server = inviting(false).await;
    let api = INVITING.replace(", query: {via: \"${steps.link}\"}", "");
    let mut call = acting(create("acme/user/a", json!({"email": "a@acme.example"})));
    call.fate = call.fate.at(Reached::found("u1", None));
    assert!(matches!(perform(&writer(&server.url, &api), call).await, Ok(Done::Now { .. })));
    assert_eq!(server.lines(), ["POST /users/u1/invitations"]);
}
