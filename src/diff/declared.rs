//! One declared resource: the rows of the truth table (design, section 4) in which something is declared.

use super::identity::Identity;
use super::{Action, Cause, Delta, Drift, DriftKind, Finding, Input, Purpose, TenantDiff, Waiting, fields};
use crate::model::kind::Sense;
use crate::model::ledger::Attestation;
use crate::model::live::{KeyHolder, normalise_key};
use crate::model::portal_spec::{AdoptionPolicy, Unsupported};
use crate::model::{
    Completeness, Fields, Intent, IntentAction, KindCapability, LedgerRow, LiveObject, Origin, Performer, Readability, Resource, Value,
};

/// Compares one declared resource and records what comes of it.
pub(super) fn compare(input: &Input<'_>, identity: &Identity<'_>, resource: &Resource, out: &mut TenantDiff) {
    let Some(capability) = input.capabilities.kind(resource.address.kind) else {
        unsupported_kind(input, resource, out);
        return;
    };
    let mut delta = blank(resource);
    delta.findings = fields::unsupported(input, capability, resource);
    let row = identity.row(resource);
    let before = out.deltas.len();
    let case = Case { input, identity, resource, capability, row };
    match (identity.disputes(resource, row), row) {
        (Some(dispute), _) => case.stuck(delta, dispute, out),
        (None, Some(row)) => case.ours(row, delta, out),
        (None, None) => case.not_ours(delta, out),
    }
    // Only what differs carries its declared fields: a fleet in step must cost nothing here.
    for delta in out.deltas.iter_mut().skip(before) {
        delta.desired = fields::supported(capability, resource);
    }
}

/// One resource and all that is known about it.
struct Case<'a, 'b> {
    input: &'b Input<'a>,
    identity: &'b Identity<'a>,
    resource: &'b Resource,
    capability: &'b KindCapability,
    row: Option<&'a LedgerRow>,
}

impl Case<'_, '_> {
    /// The ledger has it.
    fn ours(&self, row: &LedgerRow, mut delta: Delta, out: &mut TenantDiff) {
        if row.address != self.resource.address {
            delta.previous = Some(row.address.clone());
        }
        if *row.owner != *self.input.installation {
            delta.findings.push(Finding::ForeignOwner { owner: row.owner.to_string() });
            return out.deltas.push(delta);
        }
        delta.protect = self.resource.protected().filter(|wanted| *wanted != row.protected);
        if let Some(object) = self.identity.object_of(self.resource) {
            return self.present(object, Some(row), delta, out);
        }
        match self.absence() {
            Absence::Proven => match self.elsewhere() {
                Some(finding) => self.stuck(delta, finding, out),
                None => {
                    out.drift.push(Drift { address: self.resource.address.clone(), what: DriftKind::Deleted, fields: Vec::new() });
                    self.create(delta, Cause::Drift, "it is gone from the portal and is made again", out);
                }
            },
            Absence::Unknown(why) => self.stuck(delta, Finding::ObservationIncomplete { why }, out),
            Absence::Attested(record) => self.attested(record, Some(row), delta, out),
            Absence::NoRecord => self.create(delta, Cause::Manifest, "nobody has recorded that it exists", out),
        }
    }

    /// The ledger has nothing of it.
    fn not_ours(&self, mut delta: Delta, out: &mut TenantDiff) {
        delta.protect = self.resource.protected().filter(|p| *p);
        let intent = self.open_intent();
        if let Some(object) = self.identity.object_of(self.resource) {
            return match intent.filter(|i| ours_by_intent(i, object)) {
                Some(intent) => {
                    delta.resumes = Some(intent.id.clone());
                    self.adopt(object, Origin::Created, "an interrupted run made it; it is taken over as ours", delta, out);
                }
                None => self.candidate(object, delta, out),
            };
        }
        match (self.absence(), intent) {
            (Absence::Unknown(why), _) => self.stuck(delta, Finding::ObservationIncomplete { why }, out),
            (Absence::Attested(record), _) if record.present => self.attested(record, None, delta, out),
            (Absence::Attested(_) | Absence::NoRecord, Some(intent)) => self.waits_for_record(intent, delta, out),
            (Absence::Proven, Some(intent)) => self.resume_create(intent, delta, out),
            (Absence::Proven | Absence::Attested(_) | Absence::NoRecord, None) => match self.elsewhere() {
                Some(finding) => self.stuck(delta, finding, out),
                None => self.create(delta, Cause::Manifest, "it is declared and does not exist", out),
            },
        }
    }

