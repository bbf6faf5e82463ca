//! Redirects: within the endpoint's origin, for reads, a few. Elsewhere nothing goes, least of all a credential.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tenantry::portal::profile::http::connection::Method;
use tenantry::portal::rest::transport::{Request, SendError};

use super::kit::{Server, get, json, key, secret};

#[tokio::test]
async fn a_read_follows_a_redirect_within_the_origin() {
    for status in [301, 302, 303, 307, 308] {
        let server = Server::start(move |seen, _| match seen.target.as_str() {
            "/users?x=1" => json(status, "").with("location", "/v2/users?y=2"),
            _ => json(200, "[]"),
        })
        .await;
        get_query(&server).await.unwrap();
        assert_eq!(server.lines(), ["GET /users?x=1", "GET /v2/users?y=2"]);
        assert_eq!(server.seen()[1].header("x-api-key"), secret("KEY"), "the same origin gets the credential");
    }
}

async fn get_query(server: &Server) -> Result<u16, SendError> {
    server.client(key()).send(&Request::get("users").query("x", "1")).await.map(|response| response.status())
}

#[tokio::test]
async fn nothing_goes_to_another_origin() {
    for status in [301, 302, 307, 308] {
        let trapped = Arc::new(AtomicBool::new(false));
        let caught = Arc::clone(&trapped);
        let trap = Server::start(move |_, _| {
            caught.store(true, Ordering::SeqCst);
            json(200, "[]")
        })
        .await;
        let elsewhere = trap.url("/users?token=t");
        let server = Server::start(move |_, _| json(status, "").with("location", elsewhere.clone())).await;
        let error = get(&server.client(key()), "users").await.unwrap_err();
        assert!(
            matches!(&error, SendError::Garbled(why) if why.contains("redirect is not followed") && !why.contains("token")),
            "{error:?}"
        );
        assert!(!trapped.load(Ordering::SeqCst), "{:?}", trap.seen());
    }
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let server = Server::start(|_, number| json(302, "").with("location", format!("/{number}"))).await;
    let error = get(&server.client(key()), "users").await.unwrap_err();
    assert!(error.to_string().contains("more than 5 times"), "{error}");
    assert_eq!(server.seen().len(), 6);
}

#[tokio::test]
async fn a_write_follows_none() {
    for status in [302, 307] {
        let server = Server::start(move |_, _| json(status, "").with("location", "/elsewhere")).await;
        let error = server.client(key()).send(&Request::new(Method::Post, "users")).await.unwrap_err();
        assert!(matches!(error, SendError::Unclear(_)), "{error:?}");
        assert_eq!(server.lines(), ["POST /users"]);
    }
}
