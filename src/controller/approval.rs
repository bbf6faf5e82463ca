//! May a unit's plan be applied? Comes in: the judged plan of one portal and tenant, what its manifests tell a controller, and the digests that
//! people approved. Goes out: a [`Decision`]. Pure, and never widens anything: only a digest passes a guard, and only in its own unit.

use std::collections::BTreeSet;

use crate::model::kind::Placement;
use crate::model::rule::Effect;
use crate::model::{Address, ApprovalMode, Control, DriftMode};
use crate::plan::{Action, Cause, Change, Refusal, Unit};

/// What is to be done with a unit's plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: live is as declared.
    InStep,
    /// Nothing but to wait for a technician.
    AwaitTechnician,
    /// Apply it.
    Apply,
    /// Say that somebody has to approve it.
    AwaitApproval {
        /// A digest was approved, of another plan than this.
        stale: bool,
    },
    /// Say that live drifted, and leave it.
    ReportDrift,
    /// Guards refuse it.
    Refused {
        /// Their codes, sorted.
        codes: Vec<String>,
        /// The first one's sentence.
        message: String,
    },
}

/// Decides about a unit. `run` are the refusals of the plan as a whole, `given` the digests that may pass this tenant's plan.
pub fn decide(unit: &Unit, run: &[Refusal], control: Control, given: &[String]) -> Decision {
    let changes: Vec<&Change> = unit.changes.iter().filter(|c| !c.is_left_out()).collect();
    if changes.is_empty() && unit.settled.is_empty() {
        let technician = unit.waiting.iter().any(|w| w.technician);
        return if technician { Decision::AwaitTechnician } else { Decision::InStep };
    }
    let drifted = !changes.is_empty() && changes.iter().all(|c| c.cause == Cause::Drift);
    if drifted && control.drift.unwrap_or_default() == DriftMode::Warn {
        return Decision::ReportDrift;
    }
    let approved = given.contains(&unit.digest);
    let stands = |refusal: &&Refusal| refusal.stands() && (refusal.fact || !approved);
    let of_changes = unit.changes.iter().flat_map(|c| &c.blocked_by);
    // Approving a tenant's plan says nothing of what is wrong with the run as a whole.
    let mut refusals: Vec<&Refusal> = run.iter().filter(|r| r.stands()).collect();
    refusals.extend(unit.refusals.iter().chain(of_changes).filter(stands));
    if let Some(first) = refusals.first() {
        let mut codes: Vec<_> = refusals.iter().map(|r| r.code.clone()).collect();
        codes.sort();
        codes.dedup();
        return Decision::Refused { codes, message: first.message.clone() };
    }
    let waits = match control.approval.unwrap_or_default() {
        ApprovalMode::Auto => false,
        ApprovalMode::Manual => true,
        ApprovalMode::AutoUnlessDestructive => changes.iter().any(|c| is_destructive(c)),
    };
    // What only settles an earlier run's intents changes nothing that anybody could approve.
    if waits && !approved && !changes.is_empty() {
        return Decision::AwaitApproval { stale: !given.is_empty() };
    }
    Decision::Apply
}

/// True if there is anything in a unit's plan that needs somebody's consent, and all of that is deletions that somebody approved one by one: of the
/// resource itself, or of the organization that has it.
pub fn only_approved_deletions(unit: &Unit, control: Control, approved: &BTreeSet<&Address>) -> bool {
    let covers = |change: &&Change| {
        let whole = approved.iter().any(|a| a.kind.def().placement == Placement::Tenant);
        change.actions.iter().all(|a| matches!(a, Action::Delete | Action::Forget)) && (whole || approved.contains(&change.address))
    };
    let manual = control.approval == Some(ApprovalMode::Manual);
    let needs = |change: &&Change| manual || is_destructive(change) || change.blocked_by.iter().any(Refusal::stands);
    let mut asked = unit.changes.iter().filter(|c| !c.is_left_out()).filter(needs).peekable();
    !approved.is_empty() && asked.peek().is_some() && asked.all(|change| covers(&change))
}

/// True for what takes something away, or cannot be undone.
fn is_destructive(change: &Change) -> bool {
    let takes = [Action::Delete, Action::Replace, Action::Suspend, Action::Unshare].iter().any(|a| change.has(*a));
    takes || change.effects.iter().any(|e| matches!(e, Effect::Irreversible | Effect::Cascade | Effect::DataLoss))
}
