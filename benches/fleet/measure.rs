//! Runs a program and says how long it took and how much memory it had at most.
//!
//! Times are the median of bare runs. Memory is the kernel's own high-water mark (`VmHWM` in `/proc/<pid>/status`), asked for every millisecond
//! in one further run, so that asking costs no measured time. What the process allocates in its very last millisecond may be missed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a program cost.
pub(crate) struct Cost {
    /// The median of the runs.
    pub(crate) time: Duration,
    /// The high-water mark of its memory, in bytes; `None` where the system does not say.
    pub(crate) memory: Option<u64>,
}

/// A program with its arguments, ready to be run again and again.
pub(crate) struct Program<'a> {
    /// The binary.
    pub(crate) binary: &'a Path,
    /// Where it runs.
    pub(crate) folder: &'a Path,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
}

impl Program<'_> {
    fn command(&self) -> Command {
        let mut command = Command::new(self.binary);
        command.args(&self.arguments).current_dir(self.folder).stdin(Stdio::null()).stdout(Stdio::null());
        // No update check, no prompt.
        command.env("CHECKPOINT_DISABLE", "1").env("TF_IN_AUTOMATION", "1").env_remove("TF_CLI_CONFIG_FILE");
        command
    }

    /// Runs it once, and fails loudly if it fails.
    pub(crate) fn run(&self) -> Duration {
        self.exits(0)
    }

    /// Runs it once, and fails loudly if it does not exit so.
    pub(crate) fn exits(&self, code: i32) -> Duration {
        let start = Instant::now();
        let output = self.command().stderr(Stdio::piped()).output().unwrap_or_else(|e| panic!("{}: {e}", self.binary.display()));
        let time = start.elapsed();
        let said = String::from_utf8_lossy(&output.stderr);
        let exited = output.status.code() == Some(code);
        assert!(exited, "{} {}: {}, expected {code}\n{said}", self.binary.display(), self.arguments.join(" "), output.status);
        time
    }

    /// The median of several runs, and the memory of one more.
    pub(crate) fn cost(&self, runs: usize) -> Cost {
        Cost { time: median((0..runs).map(|_| self.run()).collect()), memory: self.memory() }
    }

    /// The high-water mark of one run.
    pub(crate) fn memory(&self) -> Option<u64> {
        let mut child = self.command().stderr(Stdio::null()).spawn().ok()?;
        let status = format!("/proc/{}/status", child.id());
        let mut highest = None;
        while child.try_wait().ok()?.is_none() {
            highest = highest.max(std::fs::read_to_string(&status).ok().as_deref().and_then(high_water_mark));
            std::thread::sleep(Duration::from_millis(1));
        }
        highest
    }
}

/// Reads `VmHWM:   12345 kB`.
fn high_water_mark(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb * 1024)
}

/// The middle of the sorted times; of an even number the later one.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
