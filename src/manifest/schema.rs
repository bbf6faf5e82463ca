//! The schemas of manifests, made from the same tables as lowering, so that an editor and a cluster's API server accept what the program accepts.
//!
//! Comes in: the kinds' tables. Goes out: one JSON Schema (draft 2020-12) a kind, and one for any manifest; and the structural schema of one kind's
//! `spec`, for custom resource definitions. What a schema cannot say (references, duplicates over several resources) is left to lowering.

mod forms;
mod spec;
mod types;

pub(crate) use types::rule;

use serde_json::{Map, Value as Json, json};

use super::lower::{API_VERSION, METADATA};
use crate::model::Kind;
use crate::model::kind::KindDef;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// What a name looks like.
pub(crate) const NAME: &str = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$";

/// For whom a schema is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// An editor, which reads JSON Schema.
    Editor,
    /// An API server, which reads structural schemas: each value has a type, unknown fields are refused by themselves, what needs more than a
    /// keyword is a rule in CEL, and everything has a largest size, so that the cost of the rules is bounded.
    ApiServer(Standing),
}

/// Where a value stands. The more of them an object may have, the less a rule may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// In a document of its own.
    Document,
    /// In one of thousands of inline resources.
    Inline,
    /// In a list or a map of one of them.
    InlineEach,
}

impl Reader {
    /// For the values of a list or a map.
    fn each(self) -> Self {
        if self == Self::ApiServer(Standing::Inline) { Self::ApiServer(Standing::InlineEach) } else { self }
    }

    /// For resources that stand inline.
    fn below(self) -> Self {
        if self == Self::ApiServer(Standing::Document) { Self::ApiServer(Standing::Inline) } else { self }
    }
}

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

/// The schema of one kind's `spec` in the structural form of custom resource definitions.
pub(crate) fn structural_spec(kind: Kind) -> Json {
    Reader::ApiServer(Standing::Document).spec(kind.def())
}

fn document(def: &KindDef) -> Json {
    let reader = Reader::Editor;
    let spec = reader.spec(def);
    let needs_spec = spec.get("required").and_then(Json::as_array).is_some_and(|r| !r.is_empty());
    let mut required = vec!["apiVersion", "kind"];
    if needs_spec {
        required.push("spec");
    }
    let slug = json!({
        "properties": { "metadata": { "properties": { "name": reader.name("") } , "required": ["name"] } },
        "required": ["metadata"],
    });
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
