//! One declared resource whose object is there: in step, updated, replaced, resent, adopted, or let be.

use super::declared::{Case, waiting};
use super::fields::{self, Compared};
use super::{Action, Cause, Delta, Drift, DriftKind, FieldChange, Finding, Purpose, Retained, TenantDiff, absence, begun};
use crate::model::kind::{Placement, Sense};
use crate::model::ledger::applied_digest;
use crate::model::live::normalise_key;
use crate::model::portal_spec::AdoptionPolicy;
use crate::model::{Digest, Intent, IntentAction, LedgerRow, LiveObject, ObjectState, Origin, Performer, Value};

/// Every call whose effect a portal may show late.
const EVERY_WRITE: [IntentAction; 3] = [IntentAction::Create, IntentAction::Update, IntentAction::Resend];

impl Case<'_, '_> {
    /// The object is there and it is ours (or about to be).
    pub(super) fn present(&self, object: &LiveObject, row: Option<&LedgerRow>, mut delta: Delta, out: &mut TenantDiff) {
        delta.id = Some(object.id.clone()).filter(|id| !id.is_empty());
        if object.state == ObjectState::Pending {
            return self.unfinished("the portal has not finished making it", false, out);
        }
        let compared = fields::compare(self.input, self.identity, self.capability, self.resource, Some(object), row);
        if self.written_lately(&compared, object)
            && let Some(why) = begun::not_shown_yet(self.input, &self.resource.address, &EVERY_WRITE)
        {
            return out.waiting.push(waiting(self.resource, &why, false));
        }
        if !compared.drifted.is_empty() {
            let fields = compared.drifted.clone();
            out.drift.push(Drift { address: self.resource.address.clone(), what: DriftKind::Changed, fields });
        }
        if self.input.purpose == Purpose::Look {
            return;
        }
        if object.state == ObjectState::Invited {
            out.awaiting_acceptance += 1;
        }
        if let Some(row) = row {
            self.rights_left_as_they_are(row, object, out);
        }
        if compared.replace {
            delta.findings.extend(self.forbids_replacement(row, &delta));
        }
        if self.takes_another_key(&compared.changes) {
            let protected = !compared.replace && row.is_some_and(|r| r.protected) && delta.protect != Some(false);
            delta.findings.extend(protected.then_some(Finding::Protected));
            delta.findings.extend(self.key_held(object));
        }
        if row.is_some_and(|row| self.kept_its_former_key(row, object)) {
            delta.actions.push(Action::Update);
            "the portal still has it under its former name".clone_into(&mut delta.reason);
        }
        self.differs(compared, Some(object), delta, out);
    }

    /// True if the field that is its natural key differs.
    fn takes_another_key(&self, changes: &[FieldChange]) -> bool {
        let key = self.resource.def().key_field();
        key.is_some_and(|key| changes.iter().any(|c| c.field == key))
    }

    /// What forbids an object that exists to take its declared key: somebody else has it.
    fn key_held(&self, object: &LiveObject) -> Option<Finding> {
        let wanted = normalise_key(self.resource.natural_key());
        if object.key == wanted {
            return None;
        }
        self.identity.held_in_tenant(self.resource).or_else(|| absence::held(self.input, self.resource, Some(&object.id)))
    }

    /// True for a kind whose natural key is its name, where a new name has not reached the portal: the former one would stay taken there.
    fn kept_its_former_key(&self, row: &LedgerRow, object: &LiveObject) -> bool {
        let named =
            self.resource.def().key.is_none() && matches!(self.resource.def().placement, Placement::Member { .. } | Placement::MspOnly);
        let wanted = normalise_key(self.resource.natural_key());
        // An interrupted run has moved the row already, and its intent tells what it set out to do.
        let begun = |i: &Intent| i.action == IntentAction::Update && i.address == self.resource.address && i.key == wanted;
        let former = object.key == row.key || self.input.ledger.intents.iter().any(begun);
        named && self.capability.update == Performer::Call && former && object.key != wanted
    }

    /// True if all that differs was applied already: a portal that shows its writes late would look just so.
    fn written_lately(&self, compared: &Compared, object: &LiveObject) -> bool {
        let all_drift = compared.changes.iter().all(|c| c.cause == Cause::Drift) && compared.findings.is_empty();
        all_drift && (!compared.changes.is_empty() || object.state == ObjectState::InvitationExpired)
    }

