//! The sandbox's own API: what it shows to whom, what each status means, and that a repeated request has one effect.

use serde_json::{Value, json};
use tenantry::portal::load_profile;

use super::api_kit::{Sandbox, keys};
use super::kit;

#[tokio::test]
async fn an_object_lives_and_dies() {
    let sandbox = Sandbox::start().await;
    let acme = sandbox.customer("acme").await;
    let users = format!("{acme}/users");
    let fields = json!({"email": "Alice@acme.example", "firstName": "Alice"});
    let made = sandbox.ask("POST", &users, json!({"fields": fields})).await;
    assert_eq!(made.status, 201);
    let alice = format!("{users}/{}", made.id());
    assert_eq!(made.header("location"), alice);
    assert_eq!((&made.body["key"], &made.body["state"]), (&json!("alice@acme.example"), &json!("invited")));
    let read = sandbox.get(&alice).await;
    assert_eq!((read.status.as_u16(), &read.body, read.header("etag")), (200, &made.body, made.header("etag")));
    let changed = sandbox.ask("PATCH", &alice, json!({"fields": {"lastName": "Jones", "firstName": null}})).await;
    assert_eq!(changed.body["fields"], json!({"email": "alice@acme.example", "lastName": "Jones"}));
    assert_ne!(changed.header("etag"), made.header("etag"));
    assert_eq!(sandbox.ask("POST", &format!("{alice}/resend"), Value::Null).await.status, 200);
    assert_eq!(sandbox.mails().await, ["alice@acme.example: Invitation", "alice@acme.example: Invitation, sent again"]);
    assert_eq!(sandbox.ask("POST", "/sandbox/accept", json!({"user": made.id()})).await.status, 204);
    assert_eq!(sandbox.get(&alice).await.body["state"], "active");
    let phone = sandbox.ask("PATCH", &acme, json!({"fields": {"contact": {"phone": "030 1"}}})).await;
    assert_eq!(phone.body["fields"], json!({"displayName": "acme", "contact": {"phone": "030 1"}}), "dotted paths are nested");
    let none = sandbox.ask("PATCH", &acme, json!({"fields": {"contact": {"phone": null}}})).await;
    assert_eq!(none.body["fields"], json!({"displayName": "acme"}));
    assert_eq!(sandbox.ask("DELETE", &alice, Value::Null).await.status, 204);
    assert_eq!(sandbox.get(&alice).await.error(), (404, "notFound", None));
    assert_eq!(sandbox.ask("DELETE", &acme, Value::Null).await.status, 204);
    assert_eq!(sandbox.get(&users).await.error(), (404, "notFound", None));
}

#[tokio::test]
async fn every_collection_of_a_manifest_is_there_and_the_msp_is_a_tenant() {
    let sandbox = Sandbox::start().await;
    let names = ["domains", "users", "roles", "groups", "integrations", "gateways", "monitoredSystems", "notificationRules", "delegations"];
    for name in names {
        assert_eq!(sandbox.get(&format!("/api/v1/tenants/msp/{name}")).await.status, 200, "{name}");
        assert_eq!(sandbox.get(&format!("/api/v1/{name}")).await.status, 200, "{name}");
    }
    assert_eq!(sandbox.get("/api/v1/tenants/msp").await.body["key"], "msp");
    assert_eq!(sandbox.get("/api/v1/tenants/msp/wizards").await.error(), (404, "notFound", None));
    assert_eq!(sandbox.get("/api/v2/tenants").await.error(), (404, "notFound", None));
    assert_eq!(sandbox.ask("PUT", "/api/v1/tenants", Value::Null).await.error(), (405, "method", None));
}

#[tokio::test]
async fn what_one_call_makes_is_made_whole_or_not_at_all() {
    let sandbox = Sandbox::play(kit::profile()).await;
    let with = |domain: &str| {
        let domain = json!({"collection": "domains", "fields": {"domain": domain}});
        json!({"key": "acme", "fields": {"displayName": "Acme", "relationship": "standalone"}, "with": [domain]})
    };
    assert_eq!(sandbox.ask("POST", "/api/v1/tenants", with("no domain")).await.error(), (422, "invalid", None));
    assert_eq!(sandbox.keys("/api/v1/tenants").await, [""; 0]);
    let made = sandbox.ask("POST", "/api/v1/tenants", with("acme.example")).await;
    assert_eq!(made.body["with"][0]["key"], "acme.example");
    let beside: Vec<_> = made.body["beside"].as_array().unwrap().iter().map(|o| (&o["collection"], &o["key"], &o["portalsOwn"])).collect();
    assert!(beside.contains(&(&json!("users"), &json!("monitor@acme.example"), &json!(true))), "{beside:?}");
}

