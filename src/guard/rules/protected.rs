//! `G009`: a protected resource would be deleted.

use crate::guard::{Check, Guard, Nature};
use crate::plan::{Change, Finding};

pub(super) static GUARD: Guard = Guard {
    code: "G009",
    name: "Protected resource",
    nature: Nature::Fact,
    refuses: "A change that would delete or replace a resource which the ledger protects.",
    why: "Protection is the one promise that outlasts the line that declared it: a manifest that lost the line, or the file, must not lose the object.",
    number: None,
    remedy: "release it first: declare it with `protected: false` and apply that",
    checks: &[Check::Finding(check)],
};

fn check(change: &Change, finding: &Finding) -> Option<String> {
    let address = &change.address;
    match finding {
        Finding::Protected => Some(format!("{address} is protected, and would be deleted")),
        _ => None,
    }
}
