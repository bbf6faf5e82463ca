//! `--json` and GitLab's report.

use insta::assert_snapshot;
use tenantry::apply::outcome::{Outcome, OutcomeResult};
use tenantry::plan::Action;
use tenantry::report::{gitlab, stream};

use super::world::*;

fn at() -> jiff::Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

#[test]
fn a_plan_is_one_object_a_line_in_terraforms_words() {
    let lines = stream::plan(&document(vec![acme()]), at());
    let types: Vec<_> =
        lines.iter().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(types, ["planned_change", "planned_change", "planned_change", "change_summary"]);
    assert_snapshot!(lines[2..].join("\n"), @r#"
    {"@level":"info","@message":"acme/user/bob: Plan to delete","@module":"tenantry.ui","@timestamp":"2026-03-01T12:00:00Z","change":{"action":"delete","blocked_by":["G004"],"reason":"no longer declared","resource":{"addr":"acme/user/bob","implied_provider":"embedded","module":"","resource":"acme/user/bob","resource_key":null,"resource_name":"bob","resource_type":"User"}},"type":"planned_change"}
    {"@level":"info","@message":"Plan: 0 to create, 0 to update, 0 to delete, 3 held (1 to create, 1 to update, 1 to delete); 1 refused; 2 held back with what is refused","@module":"tenantry.ui","@timestamp":"2026-03-01T12:00:00Z","changes":{"add":1,"change":1,"forget":0,"held":3,"import":0,"operation":"plan","refused":1,"remove":1},"plan_digest":"sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd","type":"change_summary"}
    "#);
    assert_snapshot!(stream::version("0.1.0", at()), @r#"{"@level":"info","@message":"Tenantry 0.1.0","@module":"tenantry.ui","@timestamp":"2026-03-01T12:00:00Z","tenantry":"0.1.0","type":"version","ui":"1.2"}"#);
}

#[test]
fn an_apply_says_when_a_change_begins_and_how_it_ends() {
    let outcome = |result| Outcome {
        portal: name("embedded"),
        address: address("acme/user/alice"),
        actions: vec![Action::Create],
        result,
        duration_ms: 2500,
    };
    let lines = [
        stream::apply_start(&name("embedded"), &address("acme/user/alice"), Action::Create, at()),
        stream::outcome(&outcome(OutcomeResult::Done), at()),
        stream::outcome(&outcome(OutcomeResult::Failed { message: "e-mail taken".into(), denied: false }), at()),
        stream::outcome(&outcome(OutcomeResult::Pending { waits_for: "a technician".into(), called: false }), at()),
    ];
    assert_snapshot!(lines.join("\n"), @r#"
{"@level":"info","@message":"acme/user/alice: create begun","@module":"tenantry.ui","@timestamp":"2026-03-01T12:00:00Z","hook":{"action":"create","resource":{"addr":"acme/user/alice","implied_provider":"embedded","module":"","resource":"acme/user/alice","resource_key":null,"resource_name":"alice","resource_type":"User"}},"type":"apply_start"}
{"@level":"info","@message":"acme/user/alice: create complete","@module":"tenantry.ui","@timestamp":"2026-03-01T12:00:00Z","hook":{"action":"create","elapsed_seconds":2,"resource":{"addr":"acme/user/alice","implied_provider":"embedded","module":"","resource":"acme/user/alice","resource_key":null,"resource_name":"alice","resource_type":"User"},"result":"done"},"type":"apply_complete"}
{"@level":"error","@message":"acme/user/alice: create failed: e-mail taken","@module":"tenantry.ui","@timestamp":"2026-03-01T12:00:00Z","hook":{"action":"create","denied":false,"elapsed_seconds":2,"message":"e-mail taken","resource":{"addr":"acme/user/alice","implied_provider":"embedded","module":"","resource":"acme/user/alice","resource_key":null,"resource_name":"alice","resource_type":"User"},"result":"failed"},"type":"apply_errored"}
{"@level":"info","@message":"acme/user/alice: create waits for a technician","@module":"tenantry.ui","@timestamp":"2026-03-01T12:00:00Z","hook":{"action":"create","elapsed_seconds":2,"resource":{"addr":"acme/user/alice","implied_provider":"embedded","module":"","resource":"acme/user/alice","resource_key":null,"resource_name":"alice","resource_type":"User"},"result":"pending","waits_for":"a technician"},"type":"apply_pending"}
"#);
}

#[test]
fn no_line_holds_a_newline_or_an_escape() {
    for line in stream::plan(&document(vec![hostile()]), at()) {
        assert!(!line.contains(['\n', '\u{1b}']), "{line}");
    }
}

#[test]
fn gitlab_counts_what_the_portal_sees() {
    let actions = [Action::Create, Action::Update, Action::Replace, Action::Delete, Action::Adopt, Action::Forget, Action::Resend];
    let changes = actions.iter().enumerate().map(|(n, a)| change(*a, &format!("acme/user/u{n}"), "u")).collect();
    assert_eq!(gitlab::report(&document(vec![unit("acme", changes)])), "{\"create\":2,\"update\":2,\"delete\":2}\n");
}
