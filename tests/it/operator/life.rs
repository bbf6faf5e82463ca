//! Each kind is made, changed and taken away; and what is made by one call is made by one call.

use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::stand::{Stand, id, says};

/// One resource of each kind that a customer or the MSP has, in the order in which they need each other: kind, name, what it says, what it says
/// later.
fn members() -> Vec<(Kind, &'static str, Json, Json)> {
    let of = |organization: &str, spec: Json| {
        let mut spec = spec;
        spec["organization"] = organization.into();
        spec
    };
    let acme = |spec: Json| of("acme", spec);
    let rule = |channel: &str| acme(json!({ "events": ["system.down"], "channel": channel, "target": { "users": ["bob"] } }));
    let desk = |role: &str| json!({ "groups": ["staff"], "role": role, "customers": { "names": ["acme"] } });
    vec![
        (Kind::Domain, "main", acme(json!({ "domain": "acme.example" })), acme(json!({ "domain": "acme.example", "primary": true }))),
        (Kind::Role, "operator", acme(json!({ "displayName": "Operator" })), acme(json!({ "displayName": "SAP operator" }))),
        (
            Kind::Group,
            "plant",
            acme(json!({ "displayName": "Plant", "roles": ["operator"] })),
            acme(json!({ "displayName": "Plant IT", "roles": ["operator"] })),
        ),
        (
            Kind::User,
            "bob",
            acme(json!({ "email": "bob@acme.example", "groups": ["plant"] })),
            acme(json!({ "email": "bob@acme.example", "firstName": "Bob" })),
        ),
        (
            Kind::Integration,
            "cloud",
            acme(json!({ "type": "aws", "displayName": "Cloud" })),
            acme(json!({ "type": "aws", "displayName": "AWS" })),
        ),
        (Kind::Gateway, "berlin", acme(json!({ "displayName": "Berlin" })), acme(json!({ "displayName": "Berlin, hall 3" }))),
        (
            Kind::MonitoredSystem,
            "erp",
            acme(json!({ "type": "SAP", "displayName": "ERP", "host": "prd.acme.example", "gateway": "berlin" })),
            acme(json!({ "type": "SAP", "displayName": "ERP", "host": "prd2.acme.example", "gateway": "berlin" })),
        ),
        (Kind::NotificationRule, "down", rule("sms"), rule("email")),
        (Kind::Group, "staff", of("msp", json!({ "displayName": "Staff" })), of("msp", json!({ "displayName": "All staff" }))),
        (Kind::Delegation, "desk", desk("Technician"), desk("Administrator")),
    ]
}

