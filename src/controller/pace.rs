//! When a unit is visited next. Comes in: what a visit came to, what the manifests say, how often it failed. Goes out: a time, and why then.
//!
//! A portal's tenants keep together, so that a poll is one reading by collection. Never looks at a queue: what wakes a unit earlier is not decided here.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::{End, Fleet, UnitKey, Why, backoff};
use crate::model::{Control, DriftMode, PortalName};
use crate::plan::document::TenantPlan;

/// How often live is looked at where nobody says: often enough that drift is seen within a coffee break, seldom enough for portals' budgets.
const INTERVAL: Duration = Duration::from_secs(600);
/// The first pause after a failure where nobody says.
const RETRY: Duration = Duration::from_secs(5);
/// Where nothing is due: longer than any process lives, and short enough for every clock.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// See the module.
#[derive(Default)]
pub(super) struct Pace {
    /// When a portal's tenants are polled next, all of them in one reading.
    polls: BTreeMap<PortalName, Instant>,
}

impl Pace {
    /// When a unit is visited next if nothing wakes it, and why.
    pub(super) fn next(
        &mut self,
        fleet: &Fleet,
        unit: &UnitKey,
        end: &End,
        control: Control,
        failures: u32,
        now: Instant,
    ) -> (Instant, Why) {
        let retry = control.retry_interval.unwrap_or(RETRY);
        let paused = now + backoff::after_failures(failures, retry, chance());
        match end {
            // What the portal did not say is no outage: it is asked for at each poll as well.
            End::Refused { .. } if end.is_failure() => sooner(paused, self.poll(fleet, unit, now)),
            end if end.is_failure() => (paused, Why::Retry),
            _ if failures > 0 => sooner(paused, self.poll(fleet, unit, now)),
            End::Contended { .. } => (now + backoff::jittered(retry, chance()), Why::Retry),
            // Nothing is open, and drift is nobody's concern.
            End::InStep | End::Applied if control.drift == Some(DriftMode::Disabled) => (now + NEVER, Why::Poll),
            _ => (self.poll(fleet, unit, now), Why::Poll),
        }
    }

    /// The portal's next poll: its tenants keep together, so that one reading by collection serves them all. A tenant with an interval of its own
    /// goes by that one.
    fn poll(&mut self, fleet: &Fleet, unit: &UnitKey, now: Instant) -> Instant {
        let own = fleet.desired.tenants.get(&unit.tenant).and_then(|t| t.control().interval);
        let of_portal = fleet.portals.get(&unit.portal).and_then(|open| open.served.spec.control.interval);
        if let Some(own) = own.filter(|own| Some(*own) != of_portal) {
            return now + backoff::jittered(own, chance());
        }
        let interval = of_portal.unwrap_or(INTERVAL);
        let at = self.polls.entry(unit.portal.clone()).or_insert(now);
        // A poll that is set further off than the interval now allows is of an interval that was.
        if *at <= now || *at > now + interval.mul_f64(1.05) {
            *at = now + backoff::jittered(interval, chance());
        }
        *at
    }
}

fn sooner(retry: Instant, poll: Instant) -> (Instant, Why) {
    if retry < poll { (retry, Why::Retry) } else { (poll, Why::Poll) }
}

/// Whether a visit counts as one that failed: it did, or it left something that is to go and that the portal did not show enough of. Somebody who is
/// declared no more has access until then.
pub(super) fn counts_as_failure(end: &End, plan: Option<&TenantPlan>) -> bool {
    let unseen = || plan.is_some_and(|plan| plan.retained.iter().any(|retained| retained.unseen));
    match end {
        End::InStep | End::Applied | End::AwaitingApproval { .. } | End::AwaitingTechnician | End::DriftReported => unseen(),
        end => end.is_failure(),
    }
}

/// A number from 0 to 1.
pub(super) fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |n| f64::from(n) / f64::from(u32::MAX))
}
