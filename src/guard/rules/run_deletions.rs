//! `G004`: too many deletions in a run.

use super::plural;
use crate::guard::{Check, Guard, InRun, Nature, Refused, deletes};
use crate::plan::Unit;

pub(super) static GUARD: Guard = Guard {
    code: "G004",
    name: "Too many deletions in a run",
    nature: Nature::Judgement,
    refuses: "A plan that deletes more objects over all its tenants and portals than `limits.maxDeletesPerRun`: the smallest such limit of the portals in which it deletes anything.",
    why: "A mistake in a baseline or in a shared folder takes a little from every customer: no tenant's limit sees it.",
    number: Some(
        "50 by default: five customers each at their own limit. More than that on one day is a campaign, and somebody planned it.",
    ),
    remedy: "see what the deletions have in common, or take the tenants one after the other with `--tenant`",
    checks: &[Check::Run(check)],
};

fn check(run: &InRun<'_>) -> Vec<Refused> {
    let deletions = |unit: &Unit| unit.changes.iter().filter(|c| deletes(c)).count() as u64;
    let counts: Vec<_> = run.body.units.iter().map(|unit| (&unit.portal, deletions(unit))).filter(|(_, count)| *count > 0).collect();
    let Some(limit) = run.smallest(counts.iter().map(|(portal, _)| *portal), |l| l.max_deletes_per_run) else { return Vec::new() };
    let (have, tenants): (u64, u64) = (counts.iter().map(|(_, count)| count).sum(), counts.len() as u64);
    if have <= limit {
        return Vec::new();
    }
    let (what, place) = (plural(have, "object", "objects"), plural(tenants, "tenant", "tenants"));
    vec![Refused::because(format!("{what} in {place} would be deleted; the limit is {limit} in a run")).with_numbers(have, limit)]
}
