//! Work orders: what a driver asks of a technician becomes an item in the ledger, in the very commit that marks its intent unknown.
//!
//! Comes in: a change, its call, and the instructions that a driver wrote. Goes out: [`WorkItem`]s and the writes that keep or close them. The
//! same change under the same intent gives the same item, so that a run killed before its commit loses nothing. Never holds a secret: fields
//! are recorded without them.

use super::batch::Context;
use super::call::Prepared;
use super::outcome::GivenOrder;
use super::record::{self, Wrote};
use super::schedule::Task;
use crate::diff;
use crate::ledger::Write;
use crate::model::ledger::{Applied, applied_digest};
use crate::model::portal_spec::{PortalSpec, WorkOrders};
use crate::model::work_order::{FormerText, WorkItem, WorkRecord, WorkState};
use crate::model::{Digest, Fields, IntentAction, LedgerRow, Origin, PortalName, Tenant, TenantName, Value};
use crate::plan::{Change, build};
use crate::portal::{Answered, Work};

/// Digits of a reference and of an order's id: with fifty thousand items, no two are alike but once in a quarter of a million ledgers. A person
/// says as many of them as it takes.
const DIGITS: usize = 12;

/// The item for what a driver asks for.
pub(super) fn item(context: &Context<'_>, task: &Task<'_>, prepared: &Prepared, work: Work) -> WorkItem {
    let Work { instructions, learnt, calls_follow } = work;
    let (change, call, portal) = (task.change, &prepared.call, &task.unit.portal);
    let orders = conditions(context, portal);
    let assignee = assignee(context, &orders, &change.address.tenant);
    let writes = |id| prepared.step.writes.contains(&id);
    let content = WorkItem::content_of(change.address.kind.def(), call.action, &call.key, &change.desired, writes);
    let around = context.knowledge.around(context.world, portal, &change.address.tenant);
    let names = diff::names(around.tenant.as_ref(), &around.organizations, &change.address, &change.desired);
    // Instructions are texts and numbers: there is nothing in them that JSON cannot say.
    let text = serde_json::to_string(&instructions).unwrap_or_default();
    let now = (context.world.clock)();
    let before = context.knowledge.item(portal, &call.intent);
    let reference: Box<str> = short(&[&call.intent, &content.to_hex(), &text]).into();
    let mut replaces: Vec<_> = before.iter().flat_map(|b| b.replaces.iter().filter(|r| **r != reference).cloned()).collect();
    replaces.extend(before.as_ref().map(|b| b.reference.clone()).filter(|former| *former != reference && !replaces.contains(former)));
    let mut former: Vec<_> = before.iter().flat_map(|b| b.former.iter().filter(|f| f.reference != reference).cloned()).collect();
    let now_former = before.as_ref().filter(|b| replaces.contains(&b.reference) && !former.iter().any(|f| f.reference == b.reference));
    former.extend(now_former.map(|b| FormerText { reference: b.reference.clone(), replaced: now, instructions: b.instructions.clone() }));
    WorkItem {
        intent: call.intent.clone(),
        reference,
        order: format!("wo-{}", short(&[context.plan, portal.as_str(), assignee.as_deref().unwrap_or_default()])).into(),
        address: change.address.clone(),
        action: call.action,
        assignee,
        due: due(now, orders.due_after_days),
        given: before.map_or(now, |b| b.given),
        plan: context.plan.into(),
        ticket: context.world.run.ticket.clone(),
        instructions,
        content,
        records: records(context, task, prepared),
        learnt,
        calls_follow,
        state: WorkState::Open,
        replaces,
        former,
        names: Some(names),
        before: Vec::new(),
    }
}

fn short(parts: &[&str]) -> String {
    Digest::of(parts.join("\n").as_bytes()).to_hex().chars().take(DIGITS).collect()
}

/// What the portal's document says of work orders.
fn conditions(context: &Context<'_>, portal: &PortalName) -> WorkOrders {
    let spec = context.world.desired.portals.iter().find(|p| p.name == *portal);
    spec.map_or_else(|| PortalSpec::embedded().work_orders, |p| p.work_orders.clone())
}

/// Whom the organization's label names, else whom the portal's document does.
fn assignee(context: &Context<'_>, orders: &WorkOrders, tenant: &TenantName) -> Option<String> {
    let labelled = || {
        let organization = context.world.desired.tenants.get(tenant).and_then(Tenant::organization)?;
        let (id, _) = organization.def().field_named("labels")?;
        let Some(Value::Map(labels)) = organization.fields.get(id) else { return None };
        let label = orders.assignee_label.as_deref()?;
        labels.iter().find(|(key, _)| **key == *label).and_then(|(_, who)| who.as_text()).map(str::to_owned)
    };
    labelled().or_else(|| orders.assignee.clone())
}

fn due(now: jiff::Timestamp, days: u64) -> Option<jiff::civil::Date> {
    let span = jiff::Span::new().try_days(i64::try_from(days).ok()?).ok()?;
    now.to_zoned(jiff::tz::TimeZone::UTC).date().checked_add(span).ok()
}

