//! Tells people what became of what they declared: in the status of custom resources, by events, and by letting go of what they deleted.
//!
//! Comes in: visits, and what was declared. Goes out: what each custom resource should say ([`Told`]), to the hand that writes. A visit of an earlier
//! declaration is never told as if it were of the one that stands there now. `news` is what is told once.

mod news;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use kube::Client;

use super::hand::{Hand, Held, Wrote};
use super::known::{Object, ObjectKey};
use super::say;
use super::shown::Shown;
use super::status::{Child, Said, Told, child_address};
use super::store::{Objects, Store, is_portal, is_tenant};
use super::unspoken::{Spoken, Unspoken};
use crate::apply::OutcomeResult;
use crate::controller::fence::Fence;
use crate::controller::status::{ResourceStatus, of, of_portal, of_undeclared, of_whole};
use crate::controller::{End, Fleet, Reporter, UnitKey, Visit};
use crate::ledger::LedgerRead;
use crate::model::{Address, Kind, Name, PortalName};

/// Custom resources that are written to at the same time, of one visit.
const AT_ONCE: usize = 8;
/// Custom resources that are told of what was declared before it is asked whether something else was declared meanwhile.
const IN_A_ROW: usize = 4 * AT_ONCE;
/// Who writes to one object waits for whoever writes to it already, and now and then for who writes to another.
const QUEUES: usize = 64;

/// The teller.
pub(crate) struct Teller {
    hand: Hand,
    ledger: Arc<dyn LedgerRead>,
    shown: Arc<Shown>,
    store: Arc<Store>,
    queues: Vec<tokio::sync::Mutex<()>>,
    unspoken: Unspoken,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    told: BTreeMap<ObjectKey, Told>,
    left_out: BTreeMap<ObjectKey, String>,
    /// Units whose ids were read, and whether they were in step then: ids change where something was applied or confirmed.
    ids: BTreeMap<UnitKey, bool>,
    /// How often something was declared.
    declared: u64,
    news: news::News,
}

/// What no visit tells of what was declared.
pub(crate) struct Untold {
    /// The number of what was declared.
    declared: u64,
    spoken: Vec<Spoken>,
}

/// What portals call the resources of a tenant.
type Ids = BTreeMap<Address, String>;

