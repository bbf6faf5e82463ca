//! What becomes of items in turn: what comes first, what was withdrawn, what two people say otherwise, and what is taken back.

use serde_json::json;
use tenantry::model::WorkItem;

use super::runbook::*;
use crate::support::address;

const ORGANIZATION: [&str; 6] = ["confirm", "0a0a0a0a", "--evidence", "number=17", "--evidence", "customer=ACME Tools"];
const USER: [&str; 4] = ["confirm", "0b0b0b0b", "--evidence", "customer=ACME Tools"];

#[test]
fn nobody_is_confirmed_in_an_organization_that_is_not_there() {
    let desk = Desk::ordered();
    let said = desk.said(&USER);
    assert!(said.contains("0b0b0b0b (acme/user/alice) comes after item 0a0a0a0a") && said.contains("exit 5"), "{said}");
    assert!(desk.said(&["list"]).contains("open; waits for 0a0a0a0a"));
    let paper = desk.run(&["show", "board-1"]).exits(0).out;
    assert!(paper.contains("After item 0a0a0a0a."), "{paper}");
    desk.run(&["fail", "0a0a0a0a", "--why", "domain taken", "--by", "ann"]).exits(0);
    let said = desk.said(&USER);
    assert!(said.contains("which could not be done, as ann said: domain taken"), "{said}");
    desk.run(&[&ORGANIZATION[..], &["--by", "ann"]].concat()).exits(0);
    desk.run(&USER).exits(0);
}

#[test]
fn answers_of_one_file_are_told_in_turn() {
    let desk = Desk::ordered();
    desk.shell.write(
        "answers.json",
        &json!({
            "0b0b0b0b": {"result": "done", "evidence": {"customer": "ACME Tools"}},
            "0a0a0a0a": {"result": "done", "evidence": {"customer": "ACME Tools", "number": "17"}},
        })
        .to_string(),
    );
    desk.run(&["confirm", "--answers", "answers.json"]).exits(0);
}

#[test]
fn what_was_withdrawn_and_done_all_the_same_is_recorded() {
    let desk = Desk::ordered();
    desk.run(&ORGANIZATION).exits(0);
    desk.run(&["skip", "0b0b0b0b", "--why", "plan no longer asks for it", "--by", "ci"]).exits(0);
    let said = desk.said(&USER);
    assert!(
        said.contains("Confirmed: 0b0b0b0b") && said.contains("it was withdrawn by ci") && said.contains("is recorded all the same"),
        "{said}"
    );
    let state = desk.state();
    assert!(state.rows.contains_key(&address("acme/user/alice")) && state.attestations[&address("acme/user/alice")].present);
    desk.shell
        .write("customers/acme.yaml", &ACME.replace("    - {name: alice", "    - {name: alan").replace("email: alice@", "email: alan@"));
    let plan = desk.tenantry(&["plan"]).out;
    assert!(plan.contains("- delete user/alice (alice@acme.example)"), "the next plan takes it away: {plan}");
}

#[test]
fn what_was_given_out_again_is_not_recorded_twice() {
    let desk = Desk::ordered();
    desk.run(&ORGANIZATION).exits(0);
    desk.run(&["skip", "0b0b0b0b", "--why", "later"]).exits(0);
    let mut anew = WorkItem { intent: "again".into(), reference: "0d0d0d0d".into(), ..user() };
    anew.records[0].intent = "again".into();
    desk.give(vec![anew]);
    let said = desk.said(&USER);
    assert!(said.contains("0d0d0d0d") && said.contains("was given out for it since") && said.contains("exit 5"), "{said}");
}

#[test]
fn who_confirms_what_somebody_else_could_not_do_says_so() {
    let desk = Desk::ordered();
    desk.run(&["fail", "0a0a0a0a", "--why", "domain taken", "--by", "ann"]).exits(0);
    let by_bob = [&ORGANIZATION[..], &["--by", "bob"]].concat();
    let said = desk.said(&by_bob);
    assert!(
        said.contains("ann said at") && said.contains("domain taken") && said.contains("--anyway") && said.contains("exit 5"),
        "{said}"
    );
    let said = desk.said(&[&by_bob[..], &["--anyway"]].concat());
    assert!(said.contains("Confirmed: 0a0a0a0a") && said.contains("ann had said at"), "{said}");
}

#[test]
fn a_wrong_confirmation_is_taken_back() {
    let desk = Desk::ordered();
    let before = desk.state();
    desk.run(&ORGANIZATION).exits(0);
    let said = desk.said(&["reopen", "0a0a0a0a", "--why", "it was the other customer", "--by", "ann"]);
    assert!(said.contains("Open again: 0a0a0a0a") && said.contains("had confirmed it at") && said.contains("exit 0"), "{said}");
    let after = desk.state();
    assert_eq!((&after.rows, &after.attestations), (&before.rows, &before.attestations));
    assert_eq!(after.intents.len(), before.intents.len());
    assert!(after.intents.iter().all(|i| i.unknown));
    let trail = desk.tenantry(&["ledger", "audit"]).out;
    assert!(trail.contains("runbook reopen: create") || trail.contains("it was the other customer"), "{trail}");
    desk.run(&ORGANIZATION).exits(0);
}

