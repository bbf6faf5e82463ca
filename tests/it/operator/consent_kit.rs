//! An operator with its ledger in the cluster, and the program beside it: who declares with `kubectl` and who plans, approves and confirms from a
//! desk look at the same ledger.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use serde_json::{Value as Json, json};
use tenantry::apply::Stop;
use tenantry::controller::fence::Fence;
use tenantry::controller::metrics::Metrics;
use tenantry::ledger::kubernetes::{ClusterKey, KubernetesLedger};
use tenantry::ledger::{Holder, Ledger};
use tenantry::model::Kind;
use tenantry::operator::{self, Settings, Shown};
use tenantry::portal::Drivers;
use tenantry::secrets::MacKeySource;

use crate::servers::kubernetes::Cluster;
use crate::support::program::{Ran, run_with};

/// How long anything may take to come about on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// See the module.
pub(super) struct Kit {
    pub(super) client: Client,
    /// The namespace of the MSP's own documents, of the ledger and of all that a test does not put elsewhere.
    pub(super) namespace: String,
    /// The operator's account, as the audit log names it.
    pub(super) account: String,
    /// Where the program is run, and where the embedded portal keeps its file.
    pub(super) folder: tempfile::TempDir,
    stop: Arc<Stop>,
    /// `None`: a test runs one of its own.
    running: Option<tokio::task::JoinHandle<()>>,
}

impl Kit {
    pub(super) async fn new() -> Self {
        Self::watching(&[]).await
    }

    /// One that watches other namespaces beside its own.
    pub(super) async fn watching(others: &[String]) -> Self {
        Self::without_operator().await.run(others).await
    }

    /// The namespace and the desk alone.
    pub(super) async fn without_operator() -> Self {
        let cluster = Cluster::shared();
        cluster.apply_crds(&Path::new(env!("CARGO_MANIFEST_DIR")).join("crds")).await;
        let (client, namespace) = (cluster.client(), cluster.namespace().await);
        let folder = tempfile::tempdir().unwrap();
        let account = format!("system:serviceaccount:{namespace}:operator");
        Self { client, namespace, account, folder, stop: Arc::new(Stop::default()), running: None }
    }

    async fn run(mut self, others: &[String]) -> Self {
        let namespace = self.namespace.clone();
        let own = Cluster::shared().client_as_service_account(&namespace, "operator").await;
        may_do_everything(&self.client, &namespace).await;
        let ledger: Arc<dyn Ledger> = Arc::new(opened(&own, &namespace).await);
        let key = MacKeySource::Kept(Arc::new(ClusterKey::new(own.clone(), &namespace))).find_or_make(false).await.unwrap();
        let fence = Fence::closed();
        let shown = Arc::new(Shown::new(Arc::new(Metrics::new("test", true)), fence.clone()));
        let settings = Settings {
            client: own,
            ledger,
            key,
            drivers: Drivers::default(),
            namespaces: std::iter::once(namespace.clone()).chain(others.iter().cloned()).collect(),
            home: namespace.clone(),
            profiles: None,
            state_dir: self.folder.path().join("state"),
            holder: Holder::current("operator"),
            fence,
            stop: Arc::clone(&self.stop),
            shown,
            webhook: None,
        };
        self.running = Some(tokio::spawn(async move { operator::run(settings, &|_| {}).await }));
        self
    }

    /// Runs the program on the cluster's ledger, with the embedded portal that the operator has.
    pub(super) async fn tenantry(&self, args: &[&str]) -> Ran {
        let ledger = format!("kubernetes://{}?kubeconfig={}", self.namespace, Cluster::shared().kubeconfig_file().display());
        self.tenantry_on(&ledger, args).await
    }

