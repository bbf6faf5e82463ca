//! Field changes as nested JSON. Comes in: typed values. Goes out: JSON in which every secret is [`SENSITIVE`]. This is the one place where
//! that is decided, so that no report can forget it.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::ChangeBody;
use crate::model::{FieldId, Fields, KindDef, Value};
use crate::plan::{Action, Cause, FieldChange};

/// What stands for a secret in `before` and `after`.
pub const SENSITIVE: &str = "(sensitive)";

pub(super) fn change_body(def: &KindDef, actions: &[Action], fields: &[FieldChange], cause: Cause) -> ChangeBody {
    let made = matches!(actions.first(), Some(Action::Create));
    let gone = matches!(actions.first(), Some(Action::Delete | Action::Forget));
    let mut body = empty(actions.to_vec());
    let (mut before, mut after) = (Map::new(), Map::new());
    for FieldChange { field, before: was, after: becomes, sensitive, cause: why } in fields {
        let path = def.field(*field).path;
        let secret = *sensitive || holds_secret(def, *field, was.as_ref()) || holds_secret(def, *field, becomes.as_ref());
        insert(&mut before, path, shown(was.as_ref(), secret));
        insert(&mut after, path, shown(becomes.as_ref(), secret));
        if secret {
            insert(&mut body.before_sensitive, path, Json::Bool(true));
            insert(&mut body.after_sensitive, path, Json::Bool(true));
            if let Some(kept) = becomes.as_ref().filter(|_| !gone).and_then(references) {
                insert(&mut body.sensitive_references, path, kept);
            }
        }
        if *why != cause {
            body.field_causes.insert(path.to_owned(), *why);
        }
    }
    if made {
        body.before_sensitive.clear();
    } else {
        body.before = Some(before);
    }
    if gone {
        body.after_sensitive.clear();
    } else {
        body.after = Some(after);
    }
    if matches!(actions.first(), Some(Action::Create | Action::Replace)) {
        body.after_unknown.insert("remote_id".to_owned(), Json::Bool(true));
    }
    body
}

pub(super) fn drift_body(def: &KindDef, action: Action, fields: &[(FieldId, Option<Value>)]) -> ChangeBody {
    let mut body = empty(vec![action]);
    let mut after = Map::new();
    for (field, live) in fields {
        let path = def.field(*field).path;
        let secret = holds_secret(def, *field, live.as_ref());
        insert(&mut after, path, shown(live.as_ref(), secret));
        if secret {
            insert(&mut body.after_sensitive, path, Json::Bool(true));
        }
    }
    body.before = Some(Map::new());
    body.after = (action != Action::Delete).then_some(after);
    body
}

fn empty(actions: Vec<Action>) -> ChangeBody {
    ChangeBody {
        actions,
        before: None,
        after: None,
        after_unknown: Map::new(),
        before_sensitive: Map::new(),
        after_sensitive: Map::new(),
        sensitive_references: Map::new(),
        field_causes: BTreeMap::new(),
    }
}

/// Where the secrets of a value are kept, nested as they are; `None`: it refers to none.
fn references(value: &Value) -> Option<Json> {
    match value {
        Value::Secret(reference) => Some(Json::String(reference.to_string())),
        Value::Map(entries) => {
            let kept: Map<_, _> = entries.iter().filter_map(|(k, v)| Some((k.to_string(), references(v)?))).collect();
            (!kept.is_empty()).then_some(Json::Object(kept))
        }
        Value::List(items) => {
            let kept: Vec<_> = items.iter().filter_map(references).collect();
            (!kept.is_empty()).then_some(Json::Array(kept))
        }
        Value::Bool(_) | Value::Integer(_) | Value::Text(_) => None,
    }
}

/// Fields in nested JSON with every secret masked.
pub fn masked_fields(def: &KindDef, fields: &Fields) -> Json {
    let mut map = Map::new();
    for (id, value) in fields.iter() {
        insert(&mut map, def.field(id).path, shown(Some(value), holds_secret(def, id, Some(value))));
    }
    Json::Object(map)
}

/// The JSON form of a value with every secret masked; keys of maps stay, for they say which secret.
fn masked(value: &Value) -> Json {
    match value {
        Value::Secret(_) => json!(SENSITIVE),
        Value::List(items) => Json::Array(items.iter().map(masked).collect()),
        Value::Map(entries) => Json::Object(entries.iter().map(|(k, v)| (k.to_string(), masked(v))).collect()),
        Value::Bool(_) | Value::Integer(_) | Value::Text(_) => value.to_json(),
    }
}

fn holds_secret(def: &KindDef, field: FieldId, value: Option<&Value>) -> bool {
    def.field(field).ty.is_secret() || value.is_some_and(|v| !v.secrets().is_empty())
}

fn shown(value: Option<&Value>, secret: bool) -> Json {
    match value {
        None => Json::Null,
        Some(value) if secret => hidden(value),
        Some(value) => masked(value),
    }
}

/// Hides all of a value, whatever it is; the keys of a map stay.
fn hidden(value: &Value) -> Json {
    match value {
        Value::Map(entries) => Json::Object(entries.iter().map(|(k, v)| (k.to_string(), hidden(v))).collect()),
        _ => json!(SENSITIVE),
    }
}

fn insert(map: &mut Map<String, Json>, path: &str, value: Json) {
    match path.split_once('.') {
        None => {
            map.insert(path.to_owned(), value);
        }
        Some((head, rest)) => {
            if let Json::Object(inner) = map.entry(head.to_owned()).or_insert_with(|| json!({})) {
                insert(inner, rest, value);
            }
        }
    }
}

/// The value at a dotted path, `null` included; `None`: the path is not there.
pub fn lookup<'a>(map: &'a Map<String, Json>, path: &str) -> Option<&'a Json> {
    match path.split_once('.') {
        None => map.get(path),
        Some((head, rest)) => lookup(map.get(head)?.as_object()?, rest),
    }
}
