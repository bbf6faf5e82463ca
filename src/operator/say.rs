//! What is said of custom resources, beside what a visit says of each declared resource.
//!
//! Comes in: visits, and reasons. Goes out: conditions from the closed sets, plans that wait, the words of events. Pure.

use std::sync::Arc;

use crate::apply::{Outcome, OutcomeResult};
use crate::controller::status::{Condition, ConditionType, Holds, ResourceStatus, is_open, tried_again};
use crate::controller::{End, Fleet, Visit};
use crate::diagnostic::{Diagnostic, brief};
use crate::model::PortalName;
use crate::plan::Action;
use crate::plan::document::PlanDocument;
use crate::portal::PortalError;
use crate::report::style::Style;
use crate::report::text;
use crate::report::view::counts;

use super::known::{Object, ObjectKey};
use super::status::{PendingPlan, PlanOf, merged};

/// What a document that counts for nothing is told.
pub(super) fn refused(why: &str) -> Vec<Condition> {
    vec![
        say(ConditionType::Ready, Holds::False, "ReconciliationFailed", why),
        say(ConditionType::Stalled, Holds::True, "InvalidSpec", why),
        say(ConditionType::Synced, Holds::False, "ReconcileError", why),
    ]
}

/// What is said where nobody looks at a tenant's documents, which have errors.
pub(super) fn invalid(diagnostics: &[Diagnostic]) -> Vec<Condition> {
    refused(&brief(diagnostics))
}

pub(super) fn unserved(tenant: &str) -> Vec<Condition> {
    let message = format!("no Portal serves {tenant}: none is declared, or none selects it in this namespace");
    vec![
        say(ConditionType::Ready, Holds::False, "DependencyNotReady", &message),
        say(ConditionType::Synced, Holds::False, "ReconcileError", &message),
    ]
}

/// What is said until a portal is looked at for the first time.
pub(super) fn not_looked_at() -> Vec<Condition> {
    let message = "it was not looked at yet";
    vec![
        say(ConditionType::Ready, Holds::False, "Progressing", message),
        say(ConditionType::Reconciling, Holds::True, "Progressing", message),
    ]
}

/// What is said of what an annotation has left alone.
pub(super) fn paused() -> Vec<Condition> {
    let message = "the annotation `tenantry.dev/paused` says to leave it alone";
    vec![
        say(ConditionType::Ready, Holds::Unknown, "Suspended", message),
        say(ConditionType::Synced, Holds::Unknown, "ReconcilePaused", message),
    ]
}

/// What is said of a portal that no visit tells about, as a fleet has it; `None`: it does not have it.
pub(super) fn portal(fleet: &Fleet, name: &PortalName) -> Option<Vec<Condition>> {
    if let Some(error) = fleet.closed.get(name) {
        return Some(refused(&format!("it cannot be used: {error}")));
    }
    let open = fleet.portals.get(name)?;
    if open.served.spec.control.suspend == Some(true) {
        let message = "its manifest or an annotation says to leave it alone";
        return Some(vec![
            say(ConditionType::Ready, Holds::Unknown, "Suspended", message),
            say(ConditionType::Synced, Holds::Unknown, "ReconcilePaused", message),
        ]);
    }
    Some(usable("it is open; nothing was looked for in it yet"))
}

fn usable(message: &str) -> Vec<Condition> {
    vec![
        say(ConditionType::Ready, Holds::True, "ReconciliationSucceeded", message),
        say(ConditionType::Synced, Holds::True, "ReconcileSuccess", message),
    ]
}

/// Of several resources in one document the one that is worst off speaks for all, by each type of condition.
pub(super) fn worst(all: &[&ResourceStatus]) -> Vec<Condition> {
    let named: Vec<_> = all.iter().map(|s| (s.address.to_string(), s.conditions.as_slice())).collect();
    merged(named.iter().map(|(address, conditions)| (address.as_str(), *conditions)))
}

/// Adds when it is tried again: of an organization alone, for each of its resources would be written anew each time.
pub(super) fn with_time(mut conditions: Vec<Condition>, visit: &Visit) -> Vec<Condition> {
    if let Some(when) = tried_again(visit) {
        let reconciling = conditions.iter_mut().filter(|c| c.ty == ConditionType::Reconciling);
        reconciling.for_each(|c| c.message = format!("{}; {when}", c.message));
    }
    conditions
}

/// Whether a visit leaves a plan that somebody may approve.
const fn waits(visit: &Visit) -> bool {
    matches!(visit.end, End::AwaitingApproval { .. } | End::Refused { .. } | End::DriftReported)
}

