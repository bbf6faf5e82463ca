//! The scripted portal: the hardest implementation of the port, and the one that the laws hold for.
//!
//! A test says what it is like ([`Manners`], `Capabilities`) and which requests go wrong ([`Fault`]). It keeps the truth and shows of it only
//! what such a portal would show. Every write that reaches it is recorded, so that a test can end in "and nothing else was called".

mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tenantry::model::kind::{Bearing, Placement, Sense};
use tenantry::model::live::{KeyHolder, normalise_key};
use tenantry::model::rule::{Conduct, Effect, Subject, Violation};
use tenantry::model::*;
use tenantry::portal::*;

use crate::support::Clock;
use crate::support::fuse::Fuse;
use writer::Writer;

/// What a portal is like, beyond its capabilities.
#[derive(Debug, Clone, Default)]
pub(crate) struct Manners {
    /// Nothing can be read.
    pub(crate) down: Option<PortalError>,
    /// It goes down after it was read so many times more.
    pub(crate) down_after_reads: Option<usize>,
    /// Only the first half of these kinds is listed, for a reason.
    pub(crate) partial: BTreeMap<Kind, String>,
    /// Creations of these kinds are answered *pending*, and shown so until [`Scripted::finish`].
    pub(crate) pending: BTreeSet<Kind>,
    /// Creations of these kinds are work orders: nothing happens until a test does it.
    pub(crate) by_hand: BTreeSet<Kind>,
    /// What a technician does comes as instructions.
    pub(crate) instructs: bool,
    /// Creations of these kinds need a person's answer before they go on.
    pub(crate) asks: BTreeSet<Kind>,
    /// Tenants of which these kinds cannot be read.
    pub(crate) closed: BTreeSet<(TenantName, Kind)>,
    /// Lists from its end.
    pub(crate) reversed: bool,
    /// Shows which call made an object.
    pub(crate) shows_created_by: bool,
    /// Keeps marks of ownership.
    pub(crate) keeps_marks: bool,
    /// Says after a write how the object is now.
    pub(crate) reads_back: bool,
    /// New members that have an e-mail address are invited: they are not active at once.
    pub(crate) invites: bool,
    /// Answers about keys that differ from the truth.
    pub(crate) holders: BTreeMap<(Kind, Box<str>), KeyHolder>,
    /// Fields that it writes otherwise than asked: always this value.
    pub(crate) stubborn: BTreeMap<(Kind, FieldId), Value>,
}

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not now; no effect.
    Retry(Option<Duration>),
    /// The request was lost.
    UncertainBefore,
    /// The answer was lost.
    UncertainAfter,
    /// No, and no effect.
    Refused,
    /// Not with these credentials; no effect.
    Denied,
    /// The driver panics before the effect.
    PanicBefore,
    /// The driver panics after the effect.
    PanicAfter,
    /// The effect is had and the driver forgets to answer, for this call and those after it in the batch.
    NoAnswer,
}

/// One thing in the portal, with all that it ever was.
struct Stored {
    tenant: TenantName,
    versions: Vec<(Timestamp, Option<LiveObject>)>,
}

impl Stored {
    fn now(&self) -> Option<&LiveObject> {
        self.versions.last().and_then(|(_, o)| o.as_ref())
    }

    fn shown(&self, at: Timestamp, window: Duration) -> Option<&LiveObject> {
        let window = SignedDuration::try_from(window).unwrap();
        self.versions.iter().rev().find(|(since, _)| *since + window <= at).and_then(|(_, o)| o.as_ref())
    }
}

#[derive(Default)]
struct State {
    things: Vec<Stored>,
    next_id: u64,
    made_by: BTreeMap<Box<str>, Result<Done, CallError>>,
    log: Vec<String>,
    requests: usize,
    faults: BTreeMap<usize, Fault>,
    invitations: BTreeMap<String, u32>,
    received: Vec<String>,
    work_orders: BTreeSet<Address>,
}

/// A portal that does as a test says.
pub(crate) struct Scripted {
    capabilities: Capabilities,
    manners: Mutex<Manners>,
    state: Mutex<State>,
    clock: Arc<Clock>,
    fuse: Arc<Fuse>,
    conduct: ScriptedConduct,
}

/// Every kind, fully supported.
pub(crate) fn capable() -> Capabilities {
    let kinds = Kind::reconciled().map(|kind| (kind, KindCapability::full())).collect();
    Capabilities { kinds, idempotent: false, consistency_window: Duration::ZERO, batch: 1, context: false }
}

