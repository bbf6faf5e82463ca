//! What a node does with a pod: its kubelet and its container engine say in a container's configuration what the pod's fields mean, and runc, which is
//! beneath most engines, runs it. Of the fields none is left out here (`pod.rs`).

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::Image;
use super::network::Network;
use super::pod::{Pod, Seccomp};
use super::seccomp::runtime_default;
use crate::servers::done;

/// Where a pod finds the token of its service account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// What the files are called which a node makes for each container.
const NODES_OWN: [&str; 3] = ["hosts", "hostname", "resolv.conf"];

/// A node with one pod: its network, its volumes and its account.
pub(super) struct Node {
    folder: tempfile::TempDir,
    pub(super) network: Network,
    /// Takes everything away when the tests end, however they end.
    watchdog: Child,
    /// Variables that every container is given.
    variables: Vec<String>,
}

/// A container that was started.
pub(super) struct Container<'a> {
    node: &'a Node,
    name: &'static str,
    run: Child,
}

impl Node {
    /// A node whose pods find the API server under this name, with this account.
    pub(super) async fn new(api_server: (&str, u16), account: &[(&str, String)]) -> Self {
        let (folder, network) = (tempfile::tempdir().unwrap(), Network::new());
        let shown = network.shows(api_server.1).await;
        std::fs::write(folder.path().join("hosts"), format!("127.0.0.1 localhost\n{} {}\n", shown.ip(), api_server.0)).unwrap();
        std::fs::write(folder.path().join("hostname"), "pod\n").unwrap();
        // There is nobody who knows more names.
        std::fs::write(folder.path().join("resolv.conf"), "").unwrap();
        std::fs::create_dir(folder.path().join("account")).unwrap();
        for (file, content) in account {
            std::fs::write(folder.path().join("account").join(file), content).unwrap();
        }
        let variables = vec![format!("KUBERNETES_SERVICE_HOST={}", api_server.0), format!("KUBERNETES_SERVICE_PORT={}", shown.port())];
        let watchdog = watch(folder.path(), &network);
        Self { folder, network, watchdog, variables }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder that a volume is.
    pub(super) fn volume(&self, name: &str) -> PathBuf {
        self.file("volumes").join(name)
    }

    /// The container's own files.
    pub(super) fn root(&self, name: &str) -> PathBuf {
        self.file(name).join("rootfs")
    }

    /// Starts the pod's container from an image.
    pub(super) fn start(&self, name: &'static str, image: &Image, pod: &Pod) -> Container<'_> {
        self.make_volumes(pod);
        image.unpack(&self.root(name));
        std::fs::write(self.file(name).join("config.json"), self.configuration(image, pod).to_string()).unwrap();
        let log = std::fs::File::create(self.file(name).join("log")).unwrap();
        let mut runc = Command::new("runc");
        runc.arg("--root").arg(self.file("runc")).args(["run", "--bundle"]).arg(self.file(name)).arg(self.id(name));
        let run = runc.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        Container { node: self, name, run }
    }

    /// Known to the whole machine.
    fn id(&self, name: &str) -> String {
        format!("{}-{name}", self.folder.path().file_name().unwrap().to_string_lossy().trim_start_matches('.'))
    }

    /// Volumes and the account, with the group that the pod asks for. What is there stays: a volume is the pod's.
    fn make_volumes(&self, pod: &Pod) {
        let group = Some(pod.security_context.fs_group);
        for volume in &pod.volumes {
            let folder = self.volume(&volume.name);
            std::fs::create_dir_all(&folder).unwrap();
            std::os::unix::fs::chown(&folder, Some(0), group).unwrap();
            std::fs::set_permissions(&folder, Permissions::from_mode(0o2777)).unwrap();
        }
        for file in std::fs::read_dir(self.file("account")).unwrap() {
            let file = file.unwrap().path();
            std::os::unix::fs::chown(&file, Some(0), group).unwrap();
            std::fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        }
    }

    fn configuration(&self, image: &Image, pod: &Pod) -> Json {
        let (all, one) = (&pod.security_context, &pod.container().security_context);
        assert!(!(all.run_as_non_root && one.run_as_non_root) || all.run_as_user != 0, "a node does not start it");
        // An engine's own list of capabilities, less what is dropped.
        assert_eq!(one.capabilities.drop, ["ALL"], "nobody here knows the list that it would be taken from");
        let none: [&str; 0] = [];
        let capabilities = json!({"bounding": none, "effective": none, "inheritable": none, "permitted": none, "ambient": none});
        let (Seccomp::RuntimeDefault, Seccomp::RuntimeDefault) = (&all.seccomp_profile, &one.seccomp_profile);
        let mut variables = [image.words("Env"), self.variables.clone()].concat();
        assert!(!pod.enable_service_links, "nobody here knows the Services that there would be variables of");
        variables.extend(pod.container().env.iter().map(|variable| format!("{}={}", variable.name, variable.value)));
        let command = [image.words("Entrypoint"), pod.container().args.clone()].concat();
        let namespaces = ["pid", "ipc", "uts", "mount"].map(|kind| json!({"type": kind}));
        let network = json!({"type": "network", "path": self.network.path()});
        json!({
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": all.run_as_user, "gid": all.run_as_group, "additionalGids": [all.fs_group]},
                "args": command,
                "env": variables,
                "cwd": image.config["WorkingDir"],
                "capabilities": capabilities,
                "noNewPrivileges": !one.allow_privilege_escalation,
            },
            "root": {"path": "rootfs", "readonly": one.read_only_root_filesystem},
            "hostname": "pod",
            "mounts": self.mounts(pod),
            "linux": {
                "namespaces": namespaces.into_iter().chain([network]).collect::<Vec<_>>(),
                "seccomp": runtime_default(),
                "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
                "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            },
        })
    }

    fn mounts(&self, pod: &Pod) -> Vec<Json> {
        let container = pod.container();
        let kernels = |at: &str, kind: &str, options: &[&str]| json!({"destination": at, "type": kind, "source": kind, "options": options});
        let bound = |at: &str, from: PathBuf, read_only: bool| {
            let options = ["rbind", "rprivate", if read_only { "ro" } else { "rw" }];
            json!({"destination": at, "type": "bind", "source": from, "options": options})
        };
        let mut mounts = vec![
            kernels("/proc", "proc", &["nosuid", "noexec", "nodev"]),
            kernels("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            kernels("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            kernels("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
            kernels("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            kernels("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        ];
        let read_only = container.security_context.read_only_root_filesystem;
        mounts.extend(NODES_OWN.map(|name| bound(&format!("/etc/{name}"), self.file(name), read_only)));
        if pod.automount_service_account_token {
            mounts.push(bound(ACCOUNT, self.file("account"), true));
        }
        for mount in &container.volume_mounts {
            assert!(pod.volumes.iter().any(|volume| volume.name == mount.name), "no volume {}", mount.name);
            mounts.push(bound(&mount.mount_path, self.volume(&mount.name), mount.read_only));
        }
        mounts
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ended = self.watchdog.wait();
    }
}

/// A shell that ends the containers and the network as soon as our end of its input closes.
fn watch(folder: &Path, network: &Network) -> Child {
    let runc = format!("runc --root {}/runc", folder.display());
    let script = format!("cat >/dev/null; for c in $({runc} list -q); do {runc} delete --force $c; done; {}", network.gone());
    let mut shell = Command::new("sh");
    std::os::unix::process::CommandExt::process_group(&mut shell, 0);
    shell.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

impl Container<'_> {
    fn runc(&self, words: &[&str]) -> Command {
        let mut runc = Command::new("runc");
        runc.arg("--root").arg(self.node.file("runc")).args(words).arg(self.node.id(self.name));
        runc
    }

    /// What it said.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.node.file(self.name).join("log")).unwrap()
    }

    /// What the kernel knows of its program: a file below `/proc/PID`.
    pub(super) fn process(&self, file: &str) -> String {
        let state: Json = serde_json::from_slice(&self.runc(&["state"]).output().unwrap().stdout).unwrap();
        std::fs::read_to_string(format!("/proc/{}/{file}", state["pid"])).unwrap()
    }

    /// Tells it to end, as a node does that is about to take the pod away.
    pub(super) fn terminate(&self) {
        done(self.runc(&["kill"]).arg("TERM"));
    }

    /// How it ended, and after how long, if it does within that time.
    pub(super) async fn ends(&mut self, within: Duration) -> (i32, Duration) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.run.try_wait().unwrap() {
                return (status.code().unwrap(), begun.elapsed());
            }
            assert!(begun.elapsed() < within, "it does not end: {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
