//! An operator starts again while a deleted document is held: it goes when it should, and no earlier.

use std::time::{Duration, Instant};

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::super::leader::{Operator, Scene};
use super::super::stand::{is_ready, says};
use crate::servers::kubernetes::Cluster;

const PATIENCE: Duration = Duration::from_secs(90);
const HELD: &str = "tenantry.dev/finalizer";

/// A customer with a person in a document of their own, as declared.
async fn ready(portal: Json) -> (Scene, Operator) {
    let scene = Scene::new().await;
    let mut of_scene = scene.portal();
    of_scene.as_object_mut().unwrap().extend(portal.as_object().unwrap().clone());
    scene.apply(Kind::Portal, "main", of_scene).await;
    let ann = json!({ "name": "ann", "email": "ann@acme.example", "administrator": true });
    scene.apply(Kind::Organization, "acme", json!({ "displayName": "Acme", "users": [ann] })).await;
    scene.apply(Kind::User, "bob", json!({ "organization": "acme", "email": "bob@acme.example" })).await;
    let operator = started(&scene).await;
    // A status is written before the finalizer.
    until(&scene, &operator, Kind::User, "bob", |o| is_ready(o) && o["metadata"]["finalizers"] == json!([HELD])).await;
    until(&scene, &operator, Kind::Organization, "acme", is_ready).await;
    scene.proxy.passes();
    (scene, operator)
}

async fn started(scene: &Scene) -> Operator {
    let operator = scene.operator("operator", &Cluster::shared().kubeconfig_file());
    operator.until("began to lead", PATIENCE).await;
    operator
}

/// Ends an operator by a signal.
async fn ended(mut operator: Operator, signal: &str) {
    operator.signal(signal);
    operator.ends(Duration::from_secs(30)).await;
}

async fn until(scene: &Scene, operator: &Operator, kind: Kind, name: &str, holds: impl Fn(&Json) -> bool) -> Json {
    let begun = Instant::now();
    loop {
        let object = scene.api(kind).get_opt(name).await.unwrap().map(|o| serde_json::to_value(o).unwrap());
        if let Some(object) = object.as_ref().filter(|o| holds(o)) {
            return object.clone();
        }
        assert!(begun.elapsed() < PATIENCE, "{kind} {name} never said so: {object:#?}; {:#?}", operator.said.lock().unwrap());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn until_gone(scene: &Scene, operator: &Operator, kind: Kind, name: &str) {
    let begun = Instant::now();
    while let Some(object) = scene.api(kind).get_opt(name).await.unwrap() {
        let object = serde_json::to_value(object).unwrap();
        assert!(begun.elapsed() < PATIENCE, "{kind} {name} stays: {object:#}; {:#?}", operator.said.lock().unwrap());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn annotate(scene: &Scene, kind: Kind, name: &str, annotation: &str, value: &str) {
    let patch = Patch::Merge(json!({ "metadata": { "annotations": { annotation: value } } }));
    scene.api(kind).patch(name, &PatchParams::default(), &patch).await.unwrap();
}

async fn delete(scene: &Scene, kind: Kind, name: &str) {
    scene.api(kind).delete(name, &DeleteParams::default()).await.unwrap();
}

/// Waits for a look that begins from now on.
async fn looked_at(scene: &Scene, operator: &Operator) {
    let moment = uuid::Uuid::now_v7().to_string();
    annotate(scene, Kind::Organization, "acme", "tenantry.dev/reconcile-requested-at", &moment).await;
    until(scene, operator, Kind::Organization, "acme", |o| o["status"]["lastHandledReconcileAt"] == *moment).await;
}

/// What was deleted in the portal.
fn deletions(scene: &Scene) -> Vec<String> {
    scene.proxy.asked().into_iter().filter(|line| line.starts_with("DELETE ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_deletion_that_awaits_approval_is_held_over_restarts_and_done_once_when_it_is_approved() {
    let (scene, mut operator) = ready(json!({ "approval": { "mode": "AutoUnlessDestructive" } })).await;
    delete(&scene, Kind::User, "bob").await;
    let awaits = |o: &Json| says(o, "Ready") == "False AwaitingApproval";
    let mut bob = until(&scene, &operator, Kind::User, "bob", awaits).await;
    for signal in ["-KILL", "-TERM"] {
        ended(operator, signal).await;
        operator = started(&scene).await;
        looked_at(&scene, &operator).await;
        bob = until(&scene, &operator, Kind::User, "bob", awaits).await;
        assert_eq!(bob["metadata"]["finalizers"], json!([HELD]), "after {signal}");
        assert_eq!(deletions(&scene), [""; 0], "after {signal}");
    }
    // Approved while nobody is there.
    ended(operator, "-KILL").await;
    annotate(&scene, Kind::User, "bob", "tenantry.dev/deletion-approved", bob["metadata"]["uid"].as_str().unwrap()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    operator = started(&scene).await;
    until_gone(&scene, &operator, Kind::User, "bob").await;
    assert_eq!(deletions(&scene).len(), 1, "{:#?}", scene.proxy.asked());
    assert_eq!(scene.sandbox.keys("/api/v1/users").await, ["ann@acme.example"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_deletion_that_awaits_a_portal_is_held_over_restarts_and_done_once_when_the_portal_is_back() {
    let (scene, mut operator) = ready(json!({ "retryInterval": "1s" })).await;
    scene.proxy.is_away(true);
    delete(&scene, Kind::User, "bob").await;
    let waits = |o: &Json| says(o, "Ready") == "False ReconciliationFailed";
    until(&scene, &operator, Kind::User, "bob", waits).await;
    for signal in ["-KILL", "-TERM"] {
        ended(operator, signal).await;
        operator = started(&scene).await;
        looked_at(&scene, &operator).await;
        let bob = until(&scene, &operator, Kind::User, "bob", waits).await;
        assert_eq!(bob["metadata"]["finalizers"], json!([HELD]), "after {signal}");
    }
    ended(operator, "-KILL").await;
    scene.proxy.is_away(false);
    operator = started(&scene).await;
    until_gone(&scene, &operator, Kind::User, "bob").await;
    assert_eq!(deletions(&scene).len(), 1, "{:#?}", scene.proxy.asked());
    assert_eq!(scene.sandbox.keys("/api/v1/users").await, ["ann@acme.example"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_deletion_whose_portal_was_deleted_while_nobody_was_there_is_let_go_and_nothing_is_called() {
    let (scene, mut operator) = ready(json!({ "approval": { "mode": "AutoUnlessDestructive" } })).await;
    delete(&scene, Kind::User, "bob").await;
    until(&scene, &operator, Kind::User, "bob", |o| says(o, "Ready") == "False AwaitingApproval").await;
    ended(operator, "-KILL").await;
    delete(&scene, Kind::Portal, "main").await;
    // And one that is deleted with nobody there at all.
    delete(&scene, Kind::Organization, "acme").await;
    let before = scene.proxy.asked().len();
    operator = started(&scene).await;
    until_gone(&scene, &operator, Kind::User, "bob").await;
    until_gone(&scene, &operator, Kind::Organization, "acme").await;
    assert_eq!(scene.proxy.asked().len(), before, "{:#?}", scene.proxy.asked());
    let mut there = scene.sandbox.keys("/api/v1/users").await;
    there.sort();
    assert_eq!(there, ["ann@acme.example", "bob@acme.example"]);
    ended(operator, "-TERM").await;
}
