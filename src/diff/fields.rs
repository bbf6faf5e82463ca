//! One object's fields, three ways: as declared, as last applied, as live.

use super::identity::Identity;
use super::{Action, Cause, FieldChange, Finding, Input, Purpose};
use crate::model::kind::Sense;
use crate::model::ledger::{Attestation, applied_digest};
use crate::model::portal_spec::Unsupported;
use crate::model::{Completeness, Digest, FieldId, FieldSupport, Fields, KindCapability, KindDef, LedgerRow, LiveObject, Resource, Value};

/// What a comparison of one object found.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// The declared fields that differ, in the order of the table.
    pub(super) changes: Vec<FieldChange>,
    /// The fields that differ from what was last applied.
    pub(super) drifted: Vec<(FieldId, Option<Value>)>,
    /// Secrets that cannot be read.
    pub(super) findings: Vec<Finding>,
    /// True if a field differs that the portal never changes.
    pub(super) replace: bool,
    /// Declared fields of what is not ours that its record does not speak of: nothing is known of them, and nothing is made up.
    pub(super) unseen: Vec<FieldId>,
}

/// Compares an object's fields with what is declared and what was last applied. Where nobody shows the object, with the latter alone.
pub(super) fn compare(
    input: &Input<'_>,
    identity: &Identity<'_>,
    capability: &KindCapability,
    resource: &Resource,
    object: Option<&LiveObject>,
    row: Option<&LedgerRow>,
) -> Compared {
    let def = resource.def();
    let mut out = Compared::default();
    let record = object.and_then(|object| record_behind(input, identity, resource, object));
    let looked_at = |id: FieldId| record.is_none_or(|r| r.speaks_of(def.field(id).path));
    for (id, declared) in resource.fields.iter() {
        let field = def.field(id);
        let support = capability.field(id);
        if support == FieldSupport::Unsupported || created_only(field.sense) {
            continue;
        }
        let applied = row.and_then(|r| applied_digest(&r.applied, field.path));
        if field.ty.is_secret() {
            // One that we never wrote is unknown, whoever saw what has it: it is set once, and then the ledger knows it.
            compare_secret(input, resource, id, row, &mut out);
            continue;
        }
        if object.is_some_and(|o| input.live.is_unknown(o, id)) {
            // As it was applied it is taken to be; what is to change is not written over what nobody can see.
            if applied != Some(Digest::of_field(Some(declared))) {
                out.findings.push(unknown(input, resource, id));
            }
            continue;
        }
        let live = match support {
            FieldSupport::Technician => recorded(input, resource, id).map(Some),
            FieldSupport::WriteOnly => None,
            FieldSupport::Full | FieldSupport::Immutable | FieldSupport::Unsupported => {
                object.filter(|_| looked_at(id)).map(|o| o.fields.get(id).map(|v| identity.named(&field.ty, v)))
            }
        };
        let Some(live) = live else {
            if record.is_some() && row.is_none() {
                out.unseen.push(id);
                continue;
            }
            let wanted = Digest::of_field(Some(declared));
            if applied != Some(wanted) {
                out.replace |= support == FieldSupport::Immutable && applied.is_some();
                out.changes.push(FieldChange {
                    field: id,
                    before: None,
                    after: Some(declared.clone()),
                    sensitive: false,
                    cause: Cause::Manifest,
                });
            }
            continue;
        };
        if same(declared, live.as_ref()) {
            continue;
        }
        let (wanted, shown) = (Digest::of_field(Some(declared)), Digest::of_field(live.as_ref()));
        if applied.is_some_and(|a| a != shown) {
            out.drifted.push((id, live.clone()));
        }
        out.replace |= support == FieldSupport::Immutable;
        out.changes.push(FieldChange {
            field: id,
            before: live,
            after: Some(declared.clone()),
            sensitive: false,
            cause: cause(applied, wanted, shown),
        });
    }
    if input.purpose == Purpose::Look {
        out.drifted = object.zip(row).map(|(object, row)| drift(input, identity, capability, def, object, row)).unwrap_or_default();
        out.drifted.retain(|(id, _)| looked_at(*id));
    }
    out
}

/// The record that alone speaks for an object: the portal does not show it. Of what such a record leaves out nothing is known.
fn record_behind<'a>(input: &Input<'a>, identity: &Identity<'_>, resource: &Resource, object: &LiveObject) -> Option<&'a Attestation> {
    let shown = identity.object(object.kind, &object.id).is_some();
    input.ledger.attestations.get(&resource.address).filter(|_| !shown)
}

/// A field of which nobody can tell what it has, and which is to have something else than was last applied.
fn unknown(input: &Input<'_>, resource: &Resource, field: FieldId) -> Finding {
    let why = match input.live.collections.get(&resource.address.kind).map(|c| &c.completeness) {
        Some(Completeness::Incomplete { why }) => why.as_str(),
        Some(Completeness::Complete | Completeness::Unreadable) | None => "a list was not read to its end",
    };
    Finding::FieldUnknown { field, why: why.to_owned() }
}

/// What a technician recorded of a field that no call shows; `None`: nobody recorded it, and what was last applied is all there is.
fn recorded(input: &Input<'_>, resource: &Resource, field: FieldId) -> Option<Value> {
    let record = input.ledger.attestations.get(&resource.address).filter(|a| a.present && a.until >= input.now)?;
    Fields::from_json(resource.def(), &record.fields).ok()?.get(field).cloned()
}

