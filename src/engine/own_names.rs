//! What portals have by themselves, such as roles that nobody declares. Comes in: `Portal` documents and their profiles. Goes out: names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{Kind, PortalName, PortalSpec, TenantName};
use crate::portal::Profile;

/// What any portal has by itself.
pub fn of_any(profiles: &BTreeMap<PortalName, Arc<Profile>>) -> BTreeSet<(Kind, String)> {
    let kinds = profiles.values().flat_map(|profile| &profile.capabilities().kinds);
    kinds.flat_map(|(kind, can)| can.builtin.iter().map(|name| (*kind, name.clone()))).collect()
}

/// What the portals that serve a tenant have of a kind by themselves.
pub fn of_tenant(specs: &[PortalSpec], profiles: &BTreeMap<PortalName, Arc<Profile>>, tenant: &TenantName, kind: Kind) -> BTreeSet<String> {
    let serving = specs.iter().filter(|spec| spec.serves(tenant)).filter_map(|spec| profiles.get(&spec.name));
    serving.filter_map(|profile| profile.capabilities().kind(kind)).flat_map(|can| &can.builtin).cloned().collect()
}
