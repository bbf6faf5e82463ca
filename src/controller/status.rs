//! What a person is told of each resource, in the words of Kubernetes' conditions. Both faces show it: the operator in the status of custom
//! resources, `run` as JSON.
//!
//! Comes in: a [`Visit`]. Goes out: for each declared resource of its tenant the conditions that hold, from the closed sets of types and reasons
//! below, each with a sentence. Pure. Conditions that are only worth a word when they are true (`Reconciling`, `Stalled`) are absent otherwise.

use std::collections::{BTreeMap, BTreeSet};

use super::{End, Visit};
use crate::apply::OutcomeResult;
use crate::model::{Address, Tenant};
use crate::plan::document::TenantPlan;
use crate::portal::PortalError;

/// A type of condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionType {
    /// Live is as declared.
    Ready,
    /// Something is under way.
    Reconciling,
    /// Nothing more happens until a person does something.
    Stalled,
    /// What is declared was brought to the portal.
    Synced,
    /// Somebody changed what is live.
    Drifted,
    /// A plan waits.
    PlanPending,
}

impl ConditionType {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::Synced => "Synced",
            Self::Drifted => "Drifted",
            Self::PlanPending => "PlanPending",
        }
    }

    /// Every reason that it may have.
    pub const fn reasons(self) -> &'static [&'static str] {
        match self {
            Self::Ready => &[
                "ReconciliationSucceeded",
                "ReconciliationFailed",
                "Progressing",
                "DependencyNotReady",
                "AwaitingApproval",
                "AwaitingTechnician",
                "Suspended",
            ],
            Self::Reconciling => &["Progressing", "ProgressingWithRetry"],
            Self::Stalled => &[
                "InvalidSpec",
                "AccessDenied",
                "AdoptionRefused",
                "GuardRefused",
                "CreationResultUnknown",
                "UnsupportedByPortal",
                "Contended",
            ],
            Self::Synced => &["ReconcileSuccess", "ReconcileError", "ReconcilePaused"],
            Self::Drifted => &["NoDrift", "DriftDetected", "DriftDetectionFailed", "DriftAccepted"],
            Self::PlanPending => &["PlannedWithChanges", "PlannedNoChanges", "PlanStale", "PlanApproved"],
        }
    }
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody knows.
    Unknown,
}

impl Holds {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its type.
    pub ty: ConditionType,
    /// Whether it holds.
    pub holds: Holds,
    /// Why, from [`ConditionType::reasons`].
    pub reason: &'static str,
    /// Why, in a sentence.
    pub message: String,
}

/// What is said of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceStatus {
    /// Which.
    pub address: Address,
    /// At most one of each type, in the order of the types.
    pub conditions: Vec<Condition>,
}

/// What a visit says of each resource that is declared in its tenant, in the order of their addresses.
pub fn of(visit: &Visit, declared: &Tenant) -> Vec<ResourceStatus> {
    let at_fault = Concerned::of(visit);
    let drifted = drifted(visit.plan.as_ref());
    let status =
        |address: &Address| ResourceStatus { address: address.clone(), conditions: conditions(visit, address, &at_fault, &drifted) };
    declared.resources.iter().map(|r| status(&r.address)).collect()
}

/// What a visit says of resources that are declared no more and that it is about: they are to be taken away, say.
pub fn of_undeclared(visit: &Visit, declared: &Tenant) -> Vec<ResourceStatus> {
    let at_fault = Concerned::of(visit);
    let known: BTreeSet<&Address> = declared.resources.iter().map(|r| &r.address).collect();
    let drifted = BTreeSet::new();
    let gone = at_fault.single.keys().filter(|address| address.tenant == visit.key.tenant && !known.contains(*address));
    gone.map(|address| ResourceStatus { address: (*address).clone(), conditions: conditions(visit, address, &at_fault, &drifted) })
        .collect()
}

/// What a visit says of its tenant as a whole: of what is not declared, or not validly.
pub fn of_whole(visit: &Visit) -> Vec<Condition> {
    let (ready, reconciling, stalled, synced) = concerned_by(visit, None);
    [Some(ready), reconciling, stalled, Some(synced)].into_iter().flatten().collect()
}

/// The resources that a visit's end is about, with what is said of each. `None` for a whole tenant.
struct Concerned<'a> {
    whole: bool,
    single: BTreeMap<&'a Address, String>,
}

