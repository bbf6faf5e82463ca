//! Slips of a technician's in the examples: what is said of each names the place, the cause and the way out, once.

use super::transcript::Shell;

/// Alters a file of an example; `validate` then ends with 65 (or 0 for a warning) and says these words.
#[track_caller]
fn check(example: &str, (file, from, to): (&str, &str, &str), code: i32, words: &[&str]) -> String {
    let shell = Shell::of(example);
    shell.edit(file, from, to);
    let said = shell.run("validate -f customers --portals portals").exits(code).said();
    for words in words {
        assert!(said.contains(words), "{words}\n{said}");
    }
    said
}

#[test]
fn half_a_field_is_taken_for_the_whole_one() {
    let slip = ("customers/kessler-werke.yaml", "defaultDashboard:", "dashboard:");
    check("it-conductor", slip, 65, &["an organization has no field `dashboard`", "did you mean `defaultDashboard`?"]);
}

#[test]
fn a_field_that_the_portal_lacks_is_shown_where_it_stands() {
    let slip = ("customers/kessler-werke.yaml", "  defaultDashboard:", "  notes: hello\n  defaultDashboard:");
    check("it-conductor", slip, 65, &["error[R007]", "--> customers/kessler-werke.yaml:9:3", "no `notes` of organizations"]);
}

#[test]
fn a_profile_that_there_is_not_names_its_portal_and_one_that_is_missing_is_told_once() {
    let slip = ("portals/access.yaml", "profile: idemeum", "profile: idemeun");
    check("idemeum", slip, 65, &["no profile is called `idemeun`", "about msp/portal/access", "did you mean `idemeum`? There are: "]);
    let said = check("idemeum", ("portals/access.yaml", "  profile: idemeum\n", ""), 65, &["this portal needs `profile`"]);
    assert!(!said.contains("P002"), "{said}");
}

#[test]
fn what_is_wrong_with_the_account_is_told_once_and_not_for_each_resource() {
    let said = check("wiv", ("portals/costs.yaml", "kind: MSP-Admin", "kind: Admin"), 65, &["WIV-1: ", "and about 2 more"]);
    assert_eq!(said.matches("WIV-1: ").count(), 1, "{said}");
}

#[test]
fn what_every_plan_leaves_out_is_not_said_to_go_on() {
    let slip = ("customers/northwind-it.yaml", "technicians: [tom]", "technicians: [nora]");
    let said = check("idemeum", slip, 0, &["IDM-5", "every plan leaves it out in this portal"]);
    assert!(!said.contains("the change goes on"), "{said}");
}

#[test]
fn a_role_in_another_case_is_taken_for_the_portals_own() {
    check("wiv", ("customers/kessler-werke.yaml", "roles: [Admin]", "roles: [admin]"), 65, &["did you mean `Admin`?"]);
}

#[test]
fn a_plan_of_an_operator_is_approved_in_its_cluster() {
    let shell = Shell::of("idemeum");
    let said = shell.run("approve sha256:abc --ledger kubernetes://fleet").exits(64).said();
    let command = "kubectl -n NAMESPACE annotate organizations.tenantry.dev NAME tenantry.dev/approved-plan=sha256:abc";
    assert!(said.contains(command) && said.contains("in namespace fleet") && !said.contains("nothing waits"), "{said}");
}
