//! Custom resource definitions go while the operator runs, and come back.

use std::path::Path;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use kube::core::{ApiResource, DynamicObject};
use serde_json::{Value as Json, json};
use tenantry::ledger::{AuditRecord, Ledger as _, LedgerRead as _};
use tenantry::model::Kind;

use super::super::restart_backup::{restore, saved, shards};
use super::super::stand::{Setup, Stand, id, is_ready, resource, says, until, words};

/// A customer with somebody inline and two in documents of their own: few enough that no guard asks about them.
async fn in_step() -> Stand {
    let stand = Stand::with(Setup { own_cluster: true, ledger_in_cluster: true, ..Setup::default() }).await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "retryInterval": "1s" })).await;
    stand.customer("acme").await;
    for person in ["bob", "cleo"] {
        stand.user(person, "acme").await;
        stand.ready(Kind::User, person).await;
    }
    stand.ready(Kind::Organization, "acme").await;
    stand.at_rest().await;
    stand.portal().took();
    stand
}

fn definitions(stand: &Stand) -> Api<CustomResourceDefinition> {
    Api::all(stand.client.clone())
}

async fn until_undefined(stand: &Stand, name: &str) {
    let last = std::sync::Mutex::new(Json::Null);
    let gone = async || {
        let found = definitions(stand).get_opt(name).await.unwrap();
        *last.lock().unwrap() = serde_json::to_value(found.as_ref().and_then(|f| f.status.clone())).unwrap();
        found.is_none().then_some(())
    };
    until(gone, || format!("{name} stays: {:#}", last.lock().unwrap()["conditions"])).await;
}

async fn define(stand: &Stand) {
    stand.cluster.apply_crds(&Path::new(env!("CARGO_MANIFEST_DIR")).join("crds")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_definition_that_goes_deletes_nobody_and_when_it_is_back_all_is_as_before() {
    let stand = in_step().await;
    let people = saved(&stand.client, &stand.namespace, &resource(Kind::User)).await;
    definitions(&stand).delete("users.tenantry.dev", &DeleteParams::default()).await.unwrap();
    stand.until(Kind::User, "bob", |o| !o["metadata"]["deletionTimestamp"].is_null()).await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0], "nobody deleted a person");
    // Everything else goes on.
    stand.patch(Kind::Organization, "acme", json!({ "spec": { "displayName": "Acme Tools" } })).await;
    stand.until(Kind::Organization, "acme", |o| o["metadata"]["generation"] == 2 && is_ready(o)).await;
    assert_eq!(stand.portal().took(), ["update acme/organization/acme"]);
    assert!(stand.api(Kind::User).get_opt("bob").await.unwrap().is_some(), "it is held");

    // Whoever means it suspends the portals: then nothing there follows from it.
    stand.patch(Kind::Portal, "main", json!({ "spec": { "suspend": true } })).await;
    until_undefined(&stand, "users.tenantry.dev").await;
    define(&stand).await;
    restore(&stand.client, &stand.namespace, &resource(Kind::User), &people).await;
    // A kind that is back is found again by and by.
    stand.until(Kind::User, "bob", |o| !o["status"]["conditions"].is_null()).await;
    stand.patch(Kind::Portal, "main", json!({ "spec": { "suspend": false } })).await;
    for person in ["bob", "cleo"] {
        stand.ready(Kind::User, person).await;
    }
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_definition_that_goes_holds_the_paused_and_the_left_out_too_and_while_it_is_missing_nobody_is_deleted() {
    let stand = Stand::with(Setup { own_cluster: true, ledger_in_cluster: true, beside: 1, ..Setup::default() }).await;
    let beside = stand.beside[0].clone();
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "retryInterval": "1s" })).await;
    stand.customer("acme").await;
    stand.annotate(Kind::Organization, "acme", "tenantry.dev/allow-from", &beside).await;
    stand.user("bob", "acme").await;
    stand.apply_in(&beside, Kind::User, "eve", json!({ "organization": "acme", "email": "eve@acme.example" })).await;
    stand.ready(Kind::User, "bob").await;
    stand.until_in(&beside, Kind::User, "eve", is_ready).await;
    stand.annotate(Kind::User, "bob", "tenantry.dev/paused", "true").await;
    stand.annotate(Kind::Organization, "acme", "tenantry.dev/allow-from", "elsewhere").await;
    stand.until_in(&beside, Kind::User, "eve", |o| says(o, "Stalled") == "True InvalidSpec").await;
    stand.at_rest().await;
    stand.portal().took();
    definitions(&stand).delete("users.tenantry.dev", &DeleteParams::default()).await.unwrap();
    let deleted = |o: &Json| !o["metadata"]["deletionTimestamp"].is_null();
    stand.until(Kind::User, "bob", deleted).await;
    stand.until_in(&beside, Kind::User, "eve", deleted).await;
    stand.at_rest().await;
    stand.look("acme").await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0], "nobody deleted a person");
    assert!(stand.api(Kind::User).get_opt("bob").await.unwrap().is_some(), "who is paused is held");
    assert!(stand.api_in(&beside, Kind::User).get_opt("eve").await.unwrap().is_some(), "who counts for nothing is held");

    stand.patch(Kind::Portal, "main", json!({ "spec": { "suspend": true } })).await;
    until_undefined(&stand, "users.tenantry.dev").await;
    // Resumed too early: nothing says yet that anybody is not declared any more.
    stand.patch(Kind::Portal, "main", json!({ "spec": { "suspend": false } })).await;
    stand.patch(Kind::Organization, "acme", json!({ "spec": { "displayName": "Acme Tools" } })).await;
    stand.until(Kind::Organization, "acme", |_| !stand.portal().performed().is_empty()).await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), ["update acme/organization/acme"]);
    stand.end().await;
}