impl Scripted {
    pub(crate) fn new(capabilities: Capabilities, manners: Manners, clock: Arc<Clock>, fuse: Arc<Fuse>) -> Self {
        let (manners, state) = (Mutex::new(manners), Mutex::default());
        Self { capabilities, manners, state, clock, fuse, conduct: ScriptedConduct }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn polite(&self) -> Manners {
        self.manners.lock().unwrap().clone()
    }

    /// Changes what it is like.
    pub(crate) fn behave(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.manners.lock().unwrap());
    }

    /// The `nth` call from now on (0 is the next) goes wrong.
    pub(crate) fn fault(&self, nth: usize, fault: Fault) {
        let mut state = self.state();
        let at = state.requests + nth;
        state.faults.insert(at, fault);
    }

    /// The calls that reached it since the last time somebody asked, in order.
    pub(crate) fn took(&self) -> Vec<String> {
        std::mem::take(&mut self.state().log)
    }

    /// How many invitations went to an address.
    pub(crate) fn invitations(&self, email: &str) -> u32 {
        self.state().invitations.get(email).copied().unwrap_or(0)
    }

    /// Every invitation that went out, by address.
    pub(crate) fn all_invitations(&self) -> BTreeMap<String, u32> {
        self.state().invitations.clone()
    }

    /// What technicians were asked to do.
    pub(crate) fn work_orders(&self) -> BTreeSet<Address> {
        self.state().work_orders.clone()
    }

    /// Secrets that it was sent, as `path key secret`.
    pub(crate) fn received(&self) -> Vec<String> {
        self.state().received.clone()
    }

    /// What it has, as `tenant kind key` with the id behind it where asked, sorted: the truth, not what it shows.
    pub(crate) fn has(&self) -> Vec<String> {
        let state = self.state();
        let there = state.things.iter().filter_map(|t| Some((t, t.now()?)));
        let mut lines: Vec<_> = there.map(|(t, o)| format!("{} {} {}", t.tenant, o.def().slug, o.key)).collect();
        lines.sort();
        lines
    }

    /// The same with every field, references by key: what two runs must agree on.
    pub(crate) fn picture(&self) -> Vec<String> {
        self.picture_of(|_| true)
    }

    /// The same of some objects.
    pub(crate) fn picture_of(&self, which: impl Fn(&LiveObject) -> bool) -> Vec<String> {
        let state = self.state();
        let keys: BTreeMap<_, _> = state.things.iter().filter_map(|t| t.now()).map(|o| (o.id.clone(), o.key.clone())).collect();
        let there = state.things.iter().filter_map(|t| Some((t, t.now()?))).filter(|(_, o)| which(o));
        let mut lines: Vec<_> = there
            .map(|(t, o)| {
                let by_key = |id: &Value| match id.as_text().and_then(|id| keys.get(id)) {
                    Some(key) => Value::text(format!("@{key}")),
                    None => id.clone(),
                };
                let mut fields = Fields::new();
                for (id, value) in o.fields.iter() {
                    let mut named: Vec<_> = value.as_list().unwrap_or_default().iter().map(by_key).collect();
                    named.sort();
                    fields.set(id, if value.as_list().is_some() { Value::List(named) } else { by_key(value) });
                }
                format!("{} {} {} {:?} {}", t.tenant, o.def().slug, o.key, o.state, fields.to_json(o.def()))
            })
            .collect();
        lines.sort();
        lines
    }

    /// Puts something there by hand, as a technician in a hurry does; its id.
    pub(crate) fn put(&self, declared: &Resource) -> Box<str> {
        let object = |id| LiveObject {
            kind: declared.address.kind,
            id,
            key: normalise_key(declared.natural_key()),
            fields: declared.fields.clone(),
            state: ObjectState::Active,
            owner: None,
            created_by: None,
            portals_own: false,
        };
        self.put_with(&declared.address.tenant, object)
    }

    /// The same with an object of the test's own making.
    pub(crate) fn put_with(&self, tenant: &TenantName, object: impl FnOnce(Box<str>) -> LiveObject) -> Box<str> {
        let mut state = self.state();
        let id = state.new_id();
        // It has always been there: no window hides it.
        state.things.push(Stored { tenant: tenant.clone(), versions: vec![(Timestamp::UNIX_EPOCH, Some(object(id.clone())))] });
        id
    }

