//! From what a portal has to what a manifest would say. Pure: comes in one tenant as read, goes out resources and the ledger rows that make them
//! ours. Never invents: a secret is not shown by any portal and so is not written, and what another installation has marked is left to it.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::created_only;
use crate::model::kind::Placement;
use crate::model::{
    Address, Capabilities, Digest, FieldSupport, Fields, Kind, LedgerRow, LedgerState, LiveObject, LiveTenant, Mark, Name, Origin,
    Resource, SourceId, TenantName, Value,
};

/// One tenant as manifests and rows.
#[derive(Debug, Default)]
pub struct Imported {
    /// What to declare.
    pub resources: Vec<Resource>,
    /// What to record: adopted, so nothing of it is ever deleted unless released.
    pub rows: Vec<LedgerRow>,
    /// What was left out and why, in words.
    pub left_out: Vec<String>,
}

/// Turns a tenant as read into resources and rows.
pub fn tenant(
    tenant: &TenantName,
    live: &LiveTenant,
    capabilities: &Capabilities,
    installation: &str,
    organizations: &BTreeMap<Box<str>, TenantName>,
    ledger: &LedgerState,
) -> Imported {
    let mut out = Imported::default();
    let names = names(tenant, live, organizations, ledger);
    for (kind, collection) in &live.collections {
        if collection.completeness != crate::model::Completeness::Complete {
            out.left_out.push(format!("{} of {tenant}: not read to their end", kind.def().nouns));
        }
        for object in &collection.objects {
            if object.portals_own {
                out.left_out.push(format!("{} {}: it is the portal's own", kind.def().noun, object.key));
            } else if object.owner.as_deref().is_some_and(|o| o != installation) {
                out.left_out.push(format!("{} {}: another installation owns it", kind.def().noun, object.key));
            } else if let Some(name) = names.get(&(*kind, object.id.clone())) {
                let address = Address::new(tenant.clone(), *kind, name.clone());
                let fields = fields(object, capabilities, &names);
                out.rows.push(row(&address, object, &fields, installation));
                let marks = vec![Mark::default(); fields.len()].into_boxed_slice();
                out.resources.push(Resource { address, fields, marks, source: SourceId(0), mark: Mark::default(), meta: None });
            }
        }
    }
    out.resources.sort_by(|a, b| a.address.cmp(&b.address));
    out
}

type Names = BTreeMap<(Kind, Box<str>), Name>;

/// A name for every object: the one that the ledger has, else its natural key as a slug, numbered where two would be the same.
fn names(tenant: &TenantName, live: &LiveTenant, organizations: &BTreeMap<Box<str>, TenantName>, ledger: &LedgerState) -> Names {
    let mut names = Names::new();
    let placed = |kind: Kind| kind.def().placement == Placement::Tenant;
    for kind in Kind::ALL.into_iter().filter(|k| placed(*k)) {
        names.extend(organizations.iter().map(|(id, name)| ((kind, id.clone()), name.clone())));
    }
    for (kind, collection) in &live.collections {
        let rows = ledger.rows.values().filter(|r| r.address.kind == *kind);
        let known: BTreeMap<&str, &Name> = rows.filter_map(|r| Some((r.id.as_deref()?, &r.address.name))).collect();
        let mut taken: BTreeSet<Name> = known.values().map(|name| (*name).clone()).collect();
        names.extend(known.into_iter().map(|(id, name)| ((*kind, id.into()), name.clone())));
        let mut objects: Vec<_> = collection.objects.iter().filter(|o| !names.contains_key(&(*kind, o.id.clone()))).collect();
        objects.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
        for object in objects {
            let name = if placed(*kind) { tenant.clone() } else { free(&object.key, &taken) };
            taken.insert(name.clone());
            names.insert((*kind, object.id.clone()), name);
        }
    }
    names
}

fn free(key: &str, taken: &BTreeSet<Name>) -> Name {
    let local = key.split_once('@').map_or(key, |(local, _)| local);
    let first = Name::slugify(local);
    let others = (2_u64..).map(|n| Name::slugify(&format!("{}-{n}", local.chars().take(50).collect::<String>())));
    std::iter::once(first).chain(others).find(|n| !taken.contains(n)).unwrap_or_else(|| Name::slugify(key))
}

fn fields(object: &LiveObject, capabilities: &Capabilities, names: &Names) -> Fields {
    let def = object.def();
    let capability = capabilities.kind(object.kind);
    let mut fields = Fields::new();
    for (id, value) in object.fields.iter() {
        let field = def.field(id);
        let shown = capability.is_none_or(|c| matches!(c.field(id), FieldSupport::Full | FieldSupport::Immutable));
        if !shown || field.ty.is_secret() || created_only(field.sense) || (value.is_empty() && !field.required) {
            continue;
        }
        // What the portal has by itself may be in no list of it, and is referred to by its key.
        let builtin = |kind: Kind, id: &str| capabilities.kind(kind).is_some_and(|c| c.builtin.contains(id));
        let name = |kind: Kind, id: &Value| {
            let id = id.as_text()?;
            let named = names.get(&(kind, id.into())).map(|n| Value::text(n.as_str()));
            named.or_else(|| builtin(kind, id).then(|| Value::text(id)))
        };
        let named = match (field.ty.refers_to(), value) {
            (None, value) => Some(value.clone()),
            (Some(kind), Value::List(ids)) => {
                let mut list: Vec<_> = ids.iter().filter_map(|id| name(kind, id)).collect();
                list.sort();
                Some(Value::List(list))
            }
            (Some(kind), id) => name(kind, id),
        };
        if let Some(value) = named {
            fields.set(id, value);
        }
    }
    fields
}

fn row(address: &Address, object: &LiveObject, fields: &Fields, installation: &str) -> LedgerRow {
    let def = object.def();
    let mut applied: Vec<_> = fields.iter().map(|(id, value)| (Box::from(def.field(id).path), Digest::of_field(Some(value)))).collect();
    applied.sort();
    LedgerRow {
        address: address.clone(),
        id: Some(object.id.clone()),
        key: object.key.clone(),
        owner: installation.into(),
        origin: Origin::Adopted,
        released: false,
        protected: false,
        applied,
        secrets: Vec::new(),
    }
}
