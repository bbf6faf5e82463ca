//! A control plane of Kubernetes: etcd and a real API server with RBAC and an audit log, as controller-runtime's envtest sets one up; the garbage
//! collector where a test asks for it. There are no nodes: a Pod is an object that nobody runs. Built by `tests/servers/install`, or taken from
//! where `KUBEBUILDER_ASSETS` says.

mod access;
mod audit;
mod certificates;
mod stored;
mod works;

use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::http::answers;
use super::process::{free_port, place, ready, watched};

pub(crate) use self::access::{ADMIN, client};
#[allow(unused_imports)] // What tests of the operator are written with.
pub(crate) use self::audit::{Mark, Request};

/// A running control plane. It ends when this is dropped, and in any case when the test program ends.
pub(crate) struct Cluster {
    /// Certificates, kubeconfigs and the audit log; gone when the cluster ends.
    folder: PathBuf,
    etcd_port: u16,
    port: u16,
    // Dropped in this order: whoever asks first, then who is asked.
    controllers: OnceLock<ChildStdin>,
    api_server: Mutex<Option<ChildStdin>>,
    _etcd: ChildStdin,
}

impl Cluster {
    /// The one of all tests: each makes namespaces of its own. Custom resource definitions are everybody's.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One of a test's own, which it may stop, or fill with what no other test should see.
    pub(crate) fn start() -> Self {
        let (folder, port) = place("kubernetes");
        let etcd_port = free_port();
        certificates::make(&folder);
        std::fs::write(folder.join("audit-policy"), audit::POLICY).unwrap();
        let etcd = start_etcd(&folder, etcd_port);
        let cluster = Self { folder, etcd_port, port, controllers: OnceLock::new(), api_server: Mutex::new(None), _etcd: etcd };
        std::fs::write(cluster.kubeconfig_file(), cluster.certificate_kubeconfig("admin")).unwrap();
        cluster.start_again();
        cluster
    }

    /// Ends the API server without a warning, as when its machine fails: connections break, and new ones are refused. What is stored stays.
    pub(crate) fn stop(&self) {
        let api_server = self.api_server.lock().unwrap().take();
        drop(api_server.expect("the API server is stopped already"));
        let deadline = Instant::now() + Duration::from_secs(30);
        // The last thing that its watchdog does is to take its folder away.
        while self.part("kube-apiserver").exists() {
            assert!(Instant::now() < deadline, "the API server did not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts the API server that was stopped, on the same port and data, and waits until it is ready.
    pub(crate) fn start_again(&self) {
        let mut running = self.api_server.lock().unwrap();
        assert!(running.is_none(), "the API server is running");
        let folder = self.part("kube-apiserver");
        std::fs::create_dir(&folder).unwrap();
        let mut command = program("kube-apiserver");
        command.args(self.api_server_flags());
        // Killed: at its own pace it would wait for each watch to end.
        *running = Some(watched(&command, &folder, "KILL"));
        drop(running);
        ready("kube-apiserver", &folder, || apart(async { self.client().request_text(get("/readyz")).await.is_ok() }));
    }

    /// Starts the garbage collector and the controller that empties deleted namespaces, once. Of a kind that is newly defined the collector learns
    /// within 30 seconds.
    pub(crate) fn start_controllers(&self) {
        self.controllers.get_or_init(|| {
            let folder = self.part("kube-controller-manager");
            std::fs::create_dir(&folder).unwrap();
            let kubeconfig = self.folder.join("controllers.kubeconfig");
            std::fs::write(&kubeconfig, self.certificate_kubeconfig("controllers")).unwrap();
            let mut command = program("kube-controller-manager");
            command.arg(format!("--kubeconfig={}", kubeconfig.display()));
            command.args(["--controllers=garbage-collector-controller,namespace-controller", "--leader-elect=false", "--secure-port=0"]);
            watched(&command, &folder, "KILL")
        });
    }

    /// Where the API server is.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// A file below this cluster's folder.
    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The folder of one of its programs, which has its log and is gone when it ended.
    fn part(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn api_server_flags(&self) -> Vec<String> {
        let file = |flag: &str, name: &str| format!("--{flag}={}", self.file(name).display());
        let mut flags = vec![
            format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_port),
            format!("--secure-port={}", self.port),
            format!("--service-account-issuer={}", self.url()),
            file("cert-dir", "kube-apiserver"),
            file("tls-cert-file", "server.crt"),
            file("tls-private-key-file", "server.key"),
            file("client-ca-file", "authority.crt"),
            file("service-account-key-file", "tokens.pub"),
            file("service-account-signing-key-file", "tokens.key"),
            file("audit-policy-file", "audit-policy"),
            file("audit-log-path", "audit.log"),
        ];
        flags.extend(
            [
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                // Loopback may not be an endpoint of the service `kubernetes`, which nobody here uses.
                "--endpoint-reconciler-type=none",
                "--service-cluster-ip-range=10.0.0.0/24",
                "--authorization-mode=RBAC",
                // Nobody makes the `default` service account that it would give each Pod.
                "--disable-admission-plugins=ServiceAccount",
                // In megabytes. A log that begins anew would lose the marks in it.
                "--audit-log-maxsize=4096",
            ]
            .map(str::to_owned),
        );
        flags
    }
}

fn start_etcd(folder: &Path, port: u16) -> ChildStdin {
    let mut command = program("etcd");
    command.args([format!("--listen-client-urls=http://127.0.0.1:{port}"), format!("--advertise-client-urls=http://127.0.0.1:{port}")]);
    command.arg("--data-dir").arg(folder.join("data"));
    // Its peers: there are none, and any port does.
    command.args(["--listen-peer-urls=http://127.0.0.1:0", "--unsafe-no-fsync", "--log-level=warn"]);
    let alive = watched(&command, folder, "KILL");
    ready("etcd", folder, || answers(port, "/health"));
    alive
}

fn program(name: &str) -> Command {
    Command::new(Path::new(env!("TEST_KUBERNETES_PROGRAMS")).join(name))
}

fn get(path: &str) -> axum::http::Request<Vec<u8>> {
    axum::http::Request::get(path).body(Vec::new()).unwrap()
}

/// Runs something asynchronous to its end from a place that is not, whether or not a runtime is around it.
fn apart<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let run = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}
