//! An API server that refuses for a while: what could not be written or read is tried again, and nobody need declare anything for it.

use std::time::Duration;

use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;
use tenantry::model::Kind;

use super::stand::{Stand, is_ready, until};
use crate::servers::kubernetes::Mark;

/// Takes all rights from the operator's account; what gives them back.
async fn forbidden(stand: &Stand) -> ClusterRoleBinding {
    let bindings = Api::<ClusterRoleBinding>::all(stand.client.clone());
    let mut binding = bindings.get(&stand.namespace).await.unwrap();
    bindings.delete(&stand.namespace, &DeleteParams::default()).await.unwrap();
    (binding.metadata.resource_version, binding.metadata.uid) = (None, None);
    // Rights are known to the API server a little later.
    tokio::time::sleep(Duration::from_secs(2)).await;
    binding
}

async fn allowed(stand: &Stand, binding: &ClusterRoleBinding) {
    Api::all(stand.client.clone()).create(&PostParams::default(), binding).await.unwrap();
}

/// Waits until the operator was refused something.
async fn refused(stand: &Stand, mark: Mark, what: &str) {
    let seen = async || stand.asked(mark).await.iter().any(|line| line.contains(what) && line.ends_with(" 403")).then_some(());
    until(seen, || format!("{what} was never refused")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_status_that_could_not_be_written_is_written_without_another_look() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "interval": "1h" })).await;
    stand.customer("acme").await;
    stand.ready(Kind::Organization, "acme").await;
    stand.at_rest().await;
    let binding = forbidden(&stand).await;
    let mark = stand.mark().await;
    stand.user("bob", "acme").await;
    until(async || stand.portal().performed().contains(&"create acme/user/bob".to_owned()).then_some(()), || "bob is not made".to_owned())
        .await;
    refused(&stand, mark, "users.tenantry.dev/status").await;
    // Until the visit is over.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let reads = stand.portal().reads();
    allowed(&stand, &binding).await;
    stand.until(Kind::User, "bob", |o| is_ready(o) && !o["metadata"]["finalizers"].is_null()).await;
    assert_eq!(stand.portal().reads(), reads, "nobody looked at the portal for it");
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_secret_that_could_not_be_read_is_read_without_anything_being_declared() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "interval": "1h" })).await;
    stand.customer("acme").await;
    stand.secret("hook-token", json!({ "token": "canary-refused-51d0" })).await;
    stand.ready(Kind::Organization, "acme").await;
    stand.at_rest().await;
    let binding = forbidden(&stand).await;
    let mark = stand.mark().await;
    let token = json!({ "secretKeyRef": { "name": "hook-token", "key": "token" } });
    let hook = json!({ "organization": "acme", "type": "webhook", "displayName": "Hook", "secrets": { "token": token } });
    stand.apply(Kind::Integration, "hook", hook).await;
    refused(&stand, mark, "get secrets").await;
    allowed(&stand, &binding).await;
    stand.ready(Kind::Integration, "hook").await;
    stand.end().await;
}
