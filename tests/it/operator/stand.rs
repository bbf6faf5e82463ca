//! An operator beside a real API server, with the embedded portal and a ledger.
//!
//! The operator asks the API server under an account of its own, so that what it asked for can be told from what the test did; and it reaches the
//! embedded portal through a driver that counts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::config::Kubeconfig;
use kube::{Api, Client};
use serde_json::{Value as Json, json};
use tenantry::apply::Stop;
use tenantry::controller::fence::Fence;
use tenantry::controller::metrics::Metrics;
use tenantry::ledger::kubernetes::KubernetesLedger;
use tenantry::ledger::{Holder, Ledger, LedgerLocation};
use tenantry::model::Kind;
use tenantry::operator::{self, Settings, Shown};
use tenantry::portal::Drivers;
use tenantry::portal::embedded::Directory;
use tenantry::portal::meter::Meter;
use tenantry::secrets::MacKeySource;

use super::counted::{Counted, Portal, Requests};
use super::ground::{PATIENCE, Place, account, place};
pub(super) use super::ground::{resource, until};
use crate::servers::kubernetes::{Mark, client};

/// What a stand is set up with.
#[derive(Default)]
pub(super) struct Setup {
    /// A cluster of its own, which the test may stop.
    pub(super) own_cluster: bool,
    /// The ledger is in the cluster, as it is where nobody says otherwise; else it is in a file.
    pub(super) ledger_in_cluster: bool,
    /// All namespaces are watched. In a cluster of its own: in the shared one those of all other tests are.
    pub(super) everywhere: bool,
    /// How many namespaces there are beside its own.
    pub(super) beside: usize,
    /// Where profiles lie that are not shipped.
    pub(super) profiles: Option<PathBuf>,
    /// No operator is started yet.
    pub(super) no_operator: bool,
}

/// A namespace of its own, and an operator that runs in it.
pub(super) struct Stand {
    pub(super) cluster: Arc<Place>,
    /// Whoever declares: the administrator.
    pub(super) client: Client,
    pub(super) namespace: String,
    /// The namespaces beside it.
    pub(super) beside: Vec<String>,
    setup: Setup,
    account: Kubeconfig,
    folder: Arc<tempfile::TempDir>,
    operator: Option<Operator>,
}

/// An operator that runs.
pub(super) struct Operator {
    /// What it asks of the embedded portal.
    pub(super) portal: Arc<Portal>,
    /// What it asks of portals over HTTP.
    pub(super) requests: Arc<Requests>,
    pub(super) fence: Fence,
    pub(super) leads: Arc<AtomicBool>,
    stop: Arc<Stop>,
    running: tokio::task::JoinHandle<()>,
}

impl Operator {
    /// Tells it to stop, and waits until it has.
    pub(super) async fn end(self) {
        self.stop.request();
        tokio::time::timeout(PATIENCE, self.running).await.expect("it ends when it is told to").unwrap();
    }

    /// Waits until it leads.
    pub(super) async fn lead(&self) {
        until(|| async { self.leads.load(Ordering::SeqCst).then_some(()) }, || "it never led".to_owned()).await;
    }
}

impl Stand {
    pub(super) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(super) async fn with(setup: Setup) -> Self {
        let cluster = Arc::new(place(setup.own_cluster).await);
        let (client, namespace) = (cluster.client(), cluster.namespace().await);
        let mut beside = Vec::new();
        for _ in 0..setup.beside {
            beside.push(cluster.namespace().await);
        }
        let account = account(&cluster, &namespace).await;
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mut stand = Self { cluster, client, namespace, beside, setup, account, folder, operator: None };
        if !stand.setup.no_operator {
            stand.start().await;
        }
        stand
    }

    /// Another installation's namespace in the same cluster, with the same portals.
    pub(super) async fn elsewhere(&self) -> Self {
        let namespace = self.cluster.namespace().await;
        let account = account(&self.cluster, &namespace).await;
        let setup = Setup { ledger_in_cluster: self.setup.ledger_in_cluster, profiles: self.setup.profiles.clone(), ..Setup::default() };
        let (cluster, folder) = (Arc::clone(&self.cluster), Arc::clone(&self.folder));
        Self { cluster, client: self.client.clone(), namespace, beside: Vec::new(), setup, account, folder, operator: None }
    }

    /// Starts the stand's operator.
    pub(super) async fn start(&mut self) {
        assert!(self.operator.is_none(), "it runs already");
        self.operator = Some(self.begin(Duration::ZERO).await);
    }

    /// Ends the stand's operator; what it asked for.
    pub(super) async fn stop(&mut self) -> Arc<Portal> {
        let operator = self.operator.take().expect("an operator runs");
        let portal = Arc::clone(&operator.portal);
        operator.end().await;
        portal
    }

    /// The operator that runs.
    pub(super) fn operator(&self) -> &Operator {
        self.operator.as_ref().expect("an operator runs")
    }

