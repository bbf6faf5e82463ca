//! Who holds a lock, and whether they are proven dead.
//!
//! Comes in: what the system says of this process and of another. Goes out: a [`Holder`], or a proof. Never guesses: a process that cannot be
//! asked about is taken for alive, and then only the end of its lease frees its locks.

use std::io::ErrorKind;

use super::Holder;

/// What the system says of a process.
#[derive(Debug, PartialEq, Eq)]
enum Process {
    /// It runs, since this many clock ticks after the start of the system.
    Runs(String),
    /// There is none.
    Gone,
    /// The system does not say.
    NotShown,
}

impl Holder {
    /// This process, as the holder of a lock for an operation such as `apply`.
    pub fn current(operation: &str) -> Self {
        let host = whoami::hostname().unwrap_or_else(|_| "unknown".to_owned());
        let user = whoami::username().unwrap_or_else(|_| "unknown".to_owned());
        let process = std::process::id();
        let started = match (scope(), ask(process)) {
            (Some(scope), Process::Runs(ticks)) => format!("{scope} {ticks}"),
            _ => String::new(),
        };
        Self { who: format!("{user}@{host}"), operation: operation.to_owned(), host, process, started }
    }

    /// True only where this process can know that the holder no longer runs: the same user on the same host, the same start of the system and
    /// the same process namespace (two containers may share a host's name and count processes apart; `/proc` may hide other users' processes).
    pub(crate) fn proven_dead(&self) -> bool {
        let here = Self::current("");
        let Some((scope, ticks)) = self.started.rsplit_once(' ') else { return false };
        if self.host != here.host || self.who != here.who || here.started.rsplit_once(' ').map(|(s, _)| s) != Some(scope) {
            return false;
        }
        match ask(self.process) {
            Process::Runs(now) => now != ticks,
            Process::Gone => true,
            Process::NotShown => false,
        }
    }
}

/// Within what a process id means one process: this start of the system and this process namespace. `None` without `/proc`.
fn scope() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), namespace.display()))
}

fn ask(process: u32) -> Process {
    match std::fs::read_to_string(format!("/proc/{process}/stat")) {
        Ok(stat) => read_stat(&stat),
        Err(e) if e.kind() == ErrorKind::NotFound && std::fs::exists("/proc/self/stat").unwrap_or(false) => Process::Gone,
        Err(_) => Process::NotShown,
    }
}

/// Reads `/proc/<pid>/stat` (proc_pid_stat(5)): the state is field 3, the start time field 22. Field 2, the program's name in parentheses, may
/// itself hold spaces and parentheses, so that fields are counted after the last one.
fn read_stat(stat: &str) -> Process {
    let Some((_, rest)) = stat.rsplit_once(')') else { return Process::NotShown };
    let mut fields = rest.split_ascii_whitespace();
    match (fields.next(), fields.nth(18)) {
        // A zombie has ended; only its parent has not asked for its exit code yet.
        (Some("Z" | "X" | "x"), _) => Process::Gone,
        (Some(_), Some(ticks)) => Process::Runs(ticks.to_owned()),
        _ => Process::NotShown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "42 (a) b (c) S 1 42 42 0 -1 4194304 99 0 0 0 0 0 0 0 20 0 1 0 217795 3133440 414 0";

    #[test]
    fn the_start_time_is_found_after_a_name_with_spaces_and_parentheses() {
        assert_eq!(read_stat(STAT), Process::Runs("217795".to_owned()));
    }

    #[test]
    fn a_zombie_has_ended() {
        assert_eq!(read_stat(&STAT.replace(" S ", " Z ")), Process::Gone);
    }

    #[test]
    fn what_is_not_understood_proves_nothing() {
        assert_eq!(read_stat("42 (a) S 1"), Process::NotShown);
        assert_eq!(read_stat(""), Process::NotShown);
    }

    #[test]
    fn this_process_is_alive_and_its_id_with_another_start_is_dead() {
        let me = Holder::current("apply");
        assert!(!me.proven_dead());
        let (scope, _) = me.started.rsplit_once(' ').unwrap_or_default();
        let reused = Holder { started: format!("{scope} 1"), ..me.clone() };
        assert_eq!(reused.proven_dead(), !me.started.is_empty());
    }

    #[test]
    fn nothing_is_proven_about_another_host_user_boot_or_system_without_proc() {
        let reused = Holder { process: u32::MAX, ..Holder::current("apply") };
        let elsewhere = |change: fn(&mut Holder)| {
            let mut holder = reused.clone();
            change(&mut holder);
            holder.proven_dead()
        };
        assert!(!elsewhere(|h| h.host = "other".to_owned()));
        assert!(!elsewhere(|h| h.who = "other".to_owned()));
        assert!(!elsewhere(|h| h.started = "other-boot pid:[1] 5".to_owned()));
        assert!(!elsewhere(|h| h.started = String::new()));
    }
}
