//! How many requests go out, and how fast. Comes in: a `Portal`'s budget, and what the server says. Goes out: leave to send one request. All
//! calls of a portal share one gate. Never loses a request: it waits, or says how long it would have to.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

const MINUTE: f64 = 60.0;
/// The share of a minute's budget that may go out at once: enough for a burst of reads, and the rest of the minute is not silent.
const BURST: u64 = 10;

/// So many requests in a minute, the first of them at once: a bucket that is filled evenly.
#[derive(Debug)]
pub struct Budget {
    /// Seconds for one more.
    interval: f64,
    /// Most that are saved up.
    burst: f64,
    saved: f64,
    seen: Option<Instant>,
}

impl Budget {
    /// A budget; `None` for 0, which is no limit.
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 requests in a minute")]
    pub fn per_minute(requests: u64) -> Option<Self> {
        if requests == 0 {
            return None;
        }
        let burst = (requests / BURST).max(1);
        // Filled so that no minute has more than its number, the one that begins with a burst included.
        let interval = MINUTE / (requests - burst + 1) as f64;
        Some(Self { interval, burst: burst as f64, saved: burst as f64, seen: None })
    }

    /// Takes one, and says how long to wait for it.
    pub fn take(&mut self, now: Instant) -> Duration {
        if let Some(seen) = self.seen {
            let gained = now.saturating_duration_since(seen).as_secs_f64() / self.interval;
            self.saved = (self.saved + gained).min(self.burst);
        }
        self.seen = Some(now);
        self.saved -= 1.0;
        Duration::try_from_secs_f64((-self.saved * self.interval).max(0.0)).unwrap_or_default()
    }
}

/// See the module.
pub(super) struct Gate {
    places: Semaphore,
    budget: Option<Mutex<Budget>>,
    /// When the server wants to be asked again.
    closed_until: Mutex<Option<Instant>>,
}

impl Gate {
    pub(super) fn new(requests_per_minute: u64, parallelism: usize) -> Self {
        Self {
            // A semaphore has a limit of its own.
            places: Semaphore::new(parallelism.clamp(1, Semaphore::MAX_PERMITS)),
            budget: Budget::per_minute(requests_per_minute).map(Mutex::new),
            closed_until: Mutex::new(None),
        }
    }

    /// Leave to send one request, held until it is answered. Our own budget is always waited for; a server that stays closed longer than
    /// `patience` is not.
    ///
    /// # Errors
    /// With how long it stays closed.
    pub(super) async fn enter(&self, patience: Duration) -> Result<SemaphorePermit<'_>, Duration> {
        let place = self.places.acquire().await.map_err(|_| Duration::ZERO)?;
        self.open_within(patience)?;
        let wait = self.budget.as_ref().map(|budget| held(budget).take(Instant::now())).unwrap_or_default();
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        // Another call may have been told to wait meanwhile.
        while let Some(until) = self.open_within(patience)? {
            sleep_until(until).await;
        }
        Ok(place)
    }

    fn open_within(&self, patience: Duration) -> Result<Option<Instant>, Duration> {
        let now = Instant::now();
        match held(&self.closed_until).filter(|until| *until > now) {
            Some(until) if until - now > patience => Err(until - now),
            until => Ok(until),
        }
    }

    /// The server wants to be left alone so long.
    pub(super) fn close_for(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut closed = held(&self.closed_until);
        *closed = Some(closed.map_or(until, |before| before.max(until)));
    }
}

/// What a lock holds. A thread that died with it left numbers that are true as they are.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
