//! What answers mean: success, or an error sorted by what the caller does, with a short message that shows nothing it must not.

use secrecy::SecretString;
use tenantry::portal::profile::http::connection::Method;
use tenantry::portal::profile::http::connection::compiled::{Auth, ErrorRule, Errors, Meaning};
use tenantry::portal::rest::transport::{Answer, MAX_BODY, Request, SendError};
use tenantry::portal::{CallError, PortalError};

use super::kit::{Reply, Server, connection, expression, get, json, key, open, secret};

/// What a `DELETE` brings that is answered so.
async fn deleted(errors: fn() -> Errors, answer: fn() -> Reply) -> Result<u16, SendError> {
    let server = Server::start(move |_, _| answer()).await;
    let mut connection = connection(key());
    connection.errors = errors();
    let client = open(&server.spec(), connection).unwrap();
    let outcome = client.send(&Request::new(Method::Delete, "users/7")).await;
    assert_eq!(server.seen().len(), 1, "a write is sent once");
    outcome.map(|response| response.status())
}

/// What an error says of a body.
async fn said(answer: fn() -> Reply) -> String {
    match deleted(Errors::default, answer).await.unwrap_err() {
        SendError::Refused(answer) => answer.message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_status_is_sorted_by_what_the_caller_does() {
    macro_rules! check {
        ($($status:literal => $meaning:pat),* $(,)?) => {$(
            let error = deleted(Errors::default, || json($status, r#"{"message": "no"}"#)).await.unwrap_err();
            assert!(matches!(&error, $meaning), "{}: {error:?}", $status);
        )*};
    }
    check! {
        400 => SendError::Refused(_), 401 => SendError::Denied(_), 403 => SendError::Denied(_), 404 => SendError::Gone(_),
        408 => SendError::Unclear(_), 409 => SendError::Conflict(_), 410 => SendError::Gone(_), 422 => SendError::Refused(_),
        429 => SendError::Throttled { .. }, 500 => SendError::Unclear(_), 502 => SendError::Unclear(_), 503 => SendError::Unclear(_),
        // A redirect after a write may be its success.
        303 => SendError::Unclear(_),
    }
    assert_eq!(deleted(Errors::default, || json(204, "")).await, Ok(204));
}

#[tokio::test]
async fn the_profile_says_otherwise() {
    fn errors() -> Errors {
        let rule = |meaning, status: &[u16], when: Option<&str>| ErrorRule { meaning, status: status.to_vec(), when: when.map(expression) };
        Errors {
            rules: vec![
                rule(Meaning::Conflict, &[400], Some("response.body.code == 'EXISTS'")),
                rule(Meaning::Transient, &[423], None),
                rule(Meaning::Gone, &[200], Some("response.body.ok == false")),
                rule(Meaning::Throttled, &[], Some("response.headers['x-busy'] == 'yes'")),
            ],
            message: Some(expression("response.body.reason")),
        }
    }
    let message = |error: SendError| error.to_string();
    let conflict = deleted(errors, || json(400, r#"{"code": "EXISTS", "reason": "taken"}"#)).await.unwrap_err();
    assert!(matches!(&conflict, SendError::Conflict(answer) if answer.body["code"] == "EXISTS"));
    assert_eq!(message(conflict), "the portal answers with 400: taken");
    // An expression without a value does not hold, and an absent message falls back.
    let refused = deleted(errors, || json(400, r#"{"detail": "wrong"}"#)).await.unwrap_err();
    assert!(matches!(refused, SendError::Refused(_)));
    assert_eq!(message(refused), "the portal answers with 400: wrong");
    assert!(matches!(deleted(errors, || json(423, "{}")).await, Err(SendError::Transient(_))));
    assert!(matches!(deleted(errors, || json(200, r#"{"ok": false}"#)).await, Err(SendError::Gone(_))));
    assert_eq!(deleted(errors, || json(200, r#"{"ok": true}"#)).await, Ok(200));
    assert!(matches!(deleted(errors, || json(418, "{}").with("x-busy", "yes")).await, Err(SendError::Throttled { .. })));
}

#[tokio::test]
async fn a_message_is_short_and_clean() {
    assert_eq!(said(|| json(400, r#"{"message": "name is taken", "code": "E7"}"#)).await, "name is taken (E7)");
    assert_eq!(said(|| json(400, r#"{"error": {"message": "no", "code": "E7"}}"#)).await, "no (E7)");
    assert_eq!(said(|| json(400, r#"{"error": "invalid_client", "error_description": "gone"}"#)).await, "gone (invalid_client)");
    assert_eq!(said(|| json(400, r#"{"errors": [{"detail": "first"}, {"detail": "second"}]}"#)).await, "first");
    assert_eq!(said(|| json(400, r#"{"people": ["anna@acme.example"]}"#)).await, "");
    assert_eq!(said(|| json(400, "{\"message\": \"red \\u001b[31m\\r\\nline\\u202eback\"}")).await, "red [31m lineback");
    assert_eq!(said(|| Reply(400, vec![("content-type", "text/plain".into())], b"plain  words\0".to_vec())).await, "plain words");
    assert_eq!(said(|| Reply(400, vec![("content-type", "text/html".into())], b"<h1>Bad</h1>".to_vec())).await, "a page of HTML");
    assert_eq!(said(|| Reply(400, vec![], b" <!DOCTYPE html><p>x".to_vec())).await, "a page of HTML");
    assert_eq!(said(|| Reply(400, vec![], vec![0xff, 0xfe])).await, "");
    let long = said(|| json(400, &format!(r#"{{"message": "{}"}}"#, "ü".repeat(5000)))).await;
    assert_eq!((long.chars().count(), long.chars().last()), (200, Some('…')));
}

#[tokio::test]
async fn a_secret_that_the_server_sends_back_is_not_shown() {
    for encoded in [
        |s: &str| s.to_owned(),
        |s: &str| serde_json::to_string(s).unwrap(),
        |s: &str| tenantry::portal::rest::transport::segment(s).unwrap(),
    ] {
        let server = Server::start(move |seen, _| {
            let password: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
            let echoed = format!("{} {}", encoded(seen.header("x-api-key")), encoded(password["pw"].as_str().unwrap()));
            json(400, &serde_json::json!({"message": format!("bad: {echoed}"), "input": {echoed.clone(): [echoed]}}).to_string())
        })
        .await;
        let content = tenantry::portal::rest::transport::Content::Json(serde_json::json!({"pw": "<pw>"}));
        let request = Request::new(Method::Post, "x").content(content).secret("<pw>", SecretString::from("p\"w/1"));
        let Err(SendError::Refused(answer)) = server.client(key()).send(&request).await else { panic!("not refused") };
        let Answer { message, body, .. } = &*answer;
        for hidden in [secret("KEY").as_str(), "p\"w/1", "p%22w%2F1", "p\\\"w/1", "secret-of-KEY"] {
            assert!(!message.contains(hidden) && !body.to_string().contains(hidden), "{hidden}: {message} {body}");
        }
        assert!(message.starts_with("bad: ") && message.contains("(sensitive)"), "{message}");
        assert!(!format!("{answer:?}").contains("input"), "a body is in no log");
    }
}

#[tokio::test]
async fn a_basic_credential_is_masked_in_both_forms() {
    let server = Server::start(|seen, _| {
        json(400, &serde_json::json!({"message": format!("{} is {}", seen.header("authorization"), secret("PASSWORD"))}).to_string())
    })
    .await;
    let error = get(&server.client(Auth::Basic { user: "user".into(), password: "password".into() }), "x").await.unwrap_err();
    assert_eq!(error.to_string(), "the portal answers with 400: Basic (sensitive) is (sensitive)");
}

#[tokio::test]
async fn an_answer_that_is_no_answer_of_an_api_is_an_error_that_says_so() {
    let check = async |answer: fn() -> Reply, says: &str| {
        let server = Server::start(move |_, _| answer()).await;
        let error = get(&server.client(key()), "users").await.unwrap_err();
        assert!(matches!(&error, SendError::Garbled(why) if why.contains(says)), "{says}: {error:?}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert_eq!(server.seen().len(), 1, "it would be the same again");
    };
    check(|| Reply(200, vec![("content-type", "text/html; charset=utf-8".into())], b"<p>hunter2".to_vec()), "a proxy or a sign-in page")
        .await;
    check(|| json(200, "<html>hunter2"), "a page of HTML").await;
    check(|| Reply(200, vec![("content-type", "text/plain".into())], b"{}".to_vec()), "`text/plain` in place of JSON").await;
    check(|| json(200, "{\"a\": hunter2"), "broken in line 1, column 7").await;
    check(|| json(200, ""), "nothing where data was expected").await;
    check(|| Reply(200, vec![("content-type", "application/json".into())], b"{\"a\": \"\xff\"}".to_vec()), "not UTF-8").await;
    check(|| json(200, &"x".repeat(MAX_BODY + 1)), "more than 16 MB").await;
    check(|| json(200, "{}").with("x-large", "x".repeat(80 << 10)), "more than 64 KB").await;
}

#[tokio::test]
async fn json_goes_by_several_names() {
    for kind in ["application/json; charset=utf-8", "application/hal+json", "text/json", ""] {
        let server = Server::start(move |_, _| {
            Reply(200, vec![("content-type", kind.into())].into_iter().filter(|_| !kind.is_empty()).collect(), "\u{feff}[1]".into())
        })
        .await;
        assert_eq!(get(&server.client(key()), "x").await.unwrap().body(), &serde_json::json!([1]), "{kind}");
    }
}

#[tokio::test]
async fn a_write_may_be_answered_with_words_and_not_with_html() {
    let check = async |kind: &'static str, body: &'static str| {
        let server = Server::start(move |_, _| Reply(200, vec![("content-type", kind.into())], body.into())).await;
        server.client(key()).send(&Request::new(Method::Post, "x")).await.map(|response| response.body().clone())
    };
    assert_eq!(check("text/plain", "done").await, Ok(serde_json::Value::Null));
    assert_eq!(check("application/json", r#"{"id": 1}"#).await, Ok(serde_json::json!({"id": 1})));
    assert!(matches!(check("text/html", "<p>Sign in").await, Err(SendError::Garbled(_))));
}

#[tokio::test]
async fn expressions_see_status_headers_and_body() {
    let server = Server::start(|_, _| json(201, r#"{"a": 1}"#).with("X-Subject-Token", "t")).await;
    let response = get(&server.client(key()), "x").await.unwrap();
    assert_eq!(response.header("x-subject-token"), Some("t"));
    let json = response.json();
    assert_eq!((&json["status"], &json["headers"]["x-subject-token"], &json["body"]["a"]), (&201.into(), &"t".into(), &1.into()));
    assert!(!format!("{response:?}").contains("token"));
}

#[test]
fn an_error_tells_plan_and_apply_what_to_do() {
    let answer = || Box::new(Answer { status: 400, message: "no".into(), body: serde_json::Value::Null });
    let call = |error: SendError| CallError::from(error);
    assert!(matches!(call(SendError::NotSent("x".into())), CallError::Retry { after: None, .. }));
    assert!(matches!(call(SendError::Transient(answer())), CallError::Retry { .. }));
    assert!(matches!(call(SendError::NoAnswer("x".into())), CallError::Uncertain(_)));
    assert!(matches!(call(SendError::Garbled("x".into())), CallError::Uncertain(_)));
    assert!(matches!(call(SendError::Unclear(answer())), CallError::Uncertain(_)));
    assert!(matches!(call(SendError::Denied(answer())), CallError::Denied(_)));
    assert!(matches!(call(SendError::Conflict(answer())), CallError::Refused(_)));
    assert!(matches!(call(SendError::Unsendable("x".into())), CallError::Refused(_)));
    assert!(matches!(PortalError::from(SendError::Denied(answer())), PortalError::Denied(_)));
    assert!(matches!(PortalError::from(SendError::Refused(answer())), PortalError::Unavailable(_)));
}
