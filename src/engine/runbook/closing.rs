//! One answer for one item. Comes in: the item as it is, and what a person says of it. Goes out: what is written, or why not. Pure.

use super::desk::{Closed, Current};
use super::{Answer, Evidence, Refusal, Told, Voice, Why, evidence, records, refusals, reopen, rests};
use crate::ledger::{AuditRecord, Write};
use crate::model::work_order::{RecordedBefore, WorkItem, WorkState};

/// Judges an answer.
pub(super) fn close(current: Current<'_>, answer: &Answer, voice: &Voice) -> Result<Closed, Refusal> {
    match answer {
        Answer::Done(evidence) => confirm(&current, evidence, false, voice),
        Answer::DoneAnyway(evidence) => confirm(&current, evidence, true, voice),
        Answer::Failed(why) => fail(&current, why, voice),
        Answer::Skipped(why) => skip(&current, why, voice),
        Answer::Reopened(why) => reopen::reopen(&current, why, voice),
    }
}

/// It was done: rows and attestations of all that it made, its intents settled, and the item confirmed. Where calls follow, the next apply goes
/// on with what was brought back. What was withdrawn and done all the same is recorded too: it is there, whoever wants it.
fn confirm(current: &Current<'_>, given: &Evidence, anyway: bool, voice: &Voice) -> Result<Closed, Refusal> {
    let Current { portal, item, states } = current;
    let (evidence, mut remarks) = evidence::taken(item, given, anyway)?;
    match &item.state {
        WorkState::Confirmed { evidence: known, .. } if *known == evidence => return Ok(current.as_it_is()),
        WorkState::Confirmed { .. } => return Err(refusals::decided(item)),
        WorkState::Skipped { by, at, why } => {
            current.nothing_since(*at)?;
            remarks.push(format!(
                "it was withdrawn by {by} at {at:.0} ({why}), and is recorded all the same, for it was done: what nothing declares the next \
                 plan takes away"
            ));
        }
        WorkState::Failed { by, .. } if *by != voice.by && !anyway => return Err(refusals::said_otherwise(item)),
        WorkState::Failed { by, at, why } => {
            remarks.push(format!("{by} had said at {at:.0} that it could not be done: {why}"));
            current.still_waited_for()?;
        }
        WorkState::Open => current.still_waited_for()?,
    }
    rests::in_turn(current)?;
    let mut writes = records::of_confirmation(portal, states, item, &evidence, voice);
    let brought = evidence.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ");
    let result = if brought.is_empty() { "confirmed".to_owned() } else { format!("confirmed with {brought}") };
    let state = WorkState::Confirmed { by: voice.by.clone(), at: voice.now, evidence };
    let before = item.records.iter().map(|record| {
        let known = states.get(&record.address.tenant);
        RecordedBefore {
            row: known.and_then(|s| s.rows.get(&record.address)).cloned(),
            attestation: known.and_then(|s| s.attestations.get(&record.address)).cloned(),
        }
    });
    let closed = WorkItem { state, before: before.collect(), ..WorkItem::clone(item) };
    writes.extend(current.closing(&closed, voice, "confirm", &[&[result], remarks.as_slice()].concat().join("; ")));
    Ok(current.closed(closed, writes, remarks))
}

/// It could not be done. Its intent stays open: the plan says why it waits.
fn fail(current: &Current<'_>, why: &str, voice: &Voice) -> Result<Closed, Refusal> {
    let why = evidence::reason(why)?;
    let mut remarks = Vec::new();
    match &current.item.state {
        WorkState::Failed { why: known, .. } if *known == why => return Ok(current.as_it_is()),
        WorkState::Confirmed { .. } | WorkState::Skipped { .. } => return Err(refusals::decided(current.item)),
        WorkState::Failed { by, at, why } => remarks.push(format!("{by} had said at {at:.0}: {why}")),
        WorkState::Open => {}
    }
    current.still_waited_for()?;
    let result = format!("could not be done: {why}");
    let state = WorkState::Failed { by: voice.by.clone(), at: voice.now, why };
    let closed = WorkItem { state, ..current.item.clone() };
    let writes = current.closing(&closed, voice, "fail", &result);
    Ok(current.closed(closed, writes.into(), remarks))
}