    /// What it asks of the embedded portal.
    pub(super) fn portal(&self) -> &Portal {
        &self.operator().portal
    }

    /// One more operator on the same cluster, ledger and portals, which takes so long for each call.
    pub(super) async fn begin(&self, slow: Duration) -> Operator {
        let client = client(self.account.clone());
        let ledger: Arc<dyn Ledger> = if self.setup.ledger_in_cluster {
            Arc::new(KubernetesLedger::new(client.clone(), &self.namespace).await.unwrap())
        } else {
            LedgerLocation::Sqlite(self.folder.path().join("ledger.db")).open().await.unwrap()
        };
        let key = MacKeySource::File(self.folder.path().join("mac.key")).find_or_make(false).await.unwrap();
        let (stop, fence, leads) = (Arc::new(Stop::default()), Fence::closed(), Arc::new(AtomicBool::new(false)));
        let (portal, requests) = (Arc::new(Portal::slow(slow)), Arc::new(Requests::default()));
        let drivers = Drivers::default().with(Arc::new(Counted::new(Arc::clone(&portal))));
        drivers.metered(&(Arc::clone(&requests) as Arc<dyn Meter>));
        let settings = Settings {
            client,
            ledger,
            key,
            drivers,
            namespaces: if self.setup.everywhere { Vec::new() } else { self.namespaces() },
            home: self.namespace.clone(),
            profiles: self.setup.profiles.clone(),
            state_dir: self.folder.path().to_path_buf(),
            holder: Holder::current("operator"),
            fence: fence.clone(),
            stop: Arc::clone(&stop),
            shown: Arc::new(Shown::new(Arc::new(Metrics::new("test", true)), fence.clone())),
            webhook: None,
        };
        let told = Arc::clone(&leads);
        let running = tokio::spawn(async move { operator::run(settings, &move |leads| told.store(leads, Ordering::SeqCst)).await });
        Operator { portal, requests, fence, leads, stop, running }
    }

    fn namespaces(&self) -> Vec<String> {
        std::iter::once(&self.namespace).chain(&self.beside).cloned().collect()
    }

    /// The ledger in the cluster, as somebody else opens it.
    pub(super) async fn ledger(&self) -> KubernetesLedger {
        KubernetesLedger::new(self.client.clone(), &self.namespace).await.unwrap()
    }

    /// The folder of the ledger's file and of portals.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The side door of the embedded portal `main`: what people do there behind our back.
    pub(super) fn door(&self) -> Directory {
        Directory::open(&self.folder.path().join("portal-main.db"), Arc::new(jiff::Timestamp::now)).unwrap()
    }

    pub(super) fn api(&self, kind: Kind) -> Api<DynamicObject> {
        self.api_in(&self.namespace, kind)
    }