#[tokio::test]
async fn each_refusal_has_its_status() {
    let sandbox = Sandbox::play(kit::profile()).await;
    let made = json!({"key": "acme", "fields": {"displayName": "Acme", "relationship": "managed"}});
    let acme = format!("/api/v1/tenants/{}", sandbox.ask("POST", "/api/v1/tenants", made).await.id());
    let users = format!("{acme}/users");
    let domain = json!({"fields": {"domain": "acme.example"}});
    assert_eq!(sandbox.ask("POST", &format!("{acme}/domains"), domain.clone()).await.status, 201);
    let user = |email: &str| json!({"fields": {"email": email}});
    for (method, path, body, expected) in [
        ("POST", &users, json!([]), (400, "malformed", None)),
        ("POST", &users, json!({"fields": {"email": "a@acme.example", "shoeSize": 44}}), (400, "malformed", None)),
        ("POST", &users, json!({"fields": {"email": 1}}), (400, "malformed", None)),
        ("POST", &users, json!({"key": "alice", "fields": {}}), (400, "malformed", None)),
        ("POST", &users, json!({"fields": {}, "extra": 1}), (400, "malformed", None)),
        ("POST", &users, user("no address"), (422, "invalid", None)),
        ("POST", &users, user("eve@elsewhere.example"), (422, "rule", Some("MADE-1"))),
        ("POST", &format!("{acme}/domains"), domain, (409, "taken", None)),
        ("POST", &format!("{acme}/gateways"), json!({}), (404, "notFound", None)),
        ("PATCH", &format!("{users}/nobody"), json!({"fields": {}}), (404, "notFound", None)),
        ("DELETE", &format!("{users}/nobody"), Value::Null, (404, "notFound", None)),
    ] {
        let answer = sandbox.ask(method, path, body.clone()).await;
        assert_eq!(answer.error(), expected, "{method} {path} {body}");
    }
    for query in ["limit=0", "limit=x", "cursor=zz", "page=2"] {
        assert_eq!(sandbox.get(&format!("{users}?{query}")).await.error(), (400, "malformed", None), "{query}");
    }
    let broken = sandbox.client.post(format!("{}{users}", sandbox.base)).bearer_auth(&sandbox.operator).body("{").send().await.unwrap();
    assert_eq!(broken.status(), 400);
    assert_eq!(sandbox.keys(&users).await, [""; 0], "nothing was made");
}

