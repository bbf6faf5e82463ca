//! Who may stand where, who keeps a name, and who serves whom.
//!
//! Comes in: everything that the cluster has. Goes out: the organization that each name stands for, those that are on their way out of their
//! portals, and the documents that count for nothing, each with why. Pure. A reason names another document's namespace and nothing else of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::known::{Object, ObjectKey};
use super::store::{Objects, is_portal, is_tenant};
use crate::model::portal_spec::DeletionPolicy;
use crate::model::{MSP, Name, PortalSpec, TenantName};

/// See the module.
pub(super) struct Places<'k> {
    /// The namespace of the MSP's own documents.
    home: &'k str,
    /// The organization of each name.
    organizations: BTreeMap<&'k str, (&'k ObjectKey, &'k Object)>,
    /// Documents that count for nothing, and why.
    pub(super) left_out: BTreeMap<ObjectKey, String>,
}

fn is_msp(object: &Object) -> bool {
    object.tenant.as_deref() == Some(MSP)
}

/// A document that lays claim to a name.
type Claim<'k> = (&'k ObjectKey, &'k Object);

impl<'k> Places<'k> {
    /// Sorts out who keeps which name, and who stands where they may not.
    pub(super) fn of(known: &'k Objects, home: &'k str) -> Self {
        let mut left_out = BTreeMap::new();
        let all = || known.iter().map(|(key, object)| (key, object.as_ref()));
        let portals = all().filter(|(key, o)| is_portal(key.kind) && !o.deleting).map(|claim| (&*claim.1.called, claim));
        let portals = keepers(portals, Some(home), "a Portal", &mut left_out);
        let deletes = portals.values().any(|(_, portal)| at(&document(portal), "/spec/deletionPolicy/organizations") == Some("Delete"));
        let organizations = all()
            .filter(|(key, o)| is_tenant(key.kind) && !is_msp(o) && (!o.deleting || is_leaving(o, deletes)))
            .filter_map(|claim| Some((claim.1.tenant.as_deref()?, claim)));
        let organizations = keepers(organizations, None, "an organization", &mut left_out);
        // Left out by itself, wherever it stands: its error would hold up what is the MSP's own.
        let msp = all().filter(|(key, o)| is_tenant(key.kind) && is_msp(o));
        left_out.extend(
            msp.map(|(key, _)| (key.clone(), "`msp` is the MSP itself, and no customer: give the customer another name".to_owned())),
        );
        // One that somebody deleted and that is kept only by others' finalizers speaks for nobody while another one has its name.
        for (key, object) in all().filter(|(key, o)| is_tenant(key.kind) && o.deleting) {
            let keeper = object.tenant.as_deref().and_then(|tenant| organizations.get(tenant)).filter(|(keeper, _)| *keeper != key);
            left_out.extend(
                keeper.map(|(keeper, _)| (key.clone(), taken(keeper, "an organization", object.tenant.as_deref().unwrap_or_default()))),
            );
        }
        let mut places = Self { home, organizations, left_out };
        for (key, object) in all().filter(|(key, _)| !is_tenant(key.kind) && !is_portal(key.kind)) {
            let why = object.tenant.as_deref().and_then(|tenant| places.misplaced(key, tenant));
            places.left_out.extend(why.map(|why| (key.clone(), why)));
        }
        places
    }

    /// Why what belongs to a tenant may not stand where it does.
    fn misplaced(&self, key: &ObjectKey, tenant: &str) -> Option<String> {
        if tenant == MSP {
            return (key.namespace != self.home).then(|| format!("what belongs to the MSP itself stands in namespace {}", self.home));
        }
        let (of, organization) = self.organizations.get(tenant)?;
        (of.namespace != key.namespace && !organization.asks.allows(&key.namespace)).then(|| {
            format!(
                "the organization `{tenant}` stands in namespace {}; its annotation `tenantry.dev/allow-from` does not name {}",
                of.namespace, key.namespace
            )
        })
    }

    /// The organizations that somebody deleted and that may have to be deleted in a portal: until that is done they are declared.
    pub(super) fn leaving(&self) -> BTreeSet<TenantName> {
        let leaving = self.organizations.iter().filter(|(_, (_, o))| o.deleting);
        leaving.filter_map(|(name, _)| Name::new(name).ok()).collect()
    }

