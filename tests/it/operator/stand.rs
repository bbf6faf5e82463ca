//! An operator beside a real API server, with the embedded portal and a ledger in a folder.

use std::sync::Arc;
use std::time::Duration;

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use serde_json::{Value as Json, json};
use tenantry::apply::Stop;
use tenantry::controller::fence::Fence;
use tenantry::controller::metrics::Metrics;
use tenantry::ledger::{Holder, LedgerLocation};
use tenantry::model::Kind;
use tenantry::operator::{self, Settings, Shown};
use tenantry::portal::Drivers;
use tenantry::secrets::MacKeySource;

use crate::servers::kubernetes::Cluster;

/// How long anything may take to come about on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// An operator that runs, in a namespace of its own.
pub(super) struct Stand {
    pub(super) client: Client,
    pub(super) namespace: String,
    stop: Arc<Stop>,
    running: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Stand {
    pub(super) async fn new() -> Self {
        let cluster = Cluster::shared();
        cluster.apply_crds(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("crds")).await;
        let (client, namespace) = (cluster.client(), cluster.namespace().await);
        let folder = tempfile::tempdir().unwrap();
        let ledger = LedgerLocation::Sqlite(folder.path().join("ledger.db")).open().await.unwrap();
        let key = MacKeySource::File(folder.path().join("mac.key")).find_or_make(false).await.unwrap();
        let stop = Arc::new(Stop::default());
        let fence = Fence::closed();
        let shown = Arc::new(Shown::new(Arc::new(Metrics::new("test", true)), fence.clone()));
        let settings = Settings {
            client: client.clone(),
            ledger,
            key,
            drivers: Drivers::default(),
            namespaces: vec![namespace.clone()],
            home: namespace.clone(),
            profiles: None,
            state_dir: folder.path().to_path_buf(),
            holder: Holder::current("operator"),
            fence,
            stop: Arc::clone(&stop),
            shown,
        };
        let running = tokio::spawn(async move { operator::run(settings, &|_| {}).await });
        Self { client, namespace, stop, running, _folder: folder }
    }

    pub(super) fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource(kind))
    }

    /// Applies a manifest, as `kubectl apply --server-side` does.
    pub(super) async fn apply(&self, kind: Kind, name: &str, spec: Json) {
        let object = json!({ "apiVersion": "tenantry.dev/v1alpha1", "kind": kind.def().name, "metadata": { "name": name }, "spec": spec });
        self.api(kind).patch(name, &PatchParams::apply("a-person").force(), &Patch::Apply(&object)).await.unwrap();
    }

    pub(super) async fn annotate(&self, kind: Kind, name: &str, annotation: &str, value: &str) {
        let patch = json!({ "metadata": { "annotations": { annotation: value } } });
        self.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    pub(super) async fn delete(&self, kind: Kind, name: &str) {
        self.api(kind).delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// The object, once it says so; with all that it says if it never does.
    pub(super) async fn until(&self, kind: Kind, name: &str, holds: impl Fn(&Json) -> bool) -> Json {
        let mut last = Json::Null;
        let begun = std::time::Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(object) = self.api(kind).get_opt(name).await.unwrap() {
                last = serde_json::to_value(&object).unwrap();
                if holds(&last) {
                    return last;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{kind} {name} never said so: {last:#}");
    }

    /// Waits until an object is gone.
    pub(super) async fn until_gone(&self, kind: Kind, name: &str) {
        let begun = std::time::Instant::now();
        while let Some(object) = self.api(kind).get_opt(name).await.unwrap() {
            assert!(begun.elapsed() < PATIENCE, "{kind} {name} stays: {:#}", serde_json::to_value(&object).unwrap());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(super) async fn end(self) {
        self.stop.request();
        self.running.await.unwrap();
    }
}

/// A condition's status and reason, as `True ReconciliationSucceeded`.
pub(super) fn says(object: &Json, condition: &str) -> String {
    let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|c| c["type"] == condition);
    found.map_or_else(|| "-".to_owned(), |c| format!("{} {}", c["status"].as_str().unwrap(), c["reason"].as_str().unwrap()))
}

fn resource(kind: Kind) -> ApiResource {
    let name = kind.def().name;
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("tenantry.dev", "v1alpha1", name), &format!("{}s", name.to_lowercase()))
}
