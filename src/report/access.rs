//! Who may enter which customer, and by which grant. Comes in: the desired state and, optionally, what portals showed. Goes out: a value, and
//! the same as a table or JSON. Never says that somebody has no access where a portal was not read.
//!
//! No kind is named: a person is what bears access in a tenant ([`Bearing::Access`]), a delegation is what bears access and belongs to the MSP
//! alone ([`Placement::MspOnly`]), and what they grant are the fields with [`Sense::Grant`].

mod render;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use render::{json, text};

use crate::model::kind::{Bearing, FieldType, KindDef, Placement, Sense};
use crate::model::live::{LiveObject, LiveTenant, ObjectState, normalise_key};
use crate::model::{Address, Desired, Fields, Kind, LedgerRow, Name, PortalName, PortalSpec, Resource, Tenant, TenantName, Value};

/// Who may enter which tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccessReport {
    /// By tenant.
    #[schemars(with = "BTreeMap<String, TenantAccess>")]
    pub tenants: BTreeMap<TenantName, TenantAccess>,
}

/// Who may enter one tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TenantAccess {
    /// True: its own people's access is taken away while the tenant stays; delegations that are still declared are listed all the same.
    pub offboarded: bool,
    /// What all of its people may do.
    pub everybody: Vec<String>,
    /// Sorted by person and grant.
    pub entries: Vec<AccessEntry>,
}

/// One way in for one person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct AccessEntry {
    /// The person: a natural key, such as an e-mail address.
    pub who: String,
    /// The resource that lets them in; `null`: nobody declared it.
    #[schemars(with = "Option<String>")]
    pub by: Option<Address>,
    /// What lets them in: the kind of a resource (`user`, `delegation`), or `inherited`.
    pub way: String,
    /// What it grants: `administrator`, `role support`, `role admin by group ops`.
    pub grants: Vec<String>,
    /// Whether they may enter, as declared.
    pub declared: Declared,
    /// By portal: what it showed, if it was read.
    #[schemars(with = "BTreeMap<String, LiveAccess>")]
    pub live: BTreeMap<PortalName, LiveAccess>,
}

/// Whether somebody may enter, as declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Declared {
    /// They may.
    Allowed,
    /// Not before a day; until then no invitation goes out.
    Deferred,
    /// They are suspended.
    Suspended,
    /// Their tenant is offboarded.
    Offboarded,
    /// Nobody declared it: only a portal knows.
    Undeclared,
}

/// What a portal showed of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiveAccess {
    /// They can enter.
    Active,
    /// They are suspended there.
    Suspended,
    /// They have not accepted their invitation yet.
    Invited,
    /// Their invitation has expired.
    InvitationExpired,
    /// The portal or a technician has not finished it.
    Pending,
    /// The portal's own: a system user, a guest.
    PortalsOwn,
    /// Proven not to be there.
    Absent,
    /// Not known: the collection was not read to its end.
    Unknown,
}

/// [`AccessEntry::way`] of who needs no grant in the tenant itself.
const INHERITED: &str = "inherited";

/// Somebody of the MSP's own who enters every customer without a grant in any.
#[derive(Debug, Clone, Copy)]
pub struct Inherited<'a> {
    /// Who.
    pub resource: &'a Resource,
    /// The row of the portal that says so, such as `IDM-5`.
    pub row: &'a str,
    /// What they are in every customer.
    pub grants: &'a str,
}

/// Something of ours that gives access and that nothing declares any more: it is in a portal until a run has taken it away.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    /// The portal.
    pub portal: &'a PortalName,
    /// What the ledger has of it.
    pub row: &'a LedgerRow,
}

/// What one portal showed of one tenant.
pub type Seen<'a> = (&'a PortalName, &'a TenantName, &'a LiveTenant);

