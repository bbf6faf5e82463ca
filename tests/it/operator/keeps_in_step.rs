//! Declared by custom resources, applied, told; changed, approved, deleted.

use serde_json::json;
use tenantry::model::Kind;

use super::stand::{Stand, says};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_customer_is_made_told_changed_and_taken_away() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    let users = json!([{ "name": "ann", "email": "ann@acme.example", "administrator": true }]);
    stand.apply(Kind::Organization, "acme", json!({ "displayName": "Acme", "users": users })).await;
    stand.apply(Kind::User, "bob", json!({ "organization": "acme", "email": "bob@acme.example" })).await;
    let acme = stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == "True ReconciliationSucceeded").await;
    assert_eq!(says(&acme, "Synced"), "True ReconcileSuccess");
    assert_eq!(says(&acme, "Stalled"), "-");
    assert_eq!(acme["status"]["observedGeneration"], acme["metadata"]["generation"]);
    assert_eq!(acme["status"]["children"][0]["address"], "user/ann", "{:#}", acme["status"]);
    assert!(acme["status"]["externalId"].is_string(), "{:#}", acme["status"]);
    stand.until(Kind::User, "bob", |o| says(o, "Ready") == "True ReconciliationSucceeded").await;
    stand.delete(Kind::User, "bob").await;
    stand.until_gone(Kind::User, "bob").await;
    let acme = stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == "True ReconciliationSucceeded").await;
    assert_eq!(acme["status"]["children"].as_array().unwrap().len(), 1);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_plan_waits_for_its_digest_and_for_no_other() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "approval": { "mode": "Manual" } })).await;
    stand.apply(Kind::Organization, "acme", json!({ "displayName": "Acme" })).await;
    let waits = stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == "False AwaitingApproval").await;
    assert_eq!(says(&waits, "PlanPending"), "True PlannedWithChanges");
    let digest = waits["status"]["plans"][0]["digest"].as_str().unwrap().to_owned();
    stand.annotate(Kind::Organization, "acme", "tenantry.dev/approved-plan", &format!("sha256:{}", "0".repeat(64))).await;
    stand.until(Kind::Organization, "acme", |o| says(o, "PlanPending") == "True PlanStale").await;
    stand.annotate(Kind::Organization, "acme", "tenantry.dev/approved-plan", &digest).await;
    stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == "True ReconciliationSucceeded").await;
    stand.end().await;
}
