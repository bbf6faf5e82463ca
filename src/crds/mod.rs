//! Custom resource definitions: what a cluster has to know before manifests can be applied to it.
//!
//! Comes in: the kinds' tables. Goes out: one definition for each kind, and one for the objects that the ledger is kept in. Pure: never asks a cluster,
//! never writes a file. The schema of a `spec` is [`crate::manifest`]'s, which makes the editors' from the same tables; here stands what is around it:
//! names, columns, what makes a document immutable, and the status, which the operator writes.

mod rules;
mod shard;
mod status;

use serde_json::{Value as Json, json};

use crate::manifest;
use crate::model::Kind;
use crate::model::kind::{KindDef, Placement};

/// The group and the version of all of them, as in `apiVersion: GROUP/VERSION`.
fn group_and_version() -> (&'static str, &'static str) {
    manifest::API_VERSION.split_once('/').unwrap_or((manifest::API_VERSION, ""))
}

/// A custom resource definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Its name, as in `kubectl get crd`: `users.tenantry.dev`.
    pub name: String,
    /// The whole of it.
    pub json: Json,
}

impl Definition {
    /// As YAML, with a word in front on where it comes from.
    ///
    /// # Errors
    /// When it cannot be written as YAML, which is a bug.
    pub fn yaml(&self) -> Result<String, String> {
        // Patterns and sentences stay on one line each.
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false, folded_wrap_chars: usize::MAX, yaml_12: false };
        let body = serde_saphyr::to_string_with_options(&self.json, options).map_err(|e| e.to_string())?;
        Ok(format!("# Written by `tenantry crds`.\n{body}"))
    }
}

/// All of them: the kinds in dependency order, then the ledger's.
pub fn definitions() -> Vec<Definition> {
    Kind::ALL.iter().map(|kind| of(kind.def())).chain([shard::definition_of_shards()]).collect()
}

/// What a definition says beside its schema.
struct Names<'a> {
    kind: &'a str,
    short: &'a str,
    categories: &'a [&'a str],
}

fn of(def: &KindDef) -> Definition {
    let spec = manifest::structural_spec(def.kind);
    let mut version = json!({
        "schema": { "openAPIV3Schema": rules::of_document(def, spec, status::schema(def)) },
        "subresources": { "status": {} },
        "additionalPrinterColumns": status::columns(),
    });
    if let (Placement::Member { .. }, Json::Object(version)) = (def.placement, &mut version) {
        version.insert("selectableFields".to_owned(), json!([{ "jsonPath": ".spec.organization" }]));
    }
    definition(&Names { kind: def.name, short: def.short, categories: &["tenantry"] }, version)
}

fn definition(names: &Names<'_>, mut version: Json) -> Definition {
    let (group, version_name) = group_and_version();
    let singular = names.kind.to_ascii_lowercase();
    let plural = format!("{singular}s");
    let name = format!("{plural}.{group}");
    if let Json::Object(version) = &mut version {
        version.insert("name".to_owned(), version_name.into());
        version.insert("served".to_owned(), true.into());
        version.insert("storage".to_owned(), true.into());
    }
    let mut all = json!({
        "kind": names.kind,
        "listKind": format!("{}List", names.kind),
        "plural": plural,
        "singular": singular,
        "shortNames": [names.short],
    });
    if let (Json::Object(map), false) = (&mut all, names.categories.is_empty()) {
        map.insert("categories".to_owned(), json!(names.categories));
    }
    let json = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": name },
        "spec": { "group": group, "names": all, "scope": "Namespaced", "versions": [version] },
    });
    Definition { name, json }
}
