//! What a run does not take another's word for: a plan file that was edited, a digest that approves something else, a customer's manifest.

use super::transcript::Shell;

const BOB: &str = "    - name: bob
      email: bob@acme.example
      administrator: true
      roles: [staff]
";

/// A trusted root whose limits allow no deletion at all.
const NO_DELETION: &str = "\
apiVersion: tenantry.dev/v1alpha1
kind: Portal
metadata: {name: main}
spec: {profile: embedded, limits: {maxDeletesPerKind: 0, maxDeletesPerTenant: 0, maxDeletesPerRun: 0}}
";

/// Manifests and a trusted root that are in step, apart from each other.
fn with_root() -> Shell {
    let shell = Shell::empty();
    let small = Shell::small().read("acme.yaml");
    shell.write("m/acme.yaml", &small);
    shell.write("portals/main.yaml", NO_DELETION);
    shell.run("apply -f m --portals portals --auto-approve").exits(0);
    shell
}

#[test]
fn a_saved_plan_does_not_bring_its_own_limits() {
    let shell = with_root();
    shell.edit("m/acme.yaml", BOB, "");
    shell.run("plan -f m --portals portals --out p.json").exits(5);
    shell.write("evil.json", &shell.read("p.json").replace("\"maxDeletesPerKind\": 0", "\"maxDeletesPerKind\": 9999"));
    let refused = shell.run("apply evil.json").exits(64);
    assert!(refused.err.contains("`--portals portals`"), "{}", refused.err);
    let held = shell.run("apply evil.json --portals portals").exits(5);
    assert!(held.out.contains("G001"), "{}", held.said());
    assert!(shell.run("show acme -f m --portals portals").out.contains("bob@acme.example"));
}

#[test]
fn flags_that_tightened_a_saved_plan_hold_when_it_is_applied() {
    let shell = Shell::applied();
    shell.edit("acme.yaml", BOB, "");
    shell.run("plan --max-delete 0 --out p.json").exits(5);
    shell.run("apply p.json").exits(5);
    shell.run("apply p.json --max-delete 50").exits(5);
    shell.run("plan --min-admins 2 --out p.json").exits(5);
    shell.run("apply p.json").exits(5);
    shell.run("plan --out p.json").exits(0);
    shell.run("apply p.json --max-delete 0").exits(5);
    shell.run("apply p.json").exits(0);
}

#[test]
fn a_saved_plan_names_no_state_folder_outside_of_this_one() {
    let shell = Shell::applied();
    shell.edit("acme.yaml", "ACME Tools", "ACME Works");
    shell.run("plan --out p.json").exits(0);
    for elsewhere in ["/tmp/elsewhere", "../elsewhere", "a/../../elsewhere"] {
        let edited = shell.read("p.json").replace("\"state_dir\": \".tenantry\"", &format!("\"state_dir\": \"{elsewhere}\""));
        assert_ne!(edited, shell.read("p.json"));
        shell.write("evil.json", &edited);
        let refused = shell.run("apply evil.json").exits(64);
        assert!(refused.err.contains(elsewhere) && refused.err.contains("--state-dir"), "{}", refused.err);
    }
    let applied = shell.run("apply p.json").exits(0);
    assert!(applied.err.contains("State is kept in .tenantry"), "{}", applied.err);
}

#[test]
fn a_state_folder_in_git_is_refused() {
    let shell = Shell::applied();
    let git = |line: &str| {
        let ran = std::process::Command::new("git").args(line.split(' ')).current_dir(shell.path()).output().expect("git runs");
        assert!(ran.status.success(), "{line}: {ran:?}");
    };
    git("init -q");
    shell.run("plan").exits(0);
    git("add -f .tenantry/ledger.db");
    for line in ["plan", "apply --auto-approve", "show acme", "ledger list", "plan --ledger .tenantry/ledger.db"] {
        let refused = shell.run(line).exits(64);
        assert!(refused.err.contains("git rm --cached .tenantry/ledger.db"), "{line}: {}", refused.err);
    }
    git("rm -q --cached .tenantry/ledger.db");
    shell.run("plan").exits(0);
}

/// The digest of a tenant's part, or of the whole plan.
fn digest(shell: &Shell, tenant: Option<&str>) -> String {
    let plan: serde_json::Value = serde_json::from_str(&shell.run("plan -o json").out).expect("a plan");
    let digest = match tenant {
        None => &plan["plan_digest"],
        Some(name) => &plan["tenants"].as_array().expect("tenants").iter().find(|t| t["tenant"] == name).expect("the tenant")["digest"],
    };
    digest.as_str().expect("a digest").to_owned()
}

#[test]
fn a_tenants_digest_approves_that_tenant_alone() {
    let shell = Shell::small();
    shell.write("globex.yaml", &shell.read("acme.yaml").replace("acme", "globex"));
    let acme = digest(&shell, Some("acme"));
    let applied = shell.run(&format!("apply --no-input --approve-digest {acme}")).exits(5);
    assert!(applied.out.contains("Apply: 4 done, 4 held back"), "{}", applied.out);
    assert!(
        applied
            .out
            .contains("globex/organization/globex in portal embedded: nobody approved what would be done in this tenant (not approved)"),
        "{}",
        applied.out
    );
    assert!(!applied.out.contains("no known reason"), "{}", applied.out);
    let again = shell.run("plan").out;
    assert!(!again.contains("acme (portal") && again.contains("globex (portal embedded): 4 to create"), "{again}");
    shell.run(&format!("apply --no-input --approve-digest {}", digest(&shell, None))).exits(0);
}

