//! Who may have a lock. Comes in: the locks that stand in the way, the time. Goes out: which of them are over, or who is to be waited for.
//! Never touches a store, and asks the system one thing only: whether a process of this host still runs.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{LedgerError, Lock, LockId, PortalName, TenantName};

/// From when until when a lock is held, unless renewed.
pub(super) struct Lease {
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

impl Lease {
    /// A lease without end ends with time itself.
    pub(super) fn new(since: Timestamp, lease: Duration) -> Self {
        let until = SignedDuration::try_from(lease).ok().and_then(|lease| since.checked_add(lease).ok()).unwrap_or(Timestamp::MAX);
        Self { since, until }
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

/// Each portal and tenant once, sorted.
pub(super) fn distinct(units: &[(PortalName, TenantName)]) -> BTreeSet<(PortalName, TenantName)> {
    units.iter().cloned().collect()
}

/// Refuses what is no id as [`new_installation`] makes them: a typing error would make every object foreign once more.
pub(super) fn known_installation(text: &str) -> Result<(), LedgerError> {
    let ours = uuid::Uuid::parse_str(text).is_ok_and(|id| id.to_string() == text);
    if ours {
        Ok(())
    } else {
        Err(LedgerError::Conflict(format!("`{text}` is no installation id: give it as G010 or the lost ledger wrote it")))
    }
}

/// The refusal to claim for a ledger that has something.
pub(super) fn not_empty() -> LedgerError {
    LedgerError::Conflict(
        "the ledger is not empty: only a new one, with no row, intent, attestation or lock, can take another's place".to_owned(),
    )
}

/// The id of a new installation: random, so that two installations that look after the same portal are told apart.
pub(super) fn new_installation() -> Result<String, LedgerError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| LedgerError::Unavailable(format!("the system gives no random bytes: {e}")))?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
}
