//! it-conductor, row by row.

use serde_json::json;
use tenantry::model::Performer;
use tenantry::model::rule::Effect;

use super::itc_rules::EXAMPLES;
use super::kit::*;

const PORTAL: &str = "it-conductor";

async fn rule(id: &str) {
    check(PORTAL, EXAMPLES.iter().find(|e| e.rule == id).unwrap()).await;
}

pub(super) const ACME: Side = side(
    "",
    "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  labels: {region: north}
  defaultDashboard: SAP overview
  doNotDisturb: [{days: [sat, sun], from: '00:00', to: '23:59'}]
  domains: [{name: main, domain: acme.example}]
  roles: [{name: viewers, inherited: true}]
  gateways: [{name: berlin, displayName: Berlin}]
  monitoredSystems: [{name: erp, type: SAP, displayName: ERP, gateway: berlin}]
  users:
    - name: ann
      email: ann@acme.example
      firstName: Ann
      lastName: Archer
      administrator: true
      roles: [viewers]
      invitation: {expiresAfterDays: 14, monitorCompletion: true}
",
);

#[tokio::test]
async fn itc_1_an_organization_is_made_with_name_domain_and_dashboard_in_one_wizard() {
    let plan = first_plan(PORTAL, ACME).await;
    assert_eq!(sets(&plan, "acme/organization/acme"), ["displayName", "defaultDashboard", "doNotDisturb"]);
    let domain = change(&plan, "acme/domain/main");
    assert_eq!(domain.carried_by.as_ref().map(ToString::to_string).as_deref(), Some("acme/organization/acme"));
    assert_eq!(domain.performer, Performer::Technician);
    assert_eq!(
        way(PORTAL, "Organization", "create")[..6],
        [
            "Management > Resources > Organizations (m)",
            "- press Create Tenant Organization (m)",
            "- fill Name: displayName (m)",
            "- fill E-mail domain: Domain domain (m)",
            "- choose Default dashboard: defaultDashboard (m)",
            "- press Finish (i)",
        ]
    );
    assert_eq!(way(PORTAL, "Organization", "create").last().unwrap(), "brings organization = ${self.displayName}");
}

#[tokio::test]
async fn itc_1_what_the_wizard_does_not_ask_for_is_named() {
    let more = side(
        "",
        "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME Tools, notes: Pays late, contact: {phone: '+49 30 1'}}
",
    );
    let said = validated(&profile(PORTAL), &desired(PORTAL, more));
    let lacking = "no `contact.phone`, `notes` of organizations: acme/organization/acme";
    assert_eq!(said, [format!("error portal it-conductor lacks some of what is declared for it: {lacking}")]);
}

const TWICE: Side = side(
    "",
    "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME Tools, domains: [{name: main, domain: acme.example}]}
---
kind: Organization
metadata: {name: globex}
spec: {displayName: Globex, domains: [{name: first, domain: ACME.example}]}
",
);

#[tokio::test]
async fn itc_2_the_domain_is_unique_over_the_portal() {
    let twice = "portal it-conductor: `acme.example` is declared by";
    let said = validated(&profile(PORTAL), &desired(PORTAL, TWICE));
    assert_eq!(
        said,
        [
            format!("acme/domain/main error {twice} globex/domain/first too, and only one domain there can have it"),
            format!("globex/domain/first error {twice} acme/domain/main too, and only one domain there can have it"),
        ]
    );
    let plan = first_plan(PORTAL, TWICE).await;
    assert_eq!(refused(&plan, "acme/domain/main"), ["G019"]);
    assert_eq!(refused(&plan, "globex/domain/first"), ["G019"]);
    let elsewhere = way(PORTAL, "Organization", "create").into_iter().find(|line| line.contains("is taken"));
    assert!(elsewhere.is_some_and(|line| line.contains("report “domain taken”")), "beyond what we see, the portal answers");
}

#[tokio::test]
async fn itc_2_is_what_the_scope_of_the_key_says() {
    let unscoped = altered(PORTAL, |tree| tree["kinds"]["Domain"]["keyScope"] = json!("tenant"));
    let (nothing, twice) = (desired(PORTAL, Side::default()), desired(PORTAL, TWICE));
    assert_eq!(validated(&unscoped, &twice), [""; 0]);
    assert_eq!(refused(&plan(&unscoped, &[], &nothing, &twice).await, "acme/domain/main"), [""; 0]);
}

#[tokio::test]
async fn itc_3_an_invitation_goes_to_no_address_outside_the_domain() {
    rule("ITC-3").await;
}

#[tokio::test]
async fn itc_4_the_domain_of_an_organization_that_exists_does_not_change() {
    rule("ITC-4").await;
    rule("ITC-4a").await;
}

