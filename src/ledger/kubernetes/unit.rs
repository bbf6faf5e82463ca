//! One portal and tenant: its *head*, and the parts that the head names.
//!
//! Comes in: a head as it is in the cluster. Goes out: a [`Unit`] with all its records. A head has either all of a commit or nothing, so that what it
//! says holds, and parts that it does not name are nobody's. A commit over several heads is *pending* in each of them until their lock says that it
//! was made (`locks`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::changes;
use super::client::{Failure, Metadata, Shards};
use super::records::{Changes, PartRef, Records, below, merge};
use super::shard::{self, Shard};
use super::together;
use crate::ledger::{LockId, codec};
use crate::model::{PortalName, TenantName};

/// How often a head is read again because its parts were replaced meanwhile.
const READINGS: usize = 8;

/// A portal and a tenant.
pub(super) type Key = (PortalName, TenantName);

/// The body of a head.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    /// The last commits in it, the newest last: whoever lost an answer finds out by them.
    #[serde(default)]
    pub(super) commits: Vec<String>,
    /// How many commits were made here. One over several heads counts in the first of them.
    pub(super) serial: u64,
    /// Where the records are, sorted by their first keys.
    #[serde(default)]
    pub(super) parts: Vec<PartRef>,
    /// What has changed in the parts since they were written.
    #[serde(default)]
    pub(super) changes: Changes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pending: Option<Pending>,
}

/// What the head becomes if a commit over several heads is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Pending {
    /// The lock that says whether it was.
    pub(super) lock: String,
    pub(super) commit: String,
    pub(super) head: Box<Head>,
}

/// What a head holds, counted: an annotation, for whoever need not read it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Summary {
    pub(super) serial: u64,
    pub(super) rows: usize,
    pub(super) intents: usize,
    pub(super) attestations: usize,
    pub(super) work: usize,
    pub(super) audit: usize,
    /// True if a row has the MAC of a secret.
    pub(super) secrets: bool,
    /// True while a commit is pending: then the rest may be of before it.
    pub(super) pending: bool,
}

impl Summary {
    pub(super) fn of(head: &Head, records: &Records) -> Self {
        let count = |prefix| below(records, prefix).count();
        let secret = |row: &serde_json::Value| row.get("secrets").and_then(|s| s.as_array()).is_some_and(|s| !s.is_empty());
        Self {
            serial: head.serial,
            rows: count(changes::ROW),
            intents: count(changes::INTENT),
            attestations: count(changes::ATTESTATION),
            work: count(changes::WORK),
            audit: count(changes::AUDIT),
            secrets: below(records, changes::ROW).any(|(_, row)| secret(row)),
            pending: head.pending.is_some(),
        }
    }

    /// A head's own.
    pub(super) fn read(metadata: &Metadata) -> Result<Self, Failure> {
        let text = shard::annotation(&metadata.metadata, shard::SUMMARY).unwrap_or("{}");
        Ok(codec::from_json(text, "a summary")?)
    }

    /// True where there is a row, an intent or an attestation.
    pub(super) const fn has_something(&self) -> bool {
        self.rows + self.intents + self.attestations > 0
    }
}

/// A head with its records.
#[derive(Debug)]
pub(super) struct Unit {
    /// As it is in the cluster.
    pub(super) shard: Shard,
    pub(super) head: Head,
    pub(super) records: Records,
    /// True: a commit was pending that its lock, which is held, says nothing of. It is not in here.
    pub(super) dropped: bool,
}

impl Unit {
    /// True if the head names that lock, as far as we know.
    pub(super) fn is_under(&self, lock: &LockId) -> bool {
        shard::annotation(&self.shard.metadata, shard::LOCK) == Some(&*lock.0)
    }
}

/// What a lock says of a pending commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Made,
    /// Not now; its lock is held.
    NotMade,
    /// There is no such lock any more: before it went, whatever was made was carried out in every head.
    LockGone,
}

/// What is known of pending commits, by lock and commit.
#[derive(Debug, Default)]
pub(super) struct Fates(BTreeMap<(String, String), Fate>);

impl Fates {
    /// Finds out about every pending commit in these heads that is not known yet. True: the heads have to be read again, for one was made, and
    /// some of them may be of before that moment.
    pub(super) async fn learn(&mut self, shards: &Shards, heads: &[Head]) -> Result<bool, Failure> {
        let mut again = false;
        for pending in heads.iter().filter_map(|head| head.pending.as_ref()) {
            let key = (pending.lock.clone(), pending.commit.clone());
            if self.0.contains_key(&key) {
                continue;
            }
            let fate = match super::locks::get(shards, &pending.lock).await? {
                None => Fate::LockGone,
                Some(held) if held.body.commit.as_ref().is_some_and(|c| c.id == pending.commit) => Fate::Made,
                Some(_) => Fate::NotMade,
            };
            again |= fate != Fate::NotMade;
            self.0.insert(key, fate);
        }
        Ok(again)
    }

