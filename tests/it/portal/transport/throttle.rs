//! How often a portal is asked: within our own budget, and as its server wants it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::{Timestamp, ToSpan as _};
use tenantry::portal::profile::http::connection::compiled::{Connection, Throttle};
use tenantry::portal::profile::http::connection::{Method, Reset};
use tenantry::portal::rest::transport::{Budget, Request, SendError};

use super::kit::{Reply, Server, connection, get, json, key, open};

/// What a write learns that is answered with 429 and these headers.
async fn after(throttle: Option<Throttle>, headers: Vec<(&'static str, String)>) -> Option<Duration> {
    let server = Server::start(move |_, _| headers.iter().fold(json(429, "{}"), |answer, (name, value)| answer.with(name, value))).await;
    let common = connection(key());
    let connection = Connection { throttle: throttle.unwrap_or(common.throttle), ..common };
    let error = open(&server.spec(), connection).unwrap().send(&Request::new(Method::Post, "x")).await.unwrap_err();
    assert_eq!(server.seen().len(), 1);
    match error {
        SendError::Throttled { after, .. } => after,
        other => panic!("{other:?}"),
    }
}

fn http_date(at: Timestamp) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap()
}

#[tokio::test]
async fn the_server_says_when_to_come_back_in_many_ways() {
    let seconds = |n: u64| Some(Duration::from_secs(n));
    let one = |name: &'static str, value: &str| vec![(name, value.to_owned())];
    assert_eq!(after(None, one("retry-after", "7")).await, seconds(7));
    assert_eq!(after(None, one("retry-after", "0")).await, seconds(0));
    assert_eq!(after(None, one("retry-after", "1.5")).await, Some(Duration::from_millis(1500)));
    assert_eq!(after(None, one("x-retry-after", "9")).await, seconds(9));
    assert_eq!(after(None, one("ratelimit-reset", "11")).await, seconds(11));
    assert_eq!(after(None, one("x-ratelimit-reset", "12")).await, seconds(12));
    for nonsense in ["", "soon", "-3", "nan", "inf", "99 seconds"] {
        assert_eq!(after(None, one("retry-after", nonsense)).await, None, "{nonsense}");
    }
    assert_eq!(after(None, one("retry-after", "999999999")).await, seconds(86_400), "nobody waits longer than a day");

    // A date is meant by the server's own clock, which may be an hour off.
    let there = Timestamp::now() - 1.hour();
    let date = |after: i64| http_date(there + after.seconds());
    assert_eq!(after(None, vec![("date", date(0)), ("retry-after", date(20))]).await, seconds(20));
    assert_eq!(after(None, vec![("date", date(0)), ("retry-after", date(-20))]).await, seconds(0));
    let epoch = there.as_second() + 30;
    assert_eq!(after(None, vec![("date", date(0)), ("x-ratelimit-reset", epoch.to_string())]).await, seconds(30));
    assert_eq!(after(None, vec![("date", date(0)), ("x-ratelimit-reset", format!("{epoch}000"))]).await, seconds(30), "milliseconds");

    let named = |reset_is| Throttle { retry_after: "X-Wait".into(), remaining: None, reset: Some("X-Again".into()), reset_is };
    assert_eq!(after(Some(named(Reset::Seconds)), one("x-wait", "3")).await, seconds(3));
    assert_eq!(after(Some(named(Reset::Seconds)), one("x-again", "4")).await, seconds(4));
    assert_eq!(after(Some(named(Reset::Epoch)), vec![("date", date(0)), ("x-again", epoch.to_string())]).await, seconds(30));
}

