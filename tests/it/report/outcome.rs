//! What became of each change.

use insta::assert_snapshot;
use tenantry::apply::outcome::{GivenOrder, Outcome, OutcomeResult, RunReport};
use tenantry::plan::Action;
use tenantry::report::outcome;

use super::world::*;

fn run(results: Vec<OutcomeResult>) -> RunReport {
    let outcomes = results.into_iter().enumerate().map(|(n, result)| Outcome {
        portal: name("embedded"),
        address: address(&format!("acme/user/u{n}")),
        actions: vec![Action::Create],
        result,
        duration_ms: 12,
    });
    RunReport {
        stopped: None,
        orders: Vec::new(),
        planned_again: true,
        plan_digest: digest('d'),
        timestamp: "2026-03-01T12:00:00Z".parse().unwrap(),
        outcomes: outcomes.collect(),
        final_plan_empty: true,
        remaining: Vec::new(),
    }
}

#[test]
fn what_failed_comes_first_and_what_is_done_is_counted() {
    let mut report = run(vec![
        OutcomeResult::Done,
        OutcomeResult::DoneDiffers { fields: vec!["firstName".into()] },
        OutcomeResult::Pending { waits_for: "the invitation to be accepted".into(), called: false },
        OutcomeResult::Skipped { why: "acme/group/ops was not made".into() },
        OutcomeResult::Held { codes: vec!["G001".into()], why: "3 users would be deleted".into() },
        OutcomeResult::Uncertain { message: "the connection broke".into() },
        OutcomeResult::Failed { message: "e-mail taken\u{1b}[2J".into(), denied: false },
        OutcomeResult::Failed { message: "access denied: 403".into(), denied: true },
        OutcomeResult::Cancelled,
    ]);
    report.final_plan_empty = false;
    report.remaining = vec![address("acme/user/zoe")];
    assert_snapshot!(outcome::text(&report, &WIDE, ""), @r#"
    Failed:
      create acme/user/u6 in portal embedded: e-mail taken\u{001b}[2J
      create acme/user/u7 in portal embedded: access denied: 403

    Uncertain, the next run looks first:
      create acme/user/u5 in portal embedded: the connection broke

    Done, but the portal shows something else:
      create acme/user/u1 in portal embedded: firstName

    Skipped:
      create acme/user/u3 in portal embedded: acme/group/ops was not made

    Held back by guards:
      create acme/user/u4 in portal embedded: 3 users would be deleted (G001)

    Not begun, the run was stopped:
      create acme/user/u8 in portal embedded

    Pending:
      create acme/user/u2 in portal embedded: waits for the invitation to be accepted

    Still out of step afterwards, with no known reason:
      acme/user/zoe

    Apply: 2 done, 2 failed, 1 uncertain, 1 skipped, 1 held back, 1 not begun, 1 pending; not everything is in step yet
    "#);
}

#[test]
fn a_clean_run_is_one_line() {
    assert_snapshot!(outcome::text(&run(vec![OutcomeResult::Done; 3]), &WIDE, ""), @r#"Apply: 3 done"#);
}

#[test]
fn work_orders_are_named_with_whom_they_are_for() {
    let mut report = run(vec![OutcomeResult::Pending { waits_for: "a technician".into(), called: false }]);
    let order = |id: &str, assignee: Option<&str>, items| GivenOrder {
        id: id.to_owned(),
        portal: name("embedded"),
        assignee: assignee.map(str::to_owned),
        due: assignee.map(|_| "2026-03-09".parse().unwrap()),
        items,
    };
    report.orders = vec![order("wo-0a1b2c3d", Some("Tess\u{1b}[2J"), 3), order("wo-99999999", None, 1)];
    assert_snapshot!(outcome::text(&report, &WIDE, "-f customers"), @r#"
    Pending:
      create acme/user/u0 in portal embedded: waits for a technician

    Work orders, to read with `tenantry runbook show ID -f customers`:
      wo-0a1b2c3d  3 items in portal embedded, for Tess\u{001b}[2J, due 2026-03-09
      wo-99999999  1 item in portal embedded
      Once they are confirmed, plan again: what follows from them, such as sharing, is done by another apply.

    Apply: 0 done, 1 pending
    "#);
    let back: RunReport = serde_json::from_str(&outcome::json(&report)).unwrap();
    assert_eq!(back, report);
}

#[test]
fn a_long_list_of_what_waits_is_folded_but_failures_are_not() {
    let waits = || OutcomeResult::Pending { waits_for: "a technician".into(), called: false };
    let fails = || OutcomeResult::Failed { message: "no".into(), denied: false };
    let text = outcome::text(&run((0..60).map(|n| if n < 30 { waits() } else { fails() }).collect()), &WIDE, "");
    assert_eq!(text.matches("waits for a technician").count(), 20, "{text}");
    assert!(text.contains("and 10 more"), "{text}");
    assert_eq!(text.matches(": no\n").count(), 30, "{text}");
}

#[test]
fn the_json_has_each_result_and_the_counts() {
    let json = outcome::json(&run(vec![OutcomeResult::DoneDiffers { fields: vec!["firstName".into()] }]));
    assert_snapshot!(json, @r#"
    {
      "format_version": "1.2",
      "plan_digest": "sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
      "timestamp": "2026-03-01T12:00:00Z",
      "outcomes": [
        {
          "portal": "embedded",
          "address": "acme/user/u0",
          "actions": [
            "create"
          ],
          "result": "done_differs",
          "fields": [
            "firstName"
          ],
          "duration_ms": 12
        }
      ],
      "planned_again": true,
      "final_plan_empty": true,
      "summary": {
        "done": 1,
        "pending": 0,
        "begun": 0,
        "failed": 0,
        "uncertain": 0,
        "skipped": 0,
        "held": 0,
        "cancelled": 0
      }
    }
    "#);
    let back: RunReport = serde_json::from_str(&json).unwrap();
    assert_eq!(back, run(vec![OutcomeResult::DoneDiffers { fields: vec!["firstName".into()] }]));
}
