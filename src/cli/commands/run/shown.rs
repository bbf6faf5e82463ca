//! What the server beside the controller answers. Comes in: the controller, the fence, the metrics, what is wrong with the manifests. Goes out:
//! health, readiness, metrics, and how each customer is, as JSON. Holds no secret: it shows visits, which have none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use crate::controller::fence::Fence;
use crate::controller::health::{Answers, turning};
use crate::controller::metrics::Metrics;
use crate::controller::{Controller, End, Fleet, Visit, status};
use crate::diagnostic::Diagnostic;

/// See the module.
pub(super) struct Shown {
    pub(super) metrics: Arc<Metrics>,
    pub(super) fence: Fence,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    controller: Option<Arc<Controller>>,
    /// When manifests were taken in last.
    declared: Option<Timestamp>,
    /// What is wrong with the manifests that are there now; empty: they are what is declared.
    broken: Vec<Diagnostic>,
    /// What else a person should see to.
    troubles: Vec<String>,
    /// When the loop that looks at the folder turned last.
    turned: Option<Instant>,
}

impl Shown {
    pub(super) fn new(metrics: Arc<Metrics>, fence: Fence) -> Self {
        Self { metrics, fence, state: Mutex::default() }
    }

    pub(super) fn works(&self, controller: Arc<Controller>) {
        self.state().controller = Some(controller);
    }

    /// Manifests were taken in.
    pub(super) fn declared(&self) {
        let mut state = self.state();
        state.declared = Some(Timestamp::now());
        state.broken.clear();
    }

    /// Manifests cannot be taken in.
    pub(super) fn broken(&self, diagnostics: Vec<Diagnostic>) {
        self.state().broken = diagnostics;
    }

    /// What a person should see to, all of it.
    pub(super) fn troubles(&self, troubles: Vec<String>) {
        self.state().troubles = troubles;
    }

    /// The loop that looks at the folder turned.
    pub(super) fn turned(&self) {
        self.state().turned = Some(Instant::now());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answers for Shown {
    fn healthy(&self) -> Result<(), String> {
        let state = self.state();
        turning(state.turned, "the loop that looks at the folder", state.controller.as_deref())
    }

    fn ready(&self) -> Result<&'static str, String> {
        if self.state().declared.is_none() {
            return Err("no manifests are loaded yet".to_owned());
        }
        Ok(if self.fence.is_open() { "leading" } else { "standing by" })
    }

    fn metrics(&self) -> String {
        let (controller, errors) = {
            let state = self.state();
            (state.controller.clone(), state.broken.iter().filter(|d| d.is_error()).count())
        };
        self.metrics.of(controller.as_deref(), self.fence.is_open(), errors)
    }

    fn status(&self) -> Option<String> {
        let (controller, declared, broken, troubles) = {
            let state = self.state();
            (state.controller.clone(), state.declared, state.broken.clone(), state.troubles.clone())
        };
        let fleet = controller.as_ref().and_then(|c| c.fleet());
        let visits = controller.map(|c| c.visits()).unwrap_or_default();
        let units: Vec<_> = visits.iter().map(|visit| unit(visit, fleet.as_deref())).collect();
        let json = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "leading": self.fence.is_open(),
            "manifests": {
                "digest": fleet.as_ref().map(|f| f.desired.manifests_digest.clone()),
                "taken_in": declared.map(|at| at.to_string()),
                "taken_in_is_current": broken.is_empty(),
                "diagnostics": broken,
            },
            "troubles": troubles,
            "units": units,
        });
        Some(format!("{json:#}\n"))
    }
}

fn unit(visit: &Visit, fleet: Option<&Fleet>) -> Json {
    let declared = fleet.and_then(|f| f.desired.tenants.get(&visit.key.tenant));
    let resources: Vec<_> = declared
        .map(|tenant| status::of(visit, tenant))
        .unwrap_or_default()
        .iter()
        .map(|resource| {
            let conditions = resource
                .conditions
                .iter()
                .map(|c| json!({"type": c.ty.word(), "status": c.holds.word(), "reason": c.reason, "message": c.message}));
            json!({"address": resource.address.to_string(), "conditions": conditions.collect::<Vec<_>>()})
        })
        .collect();
    let pending = match &visit.end {
        End::AwaitingApproval { digest, .. } => Some(digest.clone()),
        End::Refused { .. } => visit.plan.as_ref().map(|p| p.digest.clone()),
        _ => None,
    };
    let (word, message) = end(&visit.end);
    json!({
        "portal": visit.key.portal.to_string(),
        "tenant": visit.key.tenant.to_string(),
        "end": word,
        "message": message,
        "visited": visit.at.to_string(),
        "next_visit": visit.again.to_string(),
        "failures": visit.failures,
        "pending_digest": pending,
        "resources": resources,
    })
}

/// A visit's end: its word and its sentence.
fn end(end: &End) -> (&'static str, Option<String>) {
    match end {
        End::InStep => ("InStep", None),
        End::Applying => ("Applying", None),
        End::Applied => ("Applied", None),
        End::Suspended => ("Suspended", None),
        End::AwaitingApproval { stale, .. } => ("AwaitingApproval", stale.then(|| "what was approved is another plan".to_owned())),
        End::AwaitingTechnician => ("AwaitingTechnician", None),
        End::DriftReported => ("DriftReported", None),
        End::Refused { codes, message } => ("Refused", Some(format!("{}: {message}", codes.join(", ")))),
        End::Invalid { message } => ("Invalid", Some(message.clone())),
        End::DependencyNotReady { message } => ("DependencyNotReady", Some(message.clone())),
        End::Portal(error) => ("Portal", Some(error.to_string())),
        End::Contended { message } => ("Contended", Some(message.clone())),
        End::Failed { message } => ("Failed", Some(message.clone())),
        End::Stopped { message } => ("Stopped", Some(message.clone())),
    }
}
