//! What manifests and annotations ask of the operator: leave it alone, look now, look more often.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::stand::{Setup, Stand, is_ready, says, until, words};

/// A customer in step, and nothing under way.
async fn in_step(portal: Json) -> Stand {
    of(Setup::default(), portal).await
}

async fn of(setup: Setup, portal: Json) -> Stand {
    let stand = Stand::with(setup).await;
    stand.apply(Kind::Portal, "main", portal).await;
    stand.customer("acme").await;
    stand.user("bob", "acme").await;
    stand.ready(Kind::User, "bob").await;
    stand.ready(Kind::Organization, "acme").await;
    stand.at_rest().await;
    stand.portal().took();
    stand
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_paused_user_is_left_alone_until_it_is_not() {
    let stand = in_step(json!({ "profile": "embedded" })).await;
    stand.annotate(Kind::User, "bob", "tenantry.dev/paused", "true").await;
    stand.patch(Kind::User, "bob", json!({ "spec": { "firstName": "Bob" } })).await;
    let bob = stand.until(Kind::User, "bob", |o| says(o, "Ready") == "Unknown Suspended").await;
    assert_eq!(says(&bob, "Synced"), "Unknown ReconcilePaused");
    stand.user("eve", "acme").await;
    stand.ready(Kind::User, "eve").await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), ["create acme/user/eve"]);
    stand.patch(Kind::User, "bob", json!({ "metadata": { "annotations": { "tenantry.dev/paused": null } } })).await;
    let bob = stand.until(Kind::User, "bob", |o| o["metadata"]["generation"] == 2 && is_ready(o)).await;
    assert_eq!(bob["spec"]["firstName"], "Bob");
    assert_eq!(stand.portal().took(), ["update acme/user/bob"]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_paused_customer_is_told_that_its_annotation_says_so() {
    let stand = in_step(json!({ "profile": "embedded" })).await;
    stand.annotate(Kind::Organization, "acme", "tenantry.dev/paused", "true").await;
    let acme = stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == "Unknown Suspended").await;
    assert_eq!(words(&acme, "Ready"), "the annotation `tenantry.dev/paused` says to leave it alone");
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_suspended_customer_is_neither_read_nor_changed() {
    let stand = in_step(json!({ "profile": "embedded" })).await;
    stand.patch(Kind::Organization, "acme", json!({ "spec": { "suspend": true } })).await;
    let acme = stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == "Unknown Suspended").await;
    assert_eq!(says(&acme, "Synced"), "Unknown ReconcilePaused");
    stand.at_rest().await;
    let reads = stand.portal().reads();
    stand.patch(Kind::User, "bob", json!({ "spec": { "firstName": "Bob" } })).await;
    stand.look("acme").await;
    stand.until(Kind::User, "bob", |o| o["status"]["observedGeneration"] == 2).await;
    stand.at_rest().await;
    assert_eq!((stand.portal().reads(), stand.portal().took()), (reads, vec![]));
    stand.patch(Kind::Organization, "acme", json!({ "spec": { "suspend": null } })).await;
    stand.ready(Kind::User, "bob").await;
    assert_eq!(stand.portal().took(), ["update acme/user/bob"]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_suspended_portal_suspends_all_that_it_serves() {
    let stand = in_step(json!({ "profile": "embedded" })).await;
    stand.patch(Kind::Portal, "main", json!({ "spec": { "suspend": true } })).await;
    for (kind, name) in [(Kind::Organization, "acme"), (Kind::User, "bob")] {
        stand.until(kind, name, |o| says(o, "Ready") == "Unknown Suspended").await;
    }
    stand.patch(Kind::User, "bob", json!({ "spec": { "firstName": "Bob" } })).await;
    stand.until(Kind::User, "bob", |o| o["status"]["observedGeneration"] == 2).await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.patch(Kind::Portal, "main", json!({ "spec": { "suspend": false } })).await;
    stand.ready(Kind::User, "bob").await;
    assert_eq!(stand.portal().took(), ["update acme/user/bob"]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn whoever_asks_for_a_look_gets_one_and_sees_that_it_was_handled() {
    let stand = in_step(json!({ "profile": "embedded" })).await;
    for annotation in ["tenantry.dev/reconcile-requested-at", "reconcile.fluxcd.io/requestedAt"] {
        let (reads, mark) = (stand.portal().reads(), stand.mark().await);
        let moment = jiff::Timestamp::now().to_string();
        stand.annotate(Kind::Organization, "acme", annotation, &moment).await;
        stand.until(Kind::Organization, "acme", |o| o["status"]["lastHandledReconcileAt"] == moment).await;
        stand.at_rest().await;
        assert_eq!(stand.portal().reads(), reads + 1, "{annotation}");
        assert_eq!(stand.portal().took(), [""; 0]);
        let namespace = &stand.namespace;
        assert_eq!(stand.wrote(mark).await, [format!("patch organizations.tenantry.dev/status {namespace}/acme 200")], "{annotation}");
        // One of the two is newer: what is asked for again is asked for by the other one.
        stand.patch(Kind::Organization, "acme", json!({ "metadata": { "annotations": { annotation: null } } })).await;
        stand.at_rest().await;
    }
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn an_interval_is_kept_and_its_looks_write_nothing() {
    let stand = in_step(json!({ "profile": "embedded" })).await;
    looked_at(&stand).await;
    let mark = stand.mark().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(stand.asked(mark).await, [""; 0], "of a ledger in a file the API server is not asked");
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_look_with_a_ledger_in_the_cluster_reads_that_and_writes_nothing() {
    let stand = of(Setup { ledger_in_cluster: true, ..Setup::default() }, json!({ "profile": "embedded" })).await;
    looked_at(&stand).await;
    let mark = stand.mark().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let asked = stand.asked(mark).await;
    let read = |line: &String| line.starts_with("get ledgershards.tenantry.dev ") || line.starts_with("list ledgershards.tenantry.dev ");
    assert!(asked.iter().all(read), "{asked:#?}");
    stand.end().await;
}

/// A customer that is looked at each second.
async fn looked_at(stand: &Stand) {
    stand.annotate(Kind::Organization, "acme", "tenantry.dev/poll-interval", "1s").await;
    let reads = stand.portal().reads();
    until(async || (stand.portal().reads() >= reads + 3).then_some(()), || "nobody looks".to_owned()).await;
    let reads = stand.portal().reads();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let more = stand.portal().reads() - reads;
    assert!((2..=6).contains(&more), "{more} looks in five seconds");
    assert_eq!(stand.portal().took(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn what_may_only_be_made_is_neither_changed_nor_taken_away() {
    let stand = in_step(json!({ "profile": "embedded" })).await;
    let eve = |more: Json| {
        let mut eve = json!({ "organization": "acme", "email": "eve@acme.example", "managementPolicies": ["Observe", "Create"] });
        eve.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        eve
    };
    stand.apply(Kind::User, "eve", eve(json!({}))).await;
    stand.ready(Kind::User, "eve").await;
    assert_eq!(stand.portal().took(), ["create acme/user/eve"]);
    stand.apply(Kind::User, "eve", eve(json!({ "firstName": "Eve" }))).await;
    let said = stand.until(Kind::User, "eve", |o| o["status"]["observedGeneration"] == 2).await;
    assert_eq!((says(&said, "Ready").as_str(), says(&said, "Synced").as_str()), ("True ReconciliationSucceeded", "False ReconcilePaused"));
    let message = said["status"]["message"].as_str().unwrap();
    assert!(message.contains("is left alone") && message.contains("managementPolicies"), "{message}");
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    // Who may only be looked at is not made.
    let fay = json!({ "organization": "acme", "email": "fay@acme.example", "managementPolicies": ["Observe"] });
    stand.apply(Kind::User, "fay", fay).await;
    let said = stand.until(Kind::User, "fay", |o| o["status"]["observedGeneration"] == 1).await;
    assert!(words(&said, "Ready").contains("it would be a create"), "{said:#}");
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.end().await;
}
