//! Whether what an item says is still what is declared. Pure; it warns and refuses nothing, for whoever did the work did what they were asked.

use std::collections::BTreeSet;

use crate::model::work_order::WorkItem;
use crate::model::{Digest, FieldSupport, FieldType, Fields, IntentAction, KindCapability, PortalSpec, Resource};

/// How what is declared now differs from what an item asked for, one sentence each.
pub fn differences(item: &WorkItem, declared: Option<&Resource>, spec: &PortalSpec, capability: Option<&KindCapability>) -> Vec<String> {
    let (resource, recorded) = match (item.action, declared, item.records.first().and_then(|r| r.fields.as_ref())) {
        (IntentAction::Delete, Some(_), _) => return vec!["it is declared again".to_owned()],
        (IntentAction::Delete, None, _) | (_, Some(_), None) => return Vec::new(),
        (_, None, _) => return vec!["it is no longer declared".to_owned()],
        (_, Some(resource), Some(recorded)) => (resource, recorded),
    };
    let def = resource.def();
    let recorded = Fields::from_json(def, recorded).unwrap_or_default();
    let mut paths = BTreeSet::new();
    let asked = recorded.iter().map(|(id, _)| id);
    // An update may be about a part of the fields.
    let declared = resource.fields.iter().map(|(id, _)| id).filter(|_| item.action == IntentAction::Create);
    for id in asked.chain(declared) {
        let field = def.field(id);
        // What the portal lacks, and what a technician sets once the object is there, was not asked for.
        let left_out = |c: &KindCapability| matches!(c.field(id), FieldSupport::Unsupported | FieldSupport::Technician);
        let not_asked = recorded.get(id).is_none() && capability.is_some_and(left_out);
        // A portal that serves some organizations is asked about these alone.
        let narrowed = spec.organizations.is_some() && matches!(field.ty, FieldType::Organizations);
        let same = Digest::of_field(recorded.get(id)) == Digest::of_field(resource.fields.get(id));
        if !(same || not_asked || narrowed || field.ty.is_secret()) {
            paths.insert(field.path);
        }
    }
    paths.into_iter().map(|path| format!("`{path}` is declared otherwise now")).collect()
}
