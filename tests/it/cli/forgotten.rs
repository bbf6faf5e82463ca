//! What a technician forgets on the command line, or mistypes: it is asked about with the exact flag, before anything is done.

use tenantry::ledger::Holder;

use super::runbook::Desk;
use super::transcript::Shell;
use crate::support::name;
use crate::support::program::Ran;

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    for words in words {
        assert!(ran.said().contains(words), "{words}\n{}", ran.said());
    }
}

#[test]
fn portals_that_lie_beside_the_manifests_are_not_forgotten_unseen() {
    let shell = Shell::of("pilixo");
    for line in ["plan -f customers", "apply -f customers --auto-approve", "plan -f customers/st-anne-clinic.yaml"] {
        let ran = shell.run(line).exits(64);
        says(&ran, &["no Portal is declared, and portals declares some", "give --portals portals"]);
        assert!(!shell.file(".tenantry").exists(), "nothing was begun");
    }
    shell.run_with("plan -f customers --portals portals", &[("TENANT_SECRET_VIDEO_PASSWORD", "demo")]).exits(0);
}

#[test]
fn a_first_run_without_any_portal_says_where_it_goes_and_a_later_one_does_not() {
    let shell = Shell::small();
    says(&shell.run("plan").exits(0), &["No Portal is declared: this is about the embedded portal, a file in .tenantry"]);
    says(&shell.run("apply --auto-approve").exits(0), &["for a real one give --portals DIR"]);
    assert!(!shell.run("plan").exits(0).said().contains("embedded portal"), "it is known by then");
    shell.write("empty/README.md", "");
    let other = shell.run("plan -f acme.yaml --portals empty --state-dir s").exits(0);
    says(&other, &["empty declares no Portal"]);
}

#[test]
fn what_a_portal_has_by_itself_is_looked_for_in_the_portals_that_were_not_given() {
    let shell = Shell::of("wiv");
    for command in ["plan", "validate"] {
        let ran = shell.run(&format!("{command} -f customers")).exits(65);
        says(&ran, &["no Portal is declared, and portals of the profile wiv have it by themselves: give --portals portals"]);
    }
}

#[test]
fn a_wrong_path_of_portals_is_all_that_is_wrong() {
    let shell = Shell::of("wiv");
    for command in ["plan", "validate"] {
        let ran = shell.run(&format!("{command} -f customers --portals portal")).exits(65);
        says(&ran, &["portal cannot be read", "check the path that was given with --portals", "1 error"]);
        assert!(!ran.said().contains("Admin"), "{}", ran.said());
    }
}

#[test]
fn a_folder_without_a_manifest_is_asked_about_once() {
    let shell = Shell::empty();
    for at in 0..30 {
        shell.write(&format!("chart/values-{at}.yaml"), "image: {tag: latest}\n---\nreplicas: 2\n");
    }
    let ran = shell.run("plan").exits(65);
    says(&ran, &["no -f was given", "and 27 more", "is this the right folder?"]);
    assert_eq!(ran.err.lines().count(), 6, "{}", ran.err);
    says(&shell.run("validate -f chart").exits(65), &["nothing in chart is a manifest"]);
}

#[test]
fn a_portal_or_a_tenant_that_nobody_knows_is_no_empty_list_of_work() {
    let desk = Desk::ordered();
    let said = |args: &[&str]| desk.run(args).exits(64).said();
    let portal = said(&["list", "--portal", "bord"]);
    assert!(portal.contains("--portal bord: there is no such portal") && portal.contains("did you mean `board`?"), "{portal}");
    let tenant = said(&["list", "--tenant", "nobody"]);
    assert!(tenant.contains("--tenant nobody: no such tenant"), "{tenant}");
    assert!(desk.run(&["list", "--portal", "board", "--tenant", "ac*"]).exits(0).out.contains("0a0a0a0a"));
}

#[test]
fn a_credential_that_a_portal_lacks_is_found_without_the_portal() {
    let shell = Shell::of("wiv");
    shell.edit("portals/costs.yaml", "  credentials:\n    apiKey: {env: WIV_API_KEY}\n", "");
    let ran = shell.run("validate -f customers --portals portals").exits(65);
    says(&ran, &["error[R003]", "signs in with the credential `apiKey`", "add `spec.credentials.apiKey`"]);
}

#[test]
fn a_folder_in_place_of_the_ledger_is_said_to_be_one() {
    let shell = Shell::small();
    std::fs::create_dir_all(shell.file(".tenantry/ledger.db")).unwrap();
    for line in ["plan", "apply --auto-approve"] {
        says(&shell.run(line).exits(1), &["ledger.db is a folder, and the ledger is a file"]);
    }
}

#[test]
fn who_holds_the_lock_is_named_by_a_plan_that_is_read_meanwhile() {
    let desk = Desk::ordered();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let ledger = desk.location().open().await.unwrap();
        let units = [(name("board"), name("acme"))];
        ledger.lock(&units, &Holder::current("apply"), jiff::Timestamp::now(), std::time::Duration::from_secs(60)).await.unwrap();
    });
    let said = desk.tenantry(&["plan"]).exits(0).err;
    assert!(said.contains("acme of portal board is locked by") && said.contains("may show it half done"), "{said}");
}
