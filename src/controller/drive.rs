//! The loop: who is due is looked at, what may be applied is applied, and each unit gets its next time.
//!
//! Comes in: fleets ([`Controller::declare`]), wake-ups ([`Controller::wake`]). Goes out: visits, to the [`Reporter`]. Ends when it is told to
//! stop and the visits under way have ended. Never begins a visit while it does not lead.

mod wake;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinError;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::changed::{portals, same, units};
use super::ended::{kept, of_tenant};
use super::known::Known;
use super::pace::{Pace, counts_as_failure};
use super::tasks::{About, Ended, Tasks};
use super::visit::{self, Group, Seen, key};
use super::{End, Fleet, Reporter, Spent, Tools, UnitKey, Visit, Why};
use crate::apply::RunReport;
use crate::ledger::LedgerError;
use crate::model::{PortalName, TenantName};
use crate::plan::document::TenantPlan;
use crate::spans;

/// Looks at one portal at the same time: a slow one does not keep what was declared meanwhile waiting.
const LOOKS: usize = 4;
/// Groups of a portal's tenants that are acted on at the same time: each locks, reads and writes for itself.
const ACTS: usize = 32;
/// The same where reading may be of the whole portal, and each of them holds all of that at once.
const WIDE_ACTS: usize = 8;
/// What is declared within so short a time is looked at together.
const GATHER: Duration = Duration::from_millis(200);
/// What is applied for longer than this is told of once more: somebody may be waiting for it.
const LASTS: Duration = Duration::from_secs(10);
/// The loop turns at least so often, so that one that hangs is seen.
const TURN: Duration = Duration::from_secs(10);

/// A controller.
pub struct Controller {
    tools: Tools,
    reporter: Arc<dyn Reporter>,
    state: Mutex<State>,
    told: Notify,
    known: Known,
}

#[derive(Default)]
struct State {
    fleet: Option<Arc<Fleet>>,
    queue: super::queue::Queue,
    failures: BTreeMap<UnitKey, u32>,
    pace: Pace,
    /// Visits under way, by portal.
    looks: BTreeMap<PortalName, usize>,
    /// Places for acting, by portal.
    acts: BTreeMap<PortalName, Arc<Semaphore>>,
    /// The newest visit of each unit.
    visits: BTreeMap<UnitKey, Arc<Visit>>,
    /// The units that the fleet has.
    units: BTreeSet<UnitKey>,
    /// Approvals that were used up.
    spent: Spent,
    /// How often visits were held up, and whether they are.
    term: u64,
    held: bool,
    /// When the loop turned last.
    turned: Option<Instant>,
}

impl Controller {
    /// A controller that has not been told of any fleet yet.
    pub fn new(tools: Tools, reporter: Arc<dyn Reporter>) -> Arc<Self> {
        Arc::new(Self { tools, reporter, state: Mutex::default(), told: Notify::new(), known: Known::default() })
    }

    /// Takes in what is declared now, and wakes what became another: of a fleet that is the same nothing is looked at.
    ///
    /// # Errors
    /// When the ledger cannot say whom it knows.
    pub async fn declare(&self, fleet: Fleet) -> Result<(), LedgerError> {
        let mut units = units(&fleet);
        // Without a portal nobody is visited, whomever the ledger knows; and it may be away, because all goes at once.
        let recorded = match fleet.portals.is_empty() {
            true => BTreeSet::new(),
            false => self.known.beside(units.clone(), self.tools.ledger.as_ref()).await?,
        };
        units.extend(recorded.into_iter().filter(|unit| fleet.portals.contains_key(&unit.portal)));
        let fleet = Arc::new(fleet);
        let now = Instant::now();
        {
            let mut state = self.state();
            let before = state.fleet.replace(Arc::clone(&fleet));
            let alike = before.as_deref().map(|before| portals(before, &fleet)).unwrap_or_default();
            state.spent.retain(|unit, digests| {
                let said = fleet.approved.about(unit);
                digests.retain(|digest| said.contains(digest));
                !digests.is_empty() && units.contains(unit)
            });
            state.units.clone_from(&units);
            for unit in state.queue.units().filter(|u| !units.contains(u)).collect::<Vec<_>>() {
                state.queue.forget(&unit);
                state.failures.remove(&unit);
                state.visits.remove(&unit);
            }
            for unit in units {
                match before.as_deref().and_then(|before| same(before, &fleet, &alike, &unit)) {
                    Some(true) => {}
                    Some(false) => state.wake(&unit, Why::Answered, now),
                    None => state.wake(&unit, Why::Changed, now + GATHER),
                }
            }
        }
        self.told.notify_one();
        Ok(())
    }

