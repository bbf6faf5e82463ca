//! How often a trouble that lasts is said: at once, then after a minute, then after ever longer pauses. Comes in: what the trouble is about, each
//! time that it is met. Goes out: whether to say it now. Never says anything itself, and never more than once a minute of one thing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The first pause, and the longest.
const FIRST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// A trouble that was not met for so long is over; what comes then is another one.
const OVER: Duration = Duration::from_secs(5 * 60);

/// See the module.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<BTreeMap<String, Said>>);

#[derive(Debug)]
struct Said {
    met: Instant,
    again: Instant,
    pause: Duration,
}

impl Seldom {
    /// Whether a trouble that is met now is to be said.
    pub fn is_due(&self, about: &str) -> bool {
        let now = Instant::now();
        // What is kept is whole after each of its few changes, whatever a panic elsewhere left.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let said = all.entry(about.to_owned()).or_insert(Said { met: now, again: now, pause: Duration::ZERO });
        let lasts = now.duration_since(said.met) < OVER;
        said.met = now;
        if now < said.again {
            return false;
        }
        said.pause = if lasts { said.pause.saturating_mul(2).clamp(FIRST, LONGEST) } else { FIRST };
        said.again = now + said.pause;
        true
    }
}
