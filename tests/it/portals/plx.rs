//! pilixo, row by row.

use tenantry::model::rule::Effect;
use tenantry::model::{FieldSupport, Kind, Performer};

use super::kit::*;

const PORTAL: &str = "pilixo";

async fn rule(id: &str) {
    check(PORTAL, EXAMPLES.iter().find(|e| e.rule == id).unwrap()).await;
}

const LICENSED: &str = "domain: msp.example, addOns: [MSP Admin]";

pub(super) const ACME: Side = side(
    LICENSED,
    "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  contact: {phone: '+49 30 1'}
  defaultAdmin: {email: kim@msp.example, firstName: Kim, lastName: Ito}
  secrets: {videoPassword: {env: VIDEO}}
  users: [{name: ann, email: ann@acme.example, administrator: true, firstName: Ann, lastName: Archer, invitation: {deferUntil: 2026-06-01}}]
",
);

#[tokio::test]
async fn plx_1_nothing_works_before_the_add_on_is_licensed() {
    rule("PLX-1").await;
}

#[tokio::test]
async fn plx_2_a_sub_organization_is_made_in_one_dialog() {
    assert_eq!(validated(&profile(PORTAL), &desired(PORTAL, ACME)), [""; 0]);
    let fields = ["displayName", "contact.phone", "defaultAdmin.email", "defaultAdmin.firstName", "defaultAdmin.lastName", "secrets"];
    assert_eq!(sets(&first_plan(PORTAL, ACME).await, "acme/organization/acme"), fields);
    assert_eq!(
        way(PORTAL, "Organization", "create")[..11],
        [
            "MSP Admin > Dashboard (m)",
            "- press Create Sub-Organization (m)",
            "- look The dialog “Add Child Organization” is open (m)",
            "- fill Company name: displayName (m)",
            "- fill Phone: contact.phone (m)",
            "- fill E-mail: defaultAdmin.email (m)",
            "- fill Confirm e-mail: defaultAdmin.email (i)",
            "- fill First name: defaultAdmin.firstName (m)",
            "- fill Last name: defaultAdmin.lastName (m)",
            "- secret Video password: secrets.videoPassword (m)",
            "- press Create (i)",
        ]
    );
}

#[tokio::test]
async fn plx_3_a_default_admin_is_required_and_the_manager_may_follow() {
    rule("PLX-3").await;
    rule("PLX-3a").await;
    let plan = first_plan(PORTAL, ACME).await;
    let waits: Vec<_> = plan.units.iter().flat_map(|u| &u.waiting).map(|w| format!("{}: {}", w.address, w.waits_for)).collect();
    assert_eq!(waits, ["acme/user/ann: it is deferred until 2026-06-01"]);
}

#[tokio::test]
async fn plx_4_the_msps_video_password_is_given_and_never_shown() {
    rule("PLX-4").await;
    rule("PLX-4a").await;
    assert_eq!(support(PORTAL, Kind::Organization, "secrets"), FieldSupport::WriteOnly);
    let plan = first_plan(PORTAL, ACME).await;
    let sensitive = change(&plan, "acme/organization/acme").fields.iter().filter(|f| f.sensitive);
    assert_eq!(sensitive.count(), 1, "it is given, and never shown");
}

#[tokio::test]
async fn plx_5_a_reset_of_the_video_password_may_lose_old_video() {
    let organization = |phone, secrets| {
        let admin = "defaultAdmin: {email: kim@msp.example, firstName: Kim, lastName: Ito}";
        let spec = format!("displayName: ACME, contact: {{phone: '{phone}'}}, {admin}, secrets: {secrets}");
        desired(PORTAL, side(LICENSED, format!("kind: Organization\nmetadata: {{name: acme}}\nspec: {{{spec}}}\n").leak()))
    };
    let effects = async |secrets| {
        let (before, after) = (organization("1", secrets), organization("2", secrets));
        let plan = plan(&profile(PORTAL), &[], &before, &after).await;
        change(&plan, "acme/organization/acme").effects.clone()
    };
    assert_eq!(effects("{videoPassword: {env: VIDEO}}").await, [Effect::Irreversible, Effect::Technician]);
}

#[tokio::test]
async fn plx_6_the_default_admin_gets_credentials_by_e_mail() {
    let plan = first_plan(PORTAL, ACME).await;
    assert_eq!(change(&plan, "acme/organization/acme").effects, [Effect::Email, Effect::Technician]);
    assert!(way(PORTAL, "Organization", "create").contains(&"brings defaultAdmin = ${self.defaultAdmin.email}".to_owned()));
}

