//! What the answer to a call comes to: what the ledger is told, and what has become of the change.
//!
//! Comes in: a change under way, its call, and the driver's answer. Goes out: writes, for the caller to commit together. Calls nothing.

use super::batch::{Context, Doing, intend};
use super::call::Prepared;
use super::outcome::OutcomeResult;
use super::record::Wrote;
use super::schedule::{End, Task};
use super::{order, record};
use crate::diff::created_only;
use crate::ledger::Write;
use crate::model::{Digest, FieldId, FieldSupport, IntentAction, LedgerRow, LiveObject, Origin, PortalName, Readability};
use crate::portal::{Call, CallError, Done, Execute, Work};

/// Turns one answer into what the ledger is told and what the change has come to.
pub(super) fn settle(
    context: &Context<'_>,
    driver: &dyn Execute,
    doing: &mut Doing<'_>,
    prepared: &Prepared,
    result: Result<Done, CallError>,
    writes: &mut Vec<Write>,
) {
    let (portal, tenant) = (doing.task.unit.portal.clone(), doing.task.change.address.tenant.clone());
    let call = &prepared.call;
    let calls: Vec<_> = std::iter::once(call).chain(&call.carries).collect();
    let settled = || calls.iter().flat_map(|c| order::settle(context, &portal, &tenant, &c.intent));
    let unknown = || calls.iter().map(|c| Write::MarkUnknown(portal.clone(), tenant.clone(), c.intent.clone()));
    let begun_now = || calls.iter().map(|c| intend(context, &portal, c));
    // Asking a technician changes nothing in the portal: where no work came back nobody was asked, and the next run asks.
    let result = match result {
        Err(CallError::Uncertain(message)) if prepared.step.by_hand => Err(CallError::Retry { message, after: None }),
        known => known,
    };
    let word = match result {
        Ok(Done::Now { id, object, carried }) => {
            if shown_late(driver, call) {
                // Not seen yet: until it is, the intent keeps the next run from taking it for gone.
                writes.extend(begun_now());
            } else {
                writes.extend(settled());
            }
            done(context, doing, prepared, id, &carried, writes);
            doing.called = true;
            if let Some(object) = object {
                doing.differs = differences(driver, call, &object);
            }
            "done".to_owned()
        }
        Ok(Done::Pending { waits_for, work }) => {
            writes.extend(unknown());
            asked(context, doing, prepared, waits_for, work.map(|work| *work), writes)
        }
        Err(CallError::Uncertain(message)) => {
            if shown_late(driver, call) {
                writes.extend(begun_now());
            }
            // What a person answered is used up or not: only one that was not begun is taken up without looking.
            if order::answered(context, &portal, &call.intent).is_none() {
                writes.extend(unknown());
            }
            let word = format!("uncertain: {message}");
            doing.result = Some(OutcomeResult::Uncertain { message });
            word
        }
        Err(error) => {
            if is_kept(context, &portal, call, &error) {
                writes.extend(unknown());
            } else {
                writes.extend(settled());
            }
            let denied = matches!(error, CallError::Denied(_));
            doing.result = Some(OutcomeResult::Failed { message: error.to_string(), denied });
            format!("failed: {error}")
        }
    };
    writes.push(record::audit(context, &doing.task, &word));
    for rider in doing.task.carried.iter().filter(|_| call.action == IntentAction::Create) {
        writes.push(record::audit(context, rider, &format!("{word} (with {})", call.address)));
    }
}

/// Records what a technician, or somebody else, is asked for; in words for the audit trail.
fn asked(
    context: &Context<'_>,
    doing: &mut Doing<'_>,
    prepared: &Prepared,
    waits_for: String,
    work: Option<Work>,
    writes: &mut Vec<Write>,
) -> String {
    let Prepared { step, .. } = prepared;
    if step.by_hand || work.is_some() {
        let exists = matches!(step.action, IntentAction::Update | IntentAction::Resend);
        // Of a replacement the new one is not asked for yet.
        let whole = exists || doing.steps.as_slice().iter().all(|left| left.action != IntentAction::Create);
        doing.end = whole.then_some(End::ByHand { exists });
    }
    let called = doing.called;
    let Some(work) = work else {
        let word = format!("pending: {waits_for}");
        doing.result = Some(OutcomeResult::Pending { waits_for, called });
        return word;
    };
    let item = order::item(context, &doing.task, prepared, work);
    let word = format!("pending: work order {}, item {}: {waits_for}", item.order, item.reference);
    let waits_for = format!("{waits_for} (item {} of work order {})", item.reference, item.order);
    doing.result = Some(OutcomeResult::Pending { waits_for, called });
    writes.push(Write::Work(doing.task.unit.portal.clone(), Box::new(item.clone())));
    doing.given.push(item);
    word
}

