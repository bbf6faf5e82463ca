//! The environment: every long flag as a variable, variables that nobody knows, and those of other programs.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;

use super::runbook;
use super::transcript::{Shell, normal};
use crate::support::program::{PROGRAM, Ran, command, copy};

/// Each long flag with a value (empty: a switch) and a command line on which it makes a difference.
const FLAGS: &[(&str, &str, &str)] = &[
    ("quiet", "", "validate"),
    ("verbose", "1", "plan"),
    ("require-read-only", "", "apply --auto-approve"),
    ("file", "gone.yaml", "validate"),
    ("portals", "gone", "validate"),
    ("state-dir", "elsewhere", "ledger list"),
    ("ledger", "elsewhere.db", "ledger list"),
    ("target", "acme/user/*", "plan"),
    ("exclude", "acme/user/*", "plan"),
    ("tenant", "zoo", "plan"),
    ("kind", "User", "plan"),
    ("portal", "zoo", "plan"),
    ("changed-since", "gone", "plan"),
    ("max-delete", "0", "plan"),
    ("min-admins", "5", "plan"),
    ("output", "json", "validate"),
    ("json-into", "plan.json", "plan"),
    ("json", "", "plan"),
    ("detailed-exitcode", "", "plan"),
    ("expect-no-changes", "", "plan"),
    ("parallelism", "0", "plan"),
    ("lock-timeout", "soon", "plan"),
    ("timeout", "0", "apply --auto-approve"),
    ("out", "plan.json", "plan"),
    ("destroy", "", "plan"),
    ("base", "gone.json", "plan"),
    ("comment", "north", "plan -o markdown"),
    ("auto-approve", "", "apply"),
    ("approve-digest", "sha256:0", "apply"),
    ("allow", "G999=because", "apply --auto-approve"),
    ("ticket", "T-1", "apply --auto-approve"),
    ("name", "beta", "init"),
    ("into", "imported", "import"),
    ("live", "", "access"),
    ("limit", "1", "ledger audit"),
    ("all", "", "ledger release"),
    ("assignee", "ann", "runbook list"),
    ("state", "all", "runbook list"),
    ("evidence", "number", "runbook confirm 0a0a0a0a"),
    ("answers", "gone.json", "runbook confirm"),
    ("note", "-", "runbook confirm 0a0a0a0a"),
    ("by", "-", "runbook confirm 0a0a0a0a"),
    ("anyway", "", "runbook confirm nowhere --all"),
    ("why", "later", "runbook skip 0a0a0a0a"),
    ("table", "customers", OBSERVE),
    ("complete", "", OBSERVE_PEOPLE),
    ("profile", "nowhere", "sandbox --listen 0.0.0.0:0"),
    ("listen", "here", "sandbox --profile embedded --fault nonsense"),
    ("fault", "nonsense", "sandbox --profile embedded --listen 0.0.0.0:0"),
];

/// Flags of servers, which run until they are stopped: they say what the MSP's own account is, and `sandbox::command` plays one of them; or what
/// `run` counts by, and `cli::run` reads that; or which cluster the operator is in and what it listens on.
const OF_A_SERVER: [&str; 13] = [
    "account-add-on",
    "account-domain",
    "account-email",
    "account-kind",
    "account-name",
    "context",
    "kubeconfig",
    "namespace",
    "no-tenant-label",
    "profiles",
    "watch-namespace",
    "webhook-cert-dir",
    "webhook-listen",
];

/// Holds a table against a portal without an API, which is beside the manifests.
const OBSERVE: &str = "runbook observe .board/t.csv -f .board/customers --portals .board/portals -o json";
const OBSERVE_PEOPLE: &str = "runbook observe .board/t.csv -f .board/customers --portals .board/portals -o json --table people";

/// Flags whose difference is seen on a terminal alone.
const ON_A_TERMINAL: [&str; 2] = ["no-color", "no-input"];

fn long_flags(command: &clap::Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|a| a.get_long()).map(str::to_owned);
    own.chain(command.get_subcommands().flat_map(long_flags)).filter(|f| f != "help" && f != "version").collect()
}

#[test]
fn the_table_has_every_long_flag() {
    let table: BTreeSet<_> = FLAGS.iter().map(|(flag, ..)| *flag).chain(ON_A_TERMINAL).chain(OF_A_SERVER).map(str::to_owned).collect();
    assert_eq!(table, long_flags(&tenantry::cli::args::command()));
}

