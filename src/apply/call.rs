//! One change as a call: names become ids, secrets are read. Nothing is decided here; what cannot be filled in is an error of that change.

use super::batch::Context;
use super::schedule::{self, Task};
use super::steps::{self, Step};
use super::{Knowledge, order, secret_fields};
use crate::diff;
use crate::model::kind::Placement;
use crate::model::{Address, Digest, Fate, FieldId, Fields, IntentAction, KindCapability, Next, PortalName, Reached, TenantName, Value};
use crate::plan::Change;
use crate::portal::{Call, CallContext, Execute};

/// A call and what the ledger needs to know of it.
pub(super) struct Prepared {
    /// The call.
    pub(super) call: Call,
    /// MACs of the secrets that it carries.
    pub(super) macs: Vec<(FieldId, Digest)>,
    /// What rides on it.
    pub(super) riders: Vec<Rider>,
    /// The step that it carries out.
    pub(super) step: Step,
}

/// What the ledger needs to know of something that rides on a call.
#[derive(Debug, Default)]
pub(super) struct Rider {
    /// MACs of its secrets.
    pub(super) macs: Vec<(FieldId, Digest)>,
    /// Fields that are written later: they refer to what does not exist yet, or a technician sets them.
    pub(super) left_out: Vec<FieldId>,
}

/// Fills in a call.
///
/// # Errors
/// In words for a person: a reference without an id, a secret that cannot be read.
pub(super) fn prepare(
    context: &Context<'_>,
    driver: &dyn Execute,
    task: &Task<'_>,
    step: Step,
    intent: Box<str>,
) -> Result<Prepared, String> {
    let (mut call, macs) = fill(context, driver, task, &step, intent, step.by_hand)?;
    let mut riders = Vec::new();
    if step.action == IntentAction::Create {
        for (n, rider) in task.carried.iter().enumerate() {
            let id = format!("{}/{}", call.intent, n + 1).into();
            let ridden = steps::ridden(driver.capabilities(), &step, rider);
            let (carried, macs) = fill(context, driver, rider, &ridden, id, true)?;
            // A technician finds by name what has no id.
            let whole = |id: &FieldId| step.by_hand || count(carried.desired.get(*id)) == count(rider.change.desired.get(*id));
            let mut left_out = ridden.leaves;
            left_out.extend(schedule::references(rider.change).into_iter().filter(|id| !whole(id)));
            left_out.sort();
            left_out.dedup();
            call.carries.push(carried);
            riders.push(Rider { macs, left_out });
        }
    }
    call.fate = fate(context, task, &call);
    Ok(Prepared { call, macs, riders, step })
}

/// Where a call stands before it is made: at its beginning, or where an earlier run left it. The plan has looked for what lists can show: what
/// it makes all the same was not there.
fn fate(context: &Context<'_>, task: &Task<'_>, call: &Call) -> Fate {
    let (change, fresh) = (task.change, call.fate.clone());
    let Some(begun) = context.knowledge.intent(&task.unit.portal, &call.intent) else { return fresh };
    let fate = Fate { content: fresh.content, ..begun.fate };
    let found = change.id.as_deref().filter(|_| call.action == IntentAction::Create && !fate.is_made());
    match (found, fate.next, fate.reached.clone()) {
        (Some(id), _, before) => fate.at(Reached::found(id, before)),
        // What is shown as declared was written.
        (None, Next::Shown, Some(reached)) if call.action != IntentAction::Create && change.fields.is_empty() => {
            fate.at(reached.advanced())
        }
        (None, Next::Shown, _) => fate.cleared(),
        (None, _, _) => fate,
    }
}

/// How many things a reference names.
fn count(reference: Option<&Value>) -> usize {
    reference.map_or(0, |value| value.as_list().map_or(1, <[Value]>::len))
}

/// Tenants beyond its own whose ids a change needs.
pub(super) fn foreign_tenants(change: &Change) -> Vec<TenantName> {
    let def = change.address.kind.def();
    let refers = change.desired.iter().filter_map(|(id, value)| Some((def.field(id).ty.refers_to()?, value)));
    let targets = refers.flat_map(|(kind, value)| diff::targets(&change.address, kind, value));
    targets.map(|a| a.tenant).filter(|t| *t != change.address.tenant).collect()
}