#[tokio::test]
async fn without_a_token_nothing_is_told() {
    let sandbox = Sandbox::start().await;
    let acme = sandbox.customer("acme").await;
    let paths = ["/api/v1/tenants", &acme, "/api/v1/tenants/nobody/users", "/sandbox/audit", "/sandbox/faults", "/sandbox/tokens"];
    for (path, token) in paths.iter().flat_map(|p| [(p, ""), (p, "msp-00")]) {
        let answer = sandbox.ask_as(token, "GET", path, Value::Null).await;
        assert_eq!(answer.error(), (401, "unauthenticated", None), "{path}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

/// ITC-11: to a tenant's people another tenant is not there, whatever they ask.
#[tokio::test]
async fn itc_11_a_tenants_token_sees_its_own_tenant_and_no_trace_of_another() {
    let sandbox = Sandbox::start().await;
    let (acme, other) = (sandbox.customer("acme").await, sandbox.customer("other").await);
    let user = sandbox.ask("POST", &format!("{other}/users"), json!({"fields": {"email": "bob@other.example"}})).await.id();
    sandbox.ask("POST", &format!("{acme}/users"), json!({"fields": {"email": "alice@acme.example"}})).await;
    let token = sandbox.token_of(&acme).await;
    let tenants = sandbox.ask_as(&token, "GET", "/api/v1/tenants", Value::Null).await;
    assert_eq!((keys(&tenants), &tenants.body["total"]), (vec!["acme".to_owned()], &json!(1)));
    let users = sandbox.ask_as(&token, "GET", "/api/v1/users", Value::Null).await;
    assert_eq!((keys(&users), &users.body["items"][0]["tenant"]), (vec!["alice@acme.example".to_owned()], &json!(acme.rsplit('/').next())));
    assert_eq!(keys(&sandbox.get("/api/v1/users").await), ["bob@other.example", "alice@acme.example"], "the MSP sees all");
    assert_eq!(sandbox.ask_as(&token, "POST", &format!("{acme}/roles"), json!({"key": "operator"})).await.status, 201);

    let nobody = "/api/v1/tenants/0198-nobody";
    for (method, below) in [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/users"),
        ("POST", "/users"),
        ("GET", "/wizards"),
        ("GET", "/users/USER"),
        ("PATCH", "/users/USER"),
        ("DELETE", "/users/USER"),
        ("POST", "/users/USER/resend"),
    ] {
        let body = if matches!(method, "GET" | "DELETE") { Value::Null } else { json!({"fields": {}}) };
        let below = below.replace("USER", &user);
        let theirs = sandbox.ask_as(&token, method, &format!("{other}{below}"), body.clone()).await;
        let nowhere = sandbox.ask_as(&token, method, &format!("{nobody}{below}"), body).await;
        assert_eq!(theirs.error(), (404, "notFound", None), "{method} {below}");
        let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        let alike = nowhere.body.to_string().replace(&id(nobody), &id(&other));
        assert_eq!(theirs.body.to_string(), alike, "{method} {below}: a tenant of others and none at all look alike");
    }
    let from_here = sandbox.ask_as(&token, "GET", &format!("{acme}/users/{user}"), Value::Null).await;
    assert_eq!(from_here.error(), (404, "notFound", None), "nor is another's user found in one's own tenant");
    let share = json!({"key": "mine", "fields": {"type": "x", "sharedWith": [other.rsplit('/').next().unwrap()]}});
    assert_eq!(
        sandbox.ask_as(&token, "POST", &format!("{acme}/integrations"), share).await.status,
        422,
        "nor can anything be shared with it"
    );
    assert_eq!(sandbox.ask_as(&token, "GET", "/api/v1/tenants/msp/users", Value::Null).await.error(), (404, "notFound", None));
    assert_eq!(sandbox.ask_as(&token, "POST", "/api/v1/tenants", json!({"fields": {"displayName": "New"}})).await.error().0, 403);
    assert_eq!(sandbox.ask_as(&token, "DELETE", &acme, Value::Null).await.error().0, 403);
    assert_eq!(sandbox.ask_as(&token, "GET", "/sandbox/outbox", Value::Null).await.status, 403);
    for path in ["/sandbox/audit", "/sandbox/requests", "/sandbox/faults", "/sandbox/tokens"] {
        assert_eq!(sandbox.ask_as(&token, "GET", path, Value::Null).await.error(), (403, "forbidden", None), "{path}");
    }
    assert_eq!(sandbox.keys(&format!("{other}/users")).await, ["bob@other.example"], "nothing happened to it");
}

#[tokio::test]
async fn a_thousand_objects_are_read_to_the_end_in_one_call_for_each_page() {
    let sandbox = Sandbox::start().await;
    let acme = sandbox.customer("acme").await;
    let roles = format!("{acme}/roles");
    let names: Vec<String> = (0..1000).map(|i| format!("role-{i:04}")).collect();
    for name in &names {
        assert_eq!(sandbox.ask("POST", &roles, json!({"key": name})).await.status, 201);
    }
    sandbox.ask("DELETE", "/sandbox/requests", Value::Null).await;
    let pages = sandbox.pages(&roles, 200).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [200; 5]);
    assert_eq!(pages.concat(), names);
    let counted = sandbox.get("/sandbox/requests").await.body;
    assert_eq!(counted, json!({"total": 5, "requests": [{"method": "GET", "path": roles, "count": 5}]}), "and nothing else was asked");

    let first = sandbox.get(&roles).await;
    assert_eq!((keys(&first).len(), &first.body["total"]), (50, &json!(1000)), "few, where nobody asks for a number");
    let link = first.header("link").strip_prefix('<').and_then(|l| l.strip_suffix(">; rel=\"next\"")).unwrap().to_owned();
    assert_eq!(keys(&sandbox.get(&link).await), names[50..100], "the header leads on as the cursor does");
    assert_eq!(keys(&sandbox.get(&format!("{roles}?key=ROLE-0777")).await), ["role-0777"]);
    // What is deleted between two pages moves no other.
    let id = first.body["items"][0]["id"].as_str().unwrap();
    sandbox.ask("DELETE", &format!("{roles}/{id}"), Value::Null).await;
    assert_eq!(keys(&sandbox.get(&link).await), names[50..100]);
}

#[tokio::test]
async fn a_key_makes_one_object_and_one_mail() {
    let dir = tempfile::tempdir().unwrap();
    let profile = load_profile("embedded", None).unwrap();
    let sandbox = Sandbox::in_folder(profile.clone(), dir.path()).await;
    let acme = sandbox.customer("acme").await;
    let users = format!("{acme}/users");
    let alice = json!({"fields": {"email": "alice@acme.example"}});
    let key = ("idempotency-key", "first");
    let once = sandbox.ask_with("POST", &users, key, alice.clone()).await;
    let twice = sandbox.ask_with("POST", &users, key, alice.clone()).await;
    assert_eq!((once.status, &once.body, once.header("etag")), (twice.status, &twice.body, twice.header("etag")));
    assert_eq!(once.body["createdBy"], "first", "who looks for what a lost answer made finds it");
    let other = sandbox.ask_with("POST", &users, key, json!({"fields": {"email": "bob@acme.example"}})).await;
    assert_eq!(other.error(), (422, "idempotencyKeyReused", None));
    assert_eq!(sandbox.ask("POST", &users, alice.clone()).await.error(), (409, "taken", None), "without the key it is another request");
    let resend = format!("{users}/{}/resend", once.id());
    for _ in 0..2 {
        assert_eq!(sandbox.ask_with("POST", &resend, ("idempotency-key", "again"), Value::Null).await.status, 200);
    }
    assert_eq!(sandbox.mails().await, ["alice@acme.example: Invitation", "alice@acme.example: Invitation, sent again"]);
    // What was refused may be asked for again.
    let key = ("idempotency-key", "second");
    assert_eq!(sandbox.ask_with("POST", &users, key, json!({"fields": {"email": "bad"}})).await.error().0, 422);
    assert_eq!(sandbox.ask_with("POST", &users, key, json!({"fields": {"email": "bob@acme.example"}})).await.status, 201);
    drop(sandbox);

    let sandbox = Sandbox::in_folder(profile, dir.path()).await;
    let later = sandbox.ask_with("POST", &users, ("idempotency-key", "first"), alice).await;
    assert_eq!(later.id(), once.id(), "after a restart too");
    assert_eq!(sandbox.keys(&users).await, ["alice@acme.example", "bob@acme.example"]);
}

#[tokio::test]
async fn a_write_to_what_has_changed_meanwhile_is_refused() {
    let sandbox = Sandbox::start().await;
    let acme = sandbox.customer("acme").await;
    let read = sandbox.get(&acme).await;
    let tag = read.header("etag").to_owned();
    let patch = |notes: &str| json!({"fields": {"notes": notes}});
    assert_eq!(sandbox.ask_with("PATCH", &acme, ("if-match", &tag), patch("one")).await.status, 200);
    assert_eq!(sandbox.ask_with("PATCH", &acme, ("if-match", &tag), patch("two")).await.error(), (412, "changedMeanwhile", None));
    assert_eq!(sandbox.ask_with("DELETE", &acme, ("if-match", &tag), Value::Null).await.error(), (412, "changedMeanwhile", None));
    assert_eq!(sandbox.ask_with("PATCH", &acme, ("if-match", "*"), patch("three")).await.status, 200);
    assert_eq!(sandbox.get(&acme).await.body["fields"]["notes"], "three");
}

#[tokio::test]
async fn a_secret_is_taken_and_never_shown() {
    let sandbox = Sandbox::start().await;
    let acme = sandbox.customer("acme").await;
    let canary = "canary-4711";
    let body = json!({"key": "cloud", "fields": {"type": "aws", "secrets": {"token": canary}}});
    let made = sandbox.ask("POST", &format!("{acme}/integrations"), body).await;
    assert_eq!(made.body["fields"], json!({"type": "aws"}));
    let wrong = json!({"fields": {"secrets": {"token": [canary]}}});
    let refused = sandbox.ask("PATCH", &format!("{acme}/integrations/{}", made.id()), wrong).await;
    assert_eq!(refused.error().0, 400);
    for shown in [refused.body, sandbox.get("/sandbox/audit").await.body, sandbox.get(&format!("{acme}/integrations")).await.body] {
        assert!(!shown.to_string().contains(canary), "{shown}");
    }
}

#[tokio::test]
async fn the_audit_trail_has_what_was_asked_and_what_became_of_it() {
    let sandbox = Sandbox::start().await;
    sandbox.customer("acme").await;
    let lines = sandbox.get("/sandbox/audit").await.body["lines"].clone();
    let last = lines.as_array().unwrap().last().unwrap();
    assert_eq!((&last["address"], &last["action"], &last["result"]), (&json!("acme/organization/acme"), &json!("create"), &json!("done")));
}
