//! `G012`: it is not clear which object is meant.

use crate::guard::{Check, Guard, Nature};
use crate::plan::{Change, Finding};

pub(super) static GUARD: Guard = Guard {
    code: "G012",
    name: "Ambiguous identity",
    nature: Nature::Fact,
    refuses: "A change of something that could be two different objects, or of which id, ledger and natural key disagree.",
    why: "A guess writes one customer's data into another's object.",
    number: None,
    remedy: "say which one it is, as the message suggests, or pin its id with `externalId`",
    checks: &[Check::Finding(check)],
};

fn check(change: &Change, finding: &Finding) -> Option<String> {
    let address = &change.address;
    match finding {
        Finding::AmbiguousIdentity { why } => Some(format!("which object {address} is cannot be told: {why}")),
        _ => None,
    }
}
