//! Drives portals by an approved plan, and decides nothing.
//!
//! Comes in: a [`Plan<Approved>`] and a [`World`]. Goes out: what became of each change. The order of effects for every batch of calls is always
//! the same: intents are committed, calls are made, outcomes are committed. A process killed between any two of these leaves an open intent, and
//! the next run looks for the object before it calls again. Never plans, never judges, never prints.
//!
//! Reading order: here, `schedule` (what may run now), `batch` (one batch of calls), `perform` (making them), `answer` (what their answers come to), `steps` and `call` (one change as calls), `record` (what
//! the ledger is told), `order` (what technicians are asked for), `uncertain` (finding out what a lost answer said).

mod answer;
mod batch;
mod call;
mod order;
pub mod outcome;
mod perform;
mod record;
mod schedule;
pub mod secret_fields;
mod steps;
mod uncertain;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Notify;

pub use outcome::{GivenOrder, Outcome, OutcomeResult, RunReport};

use crate::ledger::{Ledger, LedgerError, LockId};
use crate::model::kind::Placement;
use crate::model::ledger::Attestation;
use crate::model::work_order::WorkItem;
use crate::model::{Address, Desired, Digest, Intent, LedgerRow, PortalName, TenantName};
use crate::plan::{Approved, Plan, Unit};
use crate::portal::{Around, Execute};
use crate::secrets::SecretReader;
use schedule::Schedule;

/// Makes the keyed MAC of a secret field from its keys and secrets.
pub type Mac<'a> = &'a (dyn Fn(&[(&str, &SecretString)]) -> Digest + Sync);

/// Everything that apply acts on and with.
pub struct World<'a> {
    /// What is declared in the plan's scope.
    pub desired: &'a Desired,
    /// The portals, open for writing, with the most requests at once.
    pub portals: &'a BTreeMap<PortalName, (Arc<dyn Execute>, usize)>,
    /// The ledger.
    pub ledger: &'a dyn Ledger,
    /// The lock under which all is written.
    pub lock: &'a LockId,
    /// Our installation id.
    pub installation: &'a str,
    /// Reads secrets.
    pub secrets: &'a dyn SecretReader,
    /// Makes MACs.
    pub mac: Mac<'a>,
    /// Tells the time.
    pub clock: &'a (dyn Fn() -> Timestamp + Sync),
    /// Makes ids of intents, never the same twice.
    pub new_id: &'a (dyn Fn() -> Box<str> + Sync),
    /// Who runs this, and why they may.
    pub run: &'a Run,
    /// Set to stop: calls under way finish, no new one starts.
    pub stop: &'a Stop,
    /// Told of every beginning and end.
    pub watch: &'a (dyn Fn(Event<'_>) + Sync),
    /// How long the first repetition of a call waits; each further one twice as long, with jitter.
    pub backoff: Duration,
}

/// Who runs an apply; part of each audit record.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// As `user@host`.
    pub who: String,
    /// `--ticket`.
    pub ticket: Option<String>,
    /// How the plan was approved.
    pub approval: String,
}

/// A request to stop.
#[derive(Debug, Default)]
pub struct Stop {
    requested: AtomicBool,
    told: Notify,
}

impl Stop {
    /// Asks to stop: calls under way finish, no new one starts.
    pub fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
        self.told.notify_waiters();
    }

    /// Whether somebody asked.
    pub fn requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Waits until somebody asks to stop.
    pub async fn asked(&self) {
        loop {
            let told = self.told.notified();
            if self.requested() {
                return;
            }
            told.await;
        }
    }

    /// Waits, but no longer than until somebody asks to stop.
    async fn pause(&self, pause: Duration) {
        let told = self.told.notified();
        if !self.requested() {
            // Either way the caller asks again whether to go on.
            let _ = tokio::time::timeout(pause, told).await;
        }
    }
}

/// What happens while a plan is applied.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A change has begun.
    Started(&'a PortalName, &'a Address),
    /// A change has ended, or will not begin.
    Ended(&'a Outcome),
}

