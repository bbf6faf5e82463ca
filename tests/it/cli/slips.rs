//! Slips of the hand that would make, and invite, everybody a second time, or take for done what was not.

use super::transcript::Shell;

#[test]
fn another_way_to_write_the_same_root_starts_no_second_ledger() {
    let shell = Shell::of("quickstart");
    shell.run("apply -f . --auto-approve -q").exits(0);
    let other = shell.path().join("elsewhere");
    std::fs::create_dir(&other).expect("a folder");
    std::fs::rename(shell.file("acme.yaml"), other.join("acme.yaml")).expect("moved");
    for line in ["plan -f elsewhere/acme.yaml", "apply -f elsewhere/acme.yaml --auto-approve"] {
        let ran = shell.run(line).exits(64);
        assert!(ran.err.contains("would be a new ledger, and the one in .tenantry knows these tenants already"), "{}", ran.said());
        assert!(!other.join(".tenantry").exists(), "nothing was begun");
    }
    shell.run("plan -f elsewhere/acme.yaml --state-dir anew").exits(0);
}

#[test]
fn forgotten_portals_are_missed() {
    let shell = Shell::of("msp");
    let key = [("TENANT_SECRET_TICKETING_API_KEY", "demo")];
    shell.run_with("apply -f customers --portals portals --auto-approve -q", &key).exits(0);
    let ran = shell.run_with("plan -f customers", &key).exits(64);
    assert!(
        ran.err.contains(
            "the ledger has brightwater-law, corner-shop, kessler-service and 3 more in portal main, which this run does not know"
        ),
        "{}",
        ran.said()
    );
}

#[test]
fn what_is_misspelt_spares_nobody_and_shows_nobody() {
    let shell = Shell::applied();
    let ran = shell.run("plan --exclude acme/user/allice").exits(64);
    assert!(ran.err.contains("--exclude acme/user/allice excludes nothing"), "{}", ran.said());
    let ran = shell.run("access --tenant acmee").exits(64);
    assert!(ran.err.contains("--tenant acmee: no tenant of this name is declared"), "{}", ran.said());
}

#[test]
fn a_right_whose_line_is_gone_is_said_to_stay() {
    let shell = Shell::of("quickstart");
    shell.run("apply -f . --auto-approve -q").exits(0);
    let text = shell.read("acme.yaml");
    shell.write("acme.yaml", &text.replacen("      administrator: true\n", "", 1));
    let plan = shell.run("plan -f .").exits(0);
    assert!(plan.out.contains("acme/user/alice stays: its line `administrator` is gone from the manifest"), "{}", plan.said());
    assert!(plan.out.contains("write `administrator: false`"), "{}", plan.said());
}

#[test]
fn who_reaches_a_customer_through_a_group_is_named() {
    let shell = Shell::of("quickstart");
    let first = shell.run("apply -f . --auto-approve -q").exits(0);
    assert!(first.out.contains("tom@northwind-it.example in acme"), "{}", first.said());
    shell.edit("msp.yaml", "lastName: Turner\n  groups: [service-desk]\n", "lastName: Turner\n  groups: []\n");
    let plan = shell.run("plan -f . --kind User").exits(0);
    assert!(plan.out.contains("lose access: tom@northwind-it.example in acme"), "{}", plan.said());
}
