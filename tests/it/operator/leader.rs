//! Of two operators one acts. When it dies, is cut off or is told to stop, the other goes on, and nothing is made twice.
//!
//! Both are processes of the program. Between them and the portal stands a proxy that knows every request; between the first one and the API server
//! a relay that a test can freeze.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use serde_json::{Value as Json, json};
use tenantry::model::Kind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::stand::says;
use crate::contract::rest::profile;
use crate::sandbox::api_kit::Sandbox;
use crate::servers::kubernetes::Cluster;
use crate::support::program::{PROGRAM, command, root};
use crate::support::proxy::{Fault, Proxy};

const READY: &str = "True ReconciliationSucceeded";
pub(super) const USERS: [&str; 5] = ["ann", "bob", "cai", "dee", "eve"];

/// A namespace with a portal behind it, and nobody who acts yet.
pub(super) struct Scene {
    pub(super) client: Client,
    pub(super) namespace: String,
    pub(super) sandbox: Sandbox,
    pub(super) proxy: Proxy,
    pub(super) folder: tempfile::TempDir,
}

impl Scene {
    pub(super) async fn new() -> Self {
        let cluster = Cluster::shared();
        cluster.apply_crds(&root().join("crds")).await;
        let (client, namespace) = (cluster.client(), cluster.namespace().await);
        let sandbox = Sandbox::play(profile(|text| text)).await;
        let proxy = Proxy::before(&sandbox.base);
        let token: Secret =
            serde_json::from_value(json!({ "metadata": { "name": "portal" }, "stringData": { "token": sandbox.operator } })).unwrap();
        Api::<Secret>::namespaced(client.clone(), &namespace).create(&PostParams::default(), &token).await.unwrap();
        Self { client, namespace, sandbox, proxy, folder: tempfile::tempdir().unwrap() }
    }

    /// Starts an operator with a kubeconfig.
    pub(super) fn operator(&self, name: &str, kubeconfig: &std::path::Path) -> Operator {
        let mut program = command(PROGRAM);
        program.args(["operator", "--namespace", &self.namespace, "--watch-namespace", &self.namespace, "--listen", "127.0.0.1:0"]);
        program.arg("--kubeconfig").arg(kubeconfig).arg("--profiles").arg(root().join("tests/profiles"));
        program.arg("--state-dir").arg(self.folder.path().join(name)).env("TENANTRY_LOG", "tenantry=info");
        Operator::start(program)
    }

    pub(super) async fn apply(&self, kind: Kind, name: &str, spec: Json) {
        let object = json!({ "apiVersion": "tenantry.dev/v1alpha1", "kind": kind.def().name, "metadata": { "name": name }, "spec": spec });
        self.api(kind).patch(name, &PatchParams::apply("a-person").force(), &Patch::Apply(&object)).await.unwrap();
    }

    /// The portal behind the proxy, which makes one thing after another.
    pub(super) fn portal(&self) -> Json {
        let credentials = json!({ "token": { "secretKeyRef": { "name": "portal", "key": "token" } } });
        json!({ "profile": "sandbox-api.yaml", "endpoint": self.proxy.url, "credentials": credentials, "budget": { "parallelism": 1 } })
    }

    /// Declares a portal that makes one thing after another, and a customer with some users.
    pub(super) async fn declare(&self) {
        self.apply(Kind::Portal, "main", self.portal()).await;
        let user = |name| json!({ "name": name, "email": format!("{name}@acme.example"), "administrator": name == "ann" });
        let users: Vec<_> = USERS.into_iter().map(user).collect();
        self.apply(Kind::Organization, "acme", json!({ "displayName": "Acme", "users": users })).await;
    }

