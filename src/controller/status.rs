//! What a person is told of each resource, in the words of Kubernetes' conditions. Both faces show it: the operator in the status of custom
//! resources, `run` as JSON.
//!
//! Comes in: a [`Visit`]. Goes out: for each declared resource of its tenant the conditions that hold, from the closed sets of types and reasons
//! below, each with a sentence. Pure. Conditions that are only worth a word when they are true (`Reconciling`, `Stalled`) are absent otherwise.

use std::collections::{BTreeMap, BTreeSet};

use super::{End, Visit};
use crate::apply::OutcomeResult;
use crate::model::kind::Placement;
use crate::model::{Address, Tenant};
use crate::plan::document::TenantPlan;
use crate::plan::{NOT_MANAGED, Refusal};
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

/// Whether a visit leaves something to be done about a resource, or did not look at it: a change that was not applied, or one that is in a
/// technician's hands.
pub fn is_open(visit: &Visit, address: &Address) -> bool {
    let changes = |plan: &TenantPlan| plan.resource_changes.iter().any(|c| c.address == *address);
    // What the portal did not show enough of waits, too, until it does.
    let unseen = |plan: &TenantPlan| plan.retained.iter().any(|r| r.unseen && r.address == *address);
    let waits = |plan: &TenantPlan| plan.waiting.iter().any(|w| w.address == *address) || unseen(plan);
    let plan = visit.plan.as_ref();
    match &visit.end {
        // Changes in it were applied, or are left out.
        End::InStep | End::Applied => plan.is_some_and(waits),
        End::Suspended | End::Invalid { .. } => false,
        End::Applying | End::Portal(_) | End::Contended { .. } | End::Stopped { .. } => true,
        End::AwaitingApproval { .. } | End::AwaitingTechnician | End::DriftReported => plan.is_none_or(|p| changes(p) || waits(p)),
        End::Refused { .. } | End::DependencyNotReady { .. } | End::Failed { .. } => plan.is_none_or(|p| changes(p) || waits(p)),
    }
}

/// What a visit says of its portal itself; `None`: it did not look at it. Only a look speaks for a portal: that one change was denied is said of
/// what was to be changed.
pub fn of_portal(visit: &Visit) -> Option<Vec<Condition>> {
    match &visit.end {
        End::Portal(_) if visit.report.is_none() => Some(of_whole(visit)),
        End::Suspended | End::Invalid { .. } | End::DependencyNotReady { .. } | End::Contended { .. } | End::Stopped { .. } => None,
        End::InStep | End::Applying | End::Applied | End::AwaitingApproval { .. } | End::AwaitingTechnician => Some(readable()),
        End::DriftReported | End::Refused { .. } | End::Failed { .. } | End::Portal(_) => Some(readable()),
    }
}

fn readable() -> Vec<Condition> {
    let message = "it can be read";
    vec![
        condition(ConditionType::Ready, Holds::True, "ReconciliationSucceeded", message),
        condition(ConditionType::Synced, Holds::True, "ReconcileSuccess", message),
    ]
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
                let refused = change.blocked_by.iter().find(|r| r.stands()).map(|r| in_words(r, &plan.digest));
                let words = refused.or_else(|| whole_plan(visit)).unwrap_or_else(|| change.action_reason.clone());
                single.insert(&change.address, words);
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
        Self { whole: is_whole(visit), single }
    }
}

/// Whether a visit's end is about every resource: nothing was looked at. Else what the plan does not touch was seen to be in step.
fn is_whole(visit: &Visit) -> bool {
    match &visit.end {
        End::Suspended | End::Invalid { .. } => true,
        End::DependencyNotReady { .. } | End::Contended { .. } | End::Stopped { .. } | End::Failed { .. } => visit.plan.is_none(),
        End::Portal(_) => visit.report.is_none(),
        End::InStep | End::Applied | End::Applying | End::AwaitingApproval { .. } | End::AwaitingTechnician => false,
        End::DriftReported | End::Refused { .. } => false,
    }
}

/// What a guard says, and what can be done about it.
fn in_words(refusal: &Refusal, digest: &str) -> String {
    let Refusal { code, message, help, .. } = refusal;
    if refusal.fact {
        return format!("{code}: {message}; no approval passes it: {help}");
    }
    format!("{code}: {message}; to let it happen all the same, approve {digest} (annotation `tenantry.dev/approved-plan`)")
}

/// What guards say of a plan as a whole; `None`: they refuse nothing.
fn whole_plan(visit: &Visit) -> Option<String> {
    let End::Refused { codes, message } = &visit.end else { return None };
    let plan = visit.plan.as_ref();
    let all = plan.into_iter().flat_map(|p| p.blocked_by.iter().chain(p.resource_changes.iter().flat_map(|c| &c.blocked_by)));
    let said = all.filter(|r| r.stands()).find(|r| r.message == *message);
    let words = said.zip(plan).map(|(refusal, plan)| in_words(refusal, &plan.digest));
    Some(words.unwrap_or_else(|| format!("{}: {message}", codes.join(", "))))
}

fn drifted(plan: Option<&TenantPlan>) -> BTreeSet<&Address> {
    plan.into_iter().flat_map(|p| &p.resource_drift).map(|d| &d.address).collect()
}

