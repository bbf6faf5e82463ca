//! Commits to one head that come side by side are made as one: a run has several calls of a tenant under way, each with a commit before and after it,
//! and the head would be swapped for each of them in turn.
//!
//! Comes in: a lock, and writes. Goes out: nothing, or why not, for each commit by itself: one that the ledger refuses takes no other with it. A commit
//! that was begun is carried to its end, whoever waits for it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::client::Failure;
use super::unit::Key;
use super::{KubernetesLedger, commit};
use crate::ledger::{LedgerError, LockId, Write, locking};

/// What comes within so short a time is made as one: less than a commit takes.
const TOGETHER: Duration = Duration::from_millis(3);

/// A lock and a head.
type Place = (Box<str>, Key);

/// The commits that wait for their turn.
#[derive(Default)]
pub(super) struct Gathered(Mutex<BTreeMap<Place, Vec<Waiting>>>);

struct Waiting {
    writes: Vec<Write>,
    done: oneshot::Sender<Result<(), LedgerError>>,
}

impl Gathered {
    /// Adds a commit to those that wait; true if it is the first of them.
    fn add(&self, place: &Place, waiting: Waiting) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let others = all.entry(place.clone()).or_default();
        others.push(waiting);
        others.len() == 1
    }

    fn take(&self, place: &Place) -> Vec<Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(place).unwrap_or_default()
    }
}

/// Commits writes, all or nothing.
pub(super) async fn commit(ledger: &KubernetesLedger, lock: &LockId, writes: Vec<Write>) -> Result<(), LedgerError> {
    let mut heads = commit::heads(&writes);
    let (Some(head), true) = (heads.pop_first(), heads.is_empty()) else {
        let _turns = ledger.turns.wait(commit::heads(&writes)).await;
        return Ok(one(ledger, lock, &writes, 1).await?);
    };
    let (done, told) = oneshot::channel();
    let place = (lock.0.clone(), head);
    if ledger.gathered.add(&place, Waiting { writes, done }) {
        let (ledger, lock) = (ledger.clone(), lock.clone());
        let make = async move {
            tokio::time::sleep(TOGETHER).await;
            let _turns = ledger.turns.wait([place.1.clone()].into()).await;
            make(&ledger, &lock, ledger.gathered.take(&place)).await;
        };
        tokio::spawn(make.in_current_span());
    }
    let ended = |_| LedgerError::Unavailable("this program ended before a commit was made: run again to find out".to_owned());
    told.await.map_err(ended)?
}

/// Makes commits as one; and each by itself if together they are refused, and for certain were not made: each made anew is another commit.
async fn make(ledger: &KubernetesLedger, lock: &LockId, all: Vec<Waiting>) {
    let (writes, waiting): (Vec<_>, Vec<_>) = all.into_iter().map(|waiting| (waiting.writes, waiting.done)).unzip();
    let made = one(ledger, lock, &writes.concat(), writes.len()).await;
    let several = waiting.len() > 1;
    for (writes, done) in writes.iter().zip(waiting) {
        let result = match &made {
            // What is wrong with one of them is told to that one.
            Err(Failure::Refused(_)) if several => one(ledger, lock, writes, 1).await.map_err(LedgerError::from),
            Err(failure) => Err(failure.clone().into()),
            Ok(()) => Ok(()),
        };
        // Who waited may have stopped waiting.
        let _heard = done.send(result);
    }
}

/// Makes one commit of what counts as so many.
async fn one(ledger: &KubernetesLedger, lock: &LockId, writes: &[Write], count: usize) -> Result<(), Failure> {
    commit::commit(ledger.shards(), &ledger.cache, lock, (&locking::new_id().0, count), writes).await
}