/// The small customer with a secret of the organization.
fn with_secret(shell: &Shell, file: &str, reference: &str) {
    let small = Shell::small().read("acme.yaml");
    shell.write(
        file,
        &small.replace("  displayName: ACME Tools\n", &format!("  displayName: ACME Tools\n  secrets:\n    tok: {reference}\n")),
    );
}

#[test]
fn another_source_of_a_secret_is_read_and_approved_anew() {
    let shell = Shell::empty();
    let env = [("GOOD", "a"), ("GITHUB_TOKEN", "b")];
    with_secret(&shell, "acme.yaml", "{env: GOOD}");
    let good = shell.run_with("plan --out p.json", &env).exits(0);
    assert!(good.out.contains("secrets.tok: (sensitive, from environment variable GOOD)"), "{}", good.out);
    let json: serde_json::Value = serde_json::from_str(&shell.run_with("plan -o json", &env).out).expect("a plan");
    let approve = format!("apply --no-input --approve-digest {}", json["plan_digest"].as_str().expect("a digest"));
    let change = &json["tenants"][0]["resource_changes"][0]["change"];
    assert_eq!(change["after"]["secrets"]["tok"], "(sensitive)");
    assert_eq!(change["sensitive_references"]["secrets"]["tok"], "environment variable GOOD");
    with_secret(&shell, "acme.yaml", "{env: GITHUB_TOKEN}");
    let evil = shell.run_with("plan -o markdown", &env).exits(0);
    assert!(evil.out.contains("secrets.tok: (sensitive, from environment variable GITHUB_TOKEN)"), "{}", evil.out);
    shell.run_with(&approve, &env).exits(5);
    shell.write("evil.json", &shell.read("p.json").replace("\"env\": \"GOOD\"", "\"env\": \"GITHUB_TOKEN\""));
    assert_ne!(shell.read("evil.json"), shell.read("p.json"));
    shell.run_with("apply evil.json", &env).exits(10);
    shell.run_with("apply p.json", &env).exits(0);
}

#[test]
fn a_customers_manifest_names_variables_of_customers_alone() {
    let shell = Shell::empty();
    shell.write("portals/main.yaml", NO_DELETION);
    let env = [("TENANT_SECRET_TOK", "a"), ("GITHUB_TOKEN", "b"), ("TENANTRY_MAC_KEY", "0123456789abcdef0123456789abcdef")];
    let validates = |reference: &str, root: &str, code: i32| {
        with_secret(&shell, "m/acme.yaml", reference);
        let ran = shell.run_with(&format!("validate -f m {root}"), &env).exits(code);
        assert_eq!(ran.err.contains("M023"), code == 65, "{}", ran.err);
    };
    validates("{env: GITHUB_TOKEN}", "--portals portals", 65);
    validates("{env: TENANTRY_MAC_KEY}", "--portals portals", 65);
    validates("{env: TENANT_SECRET_TOK}", "--portals portals", 0);
    validates("{env: GITHUB_TOKEN}", "", 0);
    validates("{env: TENANTRY_MAC_KEY}", "", 65);
}

#[test]
fn a_saved_plan_names_no_secret_that_a_manifest_could_not() {
    let shell = Shell::empty();
    let env = [("TENANT_SECRET_TOK", "a"), ("GITHUB_TOKEN", "b")];
    shell.write("portals/main.yaml", NO_DELETION);
    with_secret(&shell, "m/acme.yaml", "{env: TENANT_SECRET_TOK}");
    shell.run_with("plan -f m --portals portals --out p.json", &env).exits(0);
    let good = shell.read("p.json");
    for evil in
        ["{\"env\": \"GITHUB_TOKEN\"}", "{\"file\": \"/etc/hostname\"}", "{\"file\": \"m/../../x\"}", "{\"env\": \"TENANTRY_MAC_KEY\"}"]
    {
        let mut plan: serde_json::Value = serde_json::from_str(&good).expect("a plan");
        let fields = &mut plan["desired"]["tenants"]["acme"][0]["fields"];
        fields["secrets"]["tok"] = serde_json::from_str(evil).expect("a reference");
        shell.write("evil.json", &plan.to_string());
        let refused = shell.run_with("apply evil.json --portals portals", &env).exits(1);
        assert!(refused.err.contains("acme/organization/acme"), "{evil}: {}", refused.err);
        // Whoever edits the file can as well take out that there was a trusted root.
        plan["selection"].as_object_mut().expect("a selection").remove("trusted_root");
        shell.write("evil.json", &plan.to_string());
        let refused = shell.run_with("apply evil.json --portals portals", &env).exits(1);
        assert!(refused.err.contains("acme/organization/acme"), "{evil}: {}", refused.err);
    }
    shell.run_with("apply p.json --portals portals", &env).exits(0);
}