fn conditions(visit: &Visit, address: &Address, concerned: &Concerned<'_>, drifted: &BTreeSet<&Address>) -> Vec<Condition> {
    // A refusal holds the whole plan, and the organization tells of its plans.
    let of_plan = || whole_plan(visit).filter(|_| address.kind.def().placement == Placement::Tenant);
    let own = concerned.single.get(address).cloned().or_else(of_plan);
    let not_managed = visit.plan.iter().flat_map(|p| &p.left_out).find(|l| l.rule == NOT_MANAGED && l.address == *address);
    let (ready, reconciling, stalled, synced) = match not_managed {
        Some(left) if !concerned.whole && own.is_none() => left_alone(&left.reason),
        _ if concerned.whole || own.is_some() => concerned_by(visit, own.as_deref()),
        _ => in_step(),
    };
    let mut all: Vec<_> = [Some(ready), reconciling, stalled, Some(synced)].into_iter().flatten().collect();
    all.push(drift(visit, drifted.contains(address), not_managed.is_none()));
    all.extend(plan_pending(visit, own.is_some()));
    all
}

/// What `Ready` says of what is in step.
pub const AS_DECLARED: &str = "live is as declared";

/// What `Ready` says beside what waits, where something else was approved.
pub const OTHER_PLAN: &str = "; what was approved is another plan";

type Four = (Condition, Option<Condition>, Option<Condition>, Condition);

fn condition(ty: ConditionType, holds: Holds, reason: &'static str, message: impl Into<String>) -> Condition {
    Condition { ty, holds, reason, message: message.into() }
}

fn in_step() -> Four {
    (
        condition(ConditionType::Ready, Holds::True, "ReconciliationSucceeded", AS_DECLARED),
        None,
        None,
        condition(ConditionType::Synced, Holds::True, "ReconcileSuccess", AS_DECLARED),
    )
}

/// What is said of what differs and is left alone, as its manifest wants it: nobody has to do anything, and it is not as declared.
fn left_alone(why: &str) -> Four {
    let message = format!("live is not as declared and is left alone: {why}");
    let ready = condition(ConditionType::Ready, Holds::True, "ReconciliationSucceeded", message.clone());
    (ready, None, None, condition(ConditionType::Synced, Holds::False, "ReconcilePaused", message))
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
    // Not when it is tried again: that would be news of each resource each time.
    let failed = |message: String| {
        (ready("ReconciliationFailed", message.clone()), again(message.clone()), None, synced(Holds::False, "ReconcileError", message))
    };
    let stuck = |reason, message: String| {
        let synced = synced(Holds::False, "ReconcileError", message.clone());
        (ready("ReconciliationFailed", message.clone()), None, stalled(reason, message), synced)
    };
    match &visit.end {
        End::InStep | End::Applied => in_step(),
        End::DriftReported => {
            let message = "somebody changed it in the portal, and it is left so, as `driftDetection` says";
            let ready = condition(ConditionType::Ready, Holds::True, "ReconciliationSucceeded", message);
            (ready, None, None, synced(Holds::True, "ReconcileSuccess", message.to_owned()))
        }
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
            let other = if *stale { OTHER_PLAN } else { "" };
            let message = format!("{}: approve {digest} to let it happen{other}", say("there are changes"));
            (ready("AwaitingApproval", message.clone()), None, None, synced(Holds::False, "ReconcilePaused", message))
        }
        End::AwaitingTechnician => {
            let message = say("a technician has work orders");
            (ready("AwaitingTechnician", message.clone()), None, None, synced(Holds::False, "ReconcilePaused", message))
        }
        End::Refused { codes, message } => {
            let message = own.map(str::to_owned).or_else(|| whole_plan(visit)).unwrap_or_else(|| message.clone());
            if visit.end.is_failure() { failed(message) } else { stuck(refused(codes), message) }
        }
        End::Invalid { message } => stuck("InvalidSpec", message.clone()),
        End::DependencyNotReady { message } => {
            let waits = synced(Holds::False, "ReconcileError", message.clone());
            (ready("DependencyNotReady", message.clone()), again(message.clone()), None, waits)
        }
        End::Portal(PortalError::Denied(why)) => stuck("AccessDenied", format!("the portal denies access: {}", say(why))),
        End::Portal(PortalError::NoCredential(why)) => stuck("AccessDenied", format!("nobody can sign in to the portal: {why}")),
        End::Portal(PortalError::Misconfigured(why)) => stuck("InvalidSpec", format!("the portal cannot be used as declared: {why}")),
        End::Portal(PortalError::Unavailable(why)) => failed(format!("the portal cannot be reached: {why}")),
        End::Contended { message } => stuck("Contended", message.clone()),
        // Where nothing was begun, what the plan says of the resource is not why.
        End::Failed { message } | End::Stopped { message } if visit.report.is_none() => failed(message.clone()),
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

/// `managed`: what somebody changed is brought back by what is applied.
fn drift(visit: &Visit, drifted: bool, managed: bool) -> Condition {
    match (!is_whole(visit), drifted, &visit.end) {
        (false, ..) => condition(ConditionType::Drifted, Holds::Unknown, "DriftDetectionFailed", "live could not be compared"),
        (true, true, End::Applied) if managed => {
            condition(ConditionType::Drifted, Holds::False, "NoDrift", "what somebody changed was brought back")
        }
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

/// When what failed is tried again, in words; `None`: it did not fail.
pub fn tried_again(visit: &Visit) -> Option<String> {
    let failed = match &visit.end {
        End::Failed { .. } | End::Stopped { .. } | End::Portal(PortalError::Unavailable(_)) => true,
        End::Refused { .. } => visit.end.is_failure(),
        _ => false,
    };
    failed.then(|| format!("tried again at {}", visit.again.strftime("%Y-%m-%dT%H:%M:%SZ")))
}
