//! Saved plans: exactly what was saved is applied, or less; never more, whatever happened to the portal or to the file.

use serde_json::{Value, json};

use super::transcript::Shell;

/// An applied customer, changed in two ways, with its plan saved.
fn saved() -> Shell {
    let shell = Shell::applied();
    shell.edit("acme.yaml", "ACME Tools", "ACME Works");
    shell.edit("acme.yaml", "[tickets.read]", "[tickets.close]");
    shell.run("plan --out .plan.json").exits(0);
    shell
}

/// The plan as it is on disk.
fn plan(shell: &Shell) -> Value {
    serde_json::from_str(&shell.read(".plan.json")).expect("a saved plan is JSON")
}

/// Changes the saved plan.
fn tamper(shell: &Shell, change: impl FnOnce(&mut Value)) {
    let mut plan = plan(shell);
    change(&mut plan);
    shell.write(".plan.json", &plan.to_string());
}

/// What the portal has of the organization and the role.
fn live(shell: &Shell) -> String {
    let show: Value = serde_json::from_str(&shell.run("show acme -o json").exits(0).out).expect("JSON");
    let resources = show["resources"].as_array().expect("resources");
    let of = |kind: &str| resources.iter().find(|r| r["kind"] == kind).map(|r| r["live"].clone()).unwrap_or_default();
    format!("{} {}", of("Organization")["displayName"], of("Role")["permissions"])
}

const BEFORE: &str = r#""ACME Tools" ["tickets.read"]"#;
const AFTER: &str = r#""ACME Works" ["tickets.close"]"#;

#[test]
fn it_is_applied_as_saved_though_the_manifests_went_on() {
    let shell = saved();
    shell.edit("acme.yaml", "ACME Works", "ACME Mills");
    shell.edit("acme.yaml", "    - name: bob\n      email: bob@acme.example\n      administrator: true\n      roles: [staff]\n", "");
    shell.run("apply .plan.json").exits(0);
    assert_eq!(live(&shell), AFTER);
    let list = shell.run("ledger list").exits(0).out;
    assert!(list.contains("acme/user/bob"), "what was not in the plan was not done: {list}");
}

#[test]
fn it_is_applied_once_and_then_there_is_nothing_to_do() {
    let shell = saved();
    shell.run("apply .plan.json").exits(0);
    let again = shell.run("apply .plan.json").exits(0);
    assert!(again.out.starts_with("No changes"), "{}", again.said());
}

#[test]
fn what_is_done_already_is_left_out() {
    let shell = saved();
    shell.run("apply --auto-approve --kind Role").exits(0);
    let rest = shell.run("apply .plan.json").exits(0);
    assert!(rest.out.contains("Apply: 1 done"), "{}", rest.said());
    assert_eq!(live(&shell), AFTER);
}

