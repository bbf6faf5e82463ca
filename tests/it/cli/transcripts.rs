//! What a person sees, and one transcript for each exit code.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};
use std::sync::Arc;

use jiff::Timestamp;
use tenantry::cli::exit::Exit;
use tenantry::model::Value;
use tenantry::portal::embedded::Directory;

use super::faulty;
use super::transcript::{Shell, normal};
use crate::support::program::{Ran, root};

#[test]
fn code_0_a_first_apply_and_nothing_to_do_afterwards() {
    let shell = Shell::small();
    insta::assert_snapshot!(shell.transcript(&["validate", "apply --auto-approve", "plan"]), @r#"
    $ tenantry validate
    ! Valid: 4 resources.
    exit 0
    $ tenantry apply --auto-approve
    acme (portal embedded): 4 to create
      administrators: nobody -> alice@acme.example, bob@acme.example
      gain access: alice@acme.example, bob@acme.example
      get an e-mail: alice@acme.example, bob@acme.example

      + create organization/acme  acme.yaml:1
          displayName: ACME Tools
      + create role/staff  acme.yaml:8
          permissions: [tickets.read]
      + create user/alice  acme.yaml:11
          email:         alice@acme.example
          administrator: true
          sends e-mail
      + create user/bob  acme.yaml:14
          email:         bob@acme.example
          roles:         [staff]
          administrator: true
          sends e-mail

    Plan: 4 to create, 0 to update, 0 to delete
    Digest: sha256:DIGEST
    Apply: 4 done
    ! No Portal is declared: this is about the embedded portal, a file in .tenantry; for a real one give --portals DIR.
    ! done: create acme/organization/acme in embedded
    ! done: create acme/role/staff in embedded
    ! done: create acme/user/alice in embedded
    ! done: create acme/user/bob in embedded
    exit 0
    $ tenantry plan
    No changes: the portals are in step with the manifests; 2 invitations not accepted yet
    exit 0
    "#);
}

#[test]
fn code_0_a_plan_with_changes_and_a_record_of_what_is_ours() {
    let shell = Shell::applied();
    shell.edit("acme.yaml", "ACME Tools", "ACME Works");
    let lines =
        ["plan", "plan -o gitlab", "show acme", "access", "ledger move acme/role/staff acme/role/crew", "plan --target acme/role/crew"];
    insta::assert_snapshot!(shell.transcript(&lines), @r#"
    $ tenantry plan
    acme (portal embedded): 1 to update
      ~ update organization/acme  acme.yaml:1
          displayName: ACME Tools -> ACME Works

    Plan: 0 to create, 1 to update, 0 to delete; 2 invitations not accepted yet
    Digest: sha256:DIGEST
    exit 0
    $ tenantry plan -o gitlab
    {"create":0,"update":1,"delete":0}
    exit 0
    $ tenantry show acme
    acme (portal embedded)
      organization/acme  acme                declared at acme.yaml:1   active   ours, created  id ID
      role/staff         staff               declared at acme.yaml:8   active   ours, created  id ID
      user/alice         alice@acme.example  declared at acme.yaml:11  invited  ours, created  id ID
      user/bob           bob@acme.example    declared at acme.yaml:14  invited  ours, created  id ID
    exit 0
    $ tenantry access
    acme
      alice@acme.example  may enter  acme/user/alice  administrator
      bob@acme.example    may enter  acme/user/bob    administrator, role staff

    people: 2, ways in: 2, tenants: 1
    ! This is what is declared, and who is recorded and not yet removed; --live asks the portals.
    exit 0
    $ tenantry ledger move acme/role/staff acme/role/crew
    ! acme/role/staff in portal embedded is acme/role/crew from now on.
    exit 0
    $ tenantry plan --target acme/role/crew
    acme (portal embedded): 1 to delete, all held back
      ! delete role/crew (staff)
          permissions: [tickets.read]
          it is no longer declared
          refused G020: acme/role/crew cannot be reached: it needs acme/user/bob, which is about to change and is not selected
            to do: select what it depends on as well, or put that right first; no approval passes this

    Plan: 0 to create, 0 to update, 0 to delete, 1 held (1 to delete); 1 refused; 2 invitations not accepted yet
    Digest: sha256:DIGEST
    exit 5
    "#);
}

#[test]
fn code_0_the_first_steps_of_a_newcomer() {
    insta::assert_snapshot!(Shell::empty().transcript(&["init customers", "init customers", "validate -f customers", "ledger list"]), @r#"
    $ tenantry init customers
    ! wrote customers/acme.yaml
    ! wrote .gitignore
    ! Now read what it would do: tenantry plan -f customers
    exit 0
    $ tenantry init customers
    ! left alone customers/acme.yaml, which exists
    ! left alone .gitignore, which exists
    ! Now read what it would do: tenantry plan -f customers
    exit 0
    $ tenantry validate -f customers
    ! Valid: 4 resources.
    exit 0
    $ tenantry ledger list
    ! The ledger has no rows: nothing is ours yet.
    exit 0
    "#);
}

#[test]
fn code_0_an_apply_as_json_is_one_document_whether_or_not_there_was_something_to_do() {
    let shell = Shell::small();
    for done in [4, 0] {
        let result: serde_json::Value =
            serde_json::from_str(&shell.run("apply --auto-approve -o json").exits(0).out).expect("one document");
        assert_eq!((&result["summary"]["done"], &result["final_plan_empty"]), (&done.into(), &true.into()), "{result}");
    }
    let view = shell.run("plan -o json --json-into view.json").exits(0).out;
    assert_eq!(shell.read("view.json"), view);
}

#[test]
fn code_0_a_stream_names_what_begins_by_what_it_is() {
    let ran = Shell::small().run("apply --auto-approve --json").exits(0);
    let lines: Vec<serde_json::Value> = ran.out.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    let begun: Vec<_> = lines.iter().filter(|l| l["type"] == "apply_start").map(|l| l["hook"]["action"].as_str().unwrap()).collect();
    assert_eq!(begun, ["create"; 4]);
    assert_eq!(lines.first().map(|l| &l["type"]), Some(&"version".into()));
    assert_eq!(lines.last().map(|l| &l["type"]), Some(&"change_summary".into()));
}

#[test]
fn code_0_changed_since_selects_the_tenants_of_the_files_that_changed() {
    let shell = Shell::small();
    shell.write("beta.yaml", &shell.read("acme.yaml").replace("acme", "beta"));
    let git = |args: &[&str]| {
        let name = ["-c", "user.name=n", "-c", "user.email=e@x.example"];
        let done = Command::new("git").args(name).args(args).current_dir(shell.path()).output().expect("git runs");
        assert!(done.status.success(), "{done:?}");
    };
    shell.write(".gitignore", ".tenantry/\n");
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "first"]);
    shell.run("apply --auto-approve -q").exits(0);
    shell.edit("beta.yaml", "ACME Tools", "Beta");
    shell.edit("acme.yaml", "ACME Tools", "Acme");
    git(&["commit", "-qm", "acme", "acme.yaml"]);
    let planned = |revision: &str| shell.run(&format!("plan -o gitlab --changed-since {revision}")).exits(0).out;
    assert_eq!(planned("HEAD"), "{\"create\":0,\"update\":1,\"delete\":0}\n", "what is not committed yet counts");
    assert_eq!(planned("HEAD~1"), "{\"create\":0,\"update\":2,\"delete\":0}\n");
    git(&["commit", "-qam", "beta"]);
    assert_eq!(planned("HEAD"), "{\"create\":0,\"update\":0,\"delete\":0}\n");
    shell.run("plan --changed-since nowhere").exits(64);
}

#[test]
fn code_1_an_error_without_a_code_of_its_own() {
    insta::assert_snapshot!(Shell::applied().transcript(&["unlock 0", "ledger show acme/user/zoe", "apply gone.json"]), @r#"
    $ tenantry unlock 0
    ! error: no lock has the id 0
    !   help: `tenantry ledger list` shows the locks that are held
    exit 1
    $ tenantry ledger show acme/user/zoe
    ! error: the ledger knows nothing of acme/user/zoe
    !   help: `tenantry ledger list` shows what it knows
    exit 1
    $ tenantry apply gone.json
    ! error: gone.json cannot be read: No such file or directory (os error 2)
    exit 1
    "#);
    insta::assert_snapshot!(Shell::applied().faults("unread=down").transcript(&["plan"]), @r#"
    $ tenantry plan
    error[R001]: portal embedded cannot be read: unavailable: it does not answer
     = note: Nothing is planned for it; what other portals need goes on.
     = help: check the endpoint and the network, then run again; nothing was changed there

    1 error

    No plan; 1 error
    exit 1
    "#);
}

#[test]
fn code_2_the_plan_is_not_empty() {
    let shell = Shell::applied();
    assert_eq!(shell.run("plan --detailed-exitcode").code, Some(0));
    shell.edit("acme.yaml", "ACME Tools", "ACME Works");
    insta::assert_snapshot!(shell.transcript(&["plan --detailed-exitcode"]), @r#"
    $ tenantry plan --detailed-exitcode
    acme (portal embedded): 1 to update
      ~ update organization/acme  acme.yaml:1
          displayName: ACME Tools -> ACME Works

    Plan: 0 to create, 1 to update, 0 to delete; 2 invitations not accepted yet
    Digest: sha256:DIGEST
    exit 2
    "#);
}

#[test]
fn code_3_credentials_do_not_allow_it() {
    insta::assert_snapshot!(Shell::applied().faults("unread=denied").transcript(&["plan"]), @r#"
    $ tenantry plan
    error[R002]: portal embedded cannot be read: access denied: the key has expired
     = note: Nothing is planned for it; what other portals need goes on.
     = help: check the credentials that the Portal document refers to, and their rights

    1 error

    No plan; 1 error
    exit 3
    "#);
    let shell = Shell::applied();
    shell.edit("acme.yaml", "ACME Tools", "ACME Works");
    insta::assert_snapshot!(shell.faults("denied=acme/organization/*").transcript(&["apply --auto-approve"]), @r#"
    $ tenantry apply --auto-approve
    acme (portal embedded): 1 to update
      ~ update organization/acme  acme.yaml:1
          displayName: ACME Tools -> ACME Works

    Plan: 0 to create, 1 to update, 0 to delete; 2 invitations not accepted yet
    Digest: sha256:DIGEST
    Failed:
      update acme/organization/acme in portal embedded: access denied: this key may not write

    Apply: 0 done, 1 failed; not everything is in step yet
    ! failed: update acme/organization/acme in embedded
    exit 3
    "#);
}

#[test]
fn code_4_some_changes_failed() {
    let shell = Shell::applied();
    shell.edit("acme.yaml", "ACME Tools", "ACME Works");
    shell.edit("acme.yaml", "  users:", "    - name: crew\n      permissions: [tickets.read]\n  users:");
    shell.edit("acme.yaml", "roles: [staff]", "roles: [crew]");
    insta::assert_snapshot!(shell.faults("refused=acme/role/crew").transcript(&["apply --auto-approve"]), @r#"
    $ tenantry apply --auto-approve
    acme (portal embedded): 1 to create, 2 to update
      ~ update organization/acme  acme.yaml:1
          displayName: ACME Tools -> ACME Works
      + create role/crew  acme.yaml:10
          permissions: [tickets.read]
      ~ update user/bob (bob@acme.example)  acme.yaml:16
          roles: [staff] -> [crew]

    Plan: 1 to create, 2 to update, 0 to delete; 2 invitations not accepted yet
    Digest: sha256:DIGEST
    Failed:
      create acme/role/crew in portal embedded: refused by the portal: no seat is left

    Skipped:
      update acme/user/bob in portal embedded: acme/role/crew was not done

    Apply: 1 done, 1 failed, 1 skipped; not everything is in step yet
    ! done: update acme/organization/acme in embedded
    ! failed: create acme/role/crew in embedded
    exit 4
    "#);
}

#[test]
fn code_5_a_guard_refuses() {
    let shell = Shell::applied();
    let text = shell.read("acme.yaml");
    shell.write("acme.yaml", text.split("  users:").next().unwrap());
    insta::assert_snapshot!(shell.transcript(&["apply --auto-approve"]), @r#"
    $ tenantry apply --auto-approve
    acme (portal embedded): 2 to delete, all held back
      would lose access: alice@acme.example, bob@acme.example
      administrators, if it were done: alice@acme.example, bob@acme.example -> nobody
      refused G007: acme would be left with 0 of 2 administrators; it keeps at least 1 (0, limit 1)
        to do: declare another administrator first, and apply that; if it is meant, pass `--approve-digest sha256:DIGEST` or `--allow G007=REASON`

      - would delete user/alice (alice@acme.example)
          email:         alice@acme.example
          administrator: true
          it is no longer declared
      - would delete user/bob (bob@acme.example)
          email:         bob@acme.example
          roles:         [staff]
          administrator: true
          it is no longer declared

    Plan: 0 to create, 0 to update, 0 to delete, 2 held (2 to delete); 2 refused
    Digest: sha256:DIGEST
    Held back by guards:
      delete acme/user/alice in portal embedded: acme would be left with 0 of 2 administrators; it keeps at least 1 (G007)
      delete acme/user/bob in portal embedded: acme would be left with 0 of 2 administrators; it keeps at least 1 (G007)

    Apply: 0 done, 2 held back; not everything is in step yet
    exit 5
    "#);
    assert_eq!(shell.run("drift").code, Some(0), "nothing was changed");
    assert_eq!(shell.run("apply --approve-digest sha256:0").code, Some(5), "a digest of another plan");
    insta::assert_snapshot!(shell.transcript(&["apply --auto-approve -q --allow G002=both-left --allow G007=the-contract-ended"]), @r#"
    $ tenantry apply --auto-approve -q --allow G002=both-left --allow G007=the-contract-ended
    acme (portal embedded): 2 to delete
      lose access: alice@acme.example, bob@acme.example
      administrators: alice@acme.example, bob@acme.example -> nobody
      allowed G007 (the-contract-ended): acme would be left with 0 of 2 administrators; it keeps at least 1 (0, limit 1)

      - delete user/alice (alice@acme.example)
          email:         alice@acme.example
          administrator: true
          it is no longer declared
      - delete user/bob (bob@acme.example)
          email:         bob@acme.example
          roles:         [staff]
          administrator: true
          it is no longer declared

    Plan: 0 to create, 0 to update, 2 to delete
    Digest: sha256:DIGEST
    Apply: 2 done
    exit 0
    "#);
}

#[test]
fn code_6_a_technician_is_waited_for() {
    let shell = Shell::applied();
    shell.edit("acme.yaml", "ACME Tools", "ACME Works");
    insta::assert_snapshot!(shell.faults("pending=acme/organization/*").transcript(&["apply --auto-approve"]), @r#"
    $ tenantry apply --auto-approve
    acme (portal embedded): 1 to update
      ~ update organization/acme  acme.yaml:1
          displayName: ACME Tools -> ACME Works

    Plan: 0 to create, 1 to update, 0 to delete; 2 invitations not accepted yet
    Digest: sha256:DIGEST
    Pending:
      update acme/organization/acme in portal embedded: waits for a technician

    Apply: 0 done, 1 pending; not everything is in step yet
    ! pending: update acme/organization/acme in embedded
    exit 6
    "#);
}

#[test]
fn code_7_changes_were_not_expected() {
    let shell = Shell::applied();
    assert_eq!(shell.run("plan --expect-no-changes").code, Some(0));
    shell.edit("acme.yaml", "ACME Tools", "ACME Works");
    assert_eq!(shell.run("plan --expect-no-changes").code, Some(7));
    assert_eq!(shell.run("plan --expect-no-changes --detailed-exitcode").code, Some(7), "7 comes before 2");
}

/// A child that is in the middle of its first batch.
fn in_the_middle(shell: &Shell, batch_takes_ms: u32) -> (Child, BufReader<std::process::ChildStderr>) {
    let faults = format!("slow={batch_takes_ms}");
    let mut child = faulty::child(shell.path(), &faults, &["apply", "--auto-approve"]).spawn().expect("the child runs");
    let mut said = BufReader::new(child.stderr.take().expect("its standard error"));
    let mut line = String::new();
    while line != "a batch begins\n" {
        line.clear();
        assert_ne!(said.read_line(&mut line).expect("its words"), 0, "it ended before its first batch");
    }
    (child, said)
}

/// What became of such a child.
fn ended((child, mut said): (Child, BufReader<std::process::ChildStderr>)) -> Ran {
    let mut err = String::new();
    said.read_to_string(&mut err).expect("its words");
    let mut ran = faulty::ran(Ran::of(child.wait_with_output().expect("it ends")));
    ran.err = err;
    ran
}

fn shown(shell: &Shell, ran: &Ran) -> String {
    let report = ran.out.split_once("Digest: ").map_or(ran.out.as_str(), |(_, rest)| rest);
    normal(&format!("{report}--\n{}exit {}\n", ran.err, ran.code.expect("an exit code")), shell.path())
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

#[test]
fn code_8_ctrl_c_finishes_what_is_under_way_and_begins_nothing_new() {
    let shell = Shell::small();
    let run = in_the_middle(&shell, 1500);
    interrupt(&run.0);
    let ran = ended(run);
    insta::assert_snapshot!(shown(&shell, &ran), @r#"
    sha256:DIGEST
    Not begun, the run was stopped:
      create acme/role/staff in portal embedded
      create acme/user/alice in portal embedded
      create acme/user/bob in portal embedded

    Apply: 1 done, 3 not begun; not everything is in step yet
    --
    Stopping: calls under way finish and no new one begins. Ask again to stop at once.
    done: create acme/organization/acme in embedded
    exit 8
    "#);
    shell.run("apply --auto-approve").exits(0);
    shell.run("plan --expect-no-changes").exits(0);
}

#[test]
fn code_8_whoever_asks_twice_does_not_wait() {
    let shell = Shell::small();
    let (child, mut said) = in_the_middle(&shell, 60_000);
    interrupt(&child);
    let mut line = String::new();
    said.read_line(&mut line).expect("its words");
    assert!(line.starts_with("Stopping"), "{line}");
    interrupt(&child);
    let ran = ended((child, said)).exits(8);
    assert!(ran.err.contains("run again: what was begun is found out first"), "{}", ran.err);
    shell.run("apply --auto-approve").exits(0);
    shell.run("plan --expect-no-changes").exits(0);
}

#[test]
fn code_9_out_of_time() {
    let shell = Shell::small().faults("slow=3000");
    let ran = shell.run("apply --auto-approve --timeout 2");
    insta::assert_snapshot!(shown(&shell, &ran), @r#"
    sha256:DIGEST
    Not begun, the run was stopped:
      create acme/role/staff in portal embedded
      create acme/user/alice in portal embedded
      create acme/user/bob in portal embedded

    Apply: 1 done, 3 not begun; not everything is in step yet
    --
    No Portal is declared: this is about the embedded portal, a file in .tenantry; for a real one give --portals DIR.
    a batch begins
    done: create acme/organization/acme in embedded
    exit 9
    "#);
    let before_anything = Shell::small().faults("slow=1").transcript(&["apply --auto-approve --timeout 0"]);
    assert!(before_anything.ends_with("exit 9\n"), "{before_anything}");
}

#[test]
fn code_10_the_saved_plan_is_stale() {
    let shell = Shell::applied();
    shell.edit("acme.yaml", "ACME Tools", "ACME Works");
    shell.run("plan --out plan.json").exits(0);
    by_hand(&shell, "acme/role/staff", "permissions", Value::List(vec![Value::text("tickets.close")]));
    insta::assert_snapshot!(shell.transcript(&["apply plan.json"]), @r#"
    $ tenantry apply plan.json
    ! State is kept in .tenantry, as plan.json says.
    ! error: the saved plan is stale; nothing was changed. What would be done now is not in it:
    !   embedded: acme/role/staff (update), which was not planned
    !   help: plan again with `plan --out`, and read it
    exit 10
    "#);
}

/// Somebody changes an object in the portal.
fn by_hand(shell: &Shell, address: &str, path: &str, value: Value) {
    let list: serde_json::Value = serde_json::from_str(&shell.run("ledger list -o json").exits(0).out).expect("JSON");
    let row = list["rows"].as_array().unwrap().iter().find(|r| r["address"] == address).expect("it is ours").clone();
    let directory = Directory::open(&shell.file(".tenantry/portal-embedded.db"), Arc::new(Timestamp::now)).expect("the portal");
    directory.set_field(row["id"].as_str().unwrap(), path, Some(value)).expect("it is changed");
}

#[test]
fn code_11_somebody_changed_the_portal() {
    let shell = Shell::applied();
    by_hand(&shell, "acme/user/bob", "administrator", Value::Bool(false));
    insta::assert_snapshot!(shell.transcript(&["drift", "apply --auto-approve", "drift"]), @r#"
    $ tenantry drift
    acme (portal embedded)
      Drift, changed in the portal since it was last applied:
        ~ changed user/bob
          administrator: false

    Drift: portals differ from what was last applied; 1 resource drifted
    exit 11
    $ tenantry apply --auto-approve
    acme (portal embedded): 1 to update
      administrators: alice@acme.example -> alice@acme.example, bob@acme.example

      ~ update user/bob (bob@acme.example)  acme.yaml:14
          administrator: false -> true
          somebody changed it in the portal
      Drift, changed in the portal since it was last applied:
        ~ changed user/bob
          administrator: false

    Plan: 0 to create, 1 to update, 0 to delete; 2 invitations not accepted yet
    Digest: sha256:DIGEST
    Apply: 1 done
    ! done: update acme/user/bob in embedded
    exit 0
    $ tenantry drift
    No drift: the portals are as they were last left
    exit 0
    "#);
}

#[test]
fn code_12_somebody_else_is_at_it() {
    let shell = Shell::small();
    let mut run = in_the_middle(&shell, 60_000);
    insta::assert_snapshot!(shell.transcript(&["apply --auto-approve", "ledger list"]), @r#"
    $ tenantry apply --auto-approve
    ! error: acme of portal embedded is locked by WHO (apply) until TIME
    !   help: wait for it to end; if it never will, break it with `tenantry unlock ID`
    exit 12
    $ tenantry ledger list
    locked: acme in portal embedded by WHO (apply) until TIME, id ID
    ! The ledger has no rows: nothing is ours yet.
    exit 0
    "#);
    assert_eq!(shell.run("plan").code, Some(0), "a plan needs no lock");
    run.0.kill().expect("SIGKILL");
    run.0.wait().expect("it is dead");
    shell.run("apply --auto-approve").exits(0);
}

#[test]
fn code_12_a_lock_is_broken_by_its_id_alone() {
    let shell = Shell::small();
    let mut run = in_the_middle(&shell, 60_000);
    let list: serde_json::Value = serde_json::from_str(&shell.run("ledger list -o json").exits(0).out).expect("JSON");
    let id = list["locks"][0]["id"].as_str().expect("a lock is held").to_owned();
    let broken = shell.run(&format!("unlock {id}")).exits(0);
    assert_eq!(normal(&broken.err, shell.path()), "Broken: the lock ID on 1 tenant. Make sure that its holder has really stopped.\n");
    shell.run("apply --auto-approve").exits(0);
    run.0.kill().expect("SIGKILL");
    run.0.wait().expect("it is dead");
}

#[test]
fn code_12_a_lock_is_waited_for_and_then_there_is_nothing_to_do() {
    let shell = Shell::small();
    let run = in_the_middle(&shell, 500);
    let second = shell.run("apply --auto-approve --lock-timeout 20").exits(0);
    assert!(second.out.starts_with("No changes"), "{}", second.said());
    assert_eq!(ended(run).code, Some(0));
}

#[test]
fn code_64_a_wrong_use_says_what_is_right() {
    let lines = [
        "plan --kind Foo",
        "plan --portal nope",
        "plan --tenant nope",
        "plan --target acme/usr/*",
        "plan --max-delete lots",
        "apply",
        "apply --require-read-only --auto-approve",
        "apply --auto-approve --allow G007",
        "apply --auto-approve --allow G999=because",
        "apply --auto-approve -o html",
        "apply plan.json --tenant acme",
        "ledger show nope",
        "ledger move acme/role/staff acme/user/staff",
        "show nope",
        "man nope",
    ];
    insta::assert_snapshot!(Shell::applied().transcript(&lines), @r#"
    $ tenantry plan --kind Foo
    ! error: --kind Foo: there is no such kind
    !   help: the kinds are Organization, Domain, Role, Group, User, Integration, Delegation, Gateway, MonitoredSystem, NotificationRule
    exit 64
    $ tenantry plan --portal nope
    ! error: --portal nope: there is no such portal
    !   help: the portals are embedded
    exit 64
    $ tenantry plan --tenant nope
    ! error: --tenant nope selects nothing that is declared or in the ledger
    !   help: `tenantry ledger list` and the manifests have the names
    exit 64
    $ tenantry plan --target acme/usr/*
    ! error: --target acme/usr/* selects nothing that is declared or in the ledger
    !   help: `tenantry ledger list` and the manifests have the names
    exit 64
    $ tenantry plan --max-delete lots
    ! error: invalid value 'lots' for '--max-delete <N|N%>': `lots` is no limit: write a count such as `5`, or a share from `0%` to `100%`
    !
    ! For more information, try '--help'.
    exit 64
    $ tenantry apply
    ! error: nobody is there to approve this: standard input is no terminal, or --no-input or CI is set
    !   help: give --auto-approve, or --approve-digest with the digest of a plan that somebody read, or a plan saved with `plan --out`
    exit 64
    $ tenantry apply --require-read-only --auto-approve
    ! error: `apply` could write, and --require-read-only forbids that
    exit 64
    $ tenantry apply --auto-approve --allow G007
    ! error: invalid value 'G007' for '--allow <CODE=REASON>': `G007` needs a reason, which goes into the audit record: `G007=REASON`
    !
    ! For more information, try '--help'.
    exit 64
    $ tenantry apply --auto-approve --allow G999=because
    ! error: `--allow G999` names no guard: docs/guards.md lists them
    exit 64
    $ tenantry apply --auto-approve -o html
    ! error: apply says what it did as text, json or markdown
    !   help: `plan -o` has the other formats
    exit 64
    $ tenantry apply plan.json --tenant acme
    ! error: a saved plan says what is selected: take --tenant away, or plan again
    exit 64
    $ tenantry ledger show nope
    ! error: `nope` is not an address: write `<tenant>/<kind>/<name>`, as in `acme/user/alice`
    exit 64
    $ tenantry ledger move acme/role/staff acme/user/staff
    ! error: a row keeps its kind: acme/role/staff is a role
    exit 64
    $ tenantry show nope
    ! error: there is no tenant nope: not in the manifests, nor in the ledger, nor in a portal
    exit 64
    $ tenantry man nope
    ! error: man nope: there is no such command
    exit 64
    "#);
}

#[test]
fn code_64_what_clap_finds_is_never_taken_for_a_plan_with_changes() {
    for line in ["", "plna", "plan --frobnicate", "plan --parallelism 0", "validate -o html", "unlock"] {
        let ran = Shell::empty().run(line).exits(64);
        assert_eq!(ran.out, "", "{line}: standard output is for data");
    }
}

#[test]
fn code_65_everything_that_is_wrong_at_once() {
    let shell = Shell::small();
    shell.edit("acme.yaml", "roles: [staff]", "roles: [stuff]");
    shell.edit("acme.yaml", "  displayName", "  displayname");
    insta::assert_snapshot!(shell.transcript(&["validate", "plan --detailed-exitcode"]), @r#"
    $ tenantry validate
    ! error[M015]: an organization has no field `displayname`
    !  --> acme.yaml:6:3
    !   |
    ! 6 |   displayname: …
    !   |   ^^^^^^^^^^^
    !   |
    !   = note: about acme/organization/acme
    !   = help: did you mean `displayName`?
    !
    ! error[M031]: `roles`: there is no role `stuff` in acme
    !   --> acme.yaml:17:15
    !    |
    ! 17 |       roles: [stuff]
    !    |               ^^^^^
    !    |
    !    = note: about acme/user/bob
    !    = help: did you mean `staff`?
    !
    ! 2 errors
    exit 65
    $ tenantry plan --detailed-exitcode
    ! error[M015]: an organization has no field `displayname`
    !  --> acme.yaml:6:3
    !   |
    ! 6 |   displayname: …
    !   |   ^^^^^^^^^^^
    !   |
    !   = note: about acme/organization/acme
    !   = help: did you mean `displayName`?
    !
    ! error[M031]: `roles`: there is no role `stuff` in acme
    !   --> acme.yaml:17:15
    !    |
    ! 17 |       roles: [stuff]
    !    |               ^^^^^
    !    |
    !    = note: about acme/user/bob
    !    = help: did you mean `staff`?
    !
    ! 2 errors
    exit 65
    "#);
}

const ALL: [Exit; 15] = [
    Exit::Success,
    Exit::Error,
    Exit::Changes,
    Exit::Denied,
    Exit::Partial,
    Exit::Refused,
    Exit::Technician,
    Exit::Unexpected,
    Exit::Cancelled,
    Exit::TimedOut,
    Exit::Stale,
    Exit::Drift,
    Exit::Locked,
    Exit::Usage,
    Exit::Invalid,
];

/// The order of docs/exit-codes.md, after a wrong use (nothing else was tried) and before success (nothing else holds).
fn documented_order() -> Vec<u8> {
    let page = std::fs::read_to_string(root().join("docs/exit-codes.md")).expect("the page");
    let order = page.split("The first of this order wins: ").nth(1).and_then(|rest| rest.split('.').next()).expect("the order");
    let codes = order.split(',').map(|c| c.trim().parse().expect("a code"));
    std::iter::once(64).chain(codes).chain([0]).collect()
}

#[test]
fn of_any_two_codes_the_one_that_the_docs_name_first_wins() {
    let order = documented_order();
    let rank = |exit: &Exit| order.iter().position(|c| *c == exit.code()).unwrap_or_else(|| panic!("{exit:?} is not in the docs"));
    assert_eq!(order.len(), ALL.len());
    for (a, b) in ALL.iter().flat_map(|a| ALL.iter().map(move |b| (a, b))) {
        let wins = if rank(a) <= rank(b) { a } else { b };
        assert_eq!(Exit::first([*a, *b]), *wins, "{a:?} and {b:?}");
    }
    assert_eq!(Exit::first([]), Exit::Success);
}