impl Teller {
    pub(crate) fn new(
        client: Client,
        ledger: Arc<dyn LedgerRead>,
        fence: Fence,
        instance: &str,
        shown: Arc<Shown>,
        store: Arc<Store>,
    ) -> Self {
        let hand = Hand::new(client, fence, instance, Arc::clone(&store));
        let queues = std::iter::repeat_with(tokio::sync::Mutex::default).take(QUEUES).collect();
        Self { hand, ledger, shown, store, queues, unspoken: Unspoken::default(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An object is gone.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        self.state().told.remove(key);
        self.unspoken.forget(key);
    }

    /// What is declared now. Records what no visit tells of it, for [`Self::tell`].
    ///
    /// `alike` are the portals of which the same is said as before.
    pub(crate) fn declared(
        &self,
        fleet: &Fleet,
        alike: &BTreeSet<PortalName>,
        all: &Objects,
        left_out: &BTreeMap<ObjectKey, String>,
    ) -> Untold {
        let mut state = self.state();
        state.left_out.clone_from(left_out);
        state.declared += 1;
        state.news.declared(fleet);
        let declared = state.declared;
        let gone: Vec<Spoken> = all.iter().filter_map(|(key, object)| self.less_told(&mut state, key, object)).collect();
        let doubted = |(key, object): (&ObjectKey, &Arc<Object>)| state.told.get_mut(key)?.doubted(object).then(|| (key.clone(), false));
        let doubted: Vec<Spoken> = all.iter().filter_map(doubted).collect();
        let untold = all.iter().filter_map(|(key, object)| self.told_by_nobody(&mut state, fleet, alike, key, object));
        let spoken: BTreeMap<ObjectKey, bool> = gone.into_iter().chain(doubted).chain(untold).collect();
        Untold { declared, spoken: spoken.into_iter().collect() }
    }

    /// Tells of what no visit tells. Leaves the rest where something was declared anew meanwhile: what is true of it now is told by who tells of that.
    pub(crate) async fn tell(&self, untold: Untold) {
        let Untold { declared, mut spoken } = untold;
        while !spoken.is_empty() && self.state().declared == declared {
            let rest = spoken.split_off(spoken.len().min(IN_A_ROW));
            self.speak(std::mem::replace(&mut spoken, rest)).await;
        }
    }

    /// Drops what portals said that serve a tenant no more: nobody looks there, so no visit takes it back.
    fn less_told(&self, state: &mut State, key: &ObjectKey, object: &Object) -> Option<Spoken> {
        let tenant = object.tenant_name().filter(|_| !state.left_out.contains_key(key))?;
        let told = state.told.get_mut(key)?;
        let expected: BTreeSet<String> = self.shown.portals_of(&tenant).iter().map(ToString::to_string).collect();
        let before = told.portals.len();
        told.portals.retain(|portal, _| portal.is_empty() || expected.contains(portal));
        if told.portals.len() == before || expected.is_empty() {
            return None;
        }
        told.await_looks(&expected);
        // Whoever is deleted is let go of by the next visit, which knows what was taken away.
        Some((key.clone(), false))
    }

    fn told_by_nobody(
        &self,
        state: &mut State,
        fleet: &Fleet,
        alike: &BTreeSet<PortalName>,
        key: &ObjectKey,
        object: &Object,
    ) -> Option<Spoken> {
        let tenant = object.tenant.as_deref();
        let portals = object.tenant_name().map(|tenant| self.shown.portals_of(&tenant)).unwrap_or_default();
        let conditions = match (state.left_out.get(key), tenant) {
            (Some(why), _) => say::refused(why),
            (None, Some(tenant)) if portals.is_empty() => match Name::new(tenant).ok().and_then(|t| fleet.invalid.get(&t)) {
                Some(diagnostics) => say::invalid(diagnostics),
                None => say::unserved(tenant),
            },
            // Who is visited is told by visits; who is deleted and paused is waited for by nobody.
            (None, Some(_)) => return (object.declared.deleting && object.asks.paused).then(|| (key.clone(), true)),
            (None, None) if is_portal(key.kind) => {
                let name = Name::new(&object.called).ok()?;
                let suspended = fleet.portals.get(&name).is_some_and(|open| open.served.spec.control.suspend == Some(true));
                if !suspended && fleet.desired.tenants.keys().any(|t| self.shown.portals_of(t).contains(&name)) {
                    return state.told.get_mut(key)?.declared_anew(object, alike.contains(&name)).then(|| (key.clone(), false));
                }
                say::portal(fleet, &name)?
            }
            (None, None) => say::refused("it names no organization"),
        };
        let refused = state.left_out.contains_key(key);
        let told = state.told.entry(key.clone()).or_default();
        told.refused = refused;
        told.portals = BTreeMap::from([(
            String::new(),
            Box::new(Said { generation: Some(object.declared.generation), conditions, ..Said::default() }),
        )]);
        told.handled.clone_from(&object.asks.reconcile_requested);
        // What counts for nothing may have counted: while the definition of its kind goes it is held as all others are.
        let is_suspended = |name: &PortalName| fleet.portals.get(name).is_none_or(|o| o.served.spec.control.suspend == Some(true));
        Some((key.clone(), object.declared.deleting || portals.iter().all(is_suspended)))
    }

    /// Writes what is told of objects, and holds them or lets them go.
    async fn speak(&self, spoken: Vec<Spoken>) {
        let one = async |(key, seen_to): Spoken| {
            // Visits of several portals speak of one object: what was told last is what is written last.
            let _alone = self.alone(&key).await;
            let told = self.state().told.get(&key).cloned();
            let wrote = match told {
                Some(told) => self.hand.write(&key, &told).await,
                None => Wrote::Nothing,
            };
            if let Wrote::Anew(statuses) = &wrote {
                let (before, now) = &**statuses;
                self.refused(&key, before, now).await;
                self.turned(&key, before, now).await;
            }
            let parting = self.parting(&key, seen_to).await;
            let counts = !self.state().left_out.contains_key(&key);
            let held = match counts || self.store.get(&key).is_some_and(|o| o.deleting) {
                true => self.hand.finalize(&key, seen_to).await,
                false => Held::AsWanted,
            };
            if let Some(parting) = parting.filter(|_| held == Held::LetGo) {
                self.parted(&key, parting).await;
            }
            self.unspoken.note(key, seen_to, held != Held::Failed && !matches!(wrote, Wrote::Failed));
        };
        stream::iter(spoken).for_each_concurrent(AT_ONCE, one).await;
    }

    /// Lets go of objects of a namespace that goes, whoever leads.
    pub(crate) async fn let_go_of(&self, keys: Vec<ObjectKey>) {
        stream::iter(keys).for_each_concurrent(AT_ONCE, async |key| self.hand.free(&key).await).await;
    }

    /// Tries again what the API server did not take, for as long as it is polled.
    pub(crate) async fn try_again(self: Arc<Self>) {
        loop {
            let due = self.unspoken.due().await;
            self.speak(due).await;
        }
    }

    /// Waits until nobody else writes to an object.
    async fn alone(&self, key: &ObjectKey) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let at = usize::try_from(hasher.finish() % QUEUES as u64).ok()?;
        Some(self.queues.get(at)?.lock().await)
    }

    /// The custom resources of a visit's tenant. Of what counts for nothing no visit tells, and no document that merely claims a customer's name speaks
    /// for it.
    fn objects(&self, visit: &Visit) -> Vec<(ObjectKey, Arc<Object>)> {
        let mut objects = self.store.of_tenant(visit.key.tenant.as_str());
        let state = self.state();
        objects.retain(|(key, _)| !state.left_out.contains_key(key));
        objects
    }

    /// What portals call the resources of a visit's tenant; `None`: as before.
    async fn ids(&self, visit: &Visit, objects: &[(ObjectKey, Arc<Object>)]) -> Option<Ids> {
        let in_step = matches!(visit.end, End::InStep | End::Applied);
        let (before, is_new) = {
            let state = self.state();
            let spoken_of = |(key, _): &(ObjectKey, Arc<Object>)| {
                let told = state.told.get(key).and_then(|told| told.portals.get(visit.key.portal.as_str()));
                told.is_some_and(|said| said.generation.is_some())
            };
            // A document of its own for what was inline, say, or a portal that was away.
            (state.ids.get(&visit.key).copied(), !objects.iter().all(spoken_of))
        };
        let may_differ = is_new || visit.report.is_some() || before.is_none_or(|was| in_step && !was);
        if visit.end == End::Applying || !may_differ {
            return None;
        }
        match self.ledger.read(&visit.key.portal, std::slice::from_ref(&visit.key.tenant)).await {
            Ok(states) => {
                self.state().ids.insert(visit.key.clone(), in_step);
                let rows = states.into_iter().flat_map(|s| s.rows);
                Some(rows.filter_map(|(address, row)| Some((address, row.id?.to_string()))).collect())
            }
            Err(_) => None,
        }
    }

    async fn events(&self, fleet: &Fleet, visit: &Visit, objects: &[(ObjectKey, Arc<Object>)]) {
        let documents = documents(fleet, visit, objects);
        let organization = objects.iter().map(|(key, _)| key).find(|key| is_tenant(key.kind));
        let outcomes = visit.report.iter().flat_map(|r| &r.outcomes);
        for outcome in outcomes.filter(|o| o.portal == visit.key.portal && o.address.tenant == visit.key.tenant) {
            let Some((warns, reason, note)) = say::event(outcome) else { continue };
            // Of what has no document its organization's tells; of what is deleted the one that declared it.
            let deleted = || objects.iter().find(|(key, o)| o.address(key.kind).as_ref() == Some(&outcome.address)).map(|(key, _)| key);
            let Some(key) = documents.get(&outcome.address).copied().or_else(deleted).or(organization) else { continue };
            let action = outcome.actions.first().map_or("change", |a| a.word());
            let about = format!("{action} {} in {}", child_address(&outcome.address), outcome.portal);
            self.hand.event(key, warns, reason, &about, &note).await;
        }
    }

    /// Records what a visit says, and which objects it speaks of, each with whether the portals were seen to.
    fn record(&self, fleet: &Fleet, visit: &Visit, ids: Option<&Ids>, objects: &[(ObjectKey, Arc<Object>)]) -> Vec<Spoken> {
        let documents = documents(fleet, visit, objects);
        let valid = !fleet.invalid.contains_key(&visit.key.tenant);
        let statuses = fleet.desired.tenants.get(&visit.key.tenant).filter(|_| valid).map(|t| of(visit, t)).unwrap_or_default();
        // What is to be taken away has no document any more: its organization tells of it.
        let undeclared =
            fleet.desired.tenants.get(&visit.key.tenant).filter(|_| valid).map(|t| of_undeclared(visit, t)).unwrap_or_default();
        let mut by_document: BTreeMap<&ObjectKey, Vec<&ResourceStatus>> = BTreeMap::new();
        if let Some((key, _)) = objects.iter().find(|(key, _)| is_tenant(key.kind)) {
            by_document.entry(key).or_default().extend(&undeclared);
        }
        for status in &statuses {
            if let Some(key) = documents.get(&status.address) {
                by_document.entry(key).or_default().push(status);
            }
        }
        let mut expected: BTreeSet<String> = self.shown.portals_of(&visit.key.tenant).iter().map(ToString::to_string).collect();
        expected.insert(visit.key.portal.to_string());
        let applied = applied(visit);
        let mut state = self.state();
        let State { told, left_out, .. } = &mut *state;
        let mut spoken_of = Vec::new();
        for (key, object) in objects {
            let own = by_document.get(key).map_or(&[][..], Vec::as_slice);
            let told = told.entry(key.clone()).or_default();
            told.visited(fleet, visit, key, object, own, ids);
            let changed = own.iter().map(|s| &s.address).chain(object.address(key.kind).as_ref()).any(|a| applied.contains(a));
            told.applied = told.applied.max(visit.report.as_ref().filter(|_| changed).map(|r| r.timestamp));
            told.portals.retain(|portal, _| expected.contains(portal));
            told.await_looks(&expected);
            if !object.deleting {
                told.seen_to.clear();
            } else if say::seen_to(fleet, visit, key, object) {
                told.seen_to.insert(visit.key.portal.to_string());
            } else {
                told.seen_to.remove(visit.key.portal.as_str());
            }
            spoken_of.push((key.clone(), expected.is_subset(&told.seen_to)));
        }
        for (key, object) in self.store.of_portal(visit.key.portal.as_str()).into_iter().filter(|(key, _)| !left_out.contains_key(key)) {
            let unless_told = || say::portal(fleet, &visit.key.portal).filter(|_| !told.contains_key(&key));
            let Some(conditions) = of_portal(visit).or_else(unless_told) else { continue };
            let told = told.entry(key.clone()).or_default();
            let generation = (object.declared.edition <= fleet.edition).then_some(object.declared.generation);
            told.portals = BTreeMap::from([(visit.key.portal.to_string(), Box::new(Said { generation, conditions, ..Said::default() }))]);
            told.others.remove(visit.key.tenant.as_str());
            if !objects.iter().any(|(key, _)| is_tenant(key.kind)) {
                told.others.extend(say::pending(visit).map(|plan| (visit.key.tenant.to_string(), plan)));
            }
            told.plans = (!object.asks.approved.is_empty()).then(|| say::plans(&self.shown.visits_in(&visit.key.portal)?)).flatten();
            told.asked(visit, key.kind, &object);
            spoken_of.push((key, false));
        }
        spoken_of
    }
}

impl Told {
    /// Takes in that a portal's document has another generation; true if what visits told of the one before is true of this one.
    fn declared_anew(&mut self, object: &Object, says_the_same: bool) -> bool {
        let newest = object.declared.generation;
        let mut is_news = false;
        for said in self.portals.values_mut().filter(|said| said.generation.is_some_and(|told| told != newest)) {
            said.generation = says_the_same.then_some(newest);
            is_news |= says_the_same;
        }
        is_news
    }