#[test]
fn what_was_done_otherwise_makes_it_stale_and_nothing_is_changed() {
    let shell = saved();
    shell.edit("acme.yaml", "[tickets.close]", "[tickets.merge]");
    shell.run("apply --auto-approve --kind Role").exits(0);
    let before = live(&shell);
    let stale = shell.run("apply .plan.json").exits(10);
    assert_eq!(stale.out, "");
    insta::assert_snapshot!(stale.err, @r#"
    State is kept in .tenantry, as .plan.json says.
    error: the saved plan is stale; nothing was changed. What would be done now is not in it:
      embedded: acme/role/staff (update), with other values or effects than planned
      help: plan again with `plan --out`, and read it
    "#);
    assert_eq!(live(&shell), before);
}

#[test]
fn its_selection_is_saved_with_it() {
    let shell = Shell::applied();
    shell.edit("acme.yaml", "ACME Tools", "ACME Works");
    shell.edit("acme.yaml", "[tickets.read]", "[tickets.close]");
    for selection in ["--kind Organization", "--target acme/organization/*", "--exclude acme/role/*"] {
        shell.run(&format!("plan --out .plan.json {selection}")).exits(0);
        shell.run("apply .plan.json").exits(0);
        assert_eq!(live(&shell), r#""ACME Works" ["tickets.read"]"#, "{selection}");
        shell.run("apply --auto-approve").exits(0);
        shell.write("acme.yaml", &shell.read("acme.yaml").replace("ACME Works", "ACME Tools").replace("tickets.close", "tickets.read"));
        shell.run("apply --auto-approve").exits(0);
        shell.write("acme.yaml", &shell.read("acme.yaml").replace("ACME Tools", "ACME Works").replace("tickets.read", "tickets.close"));
    }
}

#[test]
fn it_finds_its_state_from_another_folder() {
    let shell = Shell::empty();
    shell.write("msp/acme.yaml", &Shell::small().read("acme.yaml"));
    shell.run("plan -f msp --out .plan.json").exits(0);
    shell.run("apply .plan.json").exits(0);
    shell.run("plan -f msp --expect-no-changes").exits(0);
}

#[test]
fn a_plan_saved_among_the_manifests_is_no_manifest() {
    let shell = saved();
    shell.run("plan --out plan.json").exits(0);
    shell.run("plan --json-into view.json").exits(0);
    shell.run("validate").exits(0);
    shell.write("other.json", r#"{"format_version": "1.0"}"#);
    shell.run("validate").exits(65);
}

#[test]
fn a_destroying_plan_stays_one() {
    let shell = Shell::applied();
    shell.run("plan --destroy --out .plan.json --kind Role").exits(5);
    let refused = shell.run("apply .plan.json");
    assert_ne!(refused.code, Some(0), "what guards refused when it was saved they refuse again: {}", refused.said());
    assert_eq!(live(&shell), BEFORE);
}

#[test]
fn edited_actions_and_values_are_refused() {
    type Edit = fn(&mut Value);
    let edits: [(&str, Edit); 4] = [
        ("an action", |p| p["tenants"][0]["resource_changes"][0]["change"]["actions"] = json!(["delete"])),
        ("a value", |p| p["tenants"][0]["resource_changes"][0]["change"]["after"]["displayName"] = json!("Evil")),
        ("an id", |p| p["tenants"][0]["resource_changes"][0]["remote_id"] = json!("0")),
        ("a change taken out", |p| drop(p["tenants"][0]["resource_changes"].as_array_mut().unwrap().remove(0))),
    ];
    for (what, edit) in edits {
        let shell = saved();
        tamper(&shell, edit);
        let ran = shell.run("apply .plan.json");
        assert!(matches!(ran.code, Some(1 | 10)), "{what}: {:?} {}", ran.code, ran.said());
        assert_eq!(live(&shell), BEFORE, "{what}: {}", ran.said());
    }
}

/// The digest is worked out anew, and so are the guards: what the file claims counts for nothing.
#[test]
fn an_edited_digest_and_forged_approvals_change_nothing() {
    let shell = Shell::applied();
    let text = shell.read("acme.yaml");
    shell.write("acme.yaml", text.split("  users:").next().expect("the rest"));
    shell.run("plan --out .plan.json").exits(5);
    tamper(&shell, |p| {
        p["plan_digest"] = json!(format!("sha256:{}", "0".repeat(64)));
        for change in p["tenants"][0]["resource_changes"].as_array_mut().unwrap() {
            change["blocked_by"] = json!([]);
        }
        p["tenants"][0]["blocked_by"] = json!([]);
    });
    let ran = shell.run("apply .plan.json");
    assert!(matches!(ran.code, Some(1 | 5)), "{:?} {}", ran.code, ran.said());
    assert!(shell.run("ledger list").out.contains("acme/user/bob"), "nobody was deleted: {}", ran.said());
}

#[test]
fn an_edited_desired_state_is_not_what_was_planned() {
    let shell = saved();
    let text = shell.read(".plan.json");
    shell.write(".plan.json", &text.replace("ACME Works", "Evil Works").replacen("Evil Works", "ACME Works", 1));
    let ran = shell.run("apply .plan.json");
    assert!(matches!(ran.code, Some(1 | 10)), "{:?} {}", ran.code, ran.said());
    assert_eq!(live(&shell), BEFORE);
}

const PORTAL: &str = "\
apiVersion: tenantry.dev/v1alpha1
kind: Portal
metadata:
  name: main
spec:
  profile: embedded
";

#[test]
fn portals_come_from_the_trusted_root_whatever_the_file_says() {
    let shell = Shell::small();
    shell.write("portals/main.yaml", PORTAL);
    let acme = shell.read("acme.yaml");
    std::fs::remove_file(shell.file("acme.yaml")).expect("it moves");
    shell.write("customers/acme.yaml", &acme);
    shell.run("plan -f customers --portals portals --out .plan.json").exits(0);
    tamper(&shell, |p| {
        let text = p.to_string();
        assert!(text.contains("\"main\""), "{text}");
        p["desired"]["portals"][0]["endpoint"] = json!("elsewhere.db");
    });
    let ran = shell.run("apply .plan.json --portals portals");
    assert!(!shell.file(".tenantry/elsewhere.db").exists(), "nothing was written where the file points: {}", ran.said());
    ran.exits(0);
    assert!(shell.file(".tenantry/portal-main.db").exists());
}

#[test]
fn a_file_that_is_no_plan_says_so() {
    let shell = Shell::applied();
    shell.write("x/broken.json", "{");
    shell.write("x/empty.json", "{}");
    std::fs::write(shell.file("x/view.json"), shell.run("plan -o json").out).expect("a writable file");
    std::fs::write(shell.file("x/newer.json"), shell.run("plan -o json").out.replace("\"1.0\"", "\"2.0\"")).expect("a writable file");
    for file in ["broken", "empty", "view", "newer"] {
        let ran = shell.run(&format!("apply x/{file}.json")).exits(1);
        assert!(ran.err.contains("help:"), "{file}: says what to do: {}", ran.err);
        assert_eq!(ran.out, "");
    }
}
