//! `G025`: much of what is ours is gone from the portal.

use std::collections::{BTreeMap, BTreeSet};

use super::{counted, percent};
use crate::guard::{Check, Guard, InTenant, Nature, Refused};
use crate::model::{Address, Kind};
use crate::plan::{Action, DriftKind, Mode, Unit};

/// More of one kind than a person takes away by hand on one day.
const MOST: u64 = 5;
/// More than a person takes away in passing; from here on the share counts.
const FLOOR: u64 = 2;
/// The largest share of a kind, in percent.
const SHARE: u64 = 30;

pub(super) static GUARD: Guard = Guard {
    code: "G025",
    name: "Much of what is ours is gone",
    nature: Nature::Judgement,
    refuses: "A plan for a tenant of which the portal shows that more than 5 objects of one kind that are ours are not there any more, or more than \
              2 that are more than 30 % of those. What an earlier run asked to be deleted does not count.",
    why: "A list that the portal cuts short without a word, and a filter or a right that it has newly come by, look exactly like people whom \
          somebody deleted. They would be made a second time, or forgotten while they keep their access.",
    number: Some(
        "Those of deletions, for the same reasons. They are fixed: what others do in a portal is in nobody's plan, and a limit for it has nobody \
         who would set it.",
    ),
    remedy: "see in the portal whether they are gone: if they are there, its profile or its API does not list them all",
    checks: &[Check::Tenant(check)],
};

fn check(at: &InTenant<'_>) -> Vec<Refused> {
    if at.mode == Mode::RefreshOnly {
        return Vec::new();
    }
    let mut gone_by_kind: BTreeMap<Kind, u64> = BTreeMap::new();
    gone(at.unit).into_iter().for_each(|address| *gone_by_kind.entry(address.kind).or_insert(0) += 1);
    let much = gone_by_kind.into_iter().filter_map(|(kind, gone)| {
        let owned = at.unit.facts.owned.get(&kind).copied().unwrap_or(0).max(gone);
        let share = percent(gone, owned);
        let (limit, have, most) = if gone > MOST {
            (format!("more than {MOST}"), gone, MOST)
        } else if gone > FLOOR && share > SHARE {
            (format!("more than {SHARE} %"), share, SHARE)
        } else {
            return None;
        };
        let message = format!(
            "{gone} of {} of {} that are ours are no longer in the portal, {share} %: that is {limit}",
            counted(owned, kind),
            at.unit.tenant
        );
        Some(Refused::because(message).with_numbers(have, most))
    });
    much.collect()
}

/// What is ours and proven absent, whether it would be made again or forgotten.
fn gone(unit: &Unit) -> BTreeSet<&Address> {
    let asked: BTreeSet<_> = unit.settled.iter().map(|(address, _)| address).collect();
    let drifted = unit.drift.iter().filter(|d| d.what == DriftKind::Deleted).map(|d| &d.address);
    let forgotten = unit.changes.iter().filter(|c| c.has(Action::Forget)).map(|c| &c.address);
    drifted.chain(forgotten).filter(|address| !asked.contains(address)).collect()
}
