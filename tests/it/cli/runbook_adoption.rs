//! A customer that was there before us, in the portals without an API: to see it makes nothing ours. What a table shows is recorded, and the next
//! plan adopts it as the policy says; it never deletes, changes or invites anybody for what the table has no column of.

use serde_json::Value as Json;

use super::transcript::Shell;
use crate::support::program;

/// A portal in which a customer is there already.
struct There {
    profile: &'static str,
    account: &'static str,
    customer: &'static str,
    /// Tables by name; of one customer alone, or of all.
    tables: &'static [(&'static str, bool, &'static str)],
}

const CONDUCTOR: There = There {
    profile: "it-conductor",
    account: "{name: Northwind IT, domain: northwind-it.example}",
    customer: "
  displayName: Acme
  users:
    - {name: ann, email: ann@acme.example, firstName: Ann, lastName: Archer, administrator: true}
    - {name: bob, email: Bob@acme.example}
",
    tables: &[("organizations", false, "Name,Users\nAcme,2\n"), ("users", true, "E-mail,Roles\nann@acme.example,\nbob@acme.example,\n")],
};

const IDEMEUM: There = There {
    profile: "idemeum",
    account: "{domain: northwind.idemeum.com}",
    customer: "\n  displayName: Acme\n",
    tables: &[("customers", false, "Display name,Address,Active users,Technicians\nAcme,https://acme-northwind.idemeum.com,2,1\n")],
};

const ITARIAN: There = There {
    profile: "itarian",
    account: "{kind: MSP}",
    customer: "
  displayName: Acme
  users:
    - {name: ann, email: ann@acme.example, firstName: Ann, lastName: Archer}
    - {name: bob, email: bob@acme.example, firstName: Robert}
",
    tables: &[
        ("customers", false, "Customer,Organization\nAcme,Acme\n"),
        ("users", false, "Customer,E-mail,First name,Last name\nAcme,ann@acme.example,Ann,Archer\nAcme,bob@acme.example,Bob,\n"),
    ],
};

const PILIXO: There = There {
    profile: "pilixo",
    account: "{domain: northwind-it.example, addOns: [MSP Admin]}",
    customer: "
  displayName: Acme
  defaultAdmin: {email: on@northwind-it.example, firstName: Nora, lastName: North}
  secrets: {videoPassword: {env: TENANT_SECRET_VIDEO}}
",
    tables: &[("dashboard", false, "Sub-Organization,Licenses\nAcme,3\n")],
};

/// What is said of each table, and the plan after them: each change as `ADDRESS ACTIONS`, with the codes that refuse it.
fn observed(there: &There, policy: &str) -> (Shell, String, Vec<String>) {
    let shell = Shell::empty();
    let There { profile, account, customer, tables } = there;
    let document = |kind: &str, name: &str, spec: &str| {
        format!("apiVersion: tenantry.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  {}\n", spec.trim_start())
    };
    let portal = format!("profile: {profile}\n  account: {account}\n  adoptionPolicy: {policy}");
    shell.write("portals/there.yaml", &document("Portal", "there", &portal));
    shell.write("customers/acme.yaml", &document("Organization", "acme", customer));
    let mut said = String::new();
    for (table, within, text) in *tables {
        shell.write("table.csv", text);
        let mut args = vec!["runbook", "observe", "table.csv", "--table", table];
        args.extend(within.then_some(["--tenant", "acme"]).into_iter().flatten());
        let ran = run(&shell, &args);
        assert_eq!(ran.code, Some(0), "{}", ran.said());
        said.push_str(&ran.out);
    }
    let plan = planned(&shell);
    (shell, said, plan)
}

fn run(shell: &Shell, args: &[&str]) -> program::Ran {
    let variables = [("TENANTRY_FILE", "customers"), ("TENANTRY_PORTALS", "portals"), ("TENANT_SECRET_VIDEO", "swordfish")];
    program::run_with(shell.path(), args, &variables)
}

