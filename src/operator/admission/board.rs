//! What the cluster has, as the hub heard it: for whoever is asked about a change before it is made. Comes in: custom resources, one by one. Goes
//! out: those that bear on a tenant. Their statuses are not kept.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use serde_json::Value as Json;

use crate::model::Kind;
use crate::model::kind::Placement;
use crate::operator::known::{Object, ObjectKey};

/// See the module.
#[derive(Default)]
pub(crate) struct Board {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<ObjectKey, Object>,
    /// Everything was listed once.
    listed: bool,
}

impl Board {
    /// A custom resource is there, or other than it was.
    pub(crate) fn seen(&self, key: &ObjectKey, object: &Object) {
        let object = Object { status: Json::Null, ..object.clone() };
        self.state.write().unwrap_or_else(PoisonError::into_inner).objects.insert(key.clone(), object);
    }

    /// One is gone.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        self.state.write().unwrap_or_else(PoisonError::into_inner).objects.remove(key);
    }

    /// Everything was listed once.
    pub(crate) fn listed(&self) {
        self.state.write().unwrap_or_else(PoisonError::into_inner).listed = true;
    }

    pub(super) fn is_listed(&self) -> bool {
        self.state.read().unwrap_or_else(PoisonError::into_inner).listed
    }

    /// All portals, and all that says it belongs to a tenant.
    pub(super) fn about(&self, tenant: Option<&str>) -> BTreeMap<ObjectKey, Object> {
        self.those(|key, object| is_portal(key.kind) || tenant.is_some() && object.tenant.as_deref() == tenant)
    }

    /// All organizations but a tenant's, as far as others see them: their names and labels.
    pub(super) fn others(&self, tenant: Option<&str>) -> BTreeMap<ObjectKey, Object> {
        let mut others = self.those(|key, object| is_organization(key.kind) && object.tenant.as_deref() != tenant);
        others.values_mut().for_each(|object| object.text = outline(&object.text));
        others
    }

    fn those(&self, which: impl Fn(&ObjectKey, &Object) -> bool) -> BTreeMap<ObjectKey, Object> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.objects.iter().filter(|(key, object)| which(key, object)).map(|(key, object)| (key.clone(), object.clone())).collect()
    }
}

/// The document of an organization without all that only it and its portals care about.
fn outline(text: &str) -> String {
    let mut document: Json = serde_json::from_str(text).unwrap_or_default();
    if let Some(spec) = document.get_mut("spec").and_then(Json::as_object_mut) {
        spec.retain(|field, _| ["name", "displayName", "labels"].contains(&field.as_str()));
    }
    document.to_string()
}

pub(super) fn is_portal(kind: Kind) -> bool {
    kind.def().placement == Placement::Configuration
}

pub(super) fn is_organization(kind: Kind) -> bool {
    kind.def().placement == Placement::Tenant
}
