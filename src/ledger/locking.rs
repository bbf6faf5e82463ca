//! Who may have a lock. Comes in: the locks that stand in the way, the time. Goes out: which of them are over, or who is to be waited for.
//! Never touches a store, and asks the system one thing only: whether a process of this host still runs.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Holder, LedgerError, Lock, LockId, PortalName, TenantName};

/// A lock about to be taken.
pub(super) struct Lease {
    pub(super) id: LockId,
    pub(super) holder: Holder,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

impl Lease {
    pub(super) fn new(holder: &Holder, since: Timestamp, lease: Duration) -> Self {
        Self { id: new_id(), holder: holder.clone(), since, until: end_of(since, lease) }
    }
}

/// The ids of the locks that are over, sorted; or the first lock, by portal and tenant, that is not.
pub(super) fn take_over(in_the_way: Vec<Lock>, now: Timestamp) -> Result<BTreeSet<Box<str>>, Box<Lock>> {
    let mut over: BTreeSet<Box<str>> = BTreeSet::new();
    for lock in in_the_way {
        if over.contains(&lock.id.0) {
            continue;
        }
        if lock.until > now && !lock.holder.proven_dead() {
            return Err(Box::new(lock));
        }
        over.insert(lock.id.0);
    }
    Ok(over)
}

/// A new id: nobody else ever has the same.
pub(super) fn new_id() -> LockId {
    LockId(uuid::Uuid::now_v7().to_string().into())
}

/// When a lease is over; a lease without end ends with time itself.
pub(super) fn end_of(now: Timestamp, lease: Duration) -> Timestamp {
    SignedDuration::try_from(lease).ok().and_then(|lease| now.checked_add(lease).ok()).unwrap_or(Timestamp::MAX)
}

/// Each portal and tenant once, sorted.
pub(super) fn distinct(units: &[(PortalName, TenantName)]) -> BTreeSet<(PortalName, TenantName)> {
    units.iter().cloned().collect()
}

/// The id of a new installation: random, so that two installations that look after the same portal are told apart.
pub(super) fn new_installation() -> Result<String, LedgerError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| LedgerError::Unavailable(format!("the system gives no random bytes: {e}")))?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
}
