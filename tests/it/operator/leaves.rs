//! A customer whose document is deleted, where the policy is to delete it in the portal as well.

use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::stand::{Stand, is_ready, says};

const FINALIZER: &str = "tenantry.dev/finalizer";
const GONE: &str = "delete acme/organization/acme";

/// A portal that serves `acme` alone, with two customers in its namespace.
async fn two(deletion: Json, customer: Json) -> Stand {
    let stand = Stand::new().await;
    let mut portal = json!({ "profile": "embedded", "organizations": { "names": ["acme"] } });
    portal.as_object_mut().unwrap().extend(deletion.as_object().unwrap().clone());
    stand.apply(Kind::Portal, "main", portal).await;
    let ann = json!({ "name": "ann", "email": "ann@acme.example", "administrator": true });
    let mut acme = json!({ "displayName": "Acme", "users": [ann] });
    acme.as_object_mut().unwrap().extend(customer.as_object().unwrap().clone());
    stand.apply(Kind::Organization, "acme", acme).await;
    stand.apply(Kind::Group, "plant", json!({ "organization": "acme", "displayName": "Plant" })).await;
    let bob = json!({ "organization": "acme", "email": "bob@acme.example", "groups": ["plant"] });
    stand.apply(Kind::User, "bob", bob).await;
    stand.customer("beta").await;
    stand.ready(Kind::User, "bob").await;
    stand.ready(Kind::Organization, "acme").await;
    stand.at_rest().await;
    stand.portal().took();
    stand
}

/// Deletes all that is declared of `acme` at once; its organization, once that waits for somebody.
async fn deleted(stand: &Stand) -> Json {
    for (kind, name) in [(Kind::Group, "plant"), (Kind::Organization, "acme"), (Kind::User, "bob")] {
        stand.delete(kind, name).await;
    }
    let waits = |o: &Json| {
        says(o, "Stalled") == "True GuardRefused" && o["status"]["plans"][0]["text"].to_string().contains("acme/organization/acme")
    };
    let acme = stand.until(Kind::Organization, "acme", waits).await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0], "nobody approved it");
    for (kind, name) in [(Kind::Group, "plant"), (Kind::Organization, "acme"), (Kind::User, "bob")] {
        assert_eq!(stand.get(kind, name).await["metadata"]["finalizers"], json!([FINALIZER]), "{kind} {name}");
    }
    acme
}

/// Waits until all of `acme` is gone, and looks at who is left.
async fn gone(stand: &Stand) {
    for (kind, name) in [(Kind::Organization, "acme"), (Kind::User, "bob"), (Kind::Group, "plant")] {
        stand.until_gone(kind, name).await;
    }
    stand.at_rest().await;
    let took = stand.portal().took();
    assert!(took.contains(&GONE.to_owned()), "{took:?}");
    assert!(took.iter().all(|line| line.starts_with("delete acme/")), "{took:?}");
    let portal = stand.get(Kind::Portal, "main").await;
    assert!(is_ready(&portal), "a name that is gone costs nobody else anything: {portal:#}");
    let beta = stand.get(Kind::Organization, "beta").await;
    assert_eq!(says(&beta, "Ready"), "False DependencyNotReady", "who was not named is not served now: {beta:#}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn where_the_portal_says_delete_the_customer_goes_once_its_deletion_is_approved() {
    let stand = two(json!({ "deletionPolicy": { "organizations": "Delete" } }), json!({})).await;
    let acme = deleted(&stand).await;
    let uid = acme["metadata"]["uid"].as_str().unwrap();
    stand.annotate(Kind::Organization, "acme", "tenantry.dev/deletion-approved", uid).await;
    gone(&stand).await;
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn where_the_customer_itself_says_delete_it_goes_once_the_digest_is_approved() {
    let stand = two(json!({}), json!({ "deletionPolicy": "Delete" })).await;
    let acme = deleted(&stand).await;
    let digest = acme["status"]["plans"][0]["digest"].as_str().unwrap();
    stand.annotate(Kind::Organization, "acme", "tenantry.dev/approved-plan", digest).await;
    gone(&stand).await;
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_customer_who_says_orphan_stays_in_a_portal_that_says_delete() {
    let stand = two(json!({ "deletionPolicy": { "organizations": "Delete" } }), json!({ "deletionPolicy": "Orphan" })).await;
    stand.delete(Kind::Organization, "acme").await;
    stand.until_gone(Kind::Organization, "acme").await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    assert!(is_ready(&stand.get(Kind::Portal, "main").await));
    stand.end().await;
}
