//! Portals whose answers are meant to do harm, or are merely broken: nothing of them is taken for what it is not, and nothing leaves its place.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tenantry::model::Kind;
use tenantry::portal::{Call, CallError};

use super::super::kit::{create, perform, tenant_key};
use super::perform::{API as WRITES, changing};
use super::read::{API, good, page, why};
use super::server::{Answer, Server, ok, status};
use super::{reader, writer};

const MEMBERS: &str = "GET /v1/customers/c1/members";

/// What is said of the users of a customer whose members the portal lists so.
async fn members(answer: Answer) -> Result<Vec<String>, String> {
    let server = Server::start(move |asked| if asked.line.starts_with(MEMBERS) { answer.clone() } else { good(asked) }).await;
    let live = reader(&server.url, API).read(&[tenant_key("acme")]).await.unwrap().remove(0);
    let collection = &live.collections[&Kind::User];
    if live.is_complete(Kind::User) {
        Ok(collection.objects.iter().map(|o| o.id.to_string()).collect())
    } else {
        Err(why(collection).to_owned())
    }
}

#[tokio::test]
async fn an_id_is_a_short_text_or_a_whole_number_and_nothing_else() {
    let one = |id: Json| page(json!([{"id": id, "mail": "a@acme.example"}]), Json::Null);
    for id in [json!(7), json!("7"), json!("../../etc"), json!("x".repeat(500))] {
        let told = members(one(id.clone())).await;
        assert!(
            told.as_ref().is_ok_and(|ids| ids.len() == 2 && ids.iter().any(|i| Some(i.as_str()) == id.as_str() || i == "7")),
            "{id}: {told:?}"
        );
    }
    let bad = [
        json!(1.5),
        json!(1e30),
        json!(""),
        json!(true),
        json!({}),
        json!(["a"]),
        Json::Null,
        json!("x".repeat(501)),
        json!("a\u{0}b"),
        json!("a\u{1b}[2Jb"),
        json!("a\nb"),
    ];
    for id in bad {
        let told = members(one(id.clone())).await;
        assert!(told.as_ref().is_err_and(|why| why.contains("has no id")), "{id}: {told:?}");
    }
    for key in ["", "a\u{1b}[31m@acme.example", "a\u{0}@acme.example"] {
        let told = members(page(json!([{"id": "m1", "mail": key}]), Json::Null)).await;
        assert!(told.as_ref().is_err_and(|why| why.contains("no natural key")), "{key:?}: {told:?}");
    }
}

#[tokio::test]
async fn a_list_that_is_none_is_no_empty_list() {
    let deep = (0..200).fold(json!([]), |inner, _| json!([inner]));
    for (answer, says) in [
        (ok(json!({"error": {"message": "you may not"}})), "there is nothing where `items` looks"),
        (ok(json!({"data": null})), "`items`"),
        (ok(Json::Null), "`items`"),
        (ok(json!("nothing")), "`items`"),
        (status(204, Json::Null), "`items`"),
        (status(202, json!({})), "there is nothing where `items` looks"),
        (ok(json!({"data": deep})), "JSON that is broken in line 1"),
        (page(json!([1, "two", null]), Json::Null), "has no id"),
        (page(json!([{"id": "m1", "mail": "a@acme.example"}]), json!({"page": 2})), "neither a text nor a number"),
        (page(json!([{"id": "m1", "mail": "a@acme.example"}]), json!("\u{1b}]0;x\u{7}")), "again"),
    ] {
        let told = members(answer).await;
        let why = told.as_ref().err().cloned().unwrap_or_default();
        assert!(why.contains(says) && !why.contains('\u{1b}'), "{says}: {told:?}");
    }
}

