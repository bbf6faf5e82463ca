//! Plans wait in the cluster for whom they belong to: an organization's annotation approves its own, a portal's those of all its tenants. A digest
//! passes its very content once, and nothing else.

use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::consent_kit::{Kit, digest, message, plan};
use super::stand::says;

/// A portal that waits for approval in this mode.
async fn portal(kit: &Kit, mode: &str) {
    kit.apply(Kind::Portal, "main", json!({ "profile": "embedded", "approval": { "mode": mode } })).await;
}

/// An organization with so many users; the first one administers.
async fn organization(kit: &Kit, name: &str, display: &str, users: usize) {
    let user = |n: usize| json!({ "name": format!("u{n}"), "email": format!("u{n}@{name}.example"), "administrator": n == 0 });
    let users: Vec<Json> = (0..users).map(user).collect();
    kit.apply(Kind::Organization, name, json!({ "displayName": display, "users": users })).await;
}

async fn waits(kit: &Kit, name: &str) -> Json {
    kit.until_it_says(Kind::Organization, name, "Ready", "False AwaitingApproval").await
}

async fn is_ready(kit: &Kit, name: &str) -> Json {
    kit.until_it_says(Kind::Organization, name, "Ready", "True ReconciliationSucceeded").await
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn an_organization_approves_its_own_plan_and_nobody_elses() {
    let kit = Kit::new().await;
    portal(&kit, "Manual").await;
    organization(&kit, "acme", "Acme", 1).await;
    organization(&kit, "beta", "Beta", 1).await;
    let (acme, beta) = (digest(&waits(&kit, "acme").await, "main"), digest(&waits(&kit, "beta").await, "main"));
    assert_ne!(acme, beta);
    // Another's digest, and one's own beside it.
    kit.approve(Kind::Organization, "acme", &beta).await;
    let stale = kit.until_it_says(Kind::Organization, "acme", "PlanPending", "True PlanStale").await;
    assert_eq!(digest(&stale, "main"), acme, "approving changes no digest");
    kit.approve(Kind::Organization, "acme", &format!("{beta}, {acme}")).await;
    is_ready(&kit, "acme").await;
    let beta = kit.get(Kind::Organization, "beta").await.unwrap();
    assert_eq!(says(&beta, "Ready"), "False AwaitingApproval", "{beta:#}");
    let listed = kit.tenantry(&["ledger", "list"]).await.exits(0);
    assert!(listed.out.contains("acme/organization/acme") && !listed.out.contains("beta/"), "{}", listed.said());
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_portal_approves_plans_of_all_its_tenants_the_msp_among_them() {
    let kit = Kit::new().await;
    portal(&kit, "Manual").await;
    organization(&kit, "acme", "Acme", 1).await;
    organization(&kit, "beta", "Beta", 1).await;
    let technician = json!({ "organization": "msp", "email": "nora@northwind-it.example", "administrator": true });
    kit.apply(Kind::User, "nora", technician).await;
    let (acme, beta) = (digest(&waits(&kit, "acme").await, "main"), digest(&waits(&kit, "beta").await, "main"));
    // The MSP has no document of its own; its plan stands beside the portal.
    let shown = kit.until(Kind::Portal, "main", |o| plan(o, "main")["tenant"] == "msp").await;
    assert_eq!(shown["status"]["plans"].as_array().unwrap().len(), 1, "{shown:#}");
    let msp = digest(&shown, "main");
    kit.approve(Kind::Portal, "main", &format!("{acme},{msp}")).await;
    is_ready(&kit, "acme").await;
    kit.until_it_says(Kind::User, "nora", "Ready", "True ReconciliationSucceeded").await;
    let object = kit.get(Kind::Organization, "beta").await.unwrap();
    assert_eq!((says(&object, "PlanPending").as_str(), digest(&object, "main")), ("True PlannedWithChanges", beta), "{object:#}");
    kit.until(Kind::Portal, "main", |o| o["status"]["plans"].as_array().is_none_or(Vec::is_empty)).await;
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_change_makes_what_was_approved_stale_and_it_passes_nothing() {
    let kit = Kit::new().await;
    portal(&kit, "Manual").await;
    organization(&kit, "acme", "Acme", 1).await;
    let first = digest(&waits(&kit, "acme").await, "main");
    // The change comes before its approval.
    organization(&kit, "acme", "Acme Tools", 1).await;
    let second = kit.until(Kind::Organization, "acme", |o| ![String::new(), first.clone()].contains(&digest(o, "main"))).await;
    let second = digest(&second, "main");
    kit.approve(Kind::Organization, "acme", &first).await;
    let stale = kit.until_it_says(Kind::Organization, "acme", "PlanPending", "True PlanStale").await;
    assert_eq!(digest(&stale, "main"), second);
    assert!(message(&stale, "Ready").contains("what was approved is another plan"), "{}", message(&stale, "Ready"));
    assert!(kit.tenantry(&["ledger", "list"]).await.said().contains("acme").eq(&false), "nothing was applied");
    kit.approve(Kind::Organization, "acme", &second).await;
    is_ready(&kit, "acme").await;
    // Used once: what comes next waits, whatever the annotation still says.
    organization(&kit, "acme", "Acme", 1).await;
    let third = digest(&waits(&kit, "acme").await, "main");
    kit.approve(Kind::Organization, "acme", &third).await;
    is_ready(&kit, "acme").await;
    organization(&kit, "acme", "Acme Tools", 1).await;
    let fourth = waits(&kit, "acme").await;
    assert!(plan(&fourth, "main")["text"].as_str().unwrap().contains("1 to update"), "{fourth:#}");
    // The very content that was approved and applied once: it has to be approved again.
    kit.approve(Kind::Organization, "acme", &digest(&fourth, "main")).await;
    is_ready(&kit, "acme").await;
    organization(&kit, "acme", "Acme", 1).await;
    assert_eq!(digest(&waits(&kit, "acme").await, "main"), third);
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn what_takes_nothing_away_need_not_wait() {
    let kit = Kit::new().await;
    portal(&kit, "AutoUnlessDestructive").await;
    organization(&kit, "acme", "Acme", 2).await;
    is_ready(&kit, "acme").await;
    organization(&kit, "acme", "Acme Tools", 3).await;
    kit.until(Kind::Organization, "acme", |o| o["status"]["children"].as_array().is_some_and(|c| c.len() == 3)).await;
    is_ready(&kit, "acme").await;
    organization(&kit, "acme", "Acme Tools", 2).await;
    let held = waits(&kit, "acme").await;
    assert!(plan(&held, "main")["text"].as_str().unwrap().contains("- delete user/u2"), "{held:#}");
    let listed = kit.tenantry(&["ledger", "list"]).await.exits(0);
    assert!(listed.out.contains("acme/user/u2"), "{}", listed.said());
    kit.approve(Kind::Organization, "acme", &digest(&held, "main")).await;
    is_ready(&kit, "acme").await;
    let listed = kit.tenantry(&["ledger", "list"]).await.exits(0);
    assert!(!listed.out.contains("acme/user/u2"), "{}", listed.said());
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_digest_passes_judgement_and_no_fact() {
    let kit = Kit::new().await;
    portal(&kit, "Auto").await;
    organization(&kit, "acme", "Acme", 9).await;
    is_ready(&kit, "acme").await;
    // Too many at once, for a judgement that a person may overrule.
    organization(&kit, "acme", "Acme", 1).await;
    let refused = kit.until_it_says(Kind::Organization, "acme", "Stalled", "True GuardRefused").await;
    assert_eq!(says(&refused, "Ready"), "False ReconciliationFailed");
    assert!(plan(&refused, "main")["text"].as_str().unwrap().contains("G001"), "{refused:#}");
    kit.approve(Kind::Organization, "acme", &digest(&refused, "main")).await;
    is_ready(&kit, "acme").await;
    let listed = kit.tenantry(&["ledger", "list"]).await.exits(0);
    assert!(listed.out.contains("acme/user/u0") && !listed.out.contains("acme/user/u8"), "{}", listed.said());
    // A secret that is not there is a fact.
    let reference = json!({ "secretKeyRef": { "name": "nowhere", "key": "token" } });
    let integration = json!({ "organization": "acme", "type": "webhook", "displayName": "Hook", "secrets": { "token": reference } });
    kit.apply(Kind::Integration, "hook", integration).await;
    let refused = kit.until_it_says(Kind::Integration, "hook", "Stalled", "True GuardRefused").await;
    let why = message(&refused, "Ready");
    assert!(why.contains("there is no Secret nowhere in namespace"), "{why}");
    let fact = kit.until(Kind::Organization, "acme", |o| !digest(o, "main").is_empty()).await;
    kit.approve(Kind::Organization, "acme", &digest(&fact, "main")).await;
    let mark = "2026-03-02T09:30:00Z";
    kit.annotate(Kind::Organization, "acme", "tenantry.dev/reconcile-requested-at", Some(mark)).await;
    kit.until(Kind::Organization, "acme", |o| o["status"]["lastHandledReconcileAt"] == mark).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let still = kit.get(Kind::Integration, "hook").await.unwrap();
    assert_eq!(says(&still, "Stalled"), "True GuardRefused", "{still:#}");
    let listed = kit.tenantry(&["ledger", "list"]).await.exits(0);
    assert!(!listed.out.contains("acme/integration/hook"), "{}", listed.said());
    kit.end().await;
}