#[test]
fn the_digest_of_a_saved_plan_is_claimed_until_it_is_worked_out() {
    let shell = Shell::applied();
    shell.edit("acme.yaml", "ACME Tools", "ACME Works");
    shell.run("plan --out p.json").exits(0);
    let (real, other) = (digest(&shell, None), format!("sha256:{}", "0".repeat(64)));
    shell.write("evil.json", &shell.read("p.json").replacen(&real, &other, 1));
    let shown = shell.run("show evil.json").exits(0);
    assert!(shown.err.contains(&format!("claims, with the digest {other}")), "{}", shown.err);
    let applied = shell.run("apply evil.json").exits(0);
    assert!(applied.err.contains(&format!("{real}, is not the {other}")), "{}", applied.err);
    shell.edit("acme.yaml", "ACME Works", "ACME Tools");
    shell.run("plan --out p.json").exits(0);
    let applied = shell.run("apply p.json").exits(0);
    assert!(applied.err.contains("is the saved plan's"), "{}", applied.err);
}

#[test]
fn a_portal_that_cannot_be_written_stops_no_other() {
    let shell = Shell::small();
    for portal in ["one", "two"] {
        shell.write(&format!("portals/{portal}.yaml"), &NO_DELETION.replace("main", portal).replace(": 0", ": 9"));
    }
    let run = "-f acme.yaml --portals portals --state-dir s";
    shell.run(&format!("apply {run} --auto-approve")).exits(0);
    shell.edit("acme.yaml", "ACME Tools", "ACME Works");
    let mixed = shell.faults("unopened=one");
    let applied = mixed.run(&format!("apply {run} --auto-approve")).exits(4);
    assert!(applied.out.contains("Apply: 1 done, 1 failed"), "{}", applied.said());
    assert!(applied.out.contains("in portal one: refused by the portal: it cannot be opened for writing"), "{}", applied.out);
    // What needs no change there needs no writer either.
    mixed.edit("acme.yaml", "ACME Works", "ACME Tools");
    mixed.run(&format!("apply {run} --auto-approve --portal two")).exits(0);
}

#[test]
fn a_wildcard_at_the_head_of_a_target_crosses_slashes() {
    let shell = Shell::applied();
    let small = shell.read("acme.yaml");
    shell.write("acme.yaml", &small.replace("      administrator: true\n", "      administrator: true\n      lastName: Miller\n"));
    for (target, users) in [("*alice", "alice"), ("a*/bob", "bob"), ("*/user/*", "alice bob"), ("{acme/user,x}/bob", "bob")] {
        let plan = shell.run(&format!("plan --target {target}")).exits(0).out;
        for user in ["alice", "bob"] {
            assert_eq!(plan.contains(&format!("update user/{user}")), users.contains(user), "{target}: {plan}");
        }
    }
}

#[test]
fn a_selection_that_selects_nothing_is_a_slip_of_the_hand() {
    let shell = Shell::applied();
    let lines =
        ["--target *zoe", "--tenant zoe", "--kind Delegation", "--target acme/user/alice --kind Role", "--kind User --exclude acme/*"];
    for line in lines {
        for command in ["plan", "drift", "apply --auto-approve"] {
            let refused = shell.run(&format!("{command} {line}")).exits(64);
            assert!(refused.err.contains("selects nothing that is declared or in the ledger"), "{command} {line}: {}", refused.err);
        }
    }
    shell.run("plan --kind Role").exits(0);
}

#[test]
#[cfg(target_os = "linux")]
fn a_result_that_cannot_be_written_is_an_error() {
    use std::process::Stdio;
    let shell = Shell::small();
    let full = |args: &[&str]| {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let mut command = crate::support::program::command(crate::support::program::PROGRAM);
        command.args(args).current_dir(shell.path()).stdout(full).stderr(Stdio::piped());
        let ran = command.output().expect("the program runs");
        (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
    };
    for args in [&["plan"][..], &["plan", "--detailed-exitcode"], &["plan", "-o", "json"], &["--help"], &["schema"]] {
        let (code, said) = full(args);
        assert_eq!(code, Some(1), "{args:?}: {said}");
        assert!(said.contains("cannot be written"), "{args:?}: {said}");
    }
    assert_eq!(full(&["plan", "--kind", "Nothing"]).0, Some(64));
}

#[test]
fn what_guards_hold_is_out_of_step_for_a_known_reason() {
    let shell = Shell::applied();
    shell.edit("acme.yaml", BOB, "");
    let held = shell.run("apply --auto-approve --max-delete 0").exits(5);
    assert!(held.out.contains("Held back by guards:") && !held.out.contains("no known reason"), "{}", held.out);
    let held = shell.run("apply --auto-approve --max-delete 0 -o json").exits(5);
    let report: serde_json::Value = serde_json::from_str(&held.out).expect("one JSON document, the result");
    assert_eq!((&report["remaining"], &report["final_plan_empty"]), (&serde_json::Value::Null, &serde_json::Value::Bool(false)));
    assert_eq!(report["outcomes"][0]["address"], "acme/user/bob");
}
