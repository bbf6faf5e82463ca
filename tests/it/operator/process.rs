//! The operator's program in a process of its own, as a pod has it: what it logs, and what its server answers. It ends with its value.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::program::{PROGRAM, command};

/// How long anything may take to come about on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// See the module.
pub(super) struct Process {
    child: Child,
    folder: tempfile::TempDir,
}

impl Process {
    /// Starts it in a namespace, beside these, as whoever a kubeconfig names; `state` is where the embedded portal keeps its file.
    pub(super) fn start(kubeconfig: &Path, namespace: &str, beside: &[&str], state: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut program = command(PROGRAM);
        program.args(["operator", "--namespace", namespace, "--watch-namespace", namespace, "--listen", "127.0.0.1:0"]);
        for namespace in beside {
            program.args(["--watch-namespace", namespace]);
        }
        program.arg("--state-dir").arg(state).arg("--kubeconfig").arg(kubeconfig).env("TENANTRY_LOG", "info");
        let log = File::create(folder.path().join("log")).unwrap();
        let child = program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self { child, folder }
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// The lines of its log that have all these words.
    pub(super) fn lines(&self, words: &[&str]) -> Vec<String> {
        self.log().lines().filter(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned).collect()
    }

    /// Waits until it logs a line with all these words.
    pub(super) async fn says(&self, words: &[&str]) {
        let begun = Instant::now();
        while self.lines(words).is_empty() {
            assert!(begun.elapsed() < PATIENCE, "never said {words:?}: {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What its server answers.
    pub(super) async fn get(&self, path: &str) -> (u16, String) {
        self.says(&["listened at http://"]).await;
        let log = self.log();
        let address = log.split("listened at http://").nth(1).and_then(|rest| rest.split(": /healthz").next()).unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("http://{address}{path}")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Waits until its server answers so; the answer.
    pub(super) async fn answers(&self, path: &str, is_so: impl Fn(u16, &str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let (code, body) = self.get(path).await;
            if is_so(code, &body) {
                return body;
            }
            assert!(begun.elapsed() < PATIENCE, "{path}: {code} {body}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