    /// Changes an object by hand, found by tenant, kind and key; `None` deletes it.
    pub(crate) fn alter(&self, tenant: &str, kind: Kind, key: &str, change: impl FnOnce(LiveObject) -> Option<LiveObject>) {
        let (mut state, now) = (self.state(), self.clock.now());
        let found = state.things.iter_mut().filter(|t| t.tenant.as_str() == tenant);
        let thing = found.filter(|t| t.now().is_some_and(|o| o.kind == kind && *o.key == *key)).last();
        let thing = thing.unwrap_or_else(|| panic!("{tenant} has no {kind} {key}"));
        let changed = change(thing.now().unwrap().clone());
        thing.versions.push((now, changed));
    }

    /// Sets a field by hand.
    pub(crate) fn set(&self, tenant: &str, kind: Kind, key: &str, path: &str, value: Value) {
        self.alter(tenant, kind, key, |mut o| {
            o.fields.set(kind.def().field_named(path).unwrap().0, value);
            Some(o)
        });
    }

    /// Puts an object into a state by hand.
    pub(crate) fn set_state(&self, tenant: &str, kind: Kind, key: &str, to: ObjectState) {
        self.alter(tenant, kind, key, |o| Some(LiveObject { state: to, ..o }));
    }

    /// Deletes an object by hand.
    pub(crate) fn delete(&self, tenant: &str, kind: Kind, key: &str) {
        self.alter(tenant, kind, key, |_| None);
    }

    /// Everything that was pending is there.
    pub(crate) fn finish(&self) {
        let (mut state, now) = (self.state(), self.clock.now());
        for thing in &mut state.things {
            if let Some(object) = thing.now().filter(|o| o.state == ObjectState::Pending).cloned() {
                thing.versions.push((now, Some(LiveObject { state: ObjectState::Active, ..object })));
            }
        }
    }

    /// The id of an object, by tenant, kind and key.
    pub(crate) fn id(&self, tenant: &str, kind: Kind, key: &str) -> Box<str> {
        let state = self.state();
        let objects = state.things.iter().filter(|t| t.tenant.as_str() == tenant).filter_map(Stored::now);
        objects.filter(|o| o.kind == kind && *o.key == *key).map(|o| o.id.clone()).next().unwrap()
    }

    fn one(&self, call: &Call) -> Result<Done, CallError> {
        let manners = self.polite();
        let mut state = self.state();
        let carrying: Vec<_> = call.carries.iter().map(|c| format!(" + {}", c.address)).collect();
        state.log.push(format!("{} {}{}", word(call.action), call.address, carrying.concat()));
        if self.capabilities.idempotent
            && let Some(answer) = state.made_by.get(&call.intent)
        {
            return answer.clone();
        }
        let now = self.clock.now();
        let answer = Writer { portal: self, manners: &manners, state: &mut state, now }.perform(call);
        if answer.is_ok() {
            state.made_by.insert(call.intent.clone(), answer.clone());
        }
        answer
    }
}

const fn word(action: IntentAction) -> &'static str {
    match action {
        IntentAction::Create => "create",
        IntentAction::Update => "update",
        IntentAction::Delete => "delete",
        IntentAction::Resend => "resend",
    }
}

impl State {
    fn new_id(&mut self) -> Box<str> {
        self.next_id += 1;
        format!("p{}", self.next_id).into()
    }

    fn objects(&self) -> impl Iterator<Item = (&Stored, &LiveObject)> {
        self.things.iter().filter_map(|t| Some((t, t.now()?)))
    }

    fn exists(&self, tenant: &TenantName, kind: Kind, id: &str) -> bool {
        let anywhere = kind.def().placement == Placement::Tenant;
        self.objects().any(|(t, o)| (anywhere || t.tenant == *tenant) && o.kind == kind && *o.id == *id)
    }
}

