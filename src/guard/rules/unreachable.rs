//! `G020`: it depends on what is not there.

use crate::guard::{Check, Guard, Nature};
use crate::plan::{Change, Finding};

pub(super) static GUARD: Guard = Guard {
    code: "G020",
    name: "Depends on what cannot be made",
    nature: Nature::Fact,
    refuses: "A change that depends on something which is not selected or cannot be made.",
    why: "Its call would refer to an object that does not exist.",
    number: None,
    remedy: "select what it depends on as well, or put that right first",
    checks: &[Check::Finding(check)],
};

fn check(change: &Change, finding: &Finding) -> Option<String> {
    let address = &change.address;
    match finding {
        Finding::Unreachable { why } => Some(format!("{address} cannot be reached: {why}")),
        _ => None,
    }
}
