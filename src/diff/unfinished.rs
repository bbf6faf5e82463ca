//! Calls of several steps that an earlier run left in the middle: they go on with the step that was not done, or a person is told which one nobody
//! knows about.
//!
//! Comes in: open intents, and what a difference would be without them. Goes out: the same, where what was left is taken up under its own intent.

use super::{Action, Cause, Delta, Finding, Input, Purpose, TenantDiff, begun, fields, intents};
use crate::model::{Decision, Digest, Fate, Intent, IntentAction, Next};

/// Where a call stands that was done in part.
pub(super) enum Stands {
    /// It goes on.
    GoesOn {
        /// Why, in a sentence.
        reason: String,
    },
    /// Nobody knows about the step that comes next.
    Unknown {
        /// Which that is.
        why: String,
    },
}

/// True if steps of a creation are known to be done.
pub(super) fn is_begun(input: &Input<'_>, intent: &Intent) -> bool {
    carrier(input, intent).fate.reached.is_some()
}

/// True if a creation goes on once its object is there.
pub(super) fn goes_on(input: &Input<'_>, intent: &Intent) -> bool {
    let carrier = carrier(input, intent);
    carrier.fate.reached.is_some() || input.capabilities.kind(carrier.address.kind).is_some_and(|c| c.goes_on)
}

/// The intent of the call that an intent rides on, else itself.
fn carrier<'a>(input: &Input<'a>, intent: &'a Intent) -> &'a Intent {
    let carrier = intent.id.split_once('/').and_then(|(id, _)| input.ledger.intents.iter().find(|i| *i.id == *id));
    carrier.unwrap_or(intent)
}

/// True if the call of an intent may be made again as it was, whatever became of it: what is declared is what was sent.
pub(super) fn may_be_repeated(input: &Input<'_>, intent: &Intent) -> bool {
    let rides = |i: &&Intent| i.id.split_once('/').is_some_and(|(carrier, _)| *carrier == *intent.id);
    let same = |i: &Intent| i.fate.content.is_some() && i.fate.content == content(input, i);
    intent.fate.decision(content(input, intent)) == Decision::GoOn && input.ledger.intents.iter().filter(rides).all(same)
}

/// What a call about an intent's address would send now.
fn content(input: &Input<'_>, intent: &Intent) -> Option<Digest> {
    let resource = input.desired?.get(intent.address.kind, &intent.address.name)?;
    let desired = fields::supported(input.capabilities.kind(intent.address.kind)?, resource);
    let key = crate::model::live::normalise_key(resource.natural_key());
    Some(Fate::content_of(intent.address.kind.def(), intent.action, &key, &desired))
}

/// Where the call of an intent stands. `found`: its object is shown.
pub(super) fn stands(input: &Input<'_>, intent: &Intent, found: bool) -> Stands {
    let begun = carrier(input, intent);
    let next = begun.fate.reached.as_ref().map_or("the step after the one that made it", |reached| &*reached.next);
    let reason = || format!("an interrupted run did a part of it, and it goes on with {next}");
    let unknown = |why: &str| {
        let Intent { at, id, .. } = begun;
        Stands::Unknown {
            why: format!(
                "{next} was begun at {at:.0}, and {why}: look in the portal, then say `tenantry ledger settle {id} {} done`, or `not-done`",
                begun.address
            ),
        }
    };
    let late = begun::within_window(input, begun.at);
    match begun.fate.decision(content(input, begun)) {
        Decision::GoOn | Decision::Settle if begun.fate.next == Next::Findable && late => {
            unknown("the portal may not show yet whether it was done")
        }
        Decision::GoOn | Decision::Settle => Stands::GoesOn { reason: reason() },
        Decision::Look if begun.action != IntentAction::Create && begun::is_partly_shown(input, begun) => {
            unknown("the lists that would show whether it was done were not read to their end")
        }
        Decision::Look if found || !late => Stands::GoesOn { reason: reason() },
        Decision::Look => unknown("the portal may not show yet whether it was done"),
        Decision::Ask => unknown("nobody knows whether it was done"),
    }
}

/// Takes up updates, deletions and repeated invitations that were done in part. Creations are, where what is declared is compared.
pub(super) fn reconcile(input: &Input<'_>, out: &mut TenantDiff) {
    if input.purpose == Purpose::Look {
        return;
    }
    let begun = input.ledger.intents.iter().filter(|i| i.action != IntentAction::Create && i.fate.reached.is_some());
    for intent in begun.filter(|i| !input.ledger.work.contains_key(&i.id)) {
        let waits = out.waiting.iter().any(|w| w.address == intent.address);
        if let Some(at) = (!waits).then(|| place(input, intent, out)).flatten()
            && let Some(delta) = out.deltas.get_mut(at)
        {
            take_up(input, intent, delta);
        }
    }
}

/// The difference that asks for what an intent set out to do; where nothing differs any more, one about what is left of it.
fn place(input: &Input<'_>, intent: &Intent, out: &mut TenantDiff) -> Option<usize> {
    let here = out.deltas.iter().position(|d| d.address == intent.address);
    let Some(at) = here else {
        let row = input.ledger.rows.get(&intent.address)?;
        let resource = input.desired?.get(intent.address.kind, &intent.address.name)?;
        if intent.action == IntentAction::Delete {
            return None;
        }
        let mut delta = Delta::about(intent.address.clone(), row.key.clone());
        delta.id.clone_from(&row.id);
        delta.desired = fields::supported(input.capabilities.kind(intent.address.kind)?, resource);
        delta.actions = vec![if intent.action == IntentAction::Resend { Action::Resend } else { Action::Update }];
        out.deltas.push(delta);
        return Some(out.deltas.len() - 1);
    };
    let delta = out.deltas.get_mut(at)?;
    if intent.action == IntentAction::Delete && delta.actions == [Action::Forget] {
        // Its lists do not show it any more, and there is more to it than that.
        delta.actions = vec![Action::Delete];
    }
    (intents(&delta.actions).contains(&intent.action)).then_some(at)
}

fn take_up(input: &Input<'_>, intent: &Intent, delta: &mut Delta) {
    delta.resumes = Some(intent.id.clone());
    match stands(input, intent, true) {
        Stands::GoesOn { reason } => {
            delta.cause = Cause::Manifest;
            delta.reason = reason;
        }
        Stands::Unknown { why } => {
            delta.actions.clear();
            delta.findings.push(Finding::CreationResultUnknown { why });
        }
    }
}
