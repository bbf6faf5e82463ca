//! A backup comes back without statuses, in another place: it is the same fleet, and nothing of it is made twice.

use kube::api::{ApiResource, DynamicObject, ListParams, ObjectMeta, PostParams};
use kube::{Api, Client};
use serde_json::json;
use tenantry::model::Kind;

use super::stand::{Setup, Stand, resource, says};

pub(super) fn shards() -> ApiResource {
    ApiResource {
        group: "tenantry.dev".into(),
        version: "v1alpha1".into(),
        api_version: "tenantry.dev/v1alpha1".into(),
        kind: "LedgerShard".into(),
        plural: "ledgershards".into(),
    }
}

/// Copies all objects of a kind, as a backup keeps them: names, labels, annotations and finalizers, and neither statuses nor identities.
async fn copy(from: &Stand, to: &Stand, kind: &ApiResource) -> usize {
    let saved = saved(&from.client, &from.namespace, kind).await;
    restore(&to.client, &to.namespace, kind, &saved).await;
    saved.len()
}

/// What a backup has of all objects of a kind in a namespace.
pub(super) async fn saved(client: &Client, namespace: &str, kind: &ApiResource) -> Vec<DynamicObject> {
    let all = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, kind).list(&ListParams::default()).await.unwrap().items;
    let saved = |object: DynamicObject| {
        let ObjectMeta { name, labels, annotations, finalizers, .. } = object.metadata;
        let mut data = object.data;
        data.as_object_mut().unwrap().remove("status");
        let metadata = ObjectMeta { name, labels, annotations, finalizers, ..ObjectMeta::default() };
        DynamicObject { types: object.types, metadata, data }
    };
    all.into_iter().map(saved).collect()
}

/// Makes what a backup has.
pub(super) async fn restore(client: &Client, namespace: &str, kind: &ApiResource, saved: &[DynamicObject]) {
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, kind);
    for object in saved {
        api.create(&PostParams::default(), object).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_restored_backup_without_statuses_is_the_same_fleet_and_nothing_is_made_twice() {
    let mut stand = Stand::with(Setup { ledger_in_cluster: true, ..Setup::default() }).await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    for customer in ["acme", "beta"] {
        stand.customer(customer).await;
        stand.user(&format!("bob-{customer}"), customer).await;
    }
    let mut ids = Vec::new();
    for customer in ["acme", "beta"] {
        ids.push(super::stand::id(&stand.ready(Kind::Organization, customer).await));
        ids.push(super::stand::id(&stand.ready(Kind::User, &format!("bob-{customer}")).await));
    }
    stand.at_rest().await;
    stand.stop().await;

    let mut other = stand.elsewhere().await;
    assert!(copy(&stand, &other, &shards()).await > 0, "the ledger is in the cluster");
    for kind in Kind::ALL {
        copy(&stand, &other, &resource(kind)).await;
    }
    other.start().await;
    let mut found = Vec::new();
    for customer in ["acme", "beta"] {
        let acme = other.ready(Kind::Organization, customer).await;
        assert_eq!(acme["status"]["children"][0]["address"], "user/ann", "{acme:#}");
        assert_eq!(says(&acme, "PlanPending"), "False PlannedNoChanges");
        found.push(super::stand::id(&acme));
        found.push(super::stand::id(&other.ready(Kind::User, &format!("bob-{customer}")).await));
    }
    other.at_rest().await;
    assert_eq!(found, ids, "the same objects in the portal");
    assert_eq!(other.portal().took(), [""; 0]);
    assert_eq!(other.events().await, [""; 0], "nothing happened");
    // And it goes on from there: what is taken out now is taken away.
    other.delete(Kind::User, "bob-acme").await;
    other.until_gone(Kind::User, "bob-acme").await;
    assert_eq!(other.portal().took(), ["delete acme/user/bob-acme"]);
    other.end().await;
}