/// The item goes back to the plan: its intents are settled, and the next apply gives it out anew if it is still declared.
fn skip(current: &Current<'_>, why: &str, voice: &Voice) -> Result<Closed, Refusal> {
    let why = evidence::reason(why)?;
    match &current.item.state {
        WorkState::Skipped { .. } => return Ok(current.as_it_is()),
        WorkState::Confirmed { .. } => return Err(refusals::decided(current.item)),
        WorkState::Open | WorkState::Failed { .. } => {}
    }
    let result = format!("skipped: {why}");
    let state = WorkState::Skipped { by: voice.by.clone(), at: voice.now, why };
    let closed = WorkItem { state, ..current.item.clone() };
    let mut writes = records::settled(current.portal, current.item);
    writes.extend(current.closing(&closed, voice, "skip", &result));
    Ok(current.closed(closed, writes, Vec::new()))
}

impl Current<'_> {
    /// The ledger says so already.
    pub(super) fn as_it_is(&self) -> Closed {
        let told = Told { portal: self.portal.clone(), item: self.item.clone(), recorded: false, remarks: Vec::new() };
        Closed { told, writes: Vec::new() }
    }

    pub(super) fn closed(&self, item: WorkItem, writes: Vec<Write>, remarks: Vec<String>) -> Closed {
        Closed { told: Told { portal: self.portal.clone(), item, recorded: true, remarks }, writes }
    }

    /// An item whose intent somebody settled is nobody's any more: what is recorded of it now would be about a call that was given up.
    fn still_waited_for(&self) -> Result<(), Refusal> {
        let open = self.states.get(&self.item.address.tenant).is_some_and(|s| s.intents.iter().any(|i| i.id == self.item.intent));
        if open {
            return Ok(());
        }
        let WorkItem { reference, address, .. } = self.item;
        let what = format!("nothing waits for {reference} ({address}) any more: its intent was settled meanwhile");
        Err(Refusal::new(Why::NotWaited, format!("{what}; skip it, and the next apply gives it out anew if it is still needed")))
    }

    /// What was withdrawn is recorded only while nothing newer speaks for it.
    fn nothing_since(&self, withdrawn: jiff::Timestamp) -> Result<(), Refusal> {
        let addresses = || self.item.records.iter().map(|r| &r.address);
        let states = || self.states.values();
        let anew = states().flat_map(|s| s.work.values()).find(|other| addresses().any(|a| other.records.iter().any(|r| r.address == *a)));
        let recorded =
            states().flat_map(|s| s.attestations.values()).find(|a| a.at >= withdrawn && addresses().any(|own| *own == a.address));
        match (anew, recorded) {
            (Some(anew), _) => Err(refusals::given_anew(self.item, anew)),
            (None, Some(record)) => Err(refusals::recorded_since(self.item, record)),
            (None, None) if self.item.calls_follow => Err(refusals::decided(self.item)),
            (None, None) => Ok(()),
        }
    }

    /// The item as it is now, and the line of the audit trail.
    pub(super) fn closing(&self, closed: &WorkItem, voice: &Voice, verb: &str, result: &str) -> [Write; 2] {
        let note = voice.note.as_deref().map_or_else(String::new, |note| format!("; {note}"));
        let record = AuditRecord {
            at: voice.now,
            who: voice.by.clone(),
            ticket: closed.ticket.clone(),
            plan: closed.plan.to_string(),
            approval: format!("work order {}, item {}", closed.order, closed.reference),
            portal: self.portal.clone(),
            address: closed.address.clone(),
            request: format!("runbook {verb}: {}", closed.action.word()),
            result: format!("{result}{note}"),
        };
        [Write::Work(self.portal.clone(), Box::new(closed.clone())), Write::Audit(record)]
    }
}