fn planned(shell: &Shell) -> Vec<String> {
    let plan: Json = serde_json::from_str(&run(shell, &["plan", "-o", "json"]).out).unwrap();
    let texts = |list: &Json, of: fn(&Json) -> &Json| {
        list.as_array().into_iter().flatten().filter_map(|item| of(item).as_str().map(str::to_owned)).collect::<Vec<_>>().join(",")
    };
    let changes = plan["tenants"].as_array().unwrap().iter().flat_map(|t| t["resource_changes"].as_array().unwrap());
    let line = |change: &Json| {
        let (actions, codes) = (texts(&change["change"]["actions"], |a| a), texts(&change["blocked_by"], |r| &r["code"]));
        format!("{} {actions} {codes}", change["address"].as_str().unwrap()).trim_end().to_owned()
    };
    changes.map(line).collect()
}

#[track_caller]
fn check(there: &There, policy: &str, plan: &[&str]) {
    assert_eq!(observed(there, policy).2, plan, "{} {policy}", there.profile);
}

#[test]
fn it_conductors_customer_is_adopted_as_the_policy_says() {
    let all = ["acme/organization/acme adopt", "acme/user/ann adopt", "acme/user/bob adopt"];
    check(&CONDUCTOR, "Refuse", &all.map(|line| format!("{line} G017")).each_ref().map(String::as_str));
    check(&CONDUCTOR, "IfIdentical", &["acme/organization/acme adopt", "acme/user/ann adopt G017", "acme/user/bob adopt"]);
    check(&CONDUCTOR, "IfUnowned", &all);
    check(&CONDUCTOR, "Always", &all);
}

#[test]
fn idemeums_customer_is_adopted_as_the_policy_says() {
    check(&IDEMEUM, "Refuse", &["acme/organization/acme adopt G017"]);
    for policy in ["IfIdentical", "IfUnowned", "Always"] {
        check(&IDEMEUM, policy, &["acme/organization/acme adopt"]);
    }
}

#[test]
fn itarians_customer_is_adopted_as_the_policy_says_and_what_was_seen_otherwise_is_changed() {
    let (ann, bob) = ("acme/user/ann adopt", "acme/user/bob adopt,update");
    check(&ITARIAN, "Refuse", &["acme/organization/acme adopt G017", &format!("{ann} G017"), &format!("{bob} G017")]);
    check(&ITARIAN, "IfIdentical", &["acme/organization/acme adopt", ann, &format!("{bob} G017")]);
    for policy in ["IfUnowned", "Always"] {
        check(&ITARIAN, policy, &["acme/organization/acme adopt", ann, bob]);
    }
}

#[test]
fn pilixos_customer_is_adopted_as_the_policy_says() {
    // The default admin was given when it was made. Which video password it has, nobody can tell: it is set as declared.
    // That the first one is lost by it, a person knows.
    check(&PILIXO, "Refuse", &["acme/organization/acme adopt,update G014,G017"]);
    for policy in ["IfIdentical", "IfUnowned", "Always"] {
        check(&PILIXO, policy, &["acme/organization/acme adopt,update G014"]);
    }
}

#[test]
fn a_secret_that_we_never_wrote_is_asked_for_once() {
    let (shell, ..) = observed(&PILIXO, "Always");
    let plan = run(&shell, &["plan"]).out;
    assert!(plan.contains("nobody can tell what its secrets hold: set as declared"), "{plan}");
    run(&shell, &["apply", "--auto-approve", "--allow", "G014=it is the same one"]).exits(6);
    let listed: Json = serde_json::from_str(&run(&shell, &["runbook", "list", "-o", "json"]).exits(0).out).unwrap();
    let order = listed["orders"][0]["order"].as_str().unwrap();
    let shown: Json = serde_json::from_str(&run(&shell, &["runbook", "show", order, "-o", "json"]).exits(0).out).unwrap();
    let items = shown["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{items:#?}");
    let told = items[0].to_string();
    assert!(told.contains("TENANT_SECRET_VIDEO") && !told.contains("swordfish"), "{told}");
    let wanted = items[0]["instructions"]["evidence"].as_array().unwrap();
    let given = wanted
        .iter()
        .filter(|w| w["optional"] != true)
        .map(|w| format!("{}={}", w["name"].as_str().unwrap(), w["expect"].as_str().unwrap_or("set")));
    let given: Vec<String> = given.collect();
    let mut args = vec!["runbook", "confirm", items[0]["reference"].as_str().unwrap()];
    args.extend(given.iter().flat_map(|one| ["--evidence", one.as_str()]));
    run(&shell, &args).exits(0);
    assert_eq!(planned(&shell), [""; 0], "once it is set it is known");
}

