//! How long to wait. Comes in: how often something failed, an interval, a random number. Goes out: a pause. Pure.

use std::time::Duration;

/// No pause after failures is longer: an hour is as long as a portal's outage may go unnoticed by us after it has ended.
const LONGEST: Duration = Duration::from_secs(3600);
/// So large a part of an interval is left to chance, so that a fleet of controllers does not knock at one door at once.
const JITTER: f64 = 0.05;

/// The pause after so many failures in a row: the first one long, then each twice as long, at most an hour, with jitter. `chance` is from 0 to 1.
pub fn after_failures(failures: u32, first: Duration, chance: f64) -> Duration {
    let doubled = first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    jittered(doubled.min(LONGEST.max(first)), chance)
}

/// An interval with its jitter: at most a twentieth longer or shorter. `chance` is from 0 to 1.
pub fn jittered(interval: Duration, chance: f64) -> Duration {
    let chance = if chance.is_finite() { chance.clamp(0.0, 1.0) } else { 0.5 };
    interval.mul_f64(1.0 - JITTER + 2.0 * JITTER * chance)
}
