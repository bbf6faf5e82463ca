//! What technicians were asked to do and have not answered: the items of work orders, against what the manifests ask for now.
//!
//! Comes in: a tenant's difference as if nobody had been asked anything, and the ledger's items. Goes out: the same, where what an item says still
//! holds waits for its technician, what it no longer says is planned again under the item's intent, and what nobody asks for any more is
//! withdrawn. Never judges what a technician did: `runbook` records that.

use super::{Action, Delta, Input, Purpose, Retained, TenantDiff, Waiting, former_key, intents, names};
use crate::model::work_order::{WorkItem, WorkRecord, WorkState};
use crate::model::{Address, FieldId, Fields, Intent, IntentAction, KindCapability, Performer};

/// The item that an intent keeps open: its own, or that of what it rides on.
pub(super) fn item_of<'a>(input: &Input<'a>, intent: &Intent) -> Option<&'a WorkItem> {
    let work = &input.ledger.work;
    work.get(&intent.id).or_else(|| {
        let carrier = work.get(intent.id.split_once('/')?.0)?;
        carrier.records.iter().any(|r| r.intent == intent.id).then_some(carrier)
    })
}

/// True if an intent is at the stage where a person is asked: its call has brought nothing about that may not be brought about again.
pub(super) fn asks(input: &Input<'_>, intent: &Intent) -> bool {
    // An intent is written again when the calls that follow are begun: until then it is no younger than the item.
    item_of(input, intent).is_some_and(|item| item.state.keeps_intent() || intent.unknown || intent.at <= item.given)
}

/// Holds every item against what is planned.
pub(super) fn reconcile(input: &Input<'_>, out: &mut TenantDiff) {
    if input.purpose == Purpose::Look {
        return;
    }
    for item in input.ledger.work.values() {
        if input.desired.is_none() && item.action == IntentAction::Delete {
            // Somebody approved that it goes: a file that is gone as well takes nothing of that back.
            wait(item, &item.address, out);
            continue;
        }
        match out.deltas.iter().position(|d| asked_again(input, d, item)) {
            Some(at) => hold_against(input, item, at, out),
            None if is_open_otherwise(item, out) => {}
            None => settle(input, item, out),
        }
    }
}

/// True if a difference asks for what an item is about, whatever it says of it.
fn asked_again(input: &Input<'_>, delta: &Delta, item: &WorkItem) -> bool {
    let renamed = delta.previous.as_ref() == Some(&item.address);
    let same = delta.address == item.address || renamed || delta.resumes.as_ref() == Some(&item.intent);
    let Some(capability) = input.capabilities.kind(delta.address.kind).filter(|_| same) else { return false };
    let by_hand = item.action != IntentAction::Update || delta.fields.iter().any(|f| is_about(capability, item, f.field));
    by_hand && intents(&delta.actions).contains(&item.action)
}

/// True for a field of a change that an item is about: the part of a technician, or that of the calls that follow one.
fn is_about(capability: &KindCapability, item: &WorkItem, field: FieldId) -> bool {
    let left = capability.leaves_by_hand(item.action, field);
    match item.action {
        IntentAction::Create => !left,
        IntentAction::Update if item.calls_follow => !left,
        IntentAction::Update => left || capability.update == Performer::Technician,
        IntentAction::Delete | IntentAction::Resend => false,
    }
}

fn hold_against(input: &Input<'_>, item: &WorkItem, at: usize, out: &mut TenantDiff) {
    let holds = out.deltas.get(at).is_some_and(|d| still_says(input, d, item)) && riders(item).all(|r| rides_still(&out.deltas, r));
    match (&item.state, holds) {
        (WorkState::Open | WorkState::Failed { .. }, true) => {
            let gone: Vec<&Address> = riders(item).map(|r| &r.address).collect();
            if let Some(delta) = out.deltas.get_mut(at)
                && !leave_the_rest(input, item, delta)
            {
                out.deltas.remove(at);
            }
            out.deltas.retain(|d| !gone.contains(&&d.address));
            wait(item, &item.address, out);
            gone.into_iter().for_each(|rider| wait(item, rider, out));
        }
        (WorkState::Open | WorkState::Failed { .. }, false) => {
            let Some(delta) = out.deltas.get_mut(at) else { return };
            delta.resumes = Some(item.intent.clone());
            delta.reason = format!(
                "what is declared has changed, and the text of item {} of work order {} is out of date: it is given out again",
                item.reference, item.order
            );
        }
        (WorkState::Confirmed { by, .. }, _) => {
            let Some(delta) = out.deltas.get_mut(at) else { return };
            delta.resumes = Some(item.intent.clone());
            delta.reason = format!("{by} did item {} of work order {}, and the calls after it are made", item.reference, item.order);
        }
        (WorkState::Skipped { .. }, _) => {}
    }
}

/// True if an item's text says what a difference asks for.
fn still_says(input: &Input<'_>, delta: &Delta, item: &WorkItem) -> bool {
    let Some(capability) = input.capabilities.kind(delta.address.kind) else { return false };
    let changed = |id: FieldId| item.action != IntentAction::Update || delta.fields.iter().any(|f| f.field == id);
    let about = |id: FieldId| changed(id) && is_about(capability, item, id);
    let former = former_key(delta.address.kind, &delta.fields, &delta.key).filter(|_| item.action == IntentAction::Delete);
    let key = former.as_deref().unwrap_or(&delta.key);
    let content = WorkItem::content_of(delta.address.kind.def(), item.action, key, &delta.desired, about);
    let names = names(input.desired, input.names, &delta.address, &delta.desired);
    delta.address == item.address && content == item.content && item.names.is_none_or(|said| said == names)
}

