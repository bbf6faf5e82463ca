//! References: every name that a resource mentions is declared in its tenant, or the portal has it by itself.
//!
//! Cycles need no search: a kind refers only to kinds before it in [`Kind::ALL`], and a test keeps that true.

use std::collections::{BTreeMap, BTreeSet};

use super::super::problem::{a, did_you_mean, shown};
use super::{Builtins, Labels, Located};
use crate::diagnostic::codes::manifest as codes;
use crate::model::kind::FieldType;
use crate::model::{FieldId, Kind, Name, Resource, Tenant, TenantName, Value};

/// So many dangling references are explained; the rest is only counted, and needs no search for what was meant.
const EXPLAINED: usize = super::super::problem::MOST;

/// Checks the references of all resources.
pub(crate) fn check(
    tenants: &BTreeMap<TenantName, Tenant>,
    portals: &[Resource],
    organizations: &BTreeMap<Name, Labels>,
    builtins: Builtins<'_>,
    found: &mut Vec<Located>,
) {
    let world = World { tenants, organizations, builtins };
    let mut explained = 0;
    let all = tenants.values().flat_map(|tenant| tenant.resources.iter().map(move |r| (Some(tenant), r)));
    for (tenant, resource) in all.chain(portals.iter().map(|p| (None, p))) {
        for (id, value) in resource.fields.iter() {
            let ty = &resource.def().field(id).ty;
            let Some(kind) = ty.refers_to() else { continue };
            for text in texts(value) {
                let declared = match (kind, tenant) {
                    (Kind::Organization, _) => Name::new(text).is_ok_and(|name| organizations.contains_key(&name)),
                    (_, Some(tenant)) => tenant_has(tenant, kind, text),
                    (_, None) => false,
                };
                if declared || tenant.map_or(matches!(builtins, Builtins::Unknown), |_| world.is_builtin(resource, kind, text)) {
                    continue;
                }
                explained += 1;
                let help = if explained <= EXPLAINED { world.explain(resource, kind, text) } else { String::new() };
                found.push(dangling(resource, id, kind, text, help, matches!(ty, FieldType::Organizations)));
            }
        }
    }
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_list().unwrap_or_default().iter().filter_map(Value::as_text);
    value.as_text().into_iter().chain(list)
}

fn tenant_has(tenant: &Tenant, kind: Kind, name: &str) -> bool {
    tenant.resources.binary_search_by(|r| (r.address.kind, r.address.name.as_str()).cmp(&(kind, name))).is_ok()
}

fn dangling(resource: &Resource, field: FieldId, kind: Kind, text: &str, help: String, organizations: bool) -> Located {
    let path = resource.def().field(field).path;
    let place = if organizations { String::new() } else { format!(" in {}", resource.address.tenant) };
    let summary = format!("`{path}`: there is no {} `{}`{place}", kind.def().noun, shown(text));
    let mut located =
        Located::error(codes::DANGLING_REFERENCE, summary, resource.source, resource.mark_of(field)).about(resource).help(help);
    located.word = Some(text.to_owned());
    located
}

struct World<'a> {
    tenants: &'a BTreeMap<TenantName, Tenant>,
    organizations: &'a BTreeMap<Name, Labels>,
    builtins: Builtins<'a>,
}

impl World<'_> {
    /// True if a portal of the resource's tenant has it by itself, or none was asked.
    fn is_builtin(&self, resource: &Resource, kind: Kind, text: &str) -> bool {
        match self.builtins {
            Builtins::Unknown => true,
            Builtins::Known(of) => of(&resource.address.tenant, kind).contains(text),
        }
    }

    /// What was probably meant: a similar name, a natural key in place of a name, or something of another tenant.
    fn explain(&self, resource: &Resource, kind: Kind, text: &str) -> String {
        let def = kind.def();
        if kind == Kind::Organization {
            return did_you_mean(text, self.organizations.keys().map(Name::as_str), codes::DANGLING_REFERENCE.help);
        }
        let own = self.tenants.get(&resource.address.tenant).map_or(&[][..], |t| &t.resources);
        let own = own.iter().filter(|r| r.address.kind == kind);
        let builtins = match self.builtins {
            Builtins::Unknown => BTreeSet::new(),
            Builtins::Known(of) => of(&resource.address.tenant, kind),
        };
        let lower = text.to_ascii_lowercase();
        if let Some(by_key) = own.clone().find(|r| r.natural_key() == lower && r.address.name.as_str() != text) {
            return format!("{} is named by its name: write `{}`", a(def.noun), by_key.address.name);
        }
        let near = did_you_mean(text, own.map(|r| r.address.name.as_str()).chain(builtins.iter().map(String::as_str)), "");
        if !near.is_empty() {
            return near;
        }
        let elsewhere = self.tenants.iter().find(|(_, tenant)| tenant_has(tenant, kind, text));
        match elsewhere {
            Some((other, _)) => format!(
                "the {} `{}` belongs to `{other}`; only one of `{}` can be named here",
                def.noun,
                shown(text),
                resource.address.tenant
            ),
            None => {
                let own: Vec<_> = builtins.iter().map(|name| format!("`{name}`")).collect();
                let declare = format!("declare the {} `{}` in `{}`, or correct the name", def.noun, shown(text), resource.address.tenant);
                if own.is_empty() { declare } else { format!("{declare}: its portals have {} by themselves", own.join(", ")) }
            }
        }
    }
}