#[test]
fn what_later_work_rests_on_stays() {
    let desk = Desk::confirmed();
    let said = desk.said(&["reopen", "0a0a0a0a", "--why", "a mistake"]);
    assert!(said.contains("later work rests on it: acme/user/alice") && said.contains("exit 5"), "{said}");
    desk.run(&["reopen", "0b0b0b0b", "--why", "a mistake"]).exits(0);
    desk.run(&["reopen", "0a0a0a0a", "--why", "a mistake"]).exits(0);
    assert!(desk.state().rows.is_empty());
}

#[test]
fn a_deletion_is_never_confirmed_with_all_others() {
    let desk = Desk::ordered();
    let mut gone = user();
    gone.action = tenantry::model::IntentAction::Delete;
    gone.instructions.evidence.clear();
    let mut made = organization();
    made.instructions.evidence.clear();
    desk.give(vec![made, gone]);
    let said = desk.said(&["confirm", "board-1", "--all"]);
    assert!(said.contains("or take something away") && said.contains("0b0b0b0b") && said.contains("exit 64"), "{said}");
}

#[test]
fn the_beginning_of_a_reference_is_enough_and_that_of_two_is_none() {
    let desk = Desk::ordered();
    let mut twin = WorkItem { intent: "twin".into(), reference: "0a0a0a0a1111".into(), address: address("acme/user/bob"), ..user() };
    twin.records[0].intent = "twin".into();
    twin.records[0].address = address("acme/user/bob");
    twin.order = "board-12".into();
    desk.give(vec![twin]);
    let said = desk.said(&["fail", "0a0a0", "--why", "x"]);
    assert!(said.contains("0a0a0 is the reference of several items") && said.contains("0a0a0a0a1111") && said.contains("exit 1"), "{said}");
    desk.run(&["fail", "0A0A0A0A11", "--why", "x"]).exits(0);
    desk.run(&["fail", "0b0b", "--why", "x"]).exits(0);
    let said = desk.said(&["show", "boar"]);
    assert!(said.contains("boar is the name of several work orders") && said.contains("board-12"), "{said}");
    assert!(desk.said(&["fail", "0b0", "--why", "x"]).contains("no item of a work order has the reference 0b0"));
}

#[test]
fn only_the_customers_evidence_accuses_of_another_customer() {
    let desk = Desk::ordered();
    let mut item = organization();
    let wanted = |name: &str, expect: &str| tenantry::model::work_order::EvidenceWanted {
        name: name.to_owned(),
        ask: "What is shown".to_owned(),
        expect: Some(expect.to_owned()),
        words: Vec::new(),
        optional: false,
        id: false,
        customer: name == "customer",
    };
    item.instructions.evidence =
        vec![wanted("customer", "ACME Tools"), wanted("role", "Editor, Viewer"), wanted("site", "https://acme.example")];
    desk.give(vec![item]);
    let confirm = |customer: &str, role: &str, site: &str| {
        let [customer, role, site] = [("customer", customer), ("role", role), ("site", site)].map(|(n, v)| format!("{n}={v}"));
        desk.said(&["confirm", "0a0a0a0a", "--evidence", &customer, "--evidence", &role, "--evidence", &site])
    };
    let said = confirm("ACME Tools", "Guest", "https://acme.example");
    assert!(said.contains("role must be `Editor, Viewer`") && said.contains("differs from what was asked"), "{said}");
    assert!(!said.contains("another customer"), "{said}");
    let said = confirm("Beta", "Editor, Viewer", "https://acme.example");
    assert!(said.contains("another customer may have been picked"), "{said}");
    assert!(confirm("acme  tools", "viewer,editor", "https://acme.example/").contains("Confirmed"));
}

#[test]
fn an_item_of_what_is_no_longer_declared_says_so_in_the_list() {
    let desk = Desk::ordered();
    assert!(!desk.said(&["list"]).contains("withdrawn"));
    std::fs::remove_file(desk.shell.file("customers/acme.yaml")).unwrap();
    let said = desk.said(&["list"]);
    assert_eq!(said.matches("no longer declared: withdrawn with the next apply").count(), 2, "{said}");
}

#[test]
fn one_commit_takes_all_answers_of_a_customer() {
    let desk = Desk::ordered();
    let before = desk.serial();
    desk.shell.write(
        "answers.json",
        &json!({"0a0a0a0a": {"result": "failed", "why": "x"}, "0b0b0b0b": {"result": "failed", "why": "y"}}).to_string(),
    );
    desk.run(&["confirm", "--answers", "answers.json"]).exits(0);
    assert_eq!(desk.serial(), before + 1);
}
