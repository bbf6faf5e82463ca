//! `G018`: nobody knows whether it was made.

use crate::guard::{Check, Guard, Nature};
use crate::plan::{Change, Finding};

pub(super) static GUARD: Guard = Guard {
    code: "G018",
    name: "Creation result unknown",
    nature: Nature::Fact,
    refuses: "A change of something that an earlier run may or may not have made, on a portal that cannot tell, or a step of it.",
    why: "To call again could make a second one; to give up could leave one that nobody manages.",
    number: None,
    remedy: "wait until no other run is at work and the portal has had its time to show it, and run again; if it is unknown even then, look in the \
             portal and record what is there with `tenantry ledger settle`",
    checks: &[Check::Finding(check)],
};

fn check(change: &Change, finding: &Finding) -> Option<String> {
    let address = &change.address;
    match finding {
        Finding::CreationResultUnknown { why } => Some(format!("whether an earlier run made {address} is not known: {why}")),
        _ => None,
    }
}
