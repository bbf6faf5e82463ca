//! `G002`: too large a share of a kind deleted in a tenant.

use super::{counted, percent};
use crate::guard::{Check, Guard, InTenant, Nature, Refused};

pub(super) static GUARD: Guard = Guard {
    code: "G002",
    name: "Too large a share of a kind deleted",
    nature: Nature::Judgement,
    refuses: "A plan that deletes a larger share of what is ours of one kind in one tenant than `limits.maxDeletePercent`, once there are more \
              deletions than `limits.deleteFloor`.",
    why: "A count that is harmless in a large customer empties a small one.",
    number: Some(
        "30 % by default: a customer that loses a third of its people at once is closing a site, and somebody knows. The floor is 2 by default: \
         in a customer with three users one who leaves is 33 %, and that is no reason to ask.",
    ),
    remedy: "see whether all of them were taken out of the manifests on purpose",
    checks: &[Check::Tenant(check)],
};

fn check(at: &InTenant<'_>) -> Vec<Refused> {
    let (limit, floor) = (at.limits.max_delete_percent, at.limits.delete_floor);
    let large = at.deletions_by_kind().into_iter().filter_map(|(kind, deletions)| {
        let owned = at.unit.facts.owned.get(&kind).copied().unwrap_or(0).max(deletions);
        let share = percent(deletions, owned);
        (deletions > floor && share > limit).then(|| {
            let (what, tenant) = (counted(owned, kind), &at.unit.tenant);
            Refused::because(format!("{deletions} of {what} of {tenant} would be deleted, {share} %; the limit is {limit} %"))
                .with_numbers(share, limit)
        })
    });
    large.collect()
}
