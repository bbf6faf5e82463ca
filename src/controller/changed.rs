//! What a new fleet changes. Comes in: the fleet before and the one now. Goes out: the units there are, and which of them are declared otherwise.
//! Pure. It compares what is said, never how often or from where.

use std::collections::BTreeSet;

use super::visit::key;
use super::{Fleet, UnitKey};
use crate::engine;
use crate::model::{PortalName, PortalSpec, Tenant};

/// The units that are declared: the tenants that a portal serves.
pub(super) fn units(fleet: &Fleet) -> BTreeSet<UnitKey> {
    let portals = fleet.portals.values().map(|open| &open.served.spec);
    let declared = portals.flat_map(|spec| {
        let tenants = fleet.desired.tenants.keys().chain(fleet.invalid.keys());
        tenants.filter(|t| spec.serves(t)).map(|t| key(&spec.name, t))
    });
    let closed = fleet.closed.keys().flat_map(|portal| {
        let spec = fleet.desired.portals.iter().find(|spec| spec.name == *portal);
        let tenants = fleet.desired.tenants.keys().chain(fleet.invalid.keys());
        tenants.filter(move |t| spec.is_none_or(|spec| spec.serves(t))).map(|t| key(portal, t))
    });
    declared.chain(closed).collect()
}

/// What is said of each portal of two fleets, compared once for all of its tenants. Whom it serves is looked at tenant by tenant: a customer more is
/// nothing new to the others.
pub(crate) fn portals(before: &Fleet, now: &Fleet) -> BTreeSet<PortalName> {
    let bare = |fleet: &Fleet, name: &PortalName| {
        fleet.portals.get(name).map(|o| PortalSpec { source: None, organizations: None, ..o.served.spec.clone() })
    };
    let all: BTreeSet<_> = before.portals.keys().chain(now.portals.keys()).chain(before.closed.keys()).chain(now.closed.keys()).collect();
    let same = |name: &&PortalName| bare(before, name) == bare(now, name) && before.closed.get(*name) == now.closed.get(*name);
    all.into_iter().filter(same).cloned().collect()
}

/// Whether a unit is as it was: `None`, it is declared otherwise or new; `Some(false)`, only what people approved is another. `portals` are those of
/// which the same is said.
pub(super) fn same(before: &Fleet, now: &Fleet, portals: &BTreeSet<PortalName>, unit: &UnitKey) -> Option<bool> {
    let declared = now.desired.tenants.get(&unit.tenant);
    let as_it_was = portals.contains(&unit.portal)
        && before.invalid.get(&unit.tenant) == now.invalid.get(&unit.tenant)
        && before.leaving.contains(&unit.tenant) == now.leaving.contains(&unit.tenant)
        && alike(before.desired.tenants.get(&unit.tenant), declared)
        && serve_alike(before, now, unit, declared);
    let (then, now) = (&before.approved, &now.approved);
    as_it_was.then(|| then.about(unit) == now.about(unit) && then.deletions_of(&unit.tenant) == now.deletions_of(&unit.tenant))
}

/// Whether a portal serves a tenant, and those whom it names, as it did.
fn serve_alike(before: &Fleet, now: &Fleet, unit: &UnitKey, declared: Option<&Tenant>) -> bool {
    let (Some(then), Some(now)) = (before.portals.get(&unit.portal), now.portals.get(&unit.portal)) else { return true };
    let (then, now) = (&then.served.spec, &now.served.spec);
    then.organizations == now.organizations
        || (then.serves(&unit.tenant) == now.serves(&unit.tenant)
            && declared
                .is_none_or(|d| !engine::names_tenants(d) || engine::tenants_named(d).iter().all(|t| then.serves(t) == now.serves(t))))
}

/// Whether two declarations of a tenant say the same, wherever they stand.
fn alike(a: Option<&Tenant>, b: Option<&Tenant>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => {
            a.unread == b.unread
                && a.unread_kinds == b.unread_kinds
                && a.resources.len() == b.resources.len()
                && a.resources.iter().zip(&b.resources).all(|(a, b)| a.address == b.address && a.fields == b.fields && a.meta == b.meta)
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}
