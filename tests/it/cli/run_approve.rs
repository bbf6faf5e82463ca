//! Plans that wait, and people who approve them: by a command, or by a file.

use super::run_kit::Running;
use super::transcript::Shell;

const MANUAL: &str = "spec:\n  approval:\n    mode: Manual\n";

/// A customer whose changes all wait for somebody.
fn manual() -> Shell {
    let shell = Shell::small();
    shell.edit("acme.yaml", "spec:\n", MANUAL);
    shell
}

/// The digest of the plan that waits, as the paper says it.
fn digest(shell: &Shell) -> String {
    let paper = shell.read(".tenantry/pending/embedded.acme.txt");
    let first = paper.lines().next().expect("a first line");
    let digest = first.split("tenantry approve ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("how to approve");
    assert!(paper.contains("user/") && digest.starts_with("sha256:"), "{paper}");
    digest.to_owned()
}

fn add(shell: &Shell, user: &str) {
    let text = shell.read("acme.yaml");
    shell.write("acme.yaml", &format!("{text}    - name: {user}\n      email: {user}@acme.example\n"));
}

#[test]
fn a_plan_is_applied_when_its_digest_is_approved_by_command_or_by_file_and_once() {
    let shell = manual();
    let mut running = Running::start(&shell, "");
    running.says("waited for approval of sha256:");
    let first = digest(&shell);
    let other = format!("approve sha256:{}", "0".repeat(64));
    let refused = shell.run(&other).exits(5);
    assert!(refused.err.contains(&first), "it says what waits: {}", refused.err);
    shell.run(&format!("approve {first} --ticket T-7")).exits(0);
    running.says("created acme/user/bob");
    running.says("used the approval");
    running.answers("/status", |body| body.contains("\"end\": \"Applied\""));
    assert!(std::fs::read_dir(shell.file(".tenantry/approvals")).expect("a folder").next().is_none());
    assert!(!shell.file(".tenantry/pending/embedded.acme.txt").exists());
    let audit = shell.run("ledger audit -o json").exits(0).out;
    assert!(audit.contains("T-7") && audit.contains(&format!("digest {first} by ")), "{audit}");
    shell.run(&format!("approve {first}")).exits(5);

    add(&shell, "carol");
    running.says_times("waited for approval of sha256:", 2);
    let second = digest(&shell);
    shell.write(&format!(".tenantry/approvals/{second}"), "");
    running.says("created acme/user/carol");
    running.says_times("used the approval", 2);
    let log = running.stop();
    assert_eq!(log.matches("created acme/user/carol").count(), 1, "{log}");
}

#[test]
fn an_approval_that_was_used_before_a_crash_is_used_no_more() {
    let shell = manual();
    let mut running = Running::start(&shell, "");
    running.says("waited for approval of sha256:");
    let first = digest(&shell);
    shell.run(&format!("approve {first}")).exits(0);
    let file = format!(".tenantry/approvals/{}", first.replace(':', "-"));
    let approval = shell.read(&file);
    running.says("used the approval");
    running.stop();
    // As if it had been killed before it took the file away.
    shell.write(&file, &approval);
    let mut running = Running::start(&shell, "");
    running.answers("/status", |body| body.contains("\"end\": \"InStep\""));
    assert!(!shell.file(&file).exists(), "{}", running.log());
    running.stop();
}

#[test]
#[cfg(unix)]
fn no_approval_counts_where_everybody_could_have_written_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let shell = manual();
    let mut running = Running::start(&shell, "");
    running.says("waited for approval of sha256:");
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(shell.file(".tenantry/approvals"), open).expect("a folder of ours");
    running.says("can be written by everybody");
    let first = digest(&shell);
    let refused = shell.run(&format!("approve {first}")).exits(1);
    assert!(refused.err.contains("can be written by everybody"), "{}", refused.err);
    shell.write(&format!(".tenantry/approvals/{first}"), "");
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(running.count("created "), 0, "{}", running.log());
    let log = running.stop();
    assert_eq!(log.matches("can be written by everybody").count(), 1, "said once: {log}");
}
