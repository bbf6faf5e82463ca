//! SIGKILL, for real: whatever a run had done when it died, running it again brings the same end, with no duplicate and nothing lost.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tenantry::portal::embedded::Directory;

use super::faulty;
use super::transcript::Shell;
use crate::support::program::{PROGRAM, Ran, command, copy};

const CUSTOMER: &str = "\
apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata:
  name: acme
spec:
  displayName: ACME Tools
  domains:
    - name: main
      domain: acme.example
      primary: true
  roles:
    - name: staff
      permissions: [tickets.read]
  groups:
    - name: office
      roles: [staff]
  users:
    - name: alice
      email: alice@acme.example
      administrator: true
    - name: bob
      email: bob@acme.example
      groups: [office]
    - name: carol
      email: carol@acme.example
      roles: [staff]
";

/// Everything that can be done to a customer, after it was applied once: made, changed, renamed in the manifest, taken away.
const CHANGED: &str = "\
apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata:
  name: acme
spec:
  displayName: ACME Works
  domains:
    - name: main
      domain: acme.example
      primary: true
  roles:
    - name: staff
      permissions: [tickets.close, tickets.read]
    - name: lead
      permissions: [alerts.acknowledge]
  groups:
    - name: front-office
      previously: [office]
      roles: [staff]
  users:
    - name: alice
      email: alice@acme.example
      administrator: true
    - name: bob
      email: bob@acme.example
      groups: [front-office]
      roles: [lead]
    - name: dora
      email: dora@acme.example
      roles: [lead]
";

/// The directory of a folder's portal, opened through the side door.
fn directory(folder: &Path) -> Directory {
    Directory::open(&folder.join(".tenantry/portal-embedded.db"), Arc::new(Timestamp::now)).expect("the portal")
}

/// Everybody was invited once, no object was made twice, and the records of both sides tell the same.
#[track_caller]
pub(super) fn nothing_doubled_and_nothing_lost(shell: &Shell, at: &str) {
    let ledger: serde_json::Value = serde_json::from_str(&shell.run("ledger list -o json").exits(0).out).expect("JSON");
    let rows = ledger["rows"].as_array().expect("rows");
    assert_eq!(ledger["locks"], serde_json::json!([]), "{at}: nobody holds a lock");
    let ids: BTreeSet<_> = rows.iter().map(|r| r["id"].as_str().expect("an id")).collect();
    assert_eq!(ids.len(), rows.len(), "{at}: no id is recorded twice");

    let portal = directory(shell.path());
    let mut invited: Vec<_> = portal.outbox().expect("the outbox").into_iter().map(|m| m.recipient).collect();
    invited.sort();
    let once: BTreeSet<_> = invited.iter().cloned().collect();
    assert_eq!(invited.len(), once.len(), "{at}: somebody was invited twice: {invited:?}");
    let users = rows.iter().filter(|r| r["address"].as_str().is_some_and(|a| a.contains("/user/")));
    for user in users {
        assert!(once.contains(user["natural_key"].as_str().expect("an e-mail")), "{at}: never invited: {user}");
    }

    let calls: Vec<_> = portal.audit().expect("the portal's trail").into_iter().filter(|l| l.result == "done").collect();
    let intents: BTreeSet<_> = calls.iter().filter_map(|l| l.intent.clone()).collect();
    assert_eq!(intents.len(), calls.len(), "{at}: a call was done twice: {calls:?}");
    let audit: serde_json::Value = serde_json::from_str(&shell.run("ledger audit --limit 10000 -o json").exits(0).out).expect("JSON");
    let recorded: BTreeSet<_> =
        audit.as_array().expect("records").iter().filter_map(|r| r["address"].as_str().map(str::to_owned)).collect();
    for row in rows {
        assert!(recorded.contains(row["address"].as_str().expect("an address")), "{at}: no audit record of {row}");
    }
}

/// Runs again until the end, which is what it would have been without the kill.
#[track_caller]
fn resumes(shell: &Shell, at: &str) {
    let again = shell.run("apply --auto-approve");
    assert_eq!(again.code, Some(0), "{at}: {}", again.said());
    let plan = shell.run("plan --expect-no-changes");
    assert_eq!(plan.code, Some(0), "{at}: {}", plan.said());
    nothing_doubled_and_nothing_lost(shell, at);
}

