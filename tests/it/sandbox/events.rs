//! What people outside do, played by hand over HTTP and at the screens; and what a request that leads nowhere is told.

use serde_json::{Value, json};
use tenantry::portal::load_profile;

use super::api_kit::Sandbox;

/// A desk in which a guest may write a ticket, with one standalone customer; the path of its tenant.
async fn desk() -> (Sandbox, String) {
    let sandbox = Sandbox::play(load_profile("itarian", None).unwrap()).await;
    let with = json!([{"collection": "domains", "fields": {"domain": "shop.example"}}]);
    let customer = json!({"fields": {"displayName": "Corner Shop", "relationship": "standalone"}, "with": with});
    let made = sandbox.ask("POST", "/api/v1/tenants", customer).await;
    let tenant = format!("/api/v1/tenants/{}", made.id());
    (sandbox, tenant)
}

const TICKET: &str = "/sandbox/events/ticket";

#[tokio::test]
async fn a_guest_is_put_into_the_customer_of_their_address_and_nobody_else_is() {
    let (sandbox, tenant) = desk().await;
    let events = sandbox.get("/sandbox/events").await.body;
    let ticket = json!({"name": "ticket", "title": "Somebody writes a ticket", "fields": ["email", "firstName", "lastName"]});
    assert_eq!(events, json!({"events": [ticket]}));
    let came = sandbox.ask("POST", TICKET, json!({"email": "Wal.K@Shop.example", "firstName": "Wal"})).await;
    assert_eq!((came.status.as_u16(), came.body["made"][0]["key"].as_str()), (200, Some("wal.k@shop.example")));
    assert!(tenant.ends_with(came.body["tenant"].as_str().unwrap()));
    let all = ["monitor.agent@shop.example", "patch.management.agent@shop.example", "wal.k@shop.example"];
    assert_eq!(sandbox.keys(&format!("{tenant}/users")).await, all);
    for (who, error) in [
        (json!({"email": "wal@other.example"}), (422, "invalid", None)),
        (json!({"email": "wal@notshop.example"}), (422, "invalid", None)),
        (json!({"email": "wal"}), (422, "invalid", None)),
        (json!({}), (422, "invalid", None)),
        (json!({"email": "a@shop.example", "administrator": true}), (422, "invalid", None)),
        (json!({"mail": "a@shop.example"}), (400, "malformed", None)),
        (json!(["a@shop.example"]), (400, "malformed", None)),
    ] {
        assert_eq!(sandbox.ask("POST", TICKET, who.clone()).await.error(), error, "{who}");
    }
    assert_eq!(sandbox.keys(&format!("{tenant}/users")).await, all, "what is refused makes nobody");
    assert_eq!(sandbox.mails().await, [""; 0]);
}

#[tokio::test]
async fn what_people_outside_do_is_the_operators_alone_to_play() {
    let (sandbox, tenant) = desk().await;
    let token = sandbox.token_of(&tenant).await;
    for (method, path) in [("GET", "/sandbox/events"), ("POST", TICKET)] {
        assert_eq!(sandbox.ask_as(&token, method, path, json!({"email": "a@shop.example"})).await.error().0, 403);
        assert_eq!(sandbox.ask_as("none", method, path, json!({"email": "a@shop.example"})).await.error().0, 401);
    }
}

#[tokio::test]
async fn an_event_is_played_at_the_screens_too() {
    let (sandbox, _) = desk().await;
    let home = sandbox.get("/screens").await.body;
    assert!(home.as_str().unwrap().contains("href=\"/screens/outside\""), "{home}");
    let page = sandbox.get("/screens/outside").await.body;
    let proof = page.as_str().unwrap().split_once("name=\"proof\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let post = async |email: &str| {
        let form = [("proof", proof.as_str()), ("email", email)];
        let request = sandbox.client.post(format!("{}/screens/outside/ticket", sandbox.base)).bearer_auth(&sandbox.operator).form(&form);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, page) = post("wal@shop.example").await;
    assert!(status == 200 && page.contains(">wal@shop.example</a> in <strong>Corner Shop</strong>"), "{page}");
    let (status, page) = post("wal@shop.example").await;
    assert!(status == 200 && page.contains("in <strong>Corner Shop</strong> already"), "{page}");
    let (status, page) = post("wal@other.example").await;
    assert!(status == 422 && page.contains("it belongs to no customer"), "{page}");
    let without = Sandbox::start().await;
    assert!(!without.get("/screens").await.body.as_str().unwrap().contains("/screens/outside"), "where nothing of the sort is known");
}

#[tokio::test]
async fn a_request_that_leads_nowhere_is_told_so() {
    let sandbox = Sandbox::start().await;
    assert_eq!(sandbox.get("/sandbox/nothing").await.error(), (404, "notFound", None));
    assert_eq!(sandbox.ask("PUT", "/sandbox/accept", Value::Null).await.error(), (405, "method", None));
    assert_eq!(sandbox.ask("POST", "/sandbox/accept", json!({"user": "nobody"})).await.error(), (404, "notFound", None));
    assert_eq!(sandbox.ask_as("none", "GET", "/sandbox/outbox", Value::Null).await.error(), (401, "unauthenticated", None));
    let page = sandbox.get("/nothing").await;
    assert_eq!(
        (page.status.as_u16(), page.body.as_str()),
        (404, Some("There is no such page. The screens begin at /screens, the API at /api/v1.\n"))
    );
}
