//! Commits. Comes in: a lock, and writes. Goes out: nothing, or why not.
//!
//! One head: parts that are new are written first, under names that nobody knows yet; then the head is swapped for one that names them, if it is still
//! the one that was read; then parts that it no longer names are deleted. Killed anywhere, the head names parts that are there. A part that the head
//! never named may be one that somebody else is about to name, and stays until that cannot be any more.
//!
//! Several heads: what each is to become is written into it as *pending*, then the lock is swapped for one that says that the commit was made, then
//! each head becomes what was pending. Before the swap of the lock the commit never was; after it, whoever reads a head carries it out. Nobody ends a
//! lock before that is done everywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::changes::{self, Draft, Drafts};
use super::client::{Failure, Shards};
use super::locks::{self, Commit, Held};
use super::records::{self, Changes, Part, PartRef, Records};
use super::shard::{self, Shard};
use super::together;
use super::unit::{self, Head, Key, Pending, Summary, Unit};
use crate::ledger::{LedgerError, LockId, Write, codec, writes};

/// How often a commit is begun anew because somebody was faster: most likely our own run, with another commit.
const TRIES: usize = 30;
/// Commits that a head remembers: more than a run makes on one tenant while it waits for the answer to one of them.
const KNOWN: usize = 8;
/// How often one is begun anew because an answer was lost.
const LOST: usize = 5;
/// How old a part is that nobody will name any more: longer than any commit takes from its parts to its head, with every answer as late as can be.
const ORPHANED: SignedDuration = SignedDuration::from_hours(2);

/// What is known of the heads that are ours alone, so that a commit need not read them. A head that is another one meanwhile is found out by the swap.
pub(super) type Cache = Mutex<BTreeMap<Key, Unit>>;

/// Whose turn it is to commit to a head: side by side, commits of one run would find each other's head, and each begin anew.
#[derive(Default)]
pub(super) struct Turns(Mutex<BTreeMap<Key, Arc<Mutex<()>>>>);

impl Turns {
    /// Waits for the turn at each of these heads. They are in order, so that no two wait for each other.
    pub(super) async fn wait(&self, heads: BTreeSet<Key>) -> Vec<OwnedMutexGuard<()>> {
        let turns: Vec<_> = {
            let mut all = self.0.lock().await;
            // Those that nobody waits for are made again when they are asked for.
            all.retain(|_, turn| Arc::strong_count(turn) > 1);
            heads.into_iter().map(|head| Arc::clone(all.entry(head).or_default())).collect()
        };
        let mut mine = Vec::with_capacity(turns.len());
        for turn in turns {
            mine.push(turn.lock_owned().await);
        }
        mine
    }
}

/// The heads that writes are about.
pub(super) fn heads(writes: &[Write]) -> BTreeSet<Key> {
    writes::units(writes).into_iter().map(|(p, t)| (p.clone(), t.clone())).collect()
}

/// Commits writes, all or nothing; they count as so many commits. [`Failure::Refused`]: they were never made, and are what is wrong.
pub(super) async fn commit(
    shards: &Shards,
    cache: &Cache,
    lock: &LockId,
    (id, count): (&str, usize),
    writes: &[Write],
) -> Result<(), Failure> {
    let (mut tries, mut lost) = (0, 0);
    loop {
        match once(shards, cache, lock, (id, count), writes).await {
            Err(Failure::Conflict) if tries < TRIES => tries += 1,
            Err(Failure::Unknown(_)) if lost < LOST => lost += 1,
            // An attempt before it may have been made, or may be yet: it was not the writes alone that kept it from being made.
            Err(Failure::Refused(error)) if lost > 0 => return Err(Failure::Ledger(error)),
            done => return done,
        }
        tokio::time::sleep(super::pause(tries + lost)).await;
    }
}

