//! The contract of portals, kept by the `rest` driver against the sandbox's own API: two programs that share no line of mapping.

use std::sync::Arc;

use serde_json::{Value, json};
use tenantry::model::{IntentAction, Kind};
use tenantry::portal::{Execute, Profile};

use super::api_kit::Sandbox;
use crate::contract::rest;
use crate::portal::as_apply::{ATTEMPTS, AsApply};
use crate::portal::contract::LAWS;
use crate::portal::kit::{self, CallExt as _};

fn profile() -> Arc<Profile> {
    rest::profile(|text| text)
}

fn portal(sandbox: &Sandbox) -> Arc<dyn Execute> {
    Arc::new(AsApply(rest::open(&sandbox.base, &sandbox.operator, profile(), ATTEMPTS)))
}

async fn all_laws_hold(sandbox: &Sandbox) {
    for (_, keeps) in LAWS {
        keeps(portal(sandbox)).await;
    }
}

#[tokio::test]
async fn the_rest_driver_keeps_the_contract_on_the_sandboxs_api() {
    let sandbox = Sandbox::play(profile()).await;
    all_laws_hold(&sandbox).await;
}

/// Each call has one effect, so whatever is lost on the way is asked for again.
#[tokio::test]
async fn the_rest_driver_keeps_the_contract_on_a_bad_day() {
    let sandbox = Sandbox::play(profile()).await;
    let among = json!([
        {"kind": "rateLimit"},
        {"kind": "error", "status": 503},
        {"kind": "error", "status": 503, "when": "after"},
        {"kind": "cut"},
        {"kind": "cut", "at": "after"},
        {"kind": "cut", "at": "body"},
    ]);
    sandbox.faults(json!({"random": {"seed": 1, "probability": 0.1, "among": among}})).await;
    all_laws_hold(&sandbox).await;
    let struck = sandbox.get("/sandbox/faults").await.body["random"]["struck"].clone();
    assert_eq!(struck.as_object().unwrap().len(), 3, "every sort of fault has struck: {struck}");
}

#[tokio::test]
async fn a_field_that_is_declared_no_more_is_cleared() {
    let sandbox = Sandbox::play(profile()).await;
    let portal = portal(&sandbox);
    let acme = |json| kit::create("acme/organization/acme", json);
    let id = kit::done(&portal, acme(json!({"displayName": "Acme", "notes": "old", "contact": {"phone": "1"}}))).await;
    let mut change = acme(json!({"displayName": "Acme", "contact": {"phone": "1"}})).object(&id).intent("clear");
    change.action = IntentAction::Update;
    change.changed = vec![kit::field(Kind::Organization, "notes")];
    kit::done(&portal, change).await;
    let shown = sandbox.get(&format!("/api/v1/tenants/{id}")).await;
    assert_eq!(shown.body["fields"], json!({"displayName": "Acme", "contact": {"phone": "1"}}));
}

#[tokio::test]
async fn a_full_read_is_one_call_for_each_page_of_each_collection() {
    let sandbox = Sandbox::play(profile()).await;
    for i in 0..150 {
        sandbox.customer(&format!("c{i:03}")).await;
    }
    sandbox.ask("DELETE", "/sandbox/requests", Value::Null).await;
    let portal = portal(&sandbox);
    let tenants = portal.tenants().await.unwrap();
    assert_eq!(tenants.len(), 151, "the customers and the MSP");
    sandbox.ask("DELETE", "/sandbox/requests", Value::Null).await;
    portal.read(&tenants).await.unwrap();
    let counted = sandbox.get("/sandbox/requests").await.body;
    let line = |r: &Value| format!("{} {} {}", r["method"].as_str().unwrap(), r["path"].as_str().unwrap(), r["count"]);
    let lines: Vec<_> = counted["requests"].as_array().unwrap().iter().map(line).collect();
    let one = |c: &str| format!("GET /api/v1/{c} 1");
    assert_eq!(lines, [one("domains"), one("groups"), one("roles"), "GET /api/v1/tenants 2".to_owned(), one("users")]);
}
