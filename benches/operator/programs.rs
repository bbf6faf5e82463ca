//! The real program as processes: the sandbox that plays the portal, and the operator, each with its memory.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value as Json;

use super::servers::http::{answers, client};
use super::servers::process::{free_port, ready};

/// A process that ends with this.
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        let _code = self.0.wait();
    }
}

impl Process {
    /// A line of what the kernel says of its memory, in bytes: `VmRSS`, what it has now; `VmHWM`, the most that it ever had.
    pub(crate) fn memory(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        kilobytes.expect("the kernel says how much memory a process has: it did not end") * 1024
    }

    /// How long it has had a processor, in user mode and in the kernel.
    pub(crate) fn processor(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap_or_default();
        // Behind the name in parentheses, which may hold anything: fields 14 and 15 of the whole, in hundredths of a second.
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect::<Vec<_>>()).unwrap_or_default();
        let ticks: u64 = [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry"));
    // What the person who measures has set is not measured.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TENANTRY_") || name == "KUBECONFIG") {
        command.env_remove(name);
    }
    command
}

/// The sandbox, which plays the portal of `tests/profiles/sandbox-api.yaml` and counts what it is asked.
pub(crate) struct Sandbox {
    pub(crate) process: Process,
    /// Such as `http://127.0.0.1:7700`.
    pub(crate) base: String,
    pub(crate) token: String,
}

/// The trusted root of profiles.
fn profiles() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/profiles"))
}

/// What the portal is played by.
pub(crate) const PROFILE: &str = "sandbox-api.yaml";

impl Sandbox {
    /// Starts it on an empty state.
    pub(crate) fn start(folder: &Path) -> Self {
        let mut command = program();
        command.args(["sandbox", "--json", "--profile", PROFILE, "--portals"]).arg(profiles());
        command.arg("--state-dir").arg(folder.join("sandbox")).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(log(folder, "sandbox.log")).spawn().expect("the sandbox starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output is ours");
        BufReader::new(output).read_line(&mut line).expect("it says where it is");
        let said: Json = serde_json::from_str(&line).unwrap_or_else(|e| panic!("the sandbox said {line:?}: {e}"));
        let api = said["api"].as_str().unwrap_or_default();
        let base = api.strip_suffix("/api/v1").unwrap_or(api).to_owned();
        Self { process: Process(child), base, token: said["operator_token"].as_str().unwrap_or_default().to_owned() }
    }

    /// What it was asked since it was last told to forget: method, path, how often.
    pub(crate) async fn requests(&self) -> Vec<(String, String, u64)> {
        let report = client().get(self.steer()).bearer_auth(&self.token).send().await.expect("the sandbox answers");
        let report: Json = serde_json::from_str(&report.text().await.expect("whole")).expect("it answers in JSON");
        let text = |line: &Json, key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let lines = report["requests"].as_array().cloned().unwrap_or_default();
        lines.iter().map(|l| (text(l, "method"), text(l, "path"), l["count"].as_u64().unwrap_or_default())).collect()
    }

    /// Counts from zero.
    pub(crate) async fn forget(&self) {
        client().delete(self.steer()).bearer_auth(&self.token).send().await.expect("the sandbox answers");
    }

    fn steer(&self) -> String {
        format!("{}/sandbox/requests", self.base)
    }
}

/// Starts the operator with its ledger in the cluster, and waits until it listens.
pub(crate) fn operator(folder: &Path, kubeconfig: &Path, namespace: &str) -> Process {
    let port = free_port();
    let mut command = program();
    command.arg("operator").arg("--kubeconfig").arg(kubeconfig).args(["--namespace", namespace, "--watch-namespace", namespace]);
    command.arg("--profiles").arg(profiles()).arg("--state-dir").arg(folder.join("operator"));
    command.args(["--listen", &format!("127.0.0.1:{port}")]).stdin(Stdio::null()).stdout(Stdio::null());
    let process = Process(command.stderr(log(folder, "log")).spawn().expect("the operator starts"));
    ready("the operator", folder, || answers(port, "/healthz"));
    process
}

fn log(folder: &Path, name: &str) -> File {
    File::create(folder.join(name)).expect("a folder that can be written to")
}
