//! The loop: who is due is looked at, what may be applied is applied, and each unit gets its next time.
//!
//! Comes in: fleets ([`Controller::declare`]), wake-ups ([`Controller::wake`]). Goes out: visits, to the [`Reporter`]. Ends when it is told to
//! stop and the visits under way have ended. Never begins a visit while it does not lead.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::visit::{self, Group, Seen, key};
use super::{End, Fleet, Reporter, Tools, UnitKey, Visit, Why, backoff};
use crate::apply::RunReport;
use crate::ledger::LedgerError;
use crate::model::{Control, PortalName, Tenant, TenantName};
use crate::plan::document::TenantPlan;
use crate::portal::PortalError;

/// How often live is looked at where nobody says: often enough that drift is seen within a coffee break, seldom enough for portals' budgets.
const INTERVAL: Duration = Duration::from_secs(600);
/// The first pause after a failure where nobody says.
const RETRY: Duration = Duration::from_secs(5);
/// Looks at one portal at the same time: a slow one does not keep what was declared meanwhile waiting.
const LOOKS: usize = 4;
/// What is declared within so short a time is looked at together.
const GATHER: Duration = Duration::from_millis(200);

/// A controller.
pub struct Controller {
    tools: Tools,
    reporter: Arc<dyn Reporter>,
    state: Mutex<State>,
    told: Notify,
}

#[derive(Default)]
struct State {
    fleet: Option<Arc<Fleet>>,
    queue: super::queue::Queue,
    failures: BTreeMap<UnitKey, u32>,
    /// When a portal's tenants are polled next, all of them in one reading.
    polls: BTreeMap<PortalName, Instant>,
    /// Visits under way, by portal.
    looks: BTreeMap<PortalName, usize>,
    /// The newest visit of each unit.
    visits: BTreeMap<UnitKey, Visit>,
}

/// What ended in the loop.
enum Ended {
    Look { portal: PortalName, groups: Vec<Group> },
    Act,
}

impl Controller {
    /// A controller that has not been told of any fleet yet.
    pub fn new(tools: Tools, reporter: Arc<dyn Reporter>) -> Arc<Self> {
        Arc::new(Self { tools, reporter, state: Mutex::default(), told: Notify::new() })
    }

    /// Takes in what is declared now, and wakes what became another: of a fleet that is the same nothing is looked at.
    ///
    /// # Errors
    /// When the ledger cannot say whom it knows.
    pub async fn declare(&self, fleet: Fleet) -> Result<(), LedgerError> {
        let known = self.tools.ledger.tenants().await?;
        let fleet = Arc::new(fleet);
        let now = Instant::now();
        {
            let mut state = self.state();
            let before = state.fleet.replace(Arc::clone(&fleet));
            let units = units(&fleet, &known);
            for unit in state.queue.units().filter(|u| !units.contains(u)).collect::<Vec<_>>() {
                state.queue.forget(&unit);
                state.failures.remove(&unit);
                state.visits.remove(&unit);
            }
            for unit in units {
                match before.as_deref().and_then(|before| same(before, &fleet, &unit)) {
                    Some(true) => {}
                    Some(false) => state.wake(&unit, Why::Answered, now),
                    None => state.wake(&unit, Why::Changed, now + GATHER),
                }
            }
        }
        self.told.notify_one();
        Ok(())
    }

    /// Wakes a unit.
    pub fn wake(&self, unit: &UnitKey, why: Why) {
        self.state().wake(unit, why, Instant::now());
        self.told.notify_one();
    }

    /// Wakes every unit of a tenant.
    pub fn wake_tenant(&self, tenant: &TenantName, why: Why) {
        let mut state = self.state();
        let units: Vec<_> = state.queue.units().filter(|u| u.tenant == *tenant).collect();
        units.iter().for_each(|unit| state.wake(unit, why, Instant::now()));
        drop(state);
        self.told.notify_one();
    }

    /// The newest visit of each unit, sorted.
    pub fn visits(&self) -> Vec<Visit> {
        self.state().visits.values().cloned().collect()
    }

    /// How many units are due and wait for a visit.
    pub fn depth(&self) -> usize {
        self.state().queue.depth(Instant::now())
    }

