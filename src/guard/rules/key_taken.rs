//! `G019`: its natural key is held elsewhere.

use crate::guard::{Check, Guard, Nature};
use crate::plan::{Change, Finding};

pub(super) static GUARD: Guard = Guard {
    code: "G019",
    name: "Natural key taken",
    nature: Nature::Fact,
    refuses: "A creation whose natural key is unique over the whole portal and is held elsewhere.",
    why: "The portal would refuse it, or move the object from one customer to the other.",
    number: None,
    remedy: "use another key, or free this one where it is held",
    checks: &[Check::Finding(check)],
};

fn check(change: &Change, finding: &Finding) -> Option<String> {
    let address = &change.address;
    match finding {
        Finding::KeyTaken { by } => Some(format!("the natural key `{}` of {address} is taken: {by}", change.key)),
        _ => None,
    }
}
