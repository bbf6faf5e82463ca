//! Locks. One is an object of its own, which says who holds it, until when, and of which portals and tenants; each of their heads names it.
//!
//! Comes in: portals and tenants, who wants them. Goes out: a lock, or who is in the way. A head that names a lock that is not there is free: letting
//! go of five hundred tenants is one deletion, and renewing their lease one write. Whoever takes a head changes it, so that a commit which the former
//! holder had under way does not find the head it knew.
//!
//! Times are the API server's, whose clock says whole seconds; where there are several of them, each is trusted to be right within [`MARGIN`].

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::client::{Failure, Metadata, Shards};
use super::shard::{self, Shard};
use super::unit::{self, Key};
use crate::ledger::locking::Lease;
use crate::ledger::{Holder, LedgerError, Lock, LockId, codec};

/// How long a lock outlives its lease: a second that the clock is rounded by, and as much as two API servers may differ.
pub(super) const MARGIN: SignedDuration = SignedDuration::from_secs(3);
/// More tenants than this are looked at in one listing.
pub(super) const FEW: usize = 8;
/// How often a write is begun anew because somebody was faster.
const TRIES: usize = 20;

/// The body of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body {
    pub(super) id: LockId,
    pub(super) holder: Holder,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    /// Sorted.
    pub(super) units: Vec<Key>,
    /// The last commit over several heads that was made under it. Written here, it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) commit: Option<Commit>,
    /// How often a commit over several heads was given up. Whoever was about to make it sees by this that it must not.
    #[serde(default)]
    pub(super) given_up: u64,
}

/// A commit over several heads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Commit {
    pub(super) id: String,
    pub(super) units: Vec<Key>,
}

/// A lock as it is in the cluster.
pub(super) struct Held {
    shard: Shard,
    pub(super) body: Body,
}

impl Held {
    /// The lock of one of its portals and tenants.
    pub(super) fn lock(&self, (portal, tenant): &Key) -> Lock {
        let Body { id, holder, since, until, .. } = self.body.clone();
        Lock { id, portal: portal.clone(), tenant: tenant.clone(), holder, since, until }
    }

    /// True once nobody can count on it.
    fn is_over(&self, now: Timestamp) -> bool {
        self.body.until.checked_add(MARGIN).is_ok_and(|until| until <= now) || self.body.holder.proven_dead()
    }

    /// Writes another body; [`Failure::Conflict`] where it is another one meanwhile.
    pub(super) async fn replace(mut self, shards: &Shards, body: Body) -> Result<Self, Failure> {
        self.shard.spec.body = codec::json(&body)?;
        Ok(Self { shard: shards.replace(&self.shard).await?, body })
    }
}

pub(super) async fn get(shards: &Shards, id: &str) -> Result<Option<Held>, Failure> {
    // What a person gives to `unlock` is anything; a name that no object can have is refused by the API server.
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return Ok(None);
    }
    shards.get(&shard::lock_name(id)).await?.map(of).transpose()
}

fn of(shard: Shard) -> Result<Held, Failure> {
    let body = codec::from_json(&shard.spec.body, "a lock")?;
    Ok(Held { shard, body })
}

/// All locks that are held, by the heads that name them, sorted.
pub(super) async fn all(shards: &Shards) -> Result<Vec<Lock>, Failure> {
    let held: Vec<Held> = shards.list(&shard::selector("lock", None, None)).await?.into_iter().map(of).collect::<Result<_, _>>()?;
    let mut locks = Vec::new();
    if !held.is_empty() {
        for head in shards.list_metadata(&shard::selector("head", None, None)).await? {
            let named = named(&head);
            let (Some(held), Some(key)) = (held.iter().find(|h| Some(&*h.body.id.0) == named), shard::unit(&head.metadata)) else {
                continue;
            };
            locks.push(held.lock(&key));
        }
    }
    Ok(locks)
}

fn named(head: &Metadata) -> Option<&str> {
    shard::annotation(&head.metadata, shard::LOCK)
}

/// Takes the locks of portals and tenants, all or none.
pub(super) async fn take(shards: &Shards, units: Vec<Key>, id: &LockId, holder: &Holder, lease: Duration) -> Result<(), Failure> {
    let mut tries = 0;
    loop {
        let Lease { since, until } = Lease::new(shards.clock().await?, lease);
        let body = Body { id: id.clone(), holder: holder.clone(), since, until, units: units.clone(), commit: None, given_up: 0 };
        let made = shards.create(&Shard::new("lock", shard::lock_name(&id.0), codec::json(&body)?)).await;
        match made {
            // It was made, and its answer lost.
            Ok(_) | Err(Failure::Conflict) => {}
            Err(Failure::Unknown(_)) if tries < TRIES && get(shards, &id.0).await?.is_some() => {}
            Err(failure) => return Err(failure),
        }
        let Err((failure, meets)) = stamp_all(shards, &body).await else { return Ok(()) };
        // Nothing that names it is locked any more.
        shards.delete(&shard::lock_name(&id.0), None).await?;
        tries += 1;
        // Two who take several tenants at once may each have one that the other wants: one of them is faster the next time.
        if !meets || tries > 3 {
            return Err(failure);
        }
        tokio::time::sleep(super::pause(tries)).await;
    }
}

