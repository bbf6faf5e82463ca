//! Who administers a tenant: now, and once changes are made. Comes in: what is live, what is recorded, and the changes. Goes out: natural keys, and
//! the changes about people of whom nobody knows whether they administer it. Where a portal does not show its people, the ledger and the
//! technicians' records speak; of whom they say nothing nothing is made up.

use std::collections::BTreeSet;

use super::{Action, Change};
use crate::diff::Input;
use crate::model::kind::Sense;
use crate::model::ledger::{Attestation, applied_digest};
use crate::model::live::normalise_key;
use crate::model::{
    Address, Completeness, Digest, FieldId, FieldSupport, Fields, Kind, KindCapability, LedgerRow, ObjectState, Origin, Readability, Value,
};

/// How far it is known who administers a tenant, for one kind of its people.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// All of them are shown.
    Shown,
    /// The portal shows nobody: records speak.
    Recorded,
    /// Some are shown, and there may be others.
    InPart,
}

/// Who administers a tenant before anything is done.
pub(super) struct Administrators {
    /// Their natural keys.
    pub(super) now: BTreeSet<String>,
    /// True if there may be others.
    pub(super) unknown: bool,
}

impl Administrators {
    /// Who is suspended administers nothing; who is merely invited does, or a new tenant never could.
    pub(super) fn of(input: &Input<'_>) -> Self {
        let objects = input.live.collections.values().flat_map(|c| &c.objects);
        let invited_in_vain = |state: ObjectState| state == ObjectState::InvitationExpired;
        let shown = objects.filter(|o| administers(o.kind, &o.fields) && !invited_in_vain(o.state)).map(|o| o.key.to_string());
        let kinds: Vec<_> = kinds(input).collect();
        let recorded = kinds.iter().filter(|(_, known)| *known == Known::Recorded).flat_map(|(kind, _)| recorded(input, *kind));
        // Of a tenant that is yet to be made nobody administers anything.
        let is_there = !input.ledger.rows.is_empty() || input.ledger.attestations.values().any(|a| a.present);
        let unknown = kinds.iter().any(|(_, known)| *known == Known::InPart || *known == Known::Recorded && is_there);
        Self { now: shown.chain(recorded).collect(), unknown }
    }
}

/// The changes about people of whom neither the portal nor a record says whether they administer the tenant, and those about all of its people
/// where the portal did not show them all.
pub(super) fn in_doubt(input: &Input<'_>, changes: &[Change]) -> BTreeSet<Address> {
    let kinds: Vec<_> = kinds(input).collect();
    let in_part = kinds.iter().any(|(_, known)| *known == Known::InPart);
    let doubtful = |change: &&Change| {
        let kind = change.address.kind;
        match kinds.iter().find(|(k, _)| *k == kind) {
            Some((_, Known::Shown)) => false,
            Some((_, Known::Recorded)) => record_of(input, &change.address).is_none(),
            Some((_, Known::InPart)) => !is_shown_as_none(input, change),
            None => in_part && kind.def().with_sense(Sense::Offboard).next().is_some(),
        }
    };
    changes.iter().filter(doubtful).map(|c| c.address.clone()).collect()
}

/// The kinds of people who may administer something in this portal. Where it makes no administrators, there are none to lose.
fn kinds<'a>(input: &'a Input<'_>) -> impl Iterator<Item = (Kind, Known)> + 'a {
    let has = |kind: Kind, c: &KindCapability| with_sense(kind, Sense::Administrator).any(|id| c.field(id) != FieldSupport::Unsupported);
    input.capabilities.kinds.iter().filter(move |(kind, c)| has(**kind, c)).map(|(kind, capability)| {
        let here = input.live.collections.get(kind).map(|c| &c.completeness);
        let known = match here {
            Some(Completeness::Complete) => Known::Shown,
            Some(Completeness::Unreadable) => Known::Recorded,
            _ if capability.read == Readability::Unreadable => Known::Recorded,
            Some(Completeness::Incomplete { .. }) | None => Known::InPart,
        };
        (*kind, known)
    })
}

/// True for somebody whom the portal shows, and who administers nothing.
fn is_shown_as_none(input: &Input<'_>, change: &Change) -> bool {
    let key = change.key_before().unwrap_or_else(|| change.key.clone());
    let mut shown = input.live.objects(change.address.kind).iter();
    shown.find(|o| change.id.as_ref().map_or(o.key == key, |id| o.id == *id)).is_some_and(|o| !administers(o.kind, &o.fields))
}