    /// Says of portals that said nothing yet that they will.
    fn await_looks(&mut self, expected: &BTreeSet<String>) {
        for portal in expected {
            let not_yet = || Box::new(Said { conditions: say::not_looked_at(), ..Said::default() });
            self.portals.entry(portal.clone()).or_insert_with(not_yet);
        }
    }

    /// Takes in what a visit says of one custom resource; `own` are the resources that it declares.
    fn visited(&mut self, fleet: &Fleet, visit: &Visit, key: &ObjectKey, object: &Object, own: &[&ResourceStatus], ids: Option<&Ids>) {
        self.portals.remove("");
        self.refused = false;
        let before = self.portals.remove(visit.key.portal.as_str()).map(|said| *said).unwrap_or_default();
        let is_of_now = object.declared.edition <= fleet.edition;
        let mut said = Said {
            generation: is_of_now.then_some(object.declared.generation),
            conditions: match own {
                _ if object.asks.paused && (!is_tenant(key.kind) || matches!(visit.end, End::Suspended)) => say::paused(),
                // It came while its tenant was visited: the visit says nothing of it.
                [] if !is_of_now && !object.deleting && before.conditions.is_empty() => say::not_looked_at(),
                [] if !is_of_now && !object.deleting => before.conditions,
                [] => of_whole(visit),
                [one] => one.conditions.clone(),
                several => say::worst(several),
            },
            id: before.id,
            ..Said::default()
        };
        if is_tenant(key.kind) {
            said.conditions = say::with_time(said.conditions, visit);
            let inline = own.iter().filter(|s| !is_tenant(s.address.kind));
            said.children = inline.map(|status| Child::of(status)).collect();
            let known: BTreeMap<String, String> = match ids {
                Some(ids) => ids.iter().map(|(address, id)| (child_address(address), id.clone())).collect(),
                None => before.children.into_iter().filter_map(|child| Some((child.address, child.id?))).collect(),
            };
            said.children.iter_mut().for_each(|child| child.id = known.get(&child.address).cloned());
            said.plan = say::pending(visit);
            said.digest = say::digest(visit);
        }
        if let Some(ids) = ids {
            said.id = object.address(key.kind).and_then(|address| ids.get(&address).cloned());
        }
        self.portals.insert(visit.key.portal.to_string(), Box::new(said));
        self.asked(visit, key.kind, object);
    }