fn variable(flag: &str) -> String {
    format!("TENANTRY_{}", flag.to_uppercase().replace('-', "_"))
}

/// An applied customer whose file was changed: one user is gone, and the name is another.
fn changed() -> Shell {
    let shell = Shell::applied();
    shell.edit("acme.yaml", "ACME Tools", "ACME Works");
    let text = shell.read("acme.yaml");
    shell.write("acme.yaml", text.split("    - name: bob").next().expect("the rest"));
    shell.write(".board/portals/main.yaml", runbook::PORTAL);
    shell.write(".board/portals/own/board.profile", runbook::PROFILE);
    shell.write(".board/customers/acme.yaml", runbook::ACME);
    shell.write(".board/t.csv", "Customer,E-mail\nacme,eve@acme.example\n");
    shell
}

/// Everything that a command line brings about in a copy of a folder: code, words, files, and the audit record afterwards.
fn effect(start: &Shell, line: &str, variables: &[(&str, &str)]) -> String {
    let shell = Shell::empty();
    copy(start.path(), shell.path());
    let Ran { code, out, err } = shell.run_with(line, variables);
    let mut files: Vec<_> = std::fs::read_dir(shell.path()).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
    files.sort();
    let audit = shell.run("ledger audit").out;
    // How long a call took and when, no run has in common with another.
    normal(&format!("{code:?}\n{out}\n{err}\n{files:?}\n{audit}"), shell.path())
}

#[test]
fn every_long_flag_is_a_variable_too() {
    let start = changed();
    for (flag, value, line) in FLAGS {
        let given = match (*flag, *value) {
            ("verbose", _) => format!("{line} --verbose"),
            (_, "") => format!("{line} --{flag}"),
            (_, value) => format!("{line} --{flag}={value}"),
        };
        let by_flag = effect(&start, &given, &[]);
        let by_variable = effect(&start, line, &[(&variable(flag), if value.is_empty() { "true" } else { value })]);
        assert_eq!(by_variable, by_flag, "{} is not --{flag}", variable(flag));
        assert_ne!(by_flag, effect(&start, line, &[]), "--{flag} makes no difference, so the test sees nothing");
    }
}

#[test]
fn a_switch_is_off_where_its_variable_says_so() {
    let start = changed();
    for off in ["false", "0", "no", "off"] {
        let ran = start.run_with("plan", &[("TENANTRY_DETAILED_EXITCODE", off)]);
        assert_eq!(ran.code, Some(0), "{off}: {}", ran.said());
    }
    start.run_with("plan", &[("TENANTRY_DETAILED_EXITCODE", "perhaps")]).exits(64);
}

#[test]
fn a_flag_wins_over_its_variable() {
    let start = changed();
    assert!(start.run_with("plan -o gitlab", &[("TENANTRY_OUTPUT", "json")]).exits(0).out.starts_with("{\"create\""));
}

#[test]
fn variables_for_planning_do_not_stand_in_the_way_of_a_saved_plan() {
    let shell = changed();
    shell.run("plan --out plan.json").exits(0);
    shell.run("apply plan.json -f .").exits(64);
    shell.run_with("apply plan.json", &[("TENANTRY_FILE", "."), ("TENANTRY_TENANT", "zoo")]).exits(0);
    shell.run("plan --expect-no-changes").exits(0);
}

