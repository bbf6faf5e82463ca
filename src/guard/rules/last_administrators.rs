//! `G007`: a tenant would be left with too few administrators.

use std::collections::BTreeSet;

use crate::guard::loss::takes_administration;
use crate::guard::{Check, Guard, InTenant, Nature, Refused};
use crate::model::kind::Placement;
use crate::plan::{Action, Unit};

pub(super) static GUARD: Guard = Guard {
    code: "G007",
    name: "Last administrators",
    nature: Nature::Judgement,
    refuses: "A plan after which an administrator is gone and a tenant has fewer than `limits.minAdministrators`; also one that takes away somebody \
              of whom neither the portal nor a record says whether they administer it, unless enough administrators are known to stay. Where a \
              portal does not show its users, the ledger and the technicians' records speak. A tenant that never had an administrator is let be, \
              and so is one that is deleted; a portal that makes no administrators has none to lose.",
    why: "With the last administrator gone nobody can let anybody in again, and the customer has to go through the vendor's support.",
    number: Some(
        "1 by default: one is enough to let the others back in. It is asked only when the plan takes an administrator away, so that a tenant below it can still be repaired.",
    ),
    remedy: "declare another administrator first, and apply that",
    checks: &[Check::Tenant(check)],
};

/// Nobody is to be declared in a tenant that everybody leaves.
const OFFBOARDING: &str = "offboarding takes everybody's access away, the last administrator's too: see that nothing is left in the tenant that the \
                           customer still has to let somebody into";

fn check(at: &InTenant<'_>) -> Vec<Refused> {
    let (unit, limit) = (at.unit, at.limits.min_administrators);
    let tenant_goes = at.deletions().any(|c| c.address.kind.def().placement == Placement::Tenant && !c.has(Action::Replace));
    if limit == 0 || tenant_goes {
        return Vec::new();
    }
    let before: BTreeSet<_> = unit.consequences.administrators_before.iter().collect();
    let after: BTreeSet<_> = unit.consequences.administrators_after.iter().collect();
    let (left, stay) = (after.len() as u64, before.intersection(&after).count() as u64);
    let refused = if left < limit && !before.is_subset(&after) {
        let had = before.len();
        let message = format!("{} would be left with {left} of {had} administrators; it keeps at least {limit}", unit.tenant);
        vec![Refused::because(message).with_numbers(left, limit)]
    } else if stay < limit {
        in_doubt(unit)
    } else {
        Vec::new()
    };
    let fitting = |refused: Refused| if unit.facts.offboarded { refused.with_remedy(OFFBOARDING) } else { refused };
    refused.into_iter().map(fitting).collect()
}

/// What may take an administrator away, though none that is known of.
fn in_doubt(unit: &Unit) -> Vec<Refused> {
    let suspects = unit.changes.iter().filter(|c| takes_administration(c) && unit.facts.administrators_in_doubt.contains(&c.address));
    let unknown = |address| {
        format!("{address} may be one of the last administrators of {}: neither the portal nor a record says who they are", unit.tenant)
    };
    suspects.map(|c| Refused::because(unknown(&c.address))).collect()
}
