//! `G016`: the portal lacks what is declared.

use crate::guard::{Check, Guard, Nature};
use crate::plan::{Change, Finding};

pub(super) static GUARD: Guard = Guard {
    code: "G016",
    name: "Unsupported by the portal",
    nature: Nature::Judgement,
    refuses: "A change that declares what the portal lacks, where the `Portal` says `unsupported: Error` (the default).",
    why: "What is declared and silently not done is believed to be done.",
    number: None,
    remedy: "take it out of the manifest; or, where the portal need not have it, let its `Portal` say `unsupported: Warning`, which leaves it out there and says so, or \
             `Ignore`, which leaves it out in silence; what the portal can hold only by hand, somebody does there by hand",
    checks: &[Check::Finding(check)],
};

fn check(change: &Change, finding: &Finding) -> Option<String> {
    let address = &change.address;
    match finding {
        Finding::Unsupported { what, refuses: true, .. } => Some(format!("{address} cannot be as its manifest says: {what}")),
        _ => None,
    }
}