/// Every field that differs from what was last applied, declared today or not.
pub(super) fn drift(
    input: &Input<'_>,
    identity: &Identity<'_>,
    capability: &KindCapability,
    def: &'static KindDef,
    object: &LiveObject,
    row: &LedgerRow,
) -> Vec<(FieldId, Option<Value>)> {
    let fields = def.fields().filter_map(|(id, field)| Some((id, field, applied_digest(&row.applied, field.path)?)));
    fields
        .filter(|(id, field, _)| {
            matches!(capability.field(*id), FieldSupport::Full | FieldSupport::Immutable)
                && !created_only(field.sense)
                && !field.ty.is_secret()
                && !input.live.is_unknown(object, *id)
        })
        .filter_map(|(id, field, applied)| {
            let live = object.fields.get(id).map(|v| identity.named(&field.ty, v));
            (Digest::of_field(live.as_ref()) != applied).then_some((id, live))
        })
        .collect()
}

/// The fields of something that is made: all of them, with what its secrets lack.
pub(super) fn of_creation(input: &Input<'_>, resource: &Resource, supported: &Fields) -> (Vec<FieldChange>, Vec<Finding>) {
    let def = resource.def();
    let change = |(id, value): (FieldId, &Value)| FieldChange {
        field: id,
        before: None,
        after: Some(value.clone()),
        sensitive: def.field(id).ty.is_secret(),
        cause: Cause::Manifest,
    };
    let unreadable = supported.iter().filter_map(|(id, _)| match input.macs.get(&(resource.address.clone(), id)) {
        Some(Err(why)) => Some(Finding::UnreadableSecret { why: why.clone() }),
        Some(Ok(_)) | None => None,
    });
    (supported.iter().map(change).collect(), unreadable.collect())
}

/// The declared fields that the portal has.
pub(super) fn supported(capability: &KindCapability, resource: &Resource) -> Fields {
    let mut fields = Fields::new();
    for (id, value) in resource.fields.iter().filter(|(id, _)| capability.field(*id) != FieldSupport::Unsupported) {
        fields.set(id, value.clone());
    }
    fields
}

/// The declared fields that the portal lacks, as its document wants them reported.
pub(super) fn unsupported(input: &Input<'_>, capability: &KindCapability, resource: &Resource) -> Vec<Finding> {
    if input.portal.unsupported == Unsupported::Ignore || capability.fields.is_empty() {
        return Vec::new();
    }
    let lacking = resource.fields.iter().filter(|(id, _)| capability.lacks(resource.def(), *id));
    lacking
        .map(|(id, _)| Finding::Unsupported {
            what: format!(
                "portal {} does not support the field `{}` of {}",
                input.portal.name,
                resource.def().field(id).path,
                resource.def().nouns
            ),
            field: Some(id),
            named: None,
            refuses: input.portal.unsupported == Unsupported::Error,
        })
        .collect()
}

/// What is done about changed fields.
pub(super) fn actions(def: &KindDef, changes: &[FieldChange], replace: bool) -> Vec<Action> {
    if replace {
        return vec![Action::Replace];
    }
    let mut actions = vec![Action::Update];
    for change in changes {
        let list = |v: &Option<Value>| v.as_ref().and_then(Value::as_list).map(<[Value]>::to_vec).unwrap_or_default();
        match def.field(change.field).sense {
            Sense::Suspended if change.after.as_ref().is_some_and(Value::is_true) => actions.push(Action::Suspend),
            Sense::Share => {
                let (before, after) = (list(&change.before), list(&change.after));
                if after.iter().any(|v| !before.contains(v)) {
                    actions.push(Action::Share);
                }
                if before.iter().any(|v| !after.contains(v)) {
                    actions.push(Action::Unshare);
                }
            }
            _ => {}
        }
    }
    actions
}

/// The one cause of several changes.
pub(super) fn common_cause(changes: &[FieldChange]) -> Cause {
    let mut causes = changes.iter().map(|c| c.cause);
    let first = causes.next().unwrap_or(Cause::Manifest);
    if causes.all(|c| c == first) { first } else { Cause::Both }
}

/// A cause as a sentence.
pub(super) fn reason(cause: Cause) -> &'static str {
    match cause {
        Cause::Manifest => "the manifest changed",
        Cause::Drift => "somebody changed it in the portal",
        Cause::Both => "the manifest changed, and somebody changed it in the portal",
        Cause::Baseline => "a baseline changed",
        Cause::Expiry => "something expired",
    }
}

/// True for arguments of creation and of the engine: they mean nothing to an object that exists, and are never compared.
pub const fn created_only(sense: Sense) -> bool {
    matches!(sense, Sense::CreationOnly | Sense::DeferUntil | Sense::Notify | Sense::ResendWhenExpired | Sense::Offboard)
}

/// Equal, or both empty: a portal may leave out what is empty.
fn same(declared: &Value, live: Option<&Value>) -> bool {
    live.map_or(declared.is_empty(), |live| live == declared || (live.is_empty() && declared.is_empty()))
}

fn cause(applied: Option<Digest>, wanted: Digest, shown: Digest) -> Cause {
    match applied {
        None => Cause::Manifest,
        Some(applied) if applied == shown => Cause::Manifest,
        Some(applied) if applied == wanted => Cause::Drift,
        Some(_) => Cause::Both,
    }
}

fn compare_secret(input: &Input<'_>, resource: &Resource, id: FieldId, row: Option<&LedgerRow>, out: &mut Compared) {
    match input.macs.get(&(resource.address.clone(), id)) {
        None => {}
        Some(Err(why)) => out.findings.push(Finding::UnreadableSecret { why: why.clone() }),
        Some(Ok(mac)) => {
            let recorded = row.and_then(|r| applied_digest(&r.secrets, resource.def().field(id).path));
            if recorded != Some(*mac) {
                let after = resource.fields.get(id).cloned();
                out.changes.push(FieldChange { field: id, before: None, after, sensitive: true, cause: Cause::Manifest });
            }
        }
    }
}
