//! itarian, row by row.

use serde_json::{Value as Json, json};
use tenantry::model::rule::Effect;
use tenantry::model::{FieldSupport, Fields, KeyScope, Kind, LiveObject, ObjectState, Performer};

use super::kit::*;

const PORTAL: &str = "itarian";

async fn rule(id: &str) {
    check(PORTAL, EXAMPLES.iter().find(|e| e.rule == id).unwrap()).await;
}

pub(super) const SHOP: Side = side(
    "kind: Enterprise",
    "kind: Organization
metadata: {name: shop}
spec:
  displayName: Corner Shop
  relationship: standalone
  contact: {address: 1 High Street, phone: '+44 20 1', website: 'https://shop.example', email: post@shop.example}
  notes: Closed on Mondays
  billing: {plan: hourly, accountManager: kim@msp.example}
  domains: [{name: web, domain: shop.example}]
  users: [{name: ann, email: ann@shop.example, firstName: Ann, lastName: Archer}]
",
);

const WORKS: Side = side(
    "kind: MSP",
    "kind: Organization
metadata: {name: works}
spec: {displayName: Works, relationship: managed, users: [{name: ann, email: ann@shop.example}]}
---
kind: Organization
metadata: {name: shop}
spec: {displayName: Corner Shop, relationship: managed, users: [{name: ann, email: ann@shop.example}]}
",
);

/// Whether the portal calls a user its own.
fn portals_own(fields: &Json) -> bool {
    let object = LiveObject {
        kind: Kind::User,
        id: "1".into(),
        key: "someone@shop.example".into(),
        fields: Fields::from_json(Kind::User.def(), fields).unwrap(),
        state: ObjectState::Active,
        owner: None,
        created_by: None,
        portals_own: false,
    };
    profile(PORTAL).is_portals_own(&object)
}

#[tokio::test]
async fn ita_1_a_customer_is_managed_or_standalone() {
    let steps = way(PORTAL, "Organization", "create");
    assert_eq!(steps[..2], ["Management > Customer (m)", "- press New Customer (m)"]);
    let standalone = steps.iter().position(|line| line == "Staff Panel > Users > Customers (m)").expect("the other way");
    assert_eq!(steps[standalone + 1], "- press Add New Customer (m)");
    let seen = |modules: &str| format!("- look {modules} “${{self.displayName}}”, for it is a ${{self.relationship}} customer (m)");
    assert!(steps.contains(&seen("Service Desk, Endpoint Manager and Dome Shield show")));
    assert!(steps.contains(&seen("Service Desk alone shows")));
    assert!(sets(&first_plan(PORTAL, SHOP).await, "shop/organization/shop").contains(&"relationship"));
    rule("ITA-1").await;
    rule("ITA-1a").await;
}

#[tokio::test]
async fn ita_1_a_standalone_customer_can_become_a_managed_one() {
    let side = |relationship| {
        let text = format!("kind: Organization\nmetadata: {{name: shop}}\nspec: {{displayName: Shop, relationship: {relationship}}}\n");
        desired(PORTAL, side("kind: MSP", text.leak()))
    };
    let plan = plan(&profile(PORTAL), &[], &side("standalone"), &side("managed")).await;
    assert_eq!(sets(&plan, "shop/organization/shop"), ["relationship"]);
    assert_eq!((found(&plan), refused(&plan, "shop/organization/shop")), (vec![], vec![]));
}

#[tokio::test]
async fn ita_2_only_an_msp_account_adds_managed_customers() {
    rule("ITA-2").await;
    let plan = first_plan(PORTAL, SHOP).await;
    assert_eq!(found(&plan), [""; 0], "an Enterprise account adds standalone ones");
}

#[tokio::test]
async fn ita_3_the_standalone_form_asks_for_the_web_domain_of_the_employees() {
    let steps = way(PORTAL, "Organization", "create");
    let form = [
        "- fill Name: displayName (m)",
        "- fill Web domain: Domain domain (m)",
        "- fill Address: contact.address (m)",
        "- fill Phone: contact.phone (m)",
        "- fill Website: contact.website (m)",
        "- fill Internal notes: notes (m)",
    ];
    assert!(form.iter().all(|line| steps.contains(&(*line).to_owned())), "{steps:#?}");
    assert!(steps.iter().any(|line| line.contains("mandatory fields")), "the managed form has its own");
    assert_eq!(validated(&profile(PORTAL), &desired(PORTAL, SHOP)), [""; 0]);
    let plan = first_plan(PORTAL, SHOP).await;
    let carrier = change(&plan, "shop/domain/web").carried_by.as_ref().map(ToString::to_string);
    assert_eq!(carrier.as_deref(), Some("shop/organization/shop"));
}

#[tokio::test]
async fn ita_4_a_web_domain_brings_two_system_users_of_the_portals_own() {
    let organization = "shop/organization/shop";
    assert_eq!(change(&first_plan(PORTAL, SHOP).await, organization).effects, [Effect::Cascade, Effect::Technician]);
    let bare = side("", "kind: Organization\nmetadata: {name: shop}\nspec: {displayName: Shop, relationship: standalone}\n");
    assert_eq!(change(&first_plan(PORTAL, bare).await, organization).effects, [Effect::Technician], "without one there are none");
    let named = |first, last| portals_own(&json!({"email": "a@shop.example", "firstName": first, "lastName": last}));
    assert!(named("Monitor", "Agent") && named("Patch Management", "Agent"), "never drift, never pruned");
    assert!(!named("Ann", "Agent"), "a person is not the portal's own");
    rule("ITA-4").await;
}

