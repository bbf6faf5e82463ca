//! What only a ledger in a cluster promises, and what its tests are set up with.

mod access;
mod gate;
mod races;
mod shapes;

use std::future::Future;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use tenantry::ledger::kubernetes::{KubernetesLedger, KubernetesReader};

use super::*;
use crate::servers::kubernetes::Cluster;

/// The kind, as it is shipped.
fn kind() -> CustomResourceDefinition {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("crds/ledgershards.tenantry.dev.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Defines the kind, once.
async fn define() {
    static DEFINED: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    let define = async || {
        Cluster::shared().apply_crd(&kind()).await;
    };
    DEFINED.get_or_init(define).await;
}

/// The location of a new ledger, in a namespace of its own.
pub(super) async fn place() -> String {
    define().await;
    let cluster = Cluster::shared();
    format!("kubernetes://{}?kubeconfig={}", cluster.namespace().await, cluster.kubeconfig_file().display())
}

/// A namespace of its own.
async fn namespace() -> String {
    define().await;
    Cluster::shared().namespace().await
}

/// A ledger there.
async fn open(namespace: &str) -> KubernetesLedger {
    KubernetesLedger::new(Cluster::shared().client(), namespace).await.unwrap()
}

async fn reader(namespace: &str) -> KubernetesReader {
    KubernetesReader::new(Cluster::shared().client(), namespace).await.unwrap()
}

/// The ledger's objects, as another program sees them.
fn shards(namespace: &str) -> Api<DynamicObject> {
    let kind = ApiResource {
        group: "tenantry.dev".into(),
        version: "v1alpha1".into(),
        api_version: "tenantry.dev/v1alpha1".into(),
        kind: "LedgerShard".into(),
        plural: "ledgershards".into(),
    };
    Api::namespaced_with(Cluster::shared().client(), namespace, &kind)
}

async fn all(namespace: &str) -> Vec<DynamicObject> {
    shards(namespace).list(&ListParams::default()).await.unwrap().items
}

fn name_of(object: &DynamicObject) -> &str {
    object.metadata.name.as_deref().unwrap()
}

/// The names of all objects of this sort, sorted.
async fn named(namespace: &str, sort: &str) -> Vec<String> {
    all(namespace).await.iter().map(|o| name_of(o).to_owned()).filter(|name| name.starts_with(sort)).collect()
}

/// Makes every lock older; by a little more than it is told, because a lock outlives its lease by as much as clocks may differ.
pub(super) async fn age(namespace: &str, seconds: i64) {
    let seconds = jiff::SignedDuration::from_secs(seconds + 4);
    for mut lock in all(namespace).await {
        if name_of(&lock).starts_with("lock.") {
            let mut body: serde_json::Value = serde_json::from_str(lock.data["spec"]["body"].as_str().unwrap()).unwrap();
            for end in ["since", "until"] {
                let at: Timestamp = body[end].as_str().unwrap().parse().unwrap();
                body[end] = at.checked_sub(seconds).unwrap().to_string().into();
            }
            lock.data["spec"]["body"] = body.to_string().into();
            shards(namespace).replace(name_of(&lock), &PostParams::default(), &lock).await.unwrap();
        }
    }
}

/// Rows of a tenant, all with one key, of some size.
fn rows(tenant: &str, range: std::ops::Range<usize>, key: &str) -> Vec<Write> {
    let fields: Vec<_> = (0..8).map(|n| (format!("some.field.of.the.object.{n}").into(), Digest::of(&[n]))).collect();
    let row = |n| LedgerRow { key: key.into(), applied: fields.clone(), ..row(&format!("{tenant}/user/u-{n:05}")) };
    range.map(|n| Write::Put(portal(), row(n).into())).collect()
}

/// The keys of a tenant's rows, each once.
async fn keys(ledger: &dyn LedgerRead, tenant: &str) -> Vec<String> {
    let mut keys: Vec<_> = state(ledger, tenant).await.rows.into_values().map(|row| row.key.to_string()).collect();
    keys.sort();
    keys.dedup();
    keys
}

/// Takes locks for longer than any test runs.
async fn hold(ledger: &dyn Ledger, tenants: &[&str]) -> LockId {
    ledger.lock(&units(tenants), &Holder::current("apply"), at(0), Duration::from_secs(3600)).await.unwrap()
}

/// Begins something and drops it after a while; `None`: it did not come to its end.
async fn dropped_after<T>(while_: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(while_, future).await.ok()
}
