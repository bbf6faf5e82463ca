//! The names that a technician's text has for what a change is in and what it refers to. Another name makes the text untrue, though nothing of the
//! change itself differs. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::wait::targets;
use crate::model::kind::Placement;
use crate::model::{Address, Digest, Fields, Tenant, TenantName, Value};

/// Their digest. `organizations`: what people call each that is declared.
pub(crate) fn names(
    tenant: Option<&Tenant>,
    organizations: &BTreeMap<TenantName, Box<str>>,
    address: &Address,
    desired: &Fields,
) -> Digest {
    let def = address.kind.def();
    let references = desired.iter().filter_map(|(id, value)| Some((def.field(id).ty.refers_to()?, value)));
    let targets = references.flat_map(|(kind, value)| targets(address, kind, value));
    let mut spoken: BTreeSet<(String, Option<String>)> = targets.map(|at| (at.to_string(), called(tenant, organizations, &at))).collect();
    spoken.insert((address.tenant.to_string(), organizations.get(&address.tenant).map(ToString::to_string)));
    Digest::of(serde_json::json!(spoken).to_string().as_bytes())
}

fn called(tenant: Option<&Tenant>, organizations: &BTreeMap<TenantName, Box<str>>, at: &Address) -> Option<String> {
    if at.kind.def().placement == Placement::Tenant {
        return organizations.get(&at.tenant).map(ToString::to_string);
    }
    let resource = tenant?.get(at.kind, &at.name)?;
    let display = at.kind.def().field_named("displayName").and_then(|(id, _)| resource.fields.get(id)).and_then(Value::as_text);
    Some(display.unwrap_or(resource.natural_key()).to_owned())
}
