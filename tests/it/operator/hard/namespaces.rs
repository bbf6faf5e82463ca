//! A namespace is deleted: it ends, its customers stay in the portals, and the ledger goes on knowing them.
//!
//! The cluster deletes what is in it in an order of its own, and takes its time. Where the order matters no controllers run at first: a namespace
//! that somebody deletes then is marked so and nothing else, and the test deletes what is in it, as the controllers would.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::{Value as Json, json};
use tenantry::ledger::LedgerRead as _;
use tenantry::model::Kind;

use super::super::leader::{Scene, USERS};
use super::super::stand::{Setup, Stand, id, is_ready, says, until};
use crate::servers::kubernetes::Cluster;
use crate::support::name;

/// A cluster of its own without controllers, and customers in a namespace beside the operator's.
async fn beside(portal: Json, organization: Json) -> (Stand, String) {
    let stand = Stand::with(Setup { own_cluster: true, ledger_in_cluster: true, beside: 1, ..Setup::default() }).await;
    let beside = stand.beside[0].clone();
    stand.apply(Kind::Portal, "main", portal).await;
    stand.annotate(Kind::Portal, "main", "tenantry.dev/allow-from", &beside).await;
    customer(&stand, &beside, organization).await;
    stand.at_rest().await;
    stand.portal().took();
    (stand, beside)
}

/// `acme` with somebody inline and two in documents of their own: few enough that no guard asks about them. The organization comes last: whoever is
/// not there when it is counts as taken out.
async fn customer(stand: &Stand, namespace: &str, more: Json) {
    for person in ["bob", "cleo"] {
        let spec = json!({ "organization": "acme", "email": format!("{person}@acme.example") });
        stand.apply_in(namespace, Kind::User, person, spec).await;
    }
    let ann = json!({ "name": "ann", "email": "ann@acme.example", "administrator": true });
    let mut acme = json!({ "displayName": "Acme", "users": [ann] });
    acme.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    stand.apply_in(namespace, Kind::Organization, "acme", acme).await;
    for person in ["bob", "cleo"] {
        stand.until_in(namespace, Kind::User, person, is_ready).await;
    }
    stand.until_in(namespace, Kind::Organization, "acme", is_ready).await;
}

async fn delete_namespace(stand: &Stand, namespace: &str) {
    Api::<Namespace>::all(stand.client.clone()).delete(namespace, &DeleteParams::default()).await.unwrap();
}

/// What the controllers do to an object of a namespace that goes.
async fn delete_in(stand: &Stand, namespace: &str, kind: Kind, name: &str) {
    stand.api_in(namespace, kind).delete(name, &DeleteParams::default()).await.unwrap();
}

async fn until_gone_in(stand: &Stand, namespace: &str, kind: Kind, name: &str) {
    let gone = async || stand.api_in(namespace, kind).get_opt(name).await.unwrap().is_none().then_some(());
    until(gone, || format!("{kind} {name} stays")).await;
}

/// Starts the cluster's controllers, and waits until a namespace is gone.
async fn ends(stand: &Stand, namespace: &str) {
    let cluster = Arc::clone(&stand.cluster);
    tokio::task::spawn_blocking(move || cluster.start_controllers()).await.unwrap();
    let namespaces = Api::<Namespace>::all(stand.client.clone());
    let last = std::sync::Mutex::new(Json::Null);
    let gone = async || {
        let found = namespaces.get_opt(namespace).await.unwrap();
        *last.lock().unwrap() = serde_json::to_value(&found).unwrap();
        found.is_none().then_some(())
    };
    until(gone, || format!("namespace {namespace} stays: {:#}", last.lock().unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes_controllers), ignore = "needs Kubernetes with its controllers: run tests/servers/install")]
