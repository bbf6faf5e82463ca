//! Natural keys that pass from one to another in one run: who takes a key comes after whoever frees it.
//!
//! Comes in: linked units. Goes out: the same, with [`Finding::KeyTaken`] gone where a change of this run frees the key, and a dependency in
//! its place. What nobody frees, and what would wait for itself, stays refused.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Change, Finding, Unit, build};
use crate::diff::holder_in;
use crate::model::live::normalise_key;
use crate::model::{Address, Kind, PortalName};

type Place = (PortalName, Address);

/// Puts everybody who takes a key behind whoever frees it.
pub(super) fn pass_on(units: &mut [Unit]) {
    let takes = |c: &Change| c.findings.iter().any(|f| matches!(f, Finding::KeyTaken { .. }));
    if !units.iter().any(|u| u.changes.iter().any(takes)) {
        return;
    }
    let freed = freed(units);
    let mut waits_for: BTreeMap<Place, BTreeSet<Address>> = BTreeMap::new();
    for unit in units.iter() {
        let entries = unit.changes.iter().map(|c| ((unit.portal.clone(), c.address.clone()), c.depends_on.iter().cloned().collect()));
        waits_for.extend(entries);
    }
    for unit in units.iter_mut() {
        let portal = unit.portal.clone();
        for change in unit.changes.iter_mut().filter(|c| takes(c)) {
            settle(&portal, change, &freed, &mut waits_for);
        }
        build::consider_again(unit);
    }
}

fn settle(
    portal: &PortalName,
    change: &mut Change,
    freed: &BTreeMap<(PortalName, Kind, Box<str>), Vec<Address>>,
    waits_for: &mut BTreeMap<Place, BTreeSet<Address>>,
) {
    let Some(holder) = change.findings.iter().find_map(|f| if let Finding::KeyTaken { by } = f { Some(by.clone()) } else { None }) else {
        return;
    };
    let by_whom = freed.get(&(portal.clone(), change.address.kind, change.key.clone()));
    let named = |a: &&Address| **a != change.address && (a.to_string() == holder || holder_in(a.tenant.as_str()) == holder);
    let Some(first) = by_whom.and_then(|all| all.iter().find(named)).cloned() else { return nothing_to_make(change) };
    let taken = |f: &Finding| matches!(f, Finding::KeyTaken { .. });
    if waits(waits_for, portal, &first, &change.address) {
        let by = format!(
            "{first} gives it up only after this change; an exchange takes two steps: give one of them another key and apply that, then declare \
             both as they are to be"
        );
        change.findings.retain(|f| !taken(f));
        change.findings.push(Finding::KeyTaken { by });
        return;
    }
    change.findings.retain(|f| !taken(f));
    waits_for.entry((portal.clone(), change.address.clone())).or_default().insert(first.clone());
    change.depends_on.push(first);
    change.depends_on.sort();
    change.depends_on.dedup();
}

/// A creation whose key nobody frees: nothing can be done until somebody does.
fn nothing_to_make(change: &mut Change) {
    if change.action() == Some(Action::Create) {
        change.actions.clear();
        change.fields.clear();
        change.effects.clear();
        change.reason.clear();
        change.carried_by = None;
    }
}

/// The keys that this run frees, and by which changes.
fn freed(units: &[Unit]) -> BTreeMap<(PortalName, Kind, Box<str>), Vec<Address>> {
    let mut freed: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for unit in units {
        for change in &unit.changes {
            if let Some(key) = gives_up(change) {
                freed.entry((unit.portal.clone(), change.address.kind, key)).or_default().push(change.address.clone());
            }
        }
    }
    freed
}

/// The key that nobody has after this change.
fn gives_up(change: &Change) -> Option<Box<str>> {
    match change.action()? {
        Action::Delete => Some(change.key_before().unwrap_or_else(|| normalise_key(&change.key))),
        Action::Update | Action::Replace => change.key_before(),
        _ if change.has(Action::Update) => change.key_before(),
        _ => None,
    }
}

/// True if one change waits for another, however many are between them.
fn waits(waits_for: &BTreeMap<Place, BTreeSet<Address>>, portal: &PortalName, from: &Address, to: &Address) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![from.clone()];
    while let Some(at) = next.pop() {
        if at == *to {
            return true;
        }
        if seen.insert(at.clone()) {
            next.extend(waits_for.get(&(portal.clone(), at)).into_iter().flatten().cloned());
        }
    }
    false
}
