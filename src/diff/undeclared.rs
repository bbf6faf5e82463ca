//! What is ours and no longer declared: the rows of the truth table (design, section 4) in which nothing is declared. A deletion comes out only
//! if everything that must hold holds; else what stays says which condition failed.

use super::identity::Identity;
use super::{Action, Cause, Delta, Drift, DriftKind, Finding, Input, Purpose, Retained, TenantDiff, Waiting, begun, fields, offboard};
use crate::model::kind::Bearing;
use crate::model::portal_spec::DeletionPolicy;
use crate::model::{Completeness, Fields, IntentAction, LedgerRow, LiveObject, Origin, Readability};

/// Looks at every row of the ledger that nothing declared takes up.
pub(super) fn compare(input: &Input<'_>, identity: &Identity<'_>, out: &mut TenantDiff) {
    let rows = input.ledger.rows.values().filter(|r| !identity.is_declared(&r.address) && !identity.moved(r));
    if input.desired.is_none() && input.purpose != Purpose::Look {
        return orphan(input, rows.collect(), out);
    }
    for row in rows {
        match input.purpose {
            Purpose::Look => look(input, identity, row, out),
            Purpose::Converge | Purpose::Destroy => undeclared(input, identity, row, out),
        }
    }
}

/// A tenant whose manifest is gone is kept whole: a lost file must never lock anybody out or delete anything.
fn orphan(input: &Input<'_>, rows: Vec<&LedgerRow>, out: &mut TenantDiff) {
    let Some(first) = rows.first() else { return };
    let remedy = match input.purpose {
        Purpose::Destroy => "only what is declared is destroyed: to take it away, declare it again",
        Purpose::Converge | Purpose::Look => "to take access away, declare it with `offboard: true`",
    };
    let why = format!(
        "tenant {} is no longer declared for this portal: it is kept whole with its {} resources, users included; {remedy}",
        first.address.tenant,
        rows.len()
    );
    out.retained.push(Retained { address: first.address.clone(), why });
}

fn undeclared(input: &Input<'_>, identity: &Identity<'_>, row: &LedgerRow, out: &mut TenantDiff) {
    let mut delta = blank(row);
    let keep = |why: &str, out: &mut TenantDiff| offboard::keep(input, identity, row, why, out);
    if *row.owner != *input.installation {
        return keep("another installation owns it", out);
    }
    let object = row.id.as_deref().and_then(|id| identity.object(row.address.kind, id));
    if object.and_then(|o| o.owner.as_deref()).is_some_and(|owner| owner != input.installation) {
        return keep("another installation has marked it as its own", out);
    }
    if let Some((why, technician)) = begun_already(input, row, object) {
        return out.waiting.push(Waiting { address: row.address.clone(), waits_for: why, technician });
    }
    let readable = input.capabilities.kind(row.address.kind).is_some_and(|c| c.read == Readability::Listed);
    let complete = input.live.is_complete(row.address.kind);
    let attested = input.ledger.attestations.get(&row.address).filter(|a| a.until >= input.now);
    let there = match (object, readable, attested) {
        (Some(_), _, _) => true,
        (None, false, Some(record)) => record.present,
        (None, false, None) => return keep("nobody has recorded whether it still exists", out),
        (None, true, _) if complete => false,
        (None, true, _) => return keep(&incomplete(input, row), out),
    };
    if !there {
        delta.actions = vec![Action::Forget];
        match input.purpose {
            Purpose::Destroy => "it is gone from the portal already",
            Purpose::Converge | Purpose::Look => "it is gone from the portal and no longer declared",
        }
        .clone_into(&mut delta.reason);
        return out.deltas.push(delta);
    }
    if let Some(why) = kept_by_policy(input, row, object, readable && !complete) {
        return keep(&why, out);
    }
    delta.actions = vec![Action::Delete];
    "it is no longer declared".clone_into(&mut delta.reason);
    if offboard::takes_access(input, row.address.kind) {
        "the organization is offboarded".clone_into(&mut delta.reason);
    }
    if input.purpose == Purpose::Destroy {
        "everything selected is taken away".clone_into(&mut delta.reason);
    }
    if row.protected {
        delta.findings.push(Finding::Protected);
    }
    if let Some(object) = object {
        let before = identity.named_fields(object);
        delta.fields = taken_away(&before);
        delta.before = Some(before);
    }
    out.deltas.push(delta);
}

/// What an earlier run began about it and has not been seen yet: a work order, or its creation where the portal shows writes late.
fn begun_already(input: &Input<'_>, row: &LedgerRow, object: Option<&LiveObject>) -> Option<(String, bool)> {
    let order = input.capabilities.kind(row.address.kind).and_then(|c| begun::work_order(input, c, &row.address));
    let unseen = || begun::not_shown_yet(input, &row.address, &[IntentAction::Create]).filter(|_| object.is_none());
    order.map(|order| (order.to_owned(), true)).or_else(|| unseen().map(|why| (why, false)))
}

/// The first condition of a deletion that fails, in words.
fn kept_by_policy(input: &Input<'_>, row: &LedgerRow, object: Option<&LiveObject>, listing_incomplete: bool) -> Option<String> {
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
        return Some(format!("the deletion policy for {} is Orphan", row.address.kind.def().nouns));
    }
    if row.origin == Origin::Adopted && !row.released && !offboarded {
        return Some(format!("it was adopted, not created by us; release it with `tenantry ledger release {}`", row.address));
    }
    if object.is_some_and(|o| o.portals_own) {
        return Some("it is the portal's own".to_owned());
    }
    listing_incomplete.then(|| incomplete(input, row))
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
    match row.id.as_deref().and_then(|id| identity.object(row.address.kind, id)) {
        Some(object) => {
            let drifted = fields::drift(identity, capability, row.address.kind.def(), object, row);
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
    Delta {
        address: row.address.clone(),
        previous: None,
        key: row.key.clone(),
        id: row.id.clone(),
        actions: Vec::new(),
        fields: Vec::new(),
        cause: Cause::Manifest,
        reason: String::new(),
        findings: Vec::new(),
        before: None,
        desired: Fields::new(),
        protect: None,
        resumes: None,
    }
}
