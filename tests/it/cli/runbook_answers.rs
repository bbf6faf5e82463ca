//! Answers for many items at once, by a file or a person, and what is refused where nobody is there to be asked.

use std::io::Write as _;
use std::process::Stdio;

use tenantry::model::{WorkItem, WorkState};

use super::runbook::{Desk, item, organization, user};
use crate::support::program::{self, Ran};

#[test]
fn a_file_of_answers_records_what_holds_and_says_everything_that_does_not() {
    let desk = Desk::ordered();
    desk.shell.write(
        "answers.json",
        r#"{"0a0a0a0a": {"result": "done", "evidence": {"number": "17", "customer": "ACME Tools"}},
            "0b0b0b0b": {"result": "done", "evidence": {"custommer": "ACME Tools"}},
            "0e0e0e0e": {"result": "failed", "why": "no"},
            "0f0f0f0f": {"result": "perhaps"}}"#,
    );
    insta::assert_snapshot!(desk.said(&["confirm", "--answers", "answers.json", "--by", "ann"]), @r##"
    error: 0e0e0e0e was not recorded
      no item of a work order has the reference 0e0e0e0e; `tenantry runbook list --state all` shows them
    error: 0f0f0f0f was not recorded
      its answer cannot be read: unknown variant `perhaps`, expected one of `done`, `failed`, `skipped`
    Confirmed: 0a0a0a0a (acme/organization/acme in portal board) by ann at TIME.
    error: 0b0b0b0b was not recorded
      0b0b0b0b asks for customer: The customer that is chosen
      0b0b0b0b does not ask for custommer; it asks for customer
    exit 4
    "##);
    assert!(matches!(desk.item("0a0a0a0a").state, WorkState::Confirmed { .. }));
    assert_eq!(desk.item("0b0b0b0b").state, WorkState::Open);
}

#[test]
fn answers_come_from_standard_input_and_results_go_out_as_json() {
    let desk = Desk::ordered();
    let mut command = program::command(program::PROGRAM);
    command.args(["runbook", "confirm", "--answers", "-", "--json", "-f", "customers", "--portals", "portals"]);
    command.current_dir(desk.shell.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let answers =
        r#"{"0a0a0a0a": {"result": "skipped", "why": "later"}, "0b0b0b0b": {"result": "done", "evidence": {"customer": "Beta"}}}"#;
    child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap()).exits(4);
    let lines: Vec<serde_json::Value> = ran.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let results: Vec<_> = lines.iter().map(|l| (l["reference"].as_str().unwrap(), l["result"].as_str().unwrap())).collect();
    assert_eq!(results, [("0a0a0a0a", "skipped"), ("0b0b0b0b", "refused")]);
    assert_eq!(lines[1]["why"], "mismatch");
}

#[test]
fn where_nobody_is_there_to_be_asked_flags_are_needed() {
    let desk = Desk::ordered();
    let lines: [&[&str]; 7] = [
        &["confirm"],
        &["confirm", "--assignee", "ann"],
        &["confirm", "board-1"],
        &["confirm", "0a0a0a0a"],
        &["confirm", "0a0a0a0a", "0b0b0b0b", "--evidence", "customer=x"],
        &["fail", "0a0a0a0a"],
        &["skip", "0a0a0a0a"],
    ];
    for args in lines {
        desk.run(args).exits(64);
    }
    let missing = desk.run(&["confirm", "0a0a0a0a", "--evidence", "number=17"]).exits(64);
    assert!(missing.err.contains("asks for customer: The name at the top of the page"), "{}", missing.err);
    assert!(desk.state().attestations.is_empty());
    desk.run(&["confirm", "0a0a0a0a", "--require-read-only"]).exits(64);
}

#[test]
fn a_whole_order_is_confirmed_at_once_only_if_nothing_is_to_be_read_off_the_screen() {
    let desk = Desk::new();
    let plain = |reference: &str, name: &str| {
        let mail = format!("{name}@acme.example");
        let fields = serde_json::json!({ "email": mail });
        WorkItem { order: "board-2".into(), ..item(reference, &format!("acme/user/{name}"), &mail, fields, Vec::new()) }
    };
    desk.give(vec![organization(), user(), plain("0c0c0c0c", "bob"), plain("0d0d0d0d", "cy")]);
    let refused = desk.run(&["confirm", "board-1", "--all"]).exits(64);
    assert!(refused.err.contains("0a0a0a0a") && refused.err.contains("0b0b0b0b"), "{}", refused.err);
    desk.run(&["confirm", "0a0a0a0a", "--evidence", "number=17", "--evidence", "customer=ACME Tools"]).exits(0);
    desk.run(&["confirm", "board-2", "--all"]).exits(0);
    assert!(matches!(desk.item("0c0c0c0c").state, WorkState::Confirmed { .. }));
    assert!(matches!(desk.item("0d0d0d0d").state, WorkState::Confirmed { .. }));
    assert_eq!(desk.item("0b0b0b0b").state, WorkState::Open);
    desk.run(&["confirm", "nowhere", "--all"]).exits(64);
    desk.run(&["confirm", "0c0c0c0c", "0d0d0d0d"]).exits(0);
}