    /// Takes in that a visit came after a request, and which approval it used up.
    fn asked(&mut self, visit: &Visit, kind: Kind, object: &Object) {
        if visit.end != End::Applying && object.asked.is_some_and(|at| at <= visit.began) {
            self.handled.clone_from(&object.asks.reconcile_requested);
        }
        let approves = object.tenant.is_none() || is_tenant(kind);
        if let Some(digest) = visit.spent.as_ref().filter(|digest| approves && object.asks.approved.contains(digest)) {
            self.spent.retain(|known| known != digest);
            self.spent.insert(0, digest.clone());
        }
        self.spent.retain(|digest| object.asks.approved.contains(digest));
    }
}

#[async_trait]
impl Reporter for Teller {
    async fn visited(&self, fleet: &Fleet, visit: &Visit) {
        self.shown.metrics.visited(visit);
        let mut objects = self.objects(visit);
        if visit.end == End::Applying {
            // It is over in a moment as a rule, and then each tells of itself. What says nothing at all yet would be taken for ready by who waits for it.
            objects.retain(|(key, object)| is_tenant(key.kind) || object.says_nothing());
        }
        self.vanished(fleet, visit, &objects).await;
        let ids = self.ids(visit, &objects).await;
        let spoken = self.record(fleet, visit, ids.as_ref(), &objects);
        self.speak(spoken).await;
        self.events(fleet, visit, &objects).await;
    }

    async fn lasts(&self, fleet: &Fleet, visit: &Visit) {
        let spoken = self.record(fleet, visit, None, &self.objects(visit));
        self.speak(spoken).await;
    }
}

/// What of a visit's tenant was changed in its portal.
fn applied(visit: &Visit) -> BTreeSet<&Address> {
    let outcomes = visit.report.iter().flat_map(|r| &r.outcomes).filter(|o| o.portal == visit.key.portal);
    outcomes.filter(|o| matches!(o.result, OutcomeResult::Done | OutcomeResult::DoneDiffers { .. })).map(|o| &o.address).collect()
}

/// The custom resource that declares each resource of a visit's tenant.
fn documents<'o>(fleet: &Fleet, visit: &Visit, objects: &'o [(ObjectKey, Arc<Object>)]) -> BTreeMap<Address, &'o ObjectKey> {
    let by_path: BTreeMap<String, &ObjectKey> = objects.iter().map(|(key, _)| (key.path(), key)).collect();
    let resources = fleet.desired.tenants.get(&visit.key.tenant).into_iter().flat_map(|t| &t.resources);
    resources.filter_map(|r| Some((r.address.clone(), *by_path.get(fleet.desired.sources.path(r.source))?))).collect()
}