impl AccessReport {
    /// Who may enter which tenant, as declared and, for each portal and tenant in `live`, as shown.
    pub fn new(desired: &Desired, live: &[Seen<'_>]) -> Self {
        let mut report = Self::default();
        for (name, tenant) in &desired.tenants {
            let access = report.tenants.entry(name.clone()).or_default();
            access.offboarded = tenant.offboarded();
            access.everybody = tenant.organization().map(|o| plain_grants(o.def(), &o.fields)).unwrap_or_default();
            access.entries.extend(tenant.resources.iter().filter(|r| is_member(r.def())).map(|r| member(r, tenant)));
        }
        report.add_delegations(desired);
        for seen in live {
            report.add_live(desired, *seen);
        }
        for access in report.tenants.values_mut() {
            access.entries.sort();
        }
        report
    }

    /// With those who enter every customer that a portal serves, without a grant in any.
    #[must_use]
    pub fn with_inherited(mut self, desired: &Desired, portal: &PortalSpec, inherited: &[Inherited<'_>]) -> Self {
        let offboarded = desired.tenants.iter().find(|(name, _)| name.is_msp()).is_some_and(|(_, msp)| msp.offboarded());
        for (name, access) in self.tenants.iter_mut().filter(|(name, _)| !name.is_msp() && portal.serves(name)) {
            if desired.tenants.get(name).and_then(Tenant::organization).is_none() {
                continue;
            }
            access.entries.extend(inherited.iter().map(|Inherited { resource, row, grants }| AccessEntry {
                who: resource.natural_key().to_owned(),
                by: Some(resource.address.clone()),
                way: INHERITED.to_owned(),
                grants: vec![format!("{grants}, {INHERITED} in portal {} ({row})", portal.name)],
                declared: declared(resource, offboarded),
                live: BTreeMap::new(),
            }));
            access.entries.sort();
        }
        self
    }

    /// With those whom the ledger has in a portal and nothing declares: what is gone from a manifest is not gone from the portal.
    #[must_use]
    pub fn with_recorded(mut self, desired: &Desired, live: &[Seen<'_>], recorded: &[Recorded<'_>]) -> Self {
        let declared = |a: &Address| desired.tenants.get(&a.tenant).is_some_and(|t| t.get(a.kind, &a.name).is_some());
        // A portal that showed all of them has said itself who is there.
        let shown = |r: &&Recorded<'_>| {
            live.iter().any(|(portal, tenant, live)| {
                *portal == r.portal && **tenant == r.row.address.tenant && live.is_complete(r.row.address.kind)
            })
        };
        for Recorded { portal, row } in recorded.iter().filter(|r| is_member(r.row.address.kind.def()) && !shown(r)) {
            if declared(&row.address) {
                continue;
            }
            let access = self.tenants.entry(row.address.tenant.clone()).or_default();
            access.entries.push(AccessEntry {
                who: row.key.to_string(),
                by: Some(row.address.clone()),
                way: row.address.kind.def().noun.to_owned(),
                grants: vec![format!("recorded in portal {portal} and not yet removed")],
                declared: Declared::Undeclared,
                live: BTreeMap::new(),
            });
            access.entries.sort();
        }
        self
    }

    /// Those who enter customers from the MSP's own tenant.
    fn add_delegations(&mut self, desired: &Desired) {
        let Some((msp, tenant)) = desired.tenants.iter().find(|(name, _)| name.is_msp()) else { return };
        for delegation in tenant.resources.iter().filter(|r| is_delegation(r.def())) {
            for customer in delegation.def().with_sense(Sense::Share).flat_map(|(id, _)| texts(delegation.fields.get(id))) {
                let Ok(customer) = Name::new(customer) else { continue };
                // A delegation that is still declared lets technicians in even where the customer's own people are offboarded.
                self.tenants.entry(customer).or_default().entries.extend(delegates(delegation, msp, tenant));
            }
        }
    }

    fn add_live(&mut self, desired: &Desired, (portal, name, live): Seen<'_>) {
        let declared = desired.tenants.get(name);
        let access = self.tenants.entry(name.clone()).or_default();
        let mut known = BTreeSet::new();
        for entry in &mut access.entries {
            let Some(by) = entry.by.as_ref().filter(|by| by.tenant == *name && is_member(by.kind.def())) else { continue };
            let key = normalise_key(&entry.who);
            let found = live.objects(by.kind).iter().find(|o| o.key == key);
            let state = match found {
                Some(object) => live_access(object),
                None if live.is_complete(by.kind) => LiveAccess::Absent,
                None => LiveAccess::Unknown,
            };
            known.insert((by.kind, key));
            // A portal that does not serve the tenant has nothing to say about it.
            if desired.portals.iter().find(|p| p.name == *portal).is_none_or(|p| p.serves(name)) {
                entry.live.insert(portal.clone(), state);
            }
        }
        for kind in Kind::reconciled().filter(|k| is_member(k.def())) {
            for object in live.objects(kind).iter().filter(|o| !known.contains(&(kind, o.key.clone()))) {
                access.entries.push(AccessEntry {
                    who: object.key.to_string(),
                    by: None,
                    way: kind.def().noun.to_owned(),
                    grants: live_grants(object, live),
                    declared: Declared::Undeclared,
                    live: BTreeMap::from([(portal.clone(), live_access(object))]),
                });
            }
        }
        access.offboarded |= declared.is_some_and(Tenant::offboarded);
    }
}

fn is_member(def: &KindDef) -> bool {
    def.bearing == Bearing::Access && matches!(def.placement, Placement::Member { .. })
}

fn is_delegation(def: &KindDef) -> bool {
    def.bearing == Bearing::Access && def.placement == Placement::MspOnly
}

/// The way in of a declared person of the tenant itself.
fn member(resource: &Resource, tenant: &Tenant) -> AccessEntry {
    let def = resource.def();
    let mut grants = administrator(def, &resource.fields);
    for (id, field) in def.with_sense(Sense::Grant) {
        match field.ty.refers_to() {
            Some(kind) => grants.extend(texts(resource.fields.get(id)).flat_map(|name| with_inner(kind, name, tenant))),
            None => grants.extend(texts(resource.fields.get(id)).map(|text| format!("{} {text}", field.path))),
        }
    }
    grants.extend(inherited(tenant));
    AccessEntry {
        who: resource.natural_key().to_owned(),
        by: Some(resource.address.clone()),
        way: def.noun.to_owned(),
        grants,
        declared: declared(resource, tenant.offboarded()),
        live: BTreeMap::new(),
    }
}

fn declared(resource: &Resource, offboarded: bool) -> Declared {
    let holds = |sense| resource.def().with_sense(sense).find_map(|(id, _)| resource.fields.get(id));
    if offboarded {
        Declared::Offboarded
    } else if holds(Sense::Suspended).is_some_and(Value::is_true) {
        Declared::Suspended
    } else if holds(Sense::DeferUntil).is_some() {
        Declared::Deferred
    } else {
        Declared::Allowed
    }
}

/// The ways in that a delegation gives: one for each technician, by name or by group.
fn delegates(delegation: &Resource, msp: &TenantName, tenant: &Tenant) -> Vec<AccessEntry> {
    let def = delegation.def();
    let role: Vec<_> = def
        .with_sense(Sense::Grant)
        .filter(|(_, f)| f.ty.refers_to().is_none())
        .flat_map(|(id, field)| texts(delegation.fields.get(id)).map(move |t| format!("{} {t}", field.path)))
        .collect();
    let entry = |who: &str, grants: Vec<String>, state| AccessEntry {
        who: who.to_owned(),
        by: Some(delegation.address.clone()),
        way: def.noun.to_owned(),
        grants,
        declared: state,
        live: BTreeMap::new(),
    };
    let mut entries = Vec::new();
    for (id, field) in def.with_sense(Sense::Grant) {
        let Some(kind) = field.ty.refers_to() else { continue };
        for name in texts(delegation.fields.get(id)) {
            let address = Name::new(name).ok().map(|n| Address::new(msp.clone(), kind, n));
            let named = address.as_ref().and_then(|a| tenant.get(a.kind, &a.name));
            if kind.def().bearing == Bearing::Access {
                // A technician who is not declared is named by what the delegation calls them.
                let state = named.map_or(Declared::Allowed, |r| declared(r, tenant.offboarded()));
                entries.push(entry(named.map_or(name, Resource::natural_key), role.clone(), state));
                continue;
            }
            for member in holders(tenant, kind, name) {
                let mut grants = role.clone();
                grants.push(format!("by {} {name}", kind.def().noun));
                entries.push(entry(member.natural_key(), grants, declared(member, tenant.offboarded())));
            }
        }
    }
    entries
}

/// The people of a tenant who hold a thing: the members of a group.
fn holders<'a>(tenant: &'a Tenant, kind: Kind, name: &str) -> Vec<&'a Resource> {
    let holds = |r: &&Resource| {
        let fields = r.def().with_sense(Sense::Grant).filter(|(_, f)| f.ty.refers_to() == Some(kind));
        fields.flat_map(|(id, _)| texts(r.fields.get(id))).any(|n| n == name)
    };
    tenant.resources.iter().filter(|r| is_member(r.def())).filter(holds).collect()
}

