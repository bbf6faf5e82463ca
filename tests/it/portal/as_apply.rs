//! A driver as *apply* uses it: calls name the tenant's id, and what may be repeated is.

use std::sync::Arc;

use async_trait::async_trait;
use tenantry::model::kind::Placement;
use tenantry::model::live::KeyHolder;
use tenantry::model::rule::Conduct;
use tenantry::model::{Capabilities, IntentAction, Kind, LiveTenant};
use tenantry::portal::{Call, CallError, Done, Execute, Observe, PortalError, TenantKey};

/// How often a call is made: where one in ten is struck, ten in a row are not.
pub(crate) const ATTEMPTS: u32 = 10;

/// See the module.
pub(crate) struct AsApply(pub(crate) Arc<dyn Execute>);

#[async_trait]
impl Observe for AsApply {
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
impl Execute for AsApply {
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>> {
        let tenants = self.0.tenants().await.unwrap();
        let mut calls = calls.to_vec();
        for call in &mut calls {
            let makes_tenant = call.action == IntentAction::Create && call.address.kind.def().placement == Placement::Tenant;
            let found = tenants.iter().find(|t| t.name == call.address.tenant);
            call.tenant_id = found.filter(|_| !makes_tenant).and_then(|t| t.id.clone());
        }
        let mut answers = self.0.perform(&calls).await;
        assert_eq!(answers.len(), calls.len(), "one answer for each call");
        for (call, answer) in calls.iter_mut().zip(&mut answers) {
            while let Ok(Done::Partly { reached }) = answer {
                call.fate = call.fate.clone().at(reached.clone());
                *answer = self.0.perform(std::slice::from_ref(call)).await.remove(0);
            }
            for _ in 1..ATTEMPTS {
                if !matches!(answer, Err(CallError::Retry { .. })) {
                    break;
                }
                *answer = self.0.perform(std::slice::from_ref(call)).await.remove(0);
            }
            assert!(!matches!(answer, Err(CallError::Retry { .. })), "{ATTEMPTS} attempts were too few for {call:?}");
        }
        answers
    }
}
