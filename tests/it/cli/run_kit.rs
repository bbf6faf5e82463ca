//! `tenantry run` in a process of its own: what it logs, what its server says, how it ends. It ends with its value.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::transcript::Shell;
use crate::support::program::{PROGRAM, command};

/// As long as anything may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// See the module.
pub(super) struct Running {
    child: Child,
    log: PathBuf,
    /// The log is not among the manifests: its lines would be news of the folder.
    _folder: tempfile::TempDir,
}

impl Running {
    /// Starts it in a folder with these words more.
    pub(super) fn start(shell: &Shell, words: &str) -> Self {
        let mut run = command(PROGRAM);
        run.args(["run", "--listen", "127.0.0.1:0"]).args(words.split_whitespace()).current_dir(shell.path());
        Self::of(run)
    }

    /// Starts a command that is `run` in the end.
    pub(super) fn of(mut run: Command) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("log");
        let file = File::create(&log).expect("a log");
        let child = run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn().expect("it runs");
        Self { child, log, _folder: folder }
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("its log")
    }

    /// How often its log has a text.
    pub(super) fn count(&self, text: &str) -> usize {
        self.log().matches(text).count()
    }

    /// Waits until its log has a text.
    #[track_caller]
    pub(super) fn says(&mut self, text: &str) {
        self.says_times(text, 1);
    }

    /// Waits until its log has a text so often.
    #[track_caller]
    pub(super) fn says_times(&mut self, text: &str, times: usize) {
        let began = Instant::now();
        while self.count(text) < times {
            assert!(began.elapsed() < PATIENCE, "it never said `{text}`: {}", self.log());
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "it ended ({ended:?}) before it said `{text}`: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until its server answers so.
    #[track_caller]
    pub(super) fn answers(&mut self, path: &str, is_so: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let (_, body) = self.get(path);
            if is_so(&body) {
                return body;
            }
            assert!(began.elapsed() < PATIENCE, "{path}: {body}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What its server answers: the head, and the body.
    #[track_caller]
    pub(super) fn get(&mut self, path: &str) -> (String, String) {
        self.get_as(path, None)
    }

    /// The same, asked for under a name of the test's own.
    #[track_caller]
    pub(super) fn get_as(&mut self, path: &str, host: Option<&str>) -> (String, String) {
        self.says("listened at http://");
        let log = self.log();
        let address = log.split("listened at http://").nth(1).and_then(|rest| rest.split(": /healthz").next()).expect("an address");
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let host = host.unwrap_or(address);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        // What is sent in pieces says the length of each on a line of its own.
        (head.to_owned(), body.to_owned())
    }

    /// Sends a signal, such as `TERM`.
    pub(super) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().expect("kill");
        assert!(sent.success());
    }

    /// Waits for its end; its exit code, `None` if a signal ended it.
    #[track_caller]
    pub(super) fn ends(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "it never ended: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Tells it to stop, and waits until it has done so in order.
    #[track_caller]
    pub(super) fn stop(mut self) -> String {
        self.signal("TERM");
        assert_eq!(self.ends(), Some(0), "{}", self.log());
        self.log()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