    /// How long ago the loop turned; `None`: it does not run yet. More than a minute means that it hangs.
    pub fn turned(&self) -> Option<Duration> {
        self.state().turned.map(|at| at.elapsed())
    }

    /// Begins no visit until the term that this begins is said to begin: a face that may have been one of several calls it whenever it comes to lead or
    /// ceases to, for what it declared meanwhile may be older than what the leader before it did.
    pub fn hold(&self) -> u64 {
        let mut state = self.state();
        state.held = true;
        state.term += 1;
        state.term
    }

    /// What is declared is as new as a term of ours; one that is over by now begins nothing.
    pub fn begin_term(&self, term: u64) {
        let mut state = self.state();
        state.held &= state.term != term;
        drop(state);
        self.told.notify_one();
    }

    /// What is declared now.
    pub fn fleet(&self) -> Option<Arc<Fleet>> {
        self.state().fleet.clone()
    }

    /// The portals in which a tenant is visited.
    pub fn portals_of(&self, tenant: &TenantName) -> BTreeSet<PortalName> {
        let state = self.state();
        let portals = state.fleet.iter().flat_map(|fleet| fleet.portals.keys().chain(fleet.closed.keys()));
        portals.filter(|portal| state.units.contains(&key(portal, tenant))).cloned().collect()
    }

    /// The newest visit of each unit, sorted; of one that left everything in step, without what its reporter was told of plan and report.
    pub fn visits(&self) -> Vec<Arc<Visit>> {
        self.state().visits.values().cloned().collect()
    }

    /// The newest visit of each unit of a portal; `None`: not all were visited yet.
    pub fn visits_in(&self, portal: &PortalName) -> Option<Vec<Arc<Visit>>> {
        let state = self.state();
        state.units.iter().filter(|unit| unit.portal == *portal).map(|unit| state.visits.get(unit).cloned()).collect()
    }

    /// When a unit was visited last.
    pub fn visited(&self, unit: &UnitKey) -> Option<Timestamp> {
        self.state().visits.get(unit).map(|visit| visit.at)
    }

    /// How many units are due and wait for a visit.
    pub fn depth(&self) -> usize {
        self.state().queue.depth(Instant::now())
    }

