//! Each portal: customers of similar names and all that the portal documents, by its work orders alone; then something that no page documents.

use serde_json::json;

use super::equal::equal;
use super::office::{Case, Office};

pub(super) const IT_CONDUCTOR: Case = Case {
    profile: "it-conductor",
    account: "{name: Northwind IT, domain: northwind.example}",
    flags: &["--account-name", "Northwind IT", "--account-domain", "northwind.example"],
    secrets: &[],
    manifests: r#"kind: Organization
metadata: {name: contoso}
spec:
  displayName: Contoso
  defaultDashboard: SAP `overview`
  doNotDisturb: [{days: [sat, sun], from: "00:00", to: "23:59"}]
  domains: [{name: main, domain: contoso.example}]
  roles: [{name: operators, displayName: Operators}]
  users:
    - {name: alice, email: alice@contoso.example, firstName: Alice, lastName: Archer, administrator: true, roles: [operators], invitation: {expiresAfterDays: 14, monitorCompletion: true}}
    - {name: bob, email: bob@contoso.example, lastName: "O'Neil"}
  gateways: [{name: berlin, displayName: Berlin}]
  monitoredSystems: [{name: prd, displayName: SAP PRD, type: sap, gateway: berlin}]
  notificationRules: [{name: night, events: [outage], target: {organization: true}}]
---
kind: Organization
metadata: {name: contoso-labs}
spec:
  displayName: Contoso Labs
  domains: [{name: main, domain: contoso-labs.example}]
  users: [{name: alice, email: alice@contoso-labs.example, firstName: Alice, lastName: Archer}]
  gateways: [{name: berlin, displayName: Berlin}]
"#,
};

#[cfg_attr(not(have_chromium), ignore = "needs Chromium and chromedriver (Debian: chromium, chromium-driver)")]
#[tokio::test(flavor = "multi_thread")]
async fn two_customers_of_it_conductor_are_what_their_manifests_say() {
    let mut office = Office::of(&IT_CONDUCTOR);
    let beside = ["contoso north", "north.example"];
    office
        .had(
            "/tenants",
            json!({"fields": {"displayName": "Contoso North"}, "with": [{"collection": "domains", "fields": {"domain": "north.example"}}]}),
        )
        .await;
    let mut ann = office.technician().await;
    office.follow_all(&mut ann).await;
    equal(&office, "it-conductor", &beside).await;
    assert_eq!(office.mail().await, ["alice@contoso-labs.example", "alice@contoso.example", "bob@contoso.example"]);
    ann.open("Service Grid").await.unwrap();
    let row = ann.browser.row("Contoso").await.unwrap();
    ann.browser.click(&format!("{row}//a")).await.unwrap();
    ann.browser.press("", "Users").await.unwrap();
    office.observe(&ann, "users", Some("contoso")).await.exits(0);
    office.is_done();

    let changed = IT_CONDUCTOR.manifests.replace("displayName: Contoso\n", "displayName: Contoso AG\n");
    let changed = changed.replace("    - {name: bob, email: bob@contoso.example, lastName: \"O'Neil\"}\n", "");
    office.declare(&changed);
    office.allow = Some("G007=Bob has left");
    let items = office.follow_all(&mut ann).await;
    assert_eq!(items.len(), 2, "{items:#?}");
    equal(&office, "it-conductor", &beside).await;
    office.is_done();
}

pub(super) const WIV: Case = Case {
    profile: "wiv",
    account: "{name: Northwind IT, kind: MSP-Admin}",
    flags: &["--account-name", "Northwind IT", "--account-kind", "MSP-Admin"],
    secrets: &[("TENANT_SECRET_SLACK", "s3cret: of slack")],
    manifests: r#"kind: Organization
metadata: {name: contoso}
spec:
  displayName: Contoso
  accessPermissions: [cost.export, cost.read]
  users:
    - {name: alice, email: alice@contoso.example, roles: [Editor]}
    - {name: bob, email: bob@contoso.example, roles: [Guest]}
---
kind: Organization
metadata: {name: contoso-labs}
spec:
  displayName: Contoso Labs
  users: [{name: alice, email: alice@contoso-labs.example, roles: [Editor]}]
---
kind: Integration
metadata: {name: alerts}
spec:
  organization: msp
  type: slack
  displayName: Northwind alerts
  settings: {channel: costs}
  secrets: {token: {env: TENANT_SECRET_SLACK}}
  sharedWith: {names: [contoso]}
"#,
};

