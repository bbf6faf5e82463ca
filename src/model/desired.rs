//! The desired state: what manifests say, after references and selectors are worked out.

use std::collections::{BTreeMap, BTreeSet};

use super::control::{Control, Management};
use super::kind::{FieldId, Kind, KindDef};
use super::name::{Address, Name, TenantName};
use super::portal_spec::{AdoptionPolicy, DeletionPolicy, PortalSpec};
use super::value::{Fields, Value};

/// A file that was read, by its place in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// The paths of the files that were read, as a person would type them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    paths: Vec<Box<str>>,
}

impl Sources {
    /// Adds a path and gives its id.
    pub fn add(&mut self, path: &str) -> SourceId {
        self.paths.push(path.into());
        SourceId(u32::try_from(self.paths.len() - 1).unwrap_or(u32::MAX))
    }

    /// All paths, in the order of their ids.
    pub fn paths(&self) -> &[Box<str>] {
        &self.paths
    }

    /// The path of a file.
    pub fn path(&self, id: SourceId) -> &str {
        self.paths.get(id.0 as usize).map_or("?", |p| p)
    }
}

/// A place in a file: line and column from 1, columns in characters. A column past 65,535 is given as that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u16,
}

/// What a manifest says about managing a resource rather than about the resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// The portal's id of the object, pinned.
    pub external_id: Option<Box<str>>,
    /// Former names, newest first.
    pub previously: Vec<Name>,
    /// `true` protects, `false` releases, absent leaves as the ledger has it.
    pub protected: Option<bool>,
    /// Overrides the portal's deletion policy.
    pub deletion: Option<DeletionPolicy>,
    /// Overrides the portal's adoption policy.
    pub adoption: Option<AdoptionPolicy>,
    /// What may be done to the object, beside what the portal's document allows.
    pub management: Option<Management>,
    /// How a controller treats the tenant; of tenants alone.
    pub control: Control,
}

/// One declared thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its address.
    pub address: Address,
    /// Its managed fields.
    pub fields: Fields,
    /// Where each field stands, in the order of `fields`.
    pub marks: Box<[Mark]>,
    /// The file that declares it.
    pub source: SourceId,
    /// Where its document or inline entry begins.
    pub mark: Mark,
    /// What it says about managing it; `None`: nothing.
    pub meta: Option<Box<Meta>>,
}

impl Resource {
    /// The table of its kind.
    pub fn def(&self) -> &'static KindDef {
        self.address.kind.def()
    }

    /// Its natural key: the key field's value, else its name.
    pub fn natural_key(&self) -> &str {
        self.def().key_field().and_then(|id| self.fields.get(id)).and_then(Value::as_text).unwrap_or(self.address.name.as_str())
    }

    /// Where a field stands; the resource's own place if the field does not stand by itself.
    pub fn mark_of(&self, field: FieldId) -> Mark {
        let at = self.fields.iter().position(|(id, _)| id == field);
        at.and_then(|at| self.marks.get(at)).copied().unwrap_or(self.mark)
    }

    /// The pinned id, if any.
    pub fn external_id(&self) -> Option<&str> {
        self.meta.as_ref().and_then(|m| m.external_id.as_deref())
    }

    /// Former names, newest first.
    pub fn previously(&self) -> &[Name] {
        self.meta.as_ref().map_or(&[], |m| &m.previously)
    }

    /// What may be done to it, as its manifest says.
    pub fn management(&self) -> Management {
        self.meta.as_ref().and_then(|m| m.management).unwrap_or_default()
    }

    /// Whether the manifest protects or releases it.
    pub fn protected(&self) -> Option<bool> {
        self.meta.as_ref().and_then(|m| m.protected)
    }
}

/// One customer, or the MSP: its declared resources, sorted by kind and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tenant {
    /// Sorted by address.
    pub resources: Vec<Resource>,
    /// What a document declared that is still there and cannot be taken in any more: it is not as if nothing declared it. With each the ids that it
    /// had in portals; none: whatever its id.
    pub unread: BTreeMap<Address, BTreeSet<Box<str>>>,
    /// Kinds of which nobody can say what is declared, for their definitions are gone or going: what is not declared of them is kept.
    pub unread_kinds: BTreeSet<Kind>,
}

impl Tenant {
    /// The resource at a kind and name.
    pub fn get(&self, kind: Kind, name: &Name) -> Option<&Resource> {
        let at = self.resources.binary_search_by(|r| (r.address.kind, &r.address.name).cmp(&(kind, name))).ok()?;
        self.resources.get(at)
    }

    /// The resource of the tenant itself; the MSP has none unless it declares one.
    pub fn organization(&self) -> Option<&Resource> {
        self.resources.iter().find(|r| r.address.kind == Kind::Organization)
    }

    /// How a controller treats it, as its organization's manifest says.
    pub fn control(&self) -> Control {
        self.organization().and_then(|o| o.meta.as_ref()).map(|m| m.control).unwrap_or_default()
    }

    /// Whether the tenant is marked as offboarded.
    pub fn offboarded(&self) -> bool {
        self.resources
            .iter()
            .any(|r| r.def().with_sense(super::kind::Sense::Offboard).any(|(id, _)| r.fields.get(id).is_some_and(Value::is_true)))
    }
}

/// Everything that was declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    /// The tenants, `msp` among them if it has anything.
    pub tenants: BTreeMap<TenantName, Tenant>,
    /// The portals; empty: the embedded one.
    pub portals: Vec<PortalSpec>,
    /// The files read.
    pub sources: Sources,
    /// SHA-256 over all that was read, in hex; recorded in the plan's inputs.
    pub manifests_digest: String,
    /// What the run's portals have by themselves: such a name may be named without being declared, and another portal may not have it.
    pub builtins: BTreeSet<(Kind, String)>,
}

impl Desired {
    /// The resource at an address.
    pub fn get(&self, address: &Address) -> Option<&Resource> {
        self.tenants.get(&address.tenant)?.get(address.kind, &address.name)
    }

    /// The names by which people know the declared organizations.
    pub fn organization_names(&self) -> BTreeMap<TenantName, Box<str>> {
        let shown = |organization: &Resource| {
            let (id, _) = organization.def().field_named("displayName")?;
            organization.fields.get(id).and_then(Value::as_text).map(Box::from)
        };
        self.tenants.iter().filter_map(|(name, tenant)| Some((name.clone(), tenant.organization().and_then(shown)?))).collect()
    }

    /// All resources, by tenant, kind and name.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.tenants.values().flat_map(|t| &t.resources)
    }
}
