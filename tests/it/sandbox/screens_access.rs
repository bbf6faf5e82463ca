//! Who may look and act: tokens, forms of our own, the address that a request was sent to, and names that somebody chose with care.

use std::net::SocketAddr;
use std::sync::Arc;

use tenantry::sandbox::{Server, ServerError};

use super::browser::{Played, client};
use super::kit::{self, made};

#[tokio::test]
async fn nobody_comes_in_without_a_token() {
    let dir = tempfile::tempdir().unwrap();
    let played = Played::start(dir.path()).await;
    made(&played.world, "Acme GmbH", "acme.example").await;
    let mut browser = played.enter("msp-00000000000000000000000000000000").await;
    assert_eq!(browser.status, 401);
    for path in ["/screens", "/screens/place/1", "/screens/customers", "/screens/outbox", "/sandbox/outbox", "/"] {
        browser.get(path).await;
        assert_eq!(browser.status, 401, "{path}");
        assert!(!browser.shows("Acme"), "{path}");
    }
}

#[tokio::test]
async fn a_form_that_is_not_ours_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let played = Played::start(dir.path()).await;
    let acme = made(&played.world, "Acme GmbH", "acme.example").await;
    let mut browser = played.operator().await;
    for path in ["/screens/do", "/screens/customers", "/screens/outbox", &format!("/screens/settings/organization/{acme}/{acme}")] {
        for proof in [None, Some("00112233445566778899aabbccddeeff")] {
            let mut pairs = vec![("do".to_owned(), "delete".to_owned())];
            pairs.extend(proof.map(|p| ("proof".to_owned(), p.to_owned())));
            browser.post(path, &pairs).await;
            assert_eq!(browser.status, 403, "{path} {proof:?}");
        }
    }
    assert_eq!(played.world.customers(&tenantry::sandbox::Caller::Msp).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_request_for_another_host_is_turned_away() {
    let dir = tempfile::tempdir().unwrap();
    let played = Played::start(dir.path()).await;
    let client = client();
    let token = &played.addresses.operator;
    for (host, status) in [("portal.example", 421), ("127.0.0.1", 421), ("", 421)] {
        let request = client.get(format!("{}/?token={token}", played.base())).header("host", host);
        assert_eq!(request.send().await.unwrap().status().as_u16(), status, "{host}");
    }
}

#[tokio::test]
async fn what_is_not_loopback_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let world = Arc::new(kit::open(dir.path()).await);
    for address in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"] {
        let address: SocketAddr = address.parse().unwrap();
        let refused = Server::bind(Arc::clone(&world), address).await.err().unwrap();
        assert!(matches!(refused, ServerError::NotLoopback(_)), "{refused}");
        assert!(refused.to_string().contains("listens on this machine alone"), "{refused}");
    }
}

#[tokio::test]
async fn hostile_names_stay_text() {
    let dir = tempfile::tempdir().unwrap();
    let played = Played::start(dir.path()).await;
    let name = "<script>alert(1)</script>\"'><img src=x onerror=y>";
    let id = made(&played.world, name, "hostile.example").await;
    let mut browser = played.operator().await;
    for path in [
        "/screens/place/1".to_owned(),
        format!("/screens/object/organization/{id}/{id}"),
        "/screens/customers?q=%3Cscript%3E%22".to_owned(),
    ] {
        browser.get(&path).await;
        assert_eq!(browser.status, 200, "{path}");
        assert!(!browser.shows("<script") && !browser.shows("<img"), "{path}: {}", browser.page);
    }
    browser.get("/screens/place/1").await;
    browser.open("&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&gt;&lt;img src=x onerror=y&gt;").await;
    assert_eq!(browser.customer(), name);
    browser.get("/screens/place/1?at=p:%3Cscript%3E&q=%22%3E%3Cscript%3E").await;
    assert!(!browser.shows("<script"));
}

#[tokio::test]
async fn a_customers_token_sees_nothing_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let played = Played::start(dir.path()).await;
    let acme = made(&played.world, "Acme GmbH", "acme.example").await;
    let other = made(&played.world, "Secretive AG", "secretive.example").await;
    let mut browser = played.enter(&played.world.access().tenant(&acme)).await;
    assert_eq!(browser.customer(), "Acme GmbH");
    for path in [
        "/screens/place/1".to_owned(),
        "/screens/place/2".to_owned(),
        "/screens/customers".to_owned(),
        format!("/screens/place/1?at=r:organization:{other}:{other}"),
        format!("/screens/object/organization/{other}/{other}"),
        format!("/screens/settings/organization/{other}/{other}"),
        "/screens/outbox".to_owned(),
        "/sandbox/outbox".to_owned(),
    ] {
        browser.get(&path).await;
        assert!(!browser.shows("ecretive"), "{path}: {}", browser.page);
    }
    browser.get("/screens/place/1").await;
    assert!(browser.shows(">Acme GmbH</a>"));
    browser.press("Create Organization", None, &[]).await;
    browser.press("Next", None, &[("Company name", "Mine")]).await;
    browser.press("Finish", None, &[("E-mail domain", "mine.example")]).await;
    assert!(browser.shows("only the MSP makes customers"), "{}", browser.page);
}

#[tokio::test]
async fn a_sandbox_that_is_started_again_has_what_was_done() {
    let dir = tempfile::tempdir().unwrap();
    let played = Played::start(dir.path()).await;
    let acme = made(&played.world, "Acme GmbH", "acme.example").await;
    let operator = played.addresses.operator.clone();
    played.end().await;
    let played = Played::start(dir.path()).await;
    assert_eq!(played.addresses.operator, operator, "tokens hold");
    let tokens = vec![("acme-gmbh".to_owned(), played.world.access().tenant(&acme))];
    assert_eq!(played.addresses.tenants, tokens);
    let mut browser = played.operator().await;
    browser.get("/screens/place/1").await;
    assert!(browser.shows(">Acme GmbH</a>"));
}