#[cfg_attr(not(have_chromium), ignore = "needs Chromium and chromedriver (Debian: chromium, chromium-driver)")]
#[tokio::test(flavor = "multi_thread")]
async fn two_customers_of_wiv_are_what_their_manifests_say() {
    let mut office = Office::of(&WIV);
    office.had("/tenants", json!({"fields": {"displayName": "Contoso North"}})).await;
    let beside = ["contoso north", "northwind tickets"];
    let tickets = json!({"fields": {"type": "jira", "displayName": "Northwind tickets"}});
    office.had("/tenants/msp/integrations", tickets).await;
    let mut ann = office.technician().await;
    // No page tells how an integration of the MSP's own is made: the order has all that goes into it.
    let items = office.follow_all(&mut ann).await;
    let made = items.iter().find(|item| item.title.contains("Create slack integration")).unwrap();
    let told: Vec<_> = made.lines.iter().filter(|l| l.says.starts_with("See to it, ")).flat_map(|l| l.values.clone()).collect();
    for value in ["slack", "Northwind alerts", "costs", "env TENANT_SECRET_SLACK"] {
        assert!(told.iter().any(|t| t == value), "{value} is not in {told:#?}");
    }
    // What is shared is shared once it is there.
    office.follow_all(&mut ann).await;
    equal(&office, "wiv", &beside).await;
    assert_eq!(office.mail().await, ["alice@contoso-labs.example", "alice@contoso.example", "bob@contoso.example"]);
    ann.open("Customers").await.unwrap();
    office.observe(&ann, "customers", None).await.exits(0);
    office.is_done();

    let changed = WIV.manifests.replace("names: [contoso]", "names: [contoso, contoso-labs]");
    office.allow = Some("G007=Bob has left");
    office.declare(&changed.replace("    - {name: bob, email: bob@contoso.example, roles: [Guest]}\n", ""));
    office.follow_all(&mut ann).await;
    equal(&office, "wiv", &beside).await;
    office.is_done();
}

const IDEMEUM: Case = Case {
    profile: "idemeum",
    account: "{name: Northwind IT, domain: northwind.idemeum.com}",
    flags: &["--account-name", "Northwind IT", "--account-domain", "northwind.idemeum.com"],
    secrets: &[],
    manifests: r#"kind: Organization
metadata: {name: contoso}
spec:
  displayName: Contoso
  users: [{name: alice, email: alice@contoso.example, administrator: true}]
---
kind: Organization
metadata: {name: contoso-labs}
spec: {displayName: Contoso Labs}
---
kind: User
metadata: {name: tom}
spec: {organization: msp, email: tom@northwind.example}
---
kind: Delegation
metadata: {name: first-line}
spec: {technicians: [tom], customers: {names: [contoso, contoso-labs]}, role: Read-only administrator}
"#,
};

#[cfg_attr(not(have_chromium), ignore = "needs Chromium and chromedriver (Debian: chromium, chromium-driver)")]
#[tokio::test(flavor = "multi_thread")]
async fn two_customers_of_idemeum_are_what_their_manifests_say() {
    let office = Office::of(&IDEMEUM);
    office.had("/tenants", json!({"key": "north", "fields": {"displayName": "Contoso North"}})).await;
    office.had("/tenants/msp/users", json!({"fields": {"email": "tim@northwind.example"}})).await;
    let beside = ["contoso north", "tim@northwind.example"];
    let mut ann = office.technician().await;
    office.follow_all(&mut ann).await;
    equal(&office, "idemeum", &beside).await;
    ann.open("Customers").await.unwrap();
    office.observe(&ann, "customers", None).await.exits(0);
    office.is_done();

    office.declare(&IDEMEUM.manifests.replace("displayName: Contoso\n", "displayName: Contoso AG\n"));
    office.follow_all(&mut ann).await;
    equal(&office, "idemeum", &beside).await;
    office.is_done();
}

const ITARIAN: Case = Case {
    profile: "itarian",
    account: "{name: Northwind IT, kind: MSP}",
    flags: &["--account-name", "Northwind IT", "--account-kind", "MSP"],
    secrets: &[],
    manifests: r#"kind: Organization
metadata: {name: contoso}
spec:
  displayName: Contoso
  relationship: managed
  contact: {email: office@contoso.example}
  billing: {plan: Gold, accountManager: kim@northwind.example}
  users: [{name: alice, email: alice@contoso.example, firstName: Alice, lastName: Archer}]
---
kind: Organization
metadata: {name: contoso-labs}
spec:
  displayName: Contoso Labs
  relationship: standalone
  contact: {address: "1 High Street\nLeeds", phone: '+44 20 1', website: 'https://labs.example'}
  notes: "Closed on Mondays.\n  Ring *twice* at `door` 2."
  domains: [{name: web, domain: labs.example}]
  users: [{name: alice, email: alice@labs.example, firstName: Alice, lastName: Lund}]
"#,
};

