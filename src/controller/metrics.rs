//! What dashboards and alarms read. Comes in: visits, requests to portals, who leads. Goes out: text in the OpenMetrics format, which Prometheus
//! reads. Never has a person, an address or a path in a label; the tenant's name is one, unless it is switched off.
//!
//! Counters are counted as things happen. What is a state (drift, pending changes, the last success) is worked out of the newest visits when
//! somebody asks, so that what is gone is gone here too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::{Controller, End, UnitKey, Visit};
use crate::apply::OutcomeResult;
use crate::model::{Kind, PortalName};
use crate::portal::meter::Meter;

/// The media type of [`Metrics::text`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The controller's name in the metrics that other controllers have too.
const NAME: &str = "tenantry";
/// From a call to this machine to a visit that gives up, in seconds.
const SECONDS: [f64; 12] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0];

type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter>;
type Gauges = Family<Labels, Gauge>;
type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// The metrics of a controller.
pub struct Metrics {
    registry: Registry,
    with_tenant: bool,
    reconciled: Counters,
    took: Histograms,
    runtime: Counters,
    drift: Gauges,
    pending: Gauges,
    applied: Counters,
    blocked: Counters,
    requests: Counters,
    request_took: Histograms,
    throttled: Counters,
    last_success: Gauges,
    depth: Gauges,
    leads: Gauges,
    errors: Gauge,
    seen: Mutex<BTreeMap<UnitKey, Seen>>,
}

/// What earlier visits of a unit came to.
#[derive(Default)]
struct Seen {
    succeeded: Option<Timestamp>,
    /// The plan whose refusals were counted.
    blocked: String,
}

/// What is true at the moment of asking.
#[derive(Debug, Clone, Copy, Default)]
pub struct Now {
    /// Units that are due and wait for a visit.
    pub depth: usize,
    /// Whether this instance leads.
    pub leads: bool,
    /// Errors of manifests that are not taken in.
    pub manifest_errors: usize,
}

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

impl Metrics {
    /// No counts yet; `with_tenant`: labels have the tenant's name.
    pub fn new(version: &str, with_tenant: bool) -> Self {
        let histograms = || Histograms::new_with_constructor(histogram as fn() -> Histogram);
        let mut metrics = Self {
            registry: Registry::default(),
            with_tenant,
            reconciled: Counters::default(),
            took: histograms(),
            runtime: Counters::default(),
            drift: Gauges::default(),
            pending: Gauges::default(),
            applied: Counters::default(),
            blocked: Counters::default(),
            requests: Counters::default(),
            request_took: histograms(),
            throttled: Counters::default(),
            last_success: Gauges::default(),
            depth: Gauges::default(),
            leads: Gauges::default(),
            errors: Gauge::default(),
            seen: Mutex::default(),
        };
        metrics.register(version);
        metrics
    }

    /// The names; those of counters get `_total` and those of information `_info` when they are written.
    fn register(&mut self, version: &str) {
        let to = &mut self.registry;
        to.register("tenantry_reconcile", "Visits of a customer in a portal, by what they came to", self.reconciled.clone());
        to.register("tenantry_reconcile_duration_seconds", "How long visits took", self.took.clone());
        to.register("tenantry_drift_items", "Resources that somebody changed in the portal", self.drift.clone());
        to.register("tenantry_pending_changes", "Changes that are planned and not applied", self.pending.clone());
        to.register("tenantry_applied_changes", "Changes that were applied, by what became of them", self.applied.clone());
        to.register("tenantry_blocked_changes", "Changes that guards refused, each plan counted once", self.blocked.clone());
        to.register("tenantry_portal_requests", "Requests to portals, by the status of the answer", self.requests.clone());
        to.register("tenantry_portal_request_duration_seconds", "How long requests took", self.request_took.clone());
        to.register("tenantry_portal_throttled", "Times that a portal wanted to be left alone", self.throttled.clone());
        let help = "When a visit last found or left everything in step";
        to.register("tenantry_last_success_timestamp_seconds", help, self.last_success.clone());
        to.register("tenantry_manifest_errors", "Errors of manifests that are not taken in for them", self.errors.clone());
        to.register("tenantry_build", "The program", Info::new(vec![("version", version.to_owned())]));
        to.register("controller_runtime_reconcile", "Visits, as other controllers count them", self.runtime.clone());
        to.register("workqueue_depth", "Customers in portals that are due and wait for a visit", self.depth.clone());
        to.register("leader_election_master_status", "1 where this instance leads", self.leads.clone());
    }

    /// Counts a visit.
    pub fn visited(&self, visit: &Visit) {
        if visit.end == End::Applying {
            return;
        }
        let result = result(&visit.end);
        // What is visited is a customer, whatever it has.
        let kind = || ("kind", Kind::Organization.def().name.to_owned());
        self.reconciled.get_or_create(&vec![kind(), ("result", result.to_owned())]).inc();
        self.took.get_or_create(&vec![kind()]).observe(visit.took.as_secs_f64());
        let runtime = if visit.end.is_failure() { "error" } else { "success" };
        self.runtime.get_or_create(&vec![("controller", NAME.to_owned()), ("result", runtime.to_owned())]).inc();
        for outcome in visit.report.iter().flat_map(|r| &r.outcomes).filter(|o| o.address.tenant == visit.key.tenant) {
            let Some(result) = became(&outcome.result) else { continue };
            let labels = vec![
                ("kind", outcome.address.kind.def().name.to_owned()),
                ("action", outcome.actions.first().map_or("none", |a| a.word()).to_owned()),
                ("result", result.to_owned()),
            ];
            self.applied.get_or_create(&labels).inc();
        }
        self.note(visit, result);
    }

