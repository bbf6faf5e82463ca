//! What a portal's profile says of manifests alone, with nothing live: rules that need no live state, keys that two tenants cannot both have,
//! and what the portal lacks. Pure.

use super::lacking::Lacking;
use super::shared_keys::SharedKeys;
use crate::diagnostic::{Diagnostic, Range, codes};
use crate::model::portal_spec::Unsupported;
use crate::model::rule::{Conduct, Subject, Verdict, Violation};
use crate::model::{Address, Capabilities, Desired, IntentAction, PortalSpec, Resource, Tenant, TenantName};

/// Checks everything that is declared for a portal, as if it were about to be made.
pub fn check(desired: &Desired, portal: &PortalSpec, capabilities: &Capabilities, conduct: &dyn Conduct) -> Vec<Diagnostic> {
    let shared = SharedKeys::of(desired, portal, capabilities);
    let served = desired.tenants.iter().filter(|(name, _)| portal.serves(name));
    let resources = served.flat_map(|(name, tenant)| tenant.resources.iter().map(move |r| (name, tenant, r)));
    resources
        .flat_map(|(name, tenant, resource)| {
            let taken = shared.other(resource).map(|other| taken(desired, portal, resource, other));
            taken.into_iter().chain(of_resource(desired, portal, conduct, (name, tenant), resource))
        })
        .chain(unsupported(desired, portal, capabilities, conduct))
        .collect()
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
            Verdict::Warns | Verdict::LeavesOut => Diagnostic::warning(codes::run::RULE_WARNS, summary),
        }
    });
    broken.map(|d| d.about(&resource.address).at(Some(place(desired, resource)))).collect()
}

/// What the portal lacks, as its document wants it reported. Of what is left out anyway nothing is missed.
fn unsupported(desired: &Desired, portal: &PortalSpec, capabilities: &Capabilities, conduct: &dyn Conduct) -> Vec<Diagnostic> {
    let mut lacking = Lacking::default();
    let served = desired.tenants.iter().filter(|(name, _)| portal.serves(name));
    let lacks = |r: &Resource| capabilities.kind(r.address.kind).is_none_or(|can| r.fields.iter().any(|(id, _)| can.lacks(r.def(), id)));
    let left_out = |v: &Violation| v.verdict == Verdict::LeavesOut;
    for (name, tenant, resource) in served.flat_map(|(name, tenant)| tenant.resources.iter().map(move |r| (name, tenant, r))) {
        if lacks(resource) && violations(portal, conduct, (name, tenant), resource).iter().any(left_out) {
            continue;
        }
        let mut add = |field| lacking.add(&portal.name, &resource.address, field, || Some(place(desired, resource)));
        match capabilities.kind(resource.address.kind) {
            None => add(None),
            Some(can) => {
                resource.fields.iter().filter(|(id, _)| can.lacks(resource.def(), *id)).for_each(|(id, _)| add(Some(id)));
            }
        }
    }
    match portal.unsupported {
        Unsupported::Ignore => Vec::new(),
        Unsupported::Warning => lacking.diagnostics(|summary| Diagnostic::warning(codes::run::UNSUPPORTED_LEFT_OUT, summary)),
        Unsupported::Error => lacking.diagnostics(|summary| Diagnostic::error(codes::run::UNSUPPORTED, summary)),
    }
}

fn place(desired: &Desired, resource: &Resource) -> Range {
    Range {
        file: desired.sources.path(resource.source).to_owned(),
        line: resource.mark.line,
        column: u32::from(resource.mark.column),
        length: 0,
        line_text: None,
    }
}
