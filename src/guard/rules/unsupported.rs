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
    remedy: "take it out of the manifests, or set `unsupported: Warning` on the `Portal`",
    checks: &[Check::Finding(check)],
};

fn check(change: &Change, finding: &Finding) -> Option<String> {
    let address = &change.address;
    match finding {
        Finding::Unsupported { what, refuses: true, .. } => Some(format!("{address} declares what the portal lacks: {what}")),
        _ => None,
    }
}