#[test]
fn who_confirms_is_told_that_the_manifest_has_changed_meanwhile() {
    let desk = Desk::ordered();
    desk.run(&["confirm", "0a0a0a0a", "--evidence", "number=17", "--evidence", "customer=ACME Tools"]).exits(0);
    desk.shell.edit("customers/acme.yaml", "firstName: Alice", "firstName: Alicia");
    let told = desk.run(&["confirm", "0b0b0b0b", "--evidence", "customer=ACME Tools"]).exits(0);
    assert!(
        told.err.contains("warning: the manifest has changed since 0b0b0b0b was given out: `firstName` is declared otherwise now"),
        "{}",
        told.err
    );
    let same = desk.run(&["confirm", "0a0a0a0a", "--evidence", "customer=ACME Tools", "--evidence", "number=17"]).exits(0);
    assert!(!same.err.contains("warning"), "{}", same.err);
}

#[test]
fn a_lock_that_is_held_is_named_and_waited_for_no_longer_than_allowed() {
    let desk = Desk::ordered();
    desk.hold_lock(|| {
        let ran = desk.run(&["skip", "0a0a0a0a", "--why", "later"]).exits(12);
        assert!(ran.err.contains("is locked by") && ran.err.contains("wait for them with --lock-timeout SECONDS"), "{}", ran.err);
    });
    desk.run(&["skip", "0a0a0a0a", "--why", "later"]).exits(0);
}

/// Types lines on a terminal that `script` makes.
fn typed(desk: &Desk, line: &str, keys: &str) -> Ran {
    let mut command = program::command("script");
    command.args(["-qec", &format!("{} runbook {line} -f customers --portals portals", program::PROGRAM), "/dev/null"]);
    command.current_dir(desk.shell.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(keys.as_bytes()).unwrap();
    Ran::of(child.wait_with_output().unwrap())
}

#[test]
fn on_a_terminal_a_person_is_walked_through_the_order_and_asked_once_more() {
    if program::command("script").arg("--version").output().is_err() {
        return;
    }
    let desk = Desk::ordered();
    // The first name is another customer's: it is said at once, and asked again.
    let keys = "d\n17\nBeta AG\nd\n17\nacme tools\nc\nthe button is grey\nyes\n";
    let ran = typed(&desk, "confirm board-1 --by ann", keys);
    assert_eq!(ran.code, Some(0), "{}", ran.said());
    assert!(ran.out.contains("another customer may have been picked"), "{}", ran.out);
    assert!(ran.out.contains("This is recorded:"), "{}", ran.out);
    // Whoever is asked right here needs no command line to answer with.
    assert!(ran.out.contains("1 of 2, of work order board-1 in portal board") && !ran.out.contains("$ tenantry"), "{}", ran.out);
    assert!(matches!(desk.item("0a0a0a0a").state, WorkState::Confirmed { .. }));
    assert!(matches!(desk.item("0b0b0b0b").state, WorkState::Failed { .. }));
}

#[test]
fn answers_are_thrown_away_by_a_plain_no_alone() {
    if program::command("script").arg("--version").output().is_err() {
        return;
    }
    let desk = Desk::ordered();
    let ran = typed(&desk, "confirm --assignee ann", "s\nlater\nl\ny\n\nyes\n");
    assert!(ran.out.contains("`yes` records it, `no` throws it away"), "{}", ran.out);
    assert!(matches!(desk.item("0a0a0a0a").state, WorkState::Skipped { .. }));
}

#[test]
fn who_does_not_say_yes_has_recorded_nothing() {
    if program::command("script").arg("--version").output().is_err() {
        return;
    }
    let desk = Desk::ordered();
    let ran = typed(&desk, "confirm --assignee ann", "s\nlater\nl\nno\n");
    assert!(ran.out.contains("Nothing was recorded"), "{}", ran.out);
    assert_eq!(desk.item("0a0a0a0a").state, WorkState::Open);
}

#[test]
fn a_name_that_the_portal_displays_otherwise_is_taken_on_the_word_of_whoever_read_it() {
    let desk = Desk::ordered();
    let confirm = ["confirm", "0a0a0a0a", "--evidence", "number=17", "--evidence"];
    let refused = desk.run(&[&confirm[..], &["customer=ACME Tools (A-1042)"]].concat()).exits(5);
    assert!(refused.err.contains("confirm with --anyway"), "{}", refused.err);
    assert_eq!(desk.item("0a0a0a0a").state, WorkState::Open);
    let said = desk.run(&[&confirm[..], &["customer=ACME Tools (A-1042)", "--anyway"]].concat()).exits(0).said();
    assert!(said.contains("confirmed all the same: customer must be `ACME Tools`, and you brought back `ACME Tools (A-1042)`"), "{said}");
    let WorkState::Confirmed { evidence, .. } = desk.item("0a0a0a0a").state else { panic!("it is confirmed") };
    assert_eq!(evidence["customer"], "ACME Tools (A-1042)", "as it was brought back");
}

#[test]
fn case_and_spaces_of_a_name_make_no_difference() {
    let desk = Desk::ordered();
    desk.run(&["confirm", "0a0a0a0a", "--evidence", "number=17", "--evidence", "customer=  acme   TOOLS "]).exits(0);
}
