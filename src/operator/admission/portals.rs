//! What a change of a portal's own document means for the organizations that it serves. Comes in: what is declared before and after. Goes out:
//! sentences. Pure: no portal is read for it, since it would have to be read whole.

use std::collections::BTreeSet;

use super::Said;
use super::declared::Declared;
use super::effects::Weight;
use super::review::Change;
use crate::model::portal_spec::DeletionPolicy;
use crate::model::{ApprovalMode, Control, PortalSpec, TenantName};

/// Says what the change means.
pub(super) fn of(change: &Change, declared: &Declared, said: &mut Said) {
    let (before, after) = (of_document(change, declared, true), of_document(change, declared, false));
    let serves = |spec: Option<&PortalSpec>| spec.and_then(|s| s.organizations.clone()).unwrap_or_default().into_iter().collect();
    let (had, has): (BTreeSet<TenantName>, BTreeSet<TenantName>) = (serves(before), serves(after));
    let (lost, won) = (had.difference(&has).count(), has.difference(&had).count());
    match (before, after) {
        (Some(spec), None) if !had.is_empty() => {
            let all = organizations(had.len());
            said.add(Weight::Loss, format!("nothing more is done in portal {}: this leaves {all} there as they are", spec.name));
        }
        (_, Some(spec)) if lost > 0 => {
            let all = organizations(lost);
            said.add(Weight::Loss, format!("portal {} serves {all} less: they stay there as they are, managed by nobody", spec.name));
        }
        _ => {}
    }
    let Some(spec) = after else { return };
    if won > 0 {
        said.add(Weight::Rest, format!("portal {} serves {} more", spec.name, organizations(won)));
    }
    if let Some(former) = before {
        compared(former, spec, said);
    }
}

fn of_document<'d>(change: &Change, declared: &'d Declared, before: bool) -> Option<&'d PortalSpec> {
    let (object, desired) = if before { (&change.before, &declared.before.desired) } else { (&change.after, &declared.after.desired) };
    let path = object.as_ref().map(|_| change.key.path())?;
    desired.portals.iter().find(|spec| spec.source.is_some_and(|source| desired.sources.path(source) == path))
}

fn compared(former: &PortalSpec, spec: &PortalSpec, said: &mut Said) {
    let name = &spec.name;
    let suspended = |control: &Control| control.suspend == Some(true);
    match (suspended(&former.control), suspended(&spec.control)) {
        (false, true) => said.add(Weight::Held, format!("nothing is done in portal {name} until it is resumed")),
        (true, false) => said.add(Weight::Held, format!("what waited in portal {name} is done now")),
        _ => {}
    }
    if former.profile != spec.profile || former.endpoint != spec.endpoint {
        said.add(Weight::Held, format!("portal {name} is another one now: what was recorded of the former is looked for there"));
    }
    let asks = |control: &Control| control.approval.unwrap_or_default();
    match (asks(&former.control), asks(&spec.control)) {
        (a, b) if a == b => {}
        (_, ApprovalMode::Auto) => said.add(Weight::Held, format!("changes in portal {name} wait for nobody's approval any more")),
        (_, ApprovalMode::Manual) => said.add(Weight::Held, format!("every change in portal {name} waits for approval")),
        (_, ApprovalMode::AutoUnlessDestructive) => {
            said.add(Weight::Held, format!("changes in portal {name} that take something away wait for approval"));
        }
    }
    if former.delete_organizations != spec.delete_organizations && spec.delete_organizations == DeletionPolicy::Delete {
        said.add(Weight::Loss, format!("organizations that are no longer declared are deleted in portal {name}"));
    }
    if former.delete_members != spec.delete_members && spec.delete_members == DeletionPolicy::Orphan {
        said.add(Weight::Access, format!("people who are no longer declared keep their access in portal {name}"));
    }
    if former.limits != spec.limits {
        said.add(Weight::Held, format!("how much may be deleted in portal {name} without approval is another number"));
    }
}

fn organizations(count: usize) -> String {
    format!("{count} organization{}", if count == 1 { "" } else { "s" })
}
