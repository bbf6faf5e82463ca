//! Who does the work of a plan, portal by portal. Comes in: the plan's document. Goes out: words. Says nothing of a plan of one portal beyond what its
//! tenants say.

use std::collections::BTreeMap;

use crate::model::rule::Effect;
use crate::plan::document::{HeldBack, PlanDocument, ResourceChange, TenantPlan};
use crate::report::escape::visible;

/// Each portal of a plan of several: its name, and `14 automatic`, `8 by a technician, 3 held back`.
pub(super) fn portals(document: &PlanDocument, held: &HeldBack<'_>) -> Vec<(String, String)> {
    let mut shares: BTreeMap<_, [usize; 3]> = BTreeMap::new();
    for tenant in document.tenants.iter().filter(|t| !t.resource_changes.is_empty()) {
        let [automatic, by_hand, held_back] = shares.entry(&tenant.portal).or_default();
        for change in &tenant.resource_changes {
            let share = match change {
                change if held.has(tenant, change) => &mut *held_back,
                change if is_by_hand(change) => &mut *by_hand,
                _ => &mut *automatic,
            };
            *share += 1;
        }
    }
    if shares.len() < 2 {
        return Vec::new();
    }
    let words = |[automatic, by_hand, held]: [usize; 3]| {
        let said = [(automatic, "automatic"), (by_hand, "by a technician"), (held, "held back")];
        said.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect::<Vec<_>>().join(", ")
    };
    shares.into_iter().map(|(portal, share)| (visible(portal.as_str()).into_owned(), words(share))).collect()
}

/// `, by a technician` behind a tenant's counts; with a number where it is not all of them.
pub(super) fn by_hand(tenant: &TenantPlan) -> String {
    match count_by_hand(tenant) {
        0 => String::new(),
        n if n == tenant.resource_changes.len() => ", by a technician".to_owned(),
        n => format!(", {n} by a technician"),
    }
}

fn count_by_hand(tenant: &TenantPlan) -> usize {
    tenant.resource_changes.iter().filter(|c| is_by_hand(c)).count()
}

fn is_by_hand(change: &ResourceChange) -> bool {
    change.effects.contains(&Effect::Technician)
}
