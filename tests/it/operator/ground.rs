//! What a stand stands on: a cluster with the kinds defined, and an account for operators.

use std::path::Path;
use std::time::{Duration, Instant};

use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::Api;
use kube::api::{DynamicObject, ListParams, PostParams};
use kube::config::Kubeconfig;
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::json;
use tenantry::model::Kind;

use crate::servers::kubernetes::{Cluster, client};

/// How long anything may take to come about on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// The cluster of all tests, or one of a test's own.
pub(super) enum Place {
    Shared(&'static Cluster),
    Own(Box<Cluster>),
}

impl std::ops::Deref for Place {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        match self {
            Self::Shared(cluster) => cluster,
            Self::Own(cluster) => cluster,
        }
    }
}

/// Waits until something comes about.
pub(super) async fn until<T, F: Future<Output = Option<T>>>(mut asks: impl FnMut() -> F, otherwise: impl Fn() -> String) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = asks().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", otherwise());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub(super) async fn place(own: bool) -> Place {
    static DEFINED: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    let define = async |cluster: &Cluster| cluster.apply_crds(&Path::new(env!("CARGO_MANIFEST_DIR")).join("crds")).await;
    if own {
        let cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
        define(&cluster).await;
        return Place::Own(Box::new(cluster));
    }
    let cluster = tokio::task::spawn_blocking(Cluster::shared).await.unwrap();
    DEFINED.get_or_init(|| define(cluster)).await;
    Place::Shared(cluster)
}

/// The account that operators of a namespace ask under. It may do everything: what an operator needs is another test's.
pub(super) async fn account(cluster: &Cluster, namespace: &str) -> Kubeconfig {
    let kubeconfig = cluster.kubeconfig_of_service_account(namespace, "operator").await;
    let binding = json!({
        "metadata": { "name": namespace },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": [{ "kind": "ServiceAccount", "name": "operator", "namespace": namespace }],
    });
    let binding: ClusterRoleBinding = serde_json::from_value(binding).unwrap();
    Api::all(cluster.client()).create(&PostParams::default(), &binding).await.unwrap();
    let portals: Api<DynamicObject> = Api::namespaced_with(client(kubeconfig.clone()), namespace, &resource(Kind::Portal));
    until(async || portals.list(&ListParams::default()).await.ok(), || "the binding never holds".to_owned()).await;
    kubeconfig
}

pub(super) fn resource(kind: Kind) -> ApiResource {
    let name = kind.def().name;
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("tenantry.dev", "v1alpha1", name), &format!("{}s", name.to_lowercase()))
}
