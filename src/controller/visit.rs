//! One look at some tenants of one portal, and what is done about it.
//!
//! Comes in: a [`Fleet`], the tenants of a portal that are due. Goes out: a [`Seen`] for each of them; those whose plan may be applied come in
//! groups that depend on each other, for [`act`]. Looking takes no lock and writes nothing. Acting locks, looks again, and applies only what was
//! decided: a plan that has become another one meanwhile is decided about anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::approval::{Decision, decide, only_approved_deletions};
use super::ended::{ends, used_up};
use super::known::Known;
use super::{End, Fleet, Open, Spent, Tools, UnitKey};
use crate::apply::{Run, RunReport, Stop, World};
use crate::diagnostic::brief;
use crate::engine::{self, Purpose, Scope, Served, View};
use crate::guard::{self, Approvals, Policy};
use crate::ledger::{Holder, LedgerError, LockId};
use crate::model::ledger::LedgerState;
use crate::model::{Control, Kind, PortalName, TenantName};
use crate::plan::document::{LeftOutResource, PlanDocument, TenantPlan};
use crate::plan::{Change, Finding, Inputs, Judged, NOT_MANAGED, Plan, Unit};

/// How long a lock is held without word from us: long enough that every call of ours has ended by then, and short enough for whoever takes over.
const LEASE: Duration = Duration::from_secs(30);
/// The first pause before a call is repeated.
const BACKOFF: Duration = Duration::from_millis(500);
/// How long a visit may take where nobody says: as long as a portal at its slowest needs for one customer.
const TIMEOUT: Duration = Duration::from_secs(600);

/// What a look at a unit came to.
pub(super) enum Seen {
    /// It is over.
    Ended(End, Option<Box<TenantPlan>>),
    /// Its plan may be applied.
    ToApply(Box<TenantPlan>),
}

/// Tenants of one portal whose plans may be applied and depend on each other, with the digest that was decided about.
pub(super) struct Group {
    pub(super) portal: PortalName,
    pub(super) tenants: BTreeMap<TenantName, String>,
}

/// Looks at tenants of a portal.
pub(super) async fn look(
    tools: &Tools,
    known: &Known,
    fleet: &Fleet,
    spent: &Spent,
    portal: &PortalName,
    tenants: &BTreeSet<TenantName>,
) -> (BTreeMap<TenantName, Seen>, Vec<Group>) {
    let mut seen = BTreeMap::new();
    let mut left = BTreeSet::new();
    for tenant in tenants {
        match without_looking(fleet, portal, tenant) {
            Some(end) => drop(seen.insert(tenant.clone(), Seen::Ended(end, None))),
            None => drop(left.insert(tenant.clone())),
        }
    }
    let Some(open) = fleet.portals.get(portal).filter(|_| !left.is_empty()) else { return (seen, Vec::new()) };
    // What goes is planned apart from what stays: each plan is for one purpose.
    let (leaving, staying): (BTreeSet<_>, BTreeSet<_>) = left.into_iter().partition(|tenant| fleet.leaving.contains(tenant));
    let mut groups = Vec::new();
    for (tenants, purpose) in [(staying, Purpose::Converge), (leaving, Purpose::Destroy)] {
        if !tenants.is_empty() {
            groups.extend(look_at(tools, known, fleet, spent, open, (tenants, purpose), &mut seen).await);
        }
    }
    (seen, groups)
}