    /// The head as it is once nothing is pending in it; and whether something was, and may yet be made.
    pub(super) fn settle(&self, mut head: Head) -> (Head, bool) {
        let Some(pending) = head.pending.take() else { return (head, false) };
        match self.0.get(&(pending.lock, pending.commit)) {
            Some(Fate::Made) => (*pending.head, false),
            Some(Fate::NotMade) => (head, true),
            Some(Fate::LockGone) | None => (head, false),
        }
    }
}

/// What a head's object says.
pub(super) fn parse(shard: &Shard) -> Result<Head, Failure> {
    Ok(codec::from_json(&shard.spec.body, "a head")?)
}

/// A head that was never written: nothing is recorded of the portal and tenant.
pub(super) fn new_head((portal, tenant): &Key) -> Result<Shard, Failure> {
    Ok(Shard::new("head", shard::head_name(portal, tenant), codec::json(&Head::default())?).of(portal, tenant))
}

/// Reads a portal and tenant with all that is in it; `None`: there is no head. `wanted` says which records count: parts without any of those are
/// not read.
pub(super) async fn read(shards: &Shards, key: &Key, wanted: &[&str]) -> Result<Option<Unit>, Failure> {
    let mut fates = Fates::default();
    let name = shard::head_name(&key.0, &key.1);
    for _ in 0..READINGS {
        let Some(shard) = shards.get(&name).await? else { return Ok(None) };
        let head = parse(&shard)?;
        if fates.learn(shards, std::slice::from_ref(&head)).await? {
            continue;
        }
        let (head, dropped) = fates.settle(head);
        if let Some(unit) = with_parts(shards, shard, head, wanted).await? {
            return Ok(Some(Unit { dropped, ..unit }));
        }
    }
    Err(codec::damaged(&format!("a part of {} in portal {}", key.1, key.0)).into())
}

/// A head with its parts; `None`: one of them is not there, most likely because the head has been replaced.
pub(super) async fn with_parts(shards: &Shards, shard: Shard, head: Head, wanted: &[&str]) -> Result<Option<Unit>, Failure> {
    let parts = parts_of(&head, wanted).map(|part| shards.get(&part.name)).collect();
    let mut records = Records::new();
    for part in together(parts).await? {
        let Some(part) = part else { return Ok(None) };
        records.append(&mut codec::from_json::<Records>(&part.spec.body, "a part")?);
    }
    merge(&mut records, head.changes.clone());
    Ok(Some(Unit { shard, head, records, dropped: false }))
}

/// The parts that may have records of what is wanted; nothing wanted is everything.
fn parts_of<'a>(head: &'a Head, wanted: &'a [&'a str]) -> impl Iterator<Item = &'a PartRef> {
    head.parts.iter().enumerate().filter_map(move |(at, part)| {
        let next = head.parts.get(at + 1).map(|p| p.from.as_str());
        let within = |prefix: &&str| {
            let end = format!("{}0", prefix.trim_end_matches('/'));
            part.from < end && next.is_none_or(|next| next > *prefix)
        };
        (wanted.is_empty() || wanted.iter().any(within)).then_some(part)
    })
}

/// The heads of these tenants of a portal, sorted by name, as they were at one moment, with nothing pending in them.
pub(super) async fn heads(shards: &Shards, portal: &PortalName, tenants: &[TenantName]) -> Result<Vec<(TenantName, Shard, Head)>, Failure> {
    let mut fates = Fates::default();
    let wanted = |shard: Shard| {
        let (_, tenant) = shard::unit(&shard.metadata)?;
        tenants.binary_search(&tenant).is_ok().then_some((tenant, shard))
    };
    for _ in 0..READINGS {
        let listed = shards.list(&shard::heads_of(portal, tenants)).await?;
        // Of a large portal most is not wanted, and what is read from a head is several times as large as its text.
        let mut listed: Vec<_> = listed.into_iter().filter_map(wanted).collect();
        let heads = listed.iter().map(|(_, shard)| parse(shard)).collect::<Result<Vec<_>, _>>()?;
        listed.iter_mut().for_each(|(_, shard)| shard.spec.body = String::new());
        if !fates.learn(shards, &heads).await? {
            let settled = heads.into_iter().map(|head| fates.settle(head).0);
            return Ok(listed.into_iter().zip(settled).map(|((tenant, shard), head)| (tenant, shard, head)).collect());
        }
    }
    Err(Failure::Conflict)
}