fn riders(item: &WorkItem) -> impl Iterator<Item = &WorkRecord> {
    item.records.iter().filter(|r| r.address != item.address)
}

fn rides_still(deltas: &[Delta], record: &WorkRecord) -> bool {
    let fields = |d: &Delta| WorkItem::recorded(d.address.kind.def(), &d.desired);
    let made = |d: &&Delta| d.address == record.address && d.actions.contains(&Action::Create);
    deltas.iter().find(made).is_some_and(|d| Some(fields(d)) == record.fields)
}

/// Takes the fields that an item is about out of an update, whose others can go on; false: nothing is left of it.
fn leave_the_rest(input: &Input<'_>, item: &WorkItem, delta: &mut Delta) -> bool {
    let update = item.action == IntentAction::Update;
    let Some(capability) = input.capabilities.kind(delta.address.kind).filter(|_| update) else { return false };
    let asked = |id: FieldId| is_about(capability, item, id);
    if delta.fields.iter().all(|f| asked(f.field)) {
        return false;
    }
    let written: Vec<_> = delta.fields.iter().map(|f| f.field).filter(|id| asked(*id)).collect();
    delta.fields.retain(|f| !asked(f.field));
    // What is not written is not recorded as written either.
    let mut desired = Fields::new();
    delta.desired.iter().filter(|(id, _)| !written.contains(id)).for_each(|(id, value)| desired.set(id, value.clone()));
    delta.desired = desired;
    true
}

fn wait(item: &WorkItem, address: &Address, out: &mut TenantDiff) {
    let failed = matches!(item.state, WorkState::Failed { .. });
    if item.action == IntentAction::Create {
        out.unfinished.insert(address.clone());
        if !failed {
            out.ordered.insert(address.clone());
        }
    }
    out.waiting.push(Waiting { address: address.clone(), waits_for: in_words(item), technician: true, failed });
}

fn in_words(item: &WorkItem) -> String {
    let does = match item.action {
        IntentAction::Create => "makes it",
        IntentAction::Update => "changes it",
        IntentAction::Delete => "takes it away",
        IntentAction::Resend => "sends the invitation again",
    };
    let to = item.assignee.as_ref().map(|who| format!(", for {who}")).unwrap_or_default();
    let order = format!("item {} of work order {}{to}", item.reference, item.order);
    match &item.state {
        WorkState::Failed { by, at, why } => {
            format!("{by} could not do {order} at {at:.0}: {why}; it stays so until what is declared changes or somebody skips it")
        }
        WorkState::Open | WorkState::Confirmed { .. } | WorkState::Skipped { .. } if item.calls_follow => {
            format!("a technician does a part of it and records that, and calls follow ({order})")
        }
        WorkState::Open | WorkState::Confirmed { .. } | WorkState::Skipped { .. } => {
            format!("a technician {does} and records that ({order})")
        }
    }
}

/// True if something else keeps an item's intent open: a finding that nothing can be done about, or another wait.
fn is_open_otherwise(item: &WorkItem, out: &TenantDiff) -> bool {
    let stuck = |d: &Delta| d.address == item.address && d.actions.is_empty();
    let taken_up = |d: &Delta| d.resumes.as_ref() == Some(&item.intent);
    out.deltas.iter().any(|d| stuck(d) || taken_up(d)) || out.waiting.iter().any(|w| w.address == item.address)
}

/// Nothing asks for it any more: because it is so, or because nobody wants it.
fn settle(input: &Input<'_>, item: &WorkItem, out: &mut TenantDiff) {
    if !item.state.keeps_intent() && is_so(input, item) {
        // Its calls are made, and their intent is settled once their outcome is seen.
        return;
    }
    let WorkItem { intent, records, reference, order, address, .. } = item;
    out.settled.push((address.clone(), intent.clone()));
    out.settled.extend(records.iter().filter(|r| r.intent != *intent).map(|r| (r.address.clone(), r.intent.clone())));
    if is_so(input, item) || !item.state.keeps_intent() {
        return;
    }
    let why = format!(
        "item {reference} of work order {order} is withdrawn with the next apply, for what is declared no longer asks for it: who has done it \
         already records that with `tenantry runbook observe`"
    );
    out.retained.push(Retained { address: address.clone(), why, unseen: false });
}

/// True if what an item asked for has come about without anybody recording it.
fn is_so(input: &Input<'_>, item: &WorkItem) -> bool {
    let row = input.ledger.rows.contains_key(&item.address);
    let declared = input.desired.and_then(|t| t.get(item.address.kind, &item.address.name));
    let as_asked = || {
        let capability = input.capabilities.kind(item.address.kind)?;
        let now = super::fields::supported(capability, declared?);
        Some(item.records.first()?.fields == Some(WorkItem::recorded(item.address.kind.def(), &now)))
    };
    match item.action {
        IntentAction::Create => row,
        IntentAction::Update => as_asked() == Some(true),
        IntentAction::Delete => !row,
        IntentAction::Resend => true,
    }
}
