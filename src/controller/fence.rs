//! No call after the end of our lease. Comes in: until when we lead. Goes out: whether a call may begin, and the moment from which none may.
//!
//! The end is kept on two clocks, and the one that comes first counts: the monotonic one is deaf to a clock that somebody sets back, and the
//! wall clock goes on while the machine sleeps.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

/// Until when we lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// We do not lead.
    Over,
    /// Until a moment, on both clocks.
    Until(Instant, Timestamp),
    /// Nobody else can: the ledger is this process's alone.
    Unlimited,
}

impl Term {
    /// A lease that was asked for at a moment on both clocks: it counts from the asking, for the answer may have taken its time.
    pub fn lease(asked: Instant, at: Timestamp, lease: Duration) -> Self {
        let wall = SignedDuration::try_from(lease).ok().and_then(|lease| at.checked_add(lease).ok()).unwrap_or(at);
        Self::Until(asked + lease, wall)
    }

    fn holds(self, now: Instant, at: Timestamp) -> bool {
        match self {
            Self::Over => false,
            Self::Until(until, wall) => now < until && at < wall,
            Self::Unlimited => true,
        }
    }
}

/// The fence: cheap to clone, one for all that writes.
#[derive(Debug, Clone)]
pub struct Fence(watch::Sender<Term>);

impl Fence {
    /// A fence that lets nothing pass yet.
    pub fn closed() -> Self {
        Self(watch::Sender::new(Term::Over))
    }

    /// Moves the end of our lease.
    pub fn set(&self, term: Term) {
        self.0.send_replace(term);
    }

    /// Whether a call may begin now.
    pub fn is_open(&self) -> bool {
        self.0.borrow().holds(Instant::now(), Timestamp::now())
    }

    /// Waits until no call may begin any more.
    pub async fn closes(&self) {
        let mut terms = self.0.subscribe();
        loop {
            let term = *terms.borrow_and_update();
            if !term.holds(Instant::now(), Timestamp::now()) {
                return;
            }
            let moved = match term {
                // The wall clock may jump while we sleep: it is looked at each second.
                Term::Until(until, _) => {
                    let look = until.min(Instant::now() + Duration::from_secs(1));
                    tokio::select! { () = tokio::time::sleep_until(look) => Ok(()), moved = terms.changed() => moved }
                }
                Term::Over | Term::Unlimited => terms.changed().await,
            };
            if moved.is_err() {
                return;
            }
        }
    }

    /// Waits until calls may begin.
    pub async fn opens(&self) {
        let mut terms = self.0.subscribe();
        while !self.is_open() {
            if terms.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}
