//! `G022`: many people would lose access.

use super::{percent, plural};
use std::collections::BTreeSet;

use crate::guard::loss::takes_access;
use crate::guard::{Check, Guard, InRun, InTenant, Nature, Refused, deletes};
use crate::model::Kind;
use crate::model::kind::Bearing;
use crate::plan::Unit;

pub(super) static GUARD: Guard = Guard {
    code: "G022",
    name: "Many people lose access",
    nature: Nature::Judgement,
    refuses: "A plan by which more people lose access to one tenant than `limits.maxDeletesPerKind`, or a larger share than \
              `limits.maxDeletePercent` once they are more than `limits.deleteFloor`, or more in the run than `limits.maxDeletesPerRun`: however \
              it happens, unless by deletions alone, which have guards of their own.",
    why: "To suspend a person or to offboard a tenant deletes nothing, and on Monday morning it is the same telephone that rings.",
    number: Some("Those of deletions, for the same reasons: whoever cannot sign in does not ask whether the account still exists."),
    remedy: "see whether all of them should lose access",
    checks: &[Check::Tenant(in_tenant), Check::Run(in_run)],
};

fn in_tenant(at: &InTenant<'_>) -> Vec<Refused> {
    let (unit, limits) = (at.unit, at.limits);
    let lost = Lost::of(unit);
    let with_access = unit.facts.owned.iter().filter(|(kind, _)| gives_access(**kind)).map(|(_, owned)| owned).sum();
    let share = percent(lost.access, with_access);
    let refused = if lost.by_deletions_alone() {
        None
    } else if lost.access > limits.max_deletes_per_kind {
        Some((format!("the limit is {} in a tenant", limits.max_deletes_per_kind), lost.access, limits.max_deletes_per_kind))
    } else if lost.access > limits.delete_floor && share > limits.max_delete_percent {
        Some((format!("that is {share} %, and the limit is {} %", limits.max_delete_percent), share, limits.max_delete_percent))
    } else {
        None
    };
    let message = |limit| format!("{} would lose access to {}; {limit}", plural(lost.access, "person", "people"), unit.tenant);
    refused.map(|(limit, have, most)| Refused::because(message(limit)).with_numbers(have, most)).into_iter().collect()
}

fn in_run(run: &InRun<'_>) -> Vec<Refused> {
    let units: Vec<_> = run.body.units.iter().map(|unit| (&unit.portal, Lost::of(unit))).filter(|(_, lost)| lost.access > 0).collect();
    let Some(limit) = run.smallest(units.iter().map(|(portal, _)| *portal), |l| l.max_deletes_per_run) else { return Vec::new() };
    let have = units.iter().map(|(_, lost)| lost.access).sum();
    if have <= limit || units.iter().all(|(_, lost)| lost.by_deletions_alone()) {
        return Vec::new();
    }
    vec![
        Refused::because(format!("{} would lose access; the limit is {limit} in a run", plural(have, "person", "people")))
            .with_numbers(have, limit),
    ]
}

/// Who loses access in a tenant, counted in two ways of which the larger is believed: the changes may not name everybody (a tenant is
/// offboarded by one field), and consequences may leave out whom the portal did not show.
struct Lost {
    access: u64,
    deleted: u64,
}

impl Lost {
    fn of(unit: &Unit) -> Self {
        let changes = unit.changes.iter().filter(|c| gives_access(c.address.kind));
        let deleted = changes.clone().filter(|c| deletes(c)).count();
        let taken = changes.filter(|c| takes_access(c)).count();
        // Somebody who loses three tenants is one person.
        let people: BTreeSet<_> = unit.consequences.lose_access.iter().filter_map(|who| who.split(" in ").next()).collect();
        Self { access: taken.max(people.len()) as u64, deleted: deleted as u64 }
    }

    fn by_deletions_alone(&self) -> bool {
        self.access <= self.deleted
    }
}

fn gives_access(kind: Kind) -> bool {
    kind.def().bearing == Bearing::Access
}