    /// Works until it is told to stop.
    pub async fn run(self: &Arc<Self>) {
        let mut tasks = JoinSet::new();
        loop {
            let stopping = self.tools.stop.requested();
            if stopping && tasks.is_empty() {
                return;
            }
            let open = self.tools.fence.is_open();
            let next = if stopping || !open { None } else { self.begin(&mut tasks) };
            let due = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => self.ended(ended, &mut tasks),
                () = self.told.notified() => {}
                () = due => {}
                () = self.tools.fence.opens(), if !open => {}
                () = self.tools.stop.asked(), if !stopping => {}
            }
        }
    }

    /// Begins the looks that are due; when the next one is.
    fn begin(self: &Arc<Self>, tasks: &mut JoinSet<Ended>) -> Option<Instant> {
        let now = Instant::now();
        let mut state = self.state();
        let fleet = Arc::clone(state.fleet.as_ref()?);
        let portals: Vec<_> = state.queue.next().filter_map(|(portal, at)| Some((portal.clone(), at?))).collect();
        let mut next: Option<Instant> = None;
        for (portal, at) in portals {
            let looks = state.looks.get(&portal).copied().unwrap_or_default();
            if looks >= LOOKS {
                continue;
            }
            if at > now {
                next = Some(next.map_or(at, |n| n.min(at)));
                continue;
            }
            let due = state.queue.take(&portal, now);
            for (tenant, _) in due.iter().filter(|(_, why)| *why <= Why::Asked) {
                state.failures.remove(&key(&portal, tenant));
            }
            state.looks.insert(portal.clone(), looks + 1);
            let (this, fleet) = (Arc::clone(self), Arc::clone(&fleet));
            let tenants: BTreeSet<_> = due.into_iter().map(|(tenant, _)| tenant).collect();
            tasks.spawn(async move { this.look(&fleet, portal, &tenants).await });
        }
        next
    }

    fn ended(self: &Arc<Self>, ended: Result<Ended, tokio::task::JoinError>, tasks: &mut JoinSet<Ended>) {
        match ended {
            Ok(Ended::Look { portal, groups }) => {
                let mut state = self.state();
                state.looks.entry(portal).and_modify(|n| *n = n.saturating_sub(1));
                let Some(fleet) = state.fleet.clone() else { return };
                drop(state);
                for group in groups {
                    let (this, fleet) = (Arc::clone(self), Arc::clone(&fleet));
                    tasks.spawn(async move { this.act(&fleet, &group).await });
                }
            }
            Ok(Ended::Act) => {}
            Err(error) => tracing::error!(%error, "a visit ended without a word"),
        }
    }

    async fn look(&self, fleet: &Fleet, portal: PortalName, tenants: &BTreeSet<TenantName>) -> Ended {
        let (seen, groups) = visit::look(&self.tools, fleet, &portal, tenants).await;
        for (tenant, seen) in seen {
            match seen {
                Seen::Ended(end, plan) => self.end(fleet, key(&portal, &tenant), end, plan, None).await,
                Seen::ToApply(plan) => {
                    let visit = self.applying(key(&portal, &tenant), *plan);
                    self.reporter.visited(fleet, &visit).await;
                }
            }
        }
        Ended::Look { portal, groups }
    }

    /// Notes that a unit's plan is about to be applied.
    fn applying(&self, unit: UnitKey, plan: TenantPlan) -> Visit {
        let mut state = self.state();
        let failures = state.failures.get(&unit).copied().unwrap_or_default();
        let now = Timestamp::now();
        let visit = Visit { key: unit.clone(), at: now, end: End::Applying, plan: Some(plan), report: None, failures, again: now };
        state.visits.insert(unit, visit.clone());
        visit
    }

    async fn act(&self, fleet: &Fleet, group: &Group) -> Ended {
        let (ends, report) = visit::act(&self.tools, fleet, group).await;
        let applied = ends.values().any(|end| matches!(end, End::Applied));
        for (tenant, end) in ends {
            let unit = key(&group.portal, &tenant);
            let plan = self.state().visits.get(&unit).and_then(|v| v.plan.clone()).map(Box::new);
            self.end(fleet, unit, end, plan, report.clone()).await;
        }
        if applied {
            self.wake_waiting(&group.portal);
        }
        Ended::Act
    }

    /// What waited for another tenant of a portal may go on.
    fn wake_waiting(&self, portal: &PortalName) {
        let mut state = self.state();
        let waits = |v: &&Visit| v.key.portal == *portal && matches!(v.end, End::DependencyNotReady { .. });
        let waiting: Vec<_> = state.visits.values().filter(waits).map(|v| v.key.clone()).collect();
        waiting.iter().for_each(|unit| state.wake(unit, Why::Retry, Instant::now()));
        drop(state);
        self.told.notify_one();
    }

    /// Records what a visit came to, and when the next one is.
    async fn end(&self, fleet: &Fleet, unit: UnitKey, end: End, plan: Option<Box<TenantPlan>>, report: Option<RunReport>) {
        let control = fleet.portals.get(&unit.portal).map(|open| visit::control(fleet, open, &unit.tenant)).unwrap_or_default();
        let visit = {
            let mut state = self.state();
            let failures = if end.is_failure() { state.failures.get(&unit).copied().unwrap_or_default().saturating_add(1) } else { 0 };
            if failures == 0 {
                state.failures.remove(&unit)
            } else {
                state.failures.insert(unit.clone(), failures)
            };
            let now = Instant::now();
            let (at, why) = state.next(&unit, &end, control, failures, now);
            state.queue.done(&unit, at, why);
            let pause = SignedDuration::try_from(at.duration_since(now)).unwrap_or_default();
            let now = Timestamp::now();
            let again = now.checked_add(pause).unwrap_or(now);
            let visit = Visit { key: unit.clone(), at: now, end, plan: plan.map(|p| *p), report, failures, again };
            state.visits.insert(unit, visit.clone());
            visit
        };
        self.reporter.visited(fleet, &visit).await;
        self.told.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is kept is whole after each of its few changes, whatever a panic elsewhere left.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self, unit: &UnitKey, why: Why, at: Instant) {
        self.queue.wake(unit, why, at);
    }

    /// When a unit is visited next if nothing wakes it, and why.
    fn next(&mut self, unit: &UnitKey, end: &End, control: Control, failures: u32, now: Instant) -> (Instant, Why) {
        let retry = control.retry_interval.unwrap_or(RETRY);
        match end {
            End::Portal(PortalError::Unavailable(_) | PortalError::Denied(_) | PortalError::Misconfigured(_)) | End::Failed { .. } => {
                (now + backoff::after_failures(failures, retry, chance()), Why::Retry)
            }
            End::DependencyNotReady { .. } | End::Stopped { .. } => (now + backoff::after_failures(failures, retry, chance()), Why::Retry),
            End::Contended { .. } => (now + backoff::jittered(retry, chance()), Why::Retry),
            End::InStep | End::Applied | End::Applying | End::Suspended | End::AwaitingApproval { .. } => {
                (self.poll(unit, control, now), Why::Poll)
            }
            End::AwaitingTechnician | End::DriftReported | End::Refused { .. } | End::Invalid { .. } => {
                (self.poll(unit, control, now), Why::Poll)
            }
        }
    }

    /// The portal's next poll: its tenants keep together, so that one reading by collection serves them all.
    fn poll(&mut self, unit: &UnitKey, control: Control, now: Instant) -> Instant {
        let interval = control.interval.unwrap_or(INTERVAL);
        let at = self.polls.entry(unit.portal.clone()).or_insert(now);
        if *at <= now {
            *at = now + backoff::jittered(interval, chance());
        }
        // A tenant with an interval of its own goes by that one.
        (*at).min(now + interval.mul_f64(1.05))
    }
}