async fn once(shards: &Shards, cache: &Cache, lock: &LockId, (id, count): (&str, usize), writes: &[Write]) -> Result<(), Failure> {
    let lock_lost = || Failure::Ledger(LedgerError::LockLost(lock.clone()));
    let held = locks::get(shards, &lock.0).await?.ok_or_else(lock_lost)?;
    let wanted = writes::units(writes);
    if let Some((portal, tenant)) = wanted.iter().find(|(p, t)| !held.body.units.iter().any(|(hp, ht)| (hp, ht) == (*p, *t))) {
        return Err(writes::not_covered(portal, tenant).into());
    }
    if held.body.commit.as_ref().is_some_and(|commit| commit.id == id) {
        // It was made, and only the answer lost.
        return Ok(());
    }
    let keys: Vec<Key> = wanted.into_iter().map(|(p, t)| (p.clone(), t.clone())).collect();
    let units = read(shards, cache, keys, lock).await?;
    let mut drafts = Drafts::new();
    let mut heads = BTreeMap::new();
    let mut dropped = false;
    for (key, unit) in units {
        let mut unit = unit.ok_or_else(lock_lost)?;
        if !unit.is_under(lock) {
            return Err(lock_lost());
        }
        if unit.head.commits.iter().any(|known| known == id) {
            return Ok(());
        }
        dropped |= unit.dropped;
        drafts.insert(key.clone(), Draft::new(std::mem::take(&mut unit.records)));
        heads.insert(key, unit);
    }
    changes::carry_out(&mut drafts, id, writes).map_err(Failure::Refused)?;
    let held = if dropped { give_up(shards, held).await? } else { held };
    let mut next = Vec::new();
    for ((key, draft), mut unit) in drafts.into_iter().zip(heads.into_values()) {
        let counts = if next.is_empty() { count } else { 0 };
        let (head, folded) = advance(shards, &key, &unit.head, &draft, (id, counts)).await?;
        unit.records = draft.into_records();
        next.push(Next { key, unit, head, folded });
    }
    if next.len() > 1 {
        pend(shards, &mut next, lock, id).await?;
        make(shards, held, lock, id, &next).await?;
    }
    let several = next.len() > 1;
    match together(next.into_iter().map(|next| next.swap(shards, cache)).collect()).await {
        // It is made: whoever reads the heads next carries it out.
        Err(_) if several => Ok(()),
        done => done.map(drop),
    }
}

/// The units, from what is known of them under this lock where it is; they are no longer known there.
async fn read(shards: &Shards, cache: &Cache, keys: Vec<Key>, lock: &LockId) -> Result<Vec<(Key, Option<Unit>)>, Failure> {
    let known: Vec<_> = {
        let mut cache = cache.lock().await;
        // A commit that ended after its lock was let go has left what it knew.
        keys.into_iter().map(|key| (cache.remove(&key).filter(|unit| unit.is_under(lock)), key)).collect()
    };
    let read = known.into_iter().map(|(known, key)| async move {
        let unit = match known {
            Some(unit) => Some(unit),
            None => unit::read(shards, &key, &[]).await?,
        };
        Ok((key, unit))
    });
    together(read.collect()).await
}

/// Gives up whatever is pending under this lock: who was about to make it finds that the lock is another one.
async fn give_up(shards: &Shards, held: Held) -> Result<Held, Failure> {
    let mut body = held.body.clone();
    body.given_up += 1;
    held.replace(shards, body).await
}

/// A head, and what it becomes.
struct Next {
    key: Key,
    unit: Unit,
    head: Head,
    folded: bool,
}

impl Next {
    /// Swaps the head for what it becomes, and remembers it.
    async fn swap(mut self, shards: &Shards, cache: &Cache) -> Result<(), Failure> {
        let former = std::mem::replace(&mut self.unit.head, self.head).parts;
        let mut written = write(shards, &self.unit).await?;
        // Its text is known by its head and records.
        written.spec.body = String::new();
        self.unit.shard = written;
        self.unit.dropped = false;
        if self.folded {
            collect(shards, &self.key, &former, &self.unit.head).await;
        }
        cache.lock().await.insert(self.key, self.unit);
        Ok(())
    }
}

