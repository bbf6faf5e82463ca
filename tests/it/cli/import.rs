//! Import: what a portal has becomes manifests, after which there is nothing to do.

use super::transcript::Shell;

/// An example whose portal is in step.
fn applied(example: &str, places: &str) -> Shell {
    let shell = Shell::of(example);
    shell.run_with(&format!("apply --auto-approve -q {places}"), &[("TENANT_SECRET_TICKETING_API_KEY", "demo")]).exits(0);
    shell
}

/// Imports what looks as if people had made it by hand, and plans what was imported.
fn import_then_plan(shell: &Shell, portal: &str, places: &str) {
    std::fs::remove_file(shell.file(".tenantry/ledger.db")).expect("nothing is known yet");
    let directory = rusqlite::Connection::open(shell.file(&format!(".tenantry/portal-{portal}.db"))).expect("the portal");
    directory.execute("UPDATE object SET owner = NULL, created_by = NULL", ()).expect("nobody's marks are left");
    let import = shell.run(&format!("import {places} --into imported")).exits(0);
    let next = import.err.lines().find_map(|l| l.strip_prefix("Now read them, then: tenantry ")).expect("it says how to go on").to_owned();
    let plan = shell.run(&next).exits(0);
    assert!(plan.out.starts_with("No changes"), "{}\n{}", import.said(), plan.said());
    let ours = shell.run("ledger list").exits(0).out;
    assert!(ours.lines().skip(1).all(|row| row.contains("adopted")), "what was found is adopted, not created: {ours}");
}

#[test]
fn an_import_that_is_printed_records_nothing() {
    let shell = applied("quickstart", "-f .");
    let rows = shell.run("ledger list -o json").out;
    let marked = shell.run("import").exits(0);
    assert!(marked.out.contains("kind: Organization"), "{}", marked.said());
    assert_eq!(shell.run("ledger list -o json").out, rows, "printing records nothing");
}

#[test]
fn an_import_of_what_is_ours_keeps_the_names_that_it_has() {
    let shell = applied("quickstart", "-f .");
    shell.run("import --into imported").exits(0);
    let plan = shell.run("plan -f imported --state-dir .tenantry");
    assert!(plan.out.starts_with("No changes"), "{}", plan.said());
}

#[test]
fn after_an_import_the_plan_is_empty() {
    import_then_plan(&applied("quickstart", "-f ."), "embedded", "-f .");
    import_then_plan(&applied("msp", "-f customers --portals portals"), "main", "-f customers --portals portals");
}

#[test]
fn what_another_installation_made_is_left_to_it() {
    let shell = applied("quickstart", "-f .");
    std::fs::remove_file(shell.file(".tenantry/ledger.db")).expect("now we are another installation");
    let ran = shell.run("import --into imported").exits(0);
    assert!(ran.err.contains("left out: user alice@acme.example: another installation owns it"), "{}", ran.err);
    assert!(ran.err.ends_with("The portal has nothing that could be imported: nothing was written.\n"), "{}", ran.err);
    assert!(!shell.file("imported").exists());
}

#[test]
fn an_import_never_writes_over_a_file() {
    let shell = Shell::applied();
    shell.write("imported/acme.yaml", "# mine\n");
    let ran = shell.run("import --into imported").exits(1);
    assert!(ran.err.contains("exists already; nothing was written"), "{}", ran.err);
    assert_eq!(shell.read("imported/acme.yaml"), "# mine\n");
}

#[test]
fn an_import_of_a_tenant_that_is_not_there_says_so() {
    let ran = Shell::applied().run("import --tenant zoo --into imported");
    assert_eq!(ran.code, Some(64), "{}", ran.said());
}
