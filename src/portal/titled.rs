//! Portals that know their objects by the name that people see and by no other: what is declared with that name goes by its own there.
//!
//! Comes in: tenants, and what is declared of them. Goes out: what the portal shows, by the names that are declared. A name that two resources
//! would have stands for neither. Nothing is taken for anybody's here: a natural key is a candidate, as everywhere.

use std::collections::{BTreeMap, BTreeSet};

use super::{Observe, PortalError, TenantKey};
use crate::model::kind::Placement;
use crate::model::{Capabilities, Kind, LiveTenant, Name, Resource, Tenant, TenantName, Value};

/// Reads tenants, each with what is declared of it.
///
/// # Errors
/// As [`Observe::read`].
pub async fn read<P: Observe + ?Sized>(portal: &P, tenants: &[(TenantKey, Option<&Tenant>)]) -> Result<Vec<LiveTenant>, PortalError> {
    let live = portal.read(&asked_all(portal, tenants)).await?;
    Ok(renamed(portal, tenants, live))
}

/// Looks at a few kinds of tenants, each with what is declared of it.
///
/// # Errors
/// As [`Observe::read`].
pub async fn look<P: Observe + ?Sized>(
    portal: &P,
    tenants: &[(TenantKey, Option<&Tenant>)],
    kinds: &[Kind],
) -> Result<Vec<LiveTenant>, PortalError> {
    let live = portal.look(&asked_all(portal, tenants), kinds).await?;
    Ok(renamed(portal, tenants, live))
}

fn asked_all<P: Observe + ?Sized>(portal: &P, tenants: &[(TenantKey, Option<&Tenant>)]) -> Vec<TenantKey> {
    tenants.iter().map(|(key, declared)| asked(portal.capabilities(), key, *declared)).collect()
}

fn renamed<P: Observe + ?Sized>(portal: &P, tenants: &[(TenantKey, Option<&Tenant>)], mut live: Vec<LiveTenant>) -> Vec<LiveTenant> {
    let capabilities = portal.capabilities();
    for (live, declared) in live.iter_mut().zip(tenants.iter().map(|(_, declared)| *declared)) {
        rename(capabilities, live, declared);
    }
    live
}

/// The tenants that a portal shows, by the names of those that are declared.
///
/// # Errors
/// As [`Observe::tenants`].
pub async fn tenants<P: Observe + ?Sized>(portal: &P, declared: &BTreeMap<TenantName, Tenant>) -> Result<Vec<TenantKey>, PortalError> {
    let mut listed = portal.tenants().await?;
    let capabilities = portal.capabilities();
    let names = Names::of(declared.values().filter_map(Tenant::organization).filter(|o| is_titled(capabilities, o.address.kind)));
    let tenants = Kind::reconciled().find(|k| k.def().placement == Placement::Tenant);
    for tenant in listed.iter_mut().filter(|t| !t.name.is_msp()) {
        if let Some(name) = tenants.and_then(|kind| names.declared(kind, &tenant.name)) {
            tenant.name = name;
        }
    }
    Ok(listed)
}

/// What is declared, by kind.
#[derive(Default)]
struct Names {
    /// Names by the name made of what people see; `None`: two resources would have it.
    shown: BTreeMap<(Kind, Name), Option<Name>>,
    own: BTreeSet<(Kind, Name)>,
}

impl Names {
    fn of<'a>(resources: impl Iterator<Item = &'a Resource>) -> Self {
        let mut names = Self::default();
        for resource in resources {
            let (kind, own) = (resource.address.kind, resource.address.name.clone());
            let shown = shown(resource).unwrap_or_else(|| own.clone());
            names.own.insert((kind, own.clone()));
            names.shown.entry((kind, shown)).and_modify(|taken| *taken = None).or_insert(Some(own));
        }
        names
    }

    /// The name that what is shown so goes by; `None`: the one that it is shown with.
    fn declared(&self, kind: Kind, shown: &Name) -> Option<Name> {
        let at = (kind, shown.clone());
        match self.shown.get(&at) {
            Some(name) => name.clone(),
            // What is declared with that name is shown with another, so this is not it.
            None => self.own.contains(&at).then(|| Name::slugify(&format!("shown as {shown}"))),
        }
    }
}

/// The name made of what people see.
fn shown(resource: &Resource) -> Option<Name> {
    let (id, _) = resource.def().field_named("displayName")?;
    resource.fields.get(id).and_then(Value::as_text).map(Name::slugify)
}

fn is_titled(capabilities: &Capabilities, kind: Kind) -> bool {
    capabilities.kind(kind).is_some_and(|c| c.titled)
}

/// What the portal calls a tenant.
fn asked(capabilities: &Capabilities, key: &TenantKey, declared: Option<&Tenant>) -> TenantKey {
    let organization = declared.and_then(Tenant::organization).filter(|o| is_titled(capabilities, o.address.kind));
    let name = organization.filter(|_| !key.name.is_msp()).and_then(shown).unwrap_or_else(|| key.name.clone());
    TenantKey { name, id: key.id.clone() }
}

fn rename(capabilities: &Capabilities, live: &mut LiveTenant, declared: Option<&Tenant>) {
    let Some(declared) = declared else { return };
    let names = Names::of(declared.resources.iter().filter(|r| is_titled(capabilities, r.address.kind)));
    for object in live.collections.values_mut().flat_map(|c| &mut c.objects) {
        if let Some(name) = names.declared(object.kind, &Name::slugify(&object.key)) {
            object.key = name.as_str().into();
        }
    }
}
