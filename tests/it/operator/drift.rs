//! What somebody changes in the portal, behind the operator's back.

use serde_json::json;
use tenantry::model::{Kind, Value};

use super::stand::{Stand, id, is_ready, says, until, words};

/// A customer in step, whose portal says this of drift; bob's id in the portal.
async fn in_step(mode: &str) -> (Stand, String) {
    polled(mode, "1h").await
}

/// The same, looked at so often.
async fn polled(mode: &str, interval: &str) -> (Stand, String) {
    let stand = Stand::new().await;
    let portal = json!({ "profile": "embedded", "driftDetection": { "mode": mode }, "interval": interval });
    stand.apply(Kind::Portal, "main", portal).await;
    stand.customer("acme").await;
    stand.apply(Kind::User, "bob", json!({ "organization": "acme", "email": "bob@acme.example", "firstName": "Bob" })).await;
    let bob = id(&stand.ready(Kind::User, "bob").await);
    stand.ready(Kind::Organization, "acme").await;
    stand.at_rest().await;
    stand.portal().took();
    (stand, bob)
}

fn robert() -> Option<Value> {
    Some(Value::Text("Robert".into()))
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_field_that_somebody_changed_is_put_right_and_there_is_an_event_of_it() {
    let (stand, bob) = in_step("enabled").await;
    stand.door().set_field(&bob, "firstName", robert()).unwrap();
    stand.look("acme").await;
    until(async || (stand.portal().performed() == ["update acme/user/bob"]).then_some(()), || "it is left as it is".to_owned()).await;
    let bob = stand.until(Kind::User, "bob", |o| is_ready(o) && words(o, "Drifted").contains("brought back")).await;
    assert_eq!(says(&bob, "Drifted"), "False NoDrift");
    stand.at_rest().await;
    let events = stand.events().await;
    assert_eq!(
        events.iter().filter(|line| line.ends_with(" User/bob: update acme/user/bob in portal main: done")).count(),
        1,
        "{events:#?}"
    );
    assert_eq!(stand.portal().took(), ["update acme/user/bob"]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn what_somebody_took_away_is_made_again() {
    let (stand, bob) = in_step("enabled").await;
    stand.door().delete_object(&bob).unwrap();
    stand.look("acme").await;
    stand.until(Kind::User, "bob", |o| is_ready(o) && o["status"]["externalId"] != bob).await;
    assert_eq!(stand.portal().took(), ["create acme/user/bob"]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn drift_is_found_by_the_poll_alone() {
    let (stand, bob) = polled("enabled", "1s").await;
    stand.door().set_field(&bob, "firstName", robert()).unwrap();
    until(async || (stand.portal().performed() == ["update acme/user/bob"]).then_some(()), || "it is left as it is".to_owned()).await;
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn where_drift_is_only_said_nothing_is_called_until_something_is_declared() {
    let (stand, bob) = in_step("warn").await;
    stand.door().set_field(&bob, "firstName", robert()).unwrap();
    stand.look("acme").await;
    let said = stand.until(Kind::User, "bob", |o| says(o, "Drifted") == "True DriftDetected").await;
    assert_eq!(says(&said, "PlanPending"), "True PlannedWithChanges");
    let acme = stand.until(Kind::Organization, "acme", |o| !o["status"]["plans"].as_array().unwrap().is_empty()).await;
    assert_eq!(says(&acme, "Drifted"), "False NoDrift", "only what drifted says so");
    assert!(acme["status"]["plans"][0]["text"].as_str().unwrap().contains("update user/bob"), "{acme:#}");
    stand.at_rest().await;
    let mark = stand.mark().await;
    stand.look("acme").await;
    stand.at_rest().await;
    assert!(stand.wrote(mark).await.len() <= 1, "the same drift is not told again");
    assert_eq!(stand.portal().took(), [""; 0]);
    // Somebody puts it right by hand.
    stand.door().set_field(&bob, "firstName", Some(Value::Text("Bob".into()))).unwrap();
    stand.look("acme").await;
    stand.until(Kind::User, "bob", |o| says(o, "Drifted") == "False NoDrift" && is_ready(o)).await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn where_drift_is_nobodys_concern_nobody_looks_until_something_is_declared() {
    let (stand, bob) = polled("disabled", "1s").await;
    stand.door().set_field(&bob, "firstName", robert()).unwrap();
    stand.at_rest().await;
    let reads = stand.portal().reads();
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert_eq!((stand.portal().reads() - reads, stand.portal().took()), (0, vec![]));
    stand.user("eve", "acme").await;
    stand.ready(Kind::User, "eve").await;
    assert_eq!(stand.portal().took(), ["create acme/user/eve", "update acme/user/bob"]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_customer_may_say_otherwise_of_drift_than_its_portal() {
    let (stand, bob) = in_step("enabled").await;
    stand.patch(Kind::Organization, "acme", json!({ "spec": { "driftDetection": { "mode": "warn" } } })).await;
    stand.ready(Kind::Organization, "acme").await;
    stand.door().set_field(&bob, "firstName", robert()).unwrap();
    stand.look("acme").await;
    stand.until(Kind::User, "bob", |o| says(o, "Drifted") == "True DriftDetected").await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.patch(Kind::Organization, "acme", json!({ "spec": { "driftDetection": null } })).await;
    stand.until(Kind::User, "bob", |o| says(o, "Drifted") == "False NoDrift" && is_ready(o)).await;
    assert_eq!(stand.portal().took(), ["update acme/user/bob"]);
    stand.end().await;
}
