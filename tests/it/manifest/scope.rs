//! With some tenants wanted, others are only looked at.

use tenantry::manifest::Builtins;

use super::{addresses, document, lines, load_with};
use tenantry::manifest::Loaded;

fn only(text: &str, tenant: &str) -> Loaded {
    load_with(&[("all.yaml", text)], Some(&|t| t == tenant), Builtins::NONE)
}

fn organization(name: &str, extra: &str) -> String {
    // Block style, as people write it: this is what the cheap look understands.
    format!(
        "---\n# The customer.\napiVersion: tenantry.dev/v1alpha1\nkind: Organization\nmetadata:\n  name: {name}\nspec:\n  displayName: \"The {name}\"\n  labels:\n    tier: gold\n{extra}"
    )
}

#[test]
fn only_the_wanted_tenant_is_loaded() {
    let text = organization("acme", "") + &organization("beta", "  users:\n    - name: b\n      email: b@beta.example\n");
    assert_eq!(addresses(&only(&text, "acme")), ["acme/organization/acme"]);
    assert_eq!(addresses(&only(&text, "beta")), ["beta/organization/beta", "beta/user/b"]);
}

#[test]
fn faults_of_other_tenants_do_not_hold_up_the_wanted_one() {
    let text = organization("acme", "")
        + &organization("beta", "  users:\n  - name: b\n    emial: nobody\n")
        + &organization("gamma", "").replace("tier: gold", "tier: [gold]");
    assert_eq!(lines(&only(&text, "acme")), "");
}

#[test]
fn selectors_and_names_see_the_organizations_of_other_tenants() {
    let share = "organization: msp\ntype: aws\nsharedWith: {names: [beta], selector: {matchLabels: {tier: gold}}}";
    let flow =
        "{apiVersion: tenantry.dev/v1alpha1, kind: Organization, metadata: {name: delta}, spec: {displayName: D, labels: {tier: gold}}}\n";
    let text = organization("acme", "") + &organization("beta", "") + &document("Integration", "i", share) + "---\n" + flow;
    let loaded = only(&text, "msp");
    assert_eq!(lines(&loaded), "");
    assert_eq!(super::field(&loaded, "msp/integration/i", "sharedWith"), serde_json::json!(["acme", "beta", "delta"]));
}

#[test]
fn what_looks_like_a_head_and_is_none_is_not_believed() {
    // Each of these belongs to `acme`, and a careless look at its lines would take it for `other`'s or pass it over.
    let body = |spec: &str| format!("---\napiVersion: tenantry.dev/v1alpha1\nkind: User\nmetadata:\n  name: a\nspec:\n{spec}");
    for spec in [
        "  lastName: \"x\n  organization: other\"\n  organization: acme\n  email: a@acme.example\n",
        "  lastName: >\n    x\n    organization: other\n  organization: acme\n  email: a@acme.example\n",
        "  invitation: {notify: true,\n  deferUntil: 2026-01-01}\n  organization: acme\n  email: a@acme.example\n",
        "  roles:\n  - organization\n  organization: acme\n  email: a@acme.example\n",
        "  \"organization\": acme\n  email: a@acme.example\n",
        "  ? organization\n  : acme\n  email: a@acme.example\n",
        "  organization: &o acme\n  email: a@acme.example\n",
        "  organization: !!str acme\n  email: a@acme.example\n",
        "  organization:\n    acme\n  email: a@acme.example\n",
        "  firstName: a\n    b\n  organization: acme\n  email: a@acme.example\n",
        "  firstName: 'it''s\n  organization: other'\n  organization: acme\n  email: a@acme.example\n",
        "  organization: 'acme' # other\n  email: a@acme.example\n",
        "  email: a@acme.example\n  name: b\n  organization: acme\nstatus:\n  organization: other\n",
    ] {
        let text = organization("acme", "  roles:\n    - name: organization\n") + &body(spec);
        let loaded = only(&text, "acme");
        let users = addresses(&loaded).iter().filter(|a| a.starts_with("acme/user/")).count();
        // Some parsers take a quoted text that goes on at its key's own column, ours refuses it: both are loud.
        assert!(users == 1 || lines(&loaded).contains("M003"), "{spec}: {}", lines(&loaded));
        assert_eq!(addresses(&only(&text, "other")), Vec::<String>::new(), "{spec}");
    }
}

#[test]
fn a_wanted_tenant_loads_as_in_a_full_run() {
    let text = organization("acme", "  notes: |\n    kind: User\n    ---x\n  users:\n  - name: a\n    email: a@acme.example\n")
        + &organization("beta", "");
    let (scoped, full) = (only(&text, "acme"), load_with(&[("all.yaml", &text)], None, Builtins::NONE));
    let name = tenantry::model::Name::new("acme").unwrap();
    assert_eq!(scoped.desired.tenants.get(&name), full.desired.tenants.get(&name));
}

#[test]
fn portals_are_loaded_whoever_is_wanted() {
    let text = organization("acme", "") + &document("Portal", "p", "profile: embedded\norganizations: {names: [acme]}");
    let loaded = only(&text, "nobody");
    assert_eq!((lines(&loaded).as_str(), loaded.desired.portals.len(), addresses(&loaded).len()), ("", 1, 0));
}
