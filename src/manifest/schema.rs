//! JSON Schemas (draft 2020-12) of the manifests, made from the same tables as lowering, so that an editor accepts what the program accepts.
//!
//! Comes in: the kinds' tables. Goes out: one schema a kind, and one for any manifest. What a schema cannot say (references, duplicates,
//! days of the calendar) is left to lowering.

use serde_json::{Map, Value as Json, json};

use super::lower::{API_VERSION, COMMON, DOMAIN_MAX, EMAIL_MAX, KEY_MAX, METADATA, URL_MAX, applies};
use crate::model::kind::{FieldDef, FieldType, KindDef, Placement};
use crate::model::{Kind, Name};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
const NAME: &str = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$";
/// Line feeds and tabs are the only control characters of texts.
const TEXT: &str = "^[^\\u0000-\\u0008\\u000B-\\u001F\\u007F-\\u009F]*$";
const LABEL: &str = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";

/// The schema of one kind's documents.
pub fn json_schema(kind: Kind) -> Json {
    let mut schema = document(kind.def());
    if let Json::Object(map) = &mut schema {
        map.insert("$schema".to_owned(), DIALECT.into());
    }
    schema
}

/// The schema of any manifest: a document of some kind, or a `List` of them.
pub fn json_schema_all() -> Json {
    let definitions: Map<String, Json> = Kind::ALL.iter().map(|k| (k.def().name.to_owned(), document(k.def()))).collect();
    let any: Vec<Json> = Kind::ALL.iter().map(|k| json!({ "$ref": format!("#/$defs/{}", k.def().name) })).collect();
    let list = json!({
        "type": "object",
        "description": "Several manifests in one document",
        "properties": {
            "apiVersion": { "type": "string" },
            "kind": { "const": "List" },
            "metadata": { "type": "object" },
            "items": { "type": "array", "items": { "anyOf": any } },
        },
        "required": ["kind", "items"],
        "additionalProperties": false,
    });
    let mut alternatives = any;
    alternatives.push(list);
    json!({ "$schema": DIALECT, "title": "Tenantry manifest", "anyOf": alternatives, "$defs": definitions })
}

fn document(def: &KindDef) -> Json {
    let spec = spec(def);
    let needs_spec = spec.get("required").and_then(Json::as_array).is_some_and(|r| !r.is_empty());
    let mut required = vec!["apiVersion", "kind"];
    if needs_spec {
        required.push("spec");
    }
    let slug =
        json!({ "properties": { "metadata": { "properties": { "name": name("") } , "required": ["name"] } }, "required": ["metadata"] });
    let own = json!({ "properties": { "spec": { "required": ["name"] } }, "required": ["spec"] });
    json!({
        "title": def.name,
        "description": def.doc,
        "type": "object",
        "properties": {
            "apiVersion": { "const": API_VERSION },
            "kind": { "const": def.name },
            "metadata": metadata(),
            "spec": spec,
            "status": { "description": "Written by the operator, ignored in files" },
        },
        "required": required,
        "additionalProperties": false,
        "anyOf": [own, slug],
    })
}

fn metadata() -> Json {
    let mut properties: Map<String, Json> = METADATA.iter().map(|key| ((*key).to_owned(), json!(true))).collect();
    properties.insert("name".to_owned(), json!({ "description": "The name, unless `spec.name` gives another" }));
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn name(doc: &str) -> Json {
    described(json!({ "type": "string", "pattern": NAME, "maxLength": Name::MAX }), doc)
}

fn spec(def: &KindDef) -> Json {
    let (mut properties, mut required) = fields(def.fields.iter().map(|f| (f.path, f)));
    properties.insert("name".to_owned(), name("The name in the address; default `metadata.name`"));
    if let Placement::Member { .. } = def.placement {
        properties.insert("organization".to_owned(), name("The organization it belongs to; `msp` is the MSP itself"));
        required.push("organization".into());
    }
    if def.placement != Placement::Configuration {
        common(&mut properties, def.placement);
    }
    if def.placement == Placement::Tenant {
        for child in Kind::ALL.iter().map(|k| k.def()) {
            if let Placement::Member { inline } = child.placement {
                let doc = format!("Its {}", child.nouns);
                properties.insert(inline.to_owned(), json!({ "type": "array", "description": doc, "items": inline_entry(child) }));
            }
        }
    }
    object(properties, required)
}

fn inline_entry(def: &KindDef) -> Json {
    let (mut properties, mut required) = fields(def.fields.iter().map(|f| (f.path, f)));
    properties.insert("name".to_owned(), name("The name in the address"));
    required.push("name".into());
    common(&mut properties, def.placement);
    object(properties, required)
}

fn common(properties: &mut Map<String, Json>, placement: Placement) {
    for (key, ty, doc) in COMMON.iter().filter(|(key, ..)| applies(key, placement)) {
        let schema = match *key {
            "previously" => json!({ "type": "array", "items": name("") }),
            "externalId" => json!({ "type": "string", "minLength": 1, "maxLength": 500, "pattern": TEXT }),
            _ => type_schema(ty),
        };
        properties.insert((*key).to_owned(), described(schema, doc));
    }
}

fn object(properties: Map<String, Json>, required: Vec<Json>) -> Json {
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if let (Json::Object(map), false) = (&mut schema, required.is_empty()) {
        map.insert("required".to_owned(), required.into());
    }
    schema
}

/// Fields by their paths, dots nested: what is required below makes its parent required.
fn fields<'f>(all: impl Iterator<Item = (&'f str, &'f FieldDef)>) -> (Map<String, Json>, Vec<Json>) {
    let mut properties = Map::new();
    let mut required: Vec<Json> = Vec::new();
    let mut nested: Vec<(&str, Vec<(&str, &FieldDef)>)> = Vec::new();
    for (path, field) in all {
        match path.split_once('.') {
            None => {
                properties.insert(path.to_owned(), described(type_schema(&field.ty), field.doc));
                if field.required {
                    required.push(path.into());
                }
            }
            Some((head, rest)) => match nested.iter_mut().find(|(known, _)| *known == head) {
                Some((_, inner)) => inner.push((rest, field)),
                None => nested.push((head, vec![(rest, field)])),
            },
        }
    }
    for (head, inner) in nested {
        let (inner, needed) = fields(inner.into_iter());
        if !needed.is_empty() {
            required.push(head.into());
        }
        properties.insert(head.to_owned(), object(inner, needed));
    }
    (properties, required)
}

