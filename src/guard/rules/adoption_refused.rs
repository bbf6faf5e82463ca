//! `G017`: it exists and is not adopted.

use crate::guard::{Check, Guard, Nature};
use crate::plan::{Change, Finding};

pub(super) static GUARD: Guard = Guard {
    code: "G017",
    name: "Adoption refused",
    nature: Nature::Judgement,
    refuses: "A declared object that exists already, is not ours, and is not adopted by policy.",
    why: "Somebody made it by hand and may still look after it; from its adoption on we would overwrite what they do.",
    number: None,
    remedy: "to take it over, set `adoptionPolicy: IfUnowned` on the resource or the `Portal` (`IfIdentical`: only where nothing differs); else give \
             it another name",
    checks: &[Check::Finding(check)],
};

fn check(change: &Change, finding: &Finding) -> Option<String> {
    let address = &change.address;
    match finding {
        Finding::AdoptionRefused { why } => Some(format!("{address} exists already and is not adopted: {why}")),
        _ => None,
    }
}