#[tokio::test]
async fn itc_5_each_organization_has_a_default_dashboard_of_its_own() {
    let (before, after) = (desired(PORTAL, ACME), ACME.manifests.replace("SAP overview", "Service levels"));
    let after = desired(PORTAL, side("", after.leak()));
    let plan = plan(&profile(PORTAL), &[], &before, &after).await;
    assert_eq!(sets(&plan, "acme/organization/acme"), ["defaultDashboard"]);
    assert_eq!(change(&plan, "acme/organization/acme").performer, Performer::Technician);
    assert!(way(PORTAL, "Organization", "create").contains(&"- choose Default dashboard: defaultDashboard (m)".to_owned()));
    assert!(way(PORTAL, "Organization", "update").is_empty(), "no page says how it is changed");
}

#[tokio::test]
async fn itc_6_do_not_disturb_holds_for_notifications_to_the_organization_alone() {
    assert!(sets(&first_plan(PORTAL, ACME).await, "acme/organization/acme").contains(&"doNotDisturb"));
    rule("ITC-6").await;
}

#[tokio::test]
async fn itc_7_a_gateway_is_made_for_one_organization() {
    let plan = first_plan(PORTAL, ACME).await;
    assert_eq!(sets(&plan, "acme/gateway/berlin"), ["displayName"]);
    let lines = way(PORTAL, "Gateway", "create");
    assert!(lines.contains(&"- choose Organization = ${organization} (m)".to_owned()), "{lines:#?}");
    assert_eq!(lines.last().unwrap(), "brings organization = ${tenant.isMsp ? 'MSP' : organization}");
}

#[tokio::test]
async fn itc_8_a_monitored_system_uses_a_gateway_of_its_own_organization() {
    let plan = first_plan(PORTAL, ACME).await;
    assert_eq!(sets(&plan, "acme/monitored-system/erp"), ["type", "displayName", "gateway"]);
    rule("ITC-8").await;
}

#[tokio::test]
async fn itc_9_a_person_is_invited_from_the_service_grid() {
    assert_eq!(validated(&profile(PORTAL), &desired(PORTAL, ACME)), [""; 0]);
    let plan = first_plan(PORTAL, ACME).await;
    let invitation = ["invitation.expiresAfterDays", "invitation.monitorCompletion"];
    let fields = ["email", "firstName", "lastName", "roles", "administrator", invitation[0], invitation[1]];
    assert_eq!(sets(&plan, "acme/user/ann"), fields);
    assert_eq!(change(&plan, "acme/user/ann").effects, [Effect::Email, Effect::Technician]);
    assert_eq!(
        way(PORTAL, "User", "create"),
        [
            "Service Grid (m)",
            "- row ${organization} (m)",
            "- press Users (m)",
            "- press Invite (m)",
            "- fill Person name: lastName = ${has(self.firstName) ? self.firstName + \" \" + self.lastName : self.lastName} (m)",
            "- fill E-mail: email (m)",
            "- tick Make administrator: administrator (m)",
            "- fill Expiry in days: invitation.expiresAfterDays (d)",
            "- tick Completion monitoring: invitation.monitorCompletion (m)",
            "- press Send (i)",
            "brings organization = ${tenant.isMsp ? 'MSP' : organization}",
            "brings invited = ${self.email}",
        ]
    );
}

#[tokio::test]
async fn itc_10_who_registers_belongs_to_the_organization_and_inherits_its_roles() {
    assert_eq!(observed(PORTAL, "ITC-10"), ["registeredUsers"]);
    assert!(columns(PORTAL, "organizations").contains(&"Users: observed registeredUsers".to_owned()));
    assert_eq!(columns(PORTAL, "users"), ["E-mail: key", "Roles: field roles"]);
    assert_eq!(sets(&first_plan(PORTAL, ACME).await, "acme/role/viewers"), ["inherited"]);
}

#[tokio::test]
async fn itc_11_a_user_of_one_organization_sees_nothing_of_another() {
    rule("ITC-11").await;
    rule("ITC-11a").await;
    let both = side(
        "",
        "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME, domains: [{name: main, domain: acme.example}], users: [{name: ann, email: ann@acme.example}]}
---
kind: Organization
metadata: {name: globex}
spec: {displayName: Globex, domains: [{name: main, domain: globex.example}], users: [{name: ann, email: ann@acme.example}]}
",
    );
    assert_eq!(refused(&first_plan(PORTAL, both).await, "acme/user/ann"), ["G019"], "an address is in one organization");
}

#[tokio::test]
async fn itc_12_the_domain_is_the_customers_own() {
    rule("ITC-12").await;
    rule("ITC-12a").await;
}
