//! Faults on request: each does what it says, once, and is counted.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tenantry::sandbox::faults::Plan;

use super::api_kit::{Sandbox, keys};

/// A sandbox with one customer that has these roles; the path of their listing.
async fn roles(names: &[&str]) -> (Sandbox, String) {
    let sandbox = Sandbox::start().await;
    let path = format!("{}/roles", sandbox.customer("acme").await);
    for name in names {
        assert_eq!(sandbox.ask("POST", &path, json!({"key": name})).await.status, 201);
    }
    (sandbox, path)
}

/// One fault for the next request of a method.
fn next(method: &str, what: Value) -> Value {
    json!([{ "on": { "method": method }, "do": what }])
}

const NEW: [&str; 1] = ["operator"];

fn operator() -> Value {
    json!({"key": "operator"})
}

#[tokio::test]
async fn an_error_before_the_effect_leaves_nothing_and_one_after_it_leaves_exactly_one_object() {
    for status in [500, 502, 503] {
        for (when, left) in [("before", &[][..]), ("after", &NEW[..])] {
            let (sandbox, path) = roles(&[]).await;
            sandbox.faults(next("POST", json!({"kind": "error", "status": status, "when": when}))).await;
            let answer = sandbox.ask("POST", &path, operator()).await;
            assert_eq!(answer.status, status, "{when}");
            assert_eq!(sandbox.keys(&path).await, left, "{status} {when}");
            assert_eq!(sandbox.struck().await, 1);
        }
    }
}

#[tokio::test]
async fn an_error_after_the_effect_is_made_good_by_the_same_key() {
    let (sandbox, path) = roles(&[]).await;
    sandbox.faults(next("POST", json!({"kind": "error", "status": 503, "when": "after"}))).await;
    let key = ("idempotency-key", "once");
    assert_eq!(sandbox.ask_with("POST", &path, key, operator()).await.status, 503);
    assert_eq!(sandbox.ask_with("POST", &path, key, operator()).await.status, 201);
    assert_eq!(sandbox.keys(&path).await, NEW);
}

#[tokio::test]
async fn a_connection_is_cut_before_the_effect_after_it_and_in_the_middle_of_the_answer() {
    for (at, left) in [("before", &[][..]), ("after", &NEW[..]), ("body", &NEW[..])] {
        let (sandbox, path) = roles(&[]).await;
        sandbox.faults(next("POST", json!({"kind": "cut", "at": at}))).await;
        let broken = sandbox.try_ask("POST", &path, operator()).await.unwrap_err();
        // With `body` the head has arrived: what breaks is the reading of the rest.
        assert_eq!(broken.is_body() || broken.is_decode(), at == "body", "{at}: {broken:?}");
        assert_eq!(sandbox.keys(&path).await, left, "{at}");
        assert_eq!(sandbox.struck().await, 1);
    }
}

#[tokio::test]
async fn half_of_a_body_is_what_arrives_before_the_cut() {
    let (sandbox, path) = roles(&["a", "b"]).await;
    let whole = sandbox.get(&path).await.body.to_string();
    sandbox.faults(next("GET", json!({"kind": "cut", "at": "body"}))).await;
    let request = sandbox.client.get(format!("{}{path}", sandbox.base)).bearer_auth(&sandbox.operator);
    let mut answer = request.send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.content_length()), (200, Some(whole.len() as u64)), "the head promises the whole");
    let mut got = Vec::new();
    let end = loop {
        match answer.chunk().await {
            Ok(Some(bytes)) => got.extend_from_slice(&bytes),
            other => break other,
        }
    };
    assert!(end.is_err(), "the connection ends before the body does");
    assert_eq!(got.len(), whole.len() / 2);
}