#[tokio::test]
async fn plx_7_the_licences_that_each_consumes_are_observed() {
    assert_eq!(observed(PORTAL, "PLX-7"), ["licences"]);
    assert_eq!(columns(PORTAL, "dashboard"), ["Licenses: observed licences", "Sub-Organization: tenant"]);
}

#[tokio::test]
async fn plx_8_support_is_inherited_and_never_granted() {
    rule("PLX-8").await;
    let example = EXAMPLES.iter().find(|e| e.rule == "PLX-8").unwrap();
    let plan = first_plan(PORTAL, example.breaks).await;
    let asked = plan.units.iter().flat_map(|u| &u.changes).any(|c| c.address.to_string() == "msp/delegation/desk");
    assert!(!asked, "nobody is asked to grant it");
}

#[tokio::test]
async fn plx_9_more_people_are_a_technicians_work_without_a_screen() {
    let text = ACME.manifests.replace(", invitation: {deferUntil: 2026-06-01}", "");
    let plan = first_plan(PORTAL, side(LICENSED, text.leak())).await;
    assert_eq!(sets(&plan, "acme/user/ann"), ["email", "firstName", "lastName", "administrator"]);
    let change = change(&plan, "acme/user/ann");
    assert_eq!((change.performer, &change.blocked_by[..]), (Performer::Technician, &[][..]));
    assert_eq!(way(PORTAL, "User", "create"), [""; 0], "the manual has no screen of it");
}

const NO_ADMIN: Side = side(
    LICENSED,
    "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME Tools, defaultAdmin: {email: kim@msp.example}, secrets: {videoPassword: {env: VIDEO}}}
",
);

/// One for each rule of the profile.
pub(super) const EXAMPLES: &[Example] = &[
    Example {
        rule: "PLX-1",
        before: "",
        observed: &[],
        breaks: side(
            "addOns: [Phishing Prevention]",
            "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  defaultAdmin: {email: kim@msp.example, firstName: Kim, lastName: Ito}
  secrets: {videoPassword: {env: VIDEO}}
",
        ),
        keeps: ACME,
        says: "acme/organization/acme refused: acme cannot be managed before the add-on MSP Admin is licensed for the account (it is free): add it, then write `MSP Admin` under `account.addOns` of the Portal document",
    },
    Example {
        rule: "PLX-3",
        before: "",
        observed: &[],
        breaks: NO_ADMIN,
        keeps: ACME,
        says: "acme/organization/acme refused: acme has no whole `defaultAdmin`, and the portal makes no sub-organization without one: write its email, firstName and lastName; it may be somebody of the MSP, and the customer's manager a User with `invitation.deferUntil`",
    },
    Example {
        rule: "PLX-3a",
        before: "",
        observed: &[],
        breaks: NO_ADMIN,
        keeps: ACME,
        says: "acme/organization/acme warned: the default admin of acme is the MSP's own kim@msp.example, and nobody of the customer is declared: declare its manager as a User with `administrator: true`, and with `invitation.deferUntil` if devices are to be deployed first",
    },
    Example {
        rule: "PLX-4",
        before: "",
        observed: &[],
        breaks: side(
            LICENSED,
            "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME, defaultAdmin: {email: ann@acme.example, firstName: Ann, lastName: Archer}}
",
        ),
        keeps: ACME,
        says: "acme/organization/acme refused: acme has no `secrets.videoPassword`: the MSP's own video password is given at creation and links the accounts, so that the MSP can review the customer's video; name where it is kept",
    },
    Example {
        rule: "PLX-4a",
        before: "",
        observed: &[],
        breaks: side(
            LICENSED,
            "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME
  defaultAdmin: {email: ann@acme.example, firstName: Ann, lastName: Archer}
  secrets: {videoPassword: {env: VIDEO}, childVideoPassword: {env: VIDEO}}
",
        ),
        keeps: ACME,
        says: "acme/organization/acme refused: acme has secrets beside `videoPassword`: only the MSP's own video password is given; the customer's first admin sets an independent one on first opening Employee Monitoring or Phishing Prevention, and it is never kept here",
    },
    Example {
        rule: "PLX-8",
        before: "",
        observed: &[],
        breaks: side(
            LICENSED,
            "kind: User
metadata: {name: kim}
spec: {organization: msp, email: kim@msp.example}
---
kind: Delegation
metadata: {name: desk}
spec: {technicians: [kim], role: admin, customers: {names: []}}
",
        ),
        keeps: ACME,
        says: "msp/delegation/desk left out: delegation desk is not to be made: every admin of the MSP works inside every sub-organization, chosen from the selector of support, by inheritance; take it out",
    },
];
