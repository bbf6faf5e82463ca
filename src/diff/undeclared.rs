//! What is ours and no longer declared: the rows of the truth table (design, section 4) in which nothing is declared. A deletion comes out only
//! if everything that must hold holds; else what stays says which condition failed.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::identity::Identity;
use super::{
    Action, Cause, Delta, Drift, DriftKind, Finding, Input, Purpose, Retained, TenantDiff, Waiting, absence, begun, fields, offboard,
    orders,
};
use crate::model::kind::Bearing;
use crate::model::portal_spec::DeletionPolicy;
use crate::model::{Address, Completeness, Fields, Intent, IntentAction, LedgerRow, LiveObject, ObjectState, Origin};

/// Something ours that nothing declares.
struct Ours<'a> {
    /// Its row; for what only an open intent tells of, the row that its object gets.
    row: Cow<'a, LedgerRow>,
    /// Its object.
    object: Option<&'a LiveObject>,
    /// The intent of an interrupted run that made the object.
    made_by: Option<&'a Intent>,
}

/// Looks at every row of the ledger that nothing declared takes up, and at what interrupted runs set out to make.
pub(super) fn compare<'a>(input: &Input<'a>, identity: &Identity<'a>, out: &mut TenantDiff) {
    let rows = input.ledger.rows.values().filter(|r| !identity.is_declared(&r.address) && !identity.moved(r));
    if input.purpose == Purpose::Look {
        return rows.for_each(|row| look(input, identity, row, out));
    }
    let ours = rows.filter_map(|row| of_row(input, identity, row, out)).collect::<Vec<_>>().into_iter();
    let begun = begun::creations_of_undeclared(input, identity).filter_map(|i| of_intent(input, identity, i, out));
    let ours: Vec<_> = ours.chain(begun.collect::<Vec<_>>()).collect();
    if input.desired.is_none() {
        return orphan(input, &ours, out);
    }
    for ours in &ours {
        undeclared(input, identity, ours, out);
    }
    recorded_alone(input, identity, out);
}

/// A row and its object; `None`: which that is cannot be told, and it stays.
fn of_row<'a>(input: &Input<'a>, identity: &Identity<'a>, row: &'a LedgerRow, out: &mut TenantDiff) -> Option<Ours<'a>> {
    let objects = identity.objects_of_row(row);
    let made_by = input.ledger.intents.iter().find(|i| i.action == IntentAction::Create && i.address == row.address);
    if let (Some(intent), true, true) = (made_by, objects.is_empty(), input.live.is_complete(row.address.kind))
        && let Some(object) = only(&row.address, &intent.key, begun::made(input, identity, intent), identity, out)?
    {
        // An interrupted run made it in place of one that was gone.
        return Some(Ours { row: Cow::Borrowed(row), object: Some(object), made_by: Some(intent) });
    }
    let object = if row.id.is_some() { objects.first().copied() } else { only(&row.address, &row.key, objects, identity, out)? };
    Some(Ours { row: Cow::Borrowed(row), object, made_by: None })
}

/// What an open intent tells of.
fn of_intent<'a>(input: &Input<'a>, identity: &Identity<'a>, intent: &'a Intent, out: &mut TenantDiff) -> Option<Ours<'a>> {
    let object = only(&intent.address, &intent.key, begun::made(input, identity, intent), identity, out)?;
    let row = LedgerRow {
        address: intent.address.clone(),
        id: object.map(|o| o.id.clone()),
        key: intent.key.clone(),
        owner: input.installation.into(),
        origin: Origin::Created,
        released: false,
        protected: false,
        applied: Vec::new(),
        secrets: Vec::new(),
    };
    Some(Ours { row: Cow::Owned(row), object, made_by: Some(intent) })
}

/// The one object that a natural key tells of, if any; `None`: it may be several, or something that is declared, and stays.
fn only<'a>(
    address: &Address,
    key: &str,
    objects: Vec<&'a LiveObject>,
    identity: &Identity<'_>,
    out: &mut TenantDiff,
) -> Option<Option<&'a LiveObject>> {
    let why = match objects.as_slice() {
        [] => return Some(None),
        [object] if identity.is_taken(object) => format!("{key} is what another declared resource goes by"),
        [object] => return Some(Some(*object)),
        several => format!("{} objects have the natural key {key}, and which is ours cannot be told", several.len()),
    };
    out.retained.push(Retained { address: address.clone(), why, unseen: false });
    None
}

/// A tenant whose manifest is gone is kept whole: a lost file must never lock anybody out or delete anything.
fn orphan(input: &Input<'_>, ours: &[Ours<'_>], out: &mut TenantDiff) {
    let kept: Vec<_> = ours.iter().filter(|o| o.made_by.is_none() || o.object.is_some()).collect();
    let Some(first) = kept.first() else { return };
    let remedy = match input.purpose {
        Purpose::Destroy => "only what is declared is destroyed: to take it away, declare it again",
        Purpose::Converge | Purpose::Look if input.tenant.is_msp() => "to go on managing it, declare it again",
        Purpose::Converge | Purpose::Look => {
            "declare it again, with `offboard: true` to take access away, or with `deletionPolicy: Delete` to delete it by `--destroy`"
        }
    };
    let why = format!(
        "tenant {} is no longer declared for this portal: it is kept whole with its {} resources, users included; {remedy}",
        first.row.address.tenant,
        kept.len()
    );
    out.retained.push(Retained { address: first.row.address.clone(), why, unseen: false });
}