/// Applies an approved plan. Afterwards every change has an outcome, but for those of which a guard only warns and nothing is done.
pub async fn run(plan: &Plan<Approved>, world: &World<'_>) -> RunReport {
    let mut report = RunReport {
        plan_digest: plan.body.digest.clone(),
        timestamp: (world.clock)(),
        outcomes: Vec::new(),
        orders: Vec::new(),
        planned_again: false,
        final_plan_empty: false,
        stopped: None,
        remaining: Vec::new(),
    };
    let free: Vec<&Unit> = plan.released().collect();
    for outcome in plan.body.units.iter().filter(|u| plan.body.held(u)).flat_map(|u| outcomes_of_held(u, &plan.body)) {
        finish(world, &mut report, outcome);
    }
    for outcome in free.iter().flat_map(|u| outcomes_of_refused(u)) {
        finish(world, &mut report, outcome);
    }
    let knowledge = match Knowledge::read(&free, world).await {
        Ok(knowledge) => knowledge,
        Err(error) => {
            report.stopped = Some(error.to_string());
            Knowledge::default()
        }
    };
    let context = batch::Context { world, plan: &plan.body.digest, knowledge: &knowledge };
    if report.stopped.is_none()
        && let Err(error) = settle_answered(&free, &context).await
    {
        report.stopped = Some(error.to_string());
    }
    drive(Schedule::new(&free, &not_made(plan)), &context, &mut report).await;
    in_order_of_the_plan(plan, &mut report);
    report.timestamp = (world.clock)();
    report
}

/// What this run does not bring about though others may need it: all that is held, and all that nothing can be done about.
fn not_made(plan: &Plan<Approved>) -> BTreeSet<(&PortalName, &Address)> {
    let body = &plan.body;
    let changes = body.units.iter().flat_map(|u| u.changes.iter().map(move |c| (u, c)));
    changes.filter(|(unit, change)| change.actions.is_empty() || body.held(unit)).map(|(u, c)| (&u.portal, &c.address)).collect()
}

/// Keeps portals busy until nothing is left that may begin.
async fn drive(mut schedule: Schedule<'_>, context: &batch::Context<'_>, report: &mut RunReport) {
    let world = context.world;
    for skipped in schedule.skip_unmet() {
        finish(world, report, skipped);
    }
    let mut running = FuturesUnordered::new();
    let mut busy: BTreeMap<PortalName, usize> = BTreeMap::new();
    loop {
        if report.stopped.is_none() && !world.stop.requested() {
            for (portal, (driver, parallelism)) in world.portals {
                let slots = busy.entry(portal.clone()).or_insert(0);
                while *slots < *parallelism {
                    let changes = schedule.take(portal, driver.capabilities().batch.max(1));
                    if changes.is_empty() {
                        break;
                    }
                    *slots += 1;
                    running.push(batch::run(context, portal.clone(), Arc::clone(driver), changes));
                }
            }
        }
        let Some(done) = running.next().await else { break };
        busy.entry(done.portal.clone()).and_modify(|n| *n = n.saturating_sub(1));
        if let Some(error) = done.fatal {
            report.stopped.get_or_insert(error);
        }
        done.given.iter().for_each(|item| order::count(&mut report.orders, &done.portal, item));
        for (at, fields) in done.to_complete {
            schedule.complete_later(at, fields);
        }
        for (at, outcome, end) in done.outcomes {
            finish(world, report, outcome);
            for skipped in schedule.end(at, end) {
                finish(world, report, skipped);
            }
        }
    }
    for left in schedule.left() {
        finish(world, report, left);
    }
}

fn finish(world: &World<'_>, report: &mut RunReport, outcome: Outcome) {
    (world.watch)(Event::Ended(&outcome));
    report.outcomes.push(outcome);
}

/// Calls end in any order; a report is the same every time.
fn in_order_of_the_plan(plan: &Plan<Approved>, report: &mut RunReport) {
    let all = plan.body.units.iter().flat_map(|u| u.changes.iter().map(move |c| (&u.portal, &c.address)));
    let place: HashMap<_, _> = all.enumerate().map(|(at, key)| (key, at)).collect();
    report.outcomes.sort_by_cached_key(|o| place.get(&(&o.portal, &o.address)).copied());
    report.orders.sort_by(|a, b| (&a.portal, &a.id).cmp(&(&b.portal, &b.id)));
}

