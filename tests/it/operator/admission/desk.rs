//! An operator with a webhook beside a real API server, which asks it about what is done in two namespaces of a test's own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::http::Request;
use k8s_openapi::ByteString;
use kube::client::Body;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::{Value as Json, json};
use tenantry::apply::Stop;
use tenantry::controller::fence::Fence;
use tenantry::controller::metrics::Metrics;
use tenantry::ledger::{Holder, LedgerLocation};
use tenantry::model::live::KeyHolder;
use tenantry::model::rule::Conduct;
use tenantry::model::{Capabilities, Kind, LiveTenant};
use tenantry::operator::{self, Settings, Shown, Webhook};
use tenantry::portal::embedded::Embedded;
use tenantry::portal::{Driver, Drivers, Execute, Observe, OpenContext, PortalError, TenantKey};
use tenantry::secrets::MacKeySource;

use crate::servers::kubernetes::Cluster;

/// How long anything may take to come about on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// See the module.
pub(super) struct Desk {
    pub(super) client: kube::Client,
    /// The MSP's namespace.
    pub(super) home: String,
    /// A customer's own.
    pub(super) other: String,
    pub(super) webhook: SocketAddr,
    pub(super) certificates: tempfile::TempDir,
    pub(super) reads: Arc<Reads>,
    operators: Vec<(Arc<Stop>, tokio::task::JoinHandle<()>)>,
    folder: tempfile::TempDir,
}

/// What was answered: the status, the warnings and the body.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) warnings: Vec<String>,
    pub(super) body: Json,
}

impl Desk {
    /// With one operator, which leads.
    pub(super) async fn new() -> Self {
        let mut desk = Self::empty().await;
        desk.operate(true).await;
        desk.registered().await;
        desk
    }

    /// With an operator that leads and has no webhook, and one that stands by and has one.
    pub(super) async fn standing_by() -> Self {
        let mut desk = Self::empty().await;
        desk.operate(false).await;
        desk.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
        desk.apply(Kind::Organization, "first", json!({ "displayName": "First" })).await;
        desk.until_ready(Kind::Organization, "first").await;
        desk.operate(true).await;
        desk.registered().await;
        desk
    }

