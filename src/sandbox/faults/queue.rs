//! Writes that were accepted and are done later (202).
//!
//! Comes in: whole requests and when they are due. Goes out: those that are due, in the order in which they came. Nobody is told what becomes of
//! them, as with any queue.

use axum::extract::Request;
use axum::middleware::Next;
use tokio::time::{Duration, Instant};

/// When something ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    Time(Instant),
    Requests(u64),
}

impl Until {
    /// After so many milliseconds, or, where there are none, so many requests.
    pub(super) fn after(millis: u64, requests: u64) -> Self {
        if millis > 0 { Self::Time(Instant::now() + Duration::from_millis(millis)) } else { Self::Requests(requests) }
    }

    /// True once it has ended; a request is counted by being asked about.
    pub(super) fn has_come(&mut self, now: Instant) -> bool {
        match self {
            Self::Time(time) => *time <= now,
            Self::Requests(0) => true,
            Self::Requests(left) => {
                *left -= 1;
                false
            }
        }
    }
}

/// Writes that wait.
#[derive(Default)]
pub(super) struct Queue(Vec<Waiting>);

struct Waiting {
    until: Until,
    request: Request,
    next: Next,
}

impl Queue {
    pub(super) fn push(&mut self, until: Until, request: Request, next: Next) {
        self.0.push(Waiting { until, request, next });
    }

    /// Those that are due now.
    pub(super) fn due(&mut self) -> Vec<(Request, Next)> {
        let now = Instant::now();
        let (due, waits) =
            std::mem::take(&mut self.0).into_iter().map(|mut w| (w.until.has_come(now), w)).partition::<Vec<_>, _>(|(due, _)| *due);
        self.0 = waits.into_iter().map(|(_, w)| w).collect();
        due.into_iter().map(|(_, w)| (w.request, w.next)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