/// Everything in the namespace, as a backup has it.
async fn backup(stand: &Stand) -> Vec<(ApiResource, Vec<DynamicObject>)> {
    let mut all = Vec::new();
    for kind in std::iter::once(shards()).chain(Kind::ALL.map(resource)) {
        let objects = saved(&stand.client, &stand.namespace, &kind).await;
        all.push((kind, objects));
    }
    all
}

/// Takes all definitions away at once, as `kubectl delete -f crds/` does, and brings them back.
async fn undefined_and_back(stand: &Stand) {
    let all = definitions(stand).list(&ListParams::default()).await.unwrap().items;
    let names: Vec<String> = all.into_iter().filter_map(|d| d.metadata.name).filter(|n| n.ends_with(".tenantry.dev")).collect();
    assert!(names.len() > Kind::ALL.len(), "{names:?}");
    for name in &names {
        definitions(stand).delete(name, &DeleteParams::default()).await.unwrap();
    }
    for name in &names {
        until_undefined(stand, name).await;
    }
    assert_eq!(stand.portal().took(), [""; 0], "nothing is deleted with them");
    define(stand).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn when_all_definitions_went_and_a_backup_is_restored_it_is_the_same_fleet() {
    let stand = in_step().await;
    let bob = id(&stand.get(Kind::User, "bob").await);
    let saved = backup(&stand).await;
    undefined_and_back(&stand).await;
    for (kind, objects) in &saved {
        restore(&stand.client, &stand.namespace, kind, objects).await;
    }
    assert_eq!(id(&stand.ready(Kind::User, "bob").await), bob);
    stand.ready(Kind::Organization, "acme").await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    // And it goes on from there.
    stand.delete(Kind::User, "bob").await;
    stand.until_gone(Kind::User, "bob").await;
    assert_eq!(stand.portal().took(), ["delete acme/user/bob"]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn when_all_definitions_went_with_the_ledger_nothing_is_made_twice_and_claiming_goes_on() {
    let mut stand = in_step().await;
    let bob = id(&stand.get(Kind::User, "bob").await);
    let installation = stand.ledger().await.identity().await.unwrap().installation;
    let saved = backup(&stand).await;
    undefined_and_back(&stand).await;
    for (kind, objects) in saved.iter().filter(|(kind, _)| kind.plural != shards().plural) {
        restore(&stand.client, &stand.namespace, kind, objects).await;
    }
    let acme = stand.until(Kind::Organization, "acme", |o| words(o, "Ready").contains("installation")).await;
    assert!(!is_ready(&acme), "{acme:#}");
    stand.at_rest().await;
    let portal = stand.stop().await;
    assert_eq!(portal.took(), [""; 0], "nothing is done without a ledger");

    stand.start().await;
    stand.until(Kind::Organization, "acme", |o| words(o, "Ready").contains(&*installation)).await;
    let record = AuditRecord {
        at: jiff::Timestamp::now(),
        who: "tess@msp".to_owned(),
        ticket: None,
        plan: String::new(),
        approval: "claim".to_owned(),
        portal: crate::support::name("main"),
        address: "acme/organization/acme".parse().unwrap(),
        request: "claim".to_owned(),
        result: "done".to_owned(),
    };
    stand.ledger().await.claim(&installation, record).await.unwrap();
    stand.look("acme").await;
    assert_eq!(id(&stand.ready(Kind::User, "bob").await), bob);
    stand.ready(Kind::Organization, "acme").await;
    assert_eq!(stand.portal().took().iter().filter(|line| line.starts_with("create") || line.starts_with("delete")).count(), 0);
    stand.end().await;
}