fn described(mut schema: Json, doc: &str) -> Json {
    if let (Json::Object(map), false) = (&mut schema, doc.is_empty()) {
        map.insert("description".to_owned(), doc.into());
    }
    schema
}

fn type_schema(ty: &FieldType) -> Json {
    match ty {
        FieldType::Text(max) => json!({ "type": "string", "maxLength": max, "pattern": TEXT }),
        FieldType::Bool => json!({ "type": "boolean" }),
        FieldType::Integer(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        FieldType::Enum(words) => json!({ "enum": words }),
        FieldType::Email => {
            let atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
            let pattern = format!("^{atom}(\\.{atom})*@{LABEL}(\\.{LABEL})+$");
            json!({ "type": "string", "maxLength": EMAIL_MAX, "pattern": pattern })
        }
        FieldType::DomainName => json!({ "type": "string", "maxLength": DOMAIN_MAX + 1, "pattern": format!("^{LABEL}(\\.{LABEL})+\\.?$") }),
        FieldType::Time => json!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$" }),
        FieldType::Duration => json!({ "type": "string", "pattern": "^([0-9]{1,3}h)?([0-9]{1,5}m)?([0-9]{1,7}s)?$", "minLength": 2 }),
        FieldType::Date => json!({ "type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" }),
        FieldType::Url => json!({ "type": "string", "maxLength": URL_MAX, "pattern": "^https?://[^/?#@\\s]+([/?#]\\S*)?$" }),
        FieldType::Ref(_) => json!({ "type": "string", "maxLength": 200, "pattern": TEXT }),
        FieldType::Organizations => organizations(),
        FieldType::List(inner) | FieldType::Set(inner) => json!({ "type": "array", "items": type_schema(inner) }),
        FieldType::Record(inner) => {
            let (properties, required) = fields(inner.iter().map(|f| (f.path, f)));
            object(properties, required)
        }
        FieldType::Map(inner) => json!({
            "type": "object",
            "propertyNames": { "minLength": 1, "maxLength": KEY_MAX, "pattern": TEXT },
            "additionalProperties": type_schema(inner),
        }),
        FieldType::Secret => secret(),
    }
}

fn organizations() -> Json {
    let labels = type_schema(&FieldType::Map(&FieldType::Text(200)));
    json!({
        "type": "object",
        "properties": {
            "names": { "type": "array", "items": name(""), "description": "By name" },
            "selector": {
                "type": "object",
                "description": "By label; `matchLabels: {}` picks every organization",
                "properties": { "matchLabels": labels },
                "required": ["matchLabels"],
                "additionalProperties": false,
            },
        },
        "minProperties": 1,
        "additionalProperties": false,
    })
}

fn secret() -> Json {
    let part = json!({ "type": "string", "minLength": 1, "maxLength": 253, "pattern": "^[A-Za-z0-9._-]+$" });
    let key_ref =
        object([("name".to_owned(), part.clone()), ("key".to_owned(), part)].into_iter().collect(), vec!["name".into(), "key".into()]);
    json!({
        "type": "object",
        "properties": {
            "env": { "type": "string", "maxLength": 200, "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "description": "An environment variable" },
            "file": { "type": "string", "minLength": 1, "maxLength": 4096, "description": "A file" },
            "secretKeyRef": described(key_ref, "A key of a Kubernetes Secret"),
        },
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": false,
    })
}
