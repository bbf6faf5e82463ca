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
    remedy: "take it out of the manifest and do it in the portal by hand, or for a deletion set `deletionPolicy: Orphan` on the resource",
    checks: &[Check::Change(check)],
};

fn check(at: &InTenant<'_>, change: &Change) -> Option<Refused> {
    // What only the ledger records needs nobody.
    let action = change.actions.iter().find(|a| !a.ledger_only())?;
    let unsupported = change.performer == Performer::Unsupported;
    unsupported.then(|| {
        Refused::because(format!(
            "portal {} has no way to {} {}, by a call or by a work order",
            at.unit.portal,
            action.word(),
            change.address
        ))
    })
}
