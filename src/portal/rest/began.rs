//! What a call set out to change, which its last step sees as its first did: by then the portal shows a part of it as declared, and a plan made anew
//! finds less that differs, or nothing.
//!
//! Comes in: a call, and what its first part put down. Goes out: which fields differ and what they were, the items of `each`, and which fields tell
//! whether a step was done. Holds no secret: what they were is what a portal showed.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::model::{FieldId, Fields, IntentAction, KindDef, Value};
use crate::portal::Call;
use crate::portal::profile::cel::Path;
use crate::portal::profile::http::compiled::{Each, Step, StepAct};
use crate::portal::profile::http::connection::Method;

/// Names in what was learnt.
const CHANGED: &str = "changed";
const BEFORE: &str = "before";

/// See the module.
pub(super) struct Began {
    /// The fields that an update is to change.
    pub(super) changed: Vec<FieldId>,
    /// What was there.
    pub(super) before: Fields,
}

impl Began {
    /// Of a call that is begun now.
    pub(super) fn now(call: &Call) -> Self {
        Self { changed: call.changed.clone(), before: call.before.clone() }
    }

    /// Of one that goes on: as it was put down, and what differs since.
    pub(super) fn again(call: &Call, learnt: &BTreeMap<String, String>) -> Option<Self> {
        let def = call.address.kind.def();
        let paths: Vec<String> = serde_json::from_str(learnt.get(CHANGED)?).ok()?;
        let mut changed: Vec<_> = paths.iter().filter_map(|path| def.field_named(path).map(|(id, _)| id)).collect();
        let mut before = Fields::from_json(def, &serde_json::from_str(learnt.get(BEFORE)?).ok()?).ok()?;
        for id in call.changed.iter().filter(|id| !changed.contains(*id)) {
            call.before.get(*id).into_iter().for_each(|was| before.set(*id, was.clone()));
        }
        changed.extend(call.changed.iter().copied());
        changed.sort();
        changed.dedup();
        Some(Self { changed, before })
    }

    /// Puts it down for whoever goes on. What is made was nothing before.
    pub(super) fn put_down(&self, call: &Call, learnt: &mut BTreeMap<String, String>) {
        if call.action == IntentAction::Create {
            return;
        }
        let def = call.address.kind.def();
        let paths: Vec<&str> = self.changed.iter().map(|id| def.field(*id).path).collect();
        learnt.insert(CHANGED.to_owned(), json!(paths).to_string());
        learnt.insert(BEFORE.to_owned(), self.before.to_json(def).to_string());
    }

    /// The items of `each`.
    pub(super) fn items(&self, call: &Call, each: Each) -> Vec<Json> {
        items(call, &self.changed, &self.before, each)
    }

    /// The items of `each` that the portal shows to be done by now.
    pub(super) fn shown(&self, call: &Call, each: Each) -> Vec<Json> {
        let left = items(call, &call.changed, &call.before, each);
        self.items(call, each).into_iter().filter(|item| !left.contains(item)).collect()
    }

    /// The fields by which the portal shows whether a step is done: those that it writes and none before it does. `earlier` are the steps before it
    /// that are done as well.
    pub(super) fn telling<'s>(&self, def: &'static KindDef, step: &'s Step, earlier: impl Iterator<Item = &'s Step>) -> Vec<FieldId> {
        let mut telling = self.writes(def, step);
        for before in earlier {
            let other_way = matches!(
                (before.each, step.each),
                (Some(Each::Added(_)), Some(Each::Removed(_))) | (Some(Each::Removed(_)), Some(Each::Added(_)))
            );
            if !other_way {
                let written = self.writes(def, before);
                telling.retain(|id| !written.contains(id));
            }
        }
        telling
    }

    /// What differs and a step names.
    fn writes(&self, def: &'static KindDef, step: &Step) -> Vec<FieldId> {
        let StepAct::Call(made) = &step.act else { return Vec::new() };
        if made.ask.method == Method::Get {
            return Vec::new();
        }
        if let Some(Each::Added(field) | Each::Removed(field)) = step.each {
            return self.changed.iter().copied().filter(|id| *id == field).collect();
        }
        let paths: Vec<&Path> = made.ask.paths().chain(step.when.iter().flat_map(|when| when.paths())).collect();
        let names = |id: &&FieldId| {
            let path: Vec<&str> = def.field(**id).path.split('.').collect();
            let same = |named: &Path| named.fields.iter().zip(&path).all(|(a, b)| a == b) && !named.fields.is_empty();
            paths.iter().any(|p| p.root == "changed" || (matches!(p.root.as_str(), "self" | "named") && same(p)))
        };
        self.changed.iter().filter(names).copied().collect()
    }
}

fn items(call: &Call, changed: &[FieldId], before: &Fields, each: Each) -> Vec<Json> {
    let (field, from, to) = match each {
        Each::Added(field) => (field, before, &call.desired),
        Each::Removed(field) => (field, &call.desired, before),
    };
    if call.action == IntentAction::Update && !changed.contains(&field) {
        return Vec::new();
    }
    let parts = |value: Option<&Value>| value.map(parts).unwrap_or_default();
    let there = parts(from.get(field));
    let mut items = parts(to.get(field));
    // Of a map the key is what is lost; a value that changed is gained.
    match each {
        Each::Added(_) => items.retain(|item| !there.contains(item) || call.address.kind.def().field(field).ty.is_secret()),
        Each::Removed(_) => items.retain(|item| !there.iter().any(|other| key_of(other) == key_of(item))),
    }
    items
}

/// The items of a set; the entries of a map, without secrets.
fn parts(value: &Value) -> Vec<Json> {
    match value {
        Value::List(items) => items.iter().map(Value::to_json).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|(key, value)| match value {
                Value::Secret(_) => json!({ "key": key }),
                value => json!({"key": key, "value": value.to_json()}),
            })
            .collect(),
        Value::Bool(_) | Value::Integer(_) | Value::Text(_) | Value::Secret(_) => Vec::new(),
    }
}

/// What tells an item from another: of a map's entry, its key.
fn key_of(item: &Json) -> &Json {
    item.get("key").unwrap_or(item)
}
