//! `G001`: too many deletions of a kind in a tenant.

use super::counted;
use crate::guard::{Check, Guard, InTenant, Nature, Refused};

pub(super) static GUARD: Guard = Guard {
    code: "G001",
    name: "Too many deletions of a kind",
    nature: Nature::Judgement,
    refuses: "A plan that deletes more objects of one kind in one tenant than `limits.maxDeletesPerKind`.",
    why: "A file cut short by a merge, or a selector that no longer matches, looks exactly like many people leaving on one day.",
    number: Some(
        "5 by default: one person leaves a customer on most days, five at once is a story that somebody can tell, ten is a mistake in a merge.",
    ),
    remedy: "see whether all of them were taken out of the manifests on purpose",
    checks: &[Check::Tenant(check)],
};

fn check(at: &InTenant<'_>) -> Vec<Refused> {
    let limit = at.limits.max_deletes_per_kind;
    let too_many = at.deletions_by_kind().into_iter().filter(|(_, have)| *have > limit);
    too_many
        .map(|(kind, have)| {
            let what = counted(have, kind);
            Refused::because(format!("{what} of {} would be deleted; the limit is {limit} of a kind in a tenant", at.unit.tenant))
                .with_numbers(have, limit)
        })
        .collect()
}
