//! `G013`: a secret cannot be read.

use crate::guard::{Check, Guard, Nature};
use crate::plan::{Change, Finding};

pub(super) static GUARD: Guard = Guard {
    code: "G013",
    name: "Unreadable secret",
    nature: Nature::Fact,
    refuses: "A change that needs a secret which cannot be read.",
    why: "Left out, or sent empty, a secret is reset in the portal.",
    number: None,
    remedy: "provide the secret where the manifest says it is, then plan again",
    checks: &[Check::Finding(check)],
};

fn check(change: &Change, finding: &Finding) -> Option<String> {
    let address = &change.address;
    match finding {
        Finding::UnreadableSecret { why } => Some(format!("a secret of {address} cannot be read: {why}")),
        _ => None,
    }
}
