//! What a portal's profile says of manifests alone, with nothing live: rules that need no live state, keys that two tenants cannot both have,
//! and what the portal lacks. Pure.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::lacking::{Lack, Lacking};
use super::narrow;
use super::shared_keys::SharedKeys;
use crate::diagnostic::{Diagnostic, Range, codes};
use crate::model::portal_spec::Unsupported;
use crate::model::rule::{Conduct, Subject, Verdict, Violation};
use crate::model::{Address, Capabilities, Desired, IntentAction, Mark, PortalSpec, Resource, Tenant, TenantName};

/// Checks everything that is declared for a portal, as if it were about to be made.
pub fn check(desired: &Desired, portal: &PortalSpec, capabilities: &Capabilities, conduct: &dyn Conduct) -> Vec<Diagnostic> {
    let shared = SharedKeys::of(desired, portal, capabilities);
    let mut found = Vec::new();
    let mut lacking = Lacking::default();
    for (name, declared) in desired.tenants.iter().filter(|(name, _)| portal.serves(name)) {
        let narrowed = narrow::tenant(desired, declared, portal, capabilities);
        let tenant = narrowed.as_ref().map_or(declared, |n| &n.tenant);
        for resource in &tenant.resources {
            found.extend(shared.other(resource).map(|other| taken(desired, portal, resource, other)));
            found.extend(of_resource(desired, portal, conduct, (name, tenant), resource));
            // Of what is left out anyway nothing is missed.
            if !violations(portal, conduct, (name, tenant), resource).iter().any(|v| v.verdict == Verdict::LeavesOut) {
                lacks(desired, portal, capabilities, resource, &mut lacking);
            }
        }
        for missing in narrowed.iter().flat_map(|n| &n.missing) {
            let at = || declared.get(missing.address.kind, &missing.address.name).map(|r| place_of(desired, r, r.mark_of(missing.field)));
            lacking.add(&portal.name, &missing.address, Lack::Named(missing.field, &missing.name), at);
        }
    }
    let mut found = once(found);
    found.extend(unsupported(portal, lacking));
    found
}

/// What a rule says of the MSP's account, it says of every resource: told once, at the first of them.
pub(super) fn once(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut first: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut more: BTreeMap<usize, usize> = BTreeMap::new();
    let mut told: Vec<Diagnostic> = Vec::new();
    for diagnostic in found {
        match first.entry((diagnostic.code.clone(), diagnostic.summary.clone())) {
            Entry::Vacant(new) => {
                new.insert(told.len());
                told.push(diagnostic);
            }
            Entry::Occupied(known) => *more.entry(*known.get()).or_default() += 1,
        }
    }
    for (at, count) in more {
        if let Some(diagnostic) = told.get_mut(at) {
            diagnostic.detail = format!("and about {count} more");
        }
    }
    told
}

/// Its natural key is another tenant's too.
fn taken(desired: &Desired, portal: &PortalSpec, resource: &Resource, other: &Address) -> Diagnostic {
    let key = resource.natural_key();
    let summary =
        format!("portal {}: `{key}` is declared by {other} too, and only one {} there can have it", portal.name, resource.def().noun);
    Diagnostic::error(codes::run::KEY_DECLARED_TWICE, summary).about(&resource.address).at(Some(place(desired, resource)))
}

/// The rules that a resource breaks, as if it were about to be made.
fn violations(portal: &PortalSpec, conduct: &dyn Conduct, (name, tenant): (&TenantName, &Tenant), resource: &Resource) -> Vec<Violation> {
    conduct.violations(&Subject {
        tenant: name,
        kind: resource.address.kind,
        action: IntentAction::Create,
        declared: Some(resource),
        after: Some(&resource.fields),
        before: None,
        desired: Some(tenant),
        live: None,
        account: &portal.account,
    })
}

fn of_resource(
    desired: &Desired,
    portal: &PortalSpec,
    conduct: &dyn Conduct,
    of: (&TenantName, &Tenant),
    resource: &Resource,
) -> Vec<Diagnostic> {
    let broken = violations(portal, conduct, of, resource).into_iter().map(|v| {
        let summary = format!("portal {}: {}: {}", portal.name, v.rule, v.message);
        match v.verdict {
            Verdict::Refuses => Diagnostic::error(codes::run::RULE_REFUSES, summary),
            Verdict::Warns => Diagnostic::warning(codes::run::RULE_WARNS, summary),
            Verdict::LeavesOut => Diagnostic::warning(codes::run::RULE_WARNS, summary).help("every plan leaves it out in this portal"),
        }
    });
    broken.map(|d| d.about(&resource.address).at(Some(place(desired, resource)))).collect()
}

/// What the portal lacks of a resource.
fn lacks(desired: &Desired, portal: &PortalSpec, capabilities: &Capabilities, resource: &Resource, lacking: &mut Lacking) {
    let mut add = |lack, mark| lacking.add(&portal.name, &resource.address, lack, || Some(place_of(desired, resource, mark)));
    match capabilities.declarable(resource.address.kind) {
        None => add(Lack::Kind, resource.mark),
        Some(can) => {
            let lacks = resource.fields.iter().map(|(id, _)| id).filter(|id| can.lacks(resource.def(), *id));
            lacks.for_each(|id| add(Lack::Field(id), resource.mark_of(id)));
        }
    }
}

/// What the portal lacks, as its document wants it reported.
fn unsupported(portal: &PortalSpec, lacking: Lacking) -> Vec<Diagnostic> {
    match portal.unsupported {
        Unsupported::Ignore => Vec::new(),
        Unsupported::Warning => lacking.diagnostics(|summary| Diagnostic::warning(codes::run::UNSUPPORTED_LEFT_OUT, summary)),
        Unsupported::Error => lacking.diagnostics(|summary| Diagnostic::error(codes::run::UNSUPPORTED, summary)),
    }
}

fn place(desired: &Desired, resource: &Resource) -> Range {
    place_of(desired, resource, resource.mark)
}

pub(super) fn place_of(desired: &Desired, resource: &Resource, mark: Mark) -> Range {
    Range {
        file: desired.sources.path(resource.source).to_owned(),
        line: mark.line,
        column: u32::from(mark.column),
        length: 0,
        line_text: None,
    }
}