    pub(super) fn api(&self, kind: Kind) -> Api<DynamicObject> {
        let name = kind.def().name;
        let resource = ApiResource::from_gvk_with_plural(
            &GroupVersionKind::gvk("tenantry.dev", "v1alpha1", name),
            &format!("{}s", name.to_lowercase()),
        );
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// Waits until the customer is as declared, with one object for each thing that was declared.
    pub(super) async fn until_all_is_there(&self, patience: Duration) {
        let begun = Instant::now();
        loop {
            let acme = serde_json::to_value(self.api(Kind::Organization).get("acme").await.unwrap()).unwrap();
            if says(&acme, "Ready") == READY {
                break;
            }
            assert!(begun.elapsed() < patience, "never Ready: {:#}; asked: {:#?}", acme["status"], self.proxy.asked());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut made = self.sandbox.keys("/api/v1/users").await;
        made.sort();
        assert_eq!(made, USERS.map(|name| format!("{name}@acme.example")));
        assert_eq!(self.sandbox.keys("/api/v1/tenants").await.iter().filter(|key| *key == "acme").count(), 1);
    }

    /// Waits until a call is under way whose answer never comes.
    pub(super) async fn until_held(&self, leader: &Operator) {
        if tokio::time::timeout(Duration::from_secs(30), self.proxy.holds()).await.is_err() {
            panic!("no user is asked for: {}", self.trouble(leader).await);
        }
    }

    /// All that is known of why something does not come about.
    pub(super) async fn trouble(&self, leader: &Operator) -> String {
        let status = async |kind: Kind, name: &str| self.api(kind).get(name).await.unwrap().data["status"].clone();
        let (portal, acme) = (status(Kind::Portal, "main").await, status(Kind::Organization, "acme").await);
        format!("{portal:#}\n{acme:#}\nasked: {:#?}\nsaid: {:#?}", self.proxy.asked(), leader.said.lock().unwrap())
    }

    /// How often a user was asked for.
    pub(super) fn creations(&self) -> usize {
        self.proxy.asked().iter().filter(|line| line.starts_with("POST") && line.ends_with("/users")).count()
    }
}

/// An operator's process, with what it logged.
pub(super) struct Operator {
    process: Child,
    pub(super) said: Arc<Mutex<Vec<String>>>,
}

impl Operator {
    pub(super) fn start(mut program: std::process::Command) -> Self {
        let mut process = program.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let (lines, to) = (BufReader::new(process.stderr.take().unwrap()).lines(), Arc::clone(&said));
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| to.lock().unwrap().push(line)));
        Self { process, said }
    }

    pub(super) fn has_said(&self, what: &str) -> bool {
        self.said.lock().unwrap().iter().any(|line| line.contains(what))
    }

    /// Waits until it says something; how long that took.
    pub(super) async fn until(&self, what: &str, patience: Duration) -> Duration {
        let begun = Instant::now();
        while !self.has_said(what) {
            assert!(begun.elapsed() < patience, "never said `{what}`: {:#?}", self.said.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        begun.elapsed()
    }

    /// What `/readyz` and `/healthz` answer.
    async fn answers(&self, path: &str) -> (u16, String) {
        let address = {
            let said = self.said.lock().unwrap();
            let line = said.iter().find(|line| line.contains("listened at http://")).unwrap();
            line.split("http://").nth(1).unwrap().split(": /").next().unwrap().to_owned()
        };
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("http://{address}{path}")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap().trim().to_owned())
    }

    pub(super) fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits until it ends; its exit code.
    pub(super) async fn ends(&mut self, patience: Duration) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < patience, "it does not end: {:#?}", self.said.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// What stands between an operator and the API server, and passes bytes on until it is frozen: connections stay, and nothing comes any more.
struct Relay {
    address: std::net::SocketAddr,
    frozen: Arc<AtomicBool>,
}

impl Relay {
    async fn before(url: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, frozen) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let (to, is_frozen) = (url.trim_start_matches("https://").to_owned(), Arc::clone(&frozen));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = tokio::net::TcpStream::connect(&to).await else { continue };
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                tokio::spawn(pass(from_client, to_server, Arc::clone(&is_frozen)));
                tokio::spawn(pass(from_server, to_client, Arc::clone(&is_frozen)));
            }
        });
        Self { address, frozen }
    }

    /// A kubeconfig by which the administrator goes through here.
    fn kubeconfig(&self, folder: &std::path::Path) -> std::path::PathBuf {
        let text = std::fs::read_to_string(Cluster::shared().kubeconfig_file()).unwrap();
        let file = folder.join("relayed.kubeconfig");
        std::fs::write(&file, text.replace(&Cluster::shared().url(), &format!("https://{}", self.address))).unwrap();
        file
    }
}

