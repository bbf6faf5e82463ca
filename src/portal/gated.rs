//! A portal that is read freely and written only while a gate is open. Comes in: who reads and writes it, and the gate. Goes out: the portal,
//! and the gate's answer in place of every call that it does not let begin. Never begins a call behind a closed gate, and ends waiting for one
//! when the gate closes: what became of it is then not known.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Call, CallError, Done, Execute, Observe, PortalError, TenantKey};
use crate::model::live::KeyHolder;
use crate::model::rule::Conduct;
use crate::model::{Capabilities, Kind, LiveTenant};

/// Says whether calls may begin.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Why none may begin now; `None`: it may.
    fn shut(&self) -> Option<CallError>;

    /// Waits until the gate shuts; for ever if it never does.
    async fn shuts(&self);
}

/// A portal behind a gate.
pub struct Gated {
    observe: Arc<dyn Observe>,
    /// `None`: it could not be opened for writing.
    execute: Option<Arc<dyn Execute>>,
    gate: Arc<dyn Gate>,
}

impl Gated {
    /// Puts a portal behind a gate.
    pub fn portal(observe: Arc<dyn Observe>, execute: Arc<dyn Execute>, gate: Arc<dyn Gate>) -> Arc<dyn Execute> {
        Arc::new(Self { observe, execute: Some(execute), gate })
    }

    /// Stands in for a portal that could not be opened for writing: every call gets the reason.
    pub fn unopened(observe: Arc<dyn Observe>, error: PortalError) -> Arc<dyn Execute> {
        Arc::new(Self { observe, execute: None, gate: Arc::new(Unopened(error)) })
    }
}

struct Unopened(PortalError);

#[async_trait]
impl Gate for Unopened {
    fn shut(&self) -> Option<CallError> {
        Some(match &self.0 {
            PortalError::Denied(why) | PortalError::NoCredential(why) => CallError::Denied(why.clone()),
            error => CallError::Refused(format!("it cannot be opened for writing: {error}")),
        })
    }

    async fn shuts(&self) {}
}

#[async_trait]
impl Observe for Gated {
    fn capabilities(&self) -> &Capabilities {
        self.observe.capabilities()
    }

    fn conduct(&self) -> &dyn Conduct {
        self.observe.conduct()
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        self.observe.read(tenants).await
    }

    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        self.observe.tenants().await
    }

    async fn look(&self, tenants: &[TenantKey], kinds: &[Kind]) -> Result<Vec<LiveTenant>, PortalError> {
        self.observe.look(tenants, kinds).await
    }

    fn for_one_plan(&self) -> Option<Arc<dyn Observe>> {
        self.observe.for_one_plan()
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        self.observe.holders(kind, keys).await
    }
}

#[async_trait]
impl Execute for Gated {
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>> {
        let all = |error: CallError| calls.iter().map(|_| Err(error.clone())).collect();
        if let Some(error) = self.gate.shut() {
            return all(error);
        }
        let Some(execute) = &self.execute else { return all(CallError::Refused("it cannot be opened for writing".to_owned())) };
        tokio::select! {
            biased;
            answers = execute.perform(calls) => answers,
            () = self.gate.shuts() => all(CallError::Uncertain("we may not call any more, and did not wait for the answer".to_owned())),
        }
    }
}
