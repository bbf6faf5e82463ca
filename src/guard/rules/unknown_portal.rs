//! `G023`: a portal that this run does not know.

use crate::guard::{Check, Guard, InTenant, Nature, Refused};

pub(super) static GUARD: Guard = Guard {
    code: "G023",
    name: "Unknown portal",
    nature: Nature::Fact,
    refuses: "A plan for a portal that this run has no `Portal` document of.",
    why: "Limits and our own account there are the `Portal`'s: without it no other guard can be believed. A saved plan may name a portal that was taken out since.",
    number: None,
    remedy: "give the root that declares the portal with `--portals`, or plan anew",
    checks: &[Check::Tenant(check)],
};

fn check(at: &InTenant<'_>) -> Vec<Refused> {
    let unknown =
        at.portal.is_none().then(|| Refused::because(format!("portal {} is not declared, so its limits are not known", at.unit.portal)));
    unknown.into_iter().collect()
}
