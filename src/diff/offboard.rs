//! A tenant that is offboarded: nobody keeps access to it unnoticed. What stays with access is no change and no silence, but a finding.

use super::identity::Identity;
use super::{Delta, Finding, Input, Purpose, Retained, TenantDiff, undeclared};
use crate::model::kind::{Bearing, Placement, Sense};
use crate::model::live::normalise_key;
use crate::model::{Address, Kind, LedgerRow, LiveObject, ObjectState, Tenant, Value};

/// True if objects of this kind are taken away because the tenant is offboarded.
pub(super) fn takes_access(input: &Input<'_>, kind: Kind) -> bool {
    let offboarded = input.purpose == Purpose::Converge && input.desired.is_some_and(Tenant::offboarded);
    offboarded && kind.def().bearing == Bearing::Access
}

/// What is ours and stays: retained, unless it keeps access that is to be taken away.
pub(super) fn keep(input: &Input<'_>, identity: &Identity<'_>, row: &LedgerRow, why: &str, out: &mut TenantDiff) {
    let object = row.id.as_deref().and_then(|id| identity.object(row.address.kind, id));
    if !takes_access(input, row.address.kind) || object.is_some_and(|o| !has_access(o)) {
        return out.retained.push(Retained { address: row.address.clone(), why: why.to_owned(), unseen: false });
    }
    let mut delta = undeclared::blank(row);
    delta.findings.push(Finding::KeepsAccess { who: format!("{}: {why}", row.key) });
    out.deltas.push(delta);
}

/// Who has access that nobody declared: only a person can take that away, so the tenant says who.
pub(super) fn strangers(input: &Input<'_>, identity: &Identity<'_>, out: &mut TenantDiff) {
    let Some(tenant) = input.desired else { return };
    let own = input.portal.account.email.as_deref().map(normalise_key);
    let keeps = |kind: Kind, id: &str| identity.object(kind, id).is_some_and(|o| has_access(o) && Some(&o.key) != own.as_ref());
    let strangers = out.unmanaged.iter().filter(|u| takes_access(input, u.kind) && !u.portals_own && keeps(u.kind, &u.id));
    let why = "not ours; take it away in the portal";
    let findings: Vec<_> = strangers.map(|u| Finding::KeepsAccess { who: format!("{}: {why}", u.key) }).collect();
    let Some(organization) = tenant.organization().filter(|_| !findings.is_empty()) else { return };
    match out.deltas.iter_mut().find(|d| d.address == organization.address) {
        Some(delta) => delta.findings.extend(findings),
        None => out.deltas.push(of_organization(&organization.address, findings)),
    }
}

fn has_access(object: &LiveObject) -> bool {
    let suspended = object.def().with_sense(Sense::Suspended).any(|(id, _)| object.fields.get(id).is_some_and(Value::is_true));
    !suspended && object.state != ObjectState::InvitationExpired
}

fn of_organization(address: &Address, findings: Vec<Finding>) -> Delta {
    debug_assert!(address.kind.def().placement == Placement::Tenant, "access is kept to a tenant");
    Delta { findings, ..Delta::about(address.clone(), normalise_key(address.name.as_str())) }
}
