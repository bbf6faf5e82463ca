//! One customer, every portal: what one run plans, applies and says where several portals serve the same customers, each with capabilities of its
//! own, and where one of them has a bad day.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::transcript::Shell;
use crate::support::program::Ran;
use crate::support::sandbox::Sandbox;

const SECRET: (&str, &str) = ("TENANT_SECRET_VIDEO_PASSWORD", "demo");
const APPLY: &str = "apply -f customers --portals portals --auto-approve";
const PLAN: &str = "plan -f customers --portals portals";
/// The portals whose work a technician does.
const BY_HAND: [&str; 5] = ["access", "costs", "desk", "monitoring", "video"];

/// Customers that are declared once, and six portals, of which one has an API that a sandbox plays.
struct Desk {
    shell: Shell,
    wiv: Sandbox,
}

impl Desk {
    fn new() -> Self {
        let shell = Shell::of("every-portal");
        let wiv = Sandbox::start(["--profile", "wiv", "--account-kind", "MSP-Admin"], shell.path());
        shell.edit("portals/costs.yaml", "127.0.0.1:7700", &wiv.address);
        Self { shell, wiv }
    }

    fn run(&self, line: &str) -> Ran {
        self.shell.run_with(line, &[SECRET, ("WIV_API_KEY", &self.wiv.token), ("SPARE_TOKEN", "none that the sandbox gave")])
    }

    fn plan(&self) -> Value {
        let ran = self.run(&format!("{PLAN} -o json"));
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.said()))
    }

    /// One more portal, which is reached over the network.
    fn with_spare(self, endpoint: &str) -> Self {
        self.shell.write("portals/own/spare.profile", include_str!("../../profiles/sandbox-api.yaml"));
        self.shell.write(
            "portals/spare.yaml",
            &format!(
                "apiVersion: tenantry.dev/v1alpha1\nkind: Portal\nmetadata: {{name: spare}}\nspec:\n  profile: own/spare.profile\n  \
                 endpoint: {endpoint}\n  credentials: {{token: {{env: SPARE_TOKEN}}}}\n  unsupported: Ignore\n"
            ),
        );
        self
    }

    /// The open items of every order, by portal.
    fn items(&self) -> BTreeMap<String, Vec<Value>> {
        let listed: Value = serde_json::from_str(&self.run("runbook list -f customers --portals portals -o json").exits(0).out).unwrap();
        let mut items = BTreeMap::new();
        for order in listed["orders"].as_array().unwrap() {
            let shown = self.run(&format!("runbook show {} -f customers --portals portals -o json", order["order"].as_str().unwrap()));
            let shown: Value = serde_json::from_str(&shown.exits(0).out).unwrap();
            let of_portal: &mut Vec<_> = items.entry(order["portal"].as_str().unwrap().to_owned()).or_default();
            of_portal.extend(shown["items"].as_array().unwrap().iter().cloned());
        }
        items
    }

    /// Every open item is done, and what it asks for is brought back.
    fn confirm_all(&self) {
        let mut answers = serde_json::Map::new();
        for item in self.items().into_values().flatten() {
            let wanted = item["instructions"]["evidence"].as_array().cloned().unwrap_or_default();
            let evidence = wanted.iter().filter(|w| w["optional"] != true);
            let evidence =
                evidence.map(|w| (w["name"].as_str().unwrap().to_owned(), w["expect"].as_str().unwrap_or("as it is shown").into()));
            let evidence: serde_json::Map<String, Value> = evidence.collect();
            answers.insert(item["reference"].as_str().unwrap().to_owned(), json!({"result": "done", "evidence": evidence}));
        }
        self.shell.write("answers.json", &Value::Object(answers).to_string());
        self.run("runbook confirm --answers answers.json -f customers --portals portals").exits(0);
    }
}

/// The changes of a plan in a portal: `create acme/user/alice`, sorted.
fn changes(plan: &Value, portal: &str) -> Vec<String> {
    let tenants = plan["tenants"].as_array().unwrap().iter().filter(|t| t["portal"] == portal);
    let changes = tenants.flat_map(|t| t["resource_changes"].as_array().unwrap());
    let mut said: Vec<_> =
        changes.map(|c| format!("{} {}", c["change"]["actions"][0].as_str().unwrap(), c["address"].as_str().unwrap())).collect();
    said.sort();
    said
}

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    for words in words {
        assert!(ran.said().contains(words), "{words}\n{}", ran.said());
    }
}

