//! One declared resource: the rows of the truth table (design, section 4) in which something is declared. Here is what happens where its object
//! is not there; `present` has the rest.

use super::absence::{self, Absence};
use super::identity::Identity;
use super::{Action, Cause, Delta, Drift, DriftKind, Finding, Input, Purpose, TenantDiff, Waiting, begun, fields, orders, unfinished};
use crate::model::kind::Sense;
use crate::model::ledger::Attestation;
use crate::model::live::normalise_key;
use crate::model::portal_spec::Unsupported;
use crate::model::{Fields, Intent, IntentAction, KindCapability, LedgerRow, LiveObject, ObjectState, Origin, Performer, Resource};

/// Compares one declared resource and records what comes of it.
pub(super) fn compare(input: &Input<'_>, identity: &Identity<'_>, resource: &Resource, out: &mut TenantDiff) {
    let Some(capability) = input.capabilities.declarable(resource.address.kind) else {
        unsupported_kind(input, resource, out);
        return;
    };
    let mut delta = blank(resource);
    delta.findings = fields::unsupported(input, capability, resource);
    let row = identity.row(resource);
    let before = out.deltas.len();
    let case = Case { input, identity, resource, capability };
    match (identity.disputes(resource, row), row) {
        (_, Some(row)) if case.made_anew(row).is_some() => case.take_over_made_anew(row, delta, out),
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
pub(super) struct Case<'a, 'b> {
    pub(super) input: &'b Input<'a>,
    pub(super) identity: &'b Identity<'a>,
    pub(super) resource: &'b Resource,
    pub(super) capability: &'b KindCapability,
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
        if let Some(order) = begun::work_order(self.input, self.capability, &self.resource.address) {
            return out.waiting.push(waiting(self.resource, order, true));
        }
        if let Some(object) = self.identity.object_of(self.resource) {
            return match self.foreign_mark(object) {
                Some(finding) => self.stuck(delta, finding, out),
                None => self.present(object, Some(row), delta, out),
            };
        }
        match absence::of(self.input, self.capability, self.resource) {
            Absence::Proven => self.gone(delta, out),
            Absence::Unknown(why) => self.stuck(delta, Finding::ObservationIncomplete { why }, out),
            Absence::Attested(record) => self.attested(record, Some(row), delta, out),
            Absence::NoRecord => self.unseen(row, delta, out),
        }
    }

    /// The object that an interrupted run made in place of one that was gone: the ledger still has the old id.
    fn made_anew(&self, row: &LedgerRow) -> Option<(&Intent, &LiveObject)> {
        let kind = self.resource.address.kind;
        let intent = begun::creation(self.input, self.resource)?;
        let old = row.id.as_deref()?;
        let ours = *row.owner == *self.input.installation && self.resource.external_id().is_none();
        if !ours || !self.input.live.is_complete(kind) || self.identity.object(kind, old).is_some() {
            return None;
        }
        let [object] = self.identity.with_key(kind, &intent.key) else { return None };
        // The manifest may have another key for it by now; what has that is somebody else's.
        let others = self.identity.object_of(self.resource).is_some_and(|o| o.id != object.id) || self.taken_otherwise(intent, object);
        (!others && !self.identity.is_recorded(object) && begun::made_by(self.input, intent, object)).then_some((intent, *object))
    }

    fn take_over_made_anew(&self, row: &LedgerRow, mut delta: Delta, out: &mut TenantDiff) {
        let Some((intent, object)) = self.made_anew(row) else { return };
        if unfinished::goes_on(self.input, intent) {
            return self.go_on(intent, Some(object), delta, out);
        }
        delta.resumes = Some(intent.id.clone());
        self.adopt(object, Origin::Created, "an interrupted run made it anew; it is taken over as ours", delta, out);
    }

    /// It is ours, and the portal shows that it is not there.
    fn gone(&self, delta: Delta, out: &mut TenantDiff) {
        if let Some(why) = begun::not_shown_yet(self.input, &self.resource.address, &[IntentAction::Create]) {
            return self.unfinished(&why, false, out);
        }
        if let Some(finding) = absence::elsewhere(self.input, self.resource, true) {
            return self.stuck(delta, finding, out);
        }
        out.drift.push(Drift { address: self.resource.address.clone(), what: DriftKind::Deleted, fields: Vec::new() });
        self.create(delta, Cause::Drift, "it is gone from the portal and is made again", out);
    }

    /// It is ours, and neither the portal nor a person shows it: what was last applied is all there is to compare with.
    fn unseen(&self, row: &LedgerRow, mut delta: Delta, out: &mut TenantDiff) {
        delta.id.clone_from(&row.id);
        let compared = fields::compare(self.input, self.identity, self.capability, self.resource, None, Some(row));
        if self.input.purpose != Purpose::Look {
            self.differs(compared, None, delta, out);
        }
    }

    /// The ledger has nothing of it.
    fn not_ours(&self, mut delta: Delta, out: &mut TenantDiff) {
        delta.protect = self.resource.protected().filter(|p| *p);
        let intent = begun::creation(self.input, self.resource);
        if let Some(intent) = intent.filter(|i| unfinished::is_begun(self.input, i) && !self.is_gone(i)) {
            let made = self.identity.object_of(self.resource).filter(|o| begun::made_by(self.input, intent, o));
            let made = made.or_else(|| begun::made(self.input, self.identity, intent).first().copied());
            return self.go_on(intent, made, delta, out);
        }
        let told = |i: &Intent| orders::asks(self.input, i) && begun::made(self.input, self.identity, i).is_empty();
        let (mut delta, intent) = match intent.filter(|i| self.had_another_key(i) && !told(i)) {
            None => (delta, intent),
            Some(intent) => match self.made_with_another_key(intent, delta, out) {
                None => return,
                // That call had no effect, and its intent is never taken for this one's.
                Some(delta) => (delta, None),
            },
        };
        if let Some(object) = self.identity.object_of(self.resource) {
            return match intent.filter(|i| begun::made_by(self.input, i, object)) {
                Some(intent) if unfinished::goes_on(self.input, intent) => self.go_on(intent, Some(object), delta, out),
                Some(intent) => {
                    delta.resumes = Some(intent.id.clone());
                    self.adopt(object, Origin::Created, "an interrupted run made it; it is taken over as ours", delta, out);
                }
                None => self.candidate(object, delta, out),
            };
        }
        match (absence::of(self.input, self.capability, self.resource), intent) {
            (Absence::Unknown(why), _) => self.stuck(delta, Finding::ObservationIncomplete { why }, out),
            (Absence::Attested(record), _) if record.present => self.attested(record, None, delta, out),
            (Absence::Attested(_) | Absence::NoRecord, Some(intent)) => self.waits_for_record(intent, delta, out),
            (Absence::Proven, Some(intent)) => self.resume_create(intent, delta, out),
            (Absence::NoRecord, None) if self.capability.create == Performer::Call && !self.capability.looks_first => {
                // No technician looks before a call, and a ledger that was lost would have everything made twice.
                let why = format!("the portal cannot be read for {}, and nobody recorded whether it exists", self.resource.def().nouns);
                self.stuck(delta, Finding::ObservationIncomplete { why }, out);
            }
            (Absence::Proven | Absence::Attested(_) | Absence::NoRecord, None) => {
                match self.identity.held_in_tenant(self.resource).or_else(|| absence::elsewhere(self.input, self.resource, false)) {
                    // What is to be made says so: this very run may free the key.
                    Some(finding @ Finding::KeyTaken { .. }) => {
                        delta.findings.push(finding);
                        self.create(delta, Cause::Manifest, "it is declared and does not exist", out);
                    }
                    Some(finding) => self.stuck(delta, finding, out),
                    None => self.create(delta, Cause::Manifest, "it is declared and does not exist", out),
                }
            }
        }
    }

    /// True if an intent set out to make it with another natural key than it has today.
    fn had_another_key(&self, intent: &Intent) -> bool {
        intent.key != normalise_key(self.resource.natural_key())
    }

    /// True if what an intent made with another key is what another declared resource goes by.
    fn taken_otherwise(&self, intent: &Intent, object: &LiveObject) -> bool {
        self.had_another_key(intent) && self.identity.is_taken(object)
    }

    /// An interrupted run set out to make it with another natural key than it has today. What that made is it. Gives the delta back if that
    /// call is proven to have had no effect.
    fn made_with_another_key(&self, intent: &Intent, mut delta: Delta, out: &mut TenantDiff) -> Option<Delta> {
        let made = begun::made(self.input, self.identity, intent);
        if let Some(object) = made.first() {
            if made.len() > 1 || self.taken_otherwise(intent, object) || self.identity.object_of(self.resource).is_some() {
                let why = format!("an interrupted run made it as {}, and another object may be it as well", intent.key);
                self.stuck(delta, Finding::AmbiguousIdentity { why }, out);
                return None;
            }
            if unfinished::goes_on(self.input, intent) {
                self.go_on(intent, Some(object), delta, out);
                return None;
            }
            delta.resumes = Some(intent.id.clone());
            let reason = format!("an interrupted run made it as {}; it is taken over as ours", intent.key);
            self.adopt(object, Origin::Created, &reason, delta, out);
            return None;
        }
        let answered = match absence::of(self.input, self.capability, self.resource) {
            Absence::Proven => !begun::within_window(self.input, intent.at),
            Absence::Attested(record) => record.present,
            Absence::Unknown(_) | Absence::NoRecord => false,
        };
        if answered {
            return Some(delta);
        }
        if let Some(order) = begun::work_order(self.input, self.capability, &self.resource.address) {
            self.unfinished(order, true, out);
            return None;
        }
        let why = format!("a call to make it as {} began at {:.0}, and what became of it is not known yet", intent.key, intent.at);
        self.stuck(delta, Finding::CreationResultUnknown { why }, out);
        None
    }

    /// It is not there and an earlier run set out to make it.
    fn resume_create(&self, intent: &Intent, mut delta: Delta, out: &mut TenantDiff) {
        if let Some(order) = begun::work_order(self.input, self.capability, &self.resource.address) {
            return self.unfinished(order, true, out);
        }
        let repeats = unfinished::may_be_repeated(self.input, intent);
        let may_show = begun::within_window(self.input, intent.at) && !self.had_no_effect(intent);
        if may_show && !repeats {
            delta.resumes = Some(intent.id.clone());
            let window = begun::window(self.input).as_secs();
            let until = intent.at.checked_add(begun::window(self.input)).unwrap_or(intent.at);
            let why = format!(
                "a call to make it began at {:.0} and the portal may take {window} s to show it: run again after {until:.0}",
                intent.at
            );
            return self.stuck(delta, Finding::CreationResultUnknown { why }, out);
        }
        // Its own lost call may hold the key already, and a repetition under the same idempotency key finds that out.
        if let Some(finding) = absence::elsewhere(self.input, self.resource, false).filter(|_| !repeats) {
            delta.resumes = Some(intent.id.clone());
            return self.stuck(delta, finding, out);
        }
        // A key stands for what was sent with it: what is declared by now goes under another one, for that call had no effect.
        let same = repeats || !self.input.capabilities.idempotent || orders::item_of(self.input, intent).is_some();
        delta.resumes = same.then(|| intent.id.clone());
        self.create(delta, Cause::Manifest, "an interrupted run did not get to make it", out);
    }

    /// The portal shows nothing of this kind and somebody (or a lost call) is at it.
    fn waits_for_record(&self, intent: &Intent, mut delta: Delta, out: &mut TenantDiff) {
        if let Some(order) = begun::work_order(self.input, self.capability, &self.resource.address) {
            return self.unfinished(order, true, out);
        }
        delta.resumes = Some(intent.id.clone());
        if self.had_no_effect(intent) {
            return self.create(delta, Cause::Manifest, "an interrupted run did not get to ask for it", out);
        }
        if unfinished::may_be_repeated(self.input, intent) {
            let reason = "an interrupted run may have made it; the call is repeated under the same key";
            return self.create(delta, Cause::Manifest, reason, out);
        }
        let why = format!(
            "a call to make it began at {:.0}, and the portal neither shows it nor takes the same content under its idempotency key",
            intent.at
        );
        self.stuck(delta, Finding::CreationResultUnknown { why }, out);
    }

    /// A part of its creation is done: what is left of it goes on.
    fn go_on(&self, intent: &Intent, object: Option<&LiveObject>, mut delta: Delta, out: &mut TenantDiff) {
        if let Some(order) = begun::work_order(self.input, self.capability, &self.resource.address) {
            return self.unfinished(order, true, out);
        }
        if let Some(finding) = object.and_then(|object| self.foreign_mark(object)) {
            return self.stuck(delta, finding, out);
        }
        delta.resumes = Some(intent.id.clone());
        match unfinished::stands(self.input, intent, object.is_some()) {
            unfinished::Stands::GoesOn { reason } => {
                delta.id = object.map(|o| o.id.clone()).or_else(|| intent.fate.reached.as_ref()?.id().map(Into::into));
                self.create(delta, Cause::Manifest, &reason, out);
            }
            unfinished::Stands::Unknown { why } => self.stuck(delta, Finding::CreationResultUnknown { why }, out),
        }
    }

    /// True if what an intent made is proven to be gone again: there is nothing to go on with.
    fn is_gone(&self, intent: &Intent) -> bool {
        let proven = || matches!(absence::of(self.input, self.capability, self.resource), Absence::Proven);
        let shown = || self.identity.object_of(self.resource).is_some() || !begun::made(self.input, self.identity, intent).is_empty();
        intent.fate.is_made() && !shown() && proven() && !begun::within_window(self.input, intent.at)
    }

    /// True if an intent's call has brought nothing about in the portal: it asked a person, or was about to.
    fn had_no_effect(&self, intent: &Intent) -> bool {
        // Of a call that asks before it makes anything there would be an item.
        let nobody_asked = || self.capability.looks_first && orders::item_of(self.input, intent).is_none();
        self.capability.create == Performer::Technician || orders::asks(self.input, intent) || nobody_asked()
    }

    /// Only a person's record speaks for it.
    fn attested(&self, record: &Attestation, row: Option<&LedgerRow>, mut delta: Delta, out: &mut TenantDiff) {
        if !record.present {
            return self.create(delta, Cause::Drift, "a technician recorded that it is not there", out);
        }
        let fields = Fields::from_json(self.resource.def(), &record.fields).unwrap_or_default();
        let seen_as = self.resource.def().key_field().and_then(|id| fields.get(id)?.as_text().map(normalise_key));
        let object = LiveObject {
            kind: self.resource.address.kind,
            id: record.id.as_deref().unwrap_or_default().into(),
            key: seen_as.unwrap_or_else(|| normalise_key(self.resource.natural_key())),
            fields,
            state: ObjectState::Active,
            owner: None,
            created_by: None,
            portals_own: false,
        };
        match (row, begun::creation(self.input, self.resource)) {
            (Some(_), _) => self.present(&object, row, delta, out),
            (None, Some(intent)) => {
                delta.resumes = Some(intent.id.clone());
                self.adopt(&object, Origin::Created, "a technician recorded that it is there", delta, out);
            }
            // Somebody saw it, and nobody of ours set out to make it: it was there before.
            (None, None) => self.candidate(&object, delta, out),
        }
    }

    fn create(&self, mut delta: Delta, cause: Cause, reason: &str, out: &mut TenantDiff) {
        if self.input.purpose == Purpose::Look {
            return;
        }
        if let Some(day) = self.deferred_until() {
            return self.unfinished(&format!("it is deferred until {day}"), false, out);
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

    /// It is not there before something has happened; what needs it waits too.
    pub(super) fn unfinished(&self, waits_for: &str, technician: bool, out: &mut TenantDiff) {
        out.unfinished.insert(self.resource.address.clone());
        if technician {
            out.ordered.insert(self.resource.address.clone());
        }
        out.waiting.push(waiting(self.resource, waits_for, technician));
    }

    pub(super) fn stuck(&self, mut delta: Delta, finding: Finding, out: &mut TenantDiff) {
        delta.findings.push(finding);
        out.deltas.push(delta);
    }

    fn deferred_until(&self) -> Option<String> {
        let today = self.input.now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let dates = self.resource.def().with_sense(Sense::DeferUntil).filter_map(|(id, _)| self.resource.fields.get(id)?.as_text());
        dates.filter(|text| text.parse::<jiff::civil::Date>().is_ok_and(|day| day > today)).map(str::to_owned).next()
    }
}

fn unsupported_kind(input: &Input<'_>, resource: &Resource, out: &mut TenantDiff) {
    if input.portal.unsupported == Unsupported::Ignore || input.purpose == Purpose::Look {
        return;
    }
    let mut delta = blank(resource);
    let what = format!("portal {} does not support {}", input.portal.name, resource.def().nouns);
    delta.findings.push(Finding::Unsupported { what, field: None, named: None, refuses: input.portal.unsupported == Unsupported::Error });
    out.deltas.push(delta);
}

fn blank(resource: &Resource) -> Delta {
    Delta::about(resource.address.clone(), normalise_key(resource.natural_key()))
}

pub(super) fn waiting(resource: &Resource, waits_for: &str, technician: bool) -> Waiting {
    Waiting { address: resource.address.clone(), waits_for: waits_for.to_owned(), technician, failed: false }
}
