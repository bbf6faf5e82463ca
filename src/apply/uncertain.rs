//! A call whose answer was lost: look before anything else. What is found is the answer; what cannot be found out stays unknown.
//!
//! Comes in: a batch of calls, of which some are asked about. Goes out: what the portal's lists tell of each. Those of their kinds
//! are read, once for a batch. What a list does not tell, because it was not read to its end, is unknown: neither there nor not there.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{FieldId, Fields, IntentAction, LiveObject, LiveTenant, ObjectState, Reached, TenantName, Value};
use crate::portal::{Call, Done, Execute, TenantKey, titled};

/// What a look tells of a call.
pub(super) enum Looked {
    /// It is done, and nothing is left to do.
    Done(Done),
    /// The step at which it stood is done, and others are left.
    Further(Reached),
    /// The step had no effect, and may be made; of an update that does not differ as it did, with what still does.
    Nothing(Option<Still>),
    /// Nobody can tell.
    Unknown,
}

/// What an update has still to change, and what is there of it.
pub(super) struct Still {
    pub(super) changed: Vec<FieldId>,
    pub(super) before: Fields,
}

/// The portal as it is after a batch of calls; read when first asked.
pub(super) struct Look<'a> {
    driver: &'a dyn Execute,
    batch: &'a [Call],
    read: Option<BTreeMap<TenantName, LiveTenant>>,
}

impl<'a> Look<'a> {
    pub(super) fn new(driver: &'a dyn Execute, batch: &'a [Call]) -> Self {
        Self { driver, batch, read: None }
    }

    /// True if the portal shows late what was written.
    pub(super) fn is_late(&self) -> bool {
        !self.driver.capabilities().consistency_window.is_zero()
    }

    /// Whether the step at which a call stands had its effect.
    pub(super) async fn at(&mut self, call: &Call) -> Looked {
        if self.read.is_none() {
            self.read = Some(self.all().await);
        }
        let live = self.read.as_ref().and_then(|read| read.get(&call.address.tenant));
        live.map_or(Looked::Unknown, |live| self.tells(live, call))
    }

    /// Every tenant of the batch, in one reading.
    async fn all(&self) -> BTreeMap<TenantName, LiveTenant> {
        let mut tenants = Vec::new();
        for call in self.batch {
            let key = TenantKey { name: call.address.tenant.clone(), id: call.tenant_id.clone() };
            let declared = call.context.as_deref().and_then(|context| context.around.tenant.as_ref());
            if !tenants.iter().any(|(known, _): &(TenantKey, _)| known.name == key.name) {
                tenants.push((key, declared));
            }
        }
        let calls = self.batch.iter().flat_map(|call| std::iter::once(call).chain(&call.carries));
        let kinds: BTreeSet<_> = calls.map(|call| call.address.kind).collect();
        let kinds: Vec<_> = kinds.into_iter().collect();
        let read = titled::look(self.driver, &tenants, &kinds).await.unwrap_or_default();
        tenants.into_iter().map(|(key, _)| key.name).zip(read).collect()
    }

    fn tells(&self, live: &LiveTenant, call: &Call) -> Looked {
        let kind = call.address.kind;
        let complete = live.is_complete(kind);
        match call.action {
            IntentAction::Create => match made(live, call, call) {
                Some(object) if self.driver.capabilities().kind(kind).is_some_and(|c| c.goes_on) => {
                    Looked::Further(Reached::found(&object.id, call.fate.reached.clone()))
                }
                Some(object) => {
                    let carried = call.carries.iter().map(|rider| made(live, rider, call).map(|o| o.id.clone())).collect();
                    Looked::Done(Done::Now { id: Some(object.id.clone()), object: whole(live, object), carried })
                }
                // Not there and proven so, unless the portal shows its writes late.
                None if complete && !self.is_late() => Looked::Nothing(None),
                None => Looked::Unknown,
            },
            IntentAction::Delete => {
                let there = live.objects(kind).iter().any(|o| Some(&o.id) == call.object.as_ref());
                match (there, complete) {
                    (false, true) => over(call, Done::Now { id: None, object: None, carried: Vec::new() }),
                    (true, _) => Looked::Nothing(None),
                    (false, false) => Looked::Unknown,
                }
            }
            IntentAction::Update => match object(live, call) {
                // A field that nobody can tell is neither written nor not written.
                Some(object) if call.changed.iter().any(|id| live.is_unknown(object, *id)) => Looked::Unknown,
                Some(object) => match still(call, object) {
                    None => over(call, Done::Now { id: Some(object.id.clone()), object: whole(live, object), carried: Vec::new() }),
                    // Writing the same values once more changes nothing.
                    still => Looked::Nothing(still),
                },
                None => Looked::Unknown,
            },
            IntentAction::Resend => match object(live, call).map(|o| o.state) {
                Some(ObjectState::InvitationExpired) if !self.is_late() || self.driver.capabilities().idempotent => Looked::Nothing(None),
                // It may have gone out, and a second one goes to a person.
                Some(ObjectState::InvitationExpired) | None => Looked::Unknown,
                Some(_) => over(call, Done::Now { id: call.object.clone(), object: None, carried: Vec::new() }),
            },
        }
    }
}

/// What is shown as it is to be: all of the call, or the step of it that was lost.
fn over(call: &Call, done: Done) -> Looked {
    match &call.fate.reached {
        None => Looked::Done(done),
        Some(reached) => Looked::Further(reached.clone().advanced()),
    }
}

/// What is not as an update wants it; `None`: everything is.
fn still(call: &Call, object: &LiveObject) -> Option<Still> {
    let same = |id: FieldId| match (object.fields.get(id), call.desired.get(id)) {
        (Some(shown), Some(wanted)) => shown == wanted || (shown.is_empty() && wanted.is_empty()),
        (shown, wanted) => shown.or(wanted).is_none_or(Value::is_empty),
    };
    let changed: Vec<_> = call.changed.iter().copied().filter(|id| !same(*id)).collect();
    let mut before = Fields::new();
    for (id, value) in changed.iter().filter_map(|id| Some((*id, object.fields.get(*id)?))) {
        before.set(id, value.clone());
    }
    (!changed.is_empty()).then_some(Still { changed, before })
}

/// The object as it is shown; `None`: a part of it nobody can tell, and what is missing there would read as if it were empty.
fn whole(live: &LiveTenant, object: &LiveObject) -> Option<Box<LiveObject>> {
    (!live.has_unknown(object.kind, &object.id)).then(|| Box::new(object.clone()))
}

fn object<'a>(live: &'a LiveTenant, call: &Call) -> Option<&'a LiveObject> {
    live.objects(call.address.kind).iter().find(|o| Some(&o.id) == call.object.as_ref())
}

/// What a creation made: the object with the call's key in the right tenant, unless the portal shows that another call made it.
fn made<'a>(live: &'a LiveTenant, call: &Call, carrier: &Call) -> Option<&'a LiveObject> {
    let ours = |o: &&LiveObject| o.created_by.as_ref().is_none_or(|by| *by == call.intent || *by == carrier.intent);
    live.objects(call.address.kind).iter().filter(|o| o.key == call.key).find(ours)
}
