//! idemeum, row by row.

use tenantry::model::Performer;
use tenantry::model::rule::Effect;

use super::kit::*;

const PORTAL: &str = "idemeum";

async fn rule(id: &str) {
    check(PORTAL, EXAMPLES.iter().find(|e| e.rule == id).unwrap()).await;
}

const MSP: &str = "domain: northwind.idemeum.com";

pub(super) const ACME: Side = side(
    MSP,
    "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME Tools, userSource: local}
---
kind: User
metadata: {name: kim}
spec: {organization: msp, email: kim@msp.example}
---
kind: Delegation
metadata: {name: desk}
spec: {technicians: [kim], role: Administrator, customers: {names: [acme]}}
",
);

#[tokio::test]
async fn idm_1_the_msp_has_an_address_that_those_of_customers_are_derived_from() {
    rule("IDM-1").await;
    let admin = "- look The address of this admin portal is “https://${account.domain}/adminportal” (m)";
    assert!(way(PORTAL, "Organization", "create").contains(&admin.to_owned()));
}

#[tokio::test]
async fn idm_2_a_customers_address_is_derived_and_a_dns_label() {
    let plan = first_plan(PORTAL, ACME).await;
    assert_eq!(sets(&plan, "acme/organization/acme"), ["displayName", "userSource"]);
    let steps = way(PORTAL, "Organization", "create");
    let expected = [
        "- press Add customer (m)",
        "- press Add manually (m)",
        "- fill Name: name (m)",
        "- fill Display Name: displayName (m)",
        "- press Save (i)",
    ];
    assert_eq!(steps[2..7], expected);
    assert!(steps.contains(&"brings address = https://${name}-${account.domain}".to_owned()), "another customer is seen by its address");
    rule("IDM-2").await;
    let declared =
        side(MSP, "kind: Organization\nmetadata: {name: acme}\nspec: {displayName: ACME, domains: [{name: a, domain: acme.example}]}\n");
    let said = validated(&profile(PORTAL), &desired(PORTAL, declared));
    assert_eq!(
        said,
        ["error portal idemeum lacks some of what is declared for it: no domains: acme/domain/a"],
        "an address is never declared"
    );
}

#[tokio::test]
async fn idm_3_the_table_of_tenants_is_observed() {
    assert_eq!(observed(PORTAL, "IDM-3"), ["activeUsers", "technicians"]);
    let expected =
        ["Active users: observed activeUsers", "Address: observed address", "Display name: tenant", "Technicians: observed technicians"];
    assert_eq!(columns(PORTAL, "customers"), expected);
}

#[tokio::test]
async fn idm_4_a_technician_gets_a_role_in_designated_customers() {
    let plan = first_plan(PORTAL, ACME).await;
    assert_eq!(sets(&plan, "msp/delegation/desk"), ["technicians", "role", "customers"]);
    assert_eq!(change(&plan, "msp/delegation/desk").performer, Performer::Technician);
    let steps = [
        "Customers for each of customers (m)",
        "- row ${item}, entry Access delegation (m)",
        "- choose Technician: technicians = ${desired.users.filter(u, u.name in self.technicians).map(u, u.email)} (d)",
        "- choose Role: role (d)",
        "- press Save (i)",
        "brings role = ${self.role}",
    ];
    assert_eq!(way(PORTAL, "Delegation", "create"), steps);
    assert_eq!(way(PORTAL, "Delegation", "update"), steps);
    rule("IDM-4").await;
    rule("IDM-4a").await;
}

#[tokio::test]
async fn idm_5_what_a_global_administrator_inherits_is_never_planned() {
    rule("IDM-5").await;
    rule("IDM-5a").await;
    let example = EXAMPLES.iter().find(|e| e.rule == "IDM-5").unwrap();
    let plan = first_plan(PORTAL, example.breaks).await;
    let asked = plan.units.iter().flat_map(|u| &u.changes).any(|c| c.address.to_string() == "msp/delegation/desk");
    assert!(!asked, "nobody is asked to grant it");
}

#[tokio::test]
async fn idm_6_the_ways_in_are_observed() {
    assert_eq!(observed(PORTAL, "IDM-6"), ["address", "userPortalIcon", "adminPortalLink"]);
    let expected = [
        "Display name: tenant",
        "Icon in the MSP user portal: observed userPortalIcon",
        "Link in the MSP admin portal: observed adminPortalLink",
    ];
    assert_eq!(columns(PORTAL, "ways-in"), expected);
}

#[tokio::test]
async fn idm_7_deleting_a_customer_is_irreversible() {
    let there = side(MSP, "kind: Organization\nmetadata: {name: acme}\nspec: {displayName: ACME, deletionPolicy: Delete}\n");
    let plan = destruction(&profile(PORTAL), &desired(PORTAL, there)).await;
    assert_eq!(
        change(&plan, "acme/organization/acme").effects,
        [Effect::Irreversible, Effect::Cascade, Effect::DataLoss, Effect::Technician]
    );
}