fn undeclared(input: &Input<'_>, identity: &Identity<'_>, ours: &Ours<'_>, out: &mut TenantDiff) {
    let Ours { row, object, made_by } = ours;
    let mut delta = blank(row);
    delta.resumes = made_by.map(|i| i.id.clone());
    delta.id = object.map(|o| o.id.clone()).or(delta.id);
    delta.before = object.map(|o| identity.named_fields(o));
    let keep = |why: &str, out: &mut TenantDiff| offboard::keep(input, identity, row, why, out);
    if *row.owner != *input.installation {
        return keep("another installation owns it", out);
    }
    if object.and_then(|o| o.owner.as_deref()).is_some_and(|owner| owner != input.installation) {
        return keep("another installation has marked it as its own", out);
    }
    if input.purpose == Purpose::Converge && input.desired.is_some_and(|tenant| tenant.unread_kinds.contains(&row.address.kind)) {
        return keep("the definition of its kind was removed, and what is declared of it is not known since: install the definitions", out);
    }
    if unread(input, row) {
        return keep("the document that declared it is still there and cannot be taken in: mend that document, or delete it", out);
    }
    let attested = input.ledger.attestations.get(&row.address).filter(|a| a.until >= input.now);
    if object.is_none() && !attested.is_some_and(|a| a.present) && made_by.is_some_and(|i| orders::asks(input, i)) {
        // Nobody has made it: the order is withdrawn.
        return;
    }
    if let Some((why, technician)) = begun_already(input, ours, attested.is_some_and(|a| a.present)) {
        return out.waiting.push(Waiting { address: row.address.clone(), waits_for: why, technician, failed: false });
    }
    let readable = input.capabilities.kind(row.address.kind).is_some_and(|c| !absence::unreadable(input, c, row.address.kind));
    let complete = input.live.is_complete(row.address.kind);
    let there = match (object, readable, attested) {
        (Some(_), _, _) => true,
        (None, false, Some(record)) => record.present,
        (None, false, None) => return keep("nobody has recorded whether it still exists", out),
        (None, true, _) if complete => false,
        (None, true, _) => {
            // Whether it is there matters only where it would go.
            let kept = kept_by_policy(input, row, None);
            keep(kept.as_deref().unwrap_or(&incomplete(input, row)), out);
            return if kept.is_none() {
                unseen(row, out)
            };
        }
    };
    match (there, made_by) {
        (true, _) => {}
        // It was never made: there is nothing to forget.
        (false, Some(_)) => return,
        (false, None) => {
            delta.actions = vec![Action::Forget];
            match input.purpose {
                Purpose::Destroy => "it is gone from the portal already",
                Purpose::Converge | Purpose::Look => "it is gone from the portal and no longer declared",
            }
            .clone_into(&mut delta.reason);
            return out.deltas.push(delta);
        }
    }
    let kept = kept_by_policy(input, row, *object);
    // The list is asked for again where it is all that speaks against it.
    let unshown = kept.is_none() && readable && !complete;
    if let Some(why) = kept.or_else(|| unshown.then(|| incomplete(input, row))) {
        if made_by.is_some() {
            delta.actions = vec![Action::Recover];
            "an interrupted run made it; it is taken over as ours, and stays".clone_into(&mut delta.reason);
            out.deltas.push(delta);
        }
        keep(&why, out);
        if unshown {
            unseen(row, out);
        }
        return;
    }
    out.deltas.push(deletion(input, ours, delta));
}

/// Marks what was just retained as something that would go, had the portal shown enough of it.
fn unseen(row: &LedgerRow, out: &mut TenantDiff) {
    if let Some(retained) = out.retained.last_mut().filter(|retained| retained.address == row.address) {
        retained.unseen = true;
    }
}

/// Whether a document still stands for it that cannot be read: what cannot be read is never absent. Who destroys or offboards means all there is.
fn unread(input: &Input<'_>, row: &LedgerRow) -> bool {
    let ids = input.desired.and_then(|tenant| tenant.unread.get(&row.address));
    let is_it = |ids: &BTreeSet<Box<str>>| ids.is_empty() || row.id.as_ref().is_some_and(|id| ids.contains(id));
    input.purpose == Purpose::Converge && !offboard::takes_access(input, row.address.kind) && ids.is_some_and(is_it)
}

/// What a technician recorded as there, and neither a manifest, a row nor an intent tells of: a work order was withdrawn after it was done.
fn recorded_alone(input: &Input<'_>, identity: &Identity<'_>, out: &mut TenantDiff) {
    let believed = input.ledger.attestations.values().filter(|a| a.present && a.until >= input.now);
    let alone = believed.filter(|a| {
        let begun = input.ledger.intents.iter().any(|i| i.address == a.address);
        !begun && !identity.is_declared(&a.address) && !identity.is_former(&a.address) && !input.ledger.rows.contains_key(&a.address)
    });
    out.retained.extend(alone.map(|a| {
        let why =
            format!("{} recorded that it is there, and nothing declares it: declare it to take it over, or record that it is gone", a.by);
        Retained { address: a.address.clone(), why, unseen: false }
    }));
}

