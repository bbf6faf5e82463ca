//! Who stands behind a grant that reaches into other tenants: the people it names, and those of the groups it names. Comes in: what a tenant
//! declares. Goes out: [`Reach`], from which consequences name people instead of groups. Names no kind: a grant is what gives access and is shared.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Change, Consequences};
use crate::model::kind::{Bearing, Sense};
use crate::model::live::normalise_key;
use crate::model::{FieldId, Fields, Kind, KindDef, Resource, Tenant, Value};

/// A resource that references name, by kind and name.
type Named = (Kind, Box<str>);

/// Who is behind what, and where it leads; empty where the tenant grants nothing into others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Natural keys of the people behind a reference.
    people: BTreeMap<Named, BTreeSet<String>>,
    /// Tenants that whoever is behind a reference may enter.
    places: BTreeMap<Named, BTreeSet<String>>,
}

impl Reach {
    /// Works it out from what is declared.
    pub(super) fn of(tenant: Option<&Tenant>) -> Self {
        let resources = || tenant.into_iter().flat_map(|t| &t.resources);
        let mut reach = Self::default();
        for grant in resources().filter(|r| grants(r.def())) {
            for named in references(grant.def(), &grant.fields) {
                reach.places.entry(named).or_default().extend(places(grant.def(), &grant.fields));
            }
        }
        if reach.places.is_empty() && !resources().any(|r| grants(r.def())) {
            return reach;
        }
        for person in resources().filter(|r| is_person(r.def())) {
            let key = normalise_key(person.natural_key()).to_string();
            let behind = references(person.def(), &person.fields).into_iter().chain([itself(person)]);
            behind.for_each(|named| reach.people.entry(named).or_default().extend([key.clone()]));
        }
        reach
    }

    /// Who may enter which tenant because of a change, and who no longer; true if the change is a grant.
    pub(super) fn consequences(&self, change: &Change, out: &mut Consequences) -> bool {
        let def = change.address.kind.def();
        let (before, after) = both(change);
        if grants(def) {
            let (had, has) = (self.entries(change, &before), self.entries(change, &after));
            out.gain_access.extend(has.difference(&had).cloned());
            out.lose_access.extend(had.difference(&has).cloned());
            return true;
        }
        if is_person(def) {
            let led = |fields: &Fields| -> BTreeSet<String> {
                references(def, fields).iter().filter_map(|named| self.places.get(named)).flatten().cloned().collect()
            };
            let (had, has) = (led(&before), led(&after));
            out.gain_access.extend(has.difference(&had).map(|place| format!("{} in {place}", change.key)));
            out.lose_access.extend(had.difference(&has).map(|place| format!("{} in {place}", change.key)));
        }
        false
    }

    /// `who in where` for a grant; a reference that nobody stands behind speaks for itself.
    fn entries(&self, change: &Change, fields: &Fields) -> BTreeSet<String> {
        let def = change.address.kind.def();
        let mut people: BTreeSet<String> =
            references(def, fields).iter().filter_map(|named| self.people.get(named)).flatten().cloned().collect();
        if people.is_empty() {
            people.insert(change.key.to_string());
        }
        places(def, fields).iter().flat_map(|place| people.iter().map(move |who| format!("{who} in {place}"))).collect()
    }
}

/// A change's fields before and after it, references by name.
fn both(change: &Change) -> (Fields, Fields) {
    let mut before = if change.has(Action::Create) { Fields::new() } else { change.desired.clone() };
    for field in &change.fields {
        match &field.before {
            Some(value) => before.set(field.field, value.clone()),
            None => drop(before.remove(field.field)),
        }
    }
    (before, if change.has(Action::Delete) { Fields::new() } else { change.desired.clone() })
}

fn grants(def: &KindDef) -> bool {
    def.bearing == Bearing::Access && def.with_sense(Sense::Share).next().is_some()
}

fn is_person(def: &KindDef) -> bool {
    def.bearing == Bearing::Access && !grants(def)
}

fn itself(person: &Resource) -> Named {
    (person.address.kind, person.address.name.as_str().into())
}

fn is_share(def: &KindDef, field: FieldId) -> bool {
    def.field(field).sense == Sense::Share
}

fn references(def: &KindDef, fields: &Fields) -> Vec<Named> {
    let refers = fields.iter().filter(|(id, _)| !is_share(def, *id)).filter_map(|(id, v)| Some((def.field(id).ty.refers_to()?, v)));
    refers.flat_map(|(kind, value)| texts(value).map(move |name| (kind, Box::from(name)))).collect()
}

fn places(def: &KindDef, fields: &Fields) -> BTreeSet<String> {
    fields.iter().filter(|(id, _)| is_share(def, *id)).flat_map(|(_, value)| texts(value)).map(str::to_owned).collect()
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_list().into_iter().flatten().chain(value.as_text().map(|_| value)).filter_map(Value::as_text)
}
