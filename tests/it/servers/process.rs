//! Servers as processes: started in a folder of their own, and stopped when the test program ends, however it ends.

use std::hash::{BuildHasher as _, Hasher as _};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// A folder and a port for a server of our own.
pub(crate) fn place(name: &str) -> (PathBuf, u16) {
    let port = free_port();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}-{port}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    (folder, port)
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    // Not one that the kernel would give: it might give it to whoever connects somewhere before the server is there.
    let dice = || std::hash::RandomState::new().build_hasher().finish() % 22_000;
    let mut ports = std::iter::repeat_with(|| 10_000 + u16::try_from(dice()).unwrap());
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// Starts a server under a shell that stops it with a signal, and takes its folder away, as soon as our end of the shell's input closes. In a
/// process group of its own: Ctrl-C ends the tests, and they end the server.
pub(crate) fn watched(server: &Command, folder: &Path, signal: &str) -> ChildStdin {
    const SCRIPT: &str =
        r#"folder=$1; signal=$2; shift 2; "$@" & server=$!; cat > /dev/null; kill -$signal $server; wait $server; rm -rf "$folder""#;
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT, "sh"]).arg(folder).arg(signal).arg(server.get_program()).args(server.get_args());
    let variables = server.get_envs().filter_map(|(name, value)| Some((name, value?)));
    shell.envs(variables).stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log).process_group(0).current_dir(folder);
    shell.spawn().unwrap().stdin.take().unwrap()
}

/// Waits until a server is ready; its log is what is shown if that takes longer than even a busy machine needs.
pub(crate) fn ready(name: &str, folder: &Path, is_ready: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(180);
    while !is_ready() {
        let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "{name} did not start: {}", log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs a command that must succeed.
pub(crate) fn done(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