/// Everything that must hold holds: it goes, and what only an intent tells of becomes ours first.
fn deletion(input: &Input<'_>, ours: &Ours<'_>, mut delta: Delta) -> Delta {
    delta.actions = vec![Action::Delete];
    delta.reason = match (input.purpose, offboard::takes_access(input, ours.row.address.kind)) {
        (Purpose::Destroy, _) => "everything selected is taken away",
        (_, true) => "the organization is offboarded",
        (_, false) => "it is no longer declared",
    }
    .to_owned();
    if ours.made_by.is_some() {
        delta.actions.push(Action::Recover);
        delta.reason.push_str("; an interrupted run made it");
    }
    if ours.row.protected {
        delta.findings.push(Finding::Protected);
    }
    delta.fields = delta.before.as_ref().map(taken_away).unwrap_or_default();
    delta
}

/// What an earlier run began about it and has not been seen yet: a work order, or its creation where the portal shows writes late.
fn begun_already(input: &Input<'_>, ours: &Ours<'_>, recorded: bool) -> Option<(String, bool)> {
    let Ours { row, object, made_by } = ours;
    if made_by.is_some() && (object.is_some() || recorded) {
        let pending = object.is_some_and(|o| o.state == ObjectState::Pending);
        return pending.then(|| ("the portal has not finished making it".to_owned(), false));
    }
    let order = input.capabilities.kind(row.address.kind).and_then(|c| begun::work_order(input, c, &row.address));
    let unseen = || begun::not_shown_yet(input, &row.address, &[IntentAction::Create]).filter(|_| object.is_none());
    order.map(|order| (order.to_owned(), true)).or_else(|| unseen().map(|why| (why, false)))
}

/// The first condition of a deletion that fails, in words; that its list is whole is another one.
fn kept_by_policy(input: &Input<'_>, row: &LedgerRow, object: Option<&LiveObject>) -> Option<String> {
    let data = row.address.kind.def().bearing == Bearing::Data;
    let declared = input.desired.and_then(|t| t.get(row.address.kind, &row.address.name));
    // To offboard is to take access away, whoever made the account and whatever becomes of members elsewhere.
    let offboarded = offboard::takes_access(input, row.address.kind);
    let of_portal = match (data, offboarded) {
        (true, _) => input.portal.delete_organizations,
        (false, true) => DeletionPolicy::Delete,
        (false, false) => input.portal.delete_members,
    };
    let policy = declared.and_then(|r| r.meta.as_ref()).and_then(|m| m.deletion).unwrap_or(of_portal);
    if policy == DeletionPolicy::Orphan {
        let nouns = row.address.kind.def().nouns;
        let remedy = if data { "; to delete it, set `deletionPolicy: Delete` on it and plan with `--destroy`" } else { "" };
        return Some(format!("the deletion policy for {nouns} is Orphan{remedy}"));
    }
    if row.origin == Origin::Adopted && !row.released && !offboarded {
        return Some(format!("it was adopted, not created by us; release it with `tenantry ledger release {}`", row.address));
    }
    object.is_some_and(|o| o.portals_own).then(|| "it is the portal's own".to_owned())
}

fn incomplete(input: &Input<'_>, row: &LedgerRow) -> String {
    let why = match input.live.collections.get(&row.address.kind).map(|c| &c.completeness) {
        Some(Completeness::Incomplete { why }) => why.as_str(),
        _ => "the portal did not answer",
    };
    format!("the listing of {} is incomplete: {why}", row.address.kind.def().nouns)
}

fn look(input: &Input<'_>, identity: &Identity<'_>, row: &LedgerRow, out: &mut TenantDiff) {
    let Some(capability) = input.capabilities.kind(row.address.kind) else { return };
    match identity.objects_of_row(row).first() {
        Some(object) => {
            let drifted = fields::drift(input, identity, capability, row.address.kind.def(), object, row);
            if !drifted.is_empty() {
                out.drift.push(Drift { address: row.address.clone(), what: DriftKind::Changed, fields: drifted });
            }
        }
        None if input.live.is_complete(row.address.kind) => {
            out.drift.push(Drift { address: row.address.clone(), what: DriftKind::Deleted, fields: Vec::new() });
        }
        None => {}
    }
}

/// What a deletion takes away, so that a plan can show it and others can see what referred to what.
fn taken_away(before: &Fields) -> Vec<super::FieldChange> {
    let change = |(field, value): (crate::model::FieldId, &crate::model::Value)| super::FieldChange {
        field,
        before: Some(value.clone()),
        after: None,
        sensitive: false,
        cause: Cause::Manifest,
    };
    before.iter().map(change).collect()
}

pub(super) fn blank(row: &LedgerRow) -> Delta {
    Delta { id: row.id.clone(), ..Delta::about(row.address.clone(), row.key.clone()) }
}
