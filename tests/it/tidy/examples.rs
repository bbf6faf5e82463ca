//! The examples are valid, and an editor that opens one finds its schema.

use std::path::Path;

use super::{File, PROGRAM, command, copy, files, none, root};
use tenantry::model::Kind;

fn manifests() -> Vec<File> {
    let found = files("examples", ".yaml");
    assert!(found.len() >= 9, "the examples were not found");
    found
}

#[test]
fn every_example_begins_with_the_way_to_its_schema() {
    let wrong = |file: &File| {
        let schema = file.text.lines().next().and_then(|l| l.strip_prefix("# yaml-language-server: $schema="));
        let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
        let climbed = schema.map(|s| (s.matches("../").count(), s.trim_start_matches("../").to_owned()));
        climbed != Some((folder.components().count(), "docs/schema/manifest.json".to_owned()))
    };
    none("no way to the schema", &manifests().into_iter().filter(wrong).map(|f| f.path).collect::<Vec<_>>());
}

#[test]
fn every_kind_is_shown_by_an_example() {
    let all: String = manifests().into_iter().map(|f| f.text).collect();
    let shown = |kind: &Kind| match kind.def().placement {
        tenantry::model::kind::Placement::Member { inline } => all.contains(&format!("\n  {inline}:\n")),
        _ => false,
    } || all.contains(&format!("\nkind: {}\n", kind.def().name));
    none("kinds without an example", &Kind::ALL.iter().filter(|k| !shown(k)).map(ToString::to_string).collect::<Vec<_>>());
}

/// Runs the program in a clean copy of an example; its exit code, and what it said.
fn run(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output =
        command(PROGRAM).args(args).current_dir(folder).env("TENANT_SECRET_TICKETING_API_KEY", "demo").output().expect("the program runs");
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Validates, plans and applies an example: at first there is something to do, and after one apply there is nothing.
fn converges(example: &str, inputs: &[&str]) {
    let clean = tempfile::tempdir().expect("a temporary folder");
    copy(&root().join("examples").join(example), clean.path());
    let check = |args: &[&str], expected: i32| {
        let (code, said) = run(clean.path(), &[args, inputs, &["--no-input"]].concat());
        assert_eq!(code, Some(expected), "{example}: {args:?}: {said}");
    };
    check(&["validate"], 0);
    check(&["plan", "--detailed-exitcode"], 2);
    check(&["apply", "--auto-approve"], 0);
    check(&["plan", "--detailed-exitcode"], 0);
}

#[test]
fn the_quickstart_converges_in_one_apply() {
    converges("quickstart", &["-f", "."]);
}

#[test]
fn the_msp_converges_in_one_apply() {
    converges("msp", &["-f", "customers", "--portals", "portals"]);
}