    fn note(&self, visit: &Visit, result: &str) {
        let mut seen = self.seen();
        let seen = seen.entry(visit.key.clone()).or_default();
        if result == "success" {
            seen.succeeded = Some(visit.at);
        }
        let Some(plan) = &visit.plan else { return };
        if seen.blocked == plan.digest {
            return;
        }
        seen.blocked.clone_from(&plan.digest);
        for refusal in plan.resource_changes.iter().flat_map(|c| &c.blocked_by).filter(|r| r.stands()) {
            self.blocked.get_or_create(&vec![("code", refusal.code.clone())]).inc();
        }
        // What refuses a customer as a whole refuses each of the changes.
        for refusal in plan.blocked_by.iter().filter(|r| r.stands()) {
            self.blocked.get_or_create(&vec![("code", refusal.code.clone())]).inc_by(plan.resource_changes.len().max(1) as u64);
        }
    }

    /// All of it as text, with what a controller knows; `None`: there is none yet.
    pub fn of(&self, controller: Option<&Controller>, leads: bool, manifest_errors: usize) -> String {
        let visits = controller.map(Controller::visits).unwrap_or_default();
        let depth = controller.map(Controller::depth).unwrap_or_default();
        self.text(&visits, Now { depth, leads, manifest_errors })
    }

    /// All of it as text, with the newest visit of each unit.
    pub fn text(&self, visits: &[Arc<Visit>], now: Now) -> String {
        self.depth.get_or_create(&vec![("name", NAME.to_owned())]).set(whole(now.depth));
        self.leads.get_or_create(&vec![("name", NAME.to_owned())]).set(i64::from(now.leads));
        self.errors.set(whole(now.manifest_errors));
        for states in [&self.drift, &self.pending, &self.last_success] {
            states.clear();
        }
        let mut seen = self.seen();
        let known: BTreeSet<_> = visits.iter().map(|v| &v.key).collect();
        seen.retain(|key, _| known.contains(key));
        let mut oldest: BTreeMap<Labels, Timestamp> = BTreeMap::new();
        for visit in visits {
            if let Some(at) = seen.get(&visit.key).and_then(|s| s.succeeded) {
                // Of a customer in several portals, and of all customers without the label, the one that waits longest counts.
                oldest.entry(self.tenant(visit)).and_modify(|before| *before = at.min(*before)).or_insert(at);
            }
            let Some(plan) = &visit.plan else { continue };
            if !matches!(visit.end, End::Applied) {
                for drift in &plan.resource_drift {
                    self.count(&self.drift, visit, ("kind", drift.kind.def().name));
                }
                for change in &plan.resource_changes {
                    self.count(&self.pending, visit, ("action", change.change.actions.first().map_or("none", |a| a.word())));
                }
            }
        }
        for (labels, at) in oldest {
            self.last_success.get_or_create(&labels).set(at.as_second());
        }
        drop(seen);
        let mut text = String::new();
        // A text takes all that is written to it.
        let _written = encode(&mut text, &self.registry);
        text
    }

    fn count(&self, gauges: &Gauges, visit: &Visit, label: (&'static str, &str)) {
        let mut labels = self.tenant(visit);
        labels.push((label.0, label.1.to_owned()));
        gauges.get_or_create(&labels).inc();
    }

    fn tenant(&self, visit: &Visit) -> Labels {
        if self.with_tenant { vec![("tenant", visit.key.tenant.to_string())] } else { Vec::new() }
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<UnitKey, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter for Metrics {
    fn answered(&self, portal: &PortalName, method: &'static str, code: Option<u16>, took: Duration) {
        let code = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        self.requests.get_or_create(&vec![("portal", portal.to_string()), ("method", method.to_owned()), ("code", code)]).inc();
        self.request_took.get_or_create(&vec![("portal", portal.to_string())]).observe(took.as_secs_f64());
    }

    fn throttled(&self, portal: &PortalName) {
        self.throttled.get_or_create(&vec![("portal", portal.to_string())]).inc();
    }
}

/// What a visit came to, in one of a few words.
const fn result(end: &End) -> &'static str {
    match end {
        End::InStep | End::Applied | End::Applying => "success",
        End::Portal(_) | End::Failed { .. } | End::Stopped { .. } => "error",
        other => other.word(),
    }
}

/// What became of a change that was begun; `None`: it was not.
const fn became(result: &OutcomeResult) -> Option<&'static str> {
    match result {
        OutcomeResult::Skipped { .. } | OutcomeResult::Held { .. } | OutcomeResult::Cancelled => None,
        begun => Some(begun.word()),
    }
}

fn whole(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
