//! A plan and an apply promise nothing that is held back, and call nothing in step that waits.

use super::runbook::Desk;
use super::transcript::Shell;
use crate::support::program::Ran;

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    for words in words {
        assert!(ran.said().contains(words), "{words}\n{}", ran.said());
    }
}

const SECRET: (&str, &str) = ("TENANT_SECRET_VIDEO_PASSWORD", "demo");

const BETA: &str = "apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata: {name: beta}
spec:
  displayName: Beta
  domains: [{name: main, domain: acme.example}]
  users: [{name: ann, email: ann@acme.example, administrator: true}]
";

#[test]
fn a_tenant_that_is_held_whole_promises_nothing() {
    let shell = Shell::empty();
    shell.write("m/acme.yaml", &BETA.replace("beta", "acme").replace("Beta", "ACME"));
    shell.run("apply -f m --auto-approve").exits(0);
    shell.write("m/acme.yaml", BETA);
    insta::assert_snapshot!(shell.transcript(&["apply -f m --auto-approve"]), @r#"
    $ tenantry apply -f m --auto-approve
    acme (portal embedded)
      acme/organization/acme stays: tenant acme is no longer declared for this portal: it is kept whole with its 3 resources, users included; declare it again, with `offboard: true` to take access away, or with `deletionPolicy: Delete` to delete it by `--destroy`

    beta (portal embedded): 2 to create, all held back
      administrators, if it were done: nobody -> ann@acme.example
      would gain access: ann@acme.example
      would get an e-mail: ann@acme.example

      + would create organization/beta  m/acme.yaml:1
          displayName: Beta
      ! domain/main (acme.example)  m/acme.yaml:6
          refused G019: the natural key `acme.example` of beta/domain/main is taken: tenant acme
            to do: use another key, or free this one where it is held; no approval passes this
      + would create user/ann  m/acme.yaml:7
          email:         ann@acme.example
          administrator: true
          sends e-mail

    Plan: 0 to create, 0 to update, 0 to delete, 3 held (2 to create); 1 refused; 2 held back with what is refused
    Digest: sha256:DIGEST
    Held back by guards:
      create beta/organization/beta in portal embedded: beta/domain/main is refused (G019)
      nothing can be done about beta/domain/main in portal embedded: the natural key `acme.example` of beta/domain/main is taken: tenant acme (G019)
      create beta/user/ann in portal embedded: beta/domain/main is refused (G019)

    Apply: 0 done, 3 held back; not everything is in step yet
    exit 5
    "#);
}

#[test]
fn a_rule_that_an_approval_passes_says_what_it_does_not_pass_beside_it() {
    let shell = Shell::of("pilixo");
    shell.edit("customers/st-anne-clinic.yaml", "    lastName: North\n", "");
    let run = "plan -f customers --portals portals";
    says(&shell.run_with(run, &[SECRET]).exits(5), &["PLX-3", "or `--allow G015=REASON`"]);
    // A secret that cannot be read holds the same tenant, and no approval passes that.
    let both = shell.run(run).exits(5);
    says(&both, &["refused G013", "no approval passes this", "an approval passes it, but not G013"]);
    assert!(!both.out.contains("--allow G015=REASON"), "{}", both.out);
}

#[test]
fn what_waits_for_technicians_is_not_in_step() {
    let desk = Desk::new();
    desk.tenantry(&["apply", "--auto-approve"]).exits(6);
    let waits = desk.tenantry(&["plan"]).exits(0);
    says(
        &waits,
        &["No changes to make now, but not in step with the manifests; 2 wait for technicians\n", "To do: `tenantry runbook list`"],
    );
    let listed: serde_json::Value = serde_json::from_str(&desk.run(&["list", "-o", "json"]).exits(0).out).unwrap();
    let item = listed["orders"][0]["items"][0]["reference"].as_str().unwrap().to_owned();
    desk.run(&["fail", &item, "--why", "domain taken"]).exits(0);
    let failed = desk.tenantry(&["plan"]).exits(0);
    says(&failed, &["2 wait for technicians; 1 of them could not be done\n", "domain taken", "`tenantry runbook skip ITEM`"]);
    let json: serde_json::Value = serde_json::from_str(&desk.tenantry(&["plan", "-o", "json"]).out).unwrap();
    let marked = json["tenants"][0]["waiting"].as_array().unwrap().iter().filter(|w| w["failed"] == true).count();
    assert_eq!(marked, 1, "{json}");
    says(&desk.tenantry(&["apply", "--auto-approve"]).exits(6), &["1 of them could not be done"]);
}

#[test]
fn who_gets_credentials_with_a_customer_gains_access() {
    let shell = Shell::of("pilixo");
    let plan = shell.run_with("plan -f customers --portals portals", &[SECRET]).exits(0);
    says(&plan, &["gain access: onboarding@northwind-it.example", "get an e-mail: onboarding@northwind-it.example"]);
}

#[test]
fn what_a_portal_makes_beside_a_customer_is_named() {
    let plan = Shell::of("itarian").run("plan -f customers --portals portals").exits(0);
    let named = "      changes other objects with it, needs a technician\n      the portal makes two system users in it, Monitor Agent and Patch Management Agent\n";
    says(&plan, &[named]);
}

#[test]
fn warnings_stand_behind_the_plan_and_totals_close_it() {
    let shell = Shell::of("every-portal");
    let ran = shell.run_with("plan -f customers --portals portals", &[SECRET, ("WIV_API_KEY", "none")]);
    let place = |text: &str| ran.out.find(text).unwrap_or_else(|| panic!("{text}: {}", ran.said()));
    assert!(place("kessler-werke (portal directory)") < place("warnings, whole with -v:"), "{}", ran.out);
    assert!(place("warnings, whole with -v:") < place("In all: "), "{}", ran.out);
    assert!(ran.out.lines().filter(|line| line.trim_start().starts_with("R00")).count() <= 20, "{}", ran.out);
    assert!(!ran.out.contains("(a technician)"), "{}", ran.out);
}

#[test]
fn what_every_change_breaks_is_spelt_out_once() {
    let shell = Shell::of("idemeum");
    shell.edit("portals/access.yaml", "    domain: northwind.idemeum.com\n", "");
    let other = shell.read("customers/brightwater.yaml").replace("brightwater", "other").replace("helen", "harry");
    shell.write("customers/other.yaml", &other);
    let ran = shell.run("plan -f customers --portals portals").exits(5);
    assert_eq!(ran.out.matches("write the MSP's own `<msp>.idemeum.com` as `account.domain`").count(), 1, "{}", ran.out);
    says(&ran, &["refused G015: other/organization/other breaks IDM-1, as above\n"]);
}
