//! Consent by annotation: each passes once what it names, and no more.

use serde_json::json;
use tenantry::model::Kind;

use super::stand::{Stand, says};

const READY: &str = "True ReconciliationSucceeded";

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn an_approval_that_was_used_stands_in_the_status_for_as_long_as_the_annotation_does() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "approval": { "mode": "Manual" } })).await;
    stand.apply(Kind::Organization, "acme", json!({ "displayName": "Acme" })).await;
    stand.apply(Kind::Organization, "beta", json!({ "displayName": "Beta" })).await;
    let waits = stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == "False AwaitingApproval").await;
    let of_acme = waits["status"]["plans"][0]["digest"].as_str().unwrap().to_owned();
    stand.annotate(Kind::Organization, "acme", "tenantry.dev/approved-plan", &of_acme).await;
    let acme = stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == READY && !o["status"]["appliedPlans"].is_null()).await;
    assert_eq!(acme["status"]["appliedPlans"], json!([of_acme]));
    assert_eq!(acme["status"]["plans"], json!([]));

    let waits = stand.until(Kind::Organization, "beta", |o| says(o, "Ready") == "False AwaitingApproval").await;
    let of_beta = waits["status"]["plans"][0]["digest"].as_str().unwrap().to_owned();
    stand.annotate(Kind::Portal, "main", "tenantry.dev/approved-plan", &of_beta).await;
    stand.until(Kind::Organization, "beta", |o| says(o, "Ready") == READY).await;
    stand.until(Kind::Portal, "main", |o| o["status"]["appliedPlans"] == json!([of_beta])).await;

    // Given again later it is another approval.
    stand.annotate(Kind::Organization, "acme", "tenantry.dev/approved-plan", "").await;
    stand.annotate(Kind::Organization, "acme", "tenantry.dev/reconcile-requested-at", "2030-01-01T00:00:00Z").await;
    stand.until(Kind::Organization, "acme", |o| o["status"]["appliedPlans"].is_null()).await;
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_deletion_waits_for_the_uid_of_the_very_object_and_takes_nothing_else_with_it() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "approval": { "mode": "AutoUnlessDestructive" } })).await;
    stand.apply(Kind::Organization, "acme", json!({ "displayName": "Acme" })).await;
    for name in ["bob", "eve"] {
        stand.apply(Kind::User, name, json!({ "organization": "acme", "email": format!("{name}@acme.example") })).await;
        stand.until(Kind::User, name, |o| says(o, "Ready") == READY).await;
    }
    stand.delete(Kind::User, "bob").await;
    stand.delete(Kind::User, "eve").await;
    let bob = stand.until(Kind::User, "bob", |o| says(o, "Ready") == "False AwaitingApproval").await;
    let eve = stand.until(Kind::User, "eve", |o| says(o, "Ready") == "False AwaitingApproval").await;
    let uid = |object: &serde_json::Value| object["metadata"]["uid"].as_str().unwrap().to_owned();
    // Another one's uid approves nothing, and one of two deletions is not all of the plan.
    stand.annotate(Kind::User, "bob", "tenantry.dev/deletion-approved", &uid(&eve)).await;
    stand.annotate(Kind::User, "eve", "tenantry.dev/deletion-approved", &uid(&eve)).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    stand.until(Kind::User, "eve", |o| says(o, "Ready") == "False AwaitingApproval").await;
    stand.annotate(Kind::User, "bob", "tenantry.dev/deletion-approved", &uid(&bob)).await;
    stand.until_gone(Kind::User, "bob").await;
    stand.until_gone(Kind::User, "eve").await;
    stand.end().await;
}
