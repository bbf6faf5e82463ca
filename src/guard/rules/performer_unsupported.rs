//! `G021`: nobody can perform a change.

use crate::guard::{Check, Guard, InTenant, Nature, Refused};
use crate::model::Performer;
use crate::plan::Change;

pub(super) static GUARD: Guard = Guard {
    code: "G021",
    name: "Nobody can perform it",
    nature: Nature::Fact,
    refuses: "A change that the portal supports neither by a call nor by a technician's hand.",
    why: "Approved or not, nothing would happen, and the report would say that it waits for somebody.",
    number: None,
    remedy: "take it out of the manifests, or for a deletion set `deletionPolicy: Orphan` on the resource",
    checks: &[Check::Change(check)],
};

fn check(_: &InTenant<'_>, change: &Change) -> Option<Refused> {
    // What only the ledger records needs nobody.
    let action = change.actions.iter().find(|a| !a.ledger_only())?;
    let unsupported = change.performer == Performer::Unsupported;
    unsupported.then(|| Refused::because(format!("the portal has no way to {} {}", action.word(), change.address)))
}