    async fn empty() -> Self {
        let cluster = Cluster::shared();
        cluster.apply_crds(&Path::new(env!("CARGO_MANIFEST_DIR")).join("crds")).await;
        let certificates = tempfile::tempdir().unwrap();
        certify(certificates.path());
        Self {
            client: cluster.client(),
            home: cluster.namespace().await,
            other: cluster.namespace().await,
            webhook: "127.0.0.1:0".parse().unwrap(),
            certificates,
            reads: Arc::default(),
            operators: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    async fn operate(&mut self, with_webhook: bool) {
        let folder = self.folder.path();
        let ledger = LedgerLocation::Sqlite(folder.join("ledger.db")).open().await.unwrap();
        let key = MacKeySource::File(folder.join("mac.key")).find_or_make(false).await.unwrap();
        let (stop, fence) = (Arc::new(Stop::default()), Fence::closed());
        let webhook = match with_webhook {
            true => Some(Webhook::bind(self.webhook, self.certificates.path()).await.unwrap()),
            false => None,
        };
        self.webhook = webhook.as_ref().map_or(self.webhook, Webhook::address);
        let slow = Slow { inner: Embedded::default(), reads: Arc::clone(&self.reads) };
        let settings = Settings {
            client: self.client.clone(),
            ledger,
            key,
            drivers: Drivers::default().with(Arc::new(slow)),
            namespaces: vec![self.home.clone(), self.other.clone()],
            home: self.home.clone(),
            profiles: None,
            state_dir: folder.to_path_buf(),
            holder: Holder::current("operator"),
            shown: Arc::new(Shown::new(Arc::new(Metrics::new("test", true)), fence.clone())),
            fence,
            stop: Arc::clone(&stop),
            webhook,
        };
        let running = tokio::spawn(async move { operator::run(settings, &|_| {}).await });
        self.operators.push((stop, running));
    }

    /// Has the API server ask about everything in both namespaces, and waits until it does.
    async fn registered(&self) {
        let authority = std::fs::read(self.certificates.path().join("authority.crt")).unwrap();
        let here = json!({ "key": "kubernetes.io/metadata.name", "operator": "In", "values": [self.home, self.other] });
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": { "name": self.home },
            "webhooks": [{
                "name": "preview.tenantry.dev", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Ignore",
                "timeoutSeconds": 5, "namespaceSelector": { "matchExpressions": [here] },
                "clientConfig": { "url": format!("https://{}/validate", self.webhook), "caBundle": ByteString(authority) },
                "rules": [{
                    "apiGroups": ["tenantry.dev"], "apiVersions": ["v1alpha1"], "operations": ["CREATE", "UPDATE", "DELETE"],
                    "resources": Kind::ALL.map(|k| format!("{}s", k.def().name.to_lowercase())), "scope": "Namespaced",
                }],
            }],
        });
        self.make("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", &configuration).await;
        let begun = Instant::now();
        // It always has something to say of an organization that is new.
        while self
            .would_apply(Kind::Organization, "probe", json!({ "displayName": "Probe" }))
            .await
            .iter()
            .all(|w| w.contains("just begun"))
        {
            assert!(begun.elapsed() < PATIENCE, "the API server never asks");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Applies a manifest in the MSP's namespace, as `kubectl apply --server-side` does.
    pub(super) async fn apply(&self, kind: Kind, name: &str, spec: Json) -> Vec<String> {
        self.apply_in(&self.home, kind, name, spec, "").await.passed()
    }

    /// The same as a dry run.
    pub(super) async fn would_apply(&self, kind: Kind, name: &str, spec: Json) -> Vec<String> {
        self.apply_in(&self.home, kind, name, spec, "&dryRun=All").await.passed()
    }

    /// Waits until a portal that was just declared is open, so that it is told what a new object would bring about there.
    pub(super) async fn until_told(&self, kind: Kind, name: &str, spec: Json) {
        let begun = Instant::now();
        while !self.would_apply(kind, name, spec.clone()).await.iter().any(|w| w.contains("creates")) {
            assert!(begun.elapsed() < PATIENCE, "it is never told what {kind} {name} brings about");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(super) async fn apply_in(&self, namespace: &str, kind: Kind, name: &str, spec: Json, more: &str) -> Answer {
        let object = json!({ "apiVersion": "tenantry.dev/v1alpha1", "kind": kind.def().name, "metadata": { "name": name }, "spec": spec });
        let path = format!("{}?fieldManager=a-person&force=true{more}", path(namespace, kind, name));
        self.send("PATCH", &path, "application/apply-patch+yaml", object.to_string()).await
    }

    /// Makes an object of any kind.
    pub(super) async fn make(&self, path: &str, object: &Json) {
        let made = self.send("POST", path, "application/json", object.to_string()).await;
        assert_eq!(made.status, 201, "{:#}", made.body);
    }

    /// Changes an object's metadata.
    pub(super) async fn annotate(&self, kind: Kind, name: &str, metadata: Json) -> Vec<String> {
        let patch = json!({ "metadata": metadata }).to_string();
        self.send("PATCH", &path(&self.home, kind, name), "application/merge-patch+json", patch).await.passed()
    }

    pub(super) async fn delete(&self, kind: Kind, name: &str, more: &str) -> Vec<String> {
        let path = format!("{}?{more}", path(&self.home, kind, name));
        self.send("DELETE", &path, "application/json", String::new()).await.passed()
    }

    pub(super) async fn get(&self, kind: Kind, name: &str) -> Json {
        self.send("GET", &path(&self.home, kind, name), "application/json", String::new()).await.body
    }

    /// Waits until an object is as declared.
    pub(super) async fn until_ready(&self, kind: Kind, name: &str) {
        self.until(kind, name, "True").await;
    }

    /// Waits until an object was visited as it is, and says so of being ready.
    pub(super) async fn until(&self, kind: Kind, name: &str, ready: &str) {
        let begun = Instant::now();
        loop {
            let object = self.get(kind, name).await;
            let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let says_so = conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == ready);
            if says_so && object["status"]["observedGeneration"] == object["metadata"]["generation"] {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{kind} {name} is never so: {object:#}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn send(&self, method: &str, path: &str, media: &str, body: String) -> Answer {
        let request = Request::builder().method(method).uri(path).header("content-type", media);
        let answer = self.client.send(request.body(Body::from(body.into_bytes())).unwrap()).await.unwrap();
        let warnings = answer.headers().get_all("warning").iter().map(|value| text(value.as_bytes())).collect();
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(axum::body::Body::new(answer.into_body()), usize::MAX).await.unwrap();
        Answer { status, warnings, body: serde_json::from_slice(&body).unwrap_or_default() }
    }

    /// Ends all operators, and with them the webhook.
    pub(super) async fn operators_end(&mut self) {
        for (stop, running) in self.operators.drain(..) {
            stop.request();
            running.await.unwrap();
        }
    }

    pub(super) async fn end(mut self) {
        let path = format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{}", self.home);
        self.send("DELETE", &path, "application/json", String::new()).await;
        self.operators_end().await;
    }
}

impl Answer {
    /// The warnings about something that was let through.
    #[track_caller]
    fn passed(self) -> Vec<String> {
        assert!(self.status < 300, "{}: {:#}", self.status, self.body);
        self.warnings
    }
}

fn path(namespace: &str, kind: Kind, name: &str) -> String {
    format!("/apis/tenantry.dev/v1alpha1/namespaces/{namespace}/{}s/{name}", kind.def().name.to_lowercase())
}

/// The text of a header such as `299 - "this \"deletes\""`.
fn text(header: &[u8]) -> String {
    let header = String::from_utf8(header.to_vec()).unwrap();
    let quoted = header.strip_prefix("299 - \"").and_then(|h| h.strip_suffix('"')).unwrap_or_else(|| panic!("no warning: {header}"));
    quoted.replace("\\\"", "\"").replace("\\\\", "\\")
}

/// Puts a certificate for this machine into a folder, with the authority that signed it; both are new.
pub(super) fn certify(folder: &Path) {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let (authority_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let mut server = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let pem = server.signed_by(&key, &Issuer::from_params(&authority, &authority_key)).unwrap().pem();
    std::fs::write(folder.join("authority.crt"), authority_pem).unwrap();
    std::fs::write(folder.join("tls.crt"), pem).unwrap();
    std::fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
}

/// How portals are read.
#[derive(Default)]
pub(super) struct Reads {
    /// How many tenants were read, and how long each reading takes, in milliseconds.
    pub(super) count: AtomicU64,
    pub(super) delay: AtomicU64,
}

/// The embedded portal, as slow as a test wants it.
struct Slow {
    inner: Embedded,
    reads: Arc<Reads>,
}

impl Driver for Slow {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn open_reader(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Observe>, PortalError> {
        Ok(Arc::new(SlowReader { inner: self.inner.open_reader(ctx)?, reads: Arc::clone(&self.reads) }))
    }

    fn open_writer(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Execute>, PortalError> {
        self.inner.open_writer(ctx)
    }
}

struct SlowReader {
    inner: Arc<dyn Observe>,
    reads: Arc<Reads>,
}

#[async_trait]
impl Observe for SlowReader {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn conduct(&self) -> &dyn Conduct {
        self.inner.conduct()
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        self.reads.count.fetch_add(tenants.len() as u64, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(self.reads.delay.load(Ordering::SeqCst))).await;
        self.inner.read(tenants).await
    }

    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        self.inner.tenants().await
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        self.inner.holders(kind, keys).await
    }
}

/// So many users, inline.
pub(super) fn users(count: usize) -> Json {
    let user = |n: usize| json!({ "name": format!("u{n}"), "email": format!("u{n}@acme.example"), "administrator": n < 2 });
    (0..count).map(user).collect()
}

/// Labels, annotations, and what else metadata has.
pub(super) fn labels(text: &str) -> Json {
    json!({ "labels": BTreeMap::from([("example.com/is", text)]) })
}