#[test]
fn one_run_plans_every_portal_and_says_who_does_the_work_in_each() {
    let planned = Desk::new().run(PLAN).exits(0);
    says(
        &planned,
        &[
            "kessler-werke (portal directory): 6 to create\n",
            "kessler-werke (portal monitoring): 6 to create, by a technician\n",
            "access      7 by a technician\ncosts       1 automatic, 6 by a technician\ndesk        8 by a technician\ndirectory   12 automatic\n\
             monitoring  7 by a technician\nvideo       4 by a technician\n",
            "Plan: 45 to create, 0 to update, 0 to delete\n",
        ],
    );
    assert_eq!(planned.out.matches("R005").count(), 5, "what a portal lacks is said once a portal: {}", planned.out);
    assert!(!planned.out.contains("  ! "), "what is left out is no refused change: {}", planned.out);
}

#[test]
fn one_run_applies_what_is_automatic_and_gives_out_one_work_order_a_portal() {
    let desk = Desk::new();
    says(&desk.run(APPLY).exits(6), &["Apply: 13 done, 32 pending"]);
    let items = desk.items();
    assert_eq!(items.keys().collect::<Vec<_>>(), BY_HAND);
    assert_eq!(items.values().map(Vec::len).collect::<Vec<_>>(), [7, 6, 6, 6, 4], "one item for what one form asks for");
}

#[test]
fn a_second_run_gives_nothing_out_again_and_says_that_work_waits() {
    let desk = Desk::new();
    desk.run(APPLY).exits(6);
    let before = desk.items();
    let again = desk.run(APPLY).exits(6);
    says(
        &again,
        &["No changes to make now, but not in step with the manifests; 32 wait", "msp/delegation/service-desk is left out: PLX-8"],
    );
    assert_eq!(desk.items(), before);
}

#[test]
fn what_technicians_confirm_in_every_portal_ends_in_an_empty_plan() {
    let desk = Desk::new();
    desk.run(APPLY).exits(6);
    desk.confirm_all();
    // What is shared is shared once it is there.
    desk.run(APPLY).exits(6);
    desk.confirm_all();
    desk.run(&format!("{PLAN} --detailed-exitcode")).exits(0);
    desk.run(APPLY).exits(0);
}

#[test]
fn a_portal_that_is_down_is_named_and_the_others_are_done() {
    // Port 1 is nobody's.
    let desk = Desk::new().with_spare("http://127.0.0.1:1");
    let ran = desk.run(APPLY).exits(1);
    says(
        &ran,
        &[
            "R001",
            "portal spare cannot be read",
            "Nothing is planned for it; what other portals need goes on.",
            "Apply: 13 done, 32 pending",
            "Work orders, to read with `tenantry runbook show ID -f customers --portals portals`:",
        ],
    );
    // The last thing that is read is what did not happen.
    assert!(ran.err.ends_with("run again when it is mended\n") && ran.err.contains("nothing was done in portal spare"), "{}", ran.err);
    assert_eq!(desk.items().len(), BY_HAND.len());
    says(&desk.run(APPLY).exits(1), &["portal spare cannot be read"]);
}

#[test]
fn a_portal_that_is_not_selected_is_not_asked() {
    let desk = Desk::new().with_spare("http://127.0.0.1:1");
    let ran = desk.run(&format!("{APPLY} --portal directory")).exits(0);
    says(&ran, &["Apply: 12 done"]);
    assert!(!ran.said().contains("spare"), "{}", ran.said());
    assert!(desk.items().is_empty());
    desk.run(&format!("{APPLY} --portal costs --portal video")).exits(6);
    assert_eq!(desk.items().into_keys().collect::<Vec<_>>(), ["costs", "video"]);
}

/// A sandbox that plays the portal which is reached over the network.
fn spare(desk: &Shell) -> Sandbox {
    desk.write("portals/own/spare.profile", include_str!("../../profiles/sandbox-api.yaml"));
    Sandbox::start(["--profile", "own/spare.profile", "--portals", "portals"], desk.path())
}

