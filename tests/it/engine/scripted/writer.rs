//! What one call does to the truth, and what no portal stands for.

use jiff::Timestamp;
use secrecy::ExposeSecret;
use tenantry::diff::created_only;
use tenantry::model::kind::{Bearing, Placement};
use tenantry::model::work_order::Instructions;
use tenantry::model::*;
use tenantry::portal::{Call, CallError, Done, Work};

use super::{Manners, Scripted, State, Stored, word};

/// One call at work on the truth.
pub(super) struct Writer<'a> {
    pub(super) portal: &'a Scripted,
    pub(super) manners: &'a Manners,
    pub(super) state: &'a mut State,
    pub(super) now: Timestamp,
}

/// What a technician is asked for: a text that says every field by name, and what is made with it.
fn instructions(call: &Call, calls_follow: bool) -> Done {
    let said = |call: &Call| {
        let named = call.context.as_ref().map(|c| c.named.clone()).unwrap_or_else(|| call.desired.clone());
        format!("{} {} {}", word(call.action), call.address, named.to_json(call.address.kind.def()))
    };
    let title = std::iter::once(call).chain(&call.carries).map(said).collect::<Vec<_>>().join(" + ");
    let instructions = Instructions { title, menu_place: 1, screens: Vec::new(), evidence: Vec::new() };
    let learnt = [("session".to_owned(), "s7".to_owned())].into();
    let work = Work { instructions, learnt, calls_follow };
    Done::Pending { waits_for: format!("a technician to {} it", word(call.action)), work: Some(Box::new(work)) }
}