/// Writes the lock into every head; or why not, and whether that was somebody who may be taking locks just now and stands in our way more than once.
async fn stamp_all(shards: &Shards, body: &Body) -> Result<(), (Failure, bool)> {
    let no = |failure| (failure, false);
    let mut heads = std::collections::BTreeMap::new();
    if body.units.len() > FEW {
        let listed = shards.list_metadata(&shard::selector("head", None, None)).await.map_err(no)?;
        heads.extend(listed.into_iter().filter_map(|head| Some((shard::unit(&head.metadata)?, head))));
    }
    let stamps: Vec<_> = body.units.iter().map(|key| stamp(shards, body, key, heads.remove(key))).collect();
    stream::iter(stamps).buffered(super::AT_ONCE).try_collect().await
}

async fn stamp(shards: &Shards, ours: &Body, key: &Key, mut head: Option<Metadata>) -> Result<(), (Failure, bool)> {
    let no = |failure| (failure, false);
    let mut last = Failure::Conflict;
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(super::pause(attempt)).await;
        }
        if head.is_none() || attempt > 0 {
            head = shards.get_metadata(&shard::head_name(&key.0, &key.1)).await.map_err(no)?;
        }
        let Some(seen) = &head else {
            // Records in a ledger that has lost its name would be nobody's once this program ends.
            super::installation::is_there(shards).await.map_err(no)?;
            let mut new = unit::new_head(key).map_err(no)?;
            new.metadata.annotations.get_or_insert_default().insert(shard::LOCK.to_owned(), ours.id.0.to_string());
            match shards.create(&new).await {
                Ok(_) => return Ok(()),
                Err(failure @ (Failure::Conflict | Failure::Unknown(_))) => last = failure,
                Err(failure) => return Err(no(failure)),
            }
            continue;
        };
        match named(seen) {
            Some(id) if *id == *ours.id.0 => return Ok(()),
            Some(id) => {
                if let Some(held) = get(shards, id).await.map_err(no)? {
                    if !held.is_over(ours.since) {
                        let both = held.body.units.iter().filter(|unit| ours.units.contains(unit)).count();
                        return Err((LedgerError::Locked(Box::new(held.lock(key))).into(), both > 1));
                    }
                    match end(shards, held).await {
                        // It was renewed, or let go: look again.
                        Ok(_) | Err(Failure::Conflict) => {}
                        Err(failure) => return Err(no(failure)),
                    }
                    continue;
                }
            }
            None => {}
        }
        match shards.annotate(seen, shard::LOCK, &ours.id.0).await {
            Ok(()) => return Ok(()),
            Err(failure @ (Failure::Conflict | Failure::Unknown(_))) => last = failure,
            Err(failure) => return Err(no(failure)),
        }
    }
    Err(no(last))
}

/// Ends a lock as it was seen, for all that it held; how much that was. What was committed under it is carried out in every head first.
pub(super) async fn end(shards: &Shards, held: Held) -> Result<usize, Failure> {
    if let Some(commit) = &held.body.commit {
        super::commit::carry_out(shards, &held.body.id, commit, &[]).await?;
    }
    shards.delete(&shard::lock_name(&held.body.id.0), held.shard.metadata.resource_version.clone()).await?;
    Ok(held.body.units.len())
}

/// Ends the locks that nobody has counted on for an hour: those of runs that were killed, on tenants that nobody has wanted since.
pub(super) async fn sweep(shards: &Shards) -> Result<(), Failure> {
    let listed = shards.list(&shard::selector("lock", None, None)).await?;
    if listed.is_empty() {
        return Ok(());
    }
    let before = shards.clock().await?.checked_sub(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MIN);
    for held in listed.into_iter().map(of) {
        let held = held?;
        if held.body.until <= before {
            match end(shards, held).await {
                Ok(_) | Err(Failure::Conflict) => {}
                Err(failure) => return Err(failure),
            }
        }
    }
    Ok(())
}

/// Lets go of everything held under an id; how much that was.
pub(super) async fn release(shards: &Shards, id: &LockId) -> Result<usize, Failure> {
    for attempt in 0..TRIES {
        let Some(held) = get(shards, &id.0).await? else { return Ok(0) };
        match end(shards, held).await {
            Err(Failure::Conflict) => tokio::time::sleep(super::pause(attempt)).await,
            ended => return ended,
        }
    }
    Err(Failure::Conflict)
}

/// Extends the lease of everything held under an id.
pub(super) async fn renew(shards: &Shards, id: &LockId, lease: Duration) -> Result<(), Failure> {
    for attempt in 0..TRIES {
        let until = Lease::new(shards.clock().await?, lease).until;
        let held = get(shards, &id.0).await?.ok_or_else(|| LedgerError::LockLost(id.clone()))?;
        let body = Body { until, ..held.body.clone() };
        match held.replace(shards, body).await {
            Err(Failure::Conflict) => tokio::time::sleep(super::pause(attempt)).await,
            renewed => return renewed.map(drop),
        }
    }
    Err(Failure::Conflict)
}
