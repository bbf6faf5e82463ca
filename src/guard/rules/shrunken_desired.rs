//! `G005`: a tenant whose manifests say much less than is ours there.

use super::plural;
use crate::guard::{Check, Guard, InTenant, Nature, Refused};
use crate::plan::Mode;

/// From so many objects on, a tenant that declares nothing but itself is taken to be a mistake: three can still be overseen at a glance.
const EMPTY_FROM: u64 = 4;
/// From so many objects on, losing more than half of them is: among fewer, one honest change can be half.
const SHRUNKEN_FROM: u64 = 10;

pub(super) static GUARD: Guard = Guard {
    code: "G005",
    name: "Empty or shrunken desired state",
    nature: Nature::Judgement,
    refuses: "A plan that deletes something in a tenant whose manifests declare nothing but the tenant itself while 4 objects or more there are \
              ours, or less than half as many resources as are ours while 10 or more are. What is kept on purpose does not count as ours here. A \
              plan to destroy is not asked.",
    why: "A folder that was not checked out, a template that rendered to nothing and a file cut in half all read as an order to delete. Spread \
          over the kinds, none of it reaches a limit of its own.",
    number: Some(
        "4 objects for an empty tenant: what a plan says about three can be overseen at a glance. 10 objects and half for a shrunken one: among \
         fewer, one honest change can be half, and no ordinary week takes half of a customer. They are fixed, so that no manifest can move them.",
    ),
    remedy: "see whether all files were read: `tenantry show` lists what is declared",
    checks: &[Check::Tenant(check)],
};

fn check(at: &InTenant<'_>) -> Vec<Refused> {
    let unit = at.unit;
    if at.mode == Mode::Destroy || at.deletions().next().is_none() {
        return Vec::new();
    }
    let kept = unit.retained.len() as u64;
    let owned = unit.facts.owned.values().sum::<u64>().saturating_sub(kept);
    let declared = unit.facts.declared;
    let empty = declared <= 1 && owned >= EMPTY_FROM;
    let shrunken = declared.saturating_mul(2) < owned && owned >= SHRUNKEN_FROM;
    if !empty && !shrunken {
        return Vec::new();
    }
    let least = owned.div_ceil(2);
    vec![
        Refused::because(format!(
            "{} declares {} while {owned} objects there are ours",
            unit.tenant,
            plural(declared, "resource", "resources")
        ))
        .with_numbers(declared, least),
    ]
}
