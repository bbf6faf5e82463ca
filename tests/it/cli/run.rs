//! `run` beside a folder: what is written there comes about, what is broken or half there changes nothing, and it stops in order.

use std::process::Command;
use std::time::Duration;

use serde_json::Value as Json;

use super::faulty;
use super::kill::nothing_doubled_and_nothing_lost;
use super::run_kit::Running;
use super::transcript::Shell;
use crate::support::program::{PROGRAM, command, copy};
use crate::support::sandbox::Sandbox;

const CAROL: &str = "    - name: carol\n      email: carol@acme.example\n";

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// Adds a user to a customer's file.
fn add_carol(shell: &Shell) {
    let text = shell.read("acme.yaml");
    shell.write("acme.yaml", &format!("{text}{CAROL}"));
}

#[test]
fn what_is_written_comes_about_within_seconds_and_it_stops_in_order() {
    let shell = Shell::small();
    let mut running = Running::start(&shell, "");
    running.says("created acme/user/bob");
    running.answers("/readyz", |body| body == "leading\n");
    assert_eq!(running.get("/healthz").1, "ok\n");
    add_carol(&shell);
    running.says("created acme/user/carol");
    let status = json(&running.answers("/status", |body| json(body)["units"][0]["end"] == "Applied"));
    assert_eq!(status["units"][0]["tenant"], "acme");
    assert_eq!(status["units"][0]["resources"][0]["conditions"][0]["type"], "Ready");
    assert_eq!(status["manifests"]["taken_in_is_current"], true);
    let (head, metrics) = running.get("/metrics");
    assert!(head.contains("application/openmetrics-text"), "{head}");
    for line in ["leader_election_master_status{name=\"tenantry\"} 1", "tenantry_manifest_errors 0", "# EOF"] {
        assert!(metrics.lines().any(|l| l == line), "{line} in {metrics}");
    }
    assert!(metrics.contains("tenantry_applied_changes_total{kind=\"User\",action=\"create\",result=\"done\"} 3"), "{metrics}");
    assert!(!metrics.contains('@'), "{metrics}");
    let elsewhere = running.get_as("/status", Some("evil.example"));
    assert!(elsewhere.0.contains("421") && !elsewhere.1.contains("acme"), "{elsewhere:?}");
    let log = running.stop();
    assert_eq!(log.matches("created acme/user/carol").count(), 1, "{log}");
    shell.run("plan --expect-no-changes").exits(0);
    nothing_doubled_and_nothing_lost(&shell, "after it was stopped");
}

#[test]
fn log_lines_are_json_where_that_is_asked_for() {
    let shell = Shell::small();
    let mut run = command(PROGRAM);
    run.args(["run", "--listen", "127.0.0.1:0"]).current_dir(shell.path()).env("TENANTRY_LOG_FORMAT", "json");
    let mut running = Running::of(run);
    running.says("created acme/user/bob");
    let log = running.stop();
    let lines: Vec<_> = log.lines().map(json).collect();
    let line = lines.iter().find(|l| l["fields"]["message"] == "created acme/user/bob").expect("a line");
    assert_eq!((line["level"].as_str(), line["fields"]["address"].as_str()), (Some("INFO"), Some("acme/user/bob")));
}

#[test]
fn broken_manifests_end_the_start_and_later_change_nothing() {
    let shell = Shell::small();
    let whole = shell.read("acme.yaml");
    shell.write("acme.yaml", &whole.replace("kind: Organization", "kind: Organisation"));
    let mut never = Running::start(&shell, "");
    assert_eq!(never.ends(), Some(65), "{}", never.log());

    shell.write("acme.yaml", &whole);
    let mut running = Running::start(&shell, "");
    running.says("created acme/user/bob");
    shell.write("acme.yaml", "kind: [");
    running.says("were not taken in");
    let status = json(&running.answers("/status", |body| json(body)["manifests"]["taken_in_is_current"] == false));
    assert_eq!(status["manifests"]["diagnostics"][0]["range"]["file"], "acme.yaml", "{status}");
    running.answers("/metrics", |body| body.contains("tenantry_manifest_errors 1"));
    assert_eq!(running.get("/readyz").1, "leading\n");
    shell.write("acme.yaml", &format!("{whole}{CAROL}"));
    running.says("created acme/user/carol");
    running.answers("/metrics", |body| body.contains("tenantry_manifest_errors 0"));
    let log = running.stop();
    assert_eq!(log.matches("were not taken in").count(), 1, "said once: {log}");
}

