//! What a new fleet changes. Comes in: the fleet before and the one now. Goes out: the units there are, and which of them are declared otherwise.
//! Pure. It compares what is said, never how often or from where.

use std::collections::BTreeSet;

use super::visit::key;
use super::{Fleet, UnitKey};
use crate::model::{PortalName, PortalSpec, Tenant, TenantName};

/// Every unit: the tenants that a portal serves, and those that the ledger knows there.
pub(super) fn units(fleet: &Fleet, known: &[(PortalName, TenantName)]) -> BTreeSet<UnitKey> {
    let portals = fleet.portals.values().map(|open| &open.served.spec);
    let declared = portals.flat_map(|spec| {
        let tenants = fleet.desired.tenants.keys().chain(fleet.invalid.keys());
        tenants.filter(|t| spec.serves(t)).map(|t| key(&spec.name, t))
    });
    let closed = fleet.closed.keys().flat_map(|portal| fleet.desired.tenants.keys().map(move |t| key(portal, t)));
    let recorded = known.iter().filter(|(portal, _)| fleet.portals.contains_key(portal)).map(|(portal, tenant)| key(portal, tenant));
    declared.chain(closed).chain(recorded).collect()
}

/// Whether a unit is as it was: `None`, it is declared otherwise or new; `Some(false)`, only what people approved is another.
pub(super) fn same(before: &Fleet, now: &Fleet, unit: &UnitKey) -> Option<bool> {
    let portal = |fleet: &Fleet| fleet.portals.get(&unit.portal).map(|o| PortalSpec { source: None, ..o.served.spec.clone() });
    let as_it_was = portal(before) == portal(now)
        && before.closed.get(&unit.portal) == now.closed.get(&unit.portal)
        && before.invalid.get(&unit.tenant) == now.invalid.get(&unit.tenant)
        && alike(before.desired.tenants.get(&unit.tenant), now.desired.tenants.get(&unit.tenant));
    as_it_was.then(|| before.approved.about(unit) == now.approved.about(unit))
}

/// Whether two declarations of a tenant say the same, wherever they stand.
fn alike(a: Option<&Tenant>, b: Option<&Tenant>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => {
            a.resources.len() == b.resources.len()
                && a.resources.iter().zip(&b.resources).all(|(a, b)| a.address == b.address && a.fields == b.fields && a.meta == b.meta)
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}
