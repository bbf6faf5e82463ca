//! Where requests go: to the endpoint, below it, and nowhere else.

use secrecy::SecretString;
use serde_json::json;
use tenantry::portal::PortalError;
use tenantry::portal::profile::http::connection::Method;
use tenantry::portal::profile::http::connection::compiled::{Auth, Inside};
use tenantry::portal::rest::transport::{Base, Content, Request, SendError, segment};
use url::Url;

use super::kit::{Server, connection, get, json as reply, key, open, secret, spec};

fn endpoint(text: &str) -> Result<String, String> {
    Base::new(Some(text)).map(|base| base.origin()).map_err(|e| e.to_string())
}

#[test]
fn an_endpoint_is_https_or_on_this_machine() {
    for good in
        ["https://portal.example", "https://portal.example:8443/api/v1", "http://localhost:1", "http://127.8.9.1:1/x", "http://[::1]:1"]
    {
        assert!(good.starts_with(&endpoint(good).unwrap()), "{good}");
    }
    let refused = |text: &str, says: &str| {
        let why = endpoint(text).unwrap_err();
        assert!(why.contains(says), "{text}: {why}");
        assert!(!why.contains("hunter2"), "{why}");
    };
    refused("http://portal.example", "write https://");
    refused("http://127.0.0.1.portal.example", "write https://");
    refused("http://localhost.portal.example", "write https://");
    refused("http://10.0.0.1", "write https://");
    refused("https://anna:hunter2@portal.example", "spec.credentials");
    refused("https://hunter2@portal.example", "spec.credentials");
    refused("https://portal.example/?key=hunter2", "has a query");
    refused("file:///etc/passwd", "only https://");
    refused("portal.example", "is no URL");
    let missing = Base::new(None).unwrap_err();
    assert!(matches!(missing, PortalError::Misconfigured(why) if why.contains("is missing")));
}

#[test]
fn a_path_stays_below_the_endpoint() {
    let base = Base::new(Some("https://portal.example/api/")).unwrap();
    let check =
        |path: &str, expected: &str| assert_eq!(base.join(path).unwrap().as_str(), format!("https://portal.example/{expected}"), "{path}");
    check("users", "api/users");
    check("/users/7", "api/users/7");
    check("users/", "api/users/");
    check("", "api/");
    check("users/a%2Fb", "api/users/a%2Fb");
    check("//evil.example/x".trim_start_matches('/'), "api/evil.example/x");
    for path in [
        "../admin",
        "users/..",
        "users/./x",
        "users/%2e%2e/x",
        "users/.%2E",
        "users//x",
        "//evil.example",
        "a\\..\\b",
        "x?y=1",
        "x#y",
        "x\ny",
        "a b",
    ] {
        base.join(path).expect_err(path);
    }
}

#[test]
fn a_value_in_a_path_is_one_segment_whatever_it_is() {
    let base = Base::new(Some("https://portal.example/api")).unwrap();
    for value in ["a/b", "a%2Fb", "50%", "x?y#z", "ü\u{7}\n", "anna@acme.example", "...", ";=&+,$:", "\\", "a..b"] {
        let url = base.join(&format!("users/{}/keys", segment(value).unwrap())).unwrap();
        let segments: Vec<_> = url.path_segments().unwrap().collect();
        assert_eq!(segments.len(), 4, "{value:?}: {url}");
        // As a server reads it back.
        let back = url::form_urlencoded::parse(format!("x={}", segments[2]).as_bytes()).next().unwrap().1.into_owned();
        assert_eq!(back, value);
    }
    // What URLs read as a step up, however it is written, and whoever decodes it twice.
    for value in ["", ".", "..", "%2e%2e", ".%2E"] {
        segment(value).expect_err(value);
    }
}

#[test]
fn an_address_that_the_server_names_is_at_the_endpoints_origin() {
    let base = Base::new(Some("https://portal.example/api")).unwrap();
    let at = Url::parse("https://portal.example/api/users?page=1").unwrap();
    let named = |address: &str| base.named(&at, address).map(String::from).map_err(|e| e.to_string());
    assert_eq!(named("?page=2").unwrap(), "https://portal.example/api/users?page=2");
    assert_eq!(named("/api/users/7").unwrap(), "https://portal.example/api/users/7");
    assert_eq!(named("https://portal.example:443/api/x").unwrap(), "https://portal.example/api/x");
    for address in [
        "https://evil.example/api",
        "//evil.example/api",
        "http://portal.example/api",
        "https://portal.example:444/api",
        "https://x@portal.example/",
        "https://portal.example.evil.example/",
        "javascript:alert(1)",
        "https://[",
    ] {
        named(address).expect_err(address);
    }
    assert_eq!(
        named("https://evil.example/api?t=hunter2").unwrap_err(),
        "the server names an address at https://evil.example, which is not https://portal.example"
    );
}

