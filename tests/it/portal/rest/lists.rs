//! Lists that tell less than they seem to: invitations beside members, ends that nobody announces, and tenants without an id.

use serde_json::{Value as Json, json};
use tenantry::model::{Completeness, Kind, ObjectState};
use tenantry::portal::{CallError, TenantKey};

use super::super::kit::{CallExt, call, create, fields, perform, tenant_key};
use super::server::{Asked, Server, ok, status};
use super::{reader, writer};

const API: &str = r#"
http:
  headers: {Accept: application/vnd.api+json, Content-Type: application/vnd.api+json}
  errors: {conflict: [{status: [400]}]}
kinds:
  Organization:
    read: listed
    keyScope: portal
    http:
      lists: {all: {within: portal, path: /orgs}}
      item: {id: item.id, key: item.name, fields: {displayName: item.name}}
  User:
    read: listed
    create: call
    update: call
    fields: {email: immutable, firstName: writeOnly, "*": unsupported}
    http:
      lists:
        invitations: {within: tenant, path: /invitations, query: {org: "${tenant.id}"}, unless: members, cutAt: 3}
        members: {within: tenant, path: /members, query: {org: "${tenant.id}"}}
      item:
        id: item.mail
        key: item.mail
        fields: {email: item.mail}
        state: 'list == "invitations" ? "invited" : "active"'
        expires: item.until
        portalsOwn: has(account.email) && item.mail == account.email
      create: [{path: /invite, body: {org: "${tenant.id}", mail: "${self.email}", first: "${self.firstName}"}, id: response.body.mail}]
      update:
        - {method: GET, path: /members, take: {member: "response.body[0].id"}}
        - {path: /rename, body: {member: "${steps.member}", first: "${self.firstName}"}}
        - {method: GET, path: /after, take: {after: response.body.id}}
"#;

async fn people(invitations: Json) -> (Vec<(String, ObjectState)>, Completeness) {
    let server = Server::start(move |asked: &Asked| match asked.line.as_str() {
        "GET /orgs" => ok(json!([{"id": "o1", "name": "acme"}])),
        "GET /members?org=o1" => ok(json!([{"mail": "in@acme.example"}])),
        "GET /invitations?org=o1" => ok(invitations.clone()),
        _ => status(500, json!({"message": asked.line})),
    })
    .await;
    let live = reader(&server.url, API).read(&[tenant_key("acme")]).await.unwrap().remove(0);
    let shown = live.objects(Kind::User).iter().map(|o| (o.id.to_string(), o.state)).collect();
    (shown, live.collections[&Kind::User].completeness.clone())
}

#[tokio::test]
async fn an_old_invitation_of_a_member_does_not_count_and_one_that_ran_out_is_expired() {
    let (shown, completeness) = people(json!([
        {"mail": "in@acme.example", "until": "2020-01-01T00:00:00Z"},
        {"mail": "late@acme.example", "until": 1_577_836_800},
    ]))
    .await;
    assert_eq!(completeness, Completeness::Complete);
    let expected = [("in@acme.example", ObjectState::Active), ("late@acme.example", ObjectState::InvitationExpired)];
    assert_eq!(shown, expected.map(|(id, state)| (id.to_owned(), state)));
    let (shown, _) =
        people(json!([{"mail": "new@acme.example", "until": "2999-01-01T00:00:00.000Z"}, {"mail": "ever@acme.example", "until": null}]))
            .await;
    assert!(shown.iter().skip(1).all(|(_, state)| *state == ObjectState::Invited), "{shown:?}");
    let (_, completeness) = people(json!([{"mail": "odd@acme.example", "until": "soon"}])).await;
    assert!(matches!(&completeness, Completeness::Incomplete { why } if why.contains("`expires`")), "{completeness:?}");
}

#[tokio::test]
async fn a_list_as_long_as_the_api_ever_shows_is_incomplete() {
    let two = json!([{"mail": "a@acme.example"}, {"mail": "b@acme.example"}]);
    assert_eq!(people(two).await.1, Completeness::Complete);
    let three = json!([{"mail": "a@acme.example"}, {"mail": "b@acme.example"}, {"mail": "c@acme.example"}]);
    let (_, completeness) = people(three).await;
    assert!(matches!(&completeness, Completeness::Incomplete { why } if why.contains("it has 3 items")), "{completeness:?}");
}

#[tokio::test]
async fn nothing_is_asked_about_a_tenant_that_has_no_id() {
    let server = Server::start(|asked: &Asked| match asked.line.as_str() {
        "GET /orgs" => ok(json!([])),
        _ => ok(json!([{"mail": "of-another@acme.example"}])),
    })
    .await;
    let msp = TenantKey { name: tenantry::model::Name::msp(), id: None };
    let live = reader(&server.url, API).read(&[msp]).await.unwrap().remove(0);
    assert_eq!((live.objects(Kind::User).len(), server.lines()), (0, vec!["GET /orgs".to_owned()]));
    let answer = perform(&writer(&server.url, API), create("msp/user/a", json!({"email": "a@msp.example"}))).await;
    assert!(matches!(answer, Err(CallError::Refused(_))), "{answer:?}");
    assert!(server.asked().is_empty(), "an API that is told of no tenant may take another");
}

#[tokio::test]
async fn a_look_changes_nothing_and_takes_nothing_back() {
    let server = Server::start(|asked: &Asked| match asked.line.as_str() {
        "GET /members" => ok(json!([{"id": "m1"}])),
        "POST /rename" if asked.text.contains("Ann") => ok(json!({})),
        _ => status(400, json!({"message": "no"})),
    })
    .await;
    let portal = writer(&server.url, API);
    let renamed = |first: &str| {
        let mut changed = call(tenantry::model::IntentAction::Update, "acme/user/a", json!({"firstName": first})).object("a@acme.example");
        changed.before = fields(Kind::User, json!({"firstName": "A"}));
        changed.tenant_id = Some("o1".into());
        changed
    };
    let refused = perform(&portal, renamed("Bob")).await;
    assert!(matches!(refused, Err(CallError::Refused(_))), "nothing was done before it: {refused:?}");
    let half = perform(&portal, renamed("Ann")).await;
    assert!(matches!(half, Err(CallError::Refused(_))), "it is said of the step after the rename: {half:?}");
    let sent = server.asked().into_iter().find(|asked| asked.line == "POST /rename").unwrap();
    assert_eq!((sent.header("content-type"), sent.header("accept")), (Some("application/vnd.api+json"), Some("application/vnd.api+json")));
}

#[test]
fn a_list_stands_back_for_one_that_is_there() {
    let wrong = API.replace("unless: members", "unless: nobody");
    let problems = tenantry::portal::Profile::parse(&format!("{}{wrong}", super::HEAD), "made-up.yaml").unwrap_err();
    assert!(problems.iter().any(|p| p.summary.contains("`unless` names another list")), "{problems:#?}");
}
