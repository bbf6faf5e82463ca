//! `G003`: too many deletions in a tenant.

use super::plural;
use crate::guard::{Check, Guard, InTenant, Nature, Refused};

pub(super) static GUARD: Guard = Guard {
    code: "G003",
    name: "Too many deletions in a tenant",
    nature: Nature::Judgement,
    refuses: "A plan that deletes more objects of all kinds in one tenant than `limits.maxDeletesPerTenant`.",
    why: "A few users, a few groups and a few roles are each below the limit of their kind, and together they are a customer taken apart.",
    number: Some(
        "10 by default: twice the limit of a kind, which is a person's tidying of one customer; more is a project, and has somebody who can approve it.",
    ),
    remedy: "see whether all of them were taken out of the manifests on purpose",
    checks: &[Check::Tenant(check)],
};

fn check(at: &InTenant<'_>) -> Vec<Refused> {
    let limit = at.limits.max_deletes_per_tenant;
    let have = at.deletions_by_kind().values().sum();
    if have <= limit {
        return Vec::new();
    }
    vec![
        Refused::because(format!(
            "{} of {} would be deleted; the limit is {limit} in a tenant",
            plural(have, "object", "objects"),
            at.unit.tenant
        ))
        .with_numbers(have, limit),
    ]
}
