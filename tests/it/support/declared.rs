//! A desired state by code: `desired([org("acme"), user("acme", "ann").with("roles", ["ops"])])`.

use serde_json::Value as Json;
use tenantry::model::portal_spec::{AdoptionPolicy, DeletionPolicy};
use tenantry::model::{Desired, Mark, Meta, Resource, SourceId, Value};

use super::{address, name};

/// A resource at an address with no fields.
pub(crate) fn resource(at: &str) -> Resource {
    Resource {
        address: address(at),
        fields: Default::default(),
        marks: Box::default(),
        source: SourceId(0),
        mark: Mark { line: 1, column: 1 },
        meta: None,
    }
}

/// A customer.
pub(crate) fn org(tenant: &str) -> Resource {
    resource(&format!("{tenant}/organization/{tenant}")).with("displayName", tenant.to_uppercase())
}

/// A person, `NAME@TENANT.example`.
pub(crate) fn user(tenant: &str, name: &str) -> Resource {
    resource(&format!("{tenant}/user/{name}")).with("email", format!("{name}@{tenant}.example"))
}

/// An administrator.
pub(crate) fn admin(tenant: &str, name: &str) -> Resource {
    user(tenant, name).with("administrator", true)
}

/// A role.
pub(crate) fn role(tenant: &str, name: &str) -> Resource {
    resource(&format!("{tenant}/role/{name}")).with("displayName", name)
}

/// A group.
pub(crate) fn group(tenant: &str, name: &str) -> Resource {
    resource(&format!("{tenant}/group/{name}")).with("displayName", name)
}

/// A connection of the MSP's, shared with these.
pub(crate) fn shared(name: &str, with: &[&str]) -> Resource {
    resource(&format!("msp/integration/{name}")).with("type", "aws").with("sharedWith", with.to_vec())
}

/// What a resource may say beyond its fields.
pub(crate) trait Say: Sized {
    /// Sets a field from JSON, normalised as lowering does.
    fn with(self, path: &str, value: impl Into<Json>) -> Self;
    /// Sets what it says about managing it.
    fn meta(self, set: impl FnOnce(&mut Meta)) -> Self;

    fn protect(self, protected: bool) -> Self {
        self.meta(|m| m.protected = Some(protected))
    }
    fn formerly(self, former: &str) -> Self {
        self.meta(|m| m.previously.push(name(former)))
    }
    fn pinned(self, id: &str) -> Self {
        self.meta(|m| m.external_id = Some(id.into()))
    }
    fn adopted(self, policy: AdoptionPolicy) -> Self {
        self.meta(|m| m.adoption = Some(policy))
    }
    fn deleted(self, policy: DeletionPolicy) -> Self {
        self.meta(|m| m.deletion = Some(policy))
    }
}

impl Say for Resource {
    fn with(mut self, path: &str, value: impl Into<Json>) -> Self {
        let (id, field) = self.def().field_named(path).unwrap_or_else(|| panic!("{} has no field {path}", self.address));
        let value = Value::from_json(&value.into()).and_then(|v| field.ty.normalise(v)).unwrap_or_else(|| panic!("{path} does not fit"));
        self.fields.set(id, value);
        self
    }

    fn meta(mut self, set: impl FnOnce(&mut Meta)) -> Self {
        set(self.meta.get_or_insert_default());
        self
    }
}

/// The desired state of these resources, in whatever order they come.
pub(crate) fn desired(resources: impl IntoIterator<Item = Resource>) -> Desired {
    let mut desired = Desired { manifests_digest: "0".repeat(64), ..Desired::default() };
    desired.sources.add("fleet.yaml");
    for resource in resources {
        desired.tenants.entry(resource.address.tenant.clone()).or_default().resources.push(resource);
    }
    for tenant in desired.tenants.values_mut() {
        tenant.resources.sort_by(|a, b| a.address.cmp(&b.address));
        let unique = tenant.resources.windows(2).all(|pair| pair[0].address != pair[1].address);
        assert!(unique, "two resources at one address");
    }
    desired
}