#[tokio::test]
async fn a_limit_on_requests_says_in_each_way_when_to_come_back() {
    let (sandbox, path) = roles(&[]).await;
    for (told, header) in [("seconds", "retry-after"), ("date", "retry-after"), ("xRetryAfter", "x-retry-after"), ("nothing", "")] {
        sandbox.faults(next("POST", json!({"kind": "rateLimit", "seconds": 7, "told": told}))).await;
        let answer = sandbox.ask("POST", &path, operator()).await;
        assert_eq!(answer.error(), (429, "rateLimit", None), "{told}");
        let said: Vec<_> = ["retry-after", "x-retry-after"].into_iter().filter(|h| !answer.header(h).is_empty()).collect();
        assert_eq!(said, Vec::from_iter(Some(header).filter(|h| !h.is_empty())), "{told}");
        match told {
            "date" => {
                let then = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(answer.header(header)).unwrap();
                let left = then.duration_since(jiff::Timestamp::now()).as_secs();
                assert!((4..=7).contains(&left), "{left} s are left");
                assert!(answer.header(header).ends_with(" GMT"), "an HTTP date");
            }
            "nothing" => {}
            _ => assert_eq!(answer.header(header), "7"),
        }
    }
    assert_eq!(sandbox.keys(&path).await, [""; 0], "none of them has had an effect");
}

#[tokio::test]
async fn latency_delays_and_lets_other_faults_strike() {
    let (sandbox, path) = roles(&[]).await;
    sandbox.faults(json!([{"do": {"kind": "latency", "millis": 120}}, {"do": {"kind": "expiredToken"}}])).await;
    let began = Instant::now();
    let answer = sandbox.get(&path).await;
    assert!(began.elapsed() >= Duration::from_millis(120));
    assert_eq!(answer.error(), (401, "unauthenticated", None));
    assert!(answer.header("www-authenticate").contains("invalid_token"));
    assert_eq!(sandbox.get(&path).await.status, 200, "the token has expired once");
    assert_eq!(sandbox.struck().await, 2);
}

#[tokio::test]
async fn a_page_of_html_is_no_answer() {
    let (sandbox, path) = roles(&[]).await;
    sandbox.faults(next("POST", json!({"kind": "html"}))).await;
    let answer = sandbox.ask("POST", &path, operator()).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(sandbox.keys(&path).await, [""; 0]);
}

#[tokio::test]
async fn listings_come_back_short_repeated_or_shrunken() {
    let (sandbox, path) = roles(&["a", "b", "c", "d"]).await;
    for (kind, expected, total) in [
        ("shortPage", vec![vec!["a", "b"], vec!["c"]], 4),
        ("repeatedPage", vec![vec!["a", "b"], vec!["a", "b"]], 4),
        ("shrinkingList", vec![vec!["a", "b"], vec!["d"]], 3),
    ] {
        let second = json!({"method": "GET", "path": "/api/v1/tenants/*/roles", "nth": 2});
        sandbox.faults(json!([{"on": second, "do": {"kind": kind}}])).await;
        let first = sandbox.get(&format!("{path}?limit=2")).await;
        let next = first.body["next"].as_str().unwrap();
        let second = sandbox.get(&format!("{path}?limit=2&cursor={next}")).await;
        assert_eq!([keys(&first), keys(&second)], *expected, "{kind}");
        assert_eq!((&first.body["total"], &second.body["total"]), (&json!(4), &json!(total)), "{kind}");
        assert_eq!(sandbox.struck().await, 1, "{kind}");
    }
    assert_eq!(sandbox.keys(&path).await, ["a", "b", "c", "d"], "the list itself is whole");
}

