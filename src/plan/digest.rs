//! The digest of a plan: what a person approves.
//!
//! Comes in: a [`Body`] whose refusals are filled in. Goes out: the same, with the digest of each unit and of the run. Never looks at the time,
//! the program's version, the inputs, places in files, namespaces of manifests, the wording of reasons, ids that the portal chose, the text of a
//! secret, or whether a refusal was passed: the command line, a preview and a controller have to give the same digest for the same change, and
//! approving a plan must not change what was approved.

use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::{Action, Body, Change, FieldChange, Refusal, Unit};
use crate::model::rule::Effect;
use crate::model::{Address, KindDef, Performer, Value};

/// Computes the digest of each unit, and the run's over the sorted list of those and the run's refusals.
pub(crate) fn seal(body: &mut Body) {
    for unit in &mut body.units {
        unit.digest = of_unit(unit);
    }
    let mut units: Vec<_> = body.units.iter().filter(|u| says_something(u)).map(|u| u.digest.clone()).collect();
    units.sort();
    body.digest = sha256(&json!({ "units": units, "refused": refused(&body.refusals) }));
}

/// A unit with nothing to do and nothing refused is no part of the run's digest, so that a tenant in step never changes it.
fn says_something(unit: &Unit) -> bool {
    !unit.changes.is_empty() || !unit.refusals.is_empty()
}

fn of_unit(unit: &Unit) -> String {
    // Sorted by their text: the order of changes follows from what they depend on, which is in there.
    let mut changes: Vec<_> = unit.changes.iter().filter(|c| !c.is_left_out()).map(of_change).collect();
    changes.sort_by_cached_key(canonical);
    sha256(&json!({
        "portal": unit.portal.as_str(),
        "tenant": unit.tenant.as_str(),
        "changes": changes,
        "refused": refused(&unit.refusals),
    }))
}

fn of_change(change: &Change) -> Json {
    let def = change.address.kind.def();
    let mut fields: Vec<_> = change.fields.iter().map(|f| (f.field, of_field(def, f))).collect();
    fields.sort_by_key(|(id, _)| *id);
    json!({
        "address": change.address.to_string(),
        "previous": change.previous.as_ref().map(Address::to_string),
        "key": &*change.key,
        "actions": change.actions.iter().map(|a| Action::word(*a)).collect::<Vec<_>>(),
        "fields": fields.into_iter().map(|(_, f)| f).collect::<Vec<_>>(),
        "effects": sorted(change.effects.iter().map(|e| effect(*e).to_owned())),
        "depends_on": sorted(change.depends_on.iter().map(Address::to_string)),
        "carried_by": change.carried_by.as_ref().map(Address::to_string),
        "performer": performer(change.performer),
        "refused": refused(&change.blocked_by),
    })
}

fn of_field(def: &'static KindDef, change: &FieldChange) -> Json {
    let field = def.field(change.field);
    // The table decides too: a plan that was loaded may claim anything.
    if change.sensitive || field.ty.is_secret() {
        return json!({ "field": field.path, "sensitive": true, "after": change.after.as_ref().map(references) });
    }
    json!({ "field": field.path, "before": change.before.as_ref().map(of_value), "after": change.after.as_ref().map(of_value) })
}

/// Where the secrets of a value are kept, and nothing else of it: whoever approves a secret approves where it is taken from.
fn references(value: &Value) -> Json {
    match value {
        Value::Secret(reference) => reference.as_written(),
        Value::List(items) => Json::Array(items.iter().map(references).collect()),
        Value::Map(entries) => Json::Object(entries.iter().map(|(k, v)| (k.to_string(), references(v))).collect::<Map<_, _>>()),
        Value::Bool(_) | Value::Integer(_) | Value::Text(_) => json!({ "sensitive": true }),
    }
}

/// As [`Value::to_json`], with references to secrets marked as such.
fn of_value(value: &Value) -> Json {
    match value {
        Value::Secret(reference) => json!({ "sensitive": true, "reference": reference.as_written() }),
        Value::List(items) => Json::Array(items.iter().map(of_value).collect()),
        Value::Map(entries) => Json::Object(entries.iter().map(|(k, v)| (k.to_string(), of_value(v))).collect::<Map<_, _>>()),
        Value::Bool(_) | Value::Integer(_) | Value::Text(_) => value.to_json(),
    }
}

/// Codes with their numbers; never the wording, and never how one was passed.
fn refused(refusals: &[Refusal]) -> Vec<Json> {
    let mut all: Vec<_> = refusals.iter().map(|r| (&r.code, r.have, r.limit)).collect();
    all.sort();
    all.dedup();
    all.into_iter().map(|(code, have, limit)| json!({ "code": code, "have": have, "limit": limit })).collect()
}

fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<_> = texts.collect();
    texts.sort();
    texts.dedup();
    texts
}

// The words below are part of every digest that somebody approved: they don't follow the names in code.

const fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Email => "email",
        Effect::Irreversible => "irreversible",
        Effect::Cascade => "cascade",
        Effect::DataLoss => "data_loss",
        Effect::Licence => "licence",
        Effect::Technician => "technician",
    }
}

const fn performer(performer: Performer) -> &'static str {
    match performer {
        Performer::Call => "call",
        Performer::Technician => "technician",
        Performer::Unsupported => "unsupported",
    }
}

fn sha256(json: &Json) -> String {
    let digest = Sha256::digest(canonical(json).as_bytes());
    digest.iter().fold(String::from("sha256:"), |text, byte| text + &format!("{byte:02x}"))
}

/// JSON without spaces, the keys of objects sorted, whatever order `serde_json` was built to keep.
fn canonical(json: &Json) -> String {
    let mut text = String::new();
    write(json, &mut text);
    text
}

fn write(json: &Json, to: &mut String) {
    match json {
        Json::Array(items) => {
            to.push('[');
            for (at, item) in items.iter().enumerate() {
                comma(at, to);
                write(item, to);
            }
            to.push(']');
        }
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            to.push('{');
            for (at, (key, value)) in entries.into_iter().enumerate() {
                comma(at, to);
                to.push_str(&Json::String(key.clone()).to_string());
                to.push(':');
                write(value, to);
            }
            to.push('}');
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => to.push_str(&json.to_string()),
    }
}

fn comma(at: usize, to: &mut String) {
    if at > 0 {
        to.push(',');
    }
}
