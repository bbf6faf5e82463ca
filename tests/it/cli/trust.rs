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
    for line in ["plan", "apply --auto-approve", "show acme"] {
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
    assert!(applied.out.contains("globex/organization/globex in portal embedded: not approved"), "{}", applied.out);
    assert!(!applied.out.contains("no known reason"), "{}", applied.out);
    let again = shell.run("plan").out;
    assert!(!again.contains("acme (portal") && again.contains("globex (portal embedded): 4 to create"), "{again}");
    shell.run(&format!("apply --no-input --approve-digest {}", digest(&shell, None))).exits(0);
}