impl End {
    /// True where the next pause is longer than the last one.
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Portal(_) | Self::Failed { .. } | Self::DependencyNotReady { .. } | Self::Stopped { .. })
    }
}

/// Every unit: the tenants that a portal serves, and those that the ledger knows there.
fn units(fleet: &Fleet, known: &[(PortalName, TenantName)]) -> BTreeSet<UnitKey> {
    let portals = fleet.portals.values().map(|open| &open.served.spec);
    let declared = portals.flat_map(|spec| {
        let tenants = fleet.desired.tenants.keys().chain(fleet.invalid.keys());
        tenants.filter(|t| spec.serves(t)).map(|t| key(&spec.name, t))
    });
    let closed = fleet.closed.keys().flat_map(|portal| fleet.desired.tenants.keys().map(move |t| key(portal, t)));
    let recorded = known.iter().filter(|(portal, _)| fleet.portals.contains_key(portal)).map(|(portal, tenant)| key(portal, tenant));
    declared.chain(closed).chain(recorded).collect()
}

/// Whether a unit is as it was: `None`, it is declared otherwise or new; `Some(false)`, only what people approved is another.
fn same(before: &Fleet, now: &Fleet, unit: &UnitKey) -> Option<bool> {
    let portal =
        |fleet: &Fleet| fleet.portals.get(&unit.portal).map(|o| crate::model::PortalSpec { source: None, ..o.served.spec.clone() });
    let as_it_was = portal(before) == portal(now)
        && before.closed.get(&unit.portal) == now.closed.get(&unit.portal)
        && before.invalid.get(&unit.tenant) == now.invalid.get(&unit.tenant)
        && alike(before.desired.tenants.get(&unit.tenant), now.desired.tenants.get(&unit.tenant));
    as_it_was.then(|| before.approved.of(&unit.tenant) == now.approved.of(&unit.tenant))
}

/// Whether two declarations of a tenant say the same, wherever they stand.
fn alike(a: Option<&Tenant>, b: Option<&Tenant>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => {
            a.resources.len() == b.resources.len()
                && a.resources.iter().zip(&b.resources).all(|(a, b)| a.address == b.address && a.fields == b.fields && a.meta == b.meta)
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// A number from 0 to 1.
pub(super) fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |n| f64::from(n) / f64::from(u32::MAX))
}