/// What a confirmation records: the change's own object first, then what is made with it.
fn records(context: &Context<'_>, task: &Task<'_>, prepared: &Prepared) -> Vec<WorkRecord> {
    let Prepared { call, macs, riders, step } = prepared;
    let made = call.action == IntentAction::Create;
    let record = |task: &Task<'_>, intent: &str, wrote: Wrote<'_>| {
        let change = task.change;
        let row = record::row(context, task, None, &wrote);
        let row = if made { LedgerRow { origin: Origin::Created, released: false, ..row } } else { row };
        let mut fields = Fields::new();
        change.desired.iter().filter(|(id, _)| !wrote.left_out.contains(id)).for_each(|(id, v)| fields.set(id, v.clone()));
        let fields = WorkItem::recorded(change.address.kind.def(), &fields);
        WorkRecord { intent: intent.into(), address: change.address.clone(), fields: Some(fields), row: Some(row) }
    };
    let gone = || WorkRecord { intent: call.intent.clone(), address: call.address.clone(), fields: None, row: None };
    let own = match call.action {
        IntentAction::Delete => gone(),
        IntentAction::Create | IntentAction::Update => record(task, &call.intent, Wrote { macs, left_out: &step.leaves, fresh: made }),
        IntentAction::Resend => {
            let row = context.knowledge.row(&task.unit.portal, &call.address);
            WorkRecord { row, ..record(task, &call.intent, Wrote { macs, left_out: &[], fresh: false }) }
        }
    };
    let carried = task.carried.iter().zip(&call.carries).zip(riders).map(|((rider, carried), known)| {
        record(rider, &carried.intent, Wrote { macs: &known.macs, left_out: &known.left_out, fresh: true })
    });
    std::iter::once(own).chain(carried).collect()
}

/// The item that a change takes up under the item's intent, if it does.
pub(super) fn taken_up(context: &Context<'_>, portal: &PortalName, change: &Change) -> Option<WorkItem> {
    let item = context.knowledge.item(portal, change.resumes.as_ref()?)?;
    build::intents(&change.actions).contains(&item.action).then_some(item)
}

/// What a person answered to an earlier part of a call.
pub(super) fn answered(context: &Context<'_>, portal: &PortalName, intent: &str) -> Option<Answered> {
    let item = context.knowledge.item(portal, intent)?;
    let WorkState::Confirmed { evidence, .. } = item.state else { return None };
    Some(Answered { learnt: item.learnt, evidence })
}

/// Settles an intent; an item that it still kept open goes back to the plan.
pub(super) fn settle(context: &Context<'_>, portal: &PortalName, tenant: &TenantName, intent: &str) -> Vec<Write> {
    let mut writes = vec![Write::Settle(portal.clone(), tenant.clone(), intent.into())];
    if let Some(item) = context.knowledge.item(portal, intent).filter(|i| i.state.keeps_intent()) {
        let why = format!("plan {} no longer asks for it", context.plan);
        let state = WorkState::Skipped { by: context.world.run.who.clone(), at: (context.world.clock)(), why };
        writes.push(Write::Work(portal.clone(), Box::new(WorkItem { state, ..item })));
    }
    writes
}

/// What an open item will record of an object, after a call has changed the object beside it.
pub(super) fn refresh(context: &Context<'_>, task: &Task<'_>, old: Option<&LedgerRow>, new: &LedgerRow) -> Vec<Write> {
    let (portal, address) = (&task.unit.portal, &task.change.address);
    let brings = |wanted: &Applied, had: Option<&Applied>, now: &Applied| {
        let mut merged = now.clone();
        for (path, digest) in wanted.iter().filter(|(path, digest)| had.and_then(|h| applied_digest(h, path)) != Some(*digest)) {
            merged.retain(|(p, _)| p != path);
            merged.push((path.clone(), *digest));
        }
        merged.sort();
        merged
    };
    let open =
        context.knowledge.items_of(portal, address).into_iter().filter(|i| i.action == IntentAction::Update && i.state.keeps_intent());
    let refreshed = open.map(|mut item| {
        for record in item.records.iter_mut().filter(|r| r.address == *address) {
            if let Some(row) = &mut record.row {
                let applied = brings(&row.applied, old.map(|o| &o.applied), &new.applied);
                let secrets = brings(&row.secrets, old.map(|o| &o.secrets), &new.secrets);
                *row = LedgerRow { applied, secrets, ..new.clone() };
            }
        }
        Write::Work(portal.clone(), Box::new(item))
    });
    refreshed.collect()
}

/// Counts an item in the orders of a run.
pub(super) fn count(orders: &mut Vec<GivenOrder>, portal: &PortalName, item: &WorkItem) {
    match orders.iter_mut().find(|o| o.id == *item.order) {
        Some(order) => order.items += 1,
        None => {
            let (id, assignee) = (item.order.to_string(), item.assignee.clone());
            orders.push(GivenOrder { id, portal: portal.clone(), assignee, due: item.due, items: 1 });
        }
    }
}