fn outcomes_of_held<'a>(unit: &'a Unit, body: &'a crate::plan::Body) -> impl Iterator<Item = Outcome> + 'a {
    let of_run = body.refusals.iter().filter(|r| r.stands()).map(|r| (r.code.clone(), r.message.clone()));
    let of_others = unit.refused().map(|hold| match hold.change {
        Some(change) => (hold.refusal.code.clone(), format!("{} is refused", change.address)),
        None => (hold.refusal.code.clone(), hold.refusal.message.clone()),
    });
    let all: Vec<_> = of_run.chain(of_others).collect();
    unit.changes.iter().filter(|c| !c.is_left_out()).map(move |change| Outcome {
        portal: unit.portal.clone(),
        address: change.address.clone(),
        actions: change.actions.clone(),
        result: match own_refusals(change) {
            own if own.is_empty() => held(all.clone()),
            own => held(own),
        },
        duration_ms: 0,
    })
}

fn own_refusals(change: &crate::plan::Change) -> Vec<(String, String)> {
    change.blocked_by.iter().filter(|r| r.stands()).map(|r| (r.code.clone(), r.message.clone())).collect()
}

/// Codes and messages of refusals, each once.
fn held(refusals: Vec<(String, String)>) -> OutcomeResult {
    let (mut codes, mut said): (Vec<_>, Vec<_>) = refusals.into_iter().unzip();
    codes.sort();
    codes.dedup();
    let mut seen = BTreeSet::new();
    said.retain(|text: &String| seen.insert(text.clone()));
    OutcomeResult::Held { codes, why: said.join("; ") }
}

/// A refusal that was passed leaves nothing to do where nothing can be done.
fn outcomes_of_refused<'a>(unit: &'a Unit) -> impl Iterator<Item = Outcome> + 'a {
    unit.changes.iter().filter(|c| c.actions.is_empty() && !c.blocked_by.is_empty()).map(|change| Outcome {
        portal: unit.portal.clone(),
        address: change.address.clone(),
        actions: Vec::new(),
        result: held(change.blocked_by.iter().map(|r| (r.code.clone(), r.message.clone())).collect()),
        duration_ms: 0,
    })
}

/// What earlier runs left open and this reading answered is closed before anything new begins.
async fn settle_answered(units: &[&Unit], context: &batch::Context<'_>) -> Result<(), LedgerError> {
    let settle = |u: &&Unit| u.settled.iter().flat_map(|(_, id)| order::settle(context, &u.portal, &u.tenant, id)).collect::<Vec<_>>();
    let writes: Vec<_> = units.iter().flat_map(settle).collect();
    if writes.is_empty() { Ok(()) } else { context.world.ledger.commit(context.world.lock, writes).await }
}

/// The ids and rows that calls need, growing as things are made.
#[derive(Debug, Default)]
pub(crate) struct Knowledge {
    rows: Mutex<HashMap<(PortalName, Address), LedgerRow>>,
    records: HashMap<(PortalName, Address), Attestation>,
    /// Intents as this run found them, by id.
    intents: HashMap<(PortalName, Box<str>), Intent>,
    /// Items of work orders as this run found them, by intent.
    items: HashMap<(PortalName, Box<str>), WorkItem>,
    tenants: HashMap<(PortalName, TenantName), Box<str>>,
    /// What calls are told of their tenants.
    around: Mutex<HashMap<(PortalName, TenantName), Arc<Around>>>,
    organizations: OnceLock<Arc<BTreeMap<TenantName, Box<str>>>>,
    /// Ids of tenants that this run made: what was read before them is of those that were gone.
    made: Mutex<HashMap<(PortalName, TenantName), Box<str>>>,
}