/// Plans some tenants for one purpose and decides about each.
async fn look_at(
    tools: &Tools,
    known: &Known,
    fleet: &Fleet,
    spent: &Spent,
    open: &Open,
    (left, purpose): (BTreeSet<TenantName>, Purpose),
    seen: &mut BTreeMap<TenantName, Seen>,
) -> Vec<Group> {
    let needed = match purpose {
        Purpose::Converge => not_made_yet(tools, fleet, open, &left).await,
        Purpose::Destroy | Purpose::Look => Ok(BTreeSet::new()),
    };
    let planned = match needed {
        Ok(needed) => plan(tools, known, fleet, open, left.union(&needed).cloned().collect(), purpose).await,
        Err(end) => Err(end),
    };
    let plan = match planned {
        Ok(plan) => plan,
        Err(end) => {
            seen.extend(left.into_iter().map(|tenant| (tenant, Seen::Ended(end.clone(), None))));
            return Vec::new();
        }
    };
    let document = PlanDocument::from_plan(&plan, env!("CARGO_PKG_VERSION"));
    let mut documents: BTreeMap<_, _> = document.tenants.into_iter().map(|t| (t.tenant.clone(), Box::new(t))).collect();
    for unit in &plan.body.units {
        if let Some(document) = documents.get_mut(&unit.tenant) {
            document.left_out.extend(not_managed(unit));
        }
    }
    let mut to_apply: BTreeMap<TenantName, &Unit> = BTreeMap::new();
    for unit in plan.body.units.iter().filter(|u| left.contains(&u.tenant)) {
        let control = control(fleet, open, &unit.tenant);
        let given = given(fleet, spent, unit, control);
        let end = match decide(unit, &plan.body.refusals, control, &given) {
            Decision::InStep => End::InStep,
            Decision::AwaitTechnician => End::AwaitingTechnician,
            Decision::AwaitApproval { stale } => End::AwaitingApproval { digest: unit.digest.clone(), stale },
            Decision::ReportDrift => End::DriftReported,
            Decision::Refused { codes, message } => End::Refused { codes, message },
            Decision::Apply => {
                to_apply.insert(unit.tenant.clone(), unit);
                continue;
            }
        };
        seen.insert(unit.tenant.clone(), Seen::Ended(end, documents.get(&unit.tenant).cloned()));
    }
    let unmet = hold_back(&plan, &mut to_apply);
    seen.extend(unmet.into_iter().map(|(tenant, end)| {
        let document = documents.get(&tenant).cloned();
        (tenant, Seen::Ended(end, document))
    }));
    for tenant in to_apply.keys() {
        let document = documents.get(tenant).cloned().map_or(Seen::Ended(End::InStep, None), Seen::ToApply);
        seen.insert(tenant.clone(), document);
    }
    for tenant in left {
        seen.entry(tenant).or_insert(Seen::Ended(End::InStep, None));
    }
    groups(&open.served.spec.name, &to_apply)
}

/// What `managementPolicies` leave alone, so that people are told of it.
fn not_managed(unit: &Unit) -> impl Iterator<Item = LeftOutResource> {
    let rule = |change: &Change| {
        change.findings.iter().find_map(|finding| match finding {
            Finding::Rule { rule, message, .. } if rule == NOT_MANAGED => Some(message.clone()),
            _ => None,
        })
    };
    let left_out = unit.changes.iter().filter(|change| change.is_left_out());
    left_out.filter_map(move |c| Some(LeftOutResource { address: c.address.clone(), rule: NOT_MANAGED.to_owned(), reason: rule(c)? }))
}

/// What needs no look at the portal.
fn without_looking(fleet: &Fleet, portal: &PortalName, tenant: &TenantName) -> Option<End> {
    if let Some(error) = fleet.closed.get(portal) {
        return Some(End::Portal(error.clone()));
    }
    let Some(open) = fleet.portals.get(portal) else {
        return Some(End::DependencyNotReady { message: format!("the portal {portal} is not declared") });
    };
    if control(fleet, open, tenant).suspend == Some(true) {
        return Some(End::Suspended);
    }
    if let Some(diagnostics) = fleet.invalid.get(tenant) {
        return Some(End::Invalid { message: brief(diagnostics) });
    }
    if let Some(other) = fleet.invalid.keys().next()
        && fleet.desired.tenants.get(tenant).is_some_and(engine::names_tenants)
    {
        // A selector over an incomplete fleet would read as "no longer shared".
        return Some(End::DependencyNotReady {
            message: format!("it names other organizations, and what is declared of {other} has errors"),
        });
    }
    None
}