#[tokio::test]
async fn a_request_is_sent_as_described() {
    let server = Server::start(|_, _| reply(200, r#"{"id": 7}"#)).await;
    let mut connection = connection(key());
    connection.base = "/v3".into();
    connection.headers = vec![("X-Version".into(), "2".into()), ("X-Kind".into(), "common".into())];
    connection.inside = Some(Inside::Header("X-Tenant".into()));
    let client = open(&server.spec(), connection).unwrap();
    let request = Request::new(Method::Post, format!("/users/{}", segment("a/b").unwrap()))
        .query("notify", "no & never")
        .query("role", "a")
        .query("role", "b")
        .header("X-Kind", "own")
        .header("Idempotency-Key", "7f")
        .inside("acme")
        .secret("<pw>", SecretString::from("s3cret"))
        .content(Content::Json(json!({"name": "Anna", "login": {"password": "<pw>"}})));
    let response = client.send(&request).await.unwrap();
    assert_eq!((response.status(), response.body()["id"].as_i64()), (200, Some(7)));

    let seen = server.seen().remove(0);
    assert_eq!(seen.line(), "POST /v3/users/a%2Fb?notify=no+%26+never&role=a&role=b");
    assert_eq!(seen.body, r#"{"login":{"password":"s3cret"},"name":"Anna"}"#);
    let expected = [
        ("x-version", "2"),
        ("x-kind", "own"),
        ("x-tenant", "acme"),
        ("idempotency-key", "7f"),
        ("x-api-key", &secret("KEY")),
        ("user-agent", concat!("tenantry/", env!("CARGO_PKG_VERSION"))),
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("accept-encoding", ""),
    ];
    for (name, value) in expected {
        assert_eq!(seen.header(name), value, "{name}");
    }
    assert!(!format!("{request:?}").contains("Anna"));
}

#[tokio::test]
async fn a_form_and_a_tenant_in_the_query_are_sent_as_described() {
    let server = Server::start(|_, _| reply(204, "")).await;
    let mut connection = connection(Auth::None);
    connection.inside = Some(Inside::Query("tenant".into()));
    let client = open(&server.spec(), connection).unwrap();
    let form = Content::Form(vec![("email".into(), "a+b@acme.example".into()), ("pw".into(), "<pw>".into())]);
    let request = Request::new(Method::Put, "invite").inside("ac&me").content(form).secret("<pw>", SecretString::from("s&t"));
    assert!(client.send(&request).await.unwrap().body().is_null());
    let seen = server.seen().remove(0);
    assert_eq!((seen.line().as_str(), seen.body.as_str()), ("PUT /invite?tenant=ac%26me", "email=a%2Bb%40acme.example&pw=s%26t"));
    assert_eq!(seen.header("x-api-key"), "", "nobody signs in");
}

#[tokio::test]
async fn what_cannot_be_sent_is_not() {
    let server = Server::start(|_, _| reply(200, "{}")).await;
    let client = server.client(key());
    let header = Request::get("x").header("X-Note", "a\r\nX-Admin: yes");
    let outside = Request::get("x").inside("acme");
    for request in [header, outside, Request::get("../x"), Request::get("x").header("no name", "x")] {
        let error = client.send(&request).await.unwrap_err();
        assert!(matches!(error, SendError::Unsendable(_)), "{error:?}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_credential_that_is_missing_is_found_when_the_portal_is_opened() {
    let header = |credential: &str| Auth::Header { name: "X-Key".into(), credential: credential.into(), prefix: String::new() };
    let check = |credential: &str| open(&spec("https://portal.example"), connection(header(credential))).err().unwrap();
    assert_eq!(
        check("token").to_string(),
        "the profile signs in with the credential `token`, which the Portal acme-portal does not have: add spec.credentials.token"
    );
    let denied = check("missing");
    assert!(matches!(&denied, PortalError::Denied(why) if why.contains("`missing`")), "{denied}");
    let gone = check("gone");
    assert!(matches!(&gone, PortalError::NoCredential(why) if why.contains("`gone`")), "{gone}");
}

#[tokio::test]
async fn the_profiles_endpoint_serves_where_the_portal_names_none() {
    let server = Server::start(|_, _| reply(200, "[]")).await;
    let mut spec = server.spec();
    let mut connection = connection(key());
    connection.endpoint = spec.endpoint.take();
    assert_eq!(get(&open(&spec, connection).unwrap(), "users").await.unwrap().status(), 200);
}