impl Knowledge {
    async fn read(units: &[&Unit], world: &World<'_>) -> Result<Self, LedgerError> {
        let mut rows = HashMap::new();
        let mut records = HashMap::new();
        let mut items = HashMap::new();
        let mut intents = HashMap::new();
        let mut tenants = HashMap::new();
        let mut wanted: BTreeMap<&PortalName, BTreeSet<TenantName>> = BTreeMap::new();
        for unit in units.iter().filter(|u| !u.changes.is_empty() || !u.settled.is_empty()) {
            let names = wanted.entry(&unit.portal).or_default();
            names.insert(unit.tenant.clone());
            names.extend(unit.changes.iter().flat_map(call::foreign_tenants));
            if let Some(id) = &unit.tenant_id {
                tenants.insert((unit.portal.clone(), unit.tenant.clone()), id.clone());
            }
        }
        for (portal, names) in wanted {
            let names: Vec<_> = names.into_iter().collect();
            for state in world.ledger.read(portal, &names).await? {
                rows.extend(state.rows.into_iter().map(|(address, row)| ((portal.clone(), address), row)));
                intents.extend(state.intents.into_iter().map(|intent| ((portal.clone(), intent.id.clone()), intent)));
                items.extend(state.work.into_iter().map(|(intent, item)| ((portal.clone(), intent), item)));
                records.extend(state.attestations.into_iter().map(|(address, record)| ((portal.clone(), address), record)));
            }
        }
        Ok(Self { rows: Mutex::new(rows), records, intents, items, tenants, ..Self::default() })
    }

    /// What the calls of a tenant are told of it; made once.
    fn around(&self, world: &World<'_>, portal: &PortalName, tenant: &TenantName) -> Arc<Around> {
        let mut known = self.around.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let organizations = self.organizations.get_or_init(|| Arc::new(world.desired.organization_names()));
            let account = world.desired.portals.iter().find(|p| p.name == *portal).map(|p| p.account.clone());
            let declared = world.desired.tenants.get(tenant).cloned();
            Arc::new(Around { tenant: declared, organizations: Arc::clone(organizations), account: account.unwrap_or_default() })
        };
        Arc::clone(known.entry((portal.clone(), tenant.clone())).or_insert_with(make))
    }

    fn row(&self, portal: &PortalName, address: &Address) -> Option<LedgerRow> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).get(&(portal.clone(), address.clone())).cloned()
    }

    fn id(&self, portal: &PortalName, address: &Address) -> Option<Box<str>> {
        self.row(portal, address).and_then(|r| r.id)
    }

    /// What a reference to it holds: its id, or its natural key where only a technician's record speaks for it.
    fn reference(&self, portal: &PortalName, address: &Address) -> Option<Box<str>> {
        self.row(portal, address).map(|r| r.id.unwrap_or(r.key))
    }

    /// What a person recorded about it.
    fn record(&self, portal: &PortalName, address: &Address) -> Option<&Attestation> {
        self.records.get(&(portal.clone(), address.clone()))
    }

    /// An intent that was open when this run began.
    fn intent(&self, portal: &PortalName, id: &str) -> Option<Intent> {
        self.intents.get(&(portal.clone(), id.into())).cloned()
    }

    /// The item that an intent kept open when this run began.
    fn item(&self, portal: &PortalName, intent: &str) -> Option<WorkItem> {
        self.items.get(&(portal.clone(), intent.into())).cloned()
    }

    /// The items that will record something of an object.
    fn items_of(&self, portal: &PortalName, address: &Address) -> Vec<WorkItem> {
        let here = self.items.iter().filter(|((p, _), item)| p == portal && item.records.iter().any(|r| r.address == *address));
        here.map(|(_, item)| item.clone()).collect()
    }

    /// The id of a tenant, if this run wrote its row.
    fn learnt(&self, portal: &PortalName, tenant: &TenantName) -> Option<Box<str>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).get(&(portal.clone(), tenant.clone())).cloned()
    }

    fn learn(&self, portal: &PortalName, row: LedgerRow) {
        if let (Placement::Tenant, Some(id)) = (row.address.kind.def().placement, &row.id) {
            let tenant = (portal.clone(), row.address.tenant.clone());
            self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant, id.clone());
        }
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).insert((portal.clone(), row.address.clone()), row);
    }
}