/// Kills the apply of a prepared folder at every effect, and resumes it; how many effects there were.
fn killed_at_every_effect(prepared: &Shell) -> usize {
    let mut k = 0;
    loop {
        let shell = Shell::empty();
        copy(prepared.path(), shell.path());
        let killed = Ran::of(faulty::child(shell.path(), &format!("kill={k}"), &["apply", "--auto-approve"]).output().expect("it runs"));
        if killed.code.is_some() {
            assert_eq!(killed.code, Some(0), "no effect is left to be killed at: {}", killed.said());
            return k;
        }
        resumes(&shell, &format!("killed at effect {k}"));
        k += 1;
    }
}

#[test]
fn a_first_apply_survives_a_kill_at_every_effect() {
    let shell = Shell::empty();
    shell.write("acme.yaml", CUSTOMER);
    assert_eq!(killed_at_every_effect(&shell), 2 * 7, "before and after each of seven calls");
}

#[test]
fn an_apply_of_every_sort_of_change_survives_a_kill_at_every_effect() {
    let shell = Shell::empty();
    shell.write("acme.yaml", CUSTOMER);
    shell.run("apply --auto-approve").exits(0);
    shell.write("acme.yaml", CHANGED);
    let effects = killed_at_every_effect(&shell);
    assert!(effects >= 2 * 6, "{effects} effects");
}

#[test]
fn a_call_that_was_killed_again_and_again_is_still_made_once() {
    let shell = Shell::empty();
    shell.write("acme.yaml", CUSTOMER);
    for k in [1, 0, 1, 3, 2, 1, 0] {
        let child = faulty::child(shell.path(), &format!("kill={k}"), &["apply", "--auto-approve"]).output().expect("it runs");
        assert_eq!(child.status.code(), None, "it was killed");
    }
    resumes(&shell, "killed seven times");
}

/// A fleet of ten customers with thirty users each.
fn fleet() -> Shell {
    let shell = Shell::empty();
    for tenant in 0..10 {
        let user = |n: u32| format!("    - name: u{n}\n      email: u{n}@c{tenant}.example\n      administrator: {}\n", n == 0);
        let users: String = (0..30).map(user).collect();
        let head =
            format!("apiVersion: tenantry.dev/v1alpha1\nkind: Organization\nmetadata:\n  name: c{tenant}\nspec:\n  displayName: C\n");
        shell.write(&format!("c{tenant}.yaml"), &format!("{head}  users:\n{users}"));
    }
    shell
}

/// Bytes that a run has written so far: how far it is, as the file system tells.
fn written(folder: &Path) -> u64 {
    let size = |name: &str| std::fs::metadata(folder.join(".tenantry").join(name)).map_or(0, |m| m.len());
    ["ledger.db", "ledger.db-wal", "portal-embedded.db", "portal-embedded.db-wal"].into_iter().map(size).sum()
}

/// Starts an apply and kills it when it has written so much; false: it came to its end before.
fn killed_when_written(shell: &Shell, bytes: u64) -> bool {
    let mut apply = command(PROGRAM);
    apply.args(["apply", "--auto-approve", "-q"]).current_dir(shell.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = apply.spawn().expect("it runs");
    let deadline = Instant::now() + Duration::from_secs(20);
    while written(shell.path()) < bytes && Instant::now() < deadline {
        if child.try_wait().expect("a child").is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    child.kill().expect("SIGKILL");
    child.wait().expect("a child").code().is_none()
}

#[test]
fn a_fleet_survives_kills_at_any_time() {
    let whole = fleet();
    whole.run("apply --auto-approve -q").exits(0);
    let all = written(whole.path());
    let mut killed = 0;
    for n in 1..=10_u64 {
        let shell = fleet();
        // Spread over the run, and never at the same distance from a commit.
        killed += u32::from(killed_when_written(&shell, all * n / 11 + n * 977));
        killed += u32::from(killed_when_written(&shell, all * (n + 1) / 11 + n * 577));
        resumes(&shell, &format!("killed after {n} elevenths"));
    }
    assert!(killed >= 8, "only {killed} of 20 kills hit a run");
}

#[test]
fn of_two_runs_at_once_one_wins_and_the_other_is_told_so() {
    for _ in 0..3 {
        let shell = fleet();
        let start = || {
            let mut apply = command(PROGRAM);
            apply.args(["apply", "--auto-approve", "-q"]).current_dir(shell.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
            apply.spawn().expect("it runs")
        };
        let both = [start(), start()].map(|child| Ran::of(child.wait_with_output().expect("it ends")));
        let mut codes = both.each_ref().map(|ran| ran.code.expect("an exit code"));
        codes.sort_unstable();
        // The second may come when the first has ended: then it finds nothing to do.
        assert!(codes == [0, 12] || codes == [0, 0], "{codes:?}: {both:?}");
        nothing_doubled_and_nothing_lost(&shell, "two at once");
        shell.run("plan --expect-no-changes").exits(0);
    }
}
