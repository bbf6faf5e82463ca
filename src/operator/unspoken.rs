//! What could not be written to custom resources, and when it is tried again.
//!
//! Comes in: what became of each write. Goes out: the custom resources whose turn has come. Pauses grow up to a minute, and after so many failures in
//! a row the next visit is waited for: an API server that refuses for good is not asked for ever.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::known::ObjectKey;
use crate::controller::backoff::after_failures;

/// The first pause, and the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// Failures in a row after which the next visit is waited for: a quarter of an hour.
const TRIES: u32 = 20;

/// A custom resource that is spoken of, and whether nobody needs it any more.
pub(super) type Spoken = (ObjectKey, bool);

/// See the module.
#[derive(Default)]
pub(super) struct Unspoken {
    waiting: Mutex<BTreeMap<ObjectKey, Waits>>,
    came: Notify,
}

struct Waits {
    seen_to: bool,
    failures: u32,
    at: Instant,
}

impl Unspoken {
    fn waiting(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, Waits>> {
        // What is kept is whole after each of its few changes, whatever a panic elsewhere left.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what became of speaking to an object.
    pub(super) fn note(&self, key: ObjectKey, seen_to: bool, written: bool) {
        let mut waiting = self.waiting();
        if written {
            waiting.remove(&key);
            return;
        }
        let failures = waiting.get(&key).map_or(0, |waits| waits.failures).saturating_add(1);
        if failures > TRIES {
            waiting.remove(&key);
            return;
        }
        waiting.insert(key, Waits { seen_to, failures, at: Instant::now() + after_failures(failures, FIRST, 0.5).min(LONGEST) });
        self.came.notify_one();
    }

    /// An object is gone.
    pub(super) fn forget(&self, key: &ObjectKey) {
        self.waiting().remove(key);
    }

    /// Waits until somebody's turn has come; who it is. They stay in here until it is noted what became of it.
    pub(super) async fn due(&self) -> Vec<Spoken> {
        loop {
            let next = {
                let (waiting, now) = (self.waiting(), Instant::now());
                let due: Vec<_> = waiting.iter().filter(|(_, w)| w.at <= now).map(|(key, w)| (key.clone(), w.seen_to)).collect();
                if !due.is_empty() {
                    return due;
                }
                waiting.values().map(|w| w.at).min()
            };
            let turn = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = turn => {}
                () = self.came.notified() => {}
            }
        }
    }
}
