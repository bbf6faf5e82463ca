//! A fleet as custom resources: one for each organization, and one for each of its members, in the place of the file with everything inline that
//! `benches/fleet` writes.

use serde_json::{Value as Json, json};
use tenantry::model::Kind;
use tenantry::model::kind::Placement;

use super::fleet;

/// A custom resource, as it is applied.
pub(crate) struct Resource {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) body: Json,
}

/// All resources of so many organizations, each organization before its members.
pub(crate) fn of_fleet(organizations: usize, seed: u64) -> Vec<Resource> {
    (0..organizations).flat_map(|at| of_organization(&fleet::document(at, fleet::PER_ORGANIZATION - 1, seed))).collect()
}

fn of_organization(document: &str) -> Vec<Resource> {
    let mut document: Json = serde_saphyr::from_str(document).expect("a document of the fleet is YAML");
    let organization = document["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let spec = document["spec"].as_object_mut().expect("it has a spec");
    let mut members = Vec::new();
    for kind in Kind::ALL {
        let Placement::Member { inline } = kind.def().placement else { continue };
        let Some(Json::Array(items)) = spec.remove(inline) else { continue };
        members.extend(items.into_iter().map(|item| member(kind, &organization, item)));
    }
    let own = resource(Kind::Organization, organization, Json::Object(spec.clone()));
    std::iter::once(own).chain(members).collect()
}

fn member(kind: Kind, organization: &str, mut spec: Json) -> Resource {
    let name = format!("{organization}-{}", spec["name"].as_str().unwrap_or_default());
    spec["organization"] = organization.into();
    resource(kind, name, spec)
}

/// A custom resource with this spec.
pub(crate) fn resource(kind: Kind, name: String, spec: Json) -> Resource {
    let metadata = json!({ "name": name });
    let body = json!({ "apiVersion": "tenantry.dev/v1alpha1", "kind": kind.def().name, "metadata": metadata, "spec": spec });
    Resource { kind, name, body }
}
