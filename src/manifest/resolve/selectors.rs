//! Selectors become sorted lists of organizations. The MSP itself is never picked by a selector: it is no customer.

use std::collections::BTreeMap;

use super::super::lower::Pending;
use super::{Labels, Located};
use crate::diagnostic::codes::manifest as codes;
use crate::model::kind::FieldType;
use crate::model::{Kind, Name, Resource, Tenant, TenantName, Value};

/// Works out each selector and adds what it picks to the names that its field gives.
pub(crate) fn apply(
    pending: Vec<Pending>,
    tenants: &mut BTreeMap<TenantName, Tenant>,
    portals: &mut [Resource],
    organizations: &BTreeMap<Name, Labels>,
    found: &mut Vec<Located>,
) {
    for selector in pending {
        let resources = if selector.address.kind == Kind::Portal {
            &mut *portals
        } else {
            tenants.get_mut(&selector.address.tenant).map_or(&mut [][..], |t| &mut t.resources)
        };
        let Ok(at) = resources.binary_search_by(|r| r.address.cmp(&selector.address)) else { continue };
        let Some(resource) = resources.get_mut(at) else { continue };
        let matches = |labels: &Labels| selector.labels.iter().all(|wanted| labels.contains(wanted));
        let picked: Vec<_> =
            organizations.iter().filter(|(name, labels)| !name.is_msp() && matches(labels)).map(|(name, _)| name).collect();
        if picked.is_empty() {
            let path = resource.def().field(selector.field).path;
            let wanted: Vec<_> = selector.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
            let summary = format!("the selector of `{path}` ({}) picks no organization", super::super::problem::shown(&wanted.join(", ")));
            found.push(Located::warning(codes::EMPTY_SELECTION, summary, selector.source, selector.mark).about(resource));
        }
        let named = resource.fields.get(selector.field).and_then(Value::as_list).unwrap_or_default().iter().cloned();
        let union = named.chain(picked.into_iter().map(|name| Value::text(name.as_str()))).collect();
        if let Some(union) = FieldType::Organizations.normalise(Value::List(union)) {
            resource.fields.set(selector.field, union);
        }
    }
}