/// The addresses of all of them, each behind a word, sorted.
fn all(word: &str) -> Vec<String> {
    let tenant = |kind: Kind, name: &str| if kind == Kind::Delegation || name == "staff" { "msp" } else { "acme" };
    let address = |(kind, name, ..): &(Kind, &str, Json, Json)| format!("{word} {}/{}/{name}", tenant(*kind, name), kind.def().slug);
    let mut all: Vec<_> = members().iter().map(address).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_resource_of_each_kind_is_made_changed_and_taken_away_by_one_call_each() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    stand.customer("acme").await;
    for (kind, name, spec, _) in members() {
        stand.apply(kind, name, spec).await;
    }
    stand.ready(Kind::Organization, "acme").await;
    let mut ids = Vec::new();
    for (kind, name, ..) in members() {
        ids.push(id(&stand.ready(kind, name).await));
    }
    let mut made = all("create");
    made.extend(["create acme/organization/acme".to_owned(), "create acme/user/ann".to_owned()]);
    made.sort();
    assert_eq!(stand.portal().took(), made);
    stand.at_rest().await;

    for (kind, name, _, changed) in members() {
        stand.apply(kind, name, changed).await;
    }
    for ((kind, name, ..), before) in members().into_iter().zip(&ids) {
        let object = stand.until(kind, name, |o| o["metadata"]["generation"] == 2 && super::stand::is_ready(o)).await;
        assert_eq!(id(&object), *before, "{kind} {name} is the same object");
    }
    assert_eq!(stand.portal().took(), all("update"));

    for (kind, name, ..) in members().into_iter().rev() {
        stand.delete(kind, name).await;
        stand.until_gone(kind, name).await;
    }
    // The MSP is never read as "not declared any more, so take it away".
    let mut gone = all("delete");
    gone.retain(|line| *line != "delete msp/group/staff");
    let mut took = stand.portal().took();
    took.retain(|line| *line != "delete msp/group/staff");
    assert_eq!(took, gone);
    assert_eq!(says(&stand.ready(Kind::Organization, "acme").await, "Synced"), "True ReconcileSuccess");
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_customer_whose_document_is_deleted_is_let_go_of_and_nothing_of_it_is_taken_away() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    stand.customer("acme").await;
    stand.user("bob", "acme").await;
    stand.ready(Kind::User, "bob").await;
    stand.portal().took();
    stand.delete(Kind::Organization, "acme").await;
    stand.until_gone(Kind::Organization, "acme").await;
    stand.until(Kind::User, "bob", |o| !super::stand::is_ready(o)).await;
    assert_eq!(stand.portal().took(), [""; 0]);
    // Declared again, it is the same customer.
    stand.customer("acme").await;
    stand.ready(Kind::Organization, "acme").await;
    stand.ready(Kind::User, "bob").await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn at_rest_nothing_is_asked_and_a_change_is_one_call_with_one_event() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    stand.customer("acme").await;
    stand.user("bob", "acme").await;
    stand.ready(Kind::User, "bob").await;
    stand.ready(Kind::Organization, "acme").await;
    stand.at_rest().await;
    let (reads, mark) = (stand.portal().reads(), stand.mark().await);
    stand.portal().took();
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(stand.asked(mark).await, [""; 0]);
    assert_eq!(stand.portal().reads(), reads);

    let mark = stand.mark().await;
    stand.patch(Kind::User, "bob", json!({ "spec": { "firstName": "Bob" } })).await;
    stand.until(Kind::User, "bob", |o| o["metadata"]["generation"] == 2 && super::stand::is_ready(o)).await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), ["update acme/user/bob"]);
    let wrote = stand.wrote(mark).await;
    let about = |what: &str| wrote.iter().filter(|line| line.contains(what)).count();
    let namespace = &stand.namespace;
    let user = format!("patch users.tenantry.dev/status {namespace}/bob 200");
    // Being applied, and applied.
    assert!((1..=2).contains(&about(&user)), "{wrote:#?}");
    assert!(about("events.events.k8s.io") <= 1, "{wrote:#?}");
    let others: Vec<_> = wrote.iter().filter(|l| !l.contains(&user) && !l.contains(" events.events.k8s.io ")).collect();
    let only = |line: &str| line.contains("organizations.tenantry.dev/status") || line.contains("portals.tenantry.dev/status");
    assert!(others.iter().all(|line| only(line)) && others.len() <= 4, "{wrote:#?}");
    let events = stand.events().await;
    assert_eq!(
        events.iter().filter(|line| line.ends_with(" User/bob: update acme/user/bob in portal main: done")).count(),
        1,
        "{events:#?}"
    );
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_portal_that_is_declared_again_finds_its_customers_as_they_were() {
    let stand = Stand::new().await;
    let portal = json!({ "profile": "embedded" });
    stand.apply(Kind::Portal, "main", portal.clone()).await;
    stand.customer("acme").await;
    let acme = id(&stand.ready(Kind::Organization, "acme").await);
    stand.portal().took();
    stand.delete(Kind::Portal, "main").await;
    stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == "False DependencyNotReady").await;
    stand.apply(Kind::Portal, "main", portal).await;
    assert_eq!(id(&stand.ready(Kind::Organization, "acme").await), acme);
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.end().await;
}