/// True if a call that failed leaves its intent open: what a technician was asked for stays, and nobody is asked again for what they answered.
fn is_kept(context: &Context<'_>, portal: &PortalName, call: &Call, error: &CallError) -> bool {
    let answered = order::answered(context, portal, &call.intent).is_some();
    context.knowledge.item(portal, &call.intent).is_some() && !(answered && matches!(error, CallError::Refused(_)))
}

/// True if a listing will show the object, and not at once.
fn shown_late(driver: &dyn Execute, call: &Call) -> bool {
    let capabilities = driver.capabilities();
    let listed = capabilities.kind(call.address.kind).is_some_and(|c| c.read == Readability::Listed);
    listed && !capabilities.consistency_window.is_zero() && call.action != IntentAction::Delete
}

/// Records what a call brought about.
fn done(
    context: &Context<'_>,
    doing: &mut Doing<'_>,
    prepared: &Prepared,
    id: Option<Box<str>>,
    carried: &[Option<Box<str>>],
    writes: &mut Vec<Write>,
) {
    let task = &doing.task;
    let portal = &task.unit.portal;
    let gone = prepared.call.action == IntentAction::Delete;
    let (made, leaves) = (prepared.call.action == IntentAction::Create, &prepared.step.leaves);
    writes.extend(record::superseded(context, task, gone, leaves));
    let riders = task.carried.iter().zip(&prepared.riders);
    writes.extend(riders.filter_map(|(rider, known)| record::superseded(context, rider, gone, &known.left_out)));
    let mut put = |task: &Task<'_>, id: Option<Box<str>>, macs: &[(FieldId, Digest)], left_out: &[FieldId]| {
        let row = record::row(context, task, id, &Wrote { macs, left_out, fresh: made });
        let row = if made { LedgerRow { origin: Origin::Created, released: false, ..row } } else { row };
        writes.extend(order::refresh(context, task, context.knowledge.row(portal, &row.address).as_ref(), &row));
        context.knowledge.learn(portal, row.clone());
        writes.push(Write::Put(portal.clone(), Box::new(row)));
    };
    match prepared.call.action {
        IntentAction::Create => {
            put(task, id, &prepared.macs, leaves);
            for ((n, rider), known) in task.carried.iter().enumerate().zip(&prepared.riders) {
                put(rider, carried.get(n).cloned().flatten(), &known.macs, &known.left_out);
                if !known.left_out.is_empty() {
                    doing.to_complete.push((rider.at, known.left_out.clone()));
                }
            }
        }
        IntentAction::Update => put(task, id, &prepared.macs, leaves),
        IntentAction::Delete => writes.push(record::removal(context, task)),
        IntentAction::Resend => {}
    }
}

/// Paths of the fields that the portal shows otherwise than they were just written.
fn differences(driver: &dyn Execute, call: &Call, object: &LiveObject) -> Vec<String> {
    let def = call.address.kind.def();
    let support = |id| driver.capabilities().kind(call.address.kind).map_or(FieldSupport::Full, |c| c.field(id));
    let shown = call.desired.iter().filter(|(id, _)| {
        let field = def.field(*id);
        matches!(support(*id), FieldSupport::Full | FieldSupport::Immutable) && !field.ty.is_secret() && !created_only(field.sense)
    });
    shown
        .filter(|(id, value)| {
            object.fields.get(*id).map_or(!value.is_empty(), |live| live != *value && !(live.is_empty() && value.is_empty()))
        })
        .map(|(id, _)| def.field(id).path.to_owned())
        .collect()
}
