//! What the server beside the operator answers. Comes in: the controller, the fence, the metrics, how the hub fares. Goes out: health, readiness
//! and metrics. How each customer is stands in the statuses of custom resources, and nowhere else.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::silence::Silence;
use crate::apply::Stop;
use crate::controller::fence::Fence;
use crate::controller::health::{Answers, turning};
use crate::controller::metrics::Metrics;
use crate::controller::{Controller, Fleet, Visit};
use crate::model::{PortalName, TenantName};

/// See the module.
pub struct Shown {
    pub(crate) metrics: Arc<Metrics>,
    /// What nothing is heard of.
    pub(crate) silence: Silence,
    fence: Fence,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    controller: Option<Arc<Controller>>,
    stop: Option<Arc<Stop>>,
    /// When the hub's loop turned last.
    turned: Option<Instant>,
    /// Everything was listed once and taken in.
    declared: bool,
    /// Custom resources that are not taken in, for they have errors.
    refused: usize,
}

impl Shown {
    /// Nothing is known yet.
    pub fn new(metrics: Arc<Metrics>, fence: Fence) -> Self {
        Self { metrics, silence: Silence::default(), fence, state: Mutex::default() }
    }

    pub(crate) fn works(&self, controller: Arc<Controller>, stop: Arc<Stop>) {
        let mut state = self.state();
        state.controller = Some(controller);
        state.stop = Some(stop);
    }

    /// The portals in which a tenant is visited.
    pub(crate) fn portals_of(&self, tenant: &TenantName) -> BTreeSet<PortalName> {
        let controller = self.state().controller.clone();
        controller.map(|c| c.portals_of(tenant)).unwrap_or_default()
    }

    /// What is declared now.
    pub(crate) fn fleet(&self) -> Option<Arc<Fleet>> {
        self.state().controller.clone()?.fleet()
    }

    /// The newest visit of each tenant in a portal; `None`: not all were visited yet.
    pub(crate) fn visits_in(&self, portal: &PortalName) -> Option<Vec<Arc<Visit>>> {
        let controller = self.state().controller.clone();
        controller.and_then(|c| c.visits_in(portal))
    }

    /// The hub's loop turned.
    pub(crate) fn turned(&self) {
        self.state().turned = Some(Instant::now());
    }

    /// What is there was taken in, but for so many custom resources with errors.
    pub(crate) fn declared(&self, refused: usize) {
        let mut state = self.state();
        state.declared = true;
        state.refused = refused;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answers for Shown {
    fn healthy(&self) -> Result<(), String> {
        let state = self.state();
        turning(state.turned, "the loop that gathers custom resources", state.controller.as_deref())
    }

    fn ready(&self) -> Result<&'static str, String> {
        let state = self.state();
        if state.stop.as_ref().is_some_and(|stop| stop.requested()) {
            return Err("it was told to stop".to_owned());
        }
        if !state.declared {
            return Err(self.silence.waits_for());
        }
        drop(state);
        Ok(if self.fence.is_open() { "leading" } else { "standing by" })
    }

    fn metrics(&self) -> String {
        let (controller, refused) = {
            let state = self.state();
            (state.controller.clone(), state.refused)
        };
        self.metrics.of(controller.as_deref(), self.fence.is_open(), refused)
    }

    fn status(&self) -> Option<String> {
        None
    }
}
