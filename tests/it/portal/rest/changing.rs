//! A list that somebody changes while it is read is read again; one that merely counts wrongly is not.

use serde_json::{Value as Json, json};
use tenantry::model::{Completeness, Kind};

use super::super::kit::tenant_key;
use super::reader;
use super::server::{Asked, Server, ok, status};

const API: &str = r#"
http: {paging: {style: cursor, parameter: after, next: response.body.next, total: response.body.total}}
kinds:
  Organization:
    read: listed
    http: {lists: {all: {within: portal, path: /orgs, items: response.body.data}}, item: {id: item.id, key: item.id}}
  Domain:
    read: listed
    keyScope: portal
    http:
      lists: {all: {within: portal, path: /domains, items: response.body.data, tenant: item.org}}
      item: {id: item.name, key: item.name, fields: {domain: item.name}}
"#;

/// Reads two pages of domains, of which the n-th time round each says another total; how it ended, and how often each page was asked for.
async fn read(totals: &'static [(u64, u64)]) -> (Completeness, usize, usize, usize) {
    let page = |items: Json, next: Json, total: u64| ok(json!({"data": items, "next": next, "total": total}));
    let firsts = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |asked: &Asked| {
        let round = |n: usize| totals[n.min(totals.len()) - 1];
        let order = std::sync::atomic::Ordering::SeqCst;
        match asked.line.as_str() {
            "GET /orgs" => page(json!([{"id": "acme"}]), Json::Null, 1),
            "GET /domains" => {
                let n = firsts.fetch_add(1, order) + 1;
                page(json!([{"name": "a.example", "org": "acme"}]), json!("a"), round(n).0)
            }
            "GET /domains?after=a" => page(json!([{"name": "b.example", "org": "acme"}]), Json::Null, round(firsts.load(order)).1),
            _ => status(500, json!({"message": asked.line})),
        }
    })
    .await;
    let live = reader(&server.url, API).read(&[tenant_key("acme")]).await.unwrap().remove(0);
    let lines = server.lines();
    let count = |line: &str| lines.iter().filter(|l| *l == line).count();
    let read = live.objects(Kind::Domain).len();
    (live.collections[&Kind::Domain].completeness.clone(), read, count("GET /domains"), count("GET /domains?after=a"))
}

#[tokio::test]
async fn a_list_that_changes_between_its_pages_is_read_again_from_its_start() {
    assert_eq!(read(&[(2, 2)]).await, (Completeness::Complete, 2, 1, 1), "one that holds still is read once");
    assert_eq!(read(&[(3, 2), (2, 2)]).await, (Completeness::Complete, 2, 2, 2), "what was read before counts no more");
    assert_eq!(read(&[(3, 2), (1, 2), (4, 2), (2, 2)]).await, (Completeness::Complete, 2, 4, 4));
}

#[tokio::test]
async fn a_list_that_never_holds_still_is_incomplete_in_the_end() {
    let (completeness, _, firsts, seconds) = read(&[(3, 2)]).await;
    assert!(matches!(&completeness, Completeness::Incomplete { why } if why.contains("said 3 items, and then 2")), "{completeness:?}");
    assert_eq!((firsts, seconds), (4, 4), "once, and three times more");
}

#[tokio::test]
async fn a_total_that_is_merely_wrong_is_not_asked_for_again() {
    let (completeness, _, firsts, seconds) = read(&[(3, 3), (2, 2)]).await;
    assert!(matches!(&completeness, Completeness::Incomplete { why } if why.contains("says 3 items and gave 2")), "{completeness:?}");
    assert_eq!((firsts, seconds), (1, 1));
}

#[tokio::test]
async fn a_list_that_was_there_a_moment_ago_and_is_not_found_when_it_is_read_again_is_not_empty() {
    let firsts = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |asked: &Asked| match asked.line.as_str() {
        "GET /orgs" => ok(json!({"data": [{"id": "acme"}], "total": 1})),
        "GET /domains" if firsts.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 => {
            ok(json!({"data": [{"name": "a.example", "org": "acme"}], "next": "a", "total": 3}))
        }
        "GET /domains?after=a" => ok(json!({"data": [{"name": "b.example", "org": "acme"}], "total": 2})),
        _ => status(404, json!({"message": asked.line})),
    })
    .await;
    let api = API.replace("tenant: item.org}", "tenant: item.org, absentIsEmpty: true}");
    let live = reader(&server.url, &api).read(&[tenant_key("acme")]).await.unwrap().remove(0);
    assert_eq!(server.lines().iter().filter(|l| *l == "GET /domains").count(), 2);
    let completeness = &live.collections[&Kind::Domain].completeness;
    assert!(matches!(completeness, Completeness::Incomplete { why } if why.contains("404")), "{completeness:?}");
}