    /// The object is there and it is ours (or about to be).
    fn present(&self, object: &LiveObject, row: Option<&LedgerRow>, mut delta: Delta, out: &mut TenantDiff) {
        delta.id = Some(object.id.clone());
        let compared = fields::compare(self.input, self.identity, self.capability, self.resource, object, row);
        delta.findings.extend(compared.findings);
        if !compared.drifted.is_empty() {
            out.drift.push(Drift { address: self.resource.address.clone(), what: DriftKind::Changed, fields: compared.drifted });
        }
        if self.input.purpose == Purpose::Look {
            return;
        }
        if object.state == crate::model::ObjectState::Pending {
            out.waiting.push(waiting(self.resource, "the portal has not finished making it", false));
            if row.is_some() {
                return;
            }
        }
        if object.state == crate::model::ObjectState::Invited {
            out.awaiting_acceptance += 1;
        }
        if !compared.changes.is_empty() {
            delta.cause = fields::common_cause(&compared.changes);
            delta.reason = fields::reason(delta.cause).to_owned();
            delta.actions.extend(fields::actions(self.resource.def(), &compared.changes, compared.replace));
            delta.fields = compared.changes;
        }
        self.resend(object, &mut delta, out);
        if delta.previous.is_some() {
            delta.actions.push(Action::Move);
        }
        if let Some(protect) = delta.protect {
            delta.actions.push(if protect { Action::Protect } else { Action::Unprotect });
        }
        if delta.actions.iter().all(|a| a.ledger_only()) && delta.reason.is_empty() {
            delta.reason = "only the ledger changes".to_owned();
        }
        if !delta.actions.is_empty() || !delta.findings.is_empty() {
            delta.before = Some(self.identity.named_fields(object));
            out.deltas.push(delta);
        }
    }

