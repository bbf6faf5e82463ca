//! What a refusal holds back beside what it refuses: a promise of it would be a lie. Comes in: the plan's document, and the view of a tenant. Goes
//! out: counts, and the same view in which nothing is promised. Decides nothing.

use super::{ChangeView, ConsequenceView, TenantView};
use crate::plan::Refusal;
use crate::plan::document::{PlanDocument, TenantPlan};

/// True if a refusal of the run holds everything.
pub(super) fn is_run_held(document: &PlanDocument) -> bool {
    document.blocked_by.iter().any(Refusal::stands)
}

/// One refusal holds its whole tenant.
pub(super) fn is_held(tenant: &TenantPlan) -> bool {
    tenant.blocked_by.iter().chain(tenant.resource_changes.iter().flat_map(|c| &c.blocked_by)).any(Refusal::stands)
}

/// How many changes are not refused and will not be made, because another of their tenant is.
pub(super) fn with_others(document: &PlanDocument) -> u64 {
    // What the run or the tenant as a whole refuses is counted as refused, every change of it.
    let whole = |t: &&TenantPlan| t.blocked_by.iter().any(Refusal::stands);
    let some = document.tenants.iter().filter(|t| !is_run_held(document) && is_held(t) && !whole(t));
    let held = some.flat_map(|t| &t.resource_changes).filter(|c| !c.is_refused()).count();
    u64::try_from(held).unwrap_or(u64::MAX)
}

/// The view of a tenant that is held: what would be done, and nothing that will be.
pub(super) fn back(mut view: TenantView) -> TenantView {
    if view.changes.is_empty() && view.folded.is_empty() && view.shared == 0 {
        return view;
    }
    // What needs no change may be refused, too: a secret that nobody can read, say.
    view.counts.push_str(if view.counts.is_empty() { "held back" } else { ", all held back" });
    view.consequences.iter_mut().for_each(would);
    for ChangeView { actions, .. } in view.changes.iter_mut().filter(|c| !c.refused && !c.actions.is_empty()) {
        actions.insert_str(0, "would ");
    }
    view
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
