//! What the README shows is what the program says. `TEST_UPDATE=1 cargo test --test it tidy::readme` writes it anew.
//!
//! A golden block is a fenced block right after `<!-- golden:NAME -->`; each name has its scenario here.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::{PROGRAM, command, copy, read, root};

const README: &str = "README.md";

/// The places of a golden block's text in a document.
fn block(document: &str, name: &str) -> Option<std::ops::Range<usize>> {
    let marker = format!("<!-- golden:{name} -->\n```");
    let fence = document.find(&marker)? + marker.len();
    let start = fence + document[fence..].find('\n')? + 1;
    let end = start + document[start..].find("```")?;
    Some(start..end)
}

/// The names of all golden blocks of a document.
fn names(document: &str) -> Vec<&str> {
    document.split("<!-- golden:").skip(1).filter_map(|rest| rest.split_once(" -->")).map(|(name, _)| name).collect()
}

/// A clean folder with the quickstart at the path that the README names.
fn quickstart() -> tempfile::TempDir {
    let clean = tempfile::tempdir().expect("a temporary folder");
    copy(&root().join("examples/quickstart"), &clean.path().join("examples/quickstart"));
    clean
}

/// What the program writes to standard output, and its exit code.
fn tenantry(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = command(PROGRAM)
        .args(args)
        .args(["--no-input", "--no-color"])
        .env("COLUMNS", "100")
        .current_dir(folder)
        .output()
        .expect("the program runs");
    (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8") + &String::from_utf8_lossy(&output.stderr))
}

/// The quickstart is applied; then a merge goes wrong and three people are gone from the file.
fn refused_deletion() -> String {
    let clean = quickstart();
    let (code, said) = tenantry(clean.path(), &["apply", "-f", "examples/quickstart", "--auto-approve"]);
    assert_eq!(code, Some(0), "{said}");
    let file = clean.path().join("examples/quickstart/acme.yaml");
    let text = std::fs::read_to_string(&file).expect("the customer's file");
    let from = text.find("    - name: erin").expect("erin is declared");
    let to = text.find("\n  integrations:").expect("the users end here");
    std::fs::write(&file, format!("{}{}", &text[..from], &text[to..])).expect("a writable file");
    let (code, said) = tenantry(clean.path(), &["plan", "-f", "examples/quickstart"]);
    assert_eq!(code, Some(5), "the plan is refused: {said}");
    said
}

/// One customer in every portal: the end of its plan, where each portal has its line. The plan itself is held to the program by `shown`.
fn every_portal() -> String {
    let plan = read("examples/every-portal/plan.txt");
    let end = plan.find("\naccess ").unwrap_or_else(|| panic!("the portals have their lines: {plan}"));
    plan[end + 1..].to_owned()
}

/// Compares a golden block with what the program says now, or writes it anew.
fn check(name: &str, scenario: fn() -> String) {
    // Two blocks of one file: whoever writes it anew reads what the other wrote.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let document = read(README);
    let place = block(&document, name).unwrap_or_else(|| panic!("{README} has no golden block `{name}`"));
    let said = scenario();
    let said = format!("{}\n", said.trim_end());
    if std::env::var_os("TEST_UPDATE").is_some_and(|v| v == "1") {
        std::fs::write(root().join(README), format!("{}{said}{}", &document[..place.start], &document[place.end..]))
            .expect("a writable README");
        return;
    }
    assert_eq!(&document[place], said, "{README}: `{name}` is not what the program says");
}

#[test]
fn the_plan_with_a_refused_deletion_is_what_the_program_says() {
    check("refused-deletion", refused_deletion);
}

#[test]
fn the_lines_of_every_portal_are_what_the_program_says() {
    check("every-portal", every_portal);
}

#[test]
fn every_golden_block_has_a_scenario() {
    assert_eq!(names(&read(README)), ["refused-deletion", "every-portal"]);
}

#[test]
fn a_golden_block_is_found_by_its_name() {
    let text = "a\n<!-- golden:one -->\n```console\nx\ny\n```\n<!-- golden:two -->\n```\nz\n```\n";
    assert_eq!(block(text, "one").map(|r| &text[r]), Some("x\ny\n"));
    assert_eq!(block(text, "two").map(|r| &text[r]), Some("z\n"));
    assert_eq!(block(text, "three"), None);
    assert_eq!(names(text), ["one", "two"]);
}