    /// An expired invitation: sent again if the manifest says so, else reported.
    fn resend(&self, object: &LiveObject, delta: &mut Delta, out: &mut TenantDiff) {
        if object.state != crate::model::ObjectState::InvitationExpired {
            return;
        }
        let wanted = self
            .resource
            .def()
            .with_sense(Sense::ResendWhenExpired)
            .any(|(id, _)| self.resource.fields.get(id).is_some_and(Value::is_true));
        if wanted {
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
    fn candidate(&self, object: &LiveObject, mut delta: Delta, out: &mut TenantDiff) {
        match object.owner.as_deref() {
            Some(owner) if owner == self.input.installation => {
                return self.adopt(object, Origin::Created, "the portal has it marked as ours", delta, out);
            }
            Some(owner) => return self.stuck(delta, Finding::ForeignOwner { owner: owner.to_owned() }, out),
            None => {}
        }
        let compared = fields::compare(self.input, self.identity, self.capability, self.resource, object, None);
        let identical = compared.changes.iter().all(|c| c.sensitive);
        let policy = self.resource.meta.as_ref().and_then(|m| m.adoption).unwrap_or(self.input.portal.adoption);
        let refused = match policy {
            AdoptionPolicy::Always | AdoptionPolicy::IfUnowned => None,
            AdoptionPolicy::IfIdentical if identical => None,
            AdoptionPolicy::IfIdentical => Some("it exists already and differs; the policy adopts only what is identical"),
            AdoptionPolicy::Refuse => Some("it exists already and is not ours; the policy adopts nothing"),
        };
        // What is refused carries what would be done, so that a person who passes the guard knows what they pass.
        delta.findings.extend(refused.map(|why| Finding::AdoptionRefused { why: why.to_owned() }));
        self.adopt(object, Origin::Adopted, "it exists already and is taken over", delta, out);
    }

    fn adopt(&self, object: &LiveObject, origin: Origin, reason: &str, mut delta: Delta, out: &mut TenantDiff) {
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

    /// It is not there and an earlier run set out to make it.
    fn resume_create(&self, intent: &Intent, mut delta: Delta, out: &mut TenantDiff) {
        let age = self.input.now.duration_since(intent.at);
        let window = jiff::SignedDuration::try_from(self.input.capabilities.consistency_window).unwrap_or(jiff::SignedDuration::MAX);
        delta.resumes = Some(intent.id.clone());
        if self.input.capabilities.idempotent || age >= window {
            return self.create(delta, Cause::Manifest, "an interrupted run did not get to make it", out);
        }
        let why = format!("a call to make it began at {} and the portal may take {} s to show it", intent.at, window.as_secs());
        self.stuck(delta, Finding::CreationResultUnknown { why }, out);
    }

    /// The portal shows nothing of this kind and somebody (or a lost call) is at it.
    fn waits_for_record(&self, intent: &Intent, mut delta: Delta, out: &mut TenantDiff) {
        if self.capability.create == Performer::Technician {
            return out.waiting.push(waiting(self.resource, "a technician makes it and records that", true));
        }
        delta.resumes = Some(intent.id.clone());
        if self.input.capabilities.idempotent {
            return self.create(
                delta,
                Cause::Manifest,
                "an interrupted run may have made it; the call is repeated under the same key",
                out,
            );
        }
        let why = format!("a call to make it began at {}, and the portal neither shows it nor takes an idempotency key", intent.at);
        self.stuck(delta, Finding::CreationResultUnknown { why }, out);
    }

    /// Only a person's record speaks for it.
    fn attested(&self, record: &Attestation, row: Option<&LedgerRow>, mut delta: Delta, out: &mut TenantDiff) {
        if !record.present {
            return self.create(delta, Cause::Drift, "a technician recorded that it is not there", out);
        }
        let fields = Fields::from_json(self.resource.def(), &record.fields).unwrap_or_default();
        let object = LiveObject {
            kind: self.resource.address.kind,
            id: record.id.as_deref().unwrap_or_default().into(),
            key: normalise_key(self.resource.natural_key()),
            fields,
            state: crate::model::ObjectState::Active,
            owner: None,
            created_by: None,
            portals_own: false,
        };
        if row.is_none() {
            delta.actions.push(Action::Recover);
            "a technician recorded that it is there".clone_into(&mut delta.reason);
        }
        self.present(&object, row, delta, out);
    }

    fn create(&self, mut delta: Delta, cause: Cause, reason: &str, out: &mut TenantDiff) {
        if self.input.purpose == Purpose::Look {
            return;
        }
        if let Some(day) = self.deferred_until() {
            return out.waiting.push(waiting(self.resource, &format!("it is deferred until {day}"), false));
        }
        delta.actions = vec![Action::Create];
        delta.cause = cause;
        reason.clone_into(&mut delta.reason);
        let (changes, findings) = fields::of_creation(self.input, self.resource, &fields::supported(self.capability, self.resource));
        delta.fields = changes;
        delta.findings.extend(findings);
        if let Some(previous) = delta.previous.as_ref() {
            delta.reason.push_str(&format!(" (formerly {previous})"));
            delta.actions.push(Action::Move);
        }
        out.deltas.push(delta);
    }

    fn stuck(&self, mut delta: Delta, finding: Finding, out: &mut TenantDiff) {
        delta.findings.push(finding);
        out.deltas.push(delta);
    }

    fn deferred_until(&self) -> Option<String> {
        let today = self.input.now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let dates = self.resource.def().with_sense(Sense::DeferUntil).filter_map(|(id, _)| self.resource.fields.get(id)?.as_text());
        dates.filter(|text| text.parse::<jiff::civil::Date>().is_ok_and(|day| day > today)).map(str::to_owned).next()
    }

    fn open_intent(&self) -> Option<&Intent> {
        self.input.ledger.intents.iter().find(|i| i.address == self.resource.address && i.action == IntentAction::Create)
    }

    /// Who holds its portal-wide key, if somebody does.
    fn elsewhere(&self) -> Option<Finding> {
        let key = normalise_key(self.resource.natural_key());
        let identity_lost = self.row.is_some();
        match self.input.holders.get(&(self.resource.address.kind, key.clone()))? {
            KeyHolder::Free => None,
            KeyHolder::Held { tenant, id: _ } => {
                let by = tenant.as_ref().map_or_else(|| "somebody we cannot see".to_owned(), |t| format!("tenant {t}"));
                Some(if identity_lost {
                    Finding::AmbiguousIdentity { why: format!("it is ours in the ledger, and {key} now belongs to {by}") }
                } else {
                    Finding::KeyTaken { by }
                })
            }
            KeyHolder::Unknown { why } => Some(Finding::ObservationIncomplete { why: why.clone() }),
        }
    }

    fn absence(&self) -> Absence<'_> {
        let kind = self.resource.address.kind;
        if self.capability.read == Readability::Unreadable {
            let record = self.input.ledger.attestations.get(&self.resource.address);
            return match record {
                Some(record) if record.until < self.input.now => {
                    Absence::Unknown(format!("{} recorded it at {}, which was believed until {}", record.by, record.at, record.until))
                }
                Some(record) => Absence::Attested(record),
                None => Absence::NoRecord,
            };
        }
        match self.input.live.collections.get(&kind).map(|c| &c.completeness) {
            Some(Completeness::Complete) => Absence::Proven,
            Some(Completeness::Incomplete { why }) => Absence::Unknown(why.clone()),
            Some(Completeness::Unreadable) | None => Absence::Unknown(format!("the portal did not answer for {}", kind.def().nouns)),
        }
    }
}

/// What speaks for an object not being there.
enum Absence<'a> {
    Proven,
    Unknown(String),
    Attested(&'a Attestation),
    NoRecord,
}

fn ours_by_intent(intent: &Intent, object: &LiveObject) -> bool {
    // What rode on another call was made by that one: its intent's id is the carrier's with a number behind it.
    let carrier = intent.id.split('/').next();
    object.created_by.as_deref().is_none_or(|by| by == &*intent.id || Some(by) == carrier)
}

fn unsupported_kind(input: &Input<'_>, resource: &Resource, out: &mut TenantDiff) {
    if input.portal.unsupported == Unsupported::Ignore || input.purpose == Purpose::Look {
        return;
    }
    let mut delta = blank(resource);
    let what = format!("portal {} has no {}", input.portal.name, resource.def().nouns);
    delta.findings.push(Finding::Unsupported { what, refuses: input.portal.unsupported == Unsupported::Error });
    out.deltas.push(delta);
}

fn blank(resource: &Resource) -> Delta {
    Delta {
        address: resource.address.clone(),
        previous: None,
        key: normalise_key(resource.natural_key()),
        id: None,
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

fn waiting(resource: &Resource, waits_for: &str, technician: bool) -> Waiting {
    Waiting { address: resource.address.clone(), waits_for: waits_for.to_owned(), technician }
}
