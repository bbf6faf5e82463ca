//! What somebody reads who is tired and sees the program for the first time: no words that are true elsewhere, and always what to do next.

use super::runbook::{ACME, Desk};
use super::transcript::Shell;
use crate::support::program::{self, Ran};

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    for words in words {
        assert!(ran.said().contains(words), "{words}\n{}", ran.said());
    }
}

#[test]
fn an_order_that_is_looked_for_in_the_wrong_folder_is_not_said_to_be_unknown() {
    let shell = Shell::empty();
    let shown = shell.run("runbook show wo-1a2b3c4d").exits(1);
    says(&shown, &["there is no ledger at .tenantry/ledger.db", "say where the apply that gave the work order out keeps it: -f,"]);
    says(&shell.run("runbook list").exits(0), &["There is no ledger at .tenantry/ledger.db: -f, --state-dir and --ledger say"]);
}

#[test]
fn a_ledger_that_cannot_be_looked_at_is_not_said_to_be_missing() {
    let shell = Shell::empty();
    // Where the folder should be is a file: whether a ledger is there nobody can say.
    shell.write(".tenantry", "");
    for line in ["runbook list", "runbook show wo-1a2b3c4d", "runbook skip 1a2b3c4d --why x"] {
        let said = shell.run(line).exits(1).said();
        assert!(!said.to_lowercase().contains("there is no ledger") && said.contains("ledger unavailable"), "{said}");
    }
}

#[test]
fn too_little_of_a_reference_is_told_from_one_that_nothing_has() {
    let desk = Desk::ordered();
    says(&desk.run(&["show", "0a"]).exits(1), &["is called `0a`", "give 4 characters of it at least"]);
    let unknown = desk.run(&["show", "ffff"]).exits(1).said();
    assert!(unknown.contains("is called `ffff`") && !unknown.contains("characters"), "{unknown}");
}

#[test]
fn a_sandbox_of_nothing_names_both_ways_to_say_what_it_plays() {
    says(&Shell::empty().run("sandbox").exits(64), &["--portal <NAME>", "--profile <NAME|PATH>"]);
}

#[test]
fn the_shipped_profiles_stand_in_columns() {
    let listed = Shell::empty().run("profile list").exits(0).out;
    let titles: Vec<_> = listed.lines().map(|line| line.rfind("  ").unwrap()).collect();
    assert!(titles.len() > 5 && titles.iter().all(|at| *at == titles[0]), "{listed}");
}

#[test]
fn a_customer_with_nothing_to_change_is_held_back_without_a_stray_comma() {
    let shell = Shell::of("pilixo");
    let password = [("TENANT_SECRET_VIDEO_PASSWORD", "demo")];
    shell.run_with("apply -f customers --portals portals --auto-approve", &password).exits(6);
    let listed = shell.run("runbook list -f customers").exits(0).out;
    let item = listed.lines().nth(1).unwrap().split_whitespace().next().unwrap();
    let brought = ["--evidence", "organization=St. Anne Clinic", "--evidence", "defaultAdmin=onboarding@northwind-it.example"];
    let confirm = ["runbook", "confirm", item, "-f", "customers"].iter().chain(&brought).copied().collect::<Vec<_>>();
    program::run_with(shell.path(), &confirm, &[]).exits(0);
    let held = shell.run("plan -f customers --portals portals").exits(5);
    says(&held, &["st-anne-clinic (portal video): held back\n", "refused G013"]);
}

#[test]
fn what_a_portal_does_not_have_is_not_said_to_be_unseen() {
    let desk = Desk::new();
    desk.shell.write("customers/acme.yaml", &format!("{ACME}  domains:\n    - {{name: main, domain: acme.example}}\n"));
    let shown = desk.tenantry(&["show", "acme"]).exits(0);
    says(&shown, &["this portal has no domains", "nobody recorded it yet"]);
    assert!(!shown.said().contains("not seen"), "{}", shown.said());
    let json: serde_json::Value = serde_json::from_str(&desk.tenantry(&["show", "acme", "-o", "json"]).exits(0).out).unwrap();
    assert_eq!(json["lacking"], serde_json::json!(["domains"]));
}

#[test]
fn what_comes_before_an_item_is_counted() {
    let shell = Shell::of("it-conductor");
    shell.run("apply -f customers --portals portals --auto-approve").exits(6);
    let listed = shell.run("runbook list -f customers").exits(0).out;
    let order = listed.split_whitespace().nth(2).unwrap();
    for format in ["text", "markdown", "html"] {
        let shown = shell.run(&format!("runbook show {order} -f customers --portals portals -o {format}")).exits(0).out;
        assert!(shown.contains("After item ") && shown.contains("After items "), "{shown}");
    }
}

#[test]
fn what_is_wrong_with_a_profile_has_a_place_that_can_be_opened() {
    let desk = Desk::new();
    desk.shell.edit("portals/own/board.profile", "title: The Board", "titel: The Board");
    std::fs::rename(desk.shell.file("portals/own/board.profile"), desk.shell.file("portals/own/board.yaml")).unwrap();
    desk.shell.edit("portals/main.yaml", "board.profile", "board.yaml");
    says(&desk.tenantry(&["plan"]).exits(65), &["--> portals/own/board.yaml:4:"]);
}

#[test]
fn standard_input_is_called_by_its_name() {
    let desk = Desk::ordered();
    says(&desk.run(&["confirm", "--answers", "-"]).exits(64), &["standard input has no answers"]);
    says(&desk.run(&["observe", "-", "--table", "people"]).exits(1), &["nothing was recorded of standard input:"]);
}
