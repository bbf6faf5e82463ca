//! Documents that cannot be taken in: nothing goes with them, and they do and say nothing for the customer that they claim.

use std::time::Duration;

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::stand::{Setup, Stand, is_ready, says, words};

async fn two(mode: &str) -> Stand {
    let stand = Stand::with(Setup { beside: 1, ..Setup::default() }).await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "approval": { "mode": mode } })).await;
    stand.annotate(Kind::Portal, "main", "tenantry.dev/allow-from", "*").await;
    stand
}

fn user(name: &str) -> Json {
    json!({ "organization": "acme", "email": format!("{name}@acme.example") })
}

async fn until_left_out(stand: &Stand, namespace: &str, kind: Kind, name: &str) -> Json {
    stand.until_in(namespace, kind, name, |o| says(o, "Stalled") == "True InvalidSpec").await
}

async fn annotate_in(stand: &Stand, namespace: &str, kind: Kind, name: &str, metadata: Json) {
    let patch = Patch::Merge(json!({ "metadata": metadata }));
    stand.api_in(namespace, kind).patch(name, &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn what_a_namespace_declared_that_is_not_allowed_any_more_stays_until_its_document_is_deleted() {
    let mut stand = two("Auto").await;
    let beside = stand.beside[0].clone();
    stand.customer("acme").await;
    stand.annotate(Kind::Organization, "acme", "tenantry.dev/allow-from", &beside).await;
    stand.apply_in(&beside, Kind::User, "eve", user("eve")).await;
    stand.until_in(&beside, Kind::User, "eve", is_ready).await;
    stand.portal().took();
    stand.annotate(Kind::Organization, "acme", "tenantry.dev/allow-from", "elsewhere").await;
    until_left_out(&stand, &beside, Kind::User, "eve").await;
    stand.look("acme").await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    // Who begins anew knows it from the id that the portal has.
    stand.stop().await;
    stand.start().await;
    stand.at_rest().await;
    stand.look("acme").await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.api_in(&beside, Kind::User).delete("eve", &DeleteParams::default()).await.unwrap();
    stand.until(Kind::Organization, "acme", |_| !stand.portal().performed().is_empty()).await;
    assert_eq!(stand.portal().took(), ["delete acme/user/eve"]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_secret_that_may_not_be_named_makes_the_customer_invalid_and_a_label_is_no_secret() {
    let stand = two("Auto").await;
    let ann = json!({ "name": "ann", "email": "ann@acme.example", "administrator": true });
    stand.apply(Kind::Organization, "acme", json!({ "displayName": "Acme", "labels": { "env": "prod" }, "users": [ann] })).await;
    stand.ready(Kind::Organization, "acme").await;
    stand.secret("cloud", json!({ "key": "swordfish" })).await;
    let cloud = |secret: Json| json!({ "organization": "acme", "type": "aws", "displayName": "Cloud", "secrets": { "key": secret } });
    stand.apply(Kind::Integration, "cloud", cloud(json!({ "secretKeyRef": { "name": "cloud", "key": "key" } }))).await;
    stand.ready(Kind::Integration, "cloud").await;
    stand.portal().took();
    stand.apply(Kind::Integration, "cloud", cloud(json!({ "env": "PATH" }))).await;
    let acme = until_left_out(&stand, &stand.namespace, Kind::Organization, "acme").await;
    assert!(words(&acme, "Stalled").contains("acme/integration/cloud: in a cluster secrets are named by `secretKeyRef`"), "{acme:#}");
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_duplicate_that_is_being_deleted_is_shown_nothing_and_approves_nothing() {
    let stand = two("AutoUnlessDestructive").await;
    // The duplicate comes first wherever documents are taken in their order.
    let mut places = [stand.namespace.clone(), stand.beside[0].clone()];
    places.sort();
    let [evil, real] = &places;
    let users = |names: &[&str]| names.iter().map(|n| json!({ "name": n, "email": format!("{n}@acme.example") })).collect::<Vec<_>>();
    stand.apply_in(real, Kind::Organization, "acme", json!({ "displayName": "Acme", "users": users(&["ann", "bob"]) })).await;
    stand.until_in(real, Kind::Organization, "acme", is_ready).await;
    stand.portal().took();
    // Times of creation have whole seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    stand.apply_in(evil, Kind::Organization, "acme", json!({ "displayName": "Evil" })).await;
    until_left_out(&stand, evil, Kind::Organization, "acme").await;
    stand.apply_in(real, Kind::Organization, "acme", json!({ "displayName": "Acme", "users": users(&["ann"]) })).await;
    let waits = stand.until_in(real, Kind::Organization, "acme", |o| !o["status"]["plans"][0].is_null()).await;
    let children = waits["status"]["children"].as_array().unwrap();
    assert!(children.iter().any(|c| c["address"] == "user/bob" && c["ready"] == "False"), "the real one tells: {waits:#}");

    let object = stand.api_in(evil, Kind::Organization).get("acme").await.unwrap();
    let annotations = json!({
        "tenantry.dev/deletion-approved": object.metadata.uid.unwrap(),
        "tenantry.dev/approved-plan": waits["status"]["plans"][0]["digest"],
    });
    annotate_in(&stand, evil, Kind::Organization, "acme", json!({ "annotations": annotations, "finalizers": ["example.com/held"] })).await;
    stand.api_in(evil, Kind::Organization).delete("acme", &DeleteParams::default()).await.unwrap();
    stand.at_rest().await;
    let seen = stand.portal().reads();
    let asked = json!({ "annotations": { "tenantry.dev/reconcile-requested-at": "2030-01-01T00:00:00Z" } });
    annotate_in(&stand, evil, Kind::Organization, "acme", asked).await;
    stand.at_rest().await;
    assert_eq!(stand.portal().reads(), seen, "it wakes nobody");
    let evil_one = serde_json::to_value(stand.api_in(evil, Kind::Organization).get("acme").await.unwrap()).unwrap();
    assert_eq!((&evil_one["status"]["plans"], &evil_one["status"]["children"]), (&json!([]), &json!(null)), "{evil_one:#}");
    assert_eq!(says(&evil_one, "Stalled"), "True InvalidSpec");
    assert_eq!(stand.portal().took(), [""; 0]);
    annotate_in(&stand, evil, Kind::Organization, "acme", json!({ "finalizers": null })).await;
    stand.end().await;
}