    /// The same, on a ledger elsewhere.
    pub(super) async fn tenantry_on(&self, ledger: &str, args: &[&str]) -> Ran {
        let (folder, ledger) = (self.folder.path().to_path_buf(), ledger.to_owned());
        let args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
        // Apart, so that the operator goes on meanwhile.
        let run = move || {
            let mut all: Vec<&str> = args.iter().map(String::as_str).collect();
            all.extend(["--state-dir", "state"]);
            run_with(&folder, &all, &[("TENANTRY_LEDGER", &ledger)])
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    /// What `kubectl get tenantry -o yaml` prints: a `List` of all that is declared, status and all.
    pub(super) async fn kubectl_get_tenantry(&self) -> String {
        let mut items = Vec::new();
        for kind in Kind::ALL {
            for mut object in self.api(kind, &self.namespace).list(&ListParams::default()).await.unwrap() {
                object.metadata.managed_fields = None;
                let types = json!({ "apiVersion": "tenantry.dev/v1alpha1", "kind": kind.def().name });
                let mut item = serde_json::to_value(object).unwrap();
                item.as_object_mut().unwrap().extend(types.as_object().unwrap().clone());
                items.push(item);
            }
        }
        json!({ "apiVersion": "v1", "kind": "List", "metadata": { "resourceVersion": "" }, "items": items }).to_string()
    }

    fn api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &resource(kind))
    }

    /// Applies a manifest, as `kubectl apply --server-side` does.
    pub(super) async fn apply(&self, kind: Kind, name: &str, spec: Json) {
        self.apply_in(&self.namespace, kind, name, spec).await;
    }

    pub(super) async fn apply_in(&self, namespace: &str, kind: Kind, name: &str, spec: Json) {
        let metadata = json!({ "name": name });
        self.apply_document(
            namespace,
            &json!({ "apiVersion": "tenantry.dev/v1alpha1", "kind": kind.def().name, "metadata": metadata, "spec": spec }),
        )
        .await;
    }

    pub(super) async fn apply_document(&self, namespace: &str, document: &Json) {
        self.patch(namespace, document).await.unwrap_or_else(|e| panic!("{document}: {e}"));
    }

    /// The same of what the API server may refuse; its words.
    pub(super) async fn try_apply(&self, document: &Json) -> Result<(), String> {
        self.patch(&self.namespace, document).await.map_err(|e| e.to_string())
    }

    async fn patch(&self, namespace: &str, document: &Json) -> Result<(), kube::Error> {
        let kind = Kind::from_name(document["kind"].as_str().unwrap()).unwrap();
        let name = document["metadata"]["name"].as_str().unwrap();
        let params = PatchParams::apply("a-person").force();
        self.api(kind, namespace).patch(name, &params, &Patch::Apply(document)).await.map(drop)
    }