#[test]
fn a_file_that_is_missing_for_a_moment_takes_nobody_away() {
    let shell = Shell::small();
    shell.write("beta.yaml", &shell.read("acme.yaml").replace("acme", "beta"));
    let mut running = Running::start(&shell, "");
    running.says("created beta/user/bob");
    running.says("created acme/user/bob");
    let taken_in = running.count("took in the manifests");
    for _ in 0..3 {
        std::fs::rename(shell.file("beta.yaml"), shell.file("beta.part")).expect("a rename");
        std::thread::sleep(Duration::from_millis(900));
        std::fs::rename(shell.file("beta.part"), shell.file("beta.yaml")).expect("a rename");
        std::thread::sleep(Duration::from_millis(300));
    }
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(running.count("took in the manifests"), taken_in, "{}", running.log());
    running.stop();
}

#[test]
fn nothing_is_loaded_while_git_holds_its_index() {
    let shell = Shell::small();
    assert!(Command::new("git").args(["init", "-q"]).current_dir(shell.path()).status().expect("git").success());
    let mut running = Running::start(&shell, "");
    running.says("created acme/user/bob");
    shell.write(".git/index.lock", "");
    add_carol(&shell);
    std::thread::sleep(Duration::from_secs(7));
    assert_eq!(running.count("carol"), 0, "{}", running.log());
    let status = json(&running.get("/status").1);
    assert!(status["troubles"].to_string().contains("index.lock"), "{status}");
    std::fs::remove_file(shell.file(".git/index.lock")).expect("the lock");
    running.says("created acme/user/carol");
    running.stop();
}

#[test]
fn killed_in_the_middle_of_an_apply_and_started_again_it_doubles_nothing() {
    for k in [1, 4, 6] {
        let shell = Shell::small();
        let args = ["run", "--listen", "127.0.0.1:0"];
        let mut killed = Running::of(faulty::child(shell.path(), &format!("kill={k}"), &args));
        assert_eq!(killed.ends(), None, "killed at effect {k}: {}", killed.log());
        let again = Shell::empty();
        copy(shell.path(), again.path());
        let mut running = Running::start(&again, "");
        running.answers("/status", |body| ["Applied", "InStep"].iter().any(|end| json(body)["units"][0]["end"] == *end));
        running.stop();
        again.run("plan --expect-no-changes").exits(0);
        nothing_doubled_and_nothing_lost(&again, &format!("killed at effect {k}"));
    }
}

#[test]
fn told_to_stop_it_finishes_the_call_under_way_and_begins_none() {
    let shell = Shell::small();
    let mut running = Running::of(faulty::child(shell.path(), "slow=2000", &["run", "--listen", "127.0.0.1:0"]));
    running.says("a batch begins");
    running.signal("TERM");
    assert_eq!(running.ends(), Some(0), "{}", running.log());
    assert_eq!(running.count("a batch begins"), 1, "{}", running.log());
    shell.run("apply --auto-approve").exits(0);
    nothing_doubled_and_nothing_lost(&shell, "after it was stopped in the middle");
}

#[test]
fn told_twice_it_waits_for_nothing() {
    let shell = Shell::small();
    let mut running = Running::of(faulty::child(shell.path(), "slow=60000", &["run", "--listen", "127.0.0.1:0"]));
    running.says("a batch begins");
    running.signal("TERM");
    running.says("Ask again");
    running.signal("TERM");
    assert_eq!(running.ends(), Some(8), "{}", running.log());
}

#[test]
fn requests_to_portals_are_counted_and_what_a_technician_does_waits() {
    let shell = Shell::of("every-portal");
    let wiv = Sandbox::start(["--profile", "wiv", "--account-kind", "MSP-Admin"], shell.path());
    shell.edit("portals/costs.yaml", "127.0.0.1:7700", &wiv.address);
    let mut run = command(PROGRAM);
    run.args(["run", "--listen", "127.0.0.1:0", "-f", "customers", "--portals", "portals", "--no-tenant-label"]);
    run.current_dir(shell.path()).env("WIV_API_KEY", &wiv.token).env("TENANT_SECRET_VIDEO_PASSWORD", "canary-9c1d");
    let mut running = Running::of(run);
    running.says("waited for a technician");
    let has = |metrics: &str, words: &str| metrics.lines().any(|l| l.starts_with(words));
    let metrics = running.answers("/metrics", |body| {
        has(body, "tenantry_portal_requests_total{portal=\"costs\",method=\"GET\",code=\"200\"} ")
            && has(body, "tenantry_portal_requests_total{portal=\"costs\",method=\"POST\",code=\"2")
    });
    assert!(has(&metrics, "tenantry_portal_request_duration_seconds_count{portal=\"costs\"} "), "{metrics}");
    assert!(has(&metrics, "tenantry_reconcile_total{kind=\"Organization\",result=\"awaiting_technician\"} "), "{metrics}");
    let status = running.get("/status").1;
    let log = running.stop();
    for said in [&metrics, &status, &log] {
        assert!(!said.contains("canary-9c1d") && !said.contains(&wiv.token), "{said}");
    }
}