/// The tenants that these name and that are still to be made: planned with them, so that what needs them is seen to wait, and applied only in
/// their own turn.
async fn not_made_yet(tools: &Tools, fleet: &Fleet, open: &Open, tenants: &BTreeSet<TenantName>) -> Result<BTreeSet<TenantName>, End> {
    let declared = tenants.iter().filter_map(|t| fleet.desired.tenants.get(t));
    let mut named: BTreeSet<_> = declared.flat_map(engine::tenants_named).collect();
    named.retain(|t| !tenants.contains(t) && open.served.spec.serves(t) && fleet.desired.tenants.contains_key(t));
    if named.is_empty() {
        return Ok(named);
    }
    let names: Vec<_> = named.into_iter().collect();
    let states = tools.ledger.read(&open.served.spec.name, &names).await.map_err(|e| ledger_failed(&e))?;
    let is_made = |state: &LedgerState| state.rows.keys().any(|a| a.kind == Kind::Organization);
    Ok(names.into_iter().zip(states).filter(|(_, state)| !is_made(state)).map(|(name, _)| name).collect())
}

/// How a unit is treated: as its tenant says, else as the portal says.
pub(super) fn control(fleet: &Fleet, open: &Open, tenant: &TenantName) -> Control {
    let of_tenant = fleet.desired.tenants.get(tenant).map(crate::model::Tenant::control).unwrap_or_default();
    of_tenant.over(open.served.spec.control)
}

fn scope(portal: &PortalName, tenants: BTreeSet<TenantName>) -> Scope {
    Scope { portals: vec![portal.clone()], only: Some(tenants), ..Scope::default() }
}

/// Plans and judges some tenants of one portal.
async fn plan(
    tools: &Tools,
    known: &Known,
    fleet: &Fleet,
    open: &Open,
    tenants: BTreeSet<TenantName>,
    purpose: Purpose,
) -> Result<Plan<Judged>, End> {
    let served = [open.served.clone()];
    let scope = scope(&open.served.spec.name, tenants);
    let installation = known.installation(tools.ledger.as_ref()).await.map_err(|e| ledger_failed(&e))?;
    let mac = tools.mac();
    let view = View { purpose, ..view(tools, fleet, &served, &scope, &installation, &mac) };
    let planned = engine::plan(&view).await.map_err(|engine::EngineError::Ledger(e)| ledger_failed(&e))?;
    if let Some((_, error)) = planned.unreachable.into_iter().next() {
        return Err(End::Portal(error));
    }
    Ok(guard::judge(planned.plan, &Policy::new([&open.served.spec], guard::Tighten::default())))
}

fn view<'a>(
    tools: &'a Tools,
    fleet: &'a Fleet,
    portals: &'a [Served],
    scope: &'a Scope,
    installation: &'a str,
    mac: crate::apply::Mac<'a>,
) -> View<'a> {
    View {
        desired: &fleet.desired,
        portals,
        ledger: tools.ledger.as_ref(),
        installation,
        secrets: tools.secrets.as_ref(),
        mac,
        now: Timestamp::now(),
        scope,
        purpose: Purpose::Converge,
        inputs: Inputs { manifests_digest: fleet.desired.manifests_digest.clone(), ..Inputs::default() },
    }
}

fn ledger_failed(error: &LedgerError) -> End {
    match error {
        LedgerError::Locked(lock) => End::Contended { message: format!("{} ({}) works on it", lock.holder.who, lock.holder.operation) },
        error => End::Stopped { message: error.to_string() },
    }
}

/// Takes out what needs changes of a tenant that are not applied now, again and again until nothing does.
fn hold_back(plan: &Plan<Judged>, to_apply: &mut BTreeMap<TenantName, &Unit>) -> Vec<(TenantName, End)> {
    let planned: BTreeSet<_> = plan.body.units.iter().flat_map(|u| &u.changes).map(|c| &c.address).collect();
    let mut held = Vec::new();
    loop {
        let needs = |unit: &&Unit| {
            let others = unit.changes.iter().flat_map(|c| &c.depends_on).filter(|a| a.tenant != unit.tenant && planned.contains(a));
            others.into_iter().find(|a| !to_apply.contains_key(&a.tenant)).cloned()
        };
        let Some((tenant, needed)) = to_apply.iter().find_map(|(tenant, unit)| Some((tenant.clone(), needs(unit)?))) else { return held };
        to_apply.remove(&tenant);
        held.push((tenant, End::DependencyNotReady { message: format!("it needs {needed}, which is not applied yet") }));
    }
}