/// The digest of what a visit planned, empty where nothing is left to do; `None`: nobody knows what would be done.
pub(super) fn digest(visit: &Visit) -> Option<String> {
    match &visit.end {
        End::InStep | End::Applied => Some(String::new()),
        _ => visit.plan.as_ref().map(|plan| plan.digest.clone()),
    }
}

/// What was planned for the tenants of a portal, those apart that are left alone as they are; `None`: of one of them nobody knows.
pub(super) fn plans(visits: &[Arc<Visit>]) -> Option<Vec<PlanOf>> {
    let planned = visits.iter().filter(|visit| !matches!(visit.end, End::Suspended | End::Invalid { .. }));
    let plan = |visit: &Arc<Visit>| Some(PlanOf { tenant: visit.key.tenant.to_string(), digest: digest(visit)?, waits: waits(visit) });
    planned.map(plan).collect()
}

/// The plan that a visit leaves for somebody to approve.
pub(super) fn pending(visit: &Visit) -> Option<PendingPlan> {
    let plan = visit.plan.as_ref().filter(|_| waits(visit))?;
    let document = PlanDocument::of_tenant(plan.clone(), visit.at, env!("CARGO_PKG_VERSION"));
    Some(PendingPlan {
        tenant: visit.key.tenant.to_string(),
        digest: plan.digest.clone(),
        summary: counts(&plan.summary, true),
        text: text::plan(&document, &Style::PLAIN),
    })
}

/// Whether a visit leaves nothing to be done about an object that somebody deleted. What the ledger knows is seen to even without the object, so
/// that letting go loses nothing: it is held only so that people see what still waits.
pub(super) fn seen_to(fleet: &Fleet, visit: &Visit, key: &ObjectKey, object: &Object) -> bool {
    let Some(address) = object.address(key.kind) else { return true };
    if object.declared.edition > fleet.edition {
        // The visit was of a fleet in which it still counted.
        return false;
    }
    if !object.declared.deleting {
        // It counts as before, because the definition of its kind goes: it is held for as long as its absence would delete anything.
        return matches!(visit.end, End::Suspended | End::Portal(PortalError::Misconfigured(_) | PortalError::NoCredential(_)));
    }
    match &visit.end {
        // Nobody can do anything in a portal that cannot be used as declared.
        End::Portal(PortalError::Misconfigured(_) | PortalError::NoCredential(_)) => true,
        // Who is to be deleted is not let go of with nothing deleted: pausing does that.
        End::Invalid { .. } => !fleet.leaving.contains(&visit.key.tenant),
        _ => !is_open(visit, &address),
    }
}

/// What an event says of a change: whether it is a warning, its reason in the past tense, and a sentence; `None`: nothing became of it.
pub(super) fn event(outcome: &Outcome) -> Option<(bool, String, String)> {
    let action = *outcome.actions.first()?;
    let Outcome { address, portal, result, .. } = outcome;
    let (warns, reason, what) = match result {
        OutcomeResult::Done => (false, past(action).to_owned(), "done".to_owned()),
        OutcomeResult::DoneDiffers { fields } => {
            (true, format!("{}Differently", past(action)), format!("done, and the portal shows another {}", fields.join(", ")))
        }
        OutcomeResult::Pending { waits_for, called: _ } => (false, "GaveOut".to_owned(), format!("waits: {waits_for}")),
        OutcomeResult::Failed { message, .. } => (true, format!("FailedTo{}", capital(action.word())), format!("failed: {message}")),
        OutcomeResult::Uncertain { message } => (true, "LostAnswer".to_owned(), format!("nobody knows whether it was done: {message}")),
        OutcomeResult::Skipped { .. } | OutcomeResult::Held { .. } | OutcomeResult::Cancelled => return None,
    };
    let words = outcome.actions.iter().map(|a| a.word()).collect::<Vec<_>>().join(", ");
    Some((warns, reason, format!("{words} {address} in portal {portal}: {what}")))
}

const fn past(action: Action) -> &'static str {
    match action {
        Action::Create => "Created",
        Action::Update => "Updated",
        Action::Replace => "Replaced",
        Action::Delete => "Deleted",
        Action::Adopt => "Adopted",
        Action::Recover => "Recovered",
        Action::Forget => "Forgot",
        Action::Move => "Moved",
        Action::Resend => "Resent",
        Action::Suspend => "Suspended",
        Action::Share => "Shared",
        Action::Unshare => "Unshared",
        Action::Protect => "Protected",
        Action::Unprotect => "Unprotected",
    }
}

fn say(ty: ConditionType, holds: Holds, reason: &'static str, message: &str) -> Condition {
    Condition { ty, holds, reason, message: message.to_owned() }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