/// Writes a unit's head, with its summary.
async fn write(shards: &Shards, unit: &Unit) -> Result<Shard, Failure> {
    let mut shard = unit.shard.clone();
    shard.metadata.managed_fields = None;
    let summary = codec::json(&Summary::of(&unit.head, &unit.records))?;
    shard.metadata.annotations.get_or_insert_default().insert(shard::SUMMARY.to_owned(), summary);
    shard.spec.body = codec::json(&unit.head)?;
    shard.spec.of = u32::try_from(unit.head.parts.len()).unwrap_or(u32::MAX);
    shards.replace(&shard).await
}

/// The head after a commit; and whether its parts are others. Parts that are new are written.
async fn advance(shards: &Shards, key: &Key, head: &Head, draft: &Draft, (id, counts): (&str, usize)) -> Result<(Head, bool), Failure> {
    let mut changes: Changes = head.changes.clone();
    changes.extend(draft.changes.clone());
    if head.parts.is_empty() {
        // There is nothing for it to be taken from.
        changes.retain(|_, value| value.is_some());
    }
    let mut commits: Vec<String> = head.commits.iter().rev().take(KNOWN - 1).rev().cloned().collect();
    commits.push(id.to_owned());
    let next = Head {
        commits,
        serial: head.serial + u64::try_from(counts).unwrap_or_default(),
        parts: head.parts.clone(),
        changes,
        pending: None,
    };
    if !records::overflow(&next.changes)? {
        return Ok((next, false));
    }
    let parts = records::fold(&head.parts, draft.records(), &next.changes);
    let of = parts.len();
    let written = parts.into_iter().enumerate().map(|(at, part)| async move {
        match part {
            Part::Kept(part) => Ok(part),
            Part::New(from, records) => new_part(shards, key, from, &records, (at + 1, of)).await,
        }
    });
    let parts: Vec<PartRef> = together(written.collect()).await?;
    Ok((Head { parts, changes: Changes::new(), ..next }, true))
}

async fn new_part(
    shards: &Shards,
    (portal, tenant): &Key,
    from: String,
    records: &Records,
    place: (usize, usize),
) -> Result<PartRef, Failure> {
    let name = shard::part_name(portal, tenant, &crate::ledger::locking::new_id().0);
    let mut part = Shard::new("part", name.clone(), codec::json(records)?).of(portal, tenant);
    part.spec.part = u32::try_from(place.0).unwrap_or(u32::MAX);
    part.spec.of = u32::try_from(place.1).unwrap_or(u32::MAX);
    shards.create(&part).await?;
    Ok(PartRef { name, from })
}

/// Deletes parts that nobody names: those that the head named before, and those of commits that were never made. What cannot be deleted now is so
/// the next time.
async fn collect(shards: &Shards, key: &Key, former: &[PartRef], head: &Head) {
    if let Err(failure) = collected(shards, key, former, head).await {
        let (error, (portal, tenant)) = (LedgerError::from(failure), key);
        tracing::debug!(%error, %portal, %tenant, "parts of the ledger that nobody names are left for the next time");
    }
}

async fn collected(shards: &Shards, (portal, tenant): &Key, former: &[PartRef], head: &Head) -> Result<(), Failure> {
    let is_named = |name: &str| head.parts.iter().any(|part| part.name == name);
    delete(shards, former.iter().map(|part| part.name.as_str()).filter(|name| !is_named(name)).collect()).await?;
    let there = shards.list_metadata(&shard::selector("part", Some(portal), Some(tenant))).await?;
    let there = there.iter().filter_map(|part| Some((part.metadata.name.as_deref()?, part.metadata.creation_timestamp.as_ref()?.0)));
    let unnamed: Vec<_> = there.filter(|(name, _)| !is_named(name)).collect();
    if unnamed.is_empty() {
        return Ok(());
    }
    // Whoever reads the head that we wrote may have written parts for it by now: those that are young may be theirs.
    let now = shards.clock().await?;
    delete(shards, unnamed.into_iter().filter(|(_, made)| now.duration_since(*made) > ORPHANED).map(|(name, _)| name).collect()).await
}

