//! An API server that answers nothing but lists: the hub goes on all the same, and says so to whoever asks whether it hangs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::http::{Method, Uri};
use kube::Client;
use serde_json::{Value, json};
use tenantry::apply::Stop;
use tenantry::controller::fence::Fence;
use tenantry::controller::health::Answers as _;
use tenantry::controller::metrics::Metrics;
use tenantry::ledger::Holder;
use tenantry::ledger::kubernetes::SecretTexts;
use tenantry::operator::{self, Settings, Shown};
use tenantry::portal::Drivers;
use tenantry::secrets::MacKeySource;

use crate::support::fuse::Fuse;
use crate::support::ledger::MemoryLedger;

/// An API server that lists these objects, by their plurals, and leaves every other request without an answer.
#[derive(Clone, Default)]
struct Silent {
    listed: Arc<BTreeMap<&'static str, Vec<Value>>>,
    /// Secrets that were asked for by name.
    secrets: Arc<AtomicUsize>,
    /// Writes that were asked for.
    writes: Arc<AtomicUsize>,
}

impl Silent {
    fn client(&self) -> Client {
        let this = self.clone();
        Client::new(
            axum::Router::new().fallback(move |request: Request| async move {
                let (parts, _) = request.into_parts();
                this.answer(&parts.method, &parts.uri).await
            }),
            "home",
        )
    }

    async fn answer(&self, method: &Method, uri: &Uri) -> Json<Value> {
        let (path, query) = (uri.path(), uri.query().unwrap_or_default());
        let reads = method == Method::GET;
        let plural = path.rsplit('/').next().unwrap_or_default();
        let is_list = reads && !query.contains("watch=true") && path.ends_with(&format!("/namespaces/home/{plural}"));
        if is_list {
            let items = self.listed.get(plural).cloned().unwrap_or_default();
            return Json(json!({ "apiVersion": "v1", "kind": "List", "metadata": { "resourceVersion": "1" }, "items": items }));
        }
        self.secrets.fetch_add(usize::from(reads && path.contains("/secrets/")), Ordering::SeqCst);
        self.writes.fetch_add(usize::from(!reads), Ordering::SeqCst);
        std::future::pending().await
    }
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    let metadata = json!({ "name": name, "namespace": "home", "uid": name, "generation": 1, "resourceVersion": "1" });
    json!({ "apiVersion": "tenantry.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec })
}

fn organization(name: &str) -> Value {
    object("Organization", name, &json!({ "displayName": name }))
}

/// For ten minutes the operator never counts as one that hangs, and in the end it has taken in what is declared.
async fn check_goes_on(silent: &Silent) {
    let folder = tempfile::tempdir().unwrap();
    let (fence, stop) = (Fence::closed(), Arc::new(Stop::default()));
    let shown = Arc::new(Shown::new(Arc::new(Metrics::new("test", true)), fence.clone()));
    let settings = Settings {
        client: silent.client(),
        ledger: Arc::new(MemoryLedger::new(Arc::new(Fuse::new()))),
        key: MacKeySource::File(folder.path().join("mac.key")).find_or_make(false).await.unwrap(),
        drivers: Drivers::default(),
        namespaces: vec!["home".to_owned()],
        home: "home".to_owned(),
        profiles: None,
        state_dir: folder.path().to_path_buf(),
        holder: Holder::current("operator"),
        fence,
        stop: Arc::clone(&stop),
        shown: Arc::clone(&shown),
        webhook: None,
    };
    let running = tokio::spawn(async move { operator::run(settings, &|_| {}).await });
    for seconds in (0..600).step_by(5) {
        assert_eq!(shown.healthy(), Ok(()), "after {seconds} seconds");
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(shown.ready(), Ok("leading"));
    stop.request();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn secrets_that_are_never_answered_are_given_up_one_after_the_other() {
    let integration = |n: usize| {
        let token = json!({ "secretKeyRef": { "name": format!("hook-{n}"), "key": "token" } });
        let spec = json!({ "organization": "acme", "type": "webhook", "displayName": "Hook", "secrets": { "token": token } });
        object("Integration", &format!("hook-{n}"), &spec)
    };
    let listed = BTreeMap::from([("organizations", vec![organization("acme")]), ("integrations", (0..100).map(integration).collect())]);
    let silent = Silent { listed: Arc::new(listed), ..Silent::default() };
    check_goes_on(&silent).await;
    assert!(silent.secrets.load(Ordering::SeqCst) >= 100);
}

#[tokio::test(start_paused = true)]
async fn statuses_that_are_never_taken_keep_nothing_that_is_declared_waiting() {
    let organizations = (0..200).map(|n| organization(&format!("customer-{n}"))).collect();
    let silent = Silent { listed: Arc::new(BTreeMap::from([("organizations", organizations)])), ..Silent::default() };
    check_goes_on(&silent).await;
    assert!(silent.writes.load(Ordering::SeqCst) >= 200);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_never_answered_is_told_of() {
    let reading = async { SecretTexts::read(&Silent::default().client(), &("home".to_owned(), "token".to_owned())).await };
    let texts = tokio::time::timeout(Duration::from_secs(3600), reading).await.expect("it comes to an end");
    assert_eq!(texts.key("token").unwrap_err(), "the Kubernetes API server: no answer within 10 seconds");
}