async fn whatever_goes_first_of_a_namespace_nothing_is_deleted_and_the_customer_is_the_same_where_it_is_declared_next() {
    let (stand, beside) = beside(json!({ "profile": "embedded" }), json!({})).await;
    let acme = id(&serde_json::to_value(stand.api_in(&beside, Kind::Organization).get("acme").await.unwrap()).unwrap());
    delete_namespace(&stand, &beside).await;
    // Its people before their organization, one after the other.
    for person in ["bob", "cleo"] {
        delete_in(&stand, &beside, Kind::User, person).await;
        until_gone_in(&stand, &beside, Kind::User, person).await;
    }
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0], "a namespace that goes offboards nobody");
    ends(&stand, &beside).await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    let state = stand.ledger().await.read(&name("main"), &[name("acme")]).await.unwrap().remove(0);
    let known: Vec<_> = state.rows.keys().map(ToString::to_string).collect();
    assert_eq!(known, ["acme/organization/acme", "acme/user/ann", "acme/user/bob", "acme/user/cleo"], "it is ours as before");
    assert!(state.intents.is_empty(), "{:?}", state.intents);

    let home = stand.namespace.clone();
    customer(&stand, &home, json!({})).await;
    stand.at_rest().await;
    assert_eq!(id(&stand.get(Kind::Organization, "acme").await), acme);
    assert_eq!(stand.portal().took(), [""; 0], "the same customer, and nothing of it made anew");
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes_controllers), ignore = "needs Kubernetes with its controllers: run tests/servers/install")]
async fn a_namespace_that_goes_deletes_no_customer_and_waits_for_nobody_whatever_the_policy_says() {
    let policy = json!({ "profile": "embedded", "deletionPolicy": { "organizations": "Delete" } });
    let (stand, beside) = beside(policy, json!({ "deletionPolicy": "Delete" })).await;
    delete_namespace(&stand, &beside).await;
    delete_in(&stand, &beside, Kind::Organization, "acme").await;
    until_gone_in(&stand, &beside, Kind::Organization, "acme").await;
    ends(&stand, &beside).await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes_controllers), ignore = "needs Kubernetes with its controllers: run tests/servers/install")]
async fn a_document_that_waited_for_approval_before_its_namespace_went_is_let_go() {
    let portal = json!({ "profile": "embedded", "approval": { "mode": "AutoUnlessDestructive" } });
    let (stand, beside) = beside(portal, json!({})).await;
    delete_in(&stand, &beside, Kind::User, "bob").await;
    stand.until_in(&beside, Kind::User, "bob", |o| says(o, "Ready") == "False AwaitingApproval").await;
    delete_namespace(&stand, &beside).await;
    ends(&stand, &beside).await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0], "nobody approved it");
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes_controllers), ignore = "needs Kubernetes with its controllers: run tests/servers/install")]
async fn a_namespace_with_its_own_portal_secret_and_ledger_goes_with_all_that_is_in_it() {
    // The operator is elsewhere: what it is in the cluster by is not deleted with the namespace.
    let scene = Scene::new().await;
    tokio::task::spawn_blocking(|| Cluster::shared().start_controllers()).await.unwrap();
    let operator = scene.operator("elsewhere", &Cluster::shared().kubeconfig_file());
    scene.declare().await;
    scene.apply(Kind::User, "zoe", json!({ "organization": "acme", "email": "zoe@acme.example" })).await;
    let held = async || {
        let zoe = serde_json::to_value(scene.api(Kind::User).get("zoe").await.unwrap()).unwrap();
        (is_ready(&zoe) && !zoe["metadata"]["finalizers"].is_null()).then_some(())
    };
    until(held, || format!("never ready: {:#?}", operator.said.lock().unwrap())).await;
    let namespaces = Api::<Namespace>::all(scene.client.clone());
    namespaces.delete(&scene.namespace, &DeleteParams::default()).await.unwrap();
    let gone = async || namespaces.get_opt(&scene.namespace).await.unwrap().is_none().then_some(());
    until(gone, || format!("the namespace stays: {:#?}", operator.said.lock().unwrap())).await;
    let deleted: Vec<_> = scene.proxy.asked().into_iter().filter(|line| line.starts_with("DELETE ")).collect();
    assert_eq!(deleted, [""; 0]);
    let there = scene.sandbox.keys("/api/v1/users").await;
    assert_eq!(there.len(), USERS.len() + 1, "{there:?}; asked: {:#?}", scene.proxy.asked());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes_controllers), ignore = "needs Kubernetes with its controllers: run tests/servers/install")]
async fn an_operator_that_ends_because_its_namespace_goes_lets_go_of_what_is_in_it() {
    let mut stand = Stand::with(Setup { own_cluster: true, ledger_in_cluster: true, ..Setup::default() }).await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    let home = stand.namespace.clone();
    customer(&stand, &home, json!({})).await;
    stand.at_rest().await;
    stand.portal().took();
    delete_namespace(&stand, &home).await;
    // A cluster ends the programs of a namespace before it deletes anything else there.
    let portal = stand.stop().await;
    ends(&stand, &home).await;
    assert_eq!(portal.took(), [""; 0]);
}
