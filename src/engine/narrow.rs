//! What is declared, as one portal takes it. A customer is declared once for every portal, and names things that only some of them have: an
//! organization that only one serves, a role that only one has by itself. Comes in: what is declared of a tenant, and a portal. Goes out: the same
//! without those names, and what they were. Pure; what becomes of that, the `Portal`'s `unsupported` says.

use crate::diff::{Delta, Finding, TenantDiff};
use crate::model::kind::Placement;
use crate::model::live::normalise_key;
use crate::model::portal_spec::Unsupported;
use crate::model::{Address, Capabilities, Desired, FieldId, FieldType, Kind, KindCapability, Name, PortalSpec, Resource, Tenant, Value};

/// A tenant as a portal takes it.
pub(super) struct Narrowed {
    /// All of it but names that mean nothing there.
    pub(super) tenant: Tenant,
    /// The names that the portal has not. An organization that it does not serve is none of them: that is how it is meant.
    pub(super) missing: Vec<Missing>,
}

/// What a resource names and the portal has not.
pub(super) struct Missing {
    /// The resource.
    pub(super) address: Address,
    /// The field that names it.
    pub(super) field: FieldId,
    /// The name.
    pub(super) name: Box<str>,
    key: Box<str>,
}

/// A tenant as a portal takes it; `None`: just as it is declared.
pub(super) fn tenant(desired: &Desired, tenant: &Tenant, portal: &PortalSpec, capabilities: &Capabilities) -> Option<Narrowed> {
    let mut narrowed: Option<Narrowed> = None;
    for (at, resource) in tenant.resources.iter().enumerate() {
        // Of a kind or a field that the portal lacks it is said already.
        let Some(can) = capabilities.declarable(resource.address.kind) else { continue };
        for (id, value) in resource.fields.iter().filter(|(id, _)| !can.lacks(resource.def(), *id)) {
            let ty = &resource.def().field(id).ty;
            let Some(kind) = ty.refers_to() else { continue };
            let served = names_tenants(ty);
            let takes = |name: &str| if served { serves(portal, name) } else { has(desired, tenant, capabilities, kind, name) };
            if texts(value).all(takes) {
                continue;
            }
            let narrowed = narrowed.get_or_insert_with(|| Narrowed { tenant: tenant.clone(), missing: Vec::new() });
            let names = texts(value).filter(|name| !served && !takes(name));
            narrowed.missing.extend(names.map(|name| Missing::of(resource, id, name)));
            if let Some(resource) = narrowed.tenant.resources.get_mut(at) {
                match value.as_list() {
                    // All that is left may be none: a list says everything, and what it does not name is taken away.
                    Some(items) => {
                        let kept = items.iter().filter(|v| v.as_text().is_some_and(takes)).cloned().collect();
                        resource.fields.set(id, Value::List(kept));
                    }
                    None => _ = resource.fields.remove(id),
                }
            }
        }
    }
    narrowed
}

/// True for a field that names organizations.
pub(super) fn names_tenants(ty: &FieldType) -> bool {
    ty.refers_to().is_some_and(|kind| kind.def().placement == Placement::Tenant)
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_text().into_iter().chain(value.as_list().unwrap_or_default().iter().filter_map(Value::as_text))
}

fn serves(portal: &PortalSpec, name: &str) -> bool {
    portal.organizations.is_none() || Name::new(name).is_ok_and(|name| portal.serves(&name))
}

/// True for what the portal has by itself, or is given by us. What no portal has is left to the portal's rules.
fn has(desired: &Desired, tenant: &Tenant, capabilities: &Capabilities, kind: Kind, name: &str) -> bool {
    let can = capabilities.kind(kind);
    let declared = || tenant.resources.binary_search_by(|r| (r.address.kind, r.address.name.as_str()).cmp(&(kind, name))).is_ok();
    if can.is_some_and(|can| can.builtin.contains(name)) {
        return true;
    }
    if declared() { !can.is_some_and(KindCapability::only_builtin) } else { !desired.builtins.contains(&(kind, name.to_owned())) }
}

impl Missing {
    fn of(resource: &Resource, field: FieldId, name: &str) -> Self {
        let key = normalise_key(resource.natural_key());
        Self { address: resource.address.clone(), field, name: name.into(), key }
    }
}

impl Narrowed {
    /// Says in a difference what the portal has not.
    pub(super) fn note(&self, portal: &PortalSpec, diff: &mut TenantDiff) {
        if portal.unsupported == Unsupported::Ignore {
            return;
        }
        for Missing { address, field, name, key } in &self.missing {
            let def = address.kind.def().field(*field);
            let noun = def.ty.refers_to().unwrap_or(address.kind).def().noun;
            let finding = Finding::Unsupported {
                what: format!("portal {} has no {noun} `{name}`, which the field `{}` names", portal.name, def.path),
                field: Some(*field),
                named: Some(name.clone()),
                refuses: portal.unsupported == Unsupported::Error,
            };
            match diff.deltas.iter_mut().find(|d| d.address == *address) {
                Some(delta) => delta.findings.push(finding),
                None => diff.deltas.push(Delta { findings: vec![finding], ..Delta::about(address.clone(), key.clone()) }),
            }
        }
    }
}