/// Tenants that need each other's changes are applied together, all others each by itself.
fn groups(portal: &PortalName, to_apply: &BTreeMap<TenantName, &Unit>) -> Vec<Group> {
    let mut groups: Vec<BTreeSet<TenantName>> = Vec::new();
    for (tenant, unit) in to_apply {
        let mut joined: BTreeSet<_> = unit.changes.iter().flat_map(|c| &c.depends_on).map(|a| a.tenant.clone()).collect();
        joined.retain(|t| to_apply.contains_key(t));
        joined.insert(tenant.clone());
        groups.retain(|other| {
            let apart = other.is_disjoint(&joined);
            if !apart {
                joined.extend(other.iter().cloned());
            }
            apart
        });
        groups.push(joined);
    }
    let digest = |tenant: &TenantName| to_apply.get(tenant).map(|u| u.digest.clone()).unwrap_or_default();
    let group = |tenants: BTreeSet<TenantName>| Group {
        portal: portal.clone(),
        tenants: tenants.into_iter().map(|t| (t.clone(), digest(&t))).collect(),
    };
    groups.into_iter().map(group).collect()
}

/// What acting on a group came to.
pub(super) struct Acted {
    /// One for each of its tenants.
    pub(super) ends: BTreeMap<TenantName, End>,
    /// The whole group's.
    pub(super) report: Option<RunReport>,
    /// The approvals that were used up.
    pub(super) spent: BTreeMap<TenantName, String>,
}

/// Applies what was decided about a group.
pub(super) async fn act(tools: &Tools, known: &Known, fleet: &Fleet, spent: &Spent, group: &Group) -> Acted {
    let all =
        |end: End| Acted { ends: group.tenants.keys().map(|t| (t.clone(), end.clone())).collect(), report: None, spent: BTreeMap::new() };
    if tools.stop.requested() || !tools.fence.is_open() {
        return all(End::Stopped { message: "nothing new is begun: this instance stops, or does not lead any more".to_owned() });
    }
    // What is declared may have become another since it was looked at.
    if let Some(end) = group.tenants.keys().find_map(|tenant| without_looking(fleet, &group.portal, tenant)) {
        return all(end);
    }
    let Some(open) = fleet.portals.get(&group.portal) else {
        return all(End::DependencyNotReady { message: format!("the portal {} is not declared", group.portal) });
    };
    let served = [open.served.clone()];
    let scope = scope(&group.portal, group.tenants.keys().cloned().collect());
    let holder = Holder { who: tools.who.clone(), ..Holder::current("controller") };
    let locked = engine::lock(tools.ledger.as_ref(), &fleet.desired, &served, &scope, &holder, Timestamp::now(), LEASE).await;
    let lock = match locked {
        Ok(lock) => lock,
        Err(engine::EngineError::Ledger(error)) => return all(ledger_failed(&error)),
    };
    let ended = locked_act(tools, known, fleet, spent, open, group, &lock).await;
    // A lock that cannot be given back runs out by itself.
    if let Err(error) = tools.ledger.unlock(&lock).await {
        tracing::warn!(portal = %group.portal, tenants = ?group.tenants.keys(), %error, "a lock could not be given back");
    }
    match ended {
        Ok((report, used)) => Acted { ends: ends(group, &report), spent: used_up(group, &report, &used), report: Some(report) },
        Err(end) => all(end),
    }
}

/// The digests that may pass a unit's plan, those apart whose plans were applied.
fn given(fleet: &Fleet, spent: &Spent, unit: &Unit, control: Control) -> Vec<String> {
    let key = key(&unit.portal, &unit.tenant);
    let mut given = fleet.approved.of(&key, &unit.digest);
    given.retain(|digest| !spent.get(&key).is_some_and(|spent| spent.contains(digest)));
    // Whoever approved every deletion in it approved the plan: all else in it needs nobody.
    if only_approved_deletions(unit, control, &fleet.approved.deletions_of(&unit.tenant)) {
        given.push(unit.digest.clone());
    }
    given
}