#[test]
fn what_cannot_be_run_is_told_at_once() {
    let shell = Shell::small();
    let stdin = shell.run("run -f -").exits(64);
    assert!(stdin.err.contains("standard input is none"), "{}", stdin.err);
    let readonly = shell.run("run --require-read-only").exits(64);
    assert!(readonly.err.contains("--require-read-only"), "{}", readonly.err);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let ran = shell.run(&format!("run --listen {}", taken.local_addr().expect("an address"))).exits(1);
    assert!(ran.err.contains("cannot listen"), "{}", ran.err);
}

#[test]
fn what_the_operator_cannot_begin_with_is_told_at_once() {
    let shell = Shell::empty();
    let file = shell.run("operator --ledger ledger.db").exits(64);
    assert!(file.err.contains("a pod that is moved would lose it"), "{}", file.err);
    let nowhere = shell.run("operator --kubeconfig not-there --listen 127.0.0.1:0").exits(1);
    assert!(nowhere.err.contains("not-there") && nowhere.err.contains("help: check --kubeconfig"), "{}", nowhere.err);
}

/// The unit's text.
fn unit() -> String {
    std::fs::read_to_string(crate::support::program::root().join("docs/systemd/tenantry.service")).expect("the unit")
}

#[test]
fn the_unit_for_systemd_starts_what_there_is() {
    let unit = unit();
    let line = unit.lines().find_map(|l| l.strip_prefix("ExecStart=/usr/local/bin/tenantry ")).expect("what it starts");
    // The folders are not there: that is no wrong usage.
    Shell::empty().run(&format!("{line} --listen 127.0.0.1:0")).exits(65);
}

#[test]
#[cfg_attr(not(have_systemd), ignore = "needs systemd-analyze: install systemd")]
fn the_unit_for_systemd_is_well_formed_and_exposes_little() {
    let shell = Shell::empty();
    let analyze = |words: &[&str], unit: &str| {
        shell.write("tenantry.service", &unit.replace("/usr/local/bin/tenantry", PROGRAM));
        let ran = Command::new("systemd-analyze").args(words).arg(shell.file("tenantry.service")).output().expect("it runs");
        (ran.status.success(), String::from_utf8(ran.stderr).expect("text"))
    };
    // What it does not understand it says and passes over.
    let verify = |unit: &str| analyze(&["verify", "--man=no"], unit);
    assert_eq!(verify(&unit()), (true, String::new()));
    let (_, said) = verify(&unit().replace("NoNewPrivileges=yes", "NoNewPrivileges=perhaps"));
    assert!(said.contains("Failed to parse boolean value"), "{said}");
    // Of a hundred points, which a unit has that is open to everything.
    let exposes_little = |unit: &str| analyze(&["security", "--offline=yes", "--no-pager", "--threshold=20"], unit).0;
    assert!(exposes_little(&unit()));
    let open: String = unit().lines().filter(|line| !line.starts_with("SystemCallFilter=")).map(|line| format!("{line}\n")).collect();
    assert!(!exposes_little(&open));
}

#[test]
fn a_customer_whose_file_is_gone_is_said_to_stay_in_the_portal_once() {
    let shell = Shell::small();
    shell.write("beta.yaml", &shell.read("acme.yaml").replace("acme", "beta"));
    let mut running = Running::start(&shell, "");
    running.says("created beta/user/bob");
    std::fs::remove_file(shell.path().join("beta.yaml")).unwrap();
    let kept = "tenant beta is no longer declared for this portal: it is kept whole with its 4 resources, users included";
    running.says(kept);
    add_carol(&shell);
    running.says("created acme/user/carol");
    std::thread::sleep(Duration::from_secs(1));
    let log = running.stop();
    assert_eq!(log.matches(kept).count(), 1, "{log}");
}