impl Writer<'_> {
    pub(super) fn perform(&mut self, call: &Call) -> Result<Done, CallError> {
        if self.manners.instructs && self.by_hand(call) {
            self.state.work_orders.insert(call.address.clone());
            return Ok(instructions(call, false));
        }
        self.demand(call)?;
        let answered = call.context.as_ref().and_then(|c| c.answered.as_ref());
        if call.action != IntentAction::Delete && self.manners.asks.contains(&call.address.kind) {
            let Some(answered) = answered else { return Ok(instructions(call, true)) };
            self.state.received.push(format!("{} {} {}", call.address, answered.learnt["session"], answered.evidence["code"]));
        }
        if self.manners.by_hand.contains(&call.address.kind) {
            self.state.work_orders.insert(call.address.clone());
            return Ok(Done::Pending { waits_for: format!("a technician to {} it", word(call.action)), work: None });
        }
        self.receive(call);
        match call.action {
            IntentAction::Create => {
                let id = self.create(call, &call.intent, None);
                let carried: Vec<_> = call.carries.iter().map(|c| Some(self.create(c, &call.intent, Some(&id)))).collect();
                if self.manners.pending.contains(&call.address.kind) {
                    return Ok(Done::Pending { waits_for: "the portal to finish it".to_owned(), work: None });
                }
                Ok(Done::Now { object: self.read_back(&id), id: Some(id), carried })
            }
            IntentAction::Update => {
                let id = self.target(call)?;
                self.update(call, &id);
                Ok(Done::Now { object: self.read_back(&id), id: Some(id), carried: Vec::new() })
            }
            IntentAction::Delete => {
                let id = self.target(call)?;
                self.change(&id, |_| None);
                Ok(Done::Now { id: None, object: None, carried: Vec::new() })
            }
            IntentAction::Resend => {
                let id = self.target(call)?;
                *self.state.invitations.entry(call.key.to_string()).or_insert(0) += 1;
                self.change(&id, |o| Some(LiveObject { state: ObjectState::Invited, ..o }));
                Ok(Done::Now { id: Some(id), object: None, carried: Vec::new() })
            }
        }
    }

    fn by_hand(&self, call: &Call) -> bool {
        let capability = self.portal.capabilities.kind(call.address.kind).unwrap();
        let fields = || !call.changed.is_empty() && call.changed.iter().all(|id| capability.leaves_by_hand(call.action, *id));
        capability.performer(call.action) == Performer::Technician || (call.action == IntentAction::Update && fields())
    }

    /// What no portal stands for: a member without its tenant, a reference to nothing, a key taken, somebody left behind.
    fn demand(&self, call: &Call) -> Result<(), CallError> {
        let refuse = |why: String| Err(CallError::Refused(why));
        let Address { tenant, kind, .. } = &call.address;
        let in_tenant = matches!(kind.def().placement, Placement::Member { .. }) && !tenant.is_msp();
        let tenant_id = call.tenant_id.as_deref();
        let home = |id: &str| self.state.objects().any(|(t, o)| t.tenant == *tenant && o.kind == Kind::Organization && *o.id == *id);
        if in_tenant && !tenant_id.is_some_and(home) {
            return refuse(format!("{tenant} is no tenant here: {tenant_id:?}"));
        }
        let org_pending =
            self.state.objects().any(|(t, o)| t.tenant == *tenant && o.kind == Kind::Organization && o.state == ObjectState::Pending);
        if in_tenant && org_pending {
            return refuse(format!("{tenant} is not finished"));
        }
        for (id, value) in call.desired.iter() {
            let Some(to) = kind.def().field(id).ty.refers_to() else { continue };
            let capability = self.portal.capabilities.kind(to).unwrap();
            let known = |id: &str| {
                capability.read == Readability::Unreadable || capability.builtin.contains(id) || self.state.exists(tenant, to, id)
            };
            let items = value.as_list().map_or_else(|| vec![value.clone()], <[Value]>::to_vec);
            if let Some(unknown) = items.iter().filter_map(Value::as_text).find(|id| !known(id)) {
                return refuse(format!("there is no {to} {unknown}"));
            }
        }
        match call.action {
            IntentAction::Create => std::iter::once(call).chain(&call.carries).try_for_each(|c| self.free(c)),
            IntentAction::Delete => self.unused(call),
            IntentAction::Update | IntentAction::Resend => Ok(()),
        }
    }

    /// A portal-wide key is refused when taken; another one is taken twice, as many portals do.
    fn free(&self, call: &Call) -> Result<(), CallError> {
        let portal_wide = self.portal.capabilities.kind(call.address.kind).unwrap().key_scope == KeyScope::Portal;
        let taken = self.state.objects().any(|(_, o)| o.kind == call.address.kind && o.key == call.key);
        if portal_wide && taken { Err(CallError::Refused(format!("{} is taken", call.key))) } else { Ok(()) }
    }

    fn unused(&self, call: &Call) -> Result<(), CallError> {
        let id = Value::text(call.object.as_deref().unwrap_or_default());
        let refers = |o: &LiveObject| {
            let refers = |field: FieldId, v: &Value| {
                let to = o.def().field(field).ty.refers_to();
                to == Some(call.address.kind) && (*v == id || v.as_list().is_some_and(|l| l.contains(&id)))
            };
            o.fields.iter().any(|(field, v)| refers(field, v))
        };
        if let Some((_, by)) = self.state.objects().find(|(_, o)| refers(o)) {
            return Err(CallError::Refused(format!("{} is used by {} {}", call.address, by.kind, by.key)));
        }
        let tenant = &call.address.tenant;
        let left = self.state.objects().find(|(t, o)| t.tenant == *tenant && o.kind != Kind::Organization && !o.portals_own);
        match left {
            Some((_, o)) if call.address.kind == Kind::Organization => Err(CallError::Refused(format!("{} {} is left", o.kind, o.key))),
            _ => Ok(()),
        }
    }

    fn receive(&mut self, call: &Call) {
        for call in std::iter::once(call).chain(&call.carries) {
            let def = call.address.kind.def();
            let lines = call.secrets.iter().map(|(field, key, s)| format!("{} {key} {}", def.field(*field).path, s.expose_secret()));
            self.state.received.extend(lines);
            for field in call.changed.iter().filter(|id| def.field(**id).ty.is_secret()) {
                assert!(call.secrets.iter().any(|(id, ..)| id == field), "a secret that changed comes with the call");
            }
        }
    }

    /// The fields that it keeps of a call, for all or only these.
    fn kept(&self, call: &Call, only: Option<&[FieldId]>) -> Fields {
        let (kind, def) = (call.address.kind, call.address.kind.def());
        let mut fields = Fields::new();
        for (id, value) in call.desired.iter().filter(|(id, _)| only.is_none_or(|o| o.contains(id))) {
            let support = self.portal.capabilities.kind(kind).unwrap().field(id);
            assert_ne!(support, FieldSupport::Unsupported, "{} has no {}", call.address, def.field(id).path);
            let written = call.action == IntentAction::Create || call.changed.contains(&id);
            assert!(!(written && support == FieldSupport::Technician), "a call sets {} of {}", def.field(id).path, call.address);
            let shown = matches!(support, FieldSupport::Full | FieldSupport::Immutable);
            if shown && !def.field(id).ty.is_secret() && !created_only(def.field(id).sense) {
                fields.set(id, self.manners.stubborn.get(&(kind, id)).unwrap_or(value).clone());
            }
        }
        fields
    }

    fn create(&mut self, call: &Call, intent: &str, home: Option<&str>) -> Box<str> {
        let id = self.state.new_id();
        let kind = call.address.kind;
        let emails = kind.def().bearing == Bearing::Access && self.manners.invites;
        if emails {
            *self.state.invitations.entry(call.key.to_string()).or_insert(0) += 1;
        }
        let state = if self.manners.pending.contains(&kind) && home.is_none() {
            ObjectState::Pending
        } else if emails {
            ObjectState::Invited
        } else {
            ObjectState::Active
        };
        let object = LiveObject {
            kind,
            id: id.clone(),
            key: call.key.clone(),
            fields: self.kept(call, None),
            state,
            owner: self.manners.keeps_marks.then(|| call.owner.clone()),
            created_by: self.manners.shows_created_by.then(|| intent.into()),
            portals_own: false,
        };
        let tenant = call.address.tenant.clone();
        self.state.things.push(Stored { tenant, versions: vec![(self.now, Some(object))] });
        id
    }

    fn update(&mut self, call: &Call, id: &str) {
        let kept = self.kept(call, Some(&call.changed));
        let capability = self.portal.capabilities.kind(call.address.kind).unwrap();
        for field in &call.changed {
            assert_ne!(capability.field(*field), FieldSupport::Immutable, "{} changes what cannot be changed", call.address);
        }
        let key = call.key.clone();
        self.change(id, |mut o| {
            kept.iter().for_each(|(id, value)| o.fields.set(id, value.clone()));
            Some(LiveObject { key, ..o })
        });
    }

    fn target(&self, call: &Call) -> Result<Box<str>, CallError> {
        let id = call.object.clone().ok_or_else(|| CallError::Refused("no id".to_owned()))?;
        let there = self.state.objects().any(|(t, o)| t.tenant == call.address.tenant && o.kind == call.address.kind && o.id == id);
        if there { Ok(id) } else { Err(CallError::Refused(format!("there is no {} {id}", call.address.kind))) }
    }

    fn change(&mut self, id: &str, change: impl FnOnce(LiveObject) -> Option<LiveObject>) {
        let now = self.now;
        let thing = self.state.things.iter_mut().find(|t| t.now().is_some_and(|o| *o.id == *id)).unwrap();
        let changed = change(thing.now().unwrap().clone());
        thing.versions.push((now, changed));
    }

    fn read_back(&self, id: &str) -> Option<Box<LiveObject>> {
        let object = self.state.objects().find(|(_, o)| *o.id == *id).map(|(_, o)| Box::new(o.clone()));
        object.filter(|_| self.manners.reads_back)
    }
}