#[tokio::test]
async fn a_write_is_not_listed_for_a_while() {
    let (sandbox, path) = roles(&["a", "b"]).await;
    let listed = async || sandbox.get(&path).await.body;
    let b = listed().await["items"][1]["id"].as_str().unwrap().to_owned();
    let lag = |method: &str| json!([{"on": {"method": method}, "do": {"kind": "lag", "requests": 2}}]);

    sandbox.faults(lag("POST")).await;
    let c = sandbox.ask("POST", &path, json!({"key": "c"})).await.id();
    for _ in 0..2 {
        let page = sandbox.get(&path).await;
        assert_eq!((keys(&page), &page.body["total"]), (vec!["a".to_owned(), "b".to_owned()], &json!(2)));
    }
    assert_eq!(sandbox.keys(&path).await, ["a", "b", "c"]);

    sandbox.faults(lag("PATCH")).await;
    let b = format!("{path}/{b}");
    sandbox.ask("PATCH", &b, json!({"fields": {"displayName": "New"}})).await;
    assert_eq!(sandbox.get(&b).await.body["fields"]["displayName"], "New", "by its id it is shown as it is");
    for expected in [Value::Null, Value::Null, json!("New")] {
        let page = listed().await;
        assert_eq!((&page["items"][1]["key"], &page["items"][1]["fields"]["displayName"]), (&json!("b"), &expected));
    }

    sandbox.faults(json!([{"on": {"method": "DELETE"}, "do": {"kind": "lag", "millis": 800}}])).await;
    assert_eq!(sandbox.ask("DELETE", &format!("{path}/{c}"), Value::Null).await.status, 204);
    assert_eq!(sandbox.keys(&path).await, ["a", "b", "c"]);
    tokio::time::sleep(Duration::from_millis(810)).await;
    assert_eq!(sandbox.keys(&path).await, ["a", "b"]);
    assert_eq!(sandbox.struck().await, 1);
}

#[tokio::test]
async fn a_write_is_queued_and_done_later() {
    let (sandbox, path) = roles(&[]).await;
    sandbox.faults(json!([{"on": {"method": "POST"}, "do": {"kind": "queued", "requests": 1}}])).await;
    let answer = sandbox.ask("POST", &path, operator()).await;
    assert_eq!((answer.status.as_u16(), &answer.body), (202, &json!({"status": "queued"})));
    assert_eq!(sandbox.keys(&path).await, [""; 0]);
    assert_eq!(sandbox.keys(&path).await, NEW);

    let id = sandbox.get(&path).await.body["items"][0]["id"].as_str().unwrap().to_owned();
    sandbox.faults(json!([{"on": {"method": "DELETE"}, "do": {"kind": "queued", "millis": 800}}])).await;
    assert_eq!(sandbox.ask("DELETE", &format!("{path}/{id}"), Value::Null).await.status, 202);
    assert_eq!(sandbox.keys(&path).await, NEW);
    tokio::time::sleep(Duration::from_millis(810)).await;
    assert_eq!(sandbox.keys(&path).await, [""; 0]);
}

#[tokio::test]
async fn a_fault_strikes_the_requests_it_names_and_is_counted() {
    let (sandbox, path) = roles(&[]).await;
    let on = json!({"method": "POST", "path": "/api/v1/tenants/*/roles", "nth": 2, "times": 2});
    sandbox.faults(json!([{"on": on, "do": {"kind": "error", "status": 503}}])).await;
    sandbox.get(&path).await;
    sandbox.ask("POST", "/api/v1/tenants", json!({"fields": {"displayName": "Other"}})).await;
    let mut statuses = Vec::new();
    for i in 0..4 {
        statuses.push(sandbox.ask("POST", &path, json!({"key": format!("r{i}")})).await.status.as_u16());
    }
    assert_eq!(statuses, [201, 503, 503, 201]);
    let report = sandbox.get("/sandbox/faults").await.body;
    let what = json!({"kind": "error", "status": 503, "when": "before"});
    assert_eq!(report["faults"], json!([{"on": on, "do": what, "seen": 4, "struck": 2}]));
    assert_eq!(report["struck"], 2);
    let counted = sandbox.get("/sandbox/requests").await.body["requests"].clone();
    let of_roles = counted.as_array().unwrap().iter().find(|r| r["path"] == *path && r["method"] == "POST").unwrap();
    assert_eq!(of_roles["count"], 4, "what a fault strikes was asked for all the same");
    assert_eq!(sandbox.ask("DELETE", "/sandbox/faults", Value::Null).await.status, 204);
    assert_eq!(sandbox.get("/sandbox/faults").await.body["faults"], json!([]));
}