    /// What forbids to delete it and make it anew.
    fn forbids_replacement(&self, row: Option<&LedgerRow>, delta: &Delta) -> Option<Finding> {
        let kind = self.resource.address.kind;
        let adopted = row.map_or(delta.actions.contains(&Action::Adopt), |r| r.origin == Origin::Adopted && !r.released);
        if row.is_some_and(|r| r.protected) && delta.protect != Some(false) {
            Some(Finding::Protected)
        } else if adopted {
            let why = "the portal can change it only by deleting it and making it anew, and we did not make it".to_owned();
            Some(Finding::AdoptionRefused { why })
        } else if !absence::unreadable(self.input, self.capability, kind) && !self.input.live.is_complete(kind) {
            let why = format!("the listing of {} is incomplete, and it would be deleted and made anew", kind.def().nouns);
            Some(Finding::ObservationIncomplete { why })
        } else {
            None
        }
    }

    /// Rights whose line is gone from the manifest. An absent line leaves a field as it is, which is not what somebody means who takes the line
    /// `administrator: true` out; so it is said.
    fn rights_left_as_they_are(&self, row: &LedgerRow, object: &LiveObject, out: &mut TenantDiff) {
        let rights = [Sense::Administrator, Sense::Suspended, Sense::Grant, Sense::Share];
        for (id, field) in self.resource.def().fields().filter(|(_, f)| rights.contains(&f.sense)) {
            let was_declared = applied_digest(&row.applied, field.path).is_some_and(|d| d != Digest::of_field(None));
            let Some(live) = object.fields.get(id).filter(|v| was_declared && !v.is_empty() && self.resource.fields.get(id).is_none())
            else {
                continue;
            };
            let empty = if matches!(live, Value::List(_)) { "[]" } else { "false" };
            let why = format!(
                "its line `{}` is gone from the manifest, and an absent line changes nothing: to take it away, write `{}: {empty}`",
                field.path, field.path
            );
            out.retained.push(Retained { address: self.resource.address.clone(), why, unseen: false });
        }
    }

    /// Turns a comparison into what is done about it.
    pub(super) fn differs(&self, compared: Compared, object: Option<&LiveObject>, mut delta: Delta, out: &mut TenantDiff) {
        delta.findings.extend(compared.findings);
        if !compared.changes.is_empty() {
            delta.cause = fields::common_cause(&compared.changes);
            delta.reason = self.reason(delta.cause, &compared.changes).to_owned();
            let rekeyed = self.takes_another_key(&compared.changes);
            // What the former name calls for, the changed fields may call for as well.
            delta.actions.retain(|a| *a != Action::Update);
            delta.actions.extend(fields::actions(self.resource.def(), &compared.changes, compared.replace));
            delta.fields = compared.changes;
            if let Some(object) = object {
                self.resend(object, &mut delta, out);
                let sent = matches!(object.state, ObjectState::Invited | ObjectState::InvitationExpired);
                if rekeyed && sent && !compared.replace && !delta.actions.contains(&Action::Resend) {
                    let lost = format!("; the invitation went to {}, and none is sent to {}", object.key, delta.key);
                    delta.reason.push_str(&lost);
                }
            }
        } else if let Some(object) = object {
            self.resend(object, &mut delta, out);
        }
        if delta.previous.is_some() {
            delta.actions.push(Action::Move);
        }
        if let Some(protect) = delta.protect {
            delta.actions.push(if protect { Action::Protect } else { Action::Unprotect });
        }
        if !delta.actions.is_empty() && delta.actions.iter().all(|a| a.ledger_only()) && delta.reason.is_empty() {
            delta.reason = "only the ledger changes".to_owned();
        }
        if !delta.actions.is_empty() || !delta.findings.is_empty() {
            delta.before = object.map(|o| self.identity.named_fields(o));
            out.deltas.push(delta);
        }
    }

