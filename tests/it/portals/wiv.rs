//! wiv, row by row.

use tenantry::model::rule::Effect;
use tenantry::model::{FieldSupport, Kind, Performer};

use super::kit::*;

const PORTAL: &str = "wiv";

async fn rule(id: &str) {
    check(PORTAL, EXAMPLES.iter().find(|e| e.rule == id).unwrap()).await;
}

const ADMIN: &str = "kind: MSP-Admin";

pub(super) const ACME: Side = side(
    ADMIN,
    "kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  accessPermissions: [cost.read]
  users: [{name: ann, email: ann@acme.example, roles: [Editor]}]
  integrations: [{name: cloud, type: aws, displayName: Cloud, settings: {accountType: payer, curConfigType: new}}]
---
kind: Integration
metadata: {name: slack}
spec: {organization: msp, type: Slack, displayName: Team Slack, sharedWith: {names: [acme]}}
",
);

#[tokio::test]
async fn wiv_1_only_an_msp_admin_manages_customers() {
    rule("WIV-1").await;
    rule("WIV-1a").await;
}

#[tokio::test]
async fn wiv_2_a_customer_has_a_name_and_access_permissions() {
    let plan = first_plan(PORTAL, ACME).await;
    assert_eq!(sets(&plan, "acme/organization/acme"), ["displayName", "accessPermissions"]);
    let steps = way(PORTAL, "Organization", "create");
    assert_eq!(change(&plan, "acme/organization/acme").performer, Performer::Call);
    // The API takes the name alone.
    assert_eq!(support(PORTAL, Kind::Organization, "accessPermissions"), FieldSupport::Technician);
    assert_eq!(tree(PORTAL)["kinds"]["Organization"]["http"]["create"][0]["body"], serde_json::json!({"name": "${self.displayName}"}));
    let change = way(PORTAL, "Organization", "update");
    assert_eq!(change[..3], ["Customers (m)", "- row ${organization} (m)", "- choose Access permissions: accessPermissions (m)"]);
    let expected = ["Customers (m)", "- press New Customer (i)", "- fill Name: displayName (m)"];
    assert_eq!(steps[..3], expected);
    assert_eq!(steps[3], "- choose Access permissions: accessPermissions (m)");
    assert_eq!(steps[6..], ["brings customer = ${self.displayName}", "brings customerId"]);
}

#[tokio::test]
async fn wiv_3_an_integration_of_the_msp_is_shared_by_a_technician() {
    let plan = first_plan(PORTAL, ACME).await;
    assert!(sets(&plan, "msp/integration/slack").contains(&"sharedWith"));
    assert_eq!(support(PORTAL, Kind::Integration, "sharedWith"), FieldSupport::Technician);
    assert_eq!(
        way(PORTAL, "Integration", "update"),
        [
            "Integrations for each of sharedWith (m)",
            "- row ${self.type} (m)",
            "- row ${has(self.displayName) ? self.displayName : name}, entry Share (m)",
            "- look The dialog “Share Integration” is open (m)",
            "- choose Customer = ${item} (m)",
            "- press Share (m)",
            "- look The integration shows as attached to “${item}” (m)",
        ]
    );
    rule("WIV-3").await;
}

#[tokio::test]
async fn wiv_4_a_user_is_invited_with_one_role() {
    let plan = first_plan(PORTAL, ACME).await;
    assert_eq!(sets(&plan, "acme/user/ann"), ["email", "roles"]);
    assert_eq!(change(&plan, "acme/user/ann").effects, [Effect::Email, Effect::Technician]);
    assert_eq!(refused(&plan, "acme/user/ann"), [""; 0]);
    assert_eq!(
        way(PORTAL, "User", "create")[..6],
        [
            "Customers (m)",
            "- row ${organization} (m)",
            "- press New User (m)",
            "- fill E-mail: email (m)",
            "- choose Role: roles (m)",
            "- press Invite (m)",
        ]
    );
    rule("WIV-4").await;
}

#[tokio::test]
async fn wiv_5_a_user_without_a_role_becomes_a_guest() {
    rule("WIV-5").await;
    rule("WIV-5a").await;
    let profile = profile(PORTAL);
    let roles = &profile.capabilities().kinds[&Kind::Role].builtin;
    assert_eq!(roles.iter().map(String::as_str).collect::<Vec<_>>(), ["Admin", "Editor", "Guest", "MSP-Admin", "Member"]);
}

#[tokio::test]
async fn wiv_6_integrations_users_and_the_audit_log_are_observed() {
    assert_eq!(
        observed(PORTAL, "WIV-6"),
        ["activeIntegrations", "shares", "users", "integrations", "integrationTypes", "permissions", "lastAccess"]
    );
    let shown = &tree(PORTAL)["kinds"]["Organization"]["http"]["item"]["observed"];
    assert_eq!(shown["users"], "item.users_number");
    assert_eq!(shown["integrations"], "item.num_of_integrations");
    assert!(shown["integrationTypes"].as_str().unwrap().ends_with(": item.integration_types"));
    assert_eq!(
        columns(PORTAL, "customers"),
        [
            "Active integrations: observed activeIntegrations",
            "Audit log: observed lastAccess",
            "Customer: tenant",
            "Permissions: observed permissions",
            "Shares: observed shares",
            "Users: observed users",
        ]
    );
}

