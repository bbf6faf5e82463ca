//! The finalizer holds what still waits, and never for want of somebody to let it go.

use serde_json::json;
use tenantry::model::Kind;

use super::stand::{Stand, says};

const READY: &str = "True ReconciliationSucceeded";

/// A user whose deletion waits for an approval that nobody gives.
async fn deletion_that_waits() -> Stand {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "approval": { "mode": "AutoUnlessDestructive" } })).await;
    stand.apply(Kind::Organization, "acme", json!({ "displayName": "Acme" })).await;
    stand.apply(Kind::User, "bob", json!({ "organization": "acme", "email": "bob@acme.example" })).await;
    stand.until(Kind::User, "bob", |o| says(o, "Ready") == READY).await;
    stand.delete(Kind::User, "bob").await;
    stand.until(Kind::User, "bob", |o| says(o, "Ready") == "False AwaitingApproval").await;
    stand
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn one_that_waits_goes_when_it_is_paused() {
    let stand = deletion_that_waits().await;
    stand.annotate(Kind::User, "bob", "tenantry.dev/paused", "true").await;
    stand.until_gone(Kind::User, "bob").await;
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn one_that_waits_goes_with_the_portal() {
    let stand = deletion_that_waits().await;
    stand.delete(Kind::Portal, "main").await;
    stand.until_gone(Kind::User, "bob").await;
    let acme = stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == "False DependencyNotReady").await;
    assert_eq!(says(&acme, "Stalled"), "-");
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn one_that_another_document_declares_waits_for_nothing() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "approval": { "mode": "AutoUnlessDestructive" } })).await;
    stand.apply(Kind::Organization, "acme", json!({ "displayName": "Acme" })).await;
    stand.apply(Kind::User, "bob", json!({ "organization": "acme", "email": "bob@acme.example" })).await;
    stand.until(Kind::User, "bob", |o| says(o, "Ready") == READY).await;
    let users = json!([{ "name": "bob", "email": "bob@acme.example" }]);
    stand.delete(Kind::User, "bob").await;
    stand.apply(Kind::Organization, "acme", json!({ "displayName": "Acme", "users": users })).await;
    stand.until_gone(Kind::User, "bob").await;
    let acme = stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == READY && !o["status"]["children"].is_null()).await;
    assert_eq!(acme["status"]["children"][0]["ready"], "True");
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn everything_of_a_namespace_goes_at_once() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    stand.apply(Kind::Organization, "acme", json!({ "displayName": "Acme" })).await;
    stand.apply(Kind::Role, "clerk", json!({ "organization": "acme" })).await;
    stand.apply(Kind::User, "bob", json!({ "organization": "acme", "email": "bob@acme.example" })).await;
    stand.apply(Kind::User, "lost", json!({ "organization": "nobody", "email": "lost@acme.example" })).await;
    stand.until(Kind::User, "bob", |o| says(o, "Ready") == READY).await;
    for (kind, name) in
        [(Kind::Portal, "main"), (Kind::Organization, "acme"), (Kind::User, "bob"), (Kind::Role, "clerk"), (Kind::User, "lost")]
    {
        stand.delete(kind, name).await;
    }
    for (kind, name) in [(Kind::Organization, "acme"), (Kind::User, "bob"), (Kind::Role, "clerk"), (Kind::User, "lost")] {
        stand.until_gone(kind, name).await;
    }
    stand.end().await;
}
