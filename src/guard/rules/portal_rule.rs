//! `G015`: a rule of the portal's profile.

use crate::guard::{Check, Guard, Nature};
use crate::plan::{Change, Finding};

pub(super) static GUARD: Guard = Guard {
    code: "G015",
    name: "Rule of the portal",
    nature: Nature::Judgement,
    refuses: "A change that breaks a rule of the portal's profile which refuses. Rules that only warn are shown as warnings.",
    why: "The portal would refuse it in the middle of a run, or take it and do something else.",
    number: None,
    remedy: "change the manifest as the rule says",
    checks: &[Check::Finding(check)],
};

fn check(change: &Change, finding: &Finding) -> Option<String> {
    let address = &change.address;
    match finding {
        Finding::Rule { rule, message, refuses: true } => Some(format!("{address} breaks {rule}: {message}")),
        _ => None,
    }
}