    /// The documents that are lowered though somebody deleted them: a leaving organization's, while they are held.
    pub(super) fn stays(&self, key: &ObjectKey, object: &Object) -> bool {
        let of = object.tenant.as_deref().and_then(|tenant| self.organizations.get(tenant));
        of.is_some_and(|(of, organization)| organization.deleting && object.finalized && (!is_tenant(key.kind) || *of == key))
    }

    /// The document of a portal, without the organizations that it names and that are not there: they may be gone, and the others are served as before.
    pub(super) fn portal_text(&self, portal: &Object) -> String {
        let mut document = document(portal);
        match document.pointer_mut("/spec/organizations/names").and_then(Json::as_array_mut) {
            Some(names) => names.retain(|name| name.as_str().is_none_or(|name| self.organizations.contains_key(name))),
            None => return portal.text.to_string(),
        }
        document.to_string()
    }

    /// Settles whom a portal serves: the organizations of its own namespace, and of others where it allows them. A portal outside the MSP's own
    /// namespace needs the word of the organization as well, and never serves the MSP: whoever may write a `Portal` may not read other people's customers.
    pub(super) fn place(&self, spec: &mut PortalSpec, key: &ObjectKey, portal: &Object, left_out: &BTreeMap<ObjectKey, String>) {
        let is_home = key.namespace == self.home;
        let agreed = |of: &ObjectKey, organization: &Object| {
            let asked = is_home || organization.asks.names(&key.namespace);
            of.namespace == key.namespace || (portal.asks.allows(&of.namespace) && asked)
        };
        let goes_on = |o: &Object| !o.deleting || own_policy(o).unwrap_or(spec.delete_organizations) == DeletionPolicy::Delete;
        let served: BTreeSet<Name> = self
            .organizations
            .iter()
            .filter(|(_, (of, o))| !left_out.contains_key(*of) && agreed(of, o) && goes_on(o))
            .filter_map(|(name, _)| Name::new(name).ok())
            .collect();
        let served = match spec.organizations.take() {
            Some(selected) => selected.into_iter().filter(|name| served.contains(name)).collect(),
            None => served.into_iter().collect(),
        };
        spec.organizations = Some(served);
        spec.serves_msp = is_home;
    }
}

/// Who keeps each name: the first to have it, and of a portal's the MSP's own before all others. Times of creation have whole seconds, so that of
/// two that are as old the one that was taken in before stays.
fn keepers<'k>(
    claims: impl Iterator<Item = (&'k str, Claim<'k>)>,
    home: Option<&str>,
    noun: &str,
    left_out: &mut BTreeMap<ObjectKey, String>,
) -> BTreeMap<&'k str, Claim<'k>> {
    let mut by_name: BTreeMap<&str, Vec<Claim<'k>>> = BTreeMap::new();
    claims.for_each(|(name, claim)| by_name.entry(name).or_default().push(claim));
    let mut kept = BTreeMap::new();
    for (name, mut claims) in by_name {
        claims.sort_by_key(|(key, o)| (home.is_some_and(|home| key.namespace != home), o.created, !o.taken_in, o.uid.as_str(), *key));
        let mut claims = claims.into_iter();
        let Some(first) = claims.next() else { continue };
        left_out.extend(claims.map(|(key, _)| (key.clone(), taken(first.0, noun, name))));
        kept.insert(name, first);
    }
    kept
}

/// Says who has a name, and nothing else of them.
fn taken(keeper: &ObjectKey, noun: &str, name: &str) -> String {
    format!("namespace {} has {noun} `{name}` already", keeper.namespace)
}

/// True of an organization whose document somebody deleted, and that may have to be deleted in a portal. What was never held has nothing there.
fn is_leaving(organization: &Object, portals_delete: bool) -> bool {
    let held = organization.finalized && !organization.asks.paused;
    held && own_policy(organization).map_or(portals_delete, |policy| policy == DeletionPolicy::Delete)
}

/// What an organization's own document says of its deletion.
fn own_policy(organization: &Object) -> Option<DeletionPolicy> {
    match at(&document(organization), "/spec/deletionPolicy")? {
        "Delete" => Some(DeletionPolicy::Delete),
        _ => Some(DeletionPolicy::Orphan),
    }
}

fn document(object: &Object) -> Json {
    serde_json::from_str(&object.text).unwrap_or_default()
}

fn at<'d>(document: &'d Json, pointer: &str) -> Option<&'d str> {
    document.pointer(pointer).and_then(Json::as_str)
}