type Filled = (Call, Vec<(FieldId, Digest)>);

fn fill(
    context: &Context<'_>,
    driver: &dyn Execute,
    task: &Task<'_>,
    step: &Step,
    intent: Box<str>,
    may_lack: bool,
) -> Result<Filled, String> {
    let (change, portal, action) = (task.change, &task.unit.portal, step.action);
    let declared = declared(change, step);
    let capabilities = driver.capabilities();
    let desired = match action {
        IntentAction::Delete => Fields::new(),
        IntentAction::Create | IntentAction::Update | IntentAction::Resend => {
            with_ids(context.knowledge, portal, &change.address, &declared, &|kind| capabilities.kind(kind), may_lack)?
        }
    };
    let changed: Vec<_> = match action {
        IntentAction::Create => desired.iter().map(|(id, _)| id).collect(),
        IntentAction::Update => step.writes.clone(),
        IntentAction::Delete | IntentAction::Resend => Vec::new(),
    };
    let named_before = before(change, action);
    let before = before_with_ids(context.knowledge, portal, change, &named_before);
    let around = capabilities.context.then(|| context.knowledge.around(context.world, portal, &change.address.tenant));
    let answered = order::answered(context, portal, &intent);
    let around = around.map(|around| Box::new(CallContext { around, named: declared, named_before, answered }));
    let mut secrets = Vec::new();
    let mut macs = Vec::new();
    for (field, value) in changed.iter().filter_map(|id| Some((*id, desired.get(*id)?))) {
        if !change.address.kind.def().field(field).ty.is_secret() {
            continue;
        }
        let read = secret_fields::read(context.world.secrets, value).map_err(|e| e.to_string())?;
        macs.push((field, secret_fields::mac(context.world.mac, &read)));
        secrets.extend(read.into_iter().map(|(key, secret)| (field, key, secret)));
    }
    let call = Call {
        intent,
        owner: context.world.installation.into(),
        tenant_id: tenant_id(context.knowledge, portal, change, action, task.unit.tenant_id.as_deref()),
        address: change.address.clone(),
        action,
        object: if action == IntentAction::Create {
            None
        } else {
            context.knowledge.id(portal, &change.address).or_else(|| change.id.clone())
        },
        // What goes is found by the key that it has, whatever is declared to take its place.
        key: change.key_before().filter(|_| action == IntentAction::Delete).unwrap_or_else(|| change.key.clone()),
        desired,
        changed,
        secrets,
        carries: Vec::new(),
        before,
        context: around,
        fate: Fate::fresh(Some(Fate::content_of(change.address.kind.def(), action, &change.key, &change.desired))),
    };
    Ok((call, macs))
}

/// What is declared and written by then, by name; nothing for a deletion.
fn declared(change: &Change, step: &Step) -> Fields {
    let mut fields = Fields::new();
    let written = change.desired.iter().filter(|(id, _)| step.action != IntentAction::Delete && !step.leaves.contains(id));
    written.for_each(|(id, value)| fields.set(id, value.clone()));
    fields
}

/// What the portal had of what differs, by name, and for a deletion all that is known of what goes; nothing for a creation.
fn before(change: &Change, action: IntentAction) -> Fields {
    let mut fields = Fields::new();
    let differs = |id| change.fields.iter().any(|f| f.field == id);
    // In a replacement what does not differ is as it is declared.
    let same = change.desired.iter().filter(|(id, _)| action == IntentAction::Delete && !differs(*id));
    same.filter(|(id, _)| !change.address.kind.def().field(*id).ty.is_secret()).for_each(|(id, value)| fields.set(id, value.clone()));
    let shown = change.fields.iter().filter(|_| action != IntentAction::Create);
    for (field, value) in shown.filter_map(|f| Some((f.field, f.before.clone()?))) {
        fields.set(field, value);
    }
    fields
}

