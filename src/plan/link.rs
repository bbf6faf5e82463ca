//! Dependencies and order. Comes in: the units of a run. Goes out: the same, each change knowing which come before it, in the order in which
//! they are applied: what others refer to first, deletions last and in reverse.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Change, Finding, Unit, build, keys};
use crate::diff::{needs, targets, waits};
use crate::model::kind::Placement;
use crate::model::{Address, Kind, PortalName};

/// Orders the changes of every unit and links them, over tenants too.
pub fn link(units: &mut [Unit]) {
    wait_for_tenants(units);
    let mut after_deleted: BTreeMap<(PortalName, Address), BTreeSet<Address>> = BTreeMap::new();
    let known = Known::of(units);
    for unit in units.iter_mut() {
        let portal = unit.portal.clone();
        unit.changes.sort_by(|a, b| order(a).cmp(&order(b)));
        for change in &mut unit.changes {
            change.depends_on = known.needed_by(&portal, change).into_iter().collect();
            for gone in known.deleted_that_it_let_go(&portal, change) {
                after_deleted.entry((portal.clone(), gone)).or_default().insert(change.address.clone());
            }
        }
    }
    for unit in units.iter_mut() {
        for change in unit.changes.iter_mut().filter(|c| deletes(c)) {
            if let Some(first) = after_deleted.remove(&(unit.portal.clone(), change.address.clone())) {
                let mut all: BTreeSet<_> = change.depends_on.drain(..).collect();
                all.extend(first);
                all.remove(&change.address);
                change.depends_on = all.into_iter().collect();
            }
        }
    }
    keys::pass_on(units);
}

/// What needs another tenant that is not finished waits with it; within its own tenant the diff has seen to that.
fn wait_for_tenants(units: &mut [Unit]) {
    let tenants = |u: &Unit| {
        u.waiting.iter().filter(|w| is_tenant(w.address.kind)).map(|w| (u.portal.clone(), w.address.clone())).collect::<Vec<_>>()
    };
    let unfinished: BTreeSet<_> = units.iter().flat_map(tenants).collect();
    for unit in units.iter_mut().filter(|_| !unfinished.is_empty()) {
        let Unit { portal, changes, waiting, .. } = unit;
        changes.retain(|change| {
            let makes = !deletes(change) && !build::intents(&change.actions).is_empty();
            let needed = makes.then(|| needs(&change.address, &change.desired)).into_iter().flatten();
            let mut others = needed.into_iter().filter(|a| a.tenant != change.address.tenant);
            let missing = others.find(|a| unfinished.contains(&(portal.clone(), a.clone())));
            waiting.extend(missing.as_ref().map(|a| waits(&change.address, a)));
            missing.is_none()
        });
        waiting.sort_by(|a, b| a.address.cmp(&b.address));
        build::consider_again(unit);
    }
}

fn is_tenant(kind: Kind) -> bool {
    kind.def().placement == Placement::Tenant
}

/// Takes out what is not selected; what then depends on something that is not there any more says so.
pub fn select(units: &mut [Unit], selected: &dyn Fn(&Address) -> bool) {
    let mut dropped = BTreeSet::new();
    for unit in units.iter_mut() {
        unit.changes.retain(|c| {
            let keep = selected(&c.address);
            if !keep {
                dropped.insert((unit.portal.clone(), c.address.clone()));
            }
            keep
        });
        unit.drift.retain(|d| selected(&d.address));
        unit.retained.retain(|r| selected(&r.address));
        unit.waiting.retain(|w| selected(&w.address));
        unit.settled.retain(|(address, _)| selected(address));
        build::consider_again(unit);
    }
    for unit in units.iter_mut() {
        for change in &mut unit.changes {
            let missing = change.depends_on.iter().find(|a| dropped.contains(&(unit.portal.clone(), (*a).clone())));
            if let Some(missing) = missing {
                let why = format!("it needs {missing}, which is about to change and is not selected");
                change.findings.push(Finding::Unreachable { why });
            }
            change.depends_on.retain(|a| !dropped.contains(&(unit.portal.clone(), a.clone())));
            if change.carried_by.as_ref().is_some_and(|a| dropped.contains(&(unit.portal.clone(), a.clone()))) {
                change.carried_by = None;
            }
        }
    }
}

/// Makers by kind, then deletions by kind in reverse. References point to earlier kinds only (a test keeps that true), so this is a topological order.
fn order(change: &Change) -> (bool, i16, &Address) {
    let rank = Kind::ALL.iter().position(|k| *k == change.address.kind).and_then(|at| i16::try_from(at).ok()).unwrap_or(i16::MAX);
    let deletes = deletes(change);
    (deletes, if deletes { -rank } else { rank }, &change.address)
}

fn deletes(change: &Change) -> bool {
    change.action() == Some(Action::Delete)
}

/// What a run makes and takes away, by portal.
struct Known {
    made: BTreeSet<(PortalName, Address)>,
    deleted: BTreeMap<PortalName, BTreeSet<Address>>,
}

impl Known {
    fn of(units: &[Unit]) -> Self {
        let mut known = Self { made: BTreeSet::new(), deleted: BTreeMap::new() };
        for unit in units {
            for change in &unit.changes {
                // An id that others need is known only after these; a blocked change (no action) makes nothing, and what needs it must wait too.
                let establishes = (change.actions.is_empty() && !change.is_there_in_part())
                    || change
                        .actions
                        .iter()
                        .any(|a| matches!(a, Action::Create | Action::Replace | Action::Adopt | Action::Recover | Action::Move));
                if deletes(change) {
                    known.deleted.entry(unit.portal.clone()).or_default().insert(change.address.clone());
                } else if establishes {
                    known.made.insert((unit.portal.clone(), change.address.clone()));
                }
            }
        }
        known
    }

    fn needed_by(&self, portal: &PortalName, change: &Change) -> BTreeSet<Address> {
        if deletes(change) {
            let mut needed = BTreeSet::new();
            // A tenant goes last of all that is in it.
            if is_tenant(change.address.kind) {
                let gone = self.deleted.get(portal).into_iter().flatten();
                needed.extend(gone.filter(|a| a.tenant == change.address.tenant && **a != change.address).cloned());
            }
            return needed;
        }
        let mut needed = needs(&change.address, &change.desired);
        needed.retain(|a| self.made.contains(&(portal.clone(), a.clone())));
        needed
    }

    /// Deletions of this run that this change referred to until now.
    fn deleted_that_it_let_go(&self, portal: &PortalName, change: &Change) -> Vec<Address> {
        let Some(deleted) = self.deleted.get(portal) else { return Vec::new() };
        let def = change.address.kind.def();
        let before = change.fields.iter().filter_map(|f| Some((def.field(f.field).ty.refers_to()?, f.before.as_ref()?)));
        before.flat_map(|(kind, value)| targets(&change.address, kind, value)).filter(|a| deleted.contains(a)).collect()
    }
}
