//! What bears on a change, of all that is known. Comes in: the operator's store. Goes out: the custom resources of a tenant, with all portals; other
//! organizations as outlines, and what may name organizations. Pure.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::model::Kind;
use crate::model::kind::FieldType;
use crate::operator::known::Object;
use crate::operator::store::{Objects, Store, is_portal, is_tenant};

/// All portals, and all that says it belongs to a tenant.
pub(super) fn about(store: &Store, tenant: Option<&str>) -> Objects {
    let mut about = store.of_kinds(is_portal);
    about.extend(tenant.into_iter().flat_map(|tenant| store.of_tenant(tenant)));
    about
}

/// All organizations but a tenant's, as far as others see them: their names and labels.
pub(super) fn others(store: &Store, tenant: Option<&str>) -> Objects {
    let mut others = store.of_kinds(is_tenant);
    others.retain(|_, object| object.tenant.as_deref() != tenant);
    for object in others.values_mut() {
        *object = Arc::new(outlined(object));
    }
    others
}

/// The documents of others than a tenant that may name organizations, with all portals.
pub(super) fn naming(store: &Store, tenant: &str) -> Objects {
    let names = |kind: Kind| !is_tenant(kind) && !is_portal(kind) && kind.def().fields.iter().any(|field| names_organizations(&field.ty));
    let mut naming = store.of_kinds(names);
    naming.retain(|_, object| object.tenant.as_deref().is_some_and(|of| of != tenant));
    if !naming.is_empty() {
        naming.extend(store.of_kinds(is_portal));
    }
    naming
}

/// True of a field whose value is a set of organizations.
pub(super) const fn names_organizations(ty: &FieldType) -> bool {
    matches!(ty, FieldType::Organizations)
}

/// An organization as others see it.
pub(super) fn outlined(object: &Object) -> Object {
    Object { text: outline(&object.text).into(), ..object.clone() }
}

/// The labels in an organization's document.
pub(super) fn labels(text: &str) -> Json {
    let mut document: Json = serde_json::from_str(text).unwrap_or_default();
    document.pointer_mut("/spec/labels").map(Json::take).unwrap_or_default()
}

/// The document of an organization without all that only it and its portals care about.
fn outline(text: &str) -> String {
    let mut document: Json = serde_json::from_str(text).unwrap_or_default();
    if let Some(spec) = document.get_mut("spec").and_then(Json::as_object_mut) {
        spec.retain(|field, _| ["name", "displayName", "labels"].contains(&field.as_str()));
    }
    document.to_string()
}