#[tokio::test]
async fn idm_8_the_user_source_changes_while_there_is_one_user() {
    rule("IDM-8").await;
    let example = EXAMPLES.iter().find(|e| e.rule == "IDM-8").unwrap();
    let said = async |observed| {
        let side = |manifests| desired(PORTAL, Side { manifests, ..example.breaks });
        found(&plan(&profile(PORTAL), observed, &side(example.before), &side(example.breaks.manifests)).await)
    };
    assert_eq!(said(&[("activeUsers", "1")]).await, [""; 0]);
    let unknown = "IDM-8 acme/organization/acme refused: the user source of acme would change, which it can only while the customer has exactly one onboarded user; how many it has is not known: read the table of customers with `tenantry runbook observe` first";
    assert_eq!(said(&[]).await, [unknown]);
}

/// One for each rule of the profile.
pub(super) const EXAMPLES: &[Example] = &[
    Example {
        rule: "IDM-1",
        before: "",
        observed: &[],
        breaks: side("domain: northwind.example", "kind: Organization\nmetadata: {name: acme}\nspec: {displayName: ACME}\n"),
        keeps: ACME,
        says: "acme/organization/acme refused: the addresses of customers are derived from the MSP's own, `<msp>.idemeum.com`, and the Portal document says `account.domain: northwind.example`: write the MSP's own `<msp>.idemeum.com` as `account.domain`",
    },
    Example {
        rule: "IDM-2",
        before: "",
        observed: &[],
        breaks: side(
            MSP,
            "kind: Organization
metadata: {name: the-associations-of-small-and-medium-sized-tool-makers}
spec: {displayName: Tool Makers}
",
        ),
        // One letter fewer: 53, a hyphen and 9 are 63.
        keeps: side(
            MSP,
            "kind: Organization
metadata: {name: the-association-of-small-and-medium-sized-tool-makers}
spec: {displayName: Tool Makers}
",
        ),
        says: "the-associations-of-small-and-medium-sized-tool-makers/organization/the-associations-of-small-and-medium-sized-tool-makers refused: the address of the-associations-of-small-and-medium-sized-tool-makers would begin with `the-associations-of-small-and-medium-sized-tool-makers-northwind`, which is no DNS label (at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit): give the customer a shorter name",
    },
    Example {
        rule: "IDM-4",
        before: "",
        observed: &[],
        breaks: side(
            MSP,
            "kind: User
metadata: {name: kim}
spec: {organization: msp, email: kim@msp.example}
---
kind: Delegation
metadata: {name: desk}
spec: {technicians: [kim], role: Owner, customers: {names: []}}
",
        ),
        keeps: ACME,
        says: "msp/delegation/desk refused: delegation desk gives the role Owner; a technician gets Administrator or Read-only administrator in a customer: write one of the two",
    },
    Example {
        rule: "IDM-4a",
        before: "",
        observed: &[],
        breaks: side(
            MSP,
            "kind: Delegation\nmetadata: {name: desk}\nspec: {technicians: [], role: Administrator, customers: {names: []}}\n",
        ),
        keeps: ACME,
        says: "msp/delegation/desk refused: delegation desk names no technicians, and access is delegated to technicians alone: name them",
    },
    Example {
        rule: "IDM-5",
        before: "",
        observed: &[],
        breaks: side(
            MSP,
            "kind: User
metadata: {name: kim}
spec: {organization: msp, email: kim@msp.example, administrator: true}
---
kind: Delegation
metadata: {name: desk}
spec: {technicians: [kim], role: Administrator, customers: {names: []}}
",
        ),
        keeps: ACME,
        says: "msp/delegation/desk left out: delegation desk names Global administrators of the MSP alone (kim), who own every customer, present and future, by inheritance: nothing is to be done, and the delegation can be taken out",
    },
    Example {
        rule: "IDM-5a",
        before: "",
        observed: &[],
        breaks: side(
            MSP,
            "kind: User
metadata: {name: kim}
spec: {organization: msp, email: kim@msp.example, administrator: true}
---
kind: User
metadata: {name: lee}
spec: {organization: msp, email: lee@msp.example}
---
kind: Delegation
metadata: {name: desk}
spec: {technicians: [kim, lee], role: Administrator, customers: {names: []}}
",
        ),
        keeps: ACME,
        says: "msp/delegation/desk refused: delegation desk names Global administrators of the MSP beside other technicians (kim, lee); a Global administrator owns every customer by inheritance: take those with `administrator: true` out of it",
    },
    Example {
        rule: "IDM-8",
        before: "kind: Organization\nmetadata: {name: acme}\nspec: {displayName: ACME, userSource: local}\n",
        observed: &[("activeUsers", "3")],
        breaks: side(MSP, "kind: Organization\nmetadata: {name: acme}\nspec: {displayName: ACME, userSource: Entra ID}\n"),
        keeps: side(MSP, "kind: Organization\nmetadata: {name: acme}\nspec: {displayName: ACME Tools, userSource: local}\n"),
        says: "acme/organization/acme refused: the user source of acme would change, which it can only while the customer has exactly one onboarded user; it has 3: set `userSource` back",
    },
];
