//! A portal of one's own: the profile that `docs/profiles.md` shows, put below a trusted root and used as its reader would use it.

use super::transcript::Shell;
use crate::support::program::Ran;
use crate::support::sandbox::Sandbox;

const PAGE: &str = include_str!("../../../docs/profiles.md");
const PORTAL: &str = "apiVersion: tenantry.dev/v1alpha1
kind: Portal
metadata: {name: small}
spec: {profile: own/small.yaml}
";
const ACME: &str = "apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  defaultDashboard: main
  contact: {phone: \"+43 1 890 0000\"}
  domains:
    - {name: main, domain: acme.example}
  users:
    - {name: bob, email: bob@other.example}
";

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    for words in words {
        assert!(ran.said().contains(words), "{words}\n{}", ran.said());
    }
}

#[test]
fn the_profile_that_the_page_shows_is_checked_planned_applied_and_observed() {
    let shell = Shell::empty();
    let (_, from) = PAGE.split_once("```yaml profile\n").expect("the page has a profile");
    shell.write("portals/own/small.yaml", from.split_once("```").expect("it ends").0);
    shell.write("portals/small.yaml", PORTAL);
    shell.write("customers/acme.yaml", ACME);
    says(&shell.run("profile check portals/own/small.yaml").exits(0), &["Valid: profile small-portal."]);
    says(&shell.run("capabilities portals/own/small.yaml").exits(0), &["defaultDashboard (technician)"]);

    drop(Sandbox::start(["--profile", "own/small.yaml", "--portals", "portals"], shell.path()));

    let plan = "plan -f customers --portals portals";
    says(&shell.run(plan).exits(5), &["breaks SMALL-1: bob@other.example is under no domain of acme: declare the domain first"]);
    shell.edit("customers/acme.yaml", "bob@other.example", "bob@acme.example");
    says(&shell.run(plan).exits(0), &["Plan: 3 to create", "sends e-mail"]);

    // Calls make what they can; the dashboard is set at a screen.
    says(&shell.run("apply -f customers --portals portals --auto-approve").exits(6), &["2 done, 1 pending, 1 of them with calls made"]);
    let listed = shell.run("runbook list -f customers").exits(0).out;
    let item = listed.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let shown = shell.run(&format!("runbook show {item} -f customers --portals portals")).exits(0);
    says(&shown, &["Open Management › Organizations.", "From [Default dashboard] choose \"main\".", "Press [Save]."]);
    shell.write("answers.json", &format!(r#"{{"{item}": {{"result": "done", "evidence": {{"organization": "ACME Tools"}}}}}}"#));
    shell.run("runbook confirm --answers answers.json -f customers --portals portals").exits(0);
    shell.run(&format!("{plan} --detailed-exitcode")).exits(0);

    shell.write("grid.csv", "Organization,Active users\nACME Tools,7\n");
    shell.run("runbook observe grid.csv -f customers --portals portals").exits(0);
    says(&shell.run("show acme -f customers --portals portals").exits(0), &["Active users: 7"]);
}