/// The same with ids. What has no name here is an id already.
fn before_with_ids(knowledge: &Knowledge, portal: &PortalName, change: &Change, named: &Fields) -> Fields {
    let def = change.address.kind.def();
    let mut fields = Fields::new();
    for (id, value) in named.iter() {
        let one = |kind, value: &Value| {
            let target = diff::targets(&change.address, kind, value).into_iter().next();
            target.and_then(|a| known(knowledge, portal, &a)).map_or_else(|| value.clone(), Value::text)
        };
        let value = match (def.field(id).ty.refers_to(), value) {
            (None, value) => value.clone(),
            (Some(kind), Value::List(items)) => Value::List(items.iter().map(|v| one(kind, v)).collect()),
            (Some(kind), value) => one(kind, value),
        };
        fields.set(id, value);
    }
    fields
}

/// The id of something that a call refers to.
fn known(knowledge: &Knowledge, portal: &PortalName, target: &Address) -> Option<Box<str>> {
    let tenant = target.kind.def().placement == Placement::Tenant;
    knowledge.reference(portal, target).or_else(|| tenant.then(|| tenant_in(knowledge, portal, &target.tenant)).flatten())
}

/// The id of a change's tenant; what makes the tenant itself has none yet, though one that is gone had.
fn tenant_id(knowledge: &Knowledge, portal: &PortalName, change: &Change, action: IntentAction, known: Option<&str>) -> Option<Box<str>> {
    if action == IntentAction::Create && change.address.kind.def().placement == Placement::Tenant {
        return None;
    }
    let tenant = &change.address.tenant;
    knowledge.learnt(portal, tenant).or_else(|| known.map(Into::into)).or_else(|| tenant_in(knowledge, portal, tenant))
}

/// The id of a tenant: of what this run made, else as read from the portal, else of the row that an earlier run wrote.
fn tenant_in(knowledge: &Knowledge, portal: &PortalName, tenant: &TenantName) -> Option<Box<str>> {
    let kinds = crate::model::Kind::ALL.into_iter().filter(|k| k.def().placement == Placement::Tenant);
    let mut rows = kinds.filter_map(|k| knowledge.id(portal, &Address::new(tenant.clone(), k, tenant.clone())));
    let read = || knowledge.tenants.get(&(portal.clone(), tenant.clone())).cloned();
    knowledge.learnt(portal, tenant).or_else(read).or_else(|| rows.next())
}

fn with_ids<'a>(
    knowledge: &Knowledge,
    portal: &PortalName,
    address: &Address,
    declared: &Fields,
    capability: &dyn Fn(crate::model::Kind) -> Option<&'a KindCapability>,
    may_lack: bool,
) -> Result<Fields, String> {
    let def = address.kind.def();
    let mut fields = Fields::new();
    for (id, value) in declared.iter() {
        let Some(kind) = def.field(id).ty.refers_to() else {
            fields.set(id, value.clone());
            continue;
        };
        let builtin = |name: &str| capability(kind).is_some_and(|c| c.builtin.contains(name));
        let one = |value: &Value| -> Result<Option<Value>, String> {
            if let Some(name) = value.as_text().filter(|n| builtin(n)) {
                return Ok(Some(Value::text(name)));
            }
            let target = diff::targets(address, kind, value).into_iter().next();
            let found = target.as_ref().and_then(|a| known(knowledge, portal, a));
            match (found, target) {
                (Some(id), _) => Ok(Some(Value::text(id))),
                // What rides on its carrier's call is made before what it refers to, and the rest is written once that exists. A technician
                // goes by names.
                (None, _) if may_lack => Ok(None),
                (None, Some(target)) => Err(format!("it refers to {target}, which has no id in portal {portal} yet")),
                (None, None) => Err(format!("it refers to something that is no {}", kind.def().noun)),
            }
        };
        let value = match value {
            Value::List(items) => {
                let mut ids: Vec<_> = items.iter().map(one).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
                ids.sort();
                Some(Value::List(ids))
            }
            single => one(single)?,
        };
        if let Some(value) = value {
            fields.set(id, value);
        }
    }
    Ok(fields)
}
