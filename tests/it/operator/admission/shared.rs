//! What a change of one organization does to what others share with it.

use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::NONE;
use super::desk::Desk;

/// Two gold customers, and an integration of the MSP that is shared with whom a test says.
async fn sharing(with: Json) -> Desk {
    let desk = Desk::new().await;
    desk.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    for name in ["acme", "brew"] {
        desk.apply(Kind::Organization, name, organization("gold")).await;
        desk.until_ready(Kind::Organization, name).await;
    }
    let token = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "tickets" }, "stringData": { "token": "canary" } });
    desk.make(&format!("/api/v1/namespaces/{}/secrets", desk.home), &token).await;
    let token = json!({ "token": { "secretKeyRef": { "name": "tickets", "key": "token" } } });
    let tickets = json!({ "organization": "msp", "type": "psa", "displayName": "Tickets", "sharedWith": with, "secrets": token });
    desk.apply(Kind::Integration, "tickets", tickets).await;
    desk.until_ready(Kind::Integration, "tickets").await;
    desk
}

fn organization(tier: &str) -> Json {
    json!({ "displayName": "A customer", "labels": { "tier": tier } })
}

const FEWER: &str = "this shares 1 integration of the MSP with fewer, by the labels of organizations";
const UPDATED: &str = "this updates 1 organization of acme in portal main";
const MORE: &str = "this shares 1 integration of the MSP with more, by the labels of organizations";

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn who_is_picked_by_labels_and_loses_them_is_told_to_lose_what_is_shared_by_them() {
    let desk = sharing(json!({ "selector": { "matchLabels": { "tier": "gold" } } })).await;
    assert_eq!(desk.would_apply(Kind::Organization, "acme", organization("silver")).await, [FEWER, UPDATED]);
    let new = desk.would_apply(Kind::Organization, "corp", organization("gold")).await;
    assert!(new.contains(&MORE.to_owned()), "{new:#?}");
    let other = desk.would_apply(Kind::Organization, "corp", organization("silver")).await;
    assert!(other.iter().all(|line| !line.contains("the MSP")), "{other:#?}");
    let gone = desk.delete(Kind::Organization, "acme", "dryRun=All").await;
    assert!(gone.contains(&FEWER.to_owned()), "{gone:#?}");
    // What labels have no part in says nothing of it.
    let mut acme = organization("gold");
    acme["displayName"] = json!("Acme");
    assert_eq!(desk.would_apply(Kind::Organization, "acme", acme).await, [UPDATED]);
    assert_eq!(desk.would_apply(Kind::Organization, "acme", organization("gold")).await, NONE);
    desk.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn who_is_named_and_goes_is_told_to_leave_an_error_behind() {
    let desk = sharing(json!({ "names": ["acme", "brew"] })).await;
    assert_eq!(desk.would_apply(Kind::Organization, "acme", organization("silver")).await, [UPDATED]);
    let gone = desk.delete(Kind::Organization, "acme", "dryRun=All").await;
    let held = "nothing more is done for the MSP until what they share with this organization is mended";
    assert!(gone.contains(&held.to_owned()), "{gone:#?}");
    desk.end().await;
}
