//! `LedgerShard`: the objects in which a ledger in a cluster is kept. Nobody writes one by hand.

use serde_json::{Value as Json, json};

use super::{Definition, Names, definition};
use crate::model::Name;

/// Longest body, below what etcd takes in one request (1.5 MiB) with room for metadata.
const BODY_MAX: usize = 1_400_000;

/// The definition. It is in no category: `kubectl get tenantry` lists what people declare.
pub(super) fn definition_of_shards() -> Definition {
    let name = |doc: &str| json!({ "type": "string", "maxLength": Name::MAX, "description": doc });
    let count = |doc: &str| json!({ "type": "integer", "format": "int64", "minimum": 0, "maximum": u32::MAX, "description": doc });
    let schema = json!({
        "type": "object",
        "description": "A part of the ledger, which is the record of what is ours; the program writes it, and nobody by hand.",
        "properties": {
            "apiVersion": { "type": "string", "description": "The version of the form of this document, `tenantry.dev/v1alpha1`." },
            "kind": { "type": "string", "description": "The kind of this document." },
            "metadata": { "type": "object" },
            "spec": {
                "type": "object",
                "description": "What the part holds.",
                "properties": {
                    "version": { "type": "integer", "format": "int64", "minimum": 1, "description": "The version of the form of what is in the body." },
                    "portal": name("The portal that it is about; empty where it is about none."),
                    "tenant": name("The tenant that it is about; empty where it is about none."),
                    "part": count("Which part it is, from 1; 0 where it is no part."),
                    "of": count("How many parts there were when it was written."),
                    "body": { "type": "string", "maxLength": BODY_MAX, "description": "What is recorded, as JSON; no secret is among it." },
                },
                "required": ["version", "body"],
            },
        },
        "required": ["spec"],
    });
    definition(
        &Names { kind: "LedgerShard", short: "tshard", categories: &[] },
        json!({ "schema": { "openAPIV3Schema": schema }, "additionalPrinterColumns": columns() }),
    )
}

fn columns() -> Json {
    let of_spec = |name: &str, ty: &str, path: &str| json!({ "name": name, "type": ty, "jsonPath": format!(".spec.{path}") });
    json!([
        of_spec("PORTAL", "string", "portal"),
        of_spec("TENANT", "string", "tenant"),
        of_spec("PART", "integer", "part"),
        of_spec("OF", "integer", "of"),
        { "name": "AGE", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
    ])
}
