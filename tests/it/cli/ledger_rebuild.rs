//! A lost ledger, rebuilt by the commands of docs/ledger.md; and what forgetting and releasing come to.

use super::transcript::Shell;
use crate::support::program::root;

/// The rows, each as its address, origin and release.
fn rows(shell: &Shell) -> Vec<(String, String, bool)> {
    let ledger: serde_json::Value = serde_json::from_str(&shell.run("ledger list -o json").exits(0).out).expect("JSON");
    let text = |row: &serde_json::Value, part: &str| row[part].as_str().expect("a text").to_owned();
    let row = |r: &serde_json::Value| (text(r, "address"), text(r, "origin"), r["released"].as_bool().expect("a flag"));
    ledger["rows"].as_array().expect("rows").iter().map(row).collect()
}

/// A customer whose ledger is lost, and the id that its portal's marks name.
fn lost() -> (Shell, String) {
    let shell = Shell::applied();
    std::fs::remove_file(shell.file(".tenantry/ledger.db")).expect("a ledger to lose");
    let plan = shell.run("plan").exits(5).said();
    assert!(plan.contains("tenantry ledger claim"), "{plan}");
    let (_, owner) = plan.split_once("belongs to another installation, ").expect("G010 names the owner");
    let id: String = owner.chars().take_while(|c| c.is_ascii_hexdigit() || *c == '-').collect();
    (shell, id)
}

#[test]
fn a_lost_ledger_is_rebuilt_as_the_document_says() {
    let (shell, id) = lost();
    let document = std::fs::read_to_string(root().join("docs/ledger.md")).expect("the document");
    let (_, chapter) = document.split_once("## Lose it").expect("the chapter");
    let (_, block) = chapter.split_once("```sh\n").expect("its commands");
    let (block, _) = block.split_once("```").expect("their end");
    let commands: Vec<_> = block.lines().map(|l| l.split(" #").next().unwrap_or(l).trim_end()).collect();
    assert_eq!(
        commands,
        [
            "mv .tenantry/ledger.db ledger.damaged",
            "tenantry plan",
            "tenantry ledger claim INSTALLATION-ID",
            "tenantry plan --out rebuilt.json",
            "tenantry apply rebuilt.json",
            "tenantry plan --expect-no-changes",
            "tenantry ledger release --all",
        ]
    );
    // The first two are done: the ledger is gone and the plan has named the owner.
    for command in &commands[2..] {
        let line = command.strip_prefix("tenantry ").expect("a command of ours").replace("INSTALLATION-ID", &id);
        shell.run(&line).exits(0);
        if line.starts_with("plan --out") {
            insta::assert_snapshot!(shell.transcript(&["plan"]), @r#"
            $ tenantry plan
            acme (portal embedded): 4 to adopt
              > adopt organization/acme  acme.yaml:1
                  the portal has it marked as ours
              > adopt role/staff  acme.yaml:8
                  the portal has it marked as ours
              > adopt user/alice (alice@acme.example)  acme.yaml:11
                  the portal has it marked as ours
              > adopt user/bob (bob@acme.example)  acme.yaml:14
                  the portal has it marked as ours

            Plan: 0 to create, 0 to update, 0 to delete, 4 to adopt; 2 invitations not accepted yet
            Digest: sha256:DIGEST
            ! No Portal is declared: this is about the embedded portal, a file in .tenantry; for a real one give --portals DIR.
            exit 0
            "#);
        }
    }
    let released = |a: &str| (format!("acme/{a}"), "adopted".to_owned(), true);
    assert_eq!(rows(&shell), ["organization/acme", "role/staff", "user/alice", "user/bob"].map(released));
    let audit = shell.run("ledger audit").exits(0).out;
    assert!(audit.contains(&format!("ledger claim {id}, was ")), "{audit}");
}

#[test]
fn a_ledger_in_use_claims_nothing() {
    insta::assert_snapshot!(Shell::applied().transcript(&[
        "ledger claim 0b5f3c1e-8f5e-4f0a-9c55-3f2c6f1f7a10",
        "ledger claim acme",
    ]), @r#"
    $ tenantry ledger claim ID
    ! error: the ledger is not empty: only a new one, with no row, intent, attestation or lock, can take another's place
    exit 1
    $ tenantry ledger claim acme
    ! error: `acme` is no installation id: give it as G010 or the lost ledger wrote it
    exit 1
    "#);
}

#[test]
fn what_came_back_is_not_deleted_before_it_is_released() {
    let (shell, id) = lost();
    shell.run(&format!("ledger claim {id}")).exits(0);
    shell.run("apply --auto-approve").exits(0);
    shell.edit("acme.yaml", "    - name: bob\n      email: bob@acme.example\n      administrator: true\n      roles: [staff]\n", "");
    let kept = shell.run("plan").exits(0).out;
    assert!(!kept.contains("delete user/bob"), "{kept}");
    insta::assert_snapshot!(shell.transcript(&["ledger release --tenant zebra", "ledger release --tenant a*", "ledger release"]), @r#"
    $ tenantry ledger release --tenant zebra
    ! Nothing to release: no adopted object there that is not released already.
    exit 0
    $ tenantry ledger release --tenant a*
    ! Released: 4 adopted objects of 1 tenant. What is no longer declared of them may be deleted.
    exit 0
    $ tenantry ledger release
    ! error: the following required arguments were not provided:
    !   <ADDRESS|--tenant <GLOB>|--all>
    !
    ! Usage: tenantry ledger release <ADDRESS|--tenant <GLOB>|--all>
    !
    ! For more information, try '--help'.
    exit 64
    "#);
    let freed = shell.run("plan").said();
    assert!(freed.contains("delete user/bob"), "{freed}");
}

#[test]
fn what_is_forgotten_and_declared_again_is_taken_back_as_adopted() {
    let shell = Shell::applied();
    insta::assert_snapshot!(shell.transcript(&["ledger forget acme/role/staff", "plan"]), @r#"
    $ tenantry ledger forget acme/role/staff
    ! acme/role/staff in portal embedded is forgotten: the portal keeps it, and it is ours no more; declaring it takes it back.
    exit 0
    $ tenantry plan
    acme (portal embedded): 1 to adopt
      > adopt role/staff  acme.yaml:8
          the portal has it marked as ours

    Plan: 0 to create, 0 to update, 0 to delete, 1 to adopt; 2 invitations not accepted yet
    Digest: sha256:DIGEST
    exit 0
    "#);
    shell.run("apply --auto-approve").exits(0);
    assert!(rows(&shell).contains(&("acme/role/staff".to_owned(), "adopted".to_owned(), false)), "{:?}", rows(&shell));
}

#[test]
fn what_is_forgotten_is_not_taken_for_deleted() {
    let shell = Shell::applied();
    shell.run("ledger forget acme/role/staff").exits(0);
    let ran = shell.run("ledger show acme/role/staff");
    assert_eq!(ran.code, Some(1), "nothing is left of it, no tombstone either: {}", ran.said());
}
