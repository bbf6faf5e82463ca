//! What speaks for an object not being there, where the portal shows none.

use super::{Finding, Input};
use crate::model::ledger::Attestation;
use crate::model::live::{KeyHolder, normalise_key};
use crate::model::{Completeness, Kind, KindCapability, Readability, Resource};

/// What speaks for an object not being there.
pub(super) enum Absence<'a> {
    /// The collection was read to its end, and it is not in it.
    Proven,
    /// Nothing: it may be there.
    Unknown(String),
    /// The portal cannot be read, and a person recorded what they saw.
    Attested(&'a Attestation),
    /// The portal cannot be read, and nobody recorded anything.
    NoRecord,
}

/// What speaks for a resource not being there.
pub(super) fn of<'a>(input: &Input<'a>, capability: &KindCapability, resource: &Resource) -> Absence<'a> {
    let kind = resource.address.kind;
    if unreadable(input, capability, kind) {
        return match input.ledger.attestations.get(&resource.address) {
            Some(record) if record.until < input.now => {
                Absence::Unknown(format!("{} recorded it at {:.0}, which was believed until {:.0}", record.by, record.at, record.until))
            }
            Some(record) => Absence::Attested(record),
            None => Absence::NoRecord,
        };
    }
    match input.live.collections.get(&kind).map(|c| &c.completeness) {
        Some(Completeness::Complete) => Absence::Proven,
        Some(Completeness::Incomplete { why }) => Absence::Unknown(why.clone()),
        Some(Completeness::Unreadable) | None => Absence::Unknown(format!("the portal did not answer for {}", kind.def().nouns)),
    }
}

/// True if nothing of this kind can be read, in the portal or in this tenant of it: only a technician's record speaks.
pub(super) fn unreadable(input: &Input<'_>, capability: &KindCapability, kind: Kind) -> bool {
    let here = input.live.collections.get(&kind).map(|c| &c.completeness);
    capability.read == Readability::Unreadable || here == Some(&Completeness::Unreadable)
}

/// Where it is instead, though it is not here: its portal-wide key is held elsewhere, or its pinned id is nobody's. `ours`: the ledger has it.
pub(super) fn elsewhere(input: &Input<'_>, resource: &Resource, ours: bool) -> Option<Finding> {
    if let Some(pinned) = resource.external_id() {
        let why = format!("the manifest pins id {pinned}, and the portal shows no such {}", resource.def().noun);
        return Some(Finding::AmbiguousIdentity { why });
    }
    match held(input, resource, None)? {
        Finding::KeyTaken { by } if ours => {
            let key = normalise_key(resource.natural_key());
            Some(Finding::AmbiguousIdentity { why: format!("it is ours in the ledger, and {key} now belongs to {by}") })
        }
        other => Some(other),
    }
}

/// Who holds the portal-wide key that a resource is to have, other than the object with the id `own`.
pub(super) fn held(input: &Input<'_>, resource: &Resource, own: Option<&str>) -> Option<Finding> {
    let key = normalise_key(resource.natural_key());
    match input.holders.get(&(resource.address.kind, key))? {
        KeyHolder::Held { id: Some(id), .. } if Some(&**id) == own => None,
        KeyHolder::Free => None,
        KeyHolder::Held { tenant, id: _ } => {
            Some(Finding::KeyTaken { by: tenant.as_deref().map_or_else(|| "somebody we cannot see".to_owned(), holder_in) })
        }
        KeyHolder::Unknown { why } => Some(Finding::ObservationIncomplete { why: why.clone() }),
    }
}

/// The words of a finding for a key that another tenant holds: what may free it is found by them.
pub(crate) fn holder_in(tenant: &str) -> String {
    format!("tenant {tenant}")
}