#[test]
fn a_portal_with_wrong_credentials_is_named_and_the_others_are_done() {
    let desk = Desk::new();
    let sandbox = spare(&desk.shell);
    let desk = desk.with_spare(&format!("http://{}", sandbox.address));
    let ran = desk.run(APPLY).exits(3);
    says(&ran, &["R002", "portal spare cannot be read", "Apply: 13 done, 32 pending"]);
}

#[test]
fn a_customer_that_breaks_a_rule_of_one_portal_is_held_there_and_done_elsewhere() {
    let desk = Desk::new();
    desk.shell.edit("customers/brightwater.yaml", "  relationship: managed\n", "");
    let ran = desk.run(APPLY).exits(5);
    says(
        &ran,
        &[
            "breaks ITA-1",
            "create brightwater/user/helen in portal desk: brightwater/organization/brightwater is refused (G015)",
            "Apply: 13 done, 3 held back, 29 pending",
        ],
    );
    let at_the_desk: Vec<_> =
        desk.items()["desk"].iter().map(|i| i["address"].as_str().unwrap().split('/').next().unwrap().to_owned()).collect();
    assert_eq!(at_the_desk, ["kessler-werke", "kessler-werke", "kessler-werke", "msp"]);
    says(&desk.run("validate -f customers --portals portals").exits(65), &["portal desk: ITA-1"]);
}

#[test]
fn customers_with_one_name_are_told_apart_before_anybody_takes_one_for_the_other() {
    let desk = Desk::new();
    desk.shell.edit("customers/brightwater.yaml", "displayName: Brightwater & Partners", "displayName: kessler  WERKE");
    let warned = [
        "portals access, costs, desk: customers brightwater and kessler-werke have one name there, `Kessler Werke`",
        "they find a customer by that name, and one may be taken for the other: brightwater/organization/brightwater is `kessler  WERKE`",
    ];
    let validated = desk.run("validate -f customers --portals portals").exits(0);
    says(&validated, &warned);
    says(&validated, &["warning[R009]", "give one of them a `displayName` of its own"]);
    let planned = desk.run(PLAN).exits(0);
    says(&planned, &warned);
    assert!(!planned.said().contains("directory: customers"), "what is found there is found by its own name");
    says(&desk.run(&format!("{PLAN} --portal directory")).exits(0), &["12 to create"]);
    assert!(!desk.run(&format!("{PLAN} --portal directory")).said().contains("R009"));
}

#[test]
fn what_is_shared_by_selector_reaches_those_that_the_portal_serves() {
    let desk = Desk::new();
    desk.shell.edit("portals/access.yaml", "spec:\n", "spec:\n  organizations: {names: [brightwater]}\n");
    let planned = desk.run(PLAN).exits(0);
    let of_portal =
        |portal: &str| planned.out.split(&format!("msp (portal {portal})")).nth(1).unwrap().split("\n\n").nth(1).unwrap().to_owned();
    assert!(of_portal("access").contains("customers:   [brightwater]\n"), "{}", planned.out);
    assert!(of_portal("directory").contains("customers:   [brightwater, kessler-werke]"), "{}", planned.out);
}

#[test]
fn offboarding_takes_access_away_in_every_portal_at_once() {
    let desk = Desk::new();
    desk.run(APPLY).exits(6);
    desk.confirm_all();
    desk.run(APPLY).exits(6);
    desk.confirm_all();
    desk.shell.edit("customers/brightwater.yaml", "  relationship: managed\n", "  relationship: managed\n  offboard: true\n");
    let plan = desk.plan();
    for portal in ["access", "costs", "desk", "directory"] {
        assert_eq!(changes(&plan, portal), ["delete brightwater/user/helen"], "{portal}");
    }
    says(&desk.run(APPLY).exits(5), &["G007"]);
    assert_eq!(desk.items().into_keys().collect::<Vec<_>>(), ["costs", "desk"], "portals without administrators have none to lose");
    says(&desk.run(&format!("{APPLY} --allow G007=contract-ended")).exits(6), &["Apply: 1 done, 1 pending"]);
    assert_eq!(desk.items().into_keys().collect::<Vec<_>>(), ["access", "costs", "desk"]);
}
