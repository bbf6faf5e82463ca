//! Taking back what was said of an item: a confirmation that is not so, or a failure that can be tried again. Comes in: the item as it is. Goes out:
//! what was recorded before it, and the item open as it was. Refused where later work rests on it, for that would stand on nothing.

use super::desk::{Closed, Current};
use super::{Refusal, Voice, Why, evidence, refusals, rests};
use crate::ledger::Write;
use crate::model::Fate;
use crate::model::work_order::{RecordedBefore, WorkItem, WorkRecord, WorkState};
use crate::model::{Intent, IntentAction, LedgerRow};

/// How many things that rest on an item are named.
const NAMED: usize = 5;

/// See the module.
pub(super) fn reopen(current: &Current<'_>, why: &str, voice: &Voice) -> Result<Closed, Refusal> {
    let why = evidence::reason(why)?;
    let Current { portal: _, item, states: _ } = current;
    let (mut writes, said) = match &item.state {
        WorkState::Open => return Ok(current.as_it_is()),
        WorkState::Skipped { .. } => return Err(refusals::decided(item)),
        WorkState::Failed { by, at, why } => (Vec::new(), format!("{by} had said at {at:.0} that it could not be done: {why}")),
        WorkState::Confirmed { by, at, .. } => (taken_back(current, *at)?, format!("{by} had confirmed it at {at:.0}")),
    };
    let opened = WorkItem { state: WorkState::Open, before: Vec::new(), ..WorkItem::clone(item) };
    writes.extend(current.closing(&opened, voice, "reopen", &format!("open again: {why}; {said}")));
    Ok(current.closed(opened, writes, vec![said]))
}

/// What a confirmation recorded goes, what it replaced comes back, and its intents are open again.
fn taken_back(current: &Current<'_>, confirmed: jiff::Timestamp) -> Result<Vec<Write>, Refusal> {
    let Current { portal, item, states } = current;
    let refused = |line: String| Err(Refusal::new(Why::RestedOn, line));
    let (reference, address) = (&item.reference, &item.address);
    if item.calls_follow {
        return calls_not_begun(current);
    }
    if item.before.len() != item.records.len() && item.action != IntentAction::Create {
        return refused(format!(
            "{reference} ({address}) was confirmed by an earlier version, which did not keep what was recorded before"
        ));
    }
    let others = states.values().flat_map(|s| s.work.values());
    if let Some(other) = others.clone().find(|o| o.intent != item.intent && o.records.iter().any(|r| concerns(item, r))) {
        let title = &other.instructions.title;
        return refused(format!("item {} ({title}) was given out for what {reference} made: skip that one first", other.reference));
    }
    let later = rests::later(item, states);
    if item.action == IntentAction::Create && !later.is_empty() {
        let named: Vec<_> = later.iter().take(NAMED).map(ToString::to_string).collect();
        let more = later.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        return refused(format!(
            "{reference} ({address}) cannot be taken back, for later work rests on it: {}{more}; take that back first, or put right in the \
             portal what is otherwise",
            named.join(", ")
        ));
    }
    let mut writes = Vec::new();
    for (at, record) in item.records.iter().enumerate() {
        let before = item.before.get(at).cloned().unwrap_or(RecordedBefore { row: None, attestation: None });
        writes.extend(of_record(current, record, before, confirmed)?);
    }
    writes.extend(item.records.iter().map(|record| Write::Intend((*portal).clone(), intent(item, record))));
    Ok(writes)
}

/// A person's part of a call is taken back while the calls after it have not begun.
fn calls_not_begun(current: &Current<'_>) -> Result<Vec<Write>, Refusal> {
    let Current { portal, item, states } = current;
    let intents = || states.values().flat_map(|s| &s.intents);
    let waits: Vec<_> = intents().filter(|i| i.id == item.intent && !i.unknown && i.at <= item.given).collect();
    if waits.is_empty() {
        let what =
            format!("the calls that follow {} ({}) have begun: take back in the portal what is not so", item.reference, item.address);
        return Err(Refusal::new(Why::RestedOn, what));
    }
    Ok(waits.into_iter().map(|i| Write::Intend((*portal).clone(), Intent { unknown: true, ..i.clone() })).collect())
}

fn concerns(item: &WorkItem, record: &WorkRecord) -> bool {
    item.records.iter().any(|own| own.address == record.address)
}

fn of_record(
    current: &Current<'_>,
    record: &WorkRecord,
    before: RecordedBefore,
    confirmed: jiff::Timestamp,
) -> Result<Vec<Write>, Refusal> {
    let Current { portal, item, states } = current;
    let state = states.get(&record.address.tenant);
    let row = state.and_then(|s| s.rows.get(&record.address));
    if let Some(since) = state.and_then(|s| s.attestations.get(&record.address)).filter(|a| a.at != confirmed) {
        return Err(refusals::recorded_since(item, since));
    }
    if row.map(applied) != record.row.as_ref().map(applied) {
        let what = format!("{} was changed since {} was confirmed: it cannot be taken back", record.address, item.reference);
        return Err(Refusal::new(Why::RestedOn, what));
    }
    let RecordedBefore { row: row_before, attestation } = before;
    let mut writes = vec![Write::Unattest((*portal).clone(), record.address.clone())];
    writes.extend(attestation.map(|record| Write::Attest((*portal).clone(), record)));
    match (row_before, row) {
        (Some(row), _) => writes.push(Write::Put((*portal).clone(), Box::new(row))),
        (None, Some(row)) => writes.push(Write::Remove((*portal).clone(), row.address.clone(), None)),
        (None, None) => {}
    }
    Ok(writes)
}

/// What a row says was applied.
fn applied(row: &LedgerRow) -> (&crate::model::ledger::Applied, &crate::model::ledger::Applied, &str) {
    (&row.applied, &row.secrets, &row.key)
}

/// The intent as it was when the item was given out.
fn intent(item: &WorkItem, record: &WorkRecord) -> Intent {
    let before = item.records.iter().position(|r| r.intent == record.intent).and_then(|at| item.before.get(at)?.row.as_ref());
    let key = record.row.as_ref().or(before).map(|row| row.key.clone()).unwrap_or_default();
    Intent {
        id: record.intent.clone(),
        address: record.address.clone(),
        key,
        action: item.action,
        object: before.and_then(|row| row.id.clone()),
        at: item.given,
        plan: item.plan.clone(),
        unknown: true,
        // Nothing of it was called: a technician did it whole.
        fate: Fate::default(),
    }
}