#[test]
fn what_is_seen_and_not_yet_ours_is_said_with_the_policy_that_takes_it_over() {
    insta::assert_snapshot!(observed(&CONDUCTOR, "Refuse").1, @"
    Seen, and not yet ours:
      acme/organization/acme  just as declared; adoptionPolicy: IfIdentical takes it over (Refuse holds now)
    Noted:
      acme  Users who belong to it  2
    Seen: 0 as recorded, 0 otherwise, 1 not yet ours; 0 not in the table, 0 rows not ours.
    Seen, and not yet ours:
      acme/user/ann  not seen: firstName, lastName, administrator; adoptionPolicy: IfUnowned takes it over (Refuse holds now)
      acme/user/bob  just as declared; adoptionPolicy: IfIdentical takes it over (Refuse holds now)
    Seen: 0 as recorded, 0 otherwise, 2 not yet ours; 0 not in the table, 0 rows not ours.
    ");
    insta::assert_snapshot!(observed(&ITARIAN, "IfIdentical").1, @"
    Seen, and not yet ours:
      acme/organization/acme  just as declared; the next apply takes it over (adoptionPolicy: IfIdentical)
    Noted:
      acme  Its name as an organization  Acme
    Seen: 0 as recorded, 0 otherwise, 1 not yet ours; 0 not in the table, 0 rows not ours.
    Seen, and not yet ours:
      acme/user/ann  just as declared; the next apply takes it over (adoptionPolicy: IfIdentical)
      acme/user/bob  other than declared: firstName; adoptionPolicy: IfUnowned takes it over (IfIdentical holds now)
    Seen: 0 as recorded, 0 otherwise, 2 not yet ours; 0 not in the table, 0 rows not ours.
    ");
}

#[test]
fn what_was_adopted_is_in_step_and_is_adopted_for_good() {
    for there in [CONDUCTOR, IDEMEUM] {
        let (shell, ..) = observed(&there, "Always");
        let applied = run(&shell, &["apply", "--auto-approve"]);
        assert_eq!(applied.code, Some(0), "nobody is asked to do anything: {}", applied.said());
        assert_eq!(planned(&shell), [""; 0], "{}", there.profile);
    }
    let (shell, ..) = observed(&CONDUCTOR, "Always");
    run(&shell, &["apply", "--auto-approve"]);
    let row = run(&shell, &["ledger", "list", "-o", "json"]).out;
    assert!(row.contains("adopted") && !row.contains("created"), "{row}");
    shell.edit("customers/acme.yaml", "firstName: Ann", "firstName: Anna");
    assert_eq!(planned(&shell)[0].split(' ').next(), Some("acme/user/ann"), "what is declared from here on is a change");
}

#[test]
fn a_second_look_makes_it_no_more_ours_than_the_first() {
    let (shell, ..) = observed(&IDEMEUM, "Refuse");
    let again = run(&shell, &["runbook", "observe", "table.csv", "--table", "customers"]).out;
    assert!(again.contains("Seen: 0 as recorded, 0 otherwise, 1 not yet ours;"), "{again}");
    assert_eq!(planned(&shell), ["acme/organization/acme adopt G017"]);
}