#[tokio::test]
async fn wiv_7_an_aws_integration_of_a_customer_has_a_step_for_a_person() {
    let plan = first_plan(PORTAL, ACME).await;
    assert_eq!(sets(&plan, "acme/integration/cloud"), ["type", "displayName", "settings"]);
    let cloud = change(&plan, "acme/integration/cloud");
    assert_eq!((cloud.performer, &cloud.effects[..]), (Performer::Call, &[Effect::Technician][..]));
    let document = tree(PORTAL);
    let steps = document["kinds"]["Integration"]["http"]["create"].as_array().unwrap();
    let aws: Vec<_> = steps.iter().filter(|s| s["when"].as_str().unwrap().ends_with("== 'aws'")).collect();
    let [link, person, call] = aws.as_slice() else { panic!("a call, a person, a call: {aws:#?}") };
    assert_eq!(link["path"], "/onboarding/aws/cloudformation-link");
    assert_eq!(person["ask"]["source"], "d");
    let evidence: Vec<_> = person["ask"]["evidence"].as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap()).collect();
    assert_eq!(evidence, ["externalId", "roleArn"]);
    assert_eq!(call["body"]["integration_secret"]["external_id"], "${steps.externalId}");
    // Nobody is asked twice, and nothing is made before somebody has looked: so one of the MSP's own can be made where nothing is listed.
    assert!(profile(PORTAL).capabilities().kinds[&Kind::Integration].looks_first);
    rule("WIV-7").await;
}

/// One for each rule of the profile.
pub(super) const EXAMPLES: &[Example] = &[
    Example {
        rule: "WIV-1",
        before: "",
        observed: &[],
        breaks: side("kind: Admin", "kind: Organization\nmetadata: {name: acme}\nspec: {displayName: ACME}\n"),
        keeps: side(ADMIN, "kind: Organization\nmetadata: {name: acme}\nspec: {displayName: ACME}\n"),
        says: "acme/organization/acme refused: only a user with the role MSP-Admin manages customers, and the Portal document says `account.kind: Admin`: use an account with that role and write `account.kind: MSP-Admin`",
    },
    Example {
        rule: "WIV-1a",
        before: "",
        observed: &[],
        breaks: side(
            "",
            "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME}
---
kind: Integration
metadata: {name: slack}
spec: {organization: msp, type: Slack, sharedWith: {names: [acme]}}
",
        ),
        keeps: side("", "kind: Integration\nmetadata: {name: slack}\nspec: {organization: msp, type: Slack, sharedWith: {names: []}}\n"),
        says: "msp/integration/slack refused: integration slack would be shared with customers, which only a user with the role MSP-Admin manages: use an account with that role and write `account.kind: MSP-Admin`",
    },
    Example {
        rule: "WIV-7",
        before: "",
        observed: &[],
        breaks: side(
            ADMIN,
            "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME, integrations: [{name: cloud, type: aws, settings: {accountType: payer}}]}
",
        ),
        keeps: ACME,
        says: "acme/integration/cloud refused: AWS integration cloud of acme needs `settings.accountType` and `settings.curConfigType`: the call that fetches its link asks for both",
    },
    Example {
        rule: "WIV-3",
        before: "",
        observed: &[],
        breaks: side(
            ADMIN,
            "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME, integrations: [{name: slack, type: Slack, sharedWith: {names: [globex]}}]}
---
kind: Organization
metadata: {name: globex}
spec: {displayName: Globex}
",
        ),
        keeps: ACME,
        says: "acme/integration/slack refused: integration slack belongs to acme and would be shared with globex: only an integration of the MSP's own tenant is shared",
    },
    Example {
        rule: "WIV-4",
        before: "",
        observed: &[],
        breaks: side(
            ADMIN,
            "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME, users: [{name: ann, email: ann@acme.example, roles: [Editor, Admin]}]}
",
        ),
        keeps: ACME,
        says: "acme/user/ann refused: ann@acme.example would have the roles Admin, Editor, and an invitation asks for one role: keep one",
    },
    Example {
        rule: "WIV-5",
        before: "",
        observed: &[],
        breaks: side(
            ADMIN,
            "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME, users: [{name: ann, email: ann@acme.example}]}
",
        ),
        keeps: side(
            ADMIN,
            "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME, users: [{name: ann, email: ann@acme.example, roles: [Guest]}]}
",
        ),
        says: "acme/user/ann warned: ann@acme.example has no role and becomes a Guest: name a role, or `roles: [Guest]` if that is meant",
    },
    Example {
        rule: "WIV-5a",
        before: "",
        observed: &[],
        breaks: side(
            ADMIN,
            "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME, users: [{name: ann, email: ann@acme.example, roles: [MSP-Admin]}]}
",
        ),
        keeps: side(ADMIN, "kind: User\nmetadata: {name: kim}\nspec: {organization: msp, email: kim@msp.example, roles: [MSP-Admin]}\n"),
        says: "acme/user/ann refused: ann@acme.example of acme would have the role MSP-Admin; a customer's user has one of the standard roles Admin, Editor, Member and Guest, and the MSP's roles are for the MSP's own users",
    },
];
