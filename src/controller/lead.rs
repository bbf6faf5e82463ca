//! Of several instances on one ledger exactly one acts: whoever holds the ledger's lock of leadership.
//!
//! Comes in: a ledger, who we are, the fence. Goes out: the fence, open while we lead and not a moment longer: the lease counts from when it was
//! asked for, and a renewal that is not answered leaves the end where it was. Never waits for a leader that has gone: its lease runs out.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::backoff::jittered;
use super::fence::{Fence, Term};
use crate::apply::Stop;
use crate::ledger::seldom::Seldom;
use crate::ledger::{Holder, Ledger, LedgerError, LockId, leadership};

/// How long we lead without word from us: what a crash costs, and three lost renewals.
const LEASE: Duration = Duration::from_secs(15);
/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(5);
/// How long a former leader tries to say that it does not lead any more.
const RELEASE: Duration = Duration::from_secs(2);
/// How often those who do not lead ask for it: one that is given back is taken up within as long.
const ASKING: Duration = Duration::from_millis(1500);

/// Leads whenever it can, until it is told to stop and `quiet` says that nothing is under way any more; then it lets go at once, so that the
/// next one need not wait. `told` hears when leadership is won (true) and lost.
pub async fn lead(
    ledger: Arc<dyn Ledger>,
    holder: Holder,
    fence: Fence,
    stop: Arc<Stop>,
    quiet: impl Future<Output = ()>,
    told: &(dyn Fn(bool) + Sync),
) {
    tokio::pin!(quiet);
    let (mut leader, troubles) = (String::new(), Seldom::default());
    loop {
        if stop.requested() {
            // Nothing new is begun; what is under way from when we led still ends.
            quiet.as_mut().await;
            return;
        }
        let asked = (Instant::now(), Timestamp::now());
        let locked = ledger.lock(&[leadership()], &holder, asked.1, LEASE).await;
        match locked {
            Ok(lock) => {
                leader.clear();
                fence.set(Term::lease(asked.0, asked.1, LEASE));
                told(true);
                let ended = tokio::select! {
                    () = hold(ledger.as_ref(), &lock, &fence, &troubles) => false,
                    () = &mut quiet => true,
                };
                fence.set(Term::Over);
                told(false);
                if ended {
                    if let Err(error) = ledger.unlock(&lock).await {
                        tracing::warn!(%error, "leadership could not be given back; its lease runs out by itself");
                    }
                    return;
                }
                // Where the ledger says that it is ours still, nobody need wait for its end: our clock was set, say.
                let released = tokio::time::timeout(RELEASE, ledger.unlock(&lock)).await;
                tracing::debug!(?released, "leadership ended before its lease was given back");
            }
            Err(LedgerError::Locked(lock)) => {
                let other = format!("{} (process {} on {})", lock.holder.who, lock.holder.process, lock.holder.host);
                if other != leader {
                    tracing::info!(leader = %other, "another instance leads; this one stands by");
                    leader = other;
                }
            }
            Err(error) if troubles.is_due("ask") => tracing::warn!("leadership could not be asked for; it is tried again: {error}"),
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(jittered(ASKING, super::pace::chance())) => {}
            () = stop.asked() => {}
            () = &mut quiet => return,
        }
    }
}

/// Renews a lease until it is lost: the ledger says so, or its end came without an answer.
async fn hold(ledger: &dyn Ledger, lock: &LockId, fence: &Fence, troubles: &Seldom) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(RENEWAL) => {}
            () = fence.closes() => return,
        }
        let asked = (Instant::now(), Timestamp::now());
        let renewed = tokio::select! {
            renewed = ledger.renew(lock, asked.1, LEASE) => renewed,
            () = fence.closes() => return,
        };
        match renewed {
            Ok(()) => fence.set(Term::lease(asked.0, asked.1, LEASE)),
            Err(LedgerError::LockLost(_)) => return,
            Err(error) if troubles.is_due("renew") => {
                tracing::warn!("the lease of leadership could not be renewed; it is tried again: {error}");
            }
            Err(_) => {}
        }
    }
}
