//! Spans of what the program does, at a collector of traces: which, with what, never with more; and a collector that is not there.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::run_kit::Running;
use super::transcript::{Shell, normal};
use crate::support::collector::Collector;
use crate::support::program::{PROGRAM, Ran, command};
use crate::support::sandbox::Sandbox;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

fn lines(collector: &Collector) -> String {
    collector.lines().into_iter().collect::<Vec<_>>().join("\n")
}

/// Fails if a collector was told of a person, or of anything else that is not its own.
#[track_caller]
fn knows_nobody(collector: &Collector, secrets: &[&str]) {
    let (raw, lines) = (collector.raw(), lines(collector));
    for word in ["alice", ".example", "ACME Tools", "Authorization", "http://", "127.0.0.1"].iter().chain(secrets) {
        assert!(!raw.contains(word), "`{word}` in {raw}");
    }
    // Ids are bytes, and any short text may stand in them.
    for word in ["@", "bob", "/"] {
        assert!(!lines.contains(word), "`{word}` in {lines}");
    }
}

#[test]
fn an_apply_is_a_trace_of_what_was_read_and_changed() {
    let (shell, collector) = (Shell::small(), Collector::start());
    let variables = [(ENDPOINT, &*collector.url), ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=canary-of-a-header")];
    shell.run_with("apply --auto-approve", &variables).exits(0);
    insta::assert_snapshot!(lines(&collector), @r"
    apply tenantry.command=apply tenantry.exit_code=0
    change tenantry.action=create tenantry.kind=Organization tenantry.portal=embedded tenantry.result=done tenantry.tenant=acme < apply
    change tenantry.action=create tenantry.kind=Role tenantry.portal=embedded tenantry.result=done tenantry.tenant=acme < apply
    change tenantry.action=create tenantry.kind=User tenantry.portal=embedded tenantry.result=done tenantry.tenant=acme < apply
    read portal tenantry.portal=embedded tenantry.tenants=1 < apply
    ");
    assert_eq!(collector.header("x-key").into_iter().collect::<Vec<_>>(), ["canary-of-a-header"]);
    assert_eq!(collector.resource()["service.name"], "tenantry");
    assert_eq!(collector.resource()["service.version"], env!("CARGO_PKG_VERSION"));
    knows_nobody(&collector, &["canary-of-a-header"]);
}

#[test]
fn a_command_that_fails_is_a_span_that_says_so() {
    let (shell, collector) = (Shell::small(), Collector::start());
    let named = [(ENDPOINT, &*collector.url), ("OTEL_SERVICE_NAME", "fleet-a")];
    shell.edit("acme.yaml", "kind: Organization", "kind: Organisation");
    shell.run_with("validate", &named).exits(65);
    insta::assert_snapshot!(lines(&collector), @"validate tenantry.command=validate tenantry.exit_code=65 ERROR");
    assert_eq!(collector.resource()["service.name"], "fleet-a");
}

#[test]
fn a_visit_is_a_span_and_log_lines_are_as_without() {
    let (shell, collector) = (Shell::small(), Collector::start());
    let mut run = command(PROGRAM);
    run.args(["run", "--listen", "127.0.0.1:0"]).current_dir(shell.path()).env(ENDPOINT, &collector.url);
    let mut running = Running::of(run);
    running.says("created acme/user/bob");
    running.answers("/status", |body| body.contains("\"Applied\""));
    let log = running.stop();
    assert!(!log.contains("visit") && !log.contains("spans"), "{log}");
    let lines = lines(&collector);
    for line in [
        "look tenantry.portal=embedded tenantry.tenants=1",
        "visit tenantry.end=applying tenantry.portal=embedded tenantry.tenant=acme < look",
        "read portal tenantry.portal=embedded tenantry.tenants=1 < look",
        "act tenantry.portal=embedded tenantry.tenants=1",
        "visit tenantry.end=applied tenantry.portal=embedded tenantry.tenant=acme < act",
        "change tenantry.action=create tenantry.kind=User tenantry.portal=embedded tenantry.result=done tenantry.tenant=acme < act",
        "run tenantry.command=run tenantry.exit_code=0",
    ] {
        assert!(lines.lines().any(|l| l == line), "{line} in\n{lines}");
    }
    knows_nobody(&collector, &[]);
}

#[test]
fn a_request_is_a_span_of_its_method_and_its_status_alone() {
    let (shell, collector) = (Shell::of("every-portal"), Collector::start());
    let wiv = Sandbox::start(["--profile", "wiv", "--account-kind", "MSP-Admin"], shell.path());
    shell.edit("portals/costs.yaml", "127.0.0.1:7700", &wiv.address);
    let canary = "canary-9c1d";
    let variables = [("WIV_API_KEY", &*wiv.token), ("TENANT_SECRET_VIDEO_PASSWORD", canary), (ENDPOINT, &*collector.url)];
    let ran = shell.run_with("apply -f customers --portals portals --auto-approve", &variables);
    assert!(ran.said().contains("done: create"), "{}", ran.said());
    let lines = lines(&collector);
    let request = "http.request.method=";
    let requests: Vec<_> = lines.lines().filter(|line| line.contains(request)).collect();
    let get = "GET http.request.method=GET http.response.status_code=200 tenantry.portal=costs < read portal";
    assert!(requests.contains(&get) && requests.iter().any(|line| line.starts_with("POST ")), "{lines}");
    for line in &requests {
        let keys: Vec<_> = line.split_whitespace().filter_map(|word| word.split_once('=')).map(|(key, _)| key).collect();
        assert_eq!(keys, ["http.request.method", "http.response.status_code", "tenantry.portal"], "{line}");
    }
    knows_nobody(&collector, &[canary, &wiv.token]);
}

#[test]
fn without_a_collector_that_answers_a_command_says_and_ends_the_same() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let down = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    // It is connected to, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let silent_url = format!("http://{}", silent.local_addr().expect("an address"));
    let said = |variables: &[(&str, &str)]| {
        let shell = Shell::small();
        let began = Instant::now();
        let Ran { code, out, err } = shell.run_with("plan --detailed-exitcode", variables);
        (normal(&format!("{code:?}\n{out}\n{err}"), shell.path()), began.elapsed())
    };
    let (expected, alone) = said(&[]);
    assert!(expected.starts_with("Some(2)"), "{expected}");
    for url in [&*down, &*silent_url] {
        let (same, took) = said(&[(ENDPOINT, url)]);
        assert_eq!(same, expected, "{url}");
        // Half of what the exporter waits for by itself, and as long again for a machine that is busy.
        assert!(took < alone + Duration::from_secs(8), "{url}: {took:?}");
    }
    let told = Shell::small().run_with("plan -v", &[(ENDPOINT, &*down)]).exits(0).err;
    assert_eq!(told.matches("spans are not delivered to the collector of traces: ").count(), 1, "{told}");
}

#[test]
fn what_cannot_be_a_collector_is_a_warning_and_no_error() {
    for (name, value, why) in [
        (ENDPOINT, "collector:4317", "is no http:// or https:// URL"),
        (ENDPOINT, "ftp://user:canary@collector", "is no http:// or https:// URL"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf alone is spoken"),
    ] {
        let err = Shell::small().run_with("plan -q", &[(ENDPOINT, "http://127.0.0.1:4"), (name, value)]).exits(0).err;
        assert!(err.contains("no spans are sent") && err.contains(why) && !err.contains("canary"), "{err}");
    }
}

#[test]
fn nobody_is_called_where_no_collector_is_named_or_it_is_switched_off() {
    let collector = TcpListener::bind("127.0.0.1:0").expect("a free port");
    collector.set_nonblocking(true).expect("a socket");
    let url = format!("http://{}", collector.local_addr().expect("an address"));
    let called = |listener: &TcpListener| listener.accept().is_ok();
    for variables in [
        &[(ENDPOINT, &*url), ("OTEL_SDK_DISABLED", "true")][..],
        &[(ENDPOINT, &*url), ("OTEL_TRACES_EXPORTER", "none")],
        &[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &*url)],
        &[(ENDPOINT, "")],
    ] {
        Shell::small().run_with("plan", variables).exits(0);
        assert!(!called(&collector), "{variables:?}");
    }
    Shell::small().run_with("plan", &[(ENDPOINT, &*url)]).exits(0);
    assert!(called(&collector), "the test sees nothing");
}