#[cfg_attr(not(have_chromium), ignore = "needs Chromium and chromedriver (Debian: chromium, chromium-driver)")]
#[tokio::test(flavor = "multi_thread")]
async fn two_customers_of_itarian_are_what_their_manifests_say() {
    let office = Office::of(&ITARIAN);
    office.had("/tenants", json!({"fields": {"displayName": "Contoso North", "relationship": "standalone"}})).await;
    for (mail, last) in [("alice@contoso.example", "Archer"), ("alice@labs.example", "Lund")] {
        office.had("/tenants/msp/users", json!({"fields": {"email": mail, "firstName": "Alice", "lastName": last}})).await;
    }
    let beside = ["contoso north", "alice@contoso.example", "alice@labs.example"];
    let mut ann = office.technician().await;
    office.follow_all(&mut ann).await;
    equal(&office, "itarian", &beside).await;
    ann.open("Staff Panel › Users › Customers").await.unwrap();
    office.observe(&ann, "customers", None).await.exits(0);
    office.is_done();

    office.declare(
        &ITARIAN.manifests.replace("plan: Gold", "plan: Silver").replace("displayName: Contoso Labs", "displayName: Contoso Research"),
    );
    office.follow_all(&mut ann).await;
    equal(&office, "itarian", &beside).await;
    office.is_done();
}

const PILIXO: Case = Case {
    profile: "pilixo",
    account: "{name: Northwind IT, domain: northwind.example, addOns: [MSP Admin]}",
    flags: &["--account-name", "Northwind IT", "--account-domain", "northwind.example", "--account-add-on", "MSP Admin"],
    secrets: &[("TENANT_SECRET_VIDEO", "pa55 \"word\"")],
    manifests: r#"kind: Organization
metadata: {name: contoso}
spec:
  displayName: Contoso
  contact: {phone: '+49 30 1'}
  defaultAdmin: {email: kim@northwind.example, firstName: Kim, lastName: Ito}
  secrets: {videoPassword: {env: TENANT_SECRET_VIDEO}}
  users:
    - {name: alice, email: alice@contoso.example, firstName: Alice, lastName: Archer, administrator: true}
    - {name: boss, email: boss@contoso.example, lastName: Boss, administrator: true, invitation: {deferUntil: 2999-01-01}}
---
kind: Organization
metadata: {name: contoso-labs}
spec:
  displayName: Contoso Labs
  contact: {phone: '+49 30 2'}
  defaultAdmin: {email: kim@northwind.example, firstName: Kim, lastName: Ito}
  secrets: {videoPassword: {env: TENANT_SECRET_VIDEO}}
  users: [{name: alice, email: alice@labs.example, lastName: Lund, administrator: true}]
"#,
};

#[cfg_attr(not(have_chromium), ignore = "needs Chromium and chromedriver (Debian: chromium, chromium-driver)")]
#[tokio::test(flavor = "multi_thread")]
async fn two_customers_of_pilixo_are_what_their_manifests_say() {
    let office = Office::of(&PILIXO);
    // The portal makes the default admin with the organization.
    let made_with = ["kim@northwind.example"];
    let mut ann = office.technician().await;
    office.follow_all(&mut ann).await;
    let deferred = PILIXO.manifests.lines().filter(|line| !line.contains("name: boss")).map(|line| format!("{line}\n")).collect::<String>();
    let all = office.run(&["plan", "-o", "json"]).exits(0).out;
    assert!(all.contains("boss"), "the plan says what waits for its day");
    ann.open("MSP Admin › Dashboard").await.unwrap();
    office.observe(&ann, "dashboard", None).await.exits(0);
    office.declare(&deferred);
    equal(&office, "pilixo", &made_with).await;
    office.is_done();

    let changed = deferred.replace("lastName: Archer", "lastName: Abel").replace("lastName: Lund", "lastName: Lindt");
    office.declare(&changed);
    office.follow_all(&mut ann).await;
    equal(&office, "pilixo", &made_with).await;
    office.is_done();
}
