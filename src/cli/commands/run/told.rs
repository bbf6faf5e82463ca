//! What people are told of visits: log lines, counts, and the papers of plans that wait. Comes in: visits. Goes out: one line for each change that
//! was made and for each turn that a customer takes; never one for a look that found nothing new, and never a secret.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::apply::{Outcome, OutcomeResult};
use crate::cli::consents::Consents;
use crate::controller::metrics::Metrics;
use crate::controller::{End, Fleet, Reporter, UnitKey, Visit};
use crate::plan::document::{PlanDocument, TenantPlan};
use crate::plan::{Action, Inputs, Refusal};
use crate::report;
use crate::report::style::Style;

/// See the module.
pub(super) struct Told {
    pub(super) metrics: Arc<Metrics>,
    pub(super) consents: Consents,
    /// What was said of each unit last.
    pub(super) said: Mutex<BTreeMap<UnitKey, String>>,
}

#[async_trait]
impl Reporter for Told {
    async fn visited(&self, fleet: &Fleet, visit: &Visit) {
        self.metrics.visited(visit);
        // Whoever reads in the log that a plan waits finds its paper there.
        self.paper(fleet, visit);
        self.log(fleet, visit);
        if let Some(digest) = &visit.spent {
            match self.consents.consume(digest) {
                Ok(()) => tracing::info!(portal = %visit.key.portal, tenant = %visit.key.tenant, %digest, "used the approval"),
                Err(error) => tracing::warn!(%digest, "used the approval, and {error}"),
            }
        }
    }
}

impl Told {
    /// Keeps the paper of a plan that waits for somebody; none where an approval would change nothing.
    fn paper(&self, fleet: &Fleet, visit: &Visit) {
        let waits = match (&visit.end, &visit.plan) {
            (End::AwaitingApproval { .. }, Some(plan)) => Some(plan),
            (End::Refused { .. }, Some(plan)) if passable(plan) => Some(plan),
            _ => None,
        };
        let Some(plan) = waits else {
            if visit.end != End::Applying {
                self.consents.clear_pending(&visit.key);
            }
            return;
        };
        if self.consents.pending_of(&visit.key).as_ref() == Some(&plan.digest) {
            return;
        }
        let document = document(fleet, plan);
        let how = format!("To let this happen, once: tenantry approve {}  (with -f and --state-dir as `run` has them)\n\n", plan.digest);
        let text = how + &report::text::plan(&document, &Style::PLAIN);
        if let Err(error) = self.consents.write_pending(&visit.key, &text, &document.to_json()) {
            tracing::warn!(portal = %visit.key.portal, tenant = %visit.key.tenant, "a plan that waits could not be written down: {error}");
        }
    }

    fn log(&self, fleet: &Fleet, visit: &Visit) {
        for outcome in visit.report.iter().flat_map(|r| &r.outcomes).filter(|o| o.address.tenant == visit.key.tenant) {
            change(outcome);
        }
        let (Some((line, is_bad)), UnitKey { portal, tenant }) = (turn(fleet, visit), &visit.key) else { return };
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let before = said.insert(visit.key.clone(), line.clone());
        // That all is well is news only where it was not.
        let is_news = before.as_ref().map_or(!line.is_empty(), |before| *before != line);
        match (is_news, is_bad) {
            (false, _) => {}
            (true, true) => tracing::warn!(%portal, %tenant, "{line}"),
            (true, false) if line.is_empty() => tracing::info!(%portal, %tenant, "came back in step"),
            (true, false) => tracing::info!(%portal, %tenant, "{line}"),
        }
    }
}

/// What is said of a customer whose manifest is gone; empty: it is there.
fn kept(fleet: &Fleet, visit: &Visit) -> String {
    let is_gone = !fleet.desired.tenants.contains_key(&visit.key.tenant);
    let kept = visit.plan.iter().filter(|_| is_gone).flat_map(|plan| &plan.retained).next();
    kept.map(|kept| kept.reason.clone()).unwrap_or_default()
}

/// What turn a customer took, in words that are the same as long as nothing changes; whether somebody should look. Empty: all is well.
fn turn(fleet: &Fleet, visit: &Visit) -> Option<(String, bool)> {
    Some(match &visit.end {
        End::Applying => return None,
        End::InStep | End::Applied => (kept(fleet, visit), false),
        End::Suspended => ("was suspended by its manifest".to_owned(), false),
        End::AwaitingApproval { digest, stale } => {
            let other = if *stale { "; what was approved is another plan" } else { "" };
            (format!("waited for approval of {digest}{other}"), false)
        }
        End::AwaitingTechnician => ("waited for a technician".to_owned(), false),
        End::DriftReported => ("was changed in the portal by somebody, and left so".to_owned(), true),
        End::Refused { codes, message } => (format!("was refused by {}: {message}", codes.join(", ")), true),
        End::Invalid { message } => (format!("was declared with errors: {message}"), true),
        End::DependencyNotReady { message } => (format!("had to wait: {message}"), false),
        End::Portal(error) => (format!("could not be looked at: {error}"), true),
        End::Contended { message } => (format!("was held by somebody else: {message}"), false),
        End::Failed { message } => (format!("could not be brought in step: {message}"), true),
        End::Stopped { message } => (format!("was not brought to its end: {message}"), true),
    })
}

/// A change that was made, or was not.
fn change(outcome: &Outcome) {
    let Outcome { portal, address, actions, result, duration_ms } = outcome;
    let did = actions.first().map_or("changed", past);
    match result {
        OutcomeResult::Done => tracing::info!(%portal, %address, took_ms = duration_ms, "{did} {address}"),
        OutcomeResult::DoneDiffers { fields } => {
            tracing::warn!(%portal, %address, took_ms = duration_ms, "{did} {address}; the portal shows another {}", fields.join(", "));
        }
        OutcomeResult::Pending { waits_for, called: _ } => tracing::info!(%portal, %address, "handed over {address}: {waits_for}"),
        OutcomeResult::Uncertain { message } => tracing::warn!(%portal, %address, "got no answer about {address}: {message}"),
        // The customer's own line says it once, however often it is tried.
        OutcomeResult::Failed { .. } | OutcomeResult::Skipped { .. } | OutcomeResult::Held { .. } | OutcomeResult::Cancelled => {}
    }
}

const fn past(action: &Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Update => "changed",
        Action::Replace => "replaced",
        Action::Delete => "deleted",
        Action::Adopt => "adopted",
        Action::Recover => "took back",
        Action::Forget => "forgot",
        Action::Move => "recorded the new address of",
        Action::Resend => "sent again the invitation of",
        Action::Suspend => "suspended",
        Action::Share | Action::Unshare => "shared anew",
        Action::Protect => "protected",
        Action::Unprotect => "released the protection of",
    }
}

/// Whether an approval would pass all that refuses a plan.
fn passable(plan: &TenantPlan) -> bool {
    let refusals = || plan.blocked_by.iter().chain(plan.resource_changes.iter().flat_map(|c| &c.blocked_by)).filter(|r| r.stands());
    refusals().next().is_some() && refusals().all(|r: &Refusal| !r.fact)
}

/// A customer's part of a plan as a plan of its own, under the digest that approves it.
fn document(fleet: &Fleet, plan: &TenantPlan) -> PlanDocument {
    let inputs = Inputs { manifests_digest: fleet.desired.manifests_digest.clone(), ..Inputs::default() };
    PlanDocument { inputs, ..PlanDocument::of_tenant(plan.clone(), Timestamp::now(), env!("CARGO_PKG_VERSION")) }
}
