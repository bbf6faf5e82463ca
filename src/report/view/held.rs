//! What a refusal holds back beside what it refuses: a promise of it would be a lie. Comes in: what is held, and the view of a tenant. Goes
//! out: the same view in which nothing of that is promised. Decides nothing.

use std::collections::BTreeSet;

use super::{ChangeView, ConsequenceView, TenantView, portals};
use crate::plan::document::{HeldBack, Summary, TenantPlan};

/// The counts of a tenant: what is made and what is held, or, where all of it is held, what would have been made.
pub(super) fn counts(held: &HeldBack<'_>, tenant: &TenantPlan) -> String {
    let summary = held.count(tenant);
    let all = is_all(&summary, tenant);
    let said = if all { super::by_action(&summary.planned, false) } else { super::counts(&summary, false) };
    let words = said + &portals::by_hand(tenant);
    match words.is_empty() {
        _ if !all => words,
        // What needs no change may be refused, too: a secret that nobody can read, say.
        true => "held back".to_owned(),
        false => words + ", all held back",
    }
}

/// The view of a tenant: what would be done, and nothing that will not be.
pub(super) fn back(held: &HeldBack<'_>, tenant: &TenantPlan, mut view: TenantView) -> TenantView {
    if is_all(&held.count(tenant), tenant) {
        view.consequences.iter_mut().for_each(would);
    }
    let undone: BTreeSet<_> = tenant.resource_changes.iter().filter(|c| held.has(tenant, c)).map(|c| c.address.to_string()).collect();
    let promised = |c: &&mut ChangeView| !c.refused && !c.actions.is_empty() && undone.contains(&c.address);
    for change in view.changes.iter_mut().filter(promised) {
        change.actions.insert_str(0, "would ");
        if !held.has_tenant(tenant) {
            change.notes.push("held back: what it needs is not made".to_owned());
        }
    }
    view
}

fn is_all(summary: &Summary, tenant: &TenantPlan) -> bool {
    !tenant.resource_changes.is_empty() && tenant.resource_changes.len().try_into() == Ok(summary.held.changes)
}

fn would(consequence: &mut ConsequenceView) {
    consequence.what = match consequence.what {
        "lose access" => "would lose access",
        "administrators" => "administrators, if it were done",
        "gain access" => "would gain access",
        "get an e-mail" => "would get an e-mail",
        "licences" => "licences, if it were done",
        other => other,
    };
}