/// Decides again, now that nobody else can act: the digests that approve what is applied.
fn decided_again(fleet: &Fleet, spent: &Spent, open: &Open, group: &Group, judged: &Plan<Judged>) -> Result<Vec<String>, End> {
    let mut digests = Vec::new();
    for unit in &judged.body.units {
        let tenant = &unit.tenant;
        let control = control(fleet, open, tenant);
        let given = given(fleet, spent, unit, control);
        let other = group.tenants.get(tenant).is_some_and(|decided| *decided != unit.digest);
        let decision = decide(unit, &judged.body.refusals, control, &given);
        let goes_on = matches!(decision, Decision::Apply | Decision::InStep | Decision::AwaitTechnician);
        if other || !goes_on {
            return Err(End::DependencyNotReady { message: format!("what would be done in {tenant} has changed since it was looked at") });
        }
        digests.extend(given.into_iter().filter(|digest| *digest == unit.digest));
    }
    Ok(digests)
}

async fn locked_act(
    tools: &Tools,
    known: &Known,
    fleet: &Fleet,
    spent: &Spent,
    open: &Open,
    group: &Group,
    lock: &LockId,
) -> Result<(RunReport, Vec<String>), End> {
    let names: BTreeSet<_> = group.tenants.keys().cloned().collect();
    let leaving = names.iter().filter(|tenant| fleet.leaving.contains(*tenant)).count();
    let purpose = match leaving {
        0 => Purpose::Converge,
        all if all == names.len() => Purpose::Destroy,
        _ => return Err(End::DependencyNotReady { message: "what is declared has changed since it was looked at".to_owned() }),
    };
    let judged = plan(tools, known, fleet, open, names.clone(), purpose).await?;
    let digests = decided_again(fleet, spent, open, group, &judged)?;
    let (approval, ticket) = consent(fleet, &digests);
    let used = digests.clone();
    let approved = guard::approve(judged, &Approvals { digests, allow: Vec::new() }).plan;
    let installation = known.installation(tools.ledger.as_ref()).await.map_err(|e| ledger_failed(&e))?;
    let mac = tools.mac();
    let (stop, served, scope) = (Stop::default(), [open.served.clone()], scope(&group.portal, names));
    let run = Run { who: tools.who.clone(), ticket, approval };
    let portals = BTreeMap::from([(group.portal.clone(), (tools.fenced(open), open.served.spec.parallelism))]);
    let world = World {
        desired: &fleet.desired,
        portals: &portals,
        ledger: tools.ledger.as_ref(),
        lock,
        installation: &installation,
        secrets: tools.secrets.as_ref(),
        mac: &mac,
        clock: &Timestamp::now,
        new_id: &|| uuid::Uuid::now_v7().to_string().into(),
        run: &run,
        stop: &stop,
        watch: &|_| {},
        backoff: BACKOFF,
    };
    let again = View { purpose, ..view(tools, fleet, &served, &scope, &installation, &mac) };
    let limit = group.tenants.keys().filter_map(|t| control(fleet, open, t).timeout).max().unwrap_or(TIMEOUT);
    let apply = engine::apply(&approved, &world, &again);
    let ended_early = async {
        tokio::select! {
            () = engine::keep(tools.ledger.as_ref(), lock, LEASE) => {}
            () = tools.stop.asked() => {}
            () = tools.fence.closes() => {}
            () = tokio::time::sleep(limit) => {}
        }
    };
    tokio::pin!(apply, ended_early);
    // Calls under way are waited for, whatever ends a visit early: only then is it known what became of them.
    tokio::select! {
        biased;
        () = &mut ended_early => stop.request(),
        report = &mut apply => return Ok((report, used)),
    }
    Ok((apply.await, used))
}

/// How a plan was approved, and the ticket, for the audit record.
fn consent(fleet: &Fleet, digests: &[String]) -> (String, Option<String>) {
    if digests.is_empty() {
        return ("automatic".to_owned(), None);
    }
    let said = |digest: &String| match fleet.approved.consents.get(digest) {
        Some(consent) => format!("digest {digest} by {}", consent.who),
        None => format!("digest {digest}"),
    };
    let tickets: BTreeSet<_> = digests.iter().filter_map(|d| fleet.approved.consents.get(d)?.ticket.clone()).collect();
    let ticket = (!tickets.is_empty()).then(|| tickets.into_iter().collect::<Vec<_>>().join(", "));
    (digests.iter().map(said).collect::<Vec<_>>().join(", "), ticket)
}

/// The key of what was looked at.
pub(super) fn key(portal: &PortalName, tenant: &TenantName) -> UnitKey {
    UnitKey { portal: portal.clone(), tenant: tenant.clone() }
}