/// The natural keys of those who administer the tenant as far as is recorded.
fn recorded<'a>(input: &'a Input<'_>, kind: Kind) -> impl Iterator<Item = String> + 'a {
    let addresses: BTreeSet<_> = input.ledger.rows.keys().chain(input.ledger.attestations.keys()).filter(|a| a.kind == kind).collect();
    addresses.into_iter().filter(|address| record_of(input, address) == Some(true)).filter_map(move |address| {
        let of_record = || {
            let key = kind.def().key_field()?;
            believed(input, address)?.1.get(key)?.as_text().map(normalise_key)
        };
        input.ledger.rows.get(address).map(|row| row.key.clone()).or_else(of_record).map(|key| key.to_string())
    })
}

/// Whether somebody administers the tenant as far as is recorded; `None`: nothing says.
fn record_of(input: &Input<'_>, address: &Address) -> Option<bool> {
    let row = input.ledger.rows.get(address);
    let attested = believed(input, address);
    if attested.as_ref().is_some_and(|(a, _)| !a.present) {
        return Some(false);
    }
    let flag = |sense: Sense| {
        with_sense(address.kind, sense).find_map(|id| {
            let seen = attested.as_ref().filter(|(a, _)| a.speaks_of(address.kind.def().field(id).path));
            seen.map(|(_, fields)| fields.get(id).is_some_and(Value::is_true)).or_else(|| applied(row?, address, id))
        })
    };
    // What we made and never made an administrator is none; of what we took over nobody may have looked.
    let administrator = flag(Sense::Administrator).or_else(|| row.filter(|r| r.origin == Origin::Created).map(|_| false))?;
    Some(administrator && flag(Sense::Suspended) != Some(true))
}

fn believed<'a>(input: &Input<'a>, address: &Address) -> Option<(&'a Attestation, Fields)> {
    let record = input.ledger.attestations.get(address).filter(|a| a.until >= input.now)?;
    Some((record, Fields::from_json(address.kind.def(), &record.fields).unwrap_or_default()))
}

fn applied(row: &LedgerRow, address: &Address, field: FieldId) -> Option<bool> {
    let digest = applied_digest(&row.applied, address.kind.def().field(field).path)?;
    Some(digest == Digest::of_field(Some(&Value::Bool(true))))
}

/// Who administers the tenant once these changes are made. Who goes is taken out before who comes is put in: a key may pass from one to the other.
pub(super) fn after(before: &BTreeSet<String>, changes: &[Change]) -> BTreeSet<String> {
    let administered = |c: &&Change| with_sense(c.address.kind, Sense::Administrator).next().is_some();
    let (mut gone, mut come) = (BTreeSet::new(), BTreeSet::new());
    for change in changes.iter().filter(administered) {
        let Some(action) = change.action() else { continue };
        let key = change.key_before().unwrap_or_else(|| change.key.clone()).to_string();
        let administers = match action {
            Action::Delete => false,
            Action::Create | Action::Replace => administers(change.address.kind, &change.desired),
            _ => administers_updated(change, before.contains(&key)),
        };
        gone.insert(key);
        come.extend(administers.then(|| change.key.to_string()));
    }
    before.difference(&gone).cloned().chain(come).collect()
}

fn administers_updated(change: &Change, was: bool) -> bool {
    let def = change.address.kind.def();
    let flag = |sense| {
        with_sense(change.address.kind, sense)
            .find_map(|id| change.fields.iter().find(|f| f.field == id))
            .map(|f| f.after.as_ref().is_some_and(Value::is_true))
    };
    let administrator = flag(Sense::Administrator).unwrap_or(was || declared(change, Sense::Administrator));
    let suspended = flag(Sense::Suspended).unwrap_or_else(|| declared(change, Sense::Suspended));
    let touched = |f: &super::FieldChange| matches!(def.field(f.field).sense, Sense::Administrator | Sense::Suspended);
    administrator && !suspended && (was || change.fields.iter().any(touched))
}

/// True if a field of this sense is declared to be so.
pub(super) fn declared(change: &Change, sense: Sense) -> bool {
    with_sense(change.address.kind, sense).any(|id| change.desired.get(id).is_some_and(Value::is_true))
}

fn administers(kind: Kind, fields: &Fields) -> bool {
    let is = |sense| with_sense(kind, sense).any(|id| fields.get(id).is_some_and(Value::is_true));
    is(Sense::Administrator) && !is(Sense::Suspended)
}

fn with_sense(kind: Kind, sense: Sense) -> impl Iterator<Item = FieldId> {
    kind.def().with_sense(sense).map(|(id, _)| id)
}