/// A thing that is granted, and what it grants in turn: a group and its roles.
fn with_inner(kind: Kind, name: &str, tenant: &Tenant) -> Vec<String> {
    let outer = format!("{} {name}", kind.def().noun);
    let inner = Name::new(name).ok().and_then(|n| tenant.get(kind, &n));
    let mut grants: Vec<String> = Vec::new();
    if let Some(resource) = inner {
        for (id, field) in resource.def().with_sense(Sense::Grant) {
            if let Some(inner) = field.ty.refers_to() {
                grants.extend(texts(resource.fields.get(id)).map(|n| format!("{} {n} by {outer}", inner.def().noun)));
            }
        }
    }
    grants.insert(0, outer);
    grants
}

/// What every member of a tenant has: things whose grant is a plain "true".
fn inherited(tenant: &Tenant) -> impl Iterator<Item = String> {
    tenant.resources.iter().filter_map(|r| {
        let mut flags = r.def().with_sense(Sense::Grant).filter(|(_, f)| matches!(f.ty, FieldType::Bool));
        flags
            .any(|(id, _)| r.fields.get(id).is_some_and(Value::is_true))
            .then(|| format!("{} {} (everybody)", r.def().noun, r.address.name))
    })
}

fn administrator(def: &KindDef, fields: &Fields) -> Vec<String> {
    let holds = def.with_sense(Sense::Administrator).any(|(id, _)| fields.get(id).is_some_and(Value::is_true));
    if holds { vec!["administrator".to_owned()] } else { Vec::new() }
}

