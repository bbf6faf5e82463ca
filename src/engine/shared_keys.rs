//! Natural keys that are unique over a whole portal and that two tenants declare. Pure.
//!
//! Comes in: what is declared for one portal. Goes out: for each tenant, who else declares a key of its own. A portal that can be read says who
//! holds a key already; of what is only about to be made, or where the portal cannot be read, the manifests alone speak.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::model::kind::Bearing;
use crate::model::live::{KeyHolder, normalise_key};
use crate::model::{Address, Capabilities, Desired, KeyScope, Kind, PortalSpec, Resource, Tenant, TenantName};

type Key = (Kind, Box<str>);

/// The keys that several tenants declare, each with those who do.
pub(super) struct SharedKeys<'a>(BTreeMap<Key, Vec<&'a Address>>);

impl<'a> SharedKeys<'a> {
    /// Those that are declared for a portal.
    pub(super) fn of(desired: &'a Desired, portal: &PortalSpec, capabilities: &Capabilities) -> Self {
        let mut keys: BTreeMap<Key, Vec<&'a Address>> = BTreeMap::new();
        let kinds = capabilities.kinds.iter().filter(|(kind, c)| c.key_scope == KeyScope::Portal && kind.def().key_field().is_some());
        let kinds: Vec<Kind> = kinds.map(|(kind, _)| *kind).collect();
        let served = desired.tenants.iter().filter(|(name, _)| portal.serves(name));
        for resource in served.flat_map(|(_, t)| holding(t, &kinds)) {
            keys.entry((resource.address.kind, normalise_key(resource.natural_key()))).or_default().push(&resource.address);
        }
        // Twice in one tenant is an error of the manifests already.
        keys.retain(|_, all| all.iter().any(|a| Some(&a.tenant) != all.first().map(|f| &f.tenant)));
        Self(keys)
    }

    /// Who else declares the natural key of a resource.
    pub(super) fn other(&self, resource: &Resource) -> Option<&'a Address> {
        let all = self.0.get(&(resource.address.kind, normalise_key(resource.natural_key())))?;
        all.iter().copied().find(|a| a.tenant != resource.address.tenant)
    }

    /// The holders of keys as a tenant meets them: what another one declares is taken, whatever the portal says.
    pub(super) fn over<'h>(&self, tenant: &TenantName, holders: &'h BTreeMap<Key, KeyHolder>) -> Cow<'h, BTreeMap<Key, KeyHolder>> {
        let mut over = Cow::Borrowed(holders);
        for (key, all) in &self.0 {
            let others = || all.iter().find(|a| a.tenant != *tenant);
            if let Some(other) = all.iter().find(|a| a.tenant == *tenant).and_then(|_| others()) {
                let held = KeyHolder::Held { tenant: Some(other.tenant.to_string()), id: None };
                // An object that is there says more: its id tells ours from another's.
                if !matches!(holders.get(key), Some(KeyHolder::Held { .. })) {
                    over.to_mut().insert(key.clone(), held);
                }
            }
        }
        over
    }
}

/// What holds its key: in a tenant that is offboarded, nobody's access does.
fn holding<'a>(tenant: &'a Tenant, kinds: &[Kind]) -> impl Iterator<Item = &'a Resource> {
    let offboarded = tenant.offboarded();
    let holds = move |kind: Kind| !(offboarded && kind.def().bearing == Bearing::Access);
    tenant.resources.iter().filter(move |r| kinds.contains(&r.address.kind) && holds(r.address.kind))
}
