//! How requests sign in: with the `Portal`'s credentials, with one token for many calls, and with nothing shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json as value;
use tenantry::portal::PortalError;
use tenantry::portal::profile::http::connection::Method;
use tenantry::portal::profile::http::connection::compiled::{Auth, Login, LoginContent};
use tenantry::portal::profile::http::tree::Tree;
use tenantry::portal::profile::template::Template;
use tenantry::portal::rest::transport::{Request, SendError};

use super::kit::{Reply, Seen, Server, connection, expression, get, json, open, secret, spec};

fn client_credentials(secret_in_form: bool) -> Auth {
    Auth::ClientCredentials {
        token_path: "/oauth/token".into(),
        client_id: "user".into(),
        client_secret: "password".into(),
        form: vec![("scope".into(), "tenants".into())],
        secret_in_form,
    }
}

/// A server that gives out the tokens `t0`, `t1`, … and takes the last one alone.
fn gives_tokens(lives: &'static str, asked: &Arc<AtomicUsize>) -> impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static {
    let asked = Arc::clone(asked);
    move |seen, _| {
        if seen.target.ends_with("/token") {
            let token = asked.fetch_add(1, Ordering::SeqCst);
            return json(200, &format!(r#"{{"access_token": "t{token}", "token_type": "bearer"{lives}}}"#));
        }
        let good = format!("Bearer t{}", asked.load(Ordering::SeqCst).wrapping_sub(1));
        if seen.header("authorization") == good { json(200, "[]") } else { json(401, r#"{"error": "expired"}"#) }
    }
}

#[tokio::test]
async fn a_credential_stands_where_the_profile_says() {
    let check = async |auth: Auth, header: &str, expected: &str| {
        let server = Server::start(|_, _| json(200, "[]")).await;
        get(&server.client(auth), "users").await.unwrap();
        assert_eq!(server.seen()[0].header(header), expected);
    };
    check(
        Auth::Header { name: "X-Key".into(), credential: "key".into(), prefix: "Token ".into() },
        "x-key",
        &format!("Token {}", secret("KEY")),
    )
    .await;
    check(
        Auth::Header { name: "Authorization".into(), credential: "key".into(), prefix: "Bearer ".into() },
        "authorization",
        &format!("Bearer {}", secret("KEY")),
    )
    .await;
    // user:password in Base64.
    check(
        Auth::Basic { user: "user".into(), password: "password".into() },
        "authorization",
        "Basic c2VjcmV0LW9mLVVTRVIvKyI6c2VjcmV0LW9mLVBBU1NXT1JELysi",
    )
    .await;
}

#[tokio::test]
async fn client_credentials_bring_a_token_that_many_calls_use() {
    let asked = Arc::default();
    let server = Server::start(gives_tokens(r#", "expires_in": 3600"#, &asked)).await;
    let mut connection = connection(client_credentials(false));
    connection.base = "/api".into();
    let client = open(&server.spec(), connection).unwrap();
    for _ in 0..3 {
        get(&client, "users").await.unwrap();
    }
    assert_eq!(server.lines(), ["POST /oauth/token", "GET /api/users", "GET /api/users", "GET /api/users"]);
    let seen = server.seen().remove(0);
    assert_eq!(seen.body, "grant_type=client_credentials&scope=tenants");
    // Each encoded as in a form, then both in Base64 (RFC 6749, section 2.3.1).
    assert_eq!(seen.header("authorization"), "Basic c2VjcmV0LW9mLVVTRVIlMkYlMkIlMjI6c2VjcmV0LW9mLVBBU1NXT1JEJTJGJTJCJTIy");
}

#[tokio::test]
async fn client_credentials_may_go_into_the_form() {
    let asked = Arc::default();
    let server = Server::start(gives_tokens("", &asked)).await;
    get(&server.client(client_credentials(true)), "users").await.unwrap();
    let seen = server.seen().remove(0);
    assert_eq!(
        seen.body,
        "grant_type=client_credentials&scope=tenants&client_id=secret-of-USER%2F%2B%22&client_secret=secret-of-PASSWORD%2F%2B%22"
    );
    assert_eq!(seen.header("authorization"), "");
}

#[tokio::test]
async fn fifty_calls_whose_token_expired_make_one_refresh() {
    let asked = Arc::default();
    let server = Server::slow(Duration::from_millis(30), gives_tokens(r#", "expires_in": 3600"#, &asked)).await;
    let mut spec = server.spec();
    spec.parallelism = 50;
    let client = open(&spec, connection(client_credentials(false))).unwrap();
    get(&client, "users").await.unwrap();
    // From here on the first token is worth nothing, and only the server knows.
    asked.fetch_add(1, Ordering::SeqCst);
    let request = Request::new(Method::Post, "users");
    let answers = join_all((0..50).map(|_| client.send(&request))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(server.lines().iter().filter(|line| line.ends_with("/token")).count(), 2);
}

#[tokio::test]
async fn fifty_first_calls_sign_in_once() {
    let asked = Arc::default();
    let server = Server::slow(Duration::from_millis(30), gives_tokens("", &asked)).await;
    let client = server.client(client_credentials(false));
    let answers = join_all((0..50).map(|_| get(&client, "users"))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let asked = Arc::default();
    let server = Server::start(gives_tokens(r#", "expires_in": "1""#, &asked)).await;
    let client = server.client(client_credentials(false));
    get(&client, "users").await.unwrap();
    tokio::time::sleep(Duration::from_millis(850)).await;
    get(&client, "users").await.unwrap();
    assert_eq!(server.lines(), ["POST /oauth/token", "GET /users", "POST /oauth/token", "GET /users"], "no 401 in between");
}

#[tokio::test]
async fn a_new_token_that_is_refused_too_is_the_end() {
    let server = Server::start(|seen, _| match seen.target.as_str() {
        "/oauth/token" => json(200, r#"{"access_token": "t"}"#),
        _ => json(401, r#"{"message": "t is not for you"}"#),
    })
    .await;
    let error = get(&server.client(client_credentials(false)), "users").await.unwrap_err();
    assert!(matches!(error, SendError::Denied(_)));
    assert!(!error.to_string().contains("t is"), "the token is masked: {error}");
    assert_eq!(server.lines(), ["POST /oauth/token", "GET /users", "POST /oauth/token", "GET /users"]);
}

#[tokio::test]
async fn a_sign_in_that_is_refused_is_asked_once_by_however_many_calls_wait() {
    for (status, denied) in [(401, true), (400, true), (429, false), (500, false)] {
        let server = Server::slow(Duration::from_millis(30), move |_, _| {
            json(status, &format!(r#"{{"error": "invalid_client", "error_description": "wrong {}"}}"#, "secret-of-PASSWORD/+\\\""))
        })
        .await;
        let client = server.client(client_credentials(false));
        let request = Request::new(Method::Post, "users");
        for answer in join_all((0..20).map(|_| client.send(&request))).await {
            let error = answer.unwrap_err();
            // Nothing was sent beyond the sign-in: no write is uncertain.
            let expected = match error {
                SendError::Denied(_) => denied,
                SendError::NotSent(_) => status == 500,
                SendError::Throttled { .. } => status == 429,
                _ => false,
            };
            assert!(expected, "{status}: {error:?}");
            assert!(!error.to_string().contains("secret-of"), "{error}");
        }
        assert_eq!(server.seen().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_sign_in_without_a_token_says_so() {
    let server = Server::start(|_, _| json(200, r#"{"acces_token": "t"}"#)).await;
    let error = server.client(client_credentials(false)).send(&Request::new(Method::Post, "x")).await.unwrap_err();
    assert_eq!(error, SendError::NotSent("signing in: the answer to the sign-in has no token (`access_token`)".into()));
}

fn login(content: LoginContent, token: &str, expires: Option<&str>) -> Login {
    Login {
        method: Method::Post,
        path: "/auth/tokens".into(),
        headers: vec![("X-Client".into(), Template::compile("is ${credentials.key}", &["credentials"]).unwrap())],
        content,
        token: expression(token),
        expires: expires.map(expression),
        header: "X-Auth-Token".into(),
        prefix: String::new(),
    }
}

fn body(json: serde_json::Value) -> LoginContent {
    LoginContent::Json(Tree::compile(&json, &["credentials"]).unwrap())
}

#[tokio::test]
async fn a_described_login_brings_a_token_from_a_header() {
    let server = Server::start(|seen, number| match seen.method.as_str() {
        "POST" => json(201, r#"{"token": {"expires_at": "2999-01-01T00:00:00Z"}}"#).with("x-subject-token", format!("t{number}")),
        _ => json(200, "[]"),
    })
    .await;
    let content = body(value!({"user": "${credentials.user}", "parts": ["x-${credentials.password}"], "domain": "default"}));
    let login = login(content, "response.headers['x-subject-token']", Some("response.body.token.expires_at"));
    let client = server.client(Auth::Login(Box::new(login)));
    get(&client, "a").await.unwrap();
    get(&client, "b").await.unwrap();
    let seen = server.seen();
    assert_eq!(server.lines(), ["POST /auth/tokens", "GET /a", "GET /b"]);
    let sent: serde_json::Value = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!(sent, value!({"user": secret("USER"), "parts": [format!("x-{}", secret("PASSWORD"))], "domain": "default"}));
    assert_eq!(seen[0].header("x-client"), format!("is {}", secret("KEY")));
    assert_eq!((seen[1].header("x-auth-token"), seen[1].header("x-client")), ("t0", ""));
}

#[tokio::test]
async fn a_server_whose_clock_is_off_is_not_asked_for_a_token_by_every_call() {
    let check = async |date: &'static str, expires: &'static str, sign_ins: usize| {
        let server = Server::start(move |seen, _| match seen.method.as_str() {
            "POST" => json(201, &value!({"expires": expires}).to_string()).with("x-subject-token", "t").with("date", date),
            _ => json(200, "[]"),
        })
        .await;
        let login = login(LoginContent::None, "response.headers['x-subject-token']", Some("response.body.expires"));
        let client = server.client(Auth::Login(Box::new(login)));
        for _ in 0..3 {
            get(&client, "a").await.unwrap();
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
        assert_eq!(server.lines().iter().filter(|line| line.starts_with("POST")).count(), sign_ins, "{date} {expires}");
    };
    check("Sat, 01 Jan 2000 00:00:00 GMT", "2000-01-01T01:00:00Z", 1).await;
    check("Sat, 01 Jan 2000 00:00:00 GMT", "2000-01-01T00:00:01Z", 2).await;
    check("Sat, 01 Jan 2000 02:00:00 GMT", "2000-01-01T01:00:00Z", 1).await;
}

#[tokio::test]
async fn a_described_login_may_be_a_form_with_a_token_in_the_body() {
    let server = Server::start(|seen, number| match seen.method.as_str() {
        "POST" => json(200, &format!(r#"{{"data": {{"jwt": "t{number}", "seconds": 1}}}}"#)),
        _ => json(200, "[]"),
    })
    .await;
    let form = vec![("u".to_owned(), Template::compile("${credentials.user}", &["credentials"]).unwrap())];
    let login = login(LoginContent::Form(form), "response.body.data.jwt", Some("response.body.data.seconds"));
    let client = server.client(Auth::Login(Box::new(login)));
    get(&client, "a").await.unwrap();
    tokio::time::sleep(Duration::from_millis(850)).await;
    get(&client, "b").await.unwrap();
    assert_eq!(server.lines(), ["POST /auth/tokens", "GET /a", "POST /auth/tokens", "GET /b"], "it lives a second");
    assert_eq!(server.seen()[0].body, "u=secret-of-USER%2F%2B%22");
}

#[test]
fn a_login_reads_the_credentials_that_it_names_and_no_others() {
    let opened = |json| open(&spec("https://portal.example"), connection(Auth::Login(Box::new(login(body(json), "'t'", None)))));
    // `missing` is in the Portal and cannot be read.
    assert!(opened(value!({"a": "${credentials.user}"})).is_ok());
    assert!(matches!(opened(value!({"a": "${credentials.missing}"})).err().unwrap(), PortalError::Denied(_)));
    let error = opened(value!({"a": "${credentials.tokn}"})).err().unwrap();
    assert!(matches!(&error, PortalError::Misconfigured(why) if why.contains("spec.credentials must have")), "{error}");
}
