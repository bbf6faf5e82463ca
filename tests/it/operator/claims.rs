//! Names are kept by who has them, and nobody's portal takes in another's customers.

use kube::api::{Patch, PatchParams};
use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::stand::{Setup, Stand, is_ready, says, words};

const OLDER: std::time::Duration = std::time::Duration::from_millis(1100);

/// A portal in another namespace that would serve everybody.
async fn portal_for_everybody(stand: &Stand, namespace: &str, name: &str) {
    stand.apply_in(namespace, Kind::Portal, name, json!({ "profile": "embedded" })).await;
    allow(stand, namespace, Kind::Portal, name, "*").await;
}

async fn allow(stand: &Stand, namespace: &str, kind: Kind, name: &str, from: &str) {
    let patch = json!({ "metadata": { "annotations": { "tenantry.dev/allow-from": from } } });
    stand.api_in(namespace, kind).patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
}

fn counts_for_nothing(object: &Json) -> bool {
    says(object, "Stalled") == "True InvalidSpec"
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn of_two_portals_of_one_name_the_msps_own_serves_though_the_other_is_older() {
    let stand = Stand::with(Setup { beside: 1, ..Setup::default() }).await;
    let beside = &stand.beside[0];
    portal_for_everybody(&stand, beside, "main").await;
    stand.until_in(beside, Kind::Portal, "main", is_ready).await;
    tokio::time::sleep(OLDER).await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    let other = stand.until_in(beside, Kind::Portal, "main", counts_for_nothing).await;
    assert_eq!(words(&other, "Stalled"), format!("namespace {} has a Portal `main` already", stand.namespace));
    stand.customer("acme").await;
    stand.ready(Kind::Organization, "acme").await;
    assert!(is_ready(&stand.ready(Kind::Portal, "main").await));
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn of_two_portals_of_one_name_beside_the_msps_the_older_keeps_it() {
    let stand = Stand::with(Setup { beside: 2, ..Setup::default() }).await;
    // The younger one comes first in the order of names.
    let mut both = stand.beside.clone();
    both.sort();
    let [younger, older] = <[String; 2]>::try_from(both).unwrap();
    stand.apply_in(&older, Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    stand.until_in(&older, Kind::Portal, "main", is_ready).await;
    tokio::time::sleep(OLDER).await;
    stand.apply_in(&younger, Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    let other = stand.until_in(&younger, Kind::Portal, "main", counts_for_nothing).await;
    assert_eq!(words(&other, "Stalled"), format!("namespace {older} has a Portal `main` already"));
    assert!(is_ready(&serde_json::to_value(stand.api_in(&older, Kind::Portal).get("main").await.unwrap()).unwrap()));
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_strangers_portal_serves_neither_the_msp_nor_a_customer_who_does_not_name_its_namespace() {
    let stand = Stand::with(Setup { beside: 1, ..Setup::default() }).await;
    let beside = &stand.beside[0];
    portal_for_everybody(&stand, beside, "stranger").await;
    stand.customer("acme").await;
    let nora = json!({ "organization": "msp", "email": "nora@northwind-it.example", "administrator": true });
    stand.apply(Kind::User, "nora", nora).await;
    for (kind, name) in [(Kind::Organization, "acme"), (Kind::User, "nora")] {
        stand.until(kind, name, |o| says(o, "Ready") == "False DependencyNotReady").await;
    }
    // `*` is about documents: whoever serves a customer is named outright.
    allow(&stand, &stand.namespace, Kind::Organization, "acme", "*").await;
    // One of the same name makes the customer nobody else's.
    stand.apply_in(beside, Kind::Organization, "acme", json!({ "displayName": "Evil" })).await;
    stand.until_in(beside, Kind::Organization, "acme", counts_for_nothing).await;
    stand.at_rest().await;
    assert_eq!(stand.portal().performed(), [""; 0]);
    assert_eq!(says(&stand.get(Kind::Organization, "acme").await, "Ready"), "False DependencyNotReady");

    allow(&stand, &stand.namespace, Kind::Organization, "acme", beside).await;
    stand.ready(Kind::Organization, "acme").await;
    assert_eq!(stand.portal().performed(), ["create acme/organization/acme", "create acme/user/ann"]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn of_two_customers_of_one_name_and_one_second_the_one_that_was_taken_in_stays() {
    let mut stand = Stand::with(Setup { beside: 1, no_operator: true, ..Setup::default() }).await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    let beside = stand.beside[0].clone();
    allow(&stand, &stand.namespace, Kind::Portal, "main", "*").await;
    // By chance alone the other one would win: it is as old, and its uid comes first.
    let mut tried = 0;
    let name = loop {
        let name = format!("acme-{tried}");
        stand.customer(&name).await;
        stand.apply_in(&beside, Kind::Organization, &name, json!({ "displayName": "Evil" })).await;
        let first = stand.api(Kind::Organization).get(&name).await.unwrap().metadata;
        let other = stand.api_in(&beside, Kind::Organization).get(&name).await.unwrap().metadata;
        if first.creation_timestamp == other.creation_timestamp && other.uid < first.uid {
            break name;
        }
        tried += 1;
        assert!(tried < 50, "no two are made in one second");
    };
    let at = "2030-01-01T00:00:00Z";
    let ready = json!({ "type": "Ready", "status": "True", "reason": "ReconciliationSucceeded", "message": "", "lastTransitionTime": at });
    let status = json!({ "status": { "conditions": [ready] } });
    stand.api(Kind::Organization).patch_status(&name, &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
    stand.start().await;
    let other = stand.until_in(&beside, Kind::Organization, &name, counts_for_nothing).await;
    assert_eq!(words(&other, "Stalled"), format!("namespace {} has an organization `{name}` already", stand.namespace));
    stand.ready(Kind::Organization, &name).await;
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_strangers_portal_approves_nothing_that_is_to_be_done_in_the_msps() {
    let stand = Stand::with(Setup { beside: 1, ..Setup::default() }).await;
    let beside = &stand.beside[0];
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "approval": { "mode": "Manual" } })).await;
    stand.customer("acme").await;
    let waits = stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == "False AwaitingApproval").await;
    stand.apply_in(beside, Kind::Portal, "stranger", json!({ "profile": "embedded" })).await;
    let approves = json!({ "metadata": { "annotations": { "tenantry.dev/approved-plan": waits["status"]["plans"][0]["digest"] } } });
    stand.api_in(beside, Kind::Portal).patch("stranger", &PatchParams::default(), &Patch::Merge(&approves)).await.unwrap();
    stand.until_in(beside, Kind::Portal, "stranger", is_ready).await;
    stand.at_rest().await;
    assert_eq!(stand.portal().performed(), [""; 0]);
    assert_eq!(says(&stand.get(Kind::Organization, "acme").await, "Ready"), "False AwaitingApproval");
    stand.end().await;
}
