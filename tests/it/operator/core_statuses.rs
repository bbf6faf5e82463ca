//! What stands in a status: only what is true of the generation that was looked at, and nothing anew where nothing is new.

use std::time::Duration;

use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::stand::{Stand, says, words};
use crate::servers::kubernetes::Cluster;

const READY: &str = "True ReconciliationSucceeded";

/// What was written in a namespace since a moment, such as `patch organizations/status NAMESPACE/acme 200`.
async fn written(stand: &Stand, since: crate::servers::kubernetes::Mark) -> Vec<String> {
    let requests = Cluster::shared().requests_since(since).await;
    let lines = requests.iter().map(ToString::to_string);
    lines.filter(|line| line.contains(&stand.namespace) && !["get", "list", "watch"].iter().any(|verb| line.starts_with(verb))).collect()
}

/// The reasons of the events about an object, sorted.
async fn events(stand: &Stand, name: &str) -> Vec<String> {
    let all = Api::<Event>::namespaced(stand.client.clone(), &stand.namespace).list(&ListParams::default()).await.unwrap();
    let about = all.items.into_iter().filter(|e| e.regarding.as_ref().is_some_and(|r| r.name.as_deref() == Some(name)));
    let mut reasons: Vec<_> = about.map(|e| format!("{}: {}", e.reason.unwrap_or_default(), e.note.unwrap_or_default())).collect();
    reasons.sort();
    reasons
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn polls_of_two_portals_that_find_all_as_it_was_write_nothing_and_tell_of_nothing() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "interval": "1s" })).await;
    stand.apply(Kind::Portal, "second", json!({ "profile": "embedded", "endpoint": "second.db", "interval": "1s" })).await;
    let users = json!([{ "name": "ann", "email": "ann@acme.example", "administrator": true }]);
    stand.apply(Kind::Organization, "acme", json!({ "displayName": "Acme", "users": users })).await;
    stand.apply(Kind::User, "bob", json!({ "organization": "acme", "email": "bob@acme.example" })).await;
    for (kind, name) in [(Kind::Organization, "acme"), (Kind::User, "bob")] {
        let told = stand.until(kind, name, |o| says(o, "Ready") == READY).await;
        let portals: Vec<_> = told["status"]["portals"].as_array().unwrap().iter().map(|p| p["name"].clone()).collect();
        assert_eq!(portals, ["main", "second"], "Ready only when both portals have it: {:#}", told["status"]);
        assert!(told["status"]["lastAppliedTime"].is_string(), "{:#}", told["status"]);
    }
    let acme = stand.until(Kind::Organization, "acme", |o| o["status"]["children"][0]["externalId"].is_string()).await;
    assert_eq!(acme["status"]["children"][0]["address"], "user/ann");
    stand.until(Kind::Portal, "second", |o| says(o, "Ready") == READY).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (mark, before) = (Cluster::shared().mark().await, events(&stand, "bob").await);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let written = written(&stand, mark).await;
    let statuses: Vec<_> = written.iter().filter(|line| !line.contains("leases")).collect();
    assert!(statuses.is_empty(), "{statuses:#?}");
    assert_eq!(before, ["Created: create acme/user/bob in portal main: done", "Created: create acme/user/bob in portal second: done"]);
    assert_eq!(events(&stand, "bob").await, before);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_status_speaks_of_the_generation_that_was_looked_at_and_of_requests_that_a_look_came_after() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    let portal = stand.until(Kind::Portal, "main", |o| says(o, "Ready") == READY).await;
    assert_eq!(portal["status"]["observedGeneration"], 1, "a portal that serves nobody yet is ready for whoever waits for it");
    stand.apply(Kind::Organization, "acme", json!({ "displayName": "Acme" })).await;
    stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == READY).await;
    for text in ["Acme 2", "Acme 3", "Acme 4"] {
        stand.apply(Kind::Organization, "acme", json!({ "displayName": text })).await;
    }
    let is_current = |o: &Json| o["status"]["observedGeneration"] == o["metadata"]["generation"];
    let acme = stand.until(Kind::Organization, "acme", |o| is_current(o) && says(o, "Ready") == READY).await;
    assert_eq!(acme["metadata"]["generation"], 4);
    let all = acme["status"]["conditions"].as_array().unwrap();
    assert!(all.iter().all(|c| c["observedGeneration"] == 4), "{all:#?}");
    for (annotation, at) in
        [("tenantry.dev/reconcile-requested-at", "2030-01-01T00:00:00Z"), ("reconcile.fluxcd.io/requestedAt", "2030-01-01T00:00:01Z")]
    {
        stand.annotate(Kind::Organization, "acme", annotation, at).await;
        stand.until(Kind::Organization, "acme", |o| o["status"]["lastHandledReconcileAt"] == at).await;
    }
    stand.annotate(Kind::Portal, "main", "tenantry.dev/reconcile-requested-at", "2030-01-01T00:00:02Z").await;
    stand.until(Kind::Portal, "main", |o| o["status"]["lastHandledReconcileAt"] == "2030-01-01T00:00:02Z").await;
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn an_organization_with_many_inline_users_lists_some_of_them_and_how_many_more_there_are() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    let user = |n: usize| json!({ "name": format!("user-{n:04}"), "email": format!("user-{n:04}@acme.example"), "administrator": n == 0 });
    let users: Vec<_> = (0..2000).map(user).collect();
    stand.apply(Kind::Organization, "acme", json!({ "displayName": "Acme", "users": users })).await;
    let acme = stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == READY).await;
    assert_eq!(acme["status"]["children"].as_array().unwrap().len(), 500);
    assert_eq!(acme["status"]["childrenNotListed"], 1500);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_generation_that_says_the_same_is_observed_at_once() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "interval": "1h" })).await;
    let user = |name: &str| json!({ "name": name, "email": format!("{name}@acme.example"), "administrator": name == "ann" });
    let users = |names: [&str; 2]| json!({ "displayName": "Acme", "users": names.map(user) });
    stand.apply(Kind::Organization, "acme", users(["ann", "bob"])).await;
    stand.ready(Kind::Organization, "acme").await;
    stand.at_rest().await;
    stand.apply(Kind::Organization, "acme", users(["bob", "ann"])).await;
    stand.until(Kind::Organization, "acme", |o| o["metadata"]["generation"] == 2 && o["status"]["observedGeneration"] == 2).await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "interval": "60m" })).await;
    stand.until(Kind::Portal, "main", |o| o["metadata"]["generation"] == 2 && o["status"]["observedGeneration"] == 2).await;
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn an_organization_whose_deletions_a_guard_refuses_is_not_ready_and_names_the_guard() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    let user = |n: usize| json!({ "name": format!("u{n:02}"), "email": format!("u{n:02}@acme.example"), "administrator": n == 0 });
    let users = |many: usize| json!({ "displayName": "Acme", "users": (0..many).map(user).collect::<Vec<_>>() });
    stand.apply(Kind::Organization, "acme", users(30)).await;
    stand.ready(Kind::Organization, "acme").await;
    stand.apply(Kind::Organization, "acme", users(1)).await;
    let acme = stand.until(Kind::Organization, "acme", |o| o["status"]["plans"][0].is_object()).await;
    assert_eq!(says(&acme, "Ready"), "False ReconciliationFailed", "{:#}", acme["status"]);
    assert_eq!([says(&acme, "Stalled"), says(&acme, "PlanPending")], ["True GuardRefused", "True PlannedWithChanges"]);
    let digest = acme["status"]["plans"][0]["digest"].as_str().unwrap();
    let why = words(&acme, "Stalled");
    assert!(why.contains(": G") || why.starts_with('G'), "it names the guard: {why}");
    assert!(why.contains(digest) && why.contains("tenantry.dev/approved-plan"), "{why}");
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn what_a_portal_that_is_gone_said_is_taken_back_without_a_look() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "interval": "10h" })).await;
    stand.apply(Kind::Organization, "acme", json!({ "displayName": "Acme" })).await;
    stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == READY).await;
    stand.apply(Kind::Portal, "wrong", json!({ "profile": "it-conducter" })).await;
    stand.until(Kind::Organization, "acme", |o| says(o, "Ready").starts_with("False")).await;
    stand.api(Kind::Portal).delete("wrong", &kube::api::DeleteParams::default()).await.unwrap();
    stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == READY).await;
    stand.end().await;
}
