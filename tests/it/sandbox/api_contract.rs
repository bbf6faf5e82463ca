//! The contract of portals, kept by the `rest` driver against the sandbox's own API: two programs that share no line of mapping.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};
use tenantry::model::kind::Placement;
use tenantry::model::live::KeyHolder;
use tenantry::model::rule::Conduct;
use tenantry::model::{Capabilities, IntentAction, Kind, LiveTenant, PortalSpec, SecretRef, SecretSource};
use tenantry::portal::rest::Rest;
use tenantry::portal::rest::transport::{Network, Patience};
use tenantry::portal::{Call, CallError, Done, Driver, Execute, Observe, OpenContext, PortalError, Profile, TenantKey};
use tenantry::secrets::{SecretError, SecretReader};

use super::api_kit::Sandbox;
use crate::portal::contract::LAWS;
use crate::portal::kit::{self, CallExt as _};

const PROFILE: &str = include_str!("../../profiles/sandbox-api.yaml");

fn profile() -> Arc<Profile> {
    Arc::new(Profile::parse(PROFILE, "sandbox-api.yaml").unwrap_or_else(|wrong| panic!("{wrong:#?}")))
}

/// How often a call or a read is tried: one in ten is struck, so that ten in a row are not.
const ATTEMPTS: u32 = 10;

/// The operator's token is the one secret there is.
struct Token(String);

impl SecretReader for Token {
    fn read(&self, _: &SecretRef) -> Result<SecretString, SecretError> {
        Ok(self.0.clone().into())
    }
}

/// A driver as *apply* uses it: calls name the tenant's id, and what may be repeated is.
struct Informed(Arc<dyn Execute>);

#[async_trait]
impl Observe for Informed {
    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }
    fn conduct(&self) -> &dyn Conduct {
        self.0.conduct()
    }
    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        self.0.read(tenants).await
    }
    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        self.0.tenants().await
    }
    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        self.0.holders(kind, keys).await
    }
}

#[async_trait]
impl Execute for Informed {
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>> {
        let tenants = self.0.tenants().await.unwrap();
        let mut calls = calls.to_vec();
        for call in &mut calls {
            let makes_tenant = call.action == IntentAction::Create && call.address.kind.def().placement == Placement::Tenant;
            let found = tenants.iter().find(|t| t.name == call.address.tenant);
            call.tenant_id = found.filter(|_| !makes_tenant).and_then(|t| t.id.clone());
        }
        let mut answers = Vec::new();
        for call in calls {
            answers.push(self.one(call).await);
        }
        answers
    }
}

impl Informed {
    async fn one(&self, call: Call) -> Result<Done, CallError> {
        for _ in 0..ATTEMPTS {
            match self.0.perform(std::slice::from_ref(&call)).await.remove(0) {
                Err(CallError::Retry { .. }) => {}
                answer => return answer,
            }
        }
        panic!("{} attempts were too few for {call:?}", ATTEMPTS)
    }
}

fn portal(sandbox: &Sandbox) -> Arc<dyn Execute> {
    let mut spec = PortalSpec::embedded();
    spec.endpoint = Some(sandbox.base.clone());
    spec.credentials = vec![("token".to_owned(), SecretRef { source: SecretSource::Env("TOKEN".into()) })];
    let patience = Patience { attempts: ATTEMPTS, deadline: Duration::from_secs(60), first_pause: Duration::from_millis(5) };
    let driver = Rest::over(Network::of_this_machine().unwrap(), patience);
    let (state, secrets) = (tempfile::tempdir().unwrap(), Token(sandbox.operator.clone()));
    let ctx = OpenContext { spec: &spec, profile: profile(), state_dir: state.path(), secrets: &secrets };
    Arc::new(Informed(driver.open_writer(&ctx).unwrap()))
}

async fn all_laws_hold(sandbox: &Sandbox) {
    for (law, keeps) in LAWS {
        eprintln!("law: {law}");
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