#[test]
fn variables_that_nobody_knows_are_a_wrong_use_and_all_are_named() {
    let ran = Shell::small().run_with("validate", &[("TENANTRY_MAX_DELETES", "3"), ("TENANTRY_X", ""), ("TENANTRY_LOG_FORMAT", "xml")]);
    insta::assert_snapshot!(ran.exits(64).err, @r"
    error: the environment has TENANTRY_MAX_DELETES, which is no setting of tenantry: correct its spelling or unset it
    error: the environment has TENANTRY_X, which is no setting of tenantry: correct its spelling or unset it
    error: TENANTRY_LOG_FORMAT is neither `text` nor `json`
    ");
}

#[test]
fn what_kubernetes_injects_for_a_service_of_our_name_is_let_through() {
    let injected = [
        ("TENANTRY_SERVICE_HOST", "10.0.0.1"),
        ("TENANTRY_SERVICE_PORT", "443"),
        ("TENANTRY_SERVICE_PORT_HTTPS", "443"),
        ("TENANTRY_PORT", "tcp://10.0.0.1:443"),
        ("TENANTRY_PORT_443_TCP", "tcp://10.0.0.1:443"),
        ("TENANTRY_PORT_443_TCP_PROTO", "tcp"),
        ("TENANTRY_PORT_443_TCP_ADDR", "10.0.0.1"),
        ("TENANTRY_METRICS_SERVICE_HOST", "10.0.0.2"),
        ("TENANTRY_METRICS_PORT_8080_TCP_PORT", "8080"),
    ];
    Shell::small().run_with("validate", &injected).exits(0);
}

#[test]
fn logs_are_levels_and_lines_of_json_where_that_is_asked() {
    let shell = Shell::small();
    shell.run_with("plan", &[("TENANTRY_LOG", "===")]).exits(64);
    let ran = shell.run_with("plan -q", &[("TENANTRY_LOG", "trace"), ("TENANTRY_LOG_FORMAT", "json")]).exits(0);
    let json = |line: &str| serde_json::from_str::<serde_json::Value>(line).is_ok();
    assert!(ran.err.lines().all(json), "{}", ran.err);
    shell.run_with("plan", &[("RUST_LOG", "===")]).exits(0);
}

/// Runs a command line on a terminal of its own, with an answer typed in.
#[cfg(target_os = "linux")]
fn on_a_terminal(shell: &Shell, line: &str, answer: &str, variables: &[(&str, &str)]) -> Ran {
    let mut script = command("script");
    script.args(["-qec", &format!("{PROGRAM} {line}"), "/dev/null"]).current_dir(shell.path()).envs(variables.iter().copied());
    script.env("TERM", "xterm").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = script.spawn().expect("`script`, of util-linux, runs");
    child.stdin.take().expect("its input").write_all(answer.as_bytes()).expect("it listens");
    Ran::of(child.wait_with_output().expect("it ends"))
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_is_asked_and_only_yes_is_an_answer() {
    let shell = Shell::small();
    let said = on_a_terminal(&shell, "apply", "y\n", &[]).exits(5).out;
    assert!(said.contains("Only `yes` is taken as an answer") && said.contains("Nothing was changed."), "{said}");
    on_a_terminal(&shell, "apply", "yes\n", &[]).exits(0);
    shell.run("plan --expect-no-changes").exits(0);
}

#[test]
#[cfg(target_os = "linux")]
fn in_ci_nobody_is_asked_though_there_is_a_terminal() {
    let shell = Shell::small();
    on_a_terminal(&shell, "apply", "yes\n", &[("CI", "true")]).exits(64);
    on_a_terminal(&shell, "apply --no-input", "yes\n", &[]).exits(64);
    on_a_terminal(&shell, "apply", "yes\n", &[("TENANTRY_NO_INPUT", "true")]).exits(64);
    on_a_terminal(&shell, "apply", "yes\n", &[("CI", "false")]).exits(0);
}

#[test]
#[cfg(target_os = "linux")]
fn colour_is_for_terminals_and_for_those_who_do_not_object() {
    let shell = Shell::small();
    let colour = |ran: Ran| ran.said().contains("\u{1b}[");
    assert!(colour(on_a_terminal(&shell, "plan", "", &[])), "a terminal has colour");
    assert!(colour(on_a_terminal(&shell, "plan", "", &[("NO_COLOR", "")])), "an empty NO_COLOR says nothing");
    assert!(!colour(on_a_terminal(&shell, "plan", "", &[("NO_COLOR", "1")])));
    assert!(!colour(on_a_terminal(&shell, "plan --no-color", "", &[])));
    assert!(!colour(on_a_terminal(&shell, "plan", "", &[("TENANTRY_NO_COLOR", "true")])));
    assert!(!colour(shell.run("plan")), "a pipe has none");
}

#[test]
fn a_pipe_that_is_closed_is_no_error() {
    for line in ["schema", "plan -q", "man plan", "completions bash"] {
        let shell = Shell::small();
        let piped = format!("set -o pipefail; {PROGRAM} {line} | true");
        let ran = Ran::of(command("bash").args(["-c", &piped]).current_dir(shell.path()).output().expect("bash runs"));
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{line}");
    }
}
