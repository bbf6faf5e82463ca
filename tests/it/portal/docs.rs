//! `docs/profiles.md` describes the format as it is: its example is parsed from the page itself, and its tables are held against the code.

use std::collections::BTreeSet;

use serde_json::json;
use tenantry::model::portal_spec::Account;
use tenantry::model::rule::{Conduct, Subject, Verdict};
use tenantry::model::{FieldSupport, IntentAction, Kind, Performer};
use tenantry::portal::Profile;
use tenantry::portal::profile::document::Action;
use tenantry::portal::profile::{cel, shipped};

use super::kit::{field, name, resource, tenant};

const PAGE: &str = include_str!("../../../docs/profiles.md");

fn example() -> &'static str {
    let (_, from) = PAGE.split_once("```yaml profile\n").expect("the page has an example");
    from.split_once("```").unwrap().0
}

#[test]
fn the_example_is_a_whole_profile() {
    let profile = Profile::parse(example(), "docs/profiles.md").unwrap();
    let capabilities = profile.capabilities();
    assert_eq!((capabilities.batch, capabilities.consistency_window.as_secs(), capabilities.idempotent), (20, 30, true));
    assert_eq!(capabilities.kinds[&Kind::Organization].delete, Performer::Technician);
    assert_eq!(capabilities.kinds[&Kind::User].field(field(Kind::User, "email")), FieldSupport::Immutable);
    assert_eq!(
        profile.capabilities().kinds[&Kind::Organization].field(field(Kind::Organization, "defaultDashboard")),
        FieldSupport::Technician
    );
    assert_eq!(profile.screens(Kind::Organization, Action::Delete).map(|s| s.screens[0].steps.len()), Some(3));
    assert_eq!((profile.menu().len(), profile.tables().len(), profile.observed().len()), (1, 1, 1));
    assert_eq!(profile.driver_names(), ["embedded", "runbook"]);
    let check = |resources: Vec<tenantry::model::Resource>| {
        let changing = resources[0].clone();
        let desired = tenant(resources);
        let violations = profile.violations(&Subject {
            tenant: &name("acme"),
            kind: changing.address.kind,
            action: IntentAction::Create,
            declared: Some(&changing),
            after: Some(&changing.fields),
            before: None,
            desired: Some(&desired),
            live: None,
            account: &Account::default(),
        });
        violations.into_iter().map(|v| (v.verdict == Verdict::Refuses, v.message)).collect::<Vec<_>>()
    };
    let user = || resource("acme/user/al", json!({"email": "al@acme.example"}));
    let domain = resource("acme/domain/acme", json!({"domain": "acme.example"}));
    assert_eq!(check(vec![user()]), [(true, "al@acme.example is under no domain of acme: declare the domain first".to_owned())]);
    assert_eq!(check(vec![user(), domain]), []);
    let organization = resource("acme/organization/acme", json!({"displayName": "Acme"}));
    let told = "acme has no contact.phone: the portal's support will ask for it (inferred, not documented)";
    assert_eq!(check(vec![organization]), [(false, told.to_owned())]);
}

/// What stands between fences that begin with this.
fn fenced(sort: &str) -> Vec<&'static str> {
    let after = PAGE.split("```yaml").skip(1).filter_map(|part| part.split_once('\n'));
    after.filter(|(head, _)| head.trim() == sort).map(|(_, text)| text.split_once("```").unwrap().0).collect()
}

