//! When a user or a customer leaves: the steps of `docs/offboarding.md`, with an API and without.

use serde_json::{Value, json};

use super::transcript::Shell;
use crate::support::program::Ran;

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    for words in words {
        assert!(ran.said().contains(words), "{words}\n{}", ran.said());
    }
}

fn digest(ran: &Ran) -> String {
    let (_, after) = ran.out.split_once("--approve-digest ").unwrap_or_else(|| panic!("{}", ran.said()));
    after.chars().take_while(|c| *c != '`').collect()
}

#[test]
fn who_is_gone_from_the_manifest_is_shown_until_they_are_gone_from_the_portal() {
    let shell = Shell::applied();
    let bob = "    - name: bob\n      email: bob@acme.example\n      administrator: true\n      roles: [staff]\n";
    shell.edit("acme.yaml", bob, "");
    let there = shell.run("access").exits(0);
    says(&there, &["NOT DECLARED", "bob@acme.example", "recorded in portal embedded and not yet removed", "This is what is declared"]);
    let live = shell.run("access --live").exits(0);
    assert_eq!(live.out.matches("bob@acme.example").count(), 1, "once: the portal itself showed him\n{}", live.out);
    shell.run("apply --auto-approve").exits(0);
    assert!(!shell.run("access").exits(0).out.contains("bob@"), "and then he is gone");
}

#[test]
fn a_customer_whose_tenant_is_only_recorded_is_no_unknown_name() {
    let shell = Shell::applied();
    shell.write("other.yaml", &shell.read("acme.yaml").replace("acme", "other"));
    std::fs::remove_file(shell.file("acme.yaml")).unwrap();
    let ran = shell.run("access --tenant acme").exits(0);
    says(&ran, &["alice@acme.example", "recorded in portal embedded"]);
}

#[test]
fn a_customer_is_deleted_by_two_words_and_an_approval() {
    let shell = Shell::applied();
    let kept = shell.run("plan --destroy --tenant acme");
    says(&kept, &["acme/organization/acme stays", "set `deletionPolicy: Delete` on it and plan with `--destroy`"]);
    shell.edit("acme.yaml", "  displayName:", "  deletionPolicy: Delete\n  displayName:");
    shell.run("plan --expect-no-changes").exits(0);
    let plan = shell.run("plan --destroy --tenant acme").exits(5);
    says(&plan, &["refused G006", "all its data with it"]);
    let approved = format!("apply --destroy --tenant acme --approve-digest {}", digest(&plan));
    shell.run(&approved).exits(0);
    std::fs::remove_file(shell.file("acme.yaml")).unwrap();
    shell.write(
        "other.yaml",
        "apiVersion: tenantry.dev/v1alpha1\nkind: Organization\nmetadata: {name: other}\nspec: {displayName: Other}\n",
    );
    let after = shell.run("plan").exits(0);
    assert!(!after.said().contains("acme/"), "nothing of it is left\n{}", after.said());
}

#[test]
fn a_customer_whose_file_is_gone_is_kept_and_the_way_out_is_named() {
    let shell = Shell::applied();
    shell.write("other.yaml", &shell.read("acme.yaml").replace("acme", "other"));
    std::fs::remove_file(shell.file("acme.yaml")).unwrap();
    let plan = shell.run("plan").exits(0);
    says(&plan, &["it is kept whole", "with `deletionPolicy: Delete` to delete it by `--destroy`"]);
}

const RUN: &str = "-f customers --portals portals";

/// Every open item is done, and what it asks for is brought back.
fn confirm_all(shell: &Shell) {
    let listed: Value = serde_json::from_str(&shell.run(&format!("runbook list {RUN} -o json")).exits(0).out).unwrap();
    let mut answers = serde_json::Map::new();
    for order in listed["orders"].as_array().unwrap() {
        let shown = shell.run(&format!("runbook show {} {RUN} -o json", order["order"].as_str().unwrap())).exits(0).out;
        let shown: Value = serde_json::from_str(&shown).unwrap();
        for item in shown["items"].as_array().unwrap() {
            let wanted = item["instructions"]["evidence"].as_array().cloned().unwrap_or_default();
            let evidence = wanted.iter().filter(|w| w["optional"] != true);
            let evidence: serde_json::Map<String, Value> =
                evidence.map(|w| (w["name"].as_str().unwrap().to_owned(), w["expect"].as_str().unwrap_or("as shown").into())).collect();
            answers.insert(item["reference"].as_str().unwrap().to_owned(), json!({"result": "done", "evidence": evidence}));
        }
    }
    shell.write("answers.json", &Value::Object(answers).to_string());
    shell.run(&format!("runbook confirm --answers answers.json {RUN}")).exits(0);
}

#[test]
fn a_customer_of_a_portal_without_an_api_is_deleted_by_its_technician() {
    let shell = Shell::of("idemeum");
    let msp = shell.read("customers/northwind-it.yaml");
    let (people, _) = msp.rsplit_once("---").unwrap();
    shell.write("customers/northwind-it.yaml", people);
    shell.edit("customers/brightwater.yaml", "  displayName:", "  deletionPolicy: Delete\n  displayName:");
    shell.run(&format!("apply {RUN} --auto-approve")).exits(6);
    confirm_all(&shell);
    shell.run(&format!("plan {RUN} --expect-no-changes")).exits(0);
    let plan = shell.run(&format!("plan {RUN} --destroy --tenant brightwater")).exits(5);
    says(&plan, &["refused G006", "2 to delete, by a technician, all held back"]);
    let apply = format!("apply {RUN} --destroy --tenant brightwater --approve-digest {}", digest(&plan));
    shell.run(&apply).exits(6);
    std::fs::remove_file(shell.file("customers/brightwater.yaml")).unwrap();
    let waits = shell.run(&format!("plan {RUN}")).exits(0);
    says(&waits, &["2 wait for technicians"]);
    says(&shell.run(&format!("access {RUN}")).exits(0), &["recorded in portal access and not yet removed"]);
    confirm_all(&shell);
    let after = shell.run(&format!("plan {RUN} --expect-no-changes")).exits(0);
    assert!(!after.said().contains("brightwater"), "{}", after.said());
    assert!(!shell.run(&format!("access {RUN}")).exits(0).out.contains("brightwater"));
}
