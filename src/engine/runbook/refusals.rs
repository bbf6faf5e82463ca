//! Why answers are refused, in words: what is wrong, and what the person does about it.

use super::evidence::entered;
use super::{Refusal, Why};
use crate::model::PortalName;
use crate::model::ledger::Attestation;
use crate::model::work_order::{WorkItem, WorkState};

impl Refusal {
    pub(super) fn new(why: Why, line: impl Into<String>) -> Self {
        Self { why, lines: vec![line.into()] }
    }

    /// The refusal of a reference that no item has.
    pub fn unknown(reference: &str) -> Self {
        Self::new(
            Why::Unknown,
            format!("no item of a work order has the reference {reference}; `tenantry runbook list --state all` shows them"),
        )
    }
}

/// Several items are meant: none is.
pub(super) fn ambiguous(reference: &str, meant: &[(PortalName, WorkItem)]) -> Refusal {
    let mut lines = vec![format!("{reference} is the reference of several items: give more of the one that is meant")];
    lines.extend(meant.iter().map(|(portal, item)| format!("{} ({} in portal {portal})", item.reference, item.address)));
    Refusal { why: Why::Ambiguous, lines }
}

/// Somebody has said already what became of an item.
pub(super) fn decided(item: &WorkItem) -> Refusal {
    let WorkItem { reference, address, .. } = item;
    let said = match &item.state {
        WorkState::Confirmed { by, at, evidence } => {
            let brought: Vec<_> = evidence.iter().map(|(name, value)| format!("{name} `{value}`")).collect();
            let with = if brought.is_empty() { String::new() } else { format!(" with {}", brought.join(", ")) };
            format!(
                "{reference} ({address}) was confirmed by {by} at {at:.0}{with}; if that is not so, talk to {by}, and take it back with \
                 `tenantry runbook reopen {reference} --why …`"
            )
        }
        WorkState::Skipped { by, at, why } => {
            format!(
                "{reference} ({address}) was skipped by {by} at {at:.0}: {why}; if it was done all the same, confirm it, and that is recorded; \
                 if it is still declared, the next apply gives it out anew"
            )
        }
        WorkState::Failed { by, at, why } => format!("{by} said at {at:.0} that {reference} ({address}) could not be done: {why}"),
        WorkState::Open => format!("{reference} ({address}) is open"),
    };
    Refusal::new(Why::Decided, said)
}

/// Somebody else said that it could not be done: who says otherwise does so knowingly.
pub(super) fn said_otherwise(item: &WorkItem) -> Refusal {
    let Refusal { why, mut lines } = decided(item);
    lines.push("if it was done since, confirm it with --anyway".to_owned());
    Refusal { why, lines }
}

/// What was withdrawn was given out again.
pub(super) fn given_anew(item: &WorkItem, anew: &WorkItem) -> Refusal {
    let Refusal { why, mut lines } = decided(item);
    lines.truncate(0);
    let (old, new, title) = (&item.reference, &anew.reference, &anew.instructions.title);
    lines.push(format!(
        "{old} ({}) was withdrawn, and {new} ({title}) was given out for it since: say of that one what became of it",
        item.address
    ));
    Refusal { why, lines }
}

/// Somebody recorded something since.
pub(super) fn recorded_since(item: &WorkItem, record: &Attestation) -> Refusal {
    let (reference, Attestation { address, by, at, .. }) = (&item.reference, record);
    let what = format!("{reference} ({address}) is out of date: {by} recorded at {at:.0} what is there");
    Refusal::new(Why::Decided, format!("{what}; what is otherwise, record with `tenantry runbook observe`"))
}

/// The reference is of an earlier text: says by what it was replaced, when, and how the two differ.
pub(super) fn replaced(item: &WorkItem, reference: &str) -> Refusal {
    let said = |name: &str| name.get(..reference.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(reference));
    let former = item.former.iter().find(|f| said(&f.reference));
    let when = former.map_or_else(String::new, |f| format!(" at {:.0}", f.replaced));
    let new = &item.reference;
    let mut lines = vec![format!("{reference} is an earlier text: the manifest changed, and {new} replaced it{when} ({})", item.address)];
    let now = entered(&item.instructions);
    let then = former.map(|f| entered(&f.instructions)).unwrap_or_default();
    lines.extend(then.iter().filter(|line| !now.contains(line)).map(|line| format!("- {line}")));
    lines.extend(now.iter().filter(|line| !then.contains(line)).map(|line| format!("+ {line}")));
    lines.push(format!("put right in the portal what you entered otherwise, and say of {new} what became of it"));
    Refusal { why: Why::Replaced, lines }
}