async fn delete(shards: &Shards, names: Vec<&str>) -> Result<(), Failure> {
    together(names.into_iter().map(|name| shards.delete(name, None)).collect()).await.map(drop)
}

/// Writes into each head what it is to become.
async fn pend(shards: &Shards, next: &mut [Next], lock: &LockId, id: &str) -> Result<(), Failure> {
    let pended = next.iter_mut().map(|next| async move {
        let head = Box::new(next.head.clone());
        next.unit.head.pending = Some(Pending { lock: lock.0.to_string(), commit: id.to_owned(), head });
        next.unit.shard = write(shards, &next.unit).await?;
        Ok(())
    });
    together(pended.collect()).await.map(drop)
}

/// Makes a commit that is pending in its heads.
async fn make(shards: &Shards, mut held: Held, lock: &LockId, id: &str, next: &[Next]) -> Result<(), Failure> {
    let lost = || Failure::Ledger(LedgerError::LockLost(lock.clone()));
    let units: Vec<Key> = next.iter().map(|n| n.key.clone()).collect();
    let given_up = held.body.given_up;
    let mut last = Failure::Conflict;
    for attempt in 0..TRIES {
        if let Some(former) = &held.body.commit {
            // The lock forgets it now: nobody would know any more that it was made.
            carry_out(shards, lock, former, &units).await?;
        }
        let commit = Some(Commit { id: id.to_owned(), units: units.clone() });
        let body = locks::Body { commit, ..held.body.clone() };
        match held.replace(shards, body).await {
            Ok(_) => return Ok(()),
            Err(failure @ (Failure::Conflict | Failure::Unknown(_))) => last = super::after(failure, attempt).await,
            Err(failure) => return Err(failure),
        }
        held = locks::get(shards, &lock.0).await?.ok_or_else(lost)?;
        if held.body.commit.as_ref().is_some_and(|commit| commit.id == id) {
            return Ok(());
        }
        if held.body.given_up != given_up {
            return Err(Failure::Conflict);
        }
    }
    Err(last)
}

/// Carries out a commit that was made, in every head in which it is pending still; `except` in those.
pub(super) async fn carry_out(shards: &Shards, lock: &LockId, commit: &Commit, except: &[Key]) -> Result<(), Failure> {
    let mut keys: Vec<&Key> = commit.units.iter().filter(|key| !except.contains(key)).collect();
    if keys.len() > locks::FEW {
        let listed = shards.list_metadata(&shard::selector("head", None, None)).await?;
        let mut pending = std::collections::BTreeSet::new();
        for head in listed {
            if Summary::read(&head)?.pending {
                pending.extend(shard::unit(&head.metadata));
            }
        }
        keys.retain(|key| pending.contains(*key));
    }
    let done = keys.into_iter().map(|key| carry_out_in(shards, key, lock, &commit.id));
    together(done.collect()).await.map(drop)
}

async fn carry_out_in(shards: &Shards, key: &Key, lock: &LockId, id: &str) -> Result<(), Failure> {
    let mut last = Failure::Conflict;
    for attempt in 0..TRIES {
        let Some(shard) = shards.get(&shard::head_name(&key.0, &key.1)).await? else { return Ok(()) };
        match unit::parse(&shard)?.pending {
            Some(pending) if pending.lock == *lock.0 && pending.commit == id => {
                let Some(unit) = unit::with_parts(shards, shard, *pending.head, &[]).await? else { continue };
                match write(shards, &unit).await {
                    Ok(_) => return Ok(()),
                    Err(failure @ (Failure::Conflict | Failure::Unknown(_))) => last = super::after(failure, attempt).await,
                    Err(failure) => return Err(failure),
                }
            }
            _ => return Ok(()),
        }
    }
    Err(last)
}
