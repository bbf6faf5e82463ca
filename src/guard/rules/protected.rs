//! `G009`: a protected resource would be deleted.

use crate::guard::{Check, Guard, Nature, deletes};
use crate::plan::{Change, Finding};

pub(super) static GUARD: Guard = Guard {
    code: "G009",
    name: "Protected resource",
    nature: Nature::Fact,
    refuses: "A change that would delete or replace a resource which the ledger protects, or give it another natural key.",
    why: "Protection is the one promise that outlasts the line that declared it: a manifest that lost the line, or the file, must not lose the object.",
    number: None,
    remedy: "release it first: declare it with `protected: false` and apply that",
    checks: &[Check::Finding(check)],
};

fn check(change: &Change, finding: &Finding) -> Option<String> {
    let address = &change.address;
    match finding {
        Finding::Protected => Some(match change.key_before().filter(|_| !deletes(change)) {
            Some(before) => format!("{address} is protected, and would pass from {before} to {}", change.key),
            None => format!("{address} is protected, and would be deleted"),
        }),
        _ => None,
    }
}
