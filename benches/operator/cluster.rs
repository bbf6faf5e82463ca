//! The cluster: what a person has in it before, what they apply, and who hears that all of it is ready.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures_util::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value as Json, json};
use tenantry::model::Kind;
use tokio::sync::watch;

use super::resources::{Resource, resource};
use super::servers::kubernetes::Cluster;

/// Who the operator is there.
const ACCOUNT: &str = "tenantry";
/// Requests of the person who applies, at once.
const AT_ONCE: usize = 16;

/// A namespace with all that the operator needs.
pub(crate) struct Stand {
    pub(crate) cluster: Cluster,
    pub(crate) client: Client,
    pub(crate) namespace: String,
    /// The operator's own kubeconfig.
    pub(crate) kubeconfig: PathBuf,
}

impl Stand {
    /// A control plane of its own, with our definitions, and a service account that may do everything: what it may not do is another's test.
    pub(crate) async fn new(folder: &Path) -> Self {
        let cluster = Cluster::start();
        cluster.apply_crds(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/crds"))).await;
        let (client, namespace) = (cluster.client(), cluster.namespace().await);
        let kubeconfig = folder.join("kubeconfig");
        let account = cluster.kubeconfig_of_service_account(&namespace, ACCOUNT).await;
        std::fs::write(&kubeconfig, serde_json::to_string(&account).expect("JSON")).expect("a folder that can be written to");
        let binding: ClusterRoleBinding = serde_json::from_value(json!({
            "metadata": { "name": ACCOUNT },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
            "subjects": [{ "kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace }],
        }))
        .expect("a binding");
        Api::all(client.clone()).create(&PostParams::default(), &binding).await.expect("it can be bound");
        Self { cluster, client, namespace, kubeconfig }
    }

    /// The user whose requests are the operator's.
    pub(crate) fn user(&self) -> String {
        format!("system:serviceaccount:{}:{ACCOUNT}", self.namespace)
    }

    /// Declares the portal, which is polled each so many seconds.
    pub(crate) async fn declare_portal(&self, endpoint: &str, token: &str, profile: &str, interval: u64) {
        let secret: Secret =
            serde_json::from_value(json!({ "metadata": { "name": "portal" }, "stringData": { "token": token } })).expect("a Secret");
        Api::namespaced(self.client.clone(), &self.namespace).create(&PostParams::default(), &secret).await.expect("it can be made");
        let spec = json!({
            "profile": profile, "endpoint": endpoint, "unsupported": "Ignore", "interval": format!("{interval}s"),
            "credentials": { "token": { "secretKeyRef": { "name": "portal", "key": "token" } } },
        });
        self.apply(&resource(Kind::Portal, "main".to_owned(), spec)).await;
    }

    /// Applies all of these, as `kubectl apply --server-side` does.
    pub(crate) async fn apply_all(&self, resources: &[Resource]) {
        stream::iter(resources).for_each_concurrent(AT_ONCE, |resource| self.apply(resource)).await;
    }

    async fn apply(&self, resource: &Resource) {
        let Resource { kind, name, body } = resource;
        let applied = self.api(*kind).patch(name, &PatchParams::apply("a-person").force(), &Patch::Apply(body)).await;
        applied.unwrap_or_else(|error| panic!("{kind} {name} cannot be applied: {error}"));
    }

    /// Changes a field of a spec.
    pub(crate) async fn change(&self, kind: Kind, name: &str, spec: &Json) {
        let patch = json!({ "spec": spec });
        self.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.expect("it can be changed");
    }

    fn api(&self, kind: Kind) -> Api<DynamicObject> {
        let name = kind.def().name;
        let gvk = GroupVersionKind::gvk("tenantry.dev", "v1alpha1", name);
        let of_kind = ApiResource::from_gvk_with_plural(&gvk, &format!("{}s", name.to_lowercase()));
        Api::namespaced_with(self.client.clone(), &self.namespace, &of_kind)
    }

    /// Watches who is ready.
    pub(crate) fn watch_ready(&self, kinds: BTreeSet<Kind>) -> Ready {
        let (told, heard) = watch::channel((0, Instant::now()));
        let (told, ready) = (Arc::new(told), Arc::new(Mutex::new(BTreeSet::new())));
        let mut tasks = tokio::task::JoinSet::new();
        for kind in kinds {
            tasks.spawn(of_kind(self.api(kind), kind, Arc::clone(&ready), Arc::clone(&told)));
        }
        Ready { heard, _tasks: tasks }
    }
}

/// How many are ready, at every moment.
pub(crate) struct Ready {
    heard: watch::Receiver<(usize, Instant)>,
    _tasks: tokio::task::JoinSet<()>,
}

impl Ready {
    /// When so many were ready for the first time from now on.
    pub(crate) async fn until(&mut self, count: usize) -> Instant {
        let (mut said, mut next) = (0, Instant::now());
        loop {
            let (ready, at) = *self.heard.borrow_and_update();
            if ready >= count {
                return at;
            }
            if next.elapsed().as_secs() >= 15 && ready != said {
                eprintln!("  {ready} of {count} are ready");
                (said, next) = (ready, Instant::now());
            }
            self.heard.changed().await.expect("somebody watches");
        }
    }
}

async fn of_kind(
    api: Api<DynamicObject>,
    kind: Kind,
    ready: Arc<Mutex<BTreeSet<(Kind, String)>>>,
    told: Arc<watch::Sender<(usize, Instant)>>,
) {
    let mut objects = std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff().applied_objects());
    while let Some(object) = objects.next().await {
        let Ok(object) = object else { continue };
        let mut all = ready.lock().expect("nobody panicked with it");
        let key = (kind, object.name_any());
        let changed = if is_ready(&object) { all.insert(key) } else { all.remove(&key) };
        if changed {
            told.send_replace((all.len(), Instant::now()));
        }
    }
}

/// `Ready` is true, of the newest generation.
fn is_ready(object: &DynamicObject) -> bool {
    let status = &object.data["status"];
    let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    status["observedGeneration"].as_i64() == object.metadata.generation
        && conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
}