impl<'a> Concerned<'a> {
    fn of(visit: &'a Visit) -> Self {
        let mut single = BTreeMap::new();
        if let Some(plan) = &visit.plan {
            for change in &plan.resource_changes {
                let refused = change.blocked_by.first().map(|r| r.message.clone());
                single.insert(&change.address, refused.unwrap_or_else(|| change.action_reason.clone()));
            }
            for waiting in &plan.waiting {
                single.insert(&waiting.address, waiting.waits_for.clone());
            }
        }
        for outcome in visit.report.iter().flat_map(|r| &r.outcomes).filter(|o| o.portal == visit.key.portal) {
            match &outcome.result {
                OutcomeResult::Done => drop(single.remove(&outcome.address)),
                OutcomeResult::Pending { waits_for, called: _ } => drop(single.insert(&outcome.address, waits_for.clone())),
                OutcomeResult::Failed { message, .. } | OutcomeResult::Uncertain { message } => {
                    single.insert(&outcome.address, message.clone());
                }
                OutcomeResult::Skipped { why } => drop(single.insert(&outcome.address, why.clone())),
                OutcomeResult::DoneDiffers { fields } => {
                    single.insert(&outcome.address, format!("the portal shows another {}", fields.join(", ")));
                }
                OutcomeResult::Held { .. } | OutcomeResult::Cancelled => {}
            }
        }
        let whole = match &visit.end {
            End::Suspended
            | End::Invalid { .. }
            | End::DependencyNotReady { .. }
            | End::Portal(_)
            | End::Contended { .. }
            | End::Stopped { .. } => true,
            End::InStep | End::Applied | End::Applying | End::AwaitingApproval { .. } | End::AwaitingTechnician => false,
            End::DriftReported | End::Refused { .. } | End::Failed { .. } => false,
        };
        Self { whole, single }
    }
}

fn drifted(plan: Option<&TenantPlan>) -> BTreeSet<&Address> {
    plan.into_iter().flat_map(|p| &p.resource_drift).map(|d| &d.address).collect()
}

fn conditions(visit: &Visit, address: &Address, concerned: &Concerned<'_>, drifted: &BTreeSet<&Address>) -> Vec<Condition> {
    let own = concerned.single.get(address);
    let (ready, reconciling, stalled, synced) =
        if concerned.whole || own.is_some() { concerned_by(visit, own.map(String::as_str)) } else { in_step() };
    let mut all: Vec<_> = [Some(ready), reconciling, stalled, Some(synced)].into_iter().flatten().collect();
    all.push(drift(visit, drifted.contains(address)));
    all.extend(plan_pending(visit, own.is_some()));
    all
}

type Four = (Condition, Option<Condition>, Option<Condition>, Condition);

fn condition(ty: ConditionType, holds: Holds, reason: &'static str, message: impl Into<String>) -> Condition {
    Condition { ty, holds, reason, message: message.into() }
}

fn in_step() -> Four {
    (
        condition(ConditionType::Ready, Holds::True, "ReconciliationSucceeded", "live is as declared"),
        None,
        None,
        condition(ConditionType::Synced, Holds::True, "ReconcileSuccess", "live is as declared"),
    )
}

