//! What a portal's profile says of manifests alone, with nothing live: rules that need no live state, keys that two tenants cannot both have,
//! and what the portal lacks. Pure.

use super::shared_keys::SharedKeys;
use crate::diagnostic::{Diagnostic, Range, codes};
use crate::model::portal_spec::Unsupported;
use crate::model::rule::{Conduct, Subject, Verdict};
use crate::model::{Address, Capabilities, Desired, IntentAction, PortalSpec, Resource, Tenant, TenantName};

/// Checks everything that is declared for a portal, as if it were about to be made.
pub fn check(desired: &Desired, portal: &PortalSpec, capabilities: &Capabilities, conduct: &dyn Conduct) -> Vec<Diagnostic> {
    let shared = SharedKeys::of(desired, portal, capabilities);
    let served = desired.tenants.iter().filter(|(name, _)| portal.serves(name));
    let resources = served.flat_map(|(name, tenant)| tenant.resources.iter().map(move |r| (name, tenant, r)));
    resources
        .flat_map(|(name, tenant, resource)| {
            let taken = shared.other(resource).map(|other| taken(desired, portal, resource, other));
            taken.into_iter().chain(of_resource(desired, portal, capabilities, conduct, (name, tenant), resource))
        })
        .collect()
}

/// Its natural key is another tenant's too.
fn taken(desired: &Desired, portal: &PortalSpec, resource: &Resource, other: &Address) -> Diagnostic {
    let key = resource.natural_key();
    let summary =
        format!("portal {}: `{key}` is declared by {other} too, and only one {} there can have it", portal.name, resource.def().noun);
    Diagnostic::error(codes::run::KEY_DECLARED_TWICE, summary).about(&resource.address).at(Some(place(desired, resource)))
}

fn of_resource(
    desired: &Desired,
    portal: &PortalSpec,
    capabilities: &Capabilities,
    conduct: &dyn Conduct,
    (name, tenant): (&TenantName, &Tenant),
    resource: &Resource,
) -> Vec<Diagnostic> {
    let subject = Subject {
        tenant: name,
        kind: resource.address.kind,
        action: IntentAction::Create,
        declared: Some(resource),
        after: Some(&resource.fields),
        before: None,
        desired: Some(tenant),
        live: None,
        account: &portal.account,
    };
    let broken = conduct.violations(&subject).into_iter().map(|v| {
        let summary = format!("portal {}: {}: {}", portal.name, v.rule, v.message);
        match v.verdict {
            Verdict::Refuses => Diagnostic::error(codes::run::RULE_REFUSES, summary),
            Verdict::Warns | Verdict::LeavesOut => Diagnostic::warning(codes::run::RULE_WARNS, summary),
        }
    });
    let lacking = unsupported(portal, capabilities, resource).into_iter().map(|what| match portal.unsupported {
        Unsupported::Error => Diagnostic::error(codes::run::UNSUPPORTED, what),
        Unsupported::Warning | Unsupported::Ignore => Diagnostic::warning(codes::run::UNSUPPORTED_LEFT_OUT, what),
    });
    broken.chain(lacking).map(|d| d.about(&resource.address).at(Some(place(desired, resource)))).collect()
}

fn unsupported(portal: &PortalSpec, capabilities: &Capabilities, resource: &Resource) -> Vec<String> {
    if portal.unsupported == Unsupported::Ignore {
        return Vec::new();
    }
    let def = resource.def();
    let Some(capability) = capabilities.kind(resource.address.kind) else {
        return vec![format!("portal {} has no {}", portal.name, def.nouns)];
    };
    let lacking = resource.fields.iter().filter(|(id, _)| capability.lacks(def, *id));
    lacking.map(|(id, _)| format!("portal {} has no field `{}` for a {}", portal.name, def.field(id).path, def.noun)).collect()
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
