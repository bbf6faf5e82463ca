//! One resource that a table shows: what its row is to record of it, and what becomes of it. Comes in: the resource, the values of the row, and
//! which fields the row speaks of. Goes out: what is recorded, and whether that is drift, or something that is there and not ours yet. A row
//! says nothing of a field that it has no column for, and no row makes anything ours: that is a plan's to do.

use serde_json::Value as Json;

use super::known::Resource;
use super::{Against, Attestable, Difference, NotYet, cells};
use crate::diff::created_only;
use crate::model::portal_spec::AdoptionPolicy;
use crate::model::{Digest, FieldId, FieldSupport, Fields, Value};

/// What a row shows.
pub(super) struct Shown {
    /// The fields that it speaks of.
    pub(super) speaks_of: Vec<FieldId>,
    /// The values of those that have one.
    pub(super) fields: Fields,
    /// The id, where it is shown.
    pub(super) id: Option<String>,
}

/// What is to be recorded: what the row shows, over what was recorded before.
pub(super) fn record(resource: &Resource<'_>, shown: &Shown) -> Attestable {
    let def = resource.address.kind.def();
    let mut fields = resource.recorded();
    let mut nothing: Vec<_> = def.fields().filter(|(id, _)| resource.saw_nothing(*id)).map(|(id, _)| id).collect();
    for id in &shown.speaks_of {
        fields.remove(*id);
        nothing.retain(|other| other != id);
        match shown.fields.get(*id) {
            Some(value) => fields.set(*id, value.clone()),
            None => nothing.push(*id),
        }
    }
    let mut json = fields.to_json(def);
    nothing.iter().for_each(|id| set_nothing(&mut json, def.field(*id).path));
    let id = shown.id.clone().or_else(|| resource.id().map(str::to_owned));
    Attestable { address: resource.address.clone(), present: true, fields: json, id }
}

/// What the row shows otherwise than it is recorded.
pub(super) fn differences(resource: &Resource<'_>, shown: &Shown) -> Vec<Difference> {
    let (def, recorded) = (resource.address.kind.def(), resource.recorded());
    let mut differences = Vec::new();
    if resource.attested.is_some_and(|a| !a.present) {
        differences.push(Difference { field: "", recorded: "not there".to_owned(), shown: "there".to_owned() });
    }
    for id in shown.speaks_of.iter().filter(|id| resource.speaks_of(**id)) {
        let (was, is) = (recorded.get(*id), shown.fields.get(*id));
        if Digest::of_field(was) != Digest::of_field(is) {
            differences.push(Difference { field: def.field(*id).path, recorded: text(was), shown: text(is) });
        }
    }
    differences
}

/// What is there and not ours: how it compares with what is declared, and what would take it over.
pub(super) fn not_yet(against: &Against<'_>, resource: &Resource<'_>, recorded: &Attestable) -> NotYet {
    let address = resource.address.clone();
    let Some(declared) = resource.declared else {
        return NotYet { address, policy: None, differs: Vec::new(), unseen: Vec::new() };
    };
    let def = address.kind.def();
    let capability = against.profile.capabilities().kind(address.kind);
    let fields = Fields::from_json(def, &recorded.fields).unwrap_or_default();
    let (mut differs, mut unseen) = (Vec::new(), Vec::new());
    for (id, wanted) in declared.fields.iter() {
        let field = def.field(id);
        let lacks = capability.is_none_or(|c| c.field(id) == FieldSupport::Unsupported);
        if lacks || created_only(field.sense) || field.ty.is_secret() {
            continue;
        }
        if !speaks_of(&recorded.fields, field.path) {
            unseen.push(field.path);
        } else if Digest::of_field(fields.get(id)) != Digest::of_field(Some(wanted)) {
            differs.push(Difference { field: field.path, recorded: text(Some(wanted)), shown: text(fields.get(id)) });
        }
    }
    let policy = declared.meta.as_ref().and_then(|m| m.adoption).unwrap_or(against.spec.adoption);
    NotYet { address, policy: Some(policy), differs, unseen }
}

impl NotYet {
    /// The adoption policy that takes it over, as narrow as can be; `None`: nothing declares it.
    pub fn wants(&self) -> Option<AdoptionPolicy> {
        let identical = self.differs.is_empty() && self.unseen.is_empty();
        self.policy.map(|_| if identical { AdoptionPolicy::IfIdentical } else { AdoptionPolicy::IfUnowned })
    }

    /// True if the policy that holds takes it over.
    pub fn is_taken_over(&self) -> bool {
        match self.policy {
            Some(AdoptionPolicy::Always | AdoptionPolicy::IfUnowned) => true,
            Some(AdoptionPolicy::IfIdentical) => self.wants() == Some(AdoptionPolicy::IfIdentical),
            Some(AdoptionPolicy::Refuse) | None => false,
        }
    }
}

fn text(value: Option<&Value>) -> String {
    value.map_or_else(String::new, cells::text)
}

fn speaks_of(fields: &Json, path: &str) -> bool {
    path.split('.').try_fold(fields, |at, part| at.get(part)).is_some()
}

/// A field that was looked at and has nothing is `null`.
fn set_nothing(fields: &mut Json, path: &str) {
    let Some(map) = fields.as_object_mut() else { return };
    match path.split_once('.') {
        None => drop(map.insert(path.to_owned(), Json::Null)),
        Some((head, rest)) => set_nothing(map.entry(head).or_insert_with(|| serde_json::json!({})), rest),
    }
}