#[tokio::test]
async fn a_read_waits_as_long_as_the_server_wants() {
    let server = Server::start(|_, number| if number == 0 { json(429, "{}").with("retry-after", "1") } else { json(200, "[]") }).await;
    let client = server.client(key());
    let began = Instant::now();
    get(&client, "users").await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_server_in_trouble_is_waited_for_as_well() {
    let server = Server::start(|_, number| if number == 0 { json(503, "{}").with("retry-after", "1") } else { json(200, "[]") }).await;
    let began = Instant::now();
    get(&server.client(key()), "users").await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn all_calls_wait_while_the_server_wants_to_be_left_alone() {
    let server = Server::start(|seen, _| match seen.method.as_str() {
        "POST" => json(429, "{}").with("retry-after", "1"),
        _ => json(200, "[]"),
    })
    .await;
    let client = server.client(key());
    client.send(&Request::new(Method::Post, "users")).await.unwrap_err();
    let began = Instant::now();
    get(&client, "users").await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(900));
}

#[tokio::test]
async fn a_server_that_wants_an_hour_is_not_waited_for_and_not_asked_again() {
    let server = Server::start(|_, _| json(429, r#"{"message": "enough"}"#).with("retry-after", "3600")).await;
    let client = server.client(key());
    for _ in 0..2 {
        let error = get(&client, "users").await.unwrap_err();
        let SendError::Throttled { after: Some(after), .. } = error else { panic!("{error:?}") };
        assert!(after > Duration::from_secs(3500) && after <= Duration::from_secs(3600), "{after:?}");
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn the_last_call_of_a_window_ends_it() {
    let answer = |left: &str| json(200, "[]").with("ratelimit-remaining", left).with("ratelimit-reset", "1");
    let check = async |left: &'static str, waits: bool| {
        let server = Server::start(move |_, _| answer(left)).await;
        let client = server.client(key());
        get(&client, "a").await.unwrap();
        let began = Instant::now();
        get(&client, "b").await.unwrap();
        assert_eq!(began.elapsed() >= Duration::from_millis(900), waits, "{left} left");
    };
    check("0", true).await;
    check("1", false).await;
}

#[tokio::test]
async fn no_more_calls_than_allowed_are_out_at_once() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (inside, peak) = (Arc::clone(&now), Arc::clone(&most));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().fallback(move || {
        let (inside, peak) = (Arc::clone(&inside), Arc::clone(&peak));
        async move {
            peak.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(30)).await;
            inside.fetch_sub(1, Ordering::SeqCst);
            axum::Json(serde_json::json!([]))
        }
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut spec = super::kit::spec(&format!("http://{address}"));
    spec.parallelism = 3;
    let client = open(&spec, connection(key())).unwrap();
    let answers = join_all((0..20).map(|_| get(&client, "users"))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[test]
fn no_minute_has_more_calls_than_the_budget() {
    for per_minute in [1, 2, 9, 10, 60, 100, 6000] {
        let mut budget = Budget::per_minute(per_minute).unwrap();
        let start = tokio::time::Instant::now();
        // Everybody comes at once, and again after a quiet while; each goes out when its wait is over.
        let mut out = Vec::new();
        for (after, calls) in [(0, per_minute * 2), (3600, per_minute)] {
            let now = start + Duration::from_secs(after);
            out.extend((0..calls).map(|_| now + budget.take(now)));
        }
        for (at, first) in out.iter().enumerate() {
            let within = out[at..].iter().take_while(|t| **t - *first < Duration::from_secs(60)).count();
            assert!(within as u64 <= per_minute, "{per_minute}: {within} within a minute");
        }
        // And it is used: a minute and a bit is enough for all of one.
        let last = out[usize::try_from(per_minute).unwrap() - 1] - start;
        assert!(last <= Duration::from_secs(61), "{per_minute}: {last:?}");
    }
    assert!(Budget::per_minute(0).is_none());
}

#[tokio::test]
async fn all_calls_of_a_portal_share_its_budget() {
    let server = Server::start(|_, _| -> Reply { json(200, "[]") }).await;
    let mut spec = server.spec();
    spec.requests_per_minute = 600;
    let client = open(&spec, connection(key())).unwrap();
    let began = Instant::now();
    // Sixty at once, and then one each tenth of a second.
    let answers = join_all((0..64).map(|_| get(&client, "users"))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert!(began.elapsed() >= Duration::from_millis(350), "{:?}", began.elapsed());
}