async fn pass(mut from: tokio::net::tcp::OwnedReadHalf, mut to: tokio::net::tcp::OwnedWriteHalf, frozen: Arc<AtomicBool>) {
    let mut bytes = vec![0; 16 << 10];
    while let Ok(n @ 1..) = from.read(&mut bytes).await {
        while frozen.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if to.write_all(&bytes[..n]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn when_the_leader_is_killed_in_the_middle_of_an_apply_the_other_ends_it_and_makes_nothing_twice() {
    let scene = Scene::new().await;
    let kubeconfig = Cluster::shared().kubeconfig_file();
    let mut first = scene.operator("first", &kubeconfig);
    first.until("began to lead", Duration::from_secs(30)).await;
    let second = scene.operator("second", &kubeconfig);
    second.until("another instance leads", Duration::from_secs(30)).await;
    // The portal makes the first user, and its answer never comes.
    scene.proxy.at_first("POST", "/users", Fault::HeldAfter);
    scene.declare().await;
    scene.until_held(&first).await;
    first.signal("-KILL");
    let killed = Instant::now();
    first.ends(Duration::from_secs(5)).await;
    second.until("began to lead", Duration::from_secs(25)).await;
    assert!(killed.elapsed() < Duration::from_secs(25), "{:?}", killed.elapsed());
    scene.until_all_is_there(Duration::from_secs(60)).await;
    assert!(scene.creations() <= USERS.len() + 1, "only the one that nobody heard of may be asked for again: {:#?}", scene.proxy.asked());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_leader_that_is_cut_off_calls_nobody_after_its_lease_and_commits_nothing_when_it_is_back() {
    let scene = Scene::new().await;
    let relay = Relay::before(&Cluster::shared().url()).await;
    let first = scene.operator("first", &relay.kubeconfig(scene.folder.path()));
    first.until("began to lead", Duration::from_secs(30)).await;
    let second = scene.operator("second", &Cluster::shared().kubeconfig_file());
    second.until("another instance leads", Duration::from_secs(30)).await;
    scene.proxy.at_first("POST", "/users", Fault::HeldAfter);
    scene.declare().await;
    scene.until_held(&first).await;
    relay.frozen.store(true, Ordering::SeqCst);
    let before = scene.creations();
    first.until("ceased to lead", Duration::from_secs(20)).await;
    assert!(!second.has_said("began to lead"), "two lead at once");
    second.until("began to lead", Duration::from_secs(15)).await;
    assert_eq!(scene.creations(), before, "whoever is cut off begins no call, and who takes over waits for its lock");
    assert_eq!(first.answers("/readyz").await, (200, "standing by".to_owned()));
    scene.until_all_is_there(Duration::from_secs(120)).await;
    let after = scene.proxy.asked().len();
    relay.frozen.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!first.said.lock().unwrap().iter().skip_while(|line| !line.contains("ceased to lead")).any(|l| l.contains("began to lead")));
    assert_eq!(scene.proxy.asked().len(), after, "it is back, and leaves the portal to the one that leads");
    assert!(scene.creations() <= USERS.len() + 1, "{:#?}", scene.proxy.asked());
    scene.until_all_is_there(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_leader_that_is_told_to_stop_ends_the_call_under_way_and_gives_its_lease_back_at_once() {
    let scene = Scene::new().await;
    let kubeconfig = Cluster::shared().kubeconfig_file();
    let mut first = scene.operator("first", &kubeconfig);
    first.until("began to lead", Duration::from_secs(30)).await;
    let second = scene.operator("second", &kubeconfig);
    second.until("another instance leads", Duration::from_secs(30)).await;
    let slow = json!({ "on": { "method": "POST", "path": "/api/v1/tenants/*/users" }, "do": { "kind": "latency", "millis": 3000 } });
    scene.sandbox.faults(json!([slow])).await;
    scene.declare().await;
    let begun = Instant::now();
    while scene.creations() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "no user is asked for: {}", scene.trouble(&first).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(first.answers("/healthz").await, (200, "ok".to_owned()));
    assert_eq!(first.answers("/readyz").await, (200, "leading".to_owned()));
    first.signal("-TERM");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(first.answers("/readyz").await, (503, "it was told to stop".to_owned()));
    assert_eq!(first.ends(Duration::from_secs(30)).await, Some(0));
    let ended = Instant::now();
    assert_eq!(scene.creations(), 1, "the call under way ended, and no other began");
    second.until("began to lead", Duration::from_secs(5)).await;
    assert!(ended.elapsed() < Duration::from_secs(3), "{:?}", ended.elapsed());
    scene.until_all_is_there(Duration::from_secs(60)).await;
    assert_eq!(scene.creations(), USERS.len(), "what was answered is not asked for again");
}