#[test]
fn every_example_of_an_api_compiles() {
    for text in fenced("http profile") {
        let profile = Profile::parse(text, "docs/profiles.md").unwrap_or_else(|wrong| panic!("{wrong:#?}"));
        assert_eq!(profile.default_driver(), "rest");
    }
    let ways = fenced("auth").concat();
    for way in ways.split("---\n") {
        let indented: String = way.lines().map(|line| format!("  {line}\n")).collect();
        let text = format!(
            "apiVersion: tenantry.dev/v1alpha1\nkind: Profile\nname: signs-in\ntitle: Signs in\ndriver: rest\nkinds: {{}}\nhttp:\n{indented}"
        );
        Profile::parse(&text, "docs/profiles.md").unwrap_or_else(|wrong| panic!("{way}: {wrong:#?}"));
    }
    let steps: String = fenced("steps").concat().lines().map(|line| format!("      {line}\n")).collect();
    let text = format!(
        "apiVersion: tenantry.dev/v1alpha1\nkind: Profile\nname: steps\ntitle: Steps\ndriver: rest\nhttp: {{}}\nkinds:\n  Integration:\n    read: \
         unreadable\n    create: call\n    fields: {{type: full, \"*\": unsupported}}\n    http:\n{steps}"
    );
    Profile::parse(&text, "docs/profiles.md").unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    assert_eq!((fenced("http profile").len(), ways.split("---\n").count(), fenced("steps").len()), (2, 5, 1));
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

#[test]
fn every_key_of_the_format_is_on_the_page_and_in_an_example_that_is_parsed() {
    let schema = serde_json::to_value(tenantry::portal::profile::schema()).unwrap();
    let sections = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    let keys: BTreeSet<&str> =
        sections.filter_map(|section| section["properties"].as_object()).flat_map(|all| all.keys().map(String::as_str)).collect();
    let parsed = [fenced("profile"), fenced("http profile"), fenced("auth"), fenced("steps")].concat().join("\n");
    let shown: BTreeSet<&str> = words(&parsed).collect();
    let untried: Vec<_> = keys.iter().filter(|key| !shown.contains(*key)).collect();
    assert!(untried.is_empty(), "no example that a test parses has {untried:?}");
    // What is said of it stands between backticks, outside of examples.
    let prose: String = PAGE.split("```").step_by(2).collect();
    let said: BTreeSet<&str> = prose.split('`').skip(1).step_by(2).flat_map(words).collect();
    let unsaid: Vec<_> = keys.iter().filter(|key| !said.contains(*key)).collect();
    assert!(unsaid.is_empty(), "the page does not say what {unsaid:?} is");
    assert!(keys.len() > 140, "{}", keys.len());
}

#[test]
fn the_page_names_what_there_is() {
    let schema = serde_json::to_value(tenantry::portal::profile::schema()).unwrap();
    let sections = [
        "Limits",
        "KindSection",
        "RuleSection",
        "EffectSection",
        "Screens",
        "Place",
        "ActionScreens",
        "ScreenSection",
        "StepSection",
        "EvidenceSection",
        "Table",
        "Column",
        "Observed",
    ];
    let fields = sections.iter().flat_map(|s| schema["$defs"][s]["properties"].as_object().unwrap().keys());
    for field in fields.chain(schema["properties"].as_object().unwrap().keys()) {
        assert!(PAGE.contains(field.as_str()), "the page says what `{field}` is");
    }
    for variable in ["self", "oldSelf", "name", "key", "kind", "action", "tenant", "desired", "account", "id", "organization", "item"] {
        assert!(PAGE.contains(&format!("`{variable}`")), "the page says what `{variable}` is");
    }
    for profile in shipped() {
        assert!(PAGE.contains(&format!("`{profile}`")), "the page names the shipped profile {profile}");
    }
    let numbers =
        [cel::MAX_SOURCE, cel::MAX_BRACKETS, cel::MAX_OPERATORS, cel::MAX_NODES, cel::MAX_DEPTH, cel::MAX_LOOPS, cel::MAX_NESTED_LOOPS];
    let budget = PAGE.split_once("### The budget").unwrap().1;
    for number in numbers {
        assert!(budget.contains(&number.to_string()), "the page has the budget's {number}");
    }
    assert!(budget.contains("250,000") && cel::MAX_STEPS == 250_000 && budget.contains("64 KB") && cel::MAX_PATTERN == 64 << 10);
}