#[tokio::test]
async fn what_steers_the_sandbox_is_never_struck() {
    let sandbox = Sandbox::start().await;
    sandbox.faults(json!([{"on": {"times": 0}, "do": {"kind": "cut"}}])).await;
    for path in ["/sandbox/faults", "/sandbox/outbox", "/sandbox/requests"] {
        assert_eq!(sandbox.get(path).await.status, 200);
    }
    assert!(sandbox.try_ask("GET", "/api/v1/tenants", Value::Null).await.is_err());
}

#[tokio::test]
async fn chance_strikes_alike_under_the_same_seed() {
    async fn statuses(seed: u64) -> Vec<u16> {
        let (sandbox, path) = roles(&[]).await;
        let among = json!([{"kind": "error", "status": 503}, {"kind": "html"}]);
        sandbox.faults(json!({"random": {"seed": seed, "probability": 0.4, "among": among}})).await;
        let mut statuses = Vec::new();
        for _ in 0..60 {
            // The tenant's id is another in each sandbox; this path is not.
            statuses.push(sandbox.get("/api/v1/tenants").await.status.as_u16());
        }
        drop(path);
        let struck = sandbox.struck().await;
        assert!((10..=40).contains(&struck), "{struck} of 60 are struck");
        statuses
    }
    let first = statuses(7).await;
    assert_eq!(first, statuses(7).await);
    assert_ne!(first, statuses(8).await);
    assert!(first.contains(&503) && first.contains(&200));
}

#[test]
fn a_flag_says_the_same_as_json() {
    let mut plan = Plan::default();
    plan.add_flag("error status=503 when=after method=POST path=/api/v1/** nth=2").unwrap();
    plan.add_flag("cut at=body times=0").unwrap();
    plan.add_flag("random seed=7 probability=0.1").unwrap();
    let same = Plan::from_json(json!({
        "faults": [
            {"on": {"method": "POST", "path": "/api/v1/**", "nth": 2}, "do": {"kind": "error", "status": 503, "when": "after"}},
            {"on": {"times": 0}, "do": {"kind": "cut", "at": "body"}},
        ],
        "random": {"seed": 7, "probability": 0.1},
    }));
    assert_eq!(plan, same.unwrap());
}

#[test]
fn a_fault_that_cannot_be_is_refused() {
    let check = |flag: &str, why: &str| {
        let error = Plan::default().add_flag(flag).unwrap_err();
        assert!(error.contains(why), "{flag}: {error}");
    };
    check("", "a fault is empty");
    check("flood", "unknown variant `flood`");
    check("cut at", "`at` is no name=value");
    check("cut at=noon", "unknown variant `noon`");
    check("cut depth=3", "unknown field `depth`");
    check("error status=404", "404 is not from 500 to 599");
    check("error nth=0 status=500", "`nth` counts from 1");
    check("lag", "either `millis` or `requests`");
    check("queued millis=1 requests=1", "either `millis` or `requests`");
    check("html path=[", "`path`");
    check("random seed=1 probability=2", "2 is not from 0 to 1");
}

#[tokio::test]
async fn a_plan_that_is_wrong_changes_nothing() {
    let sandbox = Sandbox::start().await;
    sandbox.faults(json!([{"on": {"nth": 9}, "do": {"kind": "html"}}])).await;
    for wrong in [json!([{"do": {"kind": "flood"}}]), json!({"fault": []}), json!([{"do": {"kind": "error", "status": 200}}]), json!(7)] {
        assert_eq!(sandbox.ask("PUT", "/sandbox/faults", wrong).await.error(), (400, "malformed", None));
    }
    assert_eq!(sandbox.get("/sandbox/faults").await.body["faults"].as_array().unwrap().len(), 1);
}
