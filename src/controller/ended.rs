//! What became of a group whose plans were applied. Comes in: the report of the run. Goes out: how the visit of each tenant ended, what of the
//! report is about it, and the approvals that are used up; and what is worth keeping of a visit. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::visit::Group;
use super::{End, Visit};
use crate::apply::{OutcomeResult, RunReport};
use crate::model::TenantName;
use crate::plan::document::TenantPlan;
use crate::portal::PortalError;

/// What is worth keeping of a visit that was told of: where live is as declared, of its plan and report no more than the drift that was found. A
/// fleet that was just made would be in memory once more otherwise, as the changes that made it.
pub(super) fn kept(visit: &Arc<Visit>) -> Arc<Visit> {
    let done = match visit.end {
        End::Applied => true,
        End::InStep => false,
        _ => return Arc::clone(visit),
    };
    let says = |plan: &&TenantPlan| !plan.resource_drift.is_empty() || (!done && !plan.resource_changes.is_empty());
    let mut plan = visit.plan.as_ref().filter(says).cloned();
    if let Some(plan) = plan.as_mut().filter(|_| done) {
        plan.resource_changes = Vec::new();
    }
    let (key, end, spent) = (visit.key.clone(), visit.end.clone(), visit.spent.clone());
    let Visit { at, began, took, failures, again, .. } = **visit;
    Arc::new(Visit { key, at, end, plan, report: None, spent, began, took, failures, again })
}

/// What a report says of each tenant of a group.
pub(super) fn ends(group: &Group, report: &RunReport) -> BTreeMap<TenantName, End> {
    group.tenants.keys().map(|tenant| (tenant.clone(), end_of(tenant, report))).collect()
}

/// What a group's report says of one of its tenants.
pub(super) fn of_tenant(report: &RunReport, tenant: &TenantName) -> RunReport {
    RunReport {
        plan_digest: report.plan_digest.clone(),
        timestamp: report.timestamp,
        outcomes: report.outcomes.iter().filter(|o| o.address.tenant == *tenant).cloned().collect(),
        orders: report.orders.clone(),
        planned_again: report.planned_again,
        final_plan_empty: report.final_plan_empty,
        stopped: report.stopped.clone(),
        remaining: report.remaining.iter().filter(|a| a.tenant == *tenant).cloned().collect(),
    }
}

fn end_of(tenant: &TenantName, report: &RunReport) -> End {
    if let Some(why) = &report.stopped {
        return End::Stopped { message: why.clone() };
    }
    let (mut failed, mut technician, mut cancelled) = (None, false, false);
    for outcome in report.outcomes.iter().filter(|o| o.address.tenant == *tenant) {
        match &outcome.result {
            OutcomeResult::Done => {}
            OutcomeResult::Pending { .. } => technician = true,
            OutcomeResult::Failed { message, denied: true } => {
                return End::Portal(PortalError::Denied(format!("{}: {message}", outcome.address)));
            }
            OutcomeResult::Failed { message, denied: false } | OutcomeResult::Uncertain { message } => {
                failed.get_or_insert_with(|| format!("{}: {message}", outcome.address));
            }
            OutcomeResult::DoneDiffers { fields } => {
                failed.get_or_insert_with(|| format!("{}: the portal shows another {}", outcome.address, fields.join(", ")));
            }
            OutcomeResult::Skipped { why } => {
                failed.get_or_insert_with(|| format!("{}: {why}", outcome.address));
            }
            OutcomeResult::Held { codes, why } => return End::Refused { codes: codes.clone(), message: why.clone() },
            OutcomeResult::Cancelled => cancelled = true,
        }
    }
    if let Some(message) = failed {
        return End::Failed { message };
    }
    if cancelled {
        return End::Stopped { message: "the visit was ended before all was begun; what is left comes next".to_owned() };
    }
    if technician {
        return End::AwaitingTechnician;
    }
    match report.remaining.iter().find(|a| a.tenant == *tenant) {
        Some(left) => End::Failed { message: format!("{left} still differs after it was applied") },
        None if !report.planned_again => End::Failed { message: "it could not be read again after it was applied".to_owned() },
        None => End::Applied,
    }
}

/// An approval is used up once anything of its plan was done, or may have been.
pub(super) fn used_up(group: &Group, report: &RunReport, used: &[String]) -> BTreeMap<TenantName, String> {
    let had_effect = |tenant: &TenantName| {
        report.outcomes.iter().filter(|o| o.address.tenant == *tenant).any(|o| match o.result {
            OutcomeResult::Done | OutcomeResult::DoneDiffers { .. } | OutcomeResult::Pending { .. } | OutcomeResult::Uncertain { .. } => {
                true
            }
            OutcomeResult::Failed { .. } | OutcomeResult::Skipped { .. } | OutcomeResult::Held { .. } | OutcomeResult::Cancelled => false,
        })
    };
    let approved = group.tenants.iter().filter(|(tenant, digest)| used.contains(digest) && had_effect(tenant));
    approved.map(|(tenant, digest)| (tenant.clone(), digest.clone())).collect()
}