#[async_trait]
impl Observe for Scripted {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn conduct(&self) -> &dyn Conduct {
        &self.conduct
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        self.fuse.alive().await;
        let manners = self.polite();
        if let Some(error) = manners.down {
            return Err(error);
        }
        match manners.down_after_reads {
            Some(0) => return Err(PortalError::Unavailable("it went away".to_owned())),
            Some(n) => self.behave(|m| m.down_after_reads = Some(n - 1)),
            None => {}
        }
        let (now, window) = (self.clock.now(), self.capabilities.consistency_window);
        let state = self.state();
        let show = |key: &TenantKey| {
            let mut live = LiveTenant::default();
            for (kind, capability) in &self.capabilities.kinds {
                let things = state.things.iter().filter(|t| t.tenant == key.name);
                let mut objects: Vec<_> = things.filter_map(|t| t.shown(now, window)).filter(|o| o.kind == *kind).cloned().collect();
                if manners.reversed {
                    objects.reverse();
                }
                let closed = manners.closed.contains(&(key.name.clone(), *kind));
                let collection = match (capability.read, manners.partial.get(kind)) {
                    _ if closed => Collection { completeness: Completeness::Unreadable, objects: Vec::new() },
                    (Readability::Unreadable, _) => Collection { completeness: Completeness::Unreadable, objects: Vec::new() },
                    (Readability::Listed, Some(why)) => {
                        objects.truncate(objects.len() / 2);
                        Collection::incomplete(why, objects)
                    }
                    (Readability::Listed, None) => Collection::complete(objects),
                };
                live.collections.insert(*kind, collection);
            }
            live
        };
        Ok(tenants.iter().map(show).collect())
    }

    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        self.fuse.alive().await;
        if let Some(error) = self.polite().down {
            return Err(error);
        }
        let state = self.state();
        let organizations = state.things.iter().filter(|t| !t.tenant.is_msp()).filter_map(|t| Some((t, t.now()?)));
        let organizations = organizations.filter(|(_, o)| o.kind == Kind::Organization);
        Ok(organizations.map(|(t, o)| TenantKey { name: t.tenant.clone(), id: Some(o.id.clone()) }).collect())
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        self.fuse.alive().await;
        let (manners, state) = (self.polite(), self.state());
        let holder = |key: &&str| {
            if let Some(scripted) = manners.holders.get(&(kind, Box::from(*key))) {
                return scripted.clone();
            }
            let held = state.objects().find(|(_, o)| o.kind == kind && *o.key == **key);
            held.map_or(KeyHolder::Free, |(t, o)| KeyHolder::Held { tenant: Some(t.tenant.to_string()), id: Some(o.id.to_string()) })
        };
        Ok(keys.iter().map(holder).collect())
    }
}

#[async_trait]
impl Execute for Scripted {
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>> {
        assert!(!calls.is_empty() && calls.len() <= self.capabilities.batch.max(1), "a batch of {}", calls.len());
        let mut answers = Vec::new();
        let mut silent = false;
        for call in calls {
            self.fuse.alive().await;
            let fault = {
                let mut state = self.state();
                state.requests += 1;
                let at = state.requests - 1;
                state.faults.remove(&at)
            };
            let lost = || CallError::Uncertain("connection reset".to_owned());
            let answer = match fault {
                None => self.fuse.effect(|| self.one(call)).await,
                Some(Fault::Retry(after)) => {
                    // The test's clock does not run by itself: the time that the caller will wait has passed.
                    self.clock.forward(after.unwrap_or_default().as_secs() as i64);
                    Err(CallError::Retry { message: "busy".to_owned(), after })
                }
                Some(Fault::UncertainBefore) => Err(lost()),
                Some(Fault::UncertainAfter) => self.fuse.effect(|| self.one(call)).await.and_then(|_| Err(lost())),
                Some(Fault::Refused) => Err(CallError::Refused("no".to_owned())),
                Some(Fault::Denied) => Err(CallError::Denied("not with these credentials".to_owned())),
                Some(Fault::PanicBefore) => panic!("scripted: before the effect"),
                Some(Fault::PanicAfter) => {
                    let _ = self.fuse.effect(|| self.one(call)).await;
                    panic!("scripted: after the effect")
                }
                Some(Fault::NoAnswer) => {
                    silent = true;
                    self.fuse.effect(|| self.one(call)).await
                }
            };
            if !silent {
                answers.push(answer);
            }
        }
        answers
    }
}

/// Invitations send e-mail; deleting what holds data deletes data.
struct ScriptedConduct;

impl Conduct for ScriptedConduct {
    fn violations(&self, _: &Subject<'_>) -> Vec<Violation> {
        Vec::new()
    }

    fn effects(&self, subject: &Subject<'_>) -> Vec<Effect> {
        let def = subject.kind.def();
        let quiet = |fields: &Fields| def.with_sense(Sense::Notify).any(|(id, _)| fields.get(id) == Some(&Value::Bool(false)));
        let invites = def.bearing == Bearing::Access && matches!(subject.action, IntentAction::Create | IntentAction::Resend);
        if invites && !subject.after.is_some_and(quiet) {
            return vec![Effect::Email];
        }
        if def.bearing == Bearing::Data && subject.action == IntentAction::Delete {
            return vec![Effect::Irreversible, Effect::DataLoss];
        }
        Vec::new()
    }
}