    /// Works until it is told to stop.
    pub async fn run(self: &Arc<Self>) {
        let mut tasks = Tasks::default();
        loop {
            self.state().turned = Some(Instant::now());
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
                Some(ended) = tasks.next(), if !tasks.is_empty() => self.ended(ended, &mut tasks),
                () = self.told.notified() => {}
                () = due => {}
                () = self.tools.fence.opens(), if !open => {}
                () = self.tools.stop.asked(), if !stopping => {}
                () = tokio::time::sleep(TURN) => {}
            }
        }
    }

    /// Begins the looks that are due; when the next one is.
    fn begin(self: &Arc<Self>, tasks: &mut Tasks) -> Option<Instant> {
        let now = Instant::now();
        let mut state = self.state();
        let fleet = Arc::clone(state.fleet.as_ref().filter(|_| !state.held)?);
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
            let about = About { portal: portal.clone(), tenants: tenants.iter().cloned().collect(), is_look: true };
            let span = spans::look(&portal, tenants.len());
            tasks.spawn(about, async move { this.look(&fleet, portal, &tenants).await }.instrument(span));
        }
        next
    }

    fn ended(self: &Arc<Self>, ended: Result<Ended, (About, JoinError)>, tasks: &mut Tasks) {
        match ended {
            Ok(Ended::Look { portal, groups }) => {
                let mut state = self.state();
                state.looks.entry(portal.clone()).and_modify(|n| *n = n.saturating_sub(1));
                let Some(fleet) = state.fleet.clone() else { return };
                let is_wide = fleet.portals.get(&portal).is_some_and(|open| open.served.observe.for_one_plan().is_some());
                let acts = if is_wide { WIDE_ACTS } else { ACTS };
                let places = Arc::clone(state.acts.entry(portal).or_insert_with(|| Arc::new(Semaphore::new(acts))));
                drop(state);
                for group in groups {
                    let (this, fleet, places) = (Arc::clone(self), Arc::clone(&fleet), Arc::clone(&places));
                    let about = About { portal: group.portal.clone(), tenants: group.tenants.keys().cloned().collect(), is_look: false };
                    tasks.spawn(about, async move {
                        // Nobody takes the places away.
                        let _place = places.acquire().await;
                        let span = spans::act(&group.portal, group.tenants.len());
                        this.act(&fleet, &group).instrument(span).await
                    });
                }
            }
            Ok(Ended::Act) => {}
            Err((about, error)) => self.broke(about, &error, tasks),
        }
    }

    /// A visit that a bug ended: its units are visited again as after any failure, and nobody else is kept waiting.
    fn broke(self: &Arc<Self>, about: About, error: &JoinError, tasks: &mut Tasks) {
        tracing::error!(portal = %about.portal, tenants = ?about.tenants, %error, "a visit ended without a word, which is a bug");
        let mut state = self.state();
        if about.is_look {
            state.looks.entry(about.portal.clone()).and_modify(|n| *n = n.saturating_sub(1));
        }
        let Some(fleet) = state.fleet.clone() else { return };
        drop(state);
        let this = Arc::clone(self);
        let (portal, tenants) = (about.portal.clone(), about.tenants.clone());
        // Telling of it may fail as the visit did, and then nothing is told: that must not go on for ever.
        tasks.spawn(About { tenants: Vec::new(), is_look: false, ..about }, async move {
            for tenant in tenants {
                let end = End::Failed { message: "the visit ended without a word, which is a bug: the log says more".to_owned() };
                this.end(&fleet, Over::of(key(&portal, &tenant), end, Instant::now())).await;
            }
            Ended::Act
        });
    }

    async fn look(&self, fleet: &Fleet, portal: PortalName, tenants: &BTreeSet<TenantName>) -> Ended {
        let began = Instant::now();
        let mut visits = spans::Visits::begin(&portal, tenants);
        let spent = self.state().spent.clone();
        let (seen, groups) = tokio::select! {
            biased;
            // Reading changes nothing, and nobody waits for it.
            () = self.tools.stop.asked() => return Ended::Look { portal, groups: Vec::new() },
            looked = visit::look(&self.tools, &self.known, fleet, &spent, &portal, tenants) => looked,
        };
        for (tenant, seen) in seen {
            match seen {
                Seen::Ended(end, plan) => {
                    visits.end(&tenant, end.word(), end.is_failure());
                    self.end(fleet, Over { plan: plan.map(|p| *p), ..Over::of(key(&portal, &tenant), end, began) }).await;
                }
                Seen::ToApply(plan) => {
                    visits.end(&tenant, End::Applying.word(), false);
                    let visit = self.applying(key(&portal, &tenant), *plan, began);
                    self.reporter.visited(fleet, &visit).await;
                }
            }
        }
        Ended::Look { portal, groups }
    }

    /// Notes that a unit's plan is about to be applied.
    fn applying(&self, unit: UnitKey, plan: TenantPlan, began: Instant) -> Arc<Visit> {
        let mut state = self.state();
        let failures = state.failures.get(&unit).copied().unwrap_or_default();
        let now = Timestamp::now();
        let visit = Arc::new(Visit {
            key: unit.clone(),
            at: now,
            end: End::Applying,
            plan: Some(plan),
            report: None,
            spent: None,
            began,
            took: began.elapsed(),
            failures,
            again: now,
        });
        state.visits.insert(unit, Arc::clone(&visit));
        visit
    }

    async fn act(&self, fleet: &Fleet, group: &Group) -> Ended {
        let began = Instant::now();
        let mut visits = spans::Visits::begin(&group.portal, group.tenants.keys());
        let spent = self.state().spent.clone();
        let acting = visit::act(&self.tools, &self.known, fleet, &spent, group);
        tokio::pin!(acting);
        let acted = tokio::select! {
            acted = &mut acting => acted,
            () = tokio::time::sleep(LASTS) => tokio::join!(acting, self.tell_again(fleet, group)).0,
        };
        let applied = acted.ends.values().any(|end| matches!(end, End::Applied));
        for (tenant, end) in acted.ends {
            visits.end(&tenant, end.word(), end.is_failure());
            let unit = key(&group.portal, &tenant);
            let plan = self.state().visits.get(&unit).and_then(|v| v.plan.clone());
            let report = acted.report.as_ref().map(|report| of_tenant(report, &tenant));
            let spent = acted.spent.get(&tenant).cloned();
            self.end(fleet, Over { plan, report, spent, ..Over::of(unit, end, began) }).await;
        }
        if applied {
            self.wake_waiting(&group.portal);
        }
        Ended::Act
    }

    /// Tells of plans that are still being applied.
    async fn tell_again(&self, fleet: &Fleet, group: &Group) {
        for tenant in group.tenants.keys() {
            let visit = self.state().visits.get(&key(&group.portal, tenant)).filter(|v| v.end == End::Applying).cloned();
            if let Some(visit) = visit {
                self.reporter.lasts(fleet, &visit).await;
            }
        }
    }

    /// What waited for another tenant of a portal may go on.
    fn wake_waiting(&self, portal: &PortalName) {
        let mut state = self.state();
        let waits = |v: &&Arc<Visit>| v.key.portal == *portal && matches!(v.end, End::DependencyNotReady { .. });
        let waiting: Vec<_> = state.visits.values().filter(waits).map(|v| v.key.clone()).collect();
        waiting.iter().for_each(|unit| state.wake(unit, Why::Retry, Instant::now()));
        drop(state);
        self.told.notify_one();
    }

    /// Records what a visit came to, and when the next one is.
    async fn end(&self, fleet: &Fleet, over: Over) {
        let Over { unit, end, plan, report, spent, began } = over;
        let control = fleet.portals.get(&unit.portal).map(|open| visit::control(fleet, open, &unit.tenant)).unwrap_or_default();
        let visit = {
            let mut state = self.state();
            if let Some(digest) = &spent {
                state.spent.entry(unit.clone()).or_default().insert(digest.clone());
            }
            let failed = counts_as_failure(&end, plan.as_ref());
            let failures = if failed { state.failures.get(&unit).copied().unwrap_or_default().saturating_add(1) } else { 0 };
            if failures == 0 {
                state.failures.remove(&unit)
            } else {
                state.failures.insert(unit.clone(), failures)
            };
            let now = Instant::now();
            let (at, why) = state.pace.next(fleet, &unit, &end, control, failures, now);
            state.queue.done(&unit, at, why);
            if !state.units.contains(&unit) {
                // It went while it was visited.
                state.queue.forget(&unit);
                state.failures.remove(&unit);
                state.visits.remove(&unit);
                return;
            }
            let pause = SignedDuration::try_from(at.duration_since(now)).unwrap_or_default();
            let now = Timestamp::now();
            let again = now.checked_add(pause).unwrap_or(now);
            let visit = Visit { key: unit.clone(), at: now, end, plan, report, spent, began, took: began.elapsed(), failures, again };
            let visit = Arc::new(visit);
            state.visits.insert(unit, kept(&visit));
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

/// A visit that is over.
struct Over {
    unit: UnitKey,
    end: End,
    plan: Option<TenantPlan>,
    report: Option<RunReport>,
    spent: Option<String>,
    began: Instant,
}

impl Over {
    fn of(unit: UnitKey, end: End, began: Instant) -> Self {
        Self { unit, end, plan: None, report: None, spent: None, began }
    }
}
