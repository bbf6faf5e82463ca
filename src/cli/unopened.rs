//! A portal that can be read and could not be opened for writing. Comes in: who reads it, and why it cannot be written. Goes out: the reason, as
//! the answer to every call. Never writes.

use std::sync::Arc;

use async_trait::async_trait;

use crate::model::live::KeyHolder;
use crate::model::rule::Conduct;
use crate::model::{Capabilities, Kind, LiveTenant};
use crate::portal::{Call, CallError, Done, Execute, Observe, PortalError, TenantKey};

/// A portal that refuses every call.
pub(super) struct Unopened {
    observe: Arc<dyn Observe>,
    error: PortalError,
}

impl Unopened {
    /// Stands in for a portal that could not be opened.
    pub(super) fn portal(observe: Arc<dyn Observe>, error: PortalError) -> Arc<dyn Execute> {
        Arc::new(Self { observe, error })
    }

    fn answer(&self) -> CallError {
        match &self.error {
            PortalError::Denied(why) => CallError::Denied(why.clone()),
            error => CallError::Refused(format!("it cannot be opened for writing: {error}")),
        }
    }
}

#[async_trait]
impl Observe for Unopened {
    fn capabilities(&self) -> &Capabilities {
        self.observe.capabilities()
    }

    fn conduct(&self) -> &dyn Conduct {
        self.observe.conduct()
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        self.observe.read(tenants).await
    }

    fn for_one_plan(&self) -> Option<Arc<dyn Observe>> {
        self.observe.for_one_plan()
    }

    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        self.observe.tenants().await
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        self.observe.holders(kind, keys).await
    }
}

#[async_trait]
impl Execute for Unopened {
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>> {
        calls.iter().map(|_| Err(self.answer())).collect()
    }
}
