//! What the answer to a call comes to: what the ledger is told, and what has become of the change.
//!
//! Comes in: a change under way, its call, and the driver's answer. Goes out: writes, for the caller to commit together. Calls nothing.

use super::batch::{Context, Doing, kept};
use super::call::Prepared;
use super::outcome::OutcomeResult;
use super::perform::Ended;
use super::record::Wrote;
use super::schedule::{End, Task};
use super::{order, record};
use crate::diff::created_only;
use crate::ledger::Write;
use crate::model::{Decision, Digest, Fate, FieldId, FieldSupport, IntentAction, LedgerRow, LiveObject, Origin, PortalName, Readability};
use crate::portal::{Call, CallError, Done, Execute, Work};

/// Turns one answer into what the ledger is told and what the change has come to.
pub(super) fn settle(
    context: &Context<'_>,
    driver: &dyn Execute,
    doing: &mut Doing<'_>,
    prepared: &Prepared,
    ended: Ended,
    writes: &mut Vec<Write>,
) {
    let Ended { result, fate } = ended;
    let (portal, tenant) = (doing.task.unit.portal.clone(), doing.task.change.address.tenant.clone());
    let call = &prepared.call;
    let calls: Vec<_> = std::iter::once(call).chain(&call.carries).collect();
    let settled = || calls.iter().flat_map(|c| order::settle(context, &portal, &tenant, &c.intent));
    let unknown = || calls.iter().map(|c| Write::MarkUnknown(portal.clone(), tenant.clone(), c.intent.clone()));
    let content = fate.content;
    // Nothing of it is left to do: only its being shown is waited for.
    let unseen = || calls.iter().map(|c| kept(context, &portal, c, Fate { content, ..Fate::default() }, false));
    // Asking a technician changes nothing in the portal: where no work came back nobody was asked, and the next run asks.
    let (result, fate) = match result {
        Err(CallError::Uncertain(message)) if prepared.step.by_hand => (Err(CallError::Retry { message, after: None }), fate.cleared()),
        known => (known, fate),
    };
    let word = match result {
        Ok(Done::Now { id, object, carried }) => {
            if shown_late(driver, call) {
                // Not seen yet: until it is, the intent keeps the next run from taking it for gone.
                writes.extend(unseen());
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
            // Earlier parts of this very call are done.
            doing.called |= fate.reached.is_some();
            asked(context, doing, prepared, waits_for, work.map(|work| *work), writes)
        }
        Ok(Done::Partly { reached }) => {
            writes.push(kept(context, &portal, call, fate.at(reached), false));
            let waits_for = "another run to go on with it".to_owned();
            doing.result = Some(OutcomeResult::Pending { waits_for: waits_for.clone(), called: true });
            format!("pending: {waits_for}")
        }
        Err(error) => {
            let word = failed(context, doing, call, &fate, &error, writes);
            if is_over(context, &portal, call, &fate, &error) && !is_kept(context, &portal, call, &error) {
                writes.extend(settled());
            }
            word
        }
    };
    writes.push(record::audit(context, &doing.task, &word));
    for rider in doing.task.carried.iter().filter(|_| call.action == IntentAction::Create) {
        writes.push(record::audit(context, rider, &format!("{word} (with {})", call.address)));
    }
}

/// Keeps what is known of a call that did not come to its end, unless that is that it had no effect; in words for the audit trail.
fn failed(context: &Context<'_>, doing: &mut Doing<'_>, call: &Call, fate: &Fate, error: &CallError, writes: &mut Vec<Write>) -> String {
    let portal = &doing.task.unit.portal;
    let all = || std::iter::once(call).chain(&call.carries);
    if !is_over(context, portal, call, fate, error) {
        // What a person answered is used up or not: only what was not begun is taken up without a look.
        let unknown = fate.is_open() && order::answered(context, portal, &call.intent).is_none();
        writes.push(kept(context, portal, call, fate.clone(), unknown));
        // What rides on it is made or not as the call is.
        let riders = call.carries.iter().map(|rider| kept(context, portal, rider, Fate { next: fate.next, ..rider.fate.clone() }, unknown));
        writes.extend(riders);
    } else if is_kept(context, portal, call, error) {
        writes.extend(all().map(|c| Write::MarkUnknown(portal.clone(), c.address.tenant.clone(), c.intent.clone())));
    }
    let rest =
        fate.reached.as_ref().map(|reached| format!("; what comes before it is done, and the next run goes on with {}", reached.next));
    let message = format!("{error}{}", rest.filter(|_| !fate.is_open()).unwrap_or_default());
    if fate.is_open() {
        let at = fate.reached.as_ref().map(|reached| format!("{}: ", reached.next)).unwrap_or_default();
        let message = format!("{at}{}", bare(error));
        doing.result = Some(OutcomeResult::Uncertain { message: message.clone() });
        format!("uncertain: {message}")
    } else {
        doing.result = Some(OutcomeResult::Failed { message: message.clone(), denied: matches!(error, CallError::Denied(_)) });
        format!("failed: {message}")
    }
}

/// What a driver said, without the word for how it is sorted.
fn bare(error: &CallError) -> String {
    match error {
        CallError::Uncertain(message) | CallError::Lost { message, .. } => message.clone(),
        CallError::Refused(_) | CallError::Denied(_) | CallError::Retry { .. } => error.to_string(),
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

/// True if nothing is left of a call that failed: it had no effect, or what a person answered was refused before it made anything, and they are
/// asked anew.
fn is_over(context: &Context<'_>, portal: &PortalName, call: &Call, fate: &Fate, error: &CallError) -> bool {
    let answered = || order::answered(context, portal, &call.intent).is_some();
    let refused = matches!(error, CallError::Refused(_)) && !fate.is_open() && !fate.is_made();
    fate.decision(fate.content) == Decision::Settle || (refused && answered())
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
