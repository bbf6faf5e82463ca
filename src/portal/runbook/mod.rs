//! The `runbook` driver: for a portal, or a part of one, that no program can use. A change becomes instructions for a technician.
//!
//! Comes in: calls with what is around them, and the profile's screens. Goes out: [`Work`], the same for the same call. It reads nothing, so
//! every collection is unreadable and every key's holder unknown; it keeps nothing, so what became of the work is for the ledger to say; and
//! it never opens a secret: instructions name where one is kept.

mod cover;
mod evidence;
mod instruct;
mod screens;
mod values;

use std::sync::Arc;

use async_trait::async_trait;

use super::driver::{Driver, OpenContext};
use super::{Call, CallError, Done, Execute, Observe, PortalError, Profile, TenantKey, Work};
use crate::model::live::KeyHolder;
use crate::model::rule::Conduct;
use crate::model::{Capabilities, Collection, Completeness, Kind, LiveTenant};

pub use evidence::{ASK_FOR_CUSTOMER, ASK_FOR_CUSTOMER_BEFORE, ask_for_all, ask_for_name, customer, item_by_item, of_customer};
pub use instruct::{declared, instructions};

/// The driver.
#[derive(Debug, Clone, Copy, Default)]
pub struct Runbook;

impl Driver for Runbook {
    fn name(&self) -> &'static str {
        super::profile::RUNBOOK
    }

    fn open_reader(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Observe>, PortalError> {
        Ok(Arc::new(Portal(Arc::clone(&ctx.profile))))
    }

    fn open_writer(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Execute>, PortalError> {
        Ok(Arc::new(Portal(Arc::clone(&ctx.profile))))
    }
}

struct Portal(Arc<Profile>);

#[async_trait]
impl Observe for Portal {
    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }

    fn conduct(&self) -> &dyn Conduct {
        &*self.0
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        let unreadable = Collection { completeness: Completeness::Unreadable, objects: Vec::new() };
        let collections = self.0.capabilities().kinds.keys().map(|kind| (*kind, unreadable.clone())).collect();
        Ok(vec![LiveTenant { collections, ..LiveTenant::default() }; tenants.len()])
    }

    /// None: nobody is shown any. That says nothing of what there is, as every collection's completeness says.
    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        Ok(Vec::new())
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        let why = format!("{} shows no program its {}: a technician looks before the work", self.0.title, kind.def().nouns);
        Ok(vec![KeyHolder::Unknown { why }; keys.len()])
    }
}

#[async_trait]
impl Execute for Portal {
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>> {
        calls.iter().map(|call| done(&self.0, call)).collect()
    }
}

fn done(profile: &Profile, call: &Call) -> Result<Done, CallError> {
    let instructions = instructions(profile, call)?;
    let waits_for = format!("a technician: {}", instructions.title);
    let work = Work { instructions, learnt: std::collections::BTreeMap::new(), calls_follow: false };
    Ok(Done::Pending { waits_for, work: Some(Box::new(work)) })
}
