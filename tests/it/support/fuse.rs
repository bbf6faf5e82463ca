//! Kills a run after any effect: the process is there no more, and what the portal and the ledger have is all that remains.
//!
//! Whatever has effects asks [`Fuse::effect`] around each of them. When the fuse blows, nothing answers any more, and [`Fuse::or_killed`] drops
//! the run where it stands, as a power cut does.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts effects; blows after a given one.
pub(crate) struct Fuse {
    done: AtomicUsize,
    blows_after: AtomicUsize,
    blown: Notify,
}

impl Fuse {
    /// One that never blows.
    pub(crate) fn new() -> Self {
        Self { done: AtomicUsize::new(0), blows_after: AtomicUsize::new(usize::MAX), blown: Notify::new() }
    }

    /// Counts from 0 again and blows right after effect `k`, before anybody hears of it; with `usize::MAX` never.
    pub(crate) fn blow_after(&self, k: usize) {
        self.done.store(0, Ordering::SeqCst);
        self.blows_after.store(k, Ordering::SeqCst);
    }

    /// Has one effect, unless the process is dead already.
    pub(crate) async fn effect<T>(&self, effect: impl FnOnce() -> T) -> T {
        self.alive().await;
        let done = effect();
        self.done.fetch_add(1, Ordering::SeqCst);
        if self.is_blown() {
            self.blown.notify_one();
        }
        self.alive().await;
        done
    }

    /// Never returns in a dead process.
    pub(crate) async fn alive(&self) {
        if self.is_blown() {
            std::future::pending::<()>().await;
        }
    }

    /// Runs to the end, or until the fuse blows; `None`: killed.
    pub(crate) async fn or_killed<T>(&self, run: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.blown.notified() => None,
            done = run => Some(done),
        }
    }

    fn is_blown(&self) -> bool {
        self.done.load(Ordering::SeqCst) >= self.blows_after.load(Ordering::SeqCst)
    }
}