    pub(super) fn api_in(&self, namespace: &str, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &resource(kind))
    }

    /// Applies a manifest, as `kubectl apply --server-side` does.
    pub(super) async fn apply(&self, kind: Kind, name: &str, spec: Json) {
        self.apply_in(&self.namespace, kind, name, spec).await;
    }

    pub(super) async fn apply_in(&self, namespace: &str, kind: Kind, name: &str, spec: Json) {
        let object = json!({ "apiVersion": "tenantry.dev/v1alpha1", "kind": kind.def().name, "metadata": { "name": name }, "spec": spec });
        self.api_in(namespace, kind).patch(name, &PatchParams::apply("a-person").force(), &Patch::Apply(&object)).await.unwrap();
    }

    /// A customer with one administrator, `ann`.
    pub(super) async fn customer(&self, name: &str) {
        let ann = json!({ "name": "ann", "email": format!("ann@{name}.example"), "administrator": true });
        self.apply(Kind::Organization, name, json!({ "displayName": name.to_uppercase(), "users": [ann] })).await;
    }

    /// A person of a customer, in a document of their own.
    pub(super) async fn user(&self, name: &str, customer: &str) {
        self.apply(Kind::User, name, json!({ "organization": customer, "email": format!("{name}@{customer}.example") })).await;
    }

    /// A Secret, made or changed.
    pub(super) async fn secret(&self, name: &str, data: Json) {
        let secrets = Api::<k8s_openapi::api::core::v1::Secret>::namespaced(self.client.clone(), &self.namespace);
        let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": data });
        secrets.patch(name, &PatchParams::apply("a-person").force(), &Patch::Apply(&secret)).await.unwrap();
    }

    pub(super) async fn annotate(&self, kind: Kind, name: &str, annotation: &str, value: &str) {
        self.patch(kind, name, json!({ "metadata": { "annotations": { annotation: value } } })).await;
    }

    /// A merge patch.
    pub(super) async fn patch(&self, kind: Kind, name: &str, patch: Json) {
        self.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    /// Asks for a look at a customer now, by annotation.
    pub(super) async fn look(&self, customer: &str) {
        let moment = uuid::Uuid::now_v7().to_string();
        self.annotate(Kind::Organization, customer, "tenantry.dev/reconcile-requested-at", &moment).await;
    }

    pub(super) async fn delete(&self, kind: Kind, name: &str) {
        self.api(kind).delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// The object as it is now.
    pub(super) async fn get(&self, kind: Kind, name: &str) -> Json {
        serde_json::to_value(self.api(kind).get(name).await.unwrap()).unwrap()
    }

    /// The object, once it says so; with all that it says if it never does.
    pub(super) async fn until(&self, kind: Kind, name: &str, holds: impl Fn(&Json) -> bool) -> Json {
        self.until_in(&self.namespace, kind, name, holds).await
    }

    pub(super) async fn until_in(&self, namespace: &str, kind: Kind, name: &str, holds: impl Fn(&Json) -> bool) -> Json {
        let mut last = Json::Null;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(object) = self.api_in(namespace, kind).get_opt(name).await.unwrap() {
                last = serde_json::to_value(&object).unwrap();
                if holds(&last) {
                    return last;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{kind} {name} never said so: {last:#}");
    }

    /// Waits until an object says that it is as declared, in its newest generation.
    pub(super) async fn ready(&self, kind: Kind, name: &str) -> Json {
        self.until(kind, name, is_ready).await
    }

    /// Waits until an object is gone.
    pub(super) async fn until_gone(&self, kind: Kind, name: &str) {
        let begun = Instant::now();
        while let Some(object) = self.api(kind).get_opt(name).await.unwrap() {
            assert!(begun.elapsed() < PATIENCE, "{kind} {name} stays: {:#}", serde_json::to_value(&object).unwrap());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Events, each as `REASON Kind/name: note`, sorted.
    pub(super) async fn events(&self) -> Vec<String> {
        let events = Api::<k8s_openapi::api::events::v1::Event>::namespaced(self.client.clone(), &self.namespace);
        let line = |event: k8s_openapi::api::events::v1::Event| {
            let about = event.regarding.unwrap_or_default();
            let (kind, name) = (about.kind.unwrap_or_default(), about.name.unwrap_or_default());
            format!("{} {kind}/{name}: {}", event.reason.unwrap_or_default(), event.note.unwrap_or_default())
        };
        let mut lines: Vec<_> = events.list(&ListParams::default()).await.unwrap().items.into_iter().map(line).collect();
        lines.sort();
        lines
    }

    /// Here and now in the API server's account.
    pub(super) async fn mark(&self) -> Mark {
        self.cluster.mark().await
    }

    /// What operators asked the API server for since a mark, apart from who leads.
    pub(super) async fn asked(&self, mark: Mark) -> Vec<String> {
        let user = format!("system:serviceaccount:{}:operator", self.namespace);
        let mut all = self.cluster.requests_of(&user, mark).await;
        // The time of leases is the API server's, which is asked for it.
        all.retain(|line| !line.contains(" leases.coordination.k8s.io ") && !line.starts_with("get /version "));
        all
    }

    /// The same, without what reads.
    pub(super) async fn wrote(&self, mark: Mark) -> Vec<String> {
        let mut all = self.asked(mark).await;
        all.retain(|line| !["get", "list", "watch"].contains(&line.split(' ').next().unwrap()));
        all
    }

    /// Waits until operators ask the API server for nothing for two seconds.
    pub(super) async fn at_rest(&self) {
        let last = std::sync::Mutex::new(Vec::new());
        let quiet = || async {
            let mark = self.mark().await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            let asked = self.asked(mark).await;
            let quiet = asked.is_empty().then_some(());
            *last.lock().unwrap() = asked;
            quiet
        };
        until(quiet, || format!("it never came to rest: {:#?}", last.lock().unwrap())).await;
    }

    pub(super) async fn end(mut self) {
        if self.operator.is_some() {
            self.stop().await;
        }
    }
}

/// A condition's status and reason, as `True ReconciliationSucceeded`.
pub(super) fn says(object: &Json, condition: &str) -> String {
    let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|c| c["type"] == condition);
    found.map_or_else(|| "-".to_owned(), |c| format!("{} {}", c["status"].as_str().unwrap(), c["reason"].as_str().unwrap()))
}

/// A condition's sentence.
pub(super) fn words(object: &Json, condition: &str) -> String {
    let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    all.iter().find(|c| c["type"] == condition).and_then(|c| c["message"].as_str()).unwrap_or_default().to_owned()
}

/// True of an object that is as declared, in its newest generation.
pub(super) fn is_ready(object: &Json) -> bool {
    says(object, "Ready") == "True ReconciliationSucceeded" && object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

/// What the portal calls an object.
pub(super) fn id(object: &Json) -> String {
    object["status"]["externalId"].as_str().unwrap_or_else(|| panic!("an id in {object:#}")).to_owned()
}
