//! `G007`: a tenant would be left with too few administrators.

use std::collections::BTreeSet;

use crate::guard::loss::takes_administration;
use crate::guard::{Check, Guard, InTenant, Nature, Refused};
use crate::model::kind::Placement;
use crate::plan::Action;

pub(super) static GUARD: Guard = Guard {
    code: "G007",
    name: "Last administrators",
    nature: Nature::Judgement,
    refuses: "A plan after which an administrator is gone and a tenant has fewer than `limits.minAdministrators`; also one that may take an \
              administrator away where the portal did not show all of them. A tenant that never had one is let be, and so is one that is deleted.",
    why: "With the last administrator gone nobody can let anybody in again, and the customer has to go through the vendor's support.",
    number: Some(
        "1 by default: one is enough to let the others back in. It is asked only when the plan takes an administrator away, so that a tenant below it can still be repaired.",
    ),
    remedy: "declare another administrator first, and apply that",
    checks: &[Check::Tenant(check)],
};

fn check(at: &InTenant<'_>) -> Vec<Refused> {
    let (unit, limit) = (at.unit, at.limits.min_administrators);
    let tenant_goes = at.deletions().any(|c| c.address.kind.def().placement == Placement::Tenant && !c.has(Action::Replace));
    if limit == 0 || tenant_goes {
        return Vec::new();
    }
    if !unit.facts.administrators_known {
        let suspects = unit.changes.iter().filter(|c| takes_administration(c));
        let unknown =
            |address| format!("{address} may be one of the last administrators of {}: the portal did not show all of them", unit.tenant);
        return suspects.map(|c| Refused::because(unknown(&c.address))).collect();
    }
    let before: BTreeSet<_> = unit.consequences.administrators_before.iter().collect();
    let after: BTreeSet<_> = unit.consequences.administrators_after.iter().collect();
    let left = after.len() as u64;
    if left >= limit || before.is_subset(&after) {
        return Vec::new();
    }
    vec![
        Refused::because(format!(
            "{} would be left with {left} of {} administrators; it keeps at least {limit}",
            unit.tenant,
            before.len()
        ))
        .with_numbers(left, limit),
    ]
}
