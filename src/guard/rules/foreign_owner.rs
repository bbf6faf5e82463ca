//! `G010`: another installation's object.

use crate::guard::{Check, Guard, Nature};
use crate::plan::{Change, Finding};

pub(super) static GUARD: Guard = Guard {
    code: "G010",
    name: "Foreign owner",
    nature: Nature::Fact,
    refuses: "A change of an object that another installation has marked as its own.",
    why: "Two installations that write to one object undo each other's work for ever.",
    number: None,
    remedy: "take it out of these manifests, or have the other installation let it go; \
        if it is your own and its ledger is lost: `tenantry ledger claim OWNER-ID` (docs/ledger.md)",
    checks: &[Check::Finding(check)],
};

fn check(change: &Change, finding: &Finding) -> Option<String> {
    let address = &change.address;
    match finding {
        Finding::ForeignOwner { owner } => Some(format!("{address} belongs to another installation, {owner}")),
        _ => None,
    }
}