/// Grants that are words of the portal and refer to nothing.
fn plain_grants(def: &KindDef, fields: &Fields) -> Vec<String> {
    let grants = def.with_sense(Sense::Grant).filter(|(_, f)| f.ty.refers_to().is_none());
    grants.flat_map(|(id, _)| texts(fields.get(id))).map(str::to_owned).collect()
}

fn live_access(object: &LiveObject) -> LiveAccess {
    let suspended = object.def().with_sense(Sense::Suspended).any(|(id, _)| object.fields.get(id).is_some_and(Value::is_true));
    match object.state {
        _ if object.portals_own => LiveAccess::PortalsOwn,
        _ if suspended => LiveAccess::Suspended,
        ObjectState::Active => LiveAccess::Active,
        ObjectState::Invited => LiveAccess::Invited,
        ObjectState::InvitationExpired => LiveAccess::InvitationExpired,
        ObjectState::Pending => LiveAccess::Pending,
    }
}

/// What a live person holds. References hold ids there: they are named where the tenant shows what they refer to.
fn live_grants(object: &LiveObject, live: &LiveTenant) -> Vec<String> {
    let def = object.def();
    let mut grants = administrator(def, &object.fields);
    for (id, field) in def.with_sense(Sense::Grant) {
        for text in texts(object.fields.get(id)) {
            grants.push(match field.ty.refers_to() {
                Some(kind) => {
                    let name = live.objects(kind).iter().find(|o| *o.id == *text).map_or(text, |o| &o.key);
                    format!("{} {name}", kind.def().noun)
                }
                None => format!("{} {text}", field.path),
            });
        }
    }
    grants
}

/// The texts of a value: of a list each, of a text itself.
fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let list = value.and_then(Value::as_list).unwrap_or_default();
    value.and_then(Value::as_text).into_iter().chain(list.iter().filter_map(Value::as_text))
}
