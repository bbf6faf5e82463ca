//! Which live object is which resource. In this order: a pinned id, the ledger, the natural key (only a candidate for adoption), former
//! names. Two that disagree are reported, never chosen between.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Finding, Input, Retained, TenantDiff, Unmanaged, begun, declared_resources};
use crate::model::kind::Placement;
use crate::model::live::normalise_key;
use crate::model::{Address, FieldType, Fields, IntentAction, Kind, LedgerRow, LiveObject, Name, Resource, Value};

/// The live objects of a tenant, found by id and by natural key.
pub struct Identity<'a> {
    by_id: HashMap<(Kind, &'a str), &'a LiveObject>,
    by_key: HashMap<(Kind, &'a str), Vec<&'a LiveObject>>,
    rows_by_id: HashMap<(Kind, &'a str), &'a LedgerRow>,
    ledger: &'a BTreeMap<Address, LedgerRow>,
    resources: HashMap<&'a Address, &'a Resource>,
    /// Names of declared resources whose ids the ledger does not know yet, by natural key.
    names: HashMap<(Kind, Box<str>), &'a Name>,
    /// Declared resources by their former names.
    renamed: HashMap<(Kind, &'a Name), &'a Resource>,
    organizations: &'a BTreeMap<Box<str>, crate::model::TenantName>,
    input: Input<'a>,
}

impl<'a> Identity<'a> {
    /// Indexes what is live and what is ours.
    pub fn new(input: &Input<'a>) -> Self {
        let mut by_id = HashMap::new();
        let mut by_key: HashMap<_, Vec<_>> = HashMap::new();
        for object in shown(input) {
            by_id.insert((object.kind, &*object.id), object);
            by_key.entry((object.kind, &*object.key)).or_default().push(object);
        }
        let rows = input.ledger.rows.values();
        let known_by_id = |r: &Resource| input.ledger.rows.get(&r.address).is_some_and(|row| row.id.is_some());
        let keyed = declared_resources(input).filter(|r| r.def().key.is_some() && !known_by_id(r));
        let renamed = declared_resources(input).flat_map(|r| r.previously().iter().map(move |name| ((r.address.kind, name), r)));
        Self {
            names: keyed.map(|r| ((r.address.kind, normalise_key(r.natural_key())), &r.address.name)).collect(),
            renamed: renamed.collect(),
            by_id,
            by_key,
            rows_by_id: rows.filter_map(|r| Some(((r.address.kind, r.id.as_deref()?), r))).collect(),
            ledger: &input.ledger.rows,
            resources: declared_resources(input).map(|r| (&r.address, r)).collect(),
            organizations: input.organizations,
            input: *input,
        }
    }

    /// The object with an id.
    pub fn object(&self, kind: Kind, id: &str) -> Option<&'a LiveObject> {
        self.by_id.get(&(kind, id)).copied()
    }

    /// All objects that the portal shows.
    pub(super) fn objects(&self) -> impl Iterator<Item = &'a LiveObject> {
        self.by_id.values().copied()
    }

    /// The address under which the ledger has an object.
    pub(super) fn address_of(&self, object: &LiveObject) -> Option<&'a Address> {
        self.rows_by_id.get(&(object.kind, &*object.id)).map(|row| &row.address)
    }

    /// The objects with a natural key.
    pub fn with_key<'b>(&'b self, kind: Kind, key: &'b str) -> &'b [&'a LiveObject] {
        self.by_key.get(&(kind, key)).map_or(&[], Vec::as_slice)
    }

    /// The ledger's row of a resource: under its address, else under a former name that nothing declared has now.
    pub fn row(&self, resource: &Resource) -> Option<&'a LedgerRow> {
        self.ledger.get(&resource.address).or_else(|| {
            resource.previously().iter().find_map(|name| {
                let former = Address { name: name.clone(), ..resource.address.clone() };
                self.ledger.get(&former).filter(|_| !self.resources.contains_key(&former))
            })
        })
    }

    /// True if a declared resource has taken this row over under a new name.
    pub fn moved(&self, row: &LedgerRow) -> bool {
        let taker = self.renamed.get(&(row.address.kind, &row.address.name));
        taker.and_then(|r| self.row(r)).is_some_and(|mine| mine.address == row.address)
    }

    /// True if the resource at an address is declared.
    pub fn is_declared(&self, address: &Address) -> bool {
        self.resources.contains_key(address)
    }

    /// True if a declared resource had this address before.
    pub(super) fn is_former(&self, address: &Address) -> bool {
        self.renamed.contains_key(&(address.kind, &address.name))
    }

    /// True if a row of the ledger has this object by its id.
    pub(super) fn is_recorded(&self, object: &LiveObject) -> bool {
        self.rows_by_id.contains_key(&(object.kind, &*object.id))
    }

    /// True if a declared resource is (or may become) this object.
    pub(super) fn is_taken(&self, object: &LiveObject) -> bool {
        declared_resources(&self.input)
            .any(|r| r.address.kind == object.kind && self.object_of(r).is_some_and(|taken| taken.id == object.id))
    }

    /// The objects that may be a row's: the one with its id. Where that was never learnt, those with its natural key that no row has by id.
    pub(super) fn objects_of_row(&self, row: &LedgerRow) -> Vec<&'a LiveObject> {
        match row.id.as_deref() {
            Some(id) => self.object(row.address.kind, id).into_iter().collect(),
            None => self.with_key(row.address.kind, &row.key).iter().copied().filter(|o| !self.is_recorded(o)).collect(),
        }
    }

    /// The object that is (or may become) a resource, without judging whether it is ours.
    pub fn object_of(&self, resource: &Resource) -> Option<&'a LiveObject> {
        let kind = resource.address.kind;
        let id = resource.external_id().or_else(|| self.row(resource).and_then(|r| r.id.as_deref()));
        let key = normalise_key(resource.natural_key());
        let by_key = || self.with_key(kind, &key).iter().find(|o| !self.gives_up(resource, o)).copied();
        id.and_then(|id| self.object(kind, id)).or_else(by_key)
    }

    /// Which of ours has the natural key of a resource and is declared to give it up: to go, or to take another one.
    pub(super) fn held_in_tenant(&self, resource: &Resource) -> Option<Finding> {
        let kind = resource.address.kind;
        let key = normalise_key(resource.natural_key());
        let holder = self.with_key(kind, &key).iter().find(|o| self.gives_up(resource, o))?;
        let row = self.rows_by_id.get(&(kind, &*holder.id))?;
        Some(Finding::KeyTaken { by: row.address.to_string() })
    }

    /// True if an object is another resource of ours which is not to have its key any more. Only of kinds whose key is a field: one that is
    /// named is what its name says.
    fn gives_up(&self, taker: &Resource, object: &LiveObject) -> bool {
        let Some(row) = self.rows_by_id.get(&(object.kind, &*object.id)) else { return false };
        let others = row.address != taker.address && self.row(taker).is_none_or(|mine| mine.address != row.address);
        if taker.def().key.is_none() || *row.owner != *self.input.installation || !others {
            return false;
        }
        let renamed = self.renamed.get(&(row.address.kind, &row.address.name)).copied().filter(|_| self.moved(row));
        let declared = renamed.or_else(|| self.resources.get(&row.address).copied());
        declared.is_none_or(|r| normalise_key(r.natural_key()) != object.key)
    }

    /// Everything that speaks against taking one object for a resource.
    pub fn disputes(&self, resource: &Resource, row: Option<&LedgerRow>) -> Option<Finding> {
        let kind = resource.address.kind;
        let key = normalise_key(resource.natural_key());
        let with_key = self.with_key(kind, &key);
        let ambiguous = |why: String| Some(Finding::AmbiguousIdentity { why });
        if let (Some(pinned), Some(recorded)) = (resource.external_id(), row.and_then(|r| r.id.as_deref()))
            && pinned != recorded
        {
            return ambiguous(format!("the manifest pins id {pinned}, the ledger has {recorded}"));
        }
        let known = resource.external_id().or(row.and_then(|r| r.id.as_deref()));
        if let Some(known) = known
            && let Some(other) = with_key.iter().find(|o| *o.id != *known)
            && (self.object(kind, known).is_none() || !self.gives_up(resource, other))
        {
            return ambiguous(format!("it is known by id {known}, and {key} is the object with id {}", other.id));
        }
        if known.is_none() && with_key.len() > 1 {
            return ambiguous(format!("{} objects have the natural key {key}", with_key.len()));
        }
        let object = known.and_then(|id| self.object(kind, id)).or_else(|| with_key.first().copied())?;
        let owner = self.rows_by_id.get(&(kind, &*object.id))?;
        if known.is_none() && !self.is_declared(&owner.address) && !self.moved(owner) {
            // Two names for one key, the old one gone: to delete and make anew would lock out and invite whoever was merely renamed.
            let (old, new) = (&owner.address, &resource.address.name);
            return ambiguous(format!(
                "{key} is what {old} goes by, which is no longer declared: if {new} is the same under a new name, add `previously: [{}]`; \
                 if it is another, apply once without {new}",
                old.name
            ));
        }
        let same = owner.address == resource.address || row.is_some_and(|r| r.address == owner.address) || self.gives_up(resource, object);
        if same { None } else { ambiguous(format!("the object with id {} is recorded as {}", object.id, owner.address)) }
    }

    /// A live value with the ids of what it refers to turned into names; what nobody declared keeps its natural key.
    pub fn named(&self, ty: &FieldType, value: &Value) -> Value {
        let Some(kind) = ty.refers_to() else { return value.clone() };
        match value {
            Value::Text(id) => Value::text(self.name_of(kind, id)),
            Value::List(ids) => {
                let mut names: Vec<_> = ids.iter().map(|id| self.named(ty, id)).collect();
                if matches!(ty, FieldType::Set(_) | FieldType::Organizations) {
                    names.sort();
                    names.dedup();
                }
                Value::List(names)
            }
            other => other.clone(),
        }
    }

    /// All live fields of an object, references by name.
    pub fn named_fields(&self, object: &LiveObject) -> Fields {
        let def = object.def();
        let mut fields = Fields::new();
        for (id, value) in object.fields.iter() {
            fields.set(id, self.named(&def.field(id).ty, value));
        }
        fields
    }

    fn name_of<'b>(&'b self, kind: Kind, id: &'b str) -> &'b str {
        if let Some(row) = self.rows_by_id.get(&(kind, id)).filter(|row| !self.is_gone(row)) {
            return row.address.name.as_str();
        }
        if kind.def().placement == Placement::Tenant
            && let Some(name) = self.organizations.get(id)
        {
            return name.as_str();
        }
        let Some(object) = self.object(kind, id) else { return id };
        self.names.get(&(kind, object.key.clone())).map_or(&object.key, |name| name.as_str())
    }

    /// True if a row's object is proven gone: what still refers to its id refers to nothing, even if one of that name is made anew.
    fn is_gone(&self, row: &LedgerRow) -> bool {
        let (input, kind) = (&self.input, row.address.kind);
        let shown = row.id.as_deref().is_some_and(|id| self.object(kind, id).is_some());
        !shown && input.live.is_complete(kind) && begun::not_shown_yet(input, &row.address, &[IntentAction::Create]).is_none()
    }

    /// What the portal has that neither the manifests nor the ledger know. What it has marked as ours is none of that: it stays, and is said to.
    pub(super) fn unmanaged(&self, input: &Input<'a>, out: &mut TenantDiff) {
        let declared = declared_resources(input).filter_map(|r| self.object_of(r));
        let without_id = self.ledger.values().filter(|row| row.id.is_none()).flat_map(|row| self.objects_of_row(row));
        let begun = input.ledger.intents.iter().filter(|i| i.action == IntentAction::Create).flat_map(|i| begun::made(input, self, i));
        let taken: HashSet<(Kind, &str)> = declared.chain(without_id).chain(begun).map(|o| (o.kind, &*o.id)).collect();
        for object in shown(input).filter(|o| !taken.contains(&(o.kind, &*o.id)) && !self.is_recorded(o)) {
            let LiveObject { kind, id, key, portals_own, .. } = object;
            if !portals_own && object.owner.as_deref() == Some(input.installation) {
                let address = Address::new(input.tenant.clone(), *kind, Name::slugify(key));
                let why =
                    format!("{key} is ours by its mark in the portal, and the ledger has no row of it; declare it to take it over again");
                out.retained.push(Retained { address, why, unseen: false });
            } else {
                out.unmanaged.push(Unmanaged { kind: *kind, key: key.clone(), id: id.clone(), portals_own: *portals_own });
            }
        }
        out.unmanaged.sort_by(|a, b| (a.kind, &a.key, &a.id).cmp(&(b.kind, &b.key, &b.id)));
    }
}

/// What the portal shows, without what we deleted so lately that it may still show it.
fn shown<'a>(input: &Input<'a>) -> impl Iterator<Item = &'a LiveObject> {
    let gone = input.ledger.tombstones.iter().filter(|t| begun::gone_lately(input, t));
    let gone: HashSet<_> = gone.filter_map(|t| Some((t.address.kind, t.id.as_deref()?))).collect();
    input.live.collections.values().flat_map(|c| &c.objects).filter(move |o| !gone.contains(&(o.kind, &*o.id)))
}
