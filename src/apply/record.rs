//! What the ledger is told: rows as they are after a change, and the audit trail.

use super::batch::Context;
use super::schedule::Task;
use crate::diff::created_only;
use crate::ledger::{AuditRecord, Write};
use crate::model::ledger::{Applied, Attestation, Tombstone, applied_digest};
use crate::model::{Digest, FieldId, Fields, LedgerRow, Origin};
use crate::plan::Action;

/// What a call wrote of what is declared.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wrote<'a> {
    /// MACs of the secrets just written.
    pub(super) macs: &'a [(FieldId, Digest)],
    /// Declared fields that are still to be written.
    pub(super) left_out: &'a [FieldId],
    /// True for an object just made: what an earlier one had is not there.
    pub(super) fresh: bool,
}

/// The row of an object that now is as declared but for what was left out. What was not written stays as it was.
pub(super) fn row(context: &Context<'_>, task: &Task<'_>, id: Option<Box<str>>, wrote: &Wrote<'_>) -> LedgerRow {
    let Wrote { macs, left_out, fresh } = wrote;
    let change = task.change;
    let def = change.address.kind.def();
    let old = context.knowledge.row(&task.unit.portal, &change.address);
    let mut applied: Applied = Vec::new();
    let mut secrets: Applied = Vec::new();
    let had = old.as_ref().filter(|_| !fresh);
    for (field_id, value) in change.desired.iter() {
        let field = def.field(field_id);
        if field.ty.is_secret() {
            let written = macs.iter().find(|(id, _)| *id == field_id).map(|(_, mac)| *mac);
            let kept = had.and_then(|o| applied_digest(&o.secrets, field.path));
            secrets.extend(written.or(kept).map(|mac| (Box::from(field.path), mac)));
        } else if left_out.contains(&field_id) {
            let kept = had.and_then(|o| applied_digest(&o.applied, field.path));
            applied.extend(kept.map(|digest| (Box::from(field.path), digest)));
        } else if !created_only(field.sense) {
            applied.push((field.path.into(), Digest::of_field(Some(value))));
        }
    }
    applied.sort();
    secrets.sort();
    // What is taken back was made by us, whatever stood in its place before.
    let recovered = change.has(Action::Recover);
    let adopted = change.has(Action::Adopt);
    let kept = old.as_ref().filter(|_| !recovered);
    LedgerRow {
        address: change.address.clone(),
        id: id.or_else(|| old.as_ref().and_then(|o| o.id.clone())).or_else(|| change.id.clone()),
        key: change.key.clone(),
        owner: context.world.installation.into(),
        origin: kept.map_or(if adopted { Origin::Adopted } else { Origin::Created }, |o| o.origin),
        released: kept.is_some_and(|o| o.released),
        protected: change.protect.unwrap_or(old.as_ref().is_some_and(|o| o.protected)),
        applied,
        secrets,
    }
}

/// The row of an object that is taken over and still differs: what differs counts as not applied.
pub(super) fn row_before_update(context: &Context<'_>, task: &Task<'_>) -> LedgerRow {
    let def = task.change.address.kind.def();
    let differs = |path: &str| task.change.fields.iter().any(|f| def.field(f.field).path == path);
    let mut row = row(context, task, task.change.id.clone(), &Wrote::default());
    row.applied.retain(|(path, _)| !differs(path));
    row
}

/// Where a person's record is all that speaks for an object, a call that was answered since knows better; believed no longer than the person.
pub(super) fn superseded(context: &Context<'_>, task: &Task<'_>, gone: bool, left_out: &[FieldId]) -> Option<Write> {
    let change = task.change;
    let old = context.knowledge.record(&task.unit.portal, &change.address)?;
    let def = change.address.kind.def();
    let recorded = Fields::from_json(def, &old.fields).unwrap_or_default();
    let mut fields = Fields::new();
    for (id, value) in change.desired.iter().filter(|(id, _)| !gone && !def.field(*id).ty.is_secret()) {
        let known = if left_out.contains(&id) { recorded.get(id) } else { Some(value) };
        known.into_iter().for_each(|value| fields.set(id, value.clone()));
    }
    let id = old.id.clone().filter(|_| !gone);
    let (at, by) = ((context.world.clock)(), context.world.run.who.clone());
    let record = Attestation { present: !gone, fields: fields.to_json(def), id, by, at, ..old.clone() };
    Some(Write::Attest(task.unit.portal.clone(), record))
}

/// What leaves the ledger, with a tombstone so that its id is never taken for ours again.
pub(super) fn removal(context: &Context<'_>, task: &Task<'_>) -> Write {
    let tombstone = Tombstone { address: task.change.address.clone(), id: task.change.id.clone(), at: (context.world.clock)() };
    Write::Remove(task.unit.portal.clone(), task.change.address.clone(), Some(tombstone))
}

/// One line of the audit trail; fields by name, never by value.
pub(super) fn audit(context: &Context<'_>, task: &Task<'_>, result: &str) -> Write {
    let change = task.change;
    let def = change.address.kind.def();
    let words: Vec<_> = change.actions.iter().map(|a| a.word()).collect();
    let fields: Vec<_> = change.fields.iter().map(|f| def.field(f.field).path).collect();
    let request = if fields.is_empty() { words.join(", ") } else { format!("{}: {}", words.join(", "), fields.join(", ")) };
    Write::Audit(AuditRecord {
        at: (context.world.clock)(),
        who: context.world.run.who.clone(),
        ticket: context.world.run.ticket.clone(),
        plan: context.plan.to_owned(),
        approval: context.world.run.approval.clone(),
        portal: task.unit.portal.clone(),
        address: change.address.clone(),
        request,
        result: result.to_owned(),
    })
}