    /// Why fields differ. What was left for later when it was made is no change of the manifest.
    fn reason(&self, cause: Cause, changes: &[FieldChange]) -> &'static str {
        let def = self.resource.def();
        let applied = |row: &LedgerRow, c: &FieldChange| c.sensitive || applied_digest(&row.applied, def.field(c.field).path).is_some();
        match self.identity.row(self.resource) {
            Some(row) if cause == Cause::Manifest && !changes.iter().any(|c| applied(row, c)) => "it is declared and was not done yet",
            _ => fields::reason(cause),
        }
    }

    /// An expired invitation: sent again if the manifest says so, else reported.
    fn resend(&self, object: &LiveObject, delta: &mut Delta, out: &mut TenantDiff) {
        if object.state != ObjectState::InvitationExpired {
            return;
        }
        let wanted = self
            .resource
            .def()
            .with_sense(Sense::ResendWhenExpired)
            .any(|(id, _)| self.resource.fields.get(id).is_some_and(Value::is_true));
        let sent = begun::not_shown_yet(self.input, &self.resource.address, &[IntentAction::Resend]);
        if let Some(why) = sent.filter(|_| wanted) {
            out.waiting.push(waiting(self.resource, &why, false));
        } else if wanted {
            if delta.actions.is_empty() {
                delta.cause = Cause::Expiry;
                delta.reason = "its invitation has expired".to_owned();
            }
            delta.actions.push(Action::Resend);
        } else {
            out.waiting.push(waiting(
                self.resource,
                "its invitation has expired; set invitation.resendWhenExpired to send it again",
                false,
            ));
        }
    }

    /// It exists and is not ours: adopted as the policy says.
    pub(super) fn candidate(&self, object: &LiveObject, mut delta: Delta, out: &mut TenantDiff) {
        if let Some(finding) = self.foreign_mark(object) {
            return self.stuck(delta, finding, out);
        }
        if object.owner.is_some() {
            // The mark says whose it is and not who made it: we mark what we adopt, too. Without a record it is never deleted unless released.
            return self.adopt(object, Origin::Adopted, "the portal has it marked as ours", delta, out);
        }
        let compared = fields::compare(self.input, self.identity, self.capability, self.resource, Some(object), None);
        let unseen: Vec<_> = compared.unseen.iter().map(|id| self.resource.def().field(*id).path).collect();
        let unseen = unseen.join(", ");
        let identical = compared.changes.iter().all(|c| c.sensitive) && unseen.is_empty();
        let policy = self.resource.meta.as_ref().and_then(|m| m.adoption).unwrap_or(self.input.portal.adoption);
        let refused = match policy {
            AdoptionPolicy::Always | AdoptionPolicy::IfUnowned => None,
            AdoptionPolicy::IfIdentical if identical => None,
            AdoptionPolicy::IfIdentical if compared.changes.is_empty() => {
                Some(format!("nobody recorded its {unseen}; the policy adopts only what is identical"))
            }
            AdoptionPolicy::IfIdentical => Some("it exists already and differs; the policy adopts only what is identical".to_owned()),
            AdoptionPolicy::Refuse => Some("it exists already and is not ours; the policy adopts nothing".to_owned()),
        };
        // What is refused carries what would be done, so that a person who passes the guard knows what they pass.
        delta.findings.extend(refused.map(|why| Finding::AdoptionRefused { why }));
        let reason = match (identical, unseen.is_empty()) {
            (true, _) => "it exists already just as declared and is taken over".to_owned(),
            (false, true) => "it exists already and is taken over".to_owned(),
            (false, false) => format!("it exists already and is taken over; nobody recorded its {unseen}: taken to be as declared"),
        };
        let secrets = compared.changes.iter().filter(|c| c.sensitive).map(|c| self.resource.def().field(c.field).path);
        let secrets = secrets.collect::<Vec<_>>().join(", ");
        let reason =
            if secrets.is_empty() { reason } else { format!("{reason}; nobody can tell what its {secrets} hold: set as declared") };
        self.adopt(object, Origin::Adopted, &reason, delta, out);
    }

    pub(super) fn adopt(&self, object: &LiveObject, origin: Origin, reason: &str, mut delta: Delta, out: &mut TenantDiff) {
        delta.actions.push(match origin {
            Origin::Adopted => Action::Adopt,
            Origin::Created => Action::Recover,
        });
        let before = out.deltas.len();
        reason.clone_into(&mut delta.reason);
        self.present(object, None, delta, out);
        if let Some(delta) = out.deltas.get_mut(before) {
            reason.clone_into(&mut delta.reason);
        }
    }

    /// The mark of another installation.
    pub(super) fn foreign_mark(&self, object: &LiveObject) -> Option<Finding> {
        let owner = object.owner.as_deref().filter(|owner| *owner != self.input.installation)?;
        Some(Finding::ForeignOwner { owner: owner.to_owned() })
    }
}
