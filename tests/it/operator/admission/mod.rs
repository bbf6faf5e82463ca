//! What a change would do, told by the API server before it is made.

mod desk;
mod door;
mod shared;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;
use tenantry::model::Kind;

use desk::{Desk, labels, users};

const NONE: &[String] = &[];

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn what_a_change_would_do_is_told_and_nothing_is_done_for_a_dry_run() {
    let desk = Desk::new().await;
    desk.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    let acme = |count: usize| json!({ "displayName": "Acme", "users": users(count) });
    desk.until_told(Kind::Organization, "acme", acme(20)).await;
    assert_eq!(
        desk.would_apply(Kind::Organization, "acme", acme(20)).await,
        ["this sends 20 invitations to acme in portal main", "this creates 1 organization and 20 users of acme in portal main"]
    );
    assert_eq!(desk.get(Kind::Organization, "acme").await["code"], 404, "a dry run has no effects");
    desk.apply(Kind::Organization, "acme", acme(20)).await;
    desk.until_ready(Kind::Organization, "acme").await;

    let gone = desk.would_apply(Kind::Organization, "acme", acme(6)).await;
    assert_eq!(
        gone,
        [
            "this deletes 14 users of acme in portal main",
            "this takes access to acme from 14 people in portal main",
            "this is held back until its digest is approved, by guards G001, G002, G003 and G005 in portal main",
        ]
    );
    assert_eq!(desk.would_apply(Kind::Organization, "acme", acme(20)).await, NONE, "what is the same does nothing");
    assert_eq!(desk.annotate(Kind::Organization, "acme", labels("gold")).await, NONE, "nor does what is about Kubernetes alone");
    let without = |change: fn(&mut serde_json::Map<String, serde_json::Value>)| {
        let mut all = users(20);
        all.as_array_mut().unwrap().iter_mut().for_each(|user| change(user.as_object_mut().unwrap()));
        json!({ "displayName": "Acme", "users": all })
    };
    let warnings =
        desk.would_apply(Kind::Organization, "acme", without(|user| drop(user.insert("administrator".to_owned(), json!(false))))).await;
    assert!(warnings.contains(&"this takes the last administrator of acme in portal main".to_owned()), "{warnings:#?}");
    assert_eq!(
        desk.would_apply(Kind::Organization, "acme", without(|user| drop(user.remove("administrator")))).await,
        ["this takes nothing from 2 users of acme though a line of theirs is gone (`false` or `[]` would) in portal main"]
    );
    assert_eq!(
        desk.delete(Kind::Organization, "acme", "dryRun=All").await,
        ["this leaves 1 organization and 20 users of acme as they are, managed by nobody in portal main"]
    );
    assert_eq!(desk.get(Kind::Organization, "acme").await["metadata"]["deletionTimestamp"], json!(null));
    // Made for good it is told as well.
    assert_eq!(desk.apply(Kind::Organization, "acme", acme(6)).await, gone);
    // What waits already is not told with the next change.
    let more = json!({ "displayName": "Acme Ltd", "users": users(6) });
    let warnings = desk.would_apply(Kind::Organization, "acme", more).await;
    assert!(warnings.iter().all(|w| !w.contains("deletes")), "{warnings:#?}");
    assert!(warnings.contains(&"this updates 1 organization of acme in portal main".to_owned()), "{warnings:#?}");
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_change_that_waits_says_so() {
    let desk = Desk::new().await;
    let manual = json!({ "profile": "embedded", "approval": { "mode": "Manual" } });
    desk.apply(Kind::Portal, "main", manual).await;
    desk.until_told(Kind::Organization, "acme", json!({ "displayName": "Acme" })).await;
    assert_eq!(
        desk.apply(Kind::Organization, "acme", json!({ "displayName": "Acme" })).await,
        ["this waits for approval in portal main", "this creates 1 organization of acme in portal main"]
    );
    desk.until(Kind::Organization, "acme", "False").await;
    assert_eq!(
        desk.would_apply(Kind::Portal, "main", json!({ "profile": "embedded", "suspend": true })).await,
        ["changes in portal main wait for nobody's approval any more", "nothing is done in portal main until it is resumed"]
    );
    assert_eq!(
        desk.delete(Kind::Portal, "main", "dryRun=All").await,
        ["nothing more is done in portal main: this leaves 1 organization there as they are"]
    );
    assert_eq!(
        desk.annotate(Kind::Organization, "acme", json!({ "annotations": { "tenantry.dev/paused": "true" } })).await,
        ["acme is suspended: nothing is done for it in portal main"]
    );
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn what_is_wrong_with_a_document_is_told_without_a_word_of_another_namespace() {
    let desk = Desk::new().await;
    desk.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    let ann = json!([{ "name": "ann", "email": "ann@secret.example", "administrator": true }]);
    let acme = json!({ "displayName": "Acme", "users": ann, "labels": { "tier": "confidential" } });
    desk.apply(Kind::Organization, "acme", acme).await;
    desk.until_ready(Kind::Organization, "acme").await;
    let mut all = Vec::new();
    let mut said = async |kind: Kind, name: &str, spec: serde_json::Value| {
        let answer = desk.apply_in(&desk.other, kind, name, spec, "&dryRun=All").await;
        all.extend(answer.warnings.clone());
        answer.warnings
    };
    assert_eq!(
        said(Kind::Organization, "acme", json!({ "displayName": "Mine" })).await,
        ["this counts for nothing: it does not go with what other namespaces declare"]
    );
    assert_eq!(
        said(Kind::User, "eve", json!({ "organization": "acme", "email": "ann@secret.example" })).await,
        ["this counts for nothing: it does not go with what other namespaces declare"]
    );
    let wrong = said(
        Kind::Organization,
        "umbrella",
        json!({ "displayName": "Umbrella", "users": [
        { "name": "joe", "email": "joe@umbrella.example", "roles": ["nobody-knows"] },
    ] }),
    );
    let wrong = wrong.await;
    assert_eq!(wrong.len(), 2, "{wrong:#?}");
    assert!(wrong[0].contains("nobody-knows") && wrong[0].starts_with('M'), "{wrong:#?}");
    assert_eq!(wrong[1], "nothing is done for umbrella until the errors in what is declared for it are mended");
    let many: serde_json::Value = (0..40)
        .map(|n| json!({ "name": format!("u{n}"), "email": format!("u{n}@umbrella.example"), "roles": [format!("no-{n}-{}", "x".repeat(40))] }))
        .collect();
    let many = said(Kind::Organization, "umbrella", json!({ "displayName": "Umbrella", "users": many })).await;
    assert_eq!(many.len(), 12, "{many:#?}");
    assert_eq!(many[11], "and 30 more warnings");
    for warning in &all {
        assert!(warning.len() <= 256, "{warning}");
        for word in [desk.home.as_str(), "ann", "secret", "confidential"] {
            assert!(!warning.contains(word), "{warning}");
        }
    }
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_thousand_users_taken_out_at_once_are_told_in_time() {
    let desk = Desk::new().await;
    desk.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    desk.apply(Kind::Organization, "acme", json!({ "displayName": "Acme", "users": users(1010) })).await;
    desk.until_ready(Kind::Organization, "acme").await;
    let begun = Instant::now();
    let warnings = desk.apply(Kind::Organization, "acme", json!({ "displayName": "Acme", "users": users(10) })).await;
    assert_eq!(
        warnings[..2],
        ["this deletes 1000 users of acme in portal main", "this takes access to acme from 1000 people in portal main"]
    );
    assert!(warnings.iter().any(|w| w.contains("guards G001")), "{warnings:#?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_slow_portal_holds_nobody_up_and_is_read_once() {
    let desk = Desk::new().await;
    desk.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    desk.apply(Kind::Organization, "acme", json!({ "displayName": "Acme", "users": users(3) })).await;
    desk.until_ready(Kind::Organization, "acme").await;
    let acme = |name: &str| json!({ "displayName": name, "users": users(3) });
    desk.reads.delay.store(4_000, Ordering::SeqCst);
    let before = desk.reads.count.load(Ordering::SeqCst);
    let begun = Instant::now();
    let warnings = desk.would_apply(Kind::Organization, "acme", acme("Acme 1")).await;
    assert_eq!(warnings, ["the plan took too long to preview: what else this does is not known"]);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // The reading went on, and who asks next has it.
    assert_eq!(desk.would_apply(Kind::Organization, "acme", acme("Acme 2")).await, ["this updates 1 organization of acme in portal main"]);
    for n in 3..8 {
        desk.would_apply(Kind::Organization, "acme", acme(&format!("Acme {n}"))).await;
    }
    assert_eq!(desk.reads.count.load(Ordering::SeqCst) - before, 1, "once for all of them");
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn who_stands_by_answers_and_who_is_away_stops_nobody() {
    let mut desk = Desk::standing_by().await;
    assert_eq!(
        desk.would_apply(Kind::Organization, "first", json!({ "displayName": "Second" })).await,
        ["this updates 1 organization of first in portal main"]
    );
    desk.operators_end().await;
    assert_eq!(desk.apply(Kind::Organization, "first", json!({ "displayName": "Third" })).await, NONE);
    assert_eq!(desk.get(Kind::Organization, "first").await["spec"]["displayName"], "Third");
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn documents_of_their_own_and_what_names_other_customers_are_told_likewise() {
    let desk = Desk::new().await;
    let portal = |names: &[&str]| json!({ "profile": "embedded", "organizations": { "names": names } });
    for (name, display) in [("acme", "Acme"), ("brew", "Brew")] {
        desk.apply(Kind::Organization, name, json!({ "displayName": display })).await;
    }
    desk.apply(Kind::Portal, "main", portal(&["acme", "brew"])).await;
    desk.apply(Kind::User, "bob", json!({ "organization": "acme", "email": "bob@acme.example" })).await;
    let shared = |names: &[&str]| {
        json!({ "organization": "msp", "type": "psa", "displayName": "Tickets", "sharedWith": { "names": names },
            "secrets": { "token": { "secretKeyRef": { "name": "tickets", "key": "token" } } } })
    };
    for name in ["acme", "brew"] {
        desk.until_ready(Kind::Organization, name).await;
    }
    desk.until_ready(Kind::User, "bob").await;
    assert_eq!(
        desk.delete(Kind::User, "bob", "dryRun=All").await,
        ["this deletes 1 user of acme in portal main", "this takes access to acme from 1 person in portal main"]
    );
    // Whether there is such a Secret is not looked at here: its status tells.
    assert_eq!(
        desk.would_apply(Kind::Integration, "tickets", shared(&["acme", "brew"])).await,
        ["this creates 1 integration of the MSP in portal main"]
    );
    let token = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "tickets" }, "stringData": { "token": "canary" } });
    desk.make(&format!("/api/v1/namespaces/{}/secrets", desk.home), &token).await;
    desk.apply(Kind::Integration, "tickets", shared(&["acme", "brew"])).await;
    desk.until_ready(Kind::Integration, "tickets").await;
    assert_eq!(
        desk.would_apply(Kind::Integration, "tickets", shared(&["acme"])).await,
        ["this shares 1 integration of the MSP with fewer in portal main"]
    );
    assert_eq!(
        desk.would_apply(Kind::Integration, "tickets", shared(&["acme", "nobody"])).await.len(),
        2,
        "a name that leads nowhere is an error of the document"
    );
    assert_eq!(
        desk.would_apply(Kind::Portal, "main", portal(&["brew"])).await,
        ["portal main serves 1 organization less: they stay there as they are, managed by nobody"]
    );
    desk.end().await;
}
