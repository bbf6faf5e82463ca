//! What may stand only once: natural keys, former names and pinned ids.

use std::collections::BTreeMap;

use super::Located;
use crate::diagnostic::codes::manifest as codes;
use crate::model::kind::FieldType;
use crate::model::{Kind, Name, Resource, Tenant, TenantName};

/// Checks every tenant, and domains over all of them.
pub(crate) fn check(tenants: &BTreeMap<TenantName, Tenant>, found: &mut Vec<Located>) {
    let mut domains: BTreeMap<&str, &Resource> = BTreeMap::new();
    for tenant in tenants.values() {
        for resources in tenant.resources.chunk_by(|a, b| a.address.kind == b.address.kind) {
            natural_keys(resources, found);
            former_names(resources, found);
            pinned_ids(resources, found);
            shared_domains(resources, &mut domains, found);
        }
    }
}

/// Sorted by a key, each neighbour that repeats it is handed over with the first that has it.
fn repeated<'r, K: Ord>(mut keyed: Vec<(K, &'r Resource)>, mut each: impl FnMut(&K, &'r Resource, &'r Resource)) {
    keyed.sort_by(|(a, first), (b, second)| (a, first.source, first.mark).cmp(&(b, second.source, second.mark)));
    for group in keyed.chunk_by(|(a, _), (b, _)| a == b) {
        if let [(_, first), rest @ ..] = group {
            rest.iter().for_each(|(key, later)| each(key, later, first));
        }
    }
}

fn natural_keys(resources: &[Resource], found: &mut Vec<Located>) {
    let Some(field) = resources.first().and_then(|r| r.def().key_field()) else { return };
    let keyed = resources.iter().filter(|r| r.fields.get(field).is_some()).map(|r| (r.natural_key(), r)).collect();
    repeated(keyed, |key, later, first| {
        let (noun, path) = (later.def().noun, later.def().field(field).path);
        let summary = format!("two {} of `{}` have the {path} `{key}`", later.def().nouns, later.address.tenant);
        let located =
            Located::error(codes::DUPLICATE_NATURAL_KEY, summary, later.source, later.mark_of(field)).about(later).first_at(first);
        found.push(located.help(format!("keep one {noun} of the two")));
    });
}

/// Two tenants with one domain are a warning here: only a portal's profile says whether a domain is unique in the whole portal, and two
/// portals may each serve one of the tenants.
fn shared_domains<'r>(resources: &'r [Resource], domains: &mut BTreeMap<&'r str, &'r Resource>, found: &mut Vec<Located>) {
    let field = resources.first().and_then(|r| r.def().key_field().filter(|f| matches!(r.def().field(*f).ty, FieldType::DomainName)));
    let Some(field) = field else { return };
    for resource in resources {
        let first = *domains.entry(resource.natural_key()).or_insert(resource);
        if first.address.tenant != resource.address.tenant {
            let summary = format!(
                "`{}` and `{}` both declare the domain `{}`",
                first.address.tenant,
                resource.address.tenant,
                resource.natural_key()
            );
            found.push(
                Located::warning(codes::SHARED_DOMAIN, summary, resource.source, resource.mark_of(field)).about(resource).first_at(first),
            );
        }
    }
}

fn former_names(resources: &[Resource], found: &mut Vec<Located>) {
    let has = |name: &Name| resources.binary_search_by(|r| r.address.name.cmp(name)).is_ok();
    let mut claims = Vec::new();
    for resource in resources.iter().filter(|r| !r.previously().is_empty()) {
        for name in resource.previously() {
            if has(name) {
                let kind: Kind = resource.address.kind;
                let summary = format!("`previously` names the {} `{name}`, which is declared", kind.def().noun);
                let mut located = Located::error(codes::RENAME_CONFLICT, summary, resource.source, resource.mark).about(resource);
                located.word = Some(name.to_string());
                found.push(located);
            }
            claims.push((name, resource));
        }
    }
    repeated(claims, |name, later, first| {
        let summary = format!("the former name `{name}` is claimed twice");
        found.push(Located::error(codes::RENAME_CONFLICT, summary, later.source, later.mark).about(later).first_at(first));
    });
}

fn pinned_ids(resources: &[Resource], found: &mut Vec<Located>) {
    let keyed = resources.iter().filter_map(|r| Some((r.external_id()?, r))).collect();
    repeated(keyed, |id, later, first| {
        let summary = format!("two {} are pinned to the id `{}`", later.def().nouns, super::super::problem::shown(id));
        found.push(Located::error(codes::EXTERNAL_ID_CONFLICT, summary, later.source, later.mark).about(later).first_at(first));
    });
}
