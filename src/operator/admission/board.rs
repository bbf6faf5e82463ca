//! What bears on a change, of all that is known. Comes in: the operator's store. Goes out: the custom resources of a tenant, with all portals; other
//! organizations as outlines. Pure.

use serde_json::Value as Json;

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
        let text = outline(&object.text).into();
        std::sync::Arc::make_mut(object).text = text;
    }
    others
}

/// The document of an organization without all that only it and its portals care about.
fn outline(text: &str) -> String {
    let mut document: Json = serde_json::from_str(text).unwrap_or_default();
    if let Some(spec) = document.get_mut("spec").and_then(Json::as_object_mut) {
        spec.retain(|field, _| ["name", "displayName", "labels"].contains(&field.as_str()));
    }
    document.to_string()
}