/// What is said of what a visit's end is about; `own` is the resource's own sentence.
fn concerned_by(visit: &Visit, own: Option<&str>) -> Four {
    let say = |general: &str| own.unwrap_or(general).to_owned();
    let ready = |reason, message: String| condition(ConditionType::Ready, Holds::False, reason, message);
    let synced = |holds, reason, message: String| condition(ConditionType::Synced, holds, reason, message);
    let again = |message: String| {
        let reason = if visit.failures > 0 { "ProgressingWithRetry" } else { "Progressing" };
        Some(condition(ConditionType::Reconciling, Holds::True, reason, message))
    };
    let stalled = |reason, message: String| Some(condition(ConditionType::Stalled, Holds::True, reason, message));
    let failed = |message: String| {
        let words = format!("{message}; tried again at {}", seconds(visit.again));
        (ready("ReconciliationFailed", message.clone()), again(words), None, synced(Holds::False, "ReconcileError", message))
    };
    let stuck = |reason, message: String| {
        let synced = synced(Holds::False, "ReconcileError", message.clone());
        (ready("ReconciliationFailed", message.clone()), None, stalled(reason, message), synced)
    };
    match &visit.end {
        End::InStep | End::Applied | End::DriftReported => in_step(),
        End::Applying => {
            let message = say("being applied");
            (ready("Progressing", message.clone()), again(message.clone()), None, synced(Holds::Unknown, "ReconcileSuccess", message))
        }
        End::Suspended => {
            let message = "a manifest (`suspend`) or the annotation `tenantry.dev/paused` says to leave it alone".to_owned();
            let ready = condition(ConditionType::Ready, Holds::Unknown, "Suspended", message.clone());
            (ready, None, None, synced(Holds::Unknown, "ReconcilePaused", message))
        }
        End::AwaitingApproval { digest, stale } => {
            let other = if *stale { "; what was approved is another plan" } else { "" };
            let message = format!("{}: approve {digest} to let it happen{other}", say("there are changes"));
            (ready("AwaitingApproval", message.clone()), None, None, synced(Holds::False, "ReconcilePaused", message))
        }
        End::AwaitingTechnician => {
            let message = say("a technician has work orders");
            (ready("AwaitingTechnician", message.clone()), None, None, synced(Holds::False, "ReconcilePaused", message))
        }
        End::Refused { codes, message } => stuck(refused(codes), own.map_or_else(|| message.clone(), str::to_owned)),
        End::Invalid { message } => stuck("InvalidSpec", message.clone()),
        End::DependencyNotReady { message } => {
            let waits = synced(Holds::False, "ReconcileError", message.clone());
            (ready("DependencyNotReady", message.clone()), again(message.clone()), None, waits)
        }
        End::Portal(PortalError::Denied(why)) => stuck("AccessDenied", format!("the portal denies access: {why}")),
        End::Portal(PortalError::Misconfigured(why)) => stuck("InvalidSpec", format!("the portal cannot be used as declared: {why}")),
        End::Portal(PortalError::Unavailable(why)) => failed(format!("the portal cannot be reached: {why}")),
        End::Contended { message } => stuck("Contended", message.clone()),
        End::Failed { message } | End::Stopped { message } => failed(say(message)),
    }
}

/// The reason of what guards refuse.
fn refused(codes: &[String]) -> &'static str {
    let has = |code: &str| codes.iter().any(|c| c == code);
    if has("G017") {
        "AdoptionRefused"
    } else if has("G018") {
        "CreationResultUnknown"
    } else if has("G016") || has("G021") {
        "UnsupportedByPortal"
    } else {
        "GuardRefused"
    }
}

fn drift(visit: &Visit, drifted: bool) -> Condition {
    let read = !matches!(
        visit.end,
        End::Portal(_)
            | End::Suspended
            | End::Invalid { .. }
            | End::DependencyNotReady { .. }
            | End::Stopped { .. }
            | End::Contended { .. }
    );
    match (read, drifted, &visit.end) {
        (false, ..) => condition(ConditionType::Drifted, Holds::Unknown, "DriftDetectionFailed", "live could not be compared"),
        (true, true, End::Applied) => condition(ConditionType::Drifted, Holds::False, "NoDrift", "what somebody changed was brought back"),
        (true, true, _) => condition(ConditionType::Drifted, Holds::True, "DriftDetected", "somebody changed it in the portal"),
        (true, false, _) => condition(ConditionType::Drifted, Holds::False, "NoDrift", "live is as it was last applied"),
    }
}

fn plan_pending(visit: &Visit, changes: bool) -> Option<Condition> {
    let none = || condition(ConditionType::PlanPending, Holds::False, "PlannedNoChanges", "there is nothing to do");
    match &visit.end {
        End::InStep | End::Applied => Some(none()),
        End::AwaitingApproval { digest, stale } if changes => {
            let (reason, message) = if *stale {
                ("PlanStale", format!("what was approved is another plan; this one is {digest}"))
            } else {
                ("PlannedWithChanges", format!("approve {digest}"))
            };
            Some(condition(ConditionType::PlanPending, Holds::True, reason, message))
        }
        End::Refused { .. } | End::DriftReported if changes => {
            let digest = visit.plan.as_ref().map(|p| p.digest.clone()).unwrap_or_default();
            Some(condition(ConditionType::PlanPending, Holds::True, "PlannedWithChanges", format!("its digest is {digest}")))
        }
        End::Applying if changes => Some(condition(ConditionType::PlanPending, Holds::True, "PlanApproved", "it is being applied")),
        End::AwaitingApproval { .. } | End::Refused { .. } | End::DriftReported | End::Applying | End::AwaitingTechnician => Some(none()),
        End::Suspended | End::Invalid { .. } | End::DependencyNotReady { .. } | End::Portal(_) => None,
        End::Contended { .. } | End::Failed { .. } | End::Stopped { .. } => None,
    }
}

/// An instant to the second.
fn seconds(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
