//! A tenant becomes a manifest again, for `import`: one organization with everything inline, in the order of the kinds' tables.
//!
//! Comes in: resources of one tenant. Goes out: YAML which loads as the same resources. Never writes a secret, for resources hold references alone.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::lower::API_VERSION;
use crate::model::kind::{FieldType, Placement};
use crate::model::portal_spec::DeletionPolicy;
use crate::model::{Fields, Kind, KindDef, Meta, Resource, TenantName};

/// The manifest of a tenant. Without an organization among the resources (the MSP needs none) each resource is a document of its own.
pub fn write_tenant(tenant: &TenantName, resources: &[Resource]) -> String {
    let mut sorted: Vec<&Resource> = resources.iter().filter(|r| r.address.tenant == *tenant).collect();
    sorted.sort_by(|a, b| a.address.cmp(&b.address));
    let organization = sorted.iter().copied().find(|r| r.def().placement == Placement::Tenant);
    let inline = |r: &&&Resource| matches!(r.def().placement, Placement::Member { .. });
    let mut documents = Vec::new();
    if let Some(organization) = organization {
        let mut spec = spec_of(organization);
        for kind in Kind::ALL {
            let Placement::Member { inline: key } = kind.def().placement else { continue };
            let entries: Vec<_> = sorted.iter().filter(inline).filter(|r| r.address.kind == kind).map(|r| entry_of(r)).collect();
            if !entries.is_empty() {
                spec.push((key.to_owned(), Out::List(entries)));
            }
        }
        documents.push(document(organization, organization.address.name.as_str().to_owned(), spec));
    }
    let separate = |r: &&&Resource| r.def().placement == Placement::MspOnly || (organization.is_none() && inline(r));
    for resource in sorted.iter().filter(separate) {
        let mut spec = spec_of(resource);
        let name = resource.address.name.as_str().to_owned();
        if matches!(resource.def().placement, Placement::Member { .. }) {
            spec.insert(0, ("organization".to_owned(), text(tenant.as_str())));
        }
        documents.push(document(resource, name, spec));
    }
    // Serializing values of these few forms into a string has no way to fail.
    let texts = documents.iter().map(|d| serde_saphyr::to_string_with_options(d, options()).unwrap_or_default());
    texts.collect::<Vec<_>>().join("---\n")
}

fn options() -> serde_saphyr::SerializerOptions {
    // Block scalars would be easier on the eye for notes, but quoted text keeps every blank and line break as it is.
    serde_saphyr::ser_options! { prefer_block_scalars: false, folded_wrap_chars: usize::MAX, yaml_12: false }
}

/// What is written: maps keep their order.
enum Out {
    Json(serde_json::Value),
    List(Vec<Out>),
    Map(Vec<(String, Out)>),
}

impl Serialize for Out {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(value) => value.serialize(serializer),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}

fn text(text: &str) -> Out {
    Out::Json(serde_json::Value::String(text.to_owned()))
}

fn document(resource: &Resource, name: String, spec: Vec<(String, Out)>) -> Out {
    Out::Map(vec![
        ("apiVersion".to_owned(), text(API_VERSION)),
        ("kind".to_owned(), text(resource.def().name)),
        ("metadata".to_owned(), Out::Map(vec![("name".to_owned(), Out::Json(name.into()))])),
        ("spec".to_owned(), Out::Map(spec)),
    ])
}

fn entry_of(resource: &Resource) -> Out {
    let mut entries = vec![("name".to_owned(), text(resource.address.name.as_str()))];
    entries.extend(spec_of(resource));
    Out::Map(entries)
}

fn spec_of(resource: &Resource) -> Vec<(String, Out)> {
    let mut spec = fields_of(resource.def(), &resource.fields);
    if let Some(meta) = &resource.meta {
        spec.extend(meta_of(meta));
    }
    spec
}

fn fields_of(def: &KindDef, fields: &Fields) -> Vec<(String, Out)> {
    let mut spec = Vec::new();
    for (id, value) in fields.iter() {
        let field = def.field(id);
        let json = match field.ty {
            FieldType::Organizations => serde_json::json!({ "names": value.to_json() }),
            _ => value.to_json(),
        };
        insert(&mut spec, field.path, json);
    }
    spec
}

/// Puts a value at its dotted path.
fn insert(map: &mut Vec<(String, Out)>, path: &str, value: serde_json::Value) {
    let Some((head, rest)) = path.split_once('.') else {
        map.push((path.to_owned(), Out::Json(value)));
        return;
    };
    let at = map.iter().position(|(key, _)| key == head).unwrap_or_else(|| {
        map.push((head.to_owned(), Out::Map(Vec::new())));
        map.len() - 1
    });
    if let Some((_, Out::Map(inner))) = map.get_mut(at) {
        insert(inner, rest, value);
    }
}

fn meta_of(meta: &Meta) -> Vec<(String, Out)> {
    let Meta { external_id, previously, protected, deletion, adoption, management, control } = meta;
    let mut entries = Vec::new();
    let mut push = |key: &str, value: serde_json::Value| entries.push((key.to_owned(), Out::Json(value)));
    if let Some(id) = external_id {
        push("externalId", (**id).into());
    }
    if !previously.is_empty() {
        push("previously", previously.iter().map(|name| name.as_str()).collect());
    }
    if let Some(protected) = protected {
        push("protected", (*protected).into());
    }
    if let Some(policy) = deletion {
        let word = match policy {
            DeletionPolicy::Orphan => "Orphan",
            DeletionPolicy::Delete => "Delete",
        };
        push("deletionPolicy", word.into());
    }
    if let Some(policy) = adoption {
        push("adoptionPolicy", policy.word().into());
    }
    if let Some(management) = management {
        push("managementPolicies", management.words().into());
    }
    for (path, value) in control.fields() {
        let value = value.to_json();
        match path.split_once('.') {
            Some((head, rest)) => push(head, serde_json::json!({ rest: value })),
            None => push(path, value),
        }
    }
    entries
}