    /// Annotates an object; no value takes the annotation away.
    pub(super) async fn annotate(&self, kind: Kind, name: &str, annotation: &str, value: Option<&str>) {
        let patch = json!({ "metadata": { "annotations": { annotation: value } } });
        self.api(kind, &self.namespace).patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    pub(super) async fn approve(&self, kind: Kind, name: &str, digest: &str) {
        self.annotate(kind, name, "tenantry.dev/approved-plan", Some(digest)).await;
    }

    pub(super) async fn get(&self, kind: Kind, name: &str) -> Option<Json> {
        self.get_in(&self.namespace, kind, name).await
    }

    pub(super) async fn get_in(&self, namespace: &str, kind: Kind, name: &str) -> Option<Json> {
        self.api(kind, namespace).get_opt(name).await.unwrap().map(|object| serde_json::to_value(&object).unwrap())
    }

    /// The object, once it says so; with all that it says if it never does.
    pub(super) async fn until(&self, kind: Kind, name: &str, holds: impl Fn(&Json) -> bool) -> Json {
        self.until_in(&self.namespace, kind, name, holds).await
    }

    pub(super) async fn until_in(&self, namespace: &str, kind: Kind, name: &str, holds: impl Fn(&Json) -> bool) -> Json {
        let begun = Instant::now();
        let mut last = Json::Null;
        while begun.elapsed() < PATIENCE {
            last = self.get_in(namespace, kind, name).await.unwrap_or_default();
            if holds(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{kind} {name} never said so: {:#}", last["status"]);
    }

    /// Waits until an object says of one of its conditions `Status Reason`.
    pub(super) async fn until_it_says(&self, kind: Kind, name: &str, condition: &str, wanted: &str) -> Json {
        self.until(kind, name, |o| super::stand::says(o, condition) == wanted).await
    }

    /// Writes a Secret as it is to be; what it had is gone.
    pub(super) async fn secret(&self, name: &str, texts: &[(&str, &str)]) {
        self.secret_in(&self.namespace, name, texts).await;
    }

    pub(super) async fn secret_in(&self, namespace: &str, name: &str, texts: &[(&str, &str)]) {
        let texts: serde_json::Map<_, _> = texts.iter().map(|(key, text)| ((*key).to_owned(), Json::from(*text))).collect();
        let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": texts });
        let secrets = Api::<Secret>::namespaced(self.client.clone(), namespace);
        secrets.patch(name, &PatchParams::apply("a-person").force(), &Patch::Apply(&secret)).await.unwrap();
    }

    pub(super) async fn delete_secret(&self, name: &str) {
        Api::<Secret>::namespaced(self.client.clone(), &self.namespace).delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Everything that the operator wrote where people look: custom resources whole, and events.
    pub(super) async fn all_that_is_told(&self) -> String {
        let mut told = String::new();
        for kind in Kind::ALL {
            let list = self.api(kind, &self.namespace).list(&ListParams::default()).await.unwrap();
            told.push_str(&serde_json::to_string(&list).unwrap());
        }
        for resource in [
            ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("events.k8s.io", "v1", "Event"), "events"),
            ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("tenantry.dev", "v1alpha1", "LedgerShard"), "ledgershards"),
        ] {
            let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &self.namespace, &resource);
            told.push_str(&serde_json::to_string(&api.list(&ListParams::default()).await.unwrap()).unwrap());
        }
        told
    }

    pub(super) async fn end(self) {
        self.stop.request();
        self.running.expect("an operator").await.unwrap();
    }
}

/// A condition's message; empty where there is no such condition.
pub(super) fn message(object: &Json, condition: &str) -> String {
    let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    all.iter().find(|c| c["type"] == condition).and_then(|c| c["message"].as_str()).unwrap_or_default().to_owned()
}

/// The digest of the plan that waits for approval in a portal.
pub(super) fn digest(object: &Json, portal: &str) -> String {
    plan(object, portal)["digest"].as_str().unwrap_or_default().to_owned()
}

/// The plan that waits for approval in a portal.
pub(super) fn plan(object: &Json, portal: &str) -> Json {
    let plans = object["status"]["plans"].as_array().cloned().unwrap_or_default();
    plans.into_iter().find(|p| p["portal"] == portal).unwrap_or_default()
}

/// The ledger, as soon as the API server has taken in what the account may do.
async fn opened(own: &Client, namespace: &str) -> KubernetesLedger {
    let begun = Instant::now();
    loop {
        match KubernetesLedger::new(own.clone(), namespace).await {
            Ok(ledger) => return ledger,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What an account may do is another test's matter.
async fn may_do_everything(client: &Client, namespace: &str) {
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": { "name": format!("{namespace}-operator") },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": [{ "kind": "ServiceAccount", "name": "operator", "namespace": namespace }],
    }))
    .unwrap();
    let name = binding.metadata.name.clone().unwrap();
    Api::<ClusterRoleBinding>::all(client.clone()).patch(&name, &PatchParams::apply("tests"), &Patch::Apply(&binding)).await.unwrap();
}

pub(super) fn resource(kind: Kind) -> ApiResource {
    let name = kind.def().name;
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("tenantry.dev", "v1alpha1", name), &format!("{}s", name.to_lowercase()))
}