#[tokio::test]
async fn ita_5_a_guest_is_reported_and_never_pruned() {
    assert_eq!(observed(PORTAL, "ITA-5"), ["guests"]);
    assert!(columns(PORTAL, "customers").contains(&"Guests: observed guests".to_owned()));
    let with = |role| portals_own(&json!({"email": "ann@shop.example", "roles": [role]}));
    assert!(with("Guest") && !with("Customer User"), "never drift, never pruned");
    assert!(!portals_own(&json!({"email": "ann@shop.example"})));
    assert!(columns(PORTAL, "users").contains(&"Role: field roles".to_owned()), "guests are told apart by it");
}

#[tokio::test]
async fn ita_6_a_person_is_assigned_to_a_customer_and_may_be_in_several() {
    assert_eq!(
        way(PORTAL, "User", "create")[..6],
        [
            "Users > User Directory (m)",
            "- look “${self.email}” is in the User Directory. Who is not is put there first, and no page that we know says how (i)",
            "- row ${self.email} (m)",
            "- press Add Customer (m)",
            "- choose Customer = ${organization} (i)",
            "- press Continue (m)",
        ]
    );
    let plan = first_plan(PORTAL, WORKS).await;
    for at in ["works/user/ann", "shop/user/ann"] {
        assert_eq!((change(&plan, at).performer, refused(&plan, at)), (Performer::Technician, vec![]), "{at}");
    }
    let portal_wide = altered(PORTAL, |tree| tree["kinds"]["User"]["keyScope"] = json!("portal"));
    assert_eq!(profile(PORTAL).capabilities().kinds[&Kind::User].key_scope, KeyScope::Tenant);
    let (nothing, works) = (desired(PORTAL, Side::default()), desired(PORTAL, WORKS));
    let refused_there = refused(&super::kit::plan(&portal_wide, &[], &nothing, &works).await, "works/user/ann");
    assert_eq!(refused_there, ["G019"], "the scope of the key is what lets a person be in two");
    let leaving = desired(PORTAL, side("kind: MSP", WORKS.manifests.split("---").next().unwrap()));
    let gone = destruction(&profile(PORTAL), &leaving).await;
    assert_eq!(change(&gone, "works/user/ann").effects, [Effect::Technician], "leaving a customer deletes nobody");
}

#[tokio::test]
async fn ita_7_settings_and_rates_are_set_once_the_customer_is_there() {
    let steps = way(PORTAL, "Organization", "update");
    let settings = [
        ("billing.plan", "- fill Billing rates: billing.plan (d)"),
        ("billing.accountManager", "- choose Account manager: billing.accountManager (d)"),
        ("contact.email", "- fill Contacts: contact.email (d)"),
    ];
    for (path, step) in settings {
        assert_eq!(support(PORTAL, Kind::Organization, path), FieldSupport::Technician, "{path}");
        assert_eq!(steps.iter().filter(|line| *line == step).count(), 2, "{path} of managed and of standalone customers");
    }
}

#[tokio::test]
async fn ita_8_organization_company_and_customer_are_one_declared_thing() {
    assert_eq!(observed(PORTAL, "ITA-8"), ["organizationName", "companyName"]);
    let tree = tree(PORTAL);
    let tables = tree["tables"].as_array().unwrap().iter();
    let named: Vec<_> = tables.filter(|t| t["columns"].get("Customer").is_some()).map(|t| t["kind"].as_str().unwrap()).collect();
    assert_eq!(named, ["Organization", "Organization", "User"]);
    assert!(columns(PORTAL, "customers").contains(&"Organization: observed organizationName".to_owned()));
    assert!(columns(PORTAL, "managed-customers").contains(&"Company: observed companyName".to_owned()));
}

/// One for each rule of the profile.
pub(super) const EXAMPLES: &[Example] = &[
    Example {
        rule: "ITA-1",
        before: "",
        observed: &[],
        breaks: side("", "kind: Organization\nmetadata: {name: shop}\nspec: {displayName: Shop}\n"),
        keeps: SHOP,
        says: "shop/organization/shop refused: shop does not say whether it is `managed` (in Service Desk, Endpoint Manager and Dome Shield; preferred) or `standalone` (in Service Desk alone): write `relationship`",
    },
    Example {
        rule: "ITA-1a",
        before: "kind: Organization\nmetadata: {name: shop}\nspec: {displayName: Shop, relationship: managed}\n",
        observed: &[],
        breaks: side("kind: MSP", "kind: Organization\nmetadata: {name: shop}\nspec: {displayName: Shop, relationship: standalone}\n"),
        keeps: side("kind: MSP", "kind: Organization\nmetadata: {name: shop}\nspec: {displayName: Corner Shop, relationship: managed}\n"),
        says: "shop/organization/shop refused: shop is a managed customer and would become a standalone one; only the other way is possible: set `relationship: managed`",
    },
    Example {
        rule: "ITA-2",
        before: "",
        observed: &[],
        breaks: side("kind: Enterprise", "kind: Organization\nmetadata: {name: shop}\nspec: {displayName: Shop, relationship: managed}\n"),
        keeps: WORKS,
        says: "shop/organization/shop refused: shop would be a managed customer, and only an MSP account adds those; the Portal document says `account.kind: Enterprise`: write `account.kind: MSP` if it is one, or declare `relationship: standalone`, which an Enterprise account adds",
    },
    Example {
        rule: "ITA-4",
        before: "",
        observed: &[],
        breaks: side(
            "",
            "kind: Organization
metadata: {name: shop}
spec:
  displayName: Shop
  relationship: standalone
  users: [{name: monitor, email: monitor@shop.example, firstName: Monitor, lastName: Agent}]
",
        ),
        keeps: SHOP,
        says: "shop/user/monitor refused: monitor@shop.example would be Monitor Agent, a system user that the portal makes by itself and that carries the tickets of Endpoint Manager: take it out",
    },
];
