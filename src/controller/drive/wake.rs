//! What wakes a unit. Comes in: who is to be visited sooner than by their interval, and why. Goes out: their places in the queue.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use tokio::time::Instant;

use super::{Controller, GATHER, State};
use crate::controller::{End, UnitKey, Why};
use crate::ledger::Recorded;
use crate::model::{PortalName, TenantName};

/// Word of what a visit itself recorded comes within this time after its end.
const OWN_WORD: Duration = Duration::from_secs(2);

impl Controller {
    /// Wakes a unit.
    pub fn wake(&self, unit: &UnitKey, why: Why) {
        self.state().wake(unit, why, Instant::now());
        self.told.notify_one();
    }

    /// Wakes every unit of a tenant.
    pub fn wake_tenant(&self, tenant: &TenantName, why: Why) {
        self.wake_those(why, |unit| unit.tenant == *tenant);
    }

    /// Wakes every unit of some tenants.
    pub fn wake_tenants(&self, tenants: &BTreeSet<TenantName>, why: Why) {
        self.wake_those(why, |unit| tenants.contains(&unit.tenant));
    }

    /// Wakes every unit of a portal.
    pub fn wake_portal(&self, portal: &PortalName, why: Why) {
        self.wake_those(why, |unit| unit.portal == *portal);
    }

    /// Wakes every unit.
    pub fn wake_all(&self, why: Why) {
        self.wake_those(why, |_| true);
    }

    fn wake_those(&self, why: Why, which: impl Fn(&UnitKey) -> bool) {
        let mut state = self.state();
        let units: Vec<_> = state.queue.units().filter(which).collect();
        let at = Instant::now() + if why == Why::Changed { GATHER } else { Duration::ZERO };
        units.iter().for_each(|unit| state.wake(unit, why, at));
        drop(state);
        self.told.notify_one();
    }

    /// Takes in word of what is recorded in the ledger for as long as it comes: a technician confirmed something, say.
    pub async fn hear(self: Arc<Self>, mut words: BoxStream<'static, Recorded>) {
        while let Some(Recorded { portal, tenant }) = words.next().await {
            self.recorded(&UnitKey { portal, tenant });
        }
    }

    /// Takes in word that something was recorded of a unit, by whomever. Woken is who waits for people, and who was looked at before: somebody confirmed
    /// something, took it back, or applied. Others look again by themselves.
    pub fn recorded(&self, unit: &UnitKey) {
        let mut state = self.state();
        let concerns = state.visits.get(unit).is_some_and(|visit| match visit.end {
            End::AwaitingTechnician | End::Refused { .. } | End::Contended { .. } => true,
            End::InStep | End::Applied | End::AwaitingApproval { .. } | End::DriftReported => {
                Timestamp::now().duration_since(visit.at).unsigned_abs() > OWN_WORD
            }
            End::Applying | End::Suspended | End::Invalid { .. } => false,
            End::DependencyNotReady { .. } | End::Portal(_) | End::Failed { .. } | End::Stopped { .. } => false,
        });
        if concerns {
            state.wake(unit, Why::Answered, Instant::now() + GATHER);
            drop(state);
            self.told.notify_one();
        }
    }
}

impl State {
    pub(super) fn wake(&mut self, unit: &UnitKey, why: Why, at: Instant) {
        self.queue.wake(unit, why, at);
    }
}