#[tokio::test]
async fn a_customers_id_stays_one_segment_of_a_path_or_is_not_asked_with() {
    for (id, asked) in [
        ("a/../b", Some("GET /v1/customers/a%2F..%2Fb/members?size=2")),
        ("a?b#c", Some("GET /v1/customers/a%3Fb%23c/members?size=2")),
        ("..", None),
        // Some servers take it for the same once it is decoded.
        ("%2e%2e", None),
        (".", None),
    ] {
        let answer = page(json!([{"id": id, "name": "Acme"}]), Json::Null);
        let server = Server::start(
            move |asked| if asked.line.starts_with("GET /v1/customers?") { answer.clone() } else { page(json!([]), Json::Null) },
        )
        .await;
        let live = reader(&server.url, API).read(&[tenant_key("acme")]).await.unwrap().remove(0);
        let lines: Vec<_> = server.lines().into_iter().filter(|line| line.contains("members")).collect();
        assert_eq!(lines, asked.into_iter().collect::<Vec<_>>(), "{id}");
        assert_eq!(live.is_complete(Kind::User), asked.is_some(), "{id}: what could not be asked for is not known to be empty");
    }
}

fn renamed() -> Call {
    changing("acme/organization/acme", json!({"displayName": "Old"}), json!({"displayName": "New"}))
}

#[tokio::test]
async fn a_write_is_meant_for_one_version_or_not_sent() {
    for (etag, sent) in [
        ("\"7\"", true),
        ("W/\"7\"", true),
        ("7", true),
        ("\"\"", true),
        ("", false),
        ("*", false),
        ("W/*", false),
        ("\"", false),
        ("\"a\", \"b\"", false),
        ("a, b", false),
    ] {
        let server = Server::start(move |asked| match asked.line.as_str() {
            "GET /orgs/id-1" => (200, vec![("etag", etag.to_owned())], json!({})),
            _ => ok(json!({})),
        })
        .await;
        let answer = perform(&writer(&server.url, WRITES), renamed()).await;
        let matched: Vec<_> = server.asked().iter().filter_map(|a| a.header("if-match").map(str::to_owned)).collect();
        assert_eq!(matched, if sent { vec![etag.to_owned()] } else { vec![] }, "{etag}");
        let refused = matches!(&answer, Err(CallError::Refused(why)) if why.contains("no ETag that names one version"));
        assert_eq!((answer.is_ok(), refused), (sent, !sent), "{etag}: {answer:?}");
    }
}

#[tokio::test]
async fn an_answer_to_a_creation_without_an_id_leaves_its_outcome_unknown() {
    let location = |to: &str| vec![("location", to.to_owned())];
    for answer in [
        (204, vec![], Json::Null),
        ok(json!({"error": "no"})),
        ok(Json::Null),
        (201, location("//elsewhere.example/orgs/1"), json!({})),
        (201, location("/orgs/%00"), json!({})),
        (201, location("/orgs/%1B%5B2J"), json!({})),
        (201, location("/"), json!({})),
        (201, location("http://["), json!({})),
    ] {
        let shown = format!("{answer:?}");
        let server = Server::start(move |_| answer.clone()).await;
        let made = perform(&writer(&server.url, WRITES), create("acme/organization/acme", json!({"displayName": "Acme"}))).await;
        assert!(matches!(made, Err(CallError::Uncertain(_))), "{shown}: {made:?}");
        assert_eq!(server.asked().len(), 1, "{shown}");
    }
}

#[tokio::test]
async fn a_write_that_is_told_to_wait_says_so_and_does_not_wait() {
    for (wait, after) in [("1000000", Some(86_400)), ("-5", None), ("soon", None), ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0))] {
        let server = Server::start(move |_| (429, vec![("retry-after", wait.to_owned())], json!({}))).await;
        let create = create("acme/organization/acme", json!({"displayName": "Acme"}));
        let answer = tokio::time::timeout(Duration::from_secs(5), perform(&writer(&server.url, WRITES), create)).await.unwrap();
        let Err(CallError::Retry { after: told, .. }) = answer else { panic!("{wait}: {answer:?}") };
        assert_eq!(told, after.map(Duration::from_secs), "{wait}");
    }
}

#[tokio::test]
async fn what_a_portal_says_is_one_short_line_without_a_trick() {
    let message = format!("\u{1b}[2Jno\u{202e}\n\u{0}{}", "x".repeat(10_000));
    let server = Server::start(move |_| status(422, json!({"message": message}))).await;
    let answer = perform(&writer(&server.url, WRITES), create("acme/organization/acme", json!({"displayName": "Acme"}))).await;
    let Err(CallError::Refused(why)) = answer else { panic!("{answer:?}") };
    assert!(why.chars().count() < 300 && !why.chars().any(|c| c.is_control() || c == '\u{202e}'), "{why:?}");
}
