//! What earlier runs began: their open intents. An intent stays open until its outcome has been *seen*, so it also tells of writes that the
//! portal may not show yet, and of work orders that a technician has not confirmed.

use jiff::{SignedDuration, Timestamp};

use super::identity::Identity;
use super::{Delta, Input, Purpose, TenantDiff, orders};
use crate::model::ledger::Tombstone;
use crate::model::live::normalise_key;
use crate::model::{Intent, IntentAction, KindCapability, LiveObject, Performer, Resource};

/// The open intent to make a resource: under its address, else under a former name, else under a name that nothing declared has now and with
/// its natural key.
pub(super) fn creation<'a>(input: &Input<'a>, resource: &Resource) -> Option<&'a Intent> {
    let here = &resource.address;
    let same = |i: &&Intent| i.action == IntentAction::Create && i.address.tenant == here.tenant && i.address.kind == here.kind;
    let mut open = input.ledger.intents.iter().filter(same);
    let declared = |i: &Intent| input.desired.is_some_and(|t| t.get(i.address.kind, &i.address.name).is_some());
    let here_or_before = open.clone().find(|i| i.address == *here);
    here_or_before.or_else(|| open.clone().find(|i| resource.previously().contains(&i.address.name))).or_else(|| {
        let key = open.clone().next().map(|_| normalise_key(resource.natural_key()))?;
        open.find(|i| i.key == key && !declared(i))
    })
}

/// What a creation made, as far as the portal shows it and no row of the ledger has it yet.
pub(super) fn made<'a>(input: &Input<'_>, identity: &Identity<'a>, intent: &Intent) -> Vec<&'a LiveObject> {
    let with_key = identity.with_key(intent.address.kind, &intent.key).iter().copied();
    with_key.filter(|o| made_by(input, intent, o) && !identity.is_recorded(o)).collect()
}

/// Creations of what nothing declares any more and no row tells of.
pub(super) fn creations_of_undeclared<'a>(input: &Input<'a>, identity: &Identity<'a>) -> impl Iterator<Item = &'a Intent> {
    let intents = input.ledger.intents.iter().filter(|i| i.action == IntentAction::Create);
    intents.filter(|i| !input.ledger.rows.contains_key(&i.address) && !identity.is_declared(&i.address) && !identity.is_former(&i.address))
}

/// A write of something that is ours, and that the portal may not show yet; in words what it may still hide.
pub(super) fn not_shown_yet(input: &Input<'_>, address: &crate::model::Address, actions: &[IntentAction]) -> Option<String> {
    let mut written = input.ledger.intents.iter().filter(|i| i.address == *address && actions.contains(&i.action));
    let latest = written.find(|i| within_window(input, i.at))?;
    Some(format!("it was written at {:.0}, and the portal may take {} s to show it", latest.at, window(input).as_secs()))
}

/// Something that a technician was asked for of which the ledger has no item: one at a time, and what differs when it is confirmed is planned
/// then. [`orders`] sees to those with one, for it knows what they say.
pub(super) fn work_order(input: &Input<'_>, capability: &KindCapability, address: &crate::model::Address) -> Option<&'static str> {
    // One that nobody marked was never given out: the run was killed before its call, which is made now.
    let told = |i: &Intent| input.purpose != Purpose::Look && orders::item_of(input, i).is_some();
    input.ledger.intents.iter().filter(|i| i.address == *address && i.unknown && !told(i)).find_map(|i| match i.action {
        IntentAction::Create if capability.create == Performer::Technician => Some("a technician makes it and records that"),
        IntentAction::Update if capability.update == Performer::Technician => Some("a technician changes it and records that"),
        IntentAction::Delete if capability.delete == Performer::Technician => Some("a technician takes it away and records that"),
        IntentAction::Resend if capability.resend == Performer::Technician => {
            Some("a technician sends the invitation again and records that")
        }
        IntentAction::Create | IntentAction::Update | IntentAction::Delete | IntentAction::Resend => None,
    })
}

/// True if an object is what an intent set out to make. Where the portal shows neither marks nor calls, the key alone speaks that the intent was
/// made with.
pub(super) fn made_by(input: &Input<'_>, intent: &Intent, object: &LiveObject) -> bool {
    // What rode on another call was made by that one: its intent's id is the carrier's with a number behind it.
    let carrier = intent.id.split('/').next();
    let with_that_key = || object.key == intent.key;
    let by_that_call = object.created_by.as_deref().map_or_else(with_that_key, |by| by == &*intent.id || Some(by) == carrier);
    by_that_call && object.owner.as_deref().is_none_or(|owner| owner == input.installation)
}

/// True if an object was deleted so lately that the portal may still show it.
pub(super) fn gone_lately(input: &Input<'_>, gone: &Tombstone) -> bool {
    within_window(input, gone.at)
}

/// True while a write of that instant may not be shown. A portal without a window shows all at once, whatever the clocks say.
pub(super) fn within_window(input: &Input<'_>, at: Timestamp) -> bool {
    let window = window(input);
    !window.is_zero() && input.now.duration_since(at) < window
}

/// The portal's consistency window.
pub(super) fn window(input: &Input<'_>) -> SignedDuration {
    SignedDuration::try_from(input.capabilities.consistency_window).unwrap_or(SignedDuration::MAX)
}

/// An intent that no delta takes up has been answered by this reading, unless it waits for somebody, the portal may not show it yet, or it made
/// something that only the intent tells of.
pub(super) fn settle(input: &Input<'_>, identity: &Identity<'_>, out: &mut TenantDiff) {
    let taken_up = |i: &Intent| out.deltas.iter().any(|d| d.resumes.as_ref() == Some(&i.id) || blocked_on(d, i));
    let waiting = || out.waiting.iter().chain(out.held.iter().map(|held| &held.waits));
    let waits = |i: &Intent| waiting().any(|w| w.address == i.address);
    let lives = |i: &Intent| i.action == IntentAction::Create && !made(input, identity, i).is_empty();
    let shown = |i: &Intent| !within_window(input, i.at) && input.live.is_complete(i.address.kind) && !is_partly_shown(input, i);
    let answered = |i: &&Intent| !taken_up(i) && !waits(i) && shown(i) && !lives(i);
    let answered: Vec<_> = input.ledger.intents.iter().filter(answered).map(|i| (i.address.clone(), i.id.clone())).collect();
    out.settled.extend(answered);
    out.settled.sort();
    out.settled.dedup();
}

/// True if nobody can tell all of the object that an intent is about: what its call wrote may be just what is missing.
pub(super) fn is_partly_shown(input: &Input<'_>, intent: &Intent) -> bool {
    let recorded = || input.ledger.rows.get(&intent.address).and_then(|row| row.id.as_deref());
    intent.object.as_deref().or_else(recorded).is_some_and(|id| input.live.has_unknown(intent.address.kind, id))
}

/// A delta that nothing can be done about keeps its intents open.
fn blocked_on(delta: &Delta, intent: &Intent) -> bool {
    delta.actions.is_empty() && delta.address == intent.address
}
