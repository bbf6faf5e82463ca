//! Reads the ledger. Comes in: portals and tenants. Goes out: the ledger's values. Never writes.
//!
//! Of many portals and tenants only what their heads are annotated with is asked for, until it is known whose records are needed.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::changes::{self, Item, Placed, decode};
use super::client::{Failure, Shards};
use super::locks::FEW;
use super::records::{Records, below};
use super::shard;
use super::unit::{self, Key, Summary, Unit};
use super::{installation, together};
use crate::ledger::{AuditRecord, Identity, LedgerError, WorkWanted, codec};
use crate::model::ledger::{Attestation, Intent, LedgerRow, LedgerState, Tombstone};
use crate::model::work_order::{WorkItem, WorkState};
use crate::model::{PortalName, TenantName};

/// How often tenants that are read one by one are read again because one of them changed meanwhile.
const READINGS: usize = 5;

pub(super) async fn identity(shards: &Shards) -> Result<Identity, Failure> {
    let installation = installation::read(shards).await?;
    let commits: u64 = summaries(shards).await?.iter().map(|(_, summary)| summary.serial).sum();
    Ok(match installation {
        Some(body) => Identity { installation: body.installation.into(), serial: body.serial + commits },
        None => Identity { installation: "".into(), serial: commits },
    })
}

/// What every head holds, counted, by portal and tenant.
pub(super) async fn summaries(shards: &Shards) -> Result<Vec<(Key, Summary)>, Failure> {
    let mut all = Vec::new();
    for head in shards.list_metadata(&shard::selector("head", None, None)).await? {
        let Some(key) = shard::unit(&head.metadata) else { continue };
        let mut summary = Summary::read(&head)?;
        if summary.pending {
            let Some(unit) = unit::read(shards, &key, &[]).await? else { continue };
            summary = Summary::of(&unit.head, &unit.records);
        }
        all.push((key, summary));
    }
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(all)
}

/// The states of these tenants, in order, all of one moment.
pub(super) async fn states(shards: &Shards, portal: &PortalName, tenants: &[TenantName]) -> Result<Vec<LedgerState>, Failure> {
    let mut distinct = tenants.to_vec();
    distinct.sort();
    distinct.dedup();
    let units = if distinct.len() > FEW { many(shards, portal, &distinct).await? } else { few(shards, portal, &distinct).await? };
    let states = units.into_iter().map(|(tenant, unit)| Ok((tenant, state(unit.records)?))).collect::<Result<BTreeMap<_, _>, Failure>>()?;
    Ok(tenants.iter().map(|tenant| states.get(tenant).cloned().unwrap_or_default()).collect())
}

/// One by one; and again, until none has changed while the others were read.
async fn few(shards: &Shards, portal: &PortalName, tenants: &[TenantName]) -> Result<Vec<(TenantName, Unit)>, Failure> {
    for _ in 0..READINGS {
        let read = tenants.iter().map(|tenant| async move {
            let unit = unit::read(shards, &(portal.clone(), tenant.clone()), &[]).await?;
            Ok((tenant.clone(), unit))
        });
        let units: Vec<(TenantName, Option<Unit>)> = together(read.collect()).await?;
        let now = if units.len() > 1 { units.iter().map(|(tenant, _)| version(shards, portal, tenant)).collect() } else { Vec::new() };
        let now = together(now).await?;
        let then = units.iter().map(|(_, unit)| unit.as_ref().and_then(|unit| unit.shard.metadata.resource_version.clone()));
        if now.is_empty() || then.eq(now) {
            return Ok(units.into_iter().filter_map(|(tenant, unit)| Some((tenant, unit?))).collect());
        }
    }
    // Somebody writes without a pause: the listing is of one moment in any case.
    many(shards, portal, tenants).await
}

/// The version of a head, if there is one.
async fn version(shards: &Shards, portal: &PortalName, tenant: &TenantName) -> Result<Option<String>, Failure> {
    let head = shards.get_metadata(&shard::head_name(portal, tenant)).await?;
    Ok(head.and_then(|head| head.metadata.resource_version))
}

/// All of them at once, and then their parts.
async fn many(shards: &Shards, portal: &PortalName, tenants: &[TenantName]) -> Result<Vec<(TenantName, Unit)>, Failure> {
    let heads = unit::heads(shards, portal, tenants).await?;
    let units = heads.into_iter().map(|(tenant, shard, head)| async move {
        let unit = match unit::with_parts(shards, shard, head, &[]).await? {
            Some(unit) => Some(unit),
            // Its parts were replaced meanwhile.
            None => unit::read(shards, &(portal.clone(), tenant.clone()), &[]).await?,
        };
        Ok(unit.map(|unit| (tenant, unit)))
    });
    Ok(together(units.collect()).await?.into_iter().flatten().collect())
}

fn state(records: Records) -> Result<LedgerState, LedgerError> {
    let rows = below(&records, changes::ROW).map(|(_, v)| decode::<LedgerRow>(v, "a row")).collect::<Result<Vec<_>, _>>()?;
    let attestations = below(&records, changes::ATTESTATION).map(|(_, v)| decode::<Attestation>(v, "an attestation"));
    let attestations = attestations.collect::<Result<Vec<_>, _>>()?;
    let intents = below(&records, changes::INTENT).map(|(_, v)| decode::<Placed<Intent>>(v, "an intent"));
    let mut intents = intents.collect::<Result<Vec<_>, _>>()?;
    intents.sort_by(|a, b| (a.value.at, &a.seq).cmp(&(b.value.at, &b.seq)));
    // Their keys are in the order in which they were recorded.
    let tombstones = below(&records, changes::TOMBSTONE).rev().map(|(_, v)| decode::<Tombstone>(v, "a tombstone"));
    let mut tombstones = tombstones.collect::<Result<Vec<_>, _>>()?;
    tombstones.sort_by_key(|tombstone| Reverse(tombstone.at));
    let observed = below(&records, changes::OBSERVED)
        .map(|(key, v)| Ok((key.trim_start_matches(changes::OBSERVED).into(), decode(v, "an observation")?)))
        .collect::<Result<_, LedgerError>>()?;
    let work = items(&records)?.into_iter().filter(|(_, item)| waits(&records, item));
    Ok(LedgerState {
        rows: rows.into_iter().map(|row| (row.address.clone(), row)).collect(),
        intents: intents.into_iter().map(|intent| intent.value).collect(),
        attestations: attestations.into_iter().map(|a| (a.address.clone(), a)).collect(),
        tombstones,
        work: work.map(|(_, item)| (item.intent.clone(), item)).collect(),
        observed,
    })
}

/// Items, each with its place among all that were given out.
fn items(records: &Records) -> Result<Vec<(String, WorkItem)>, LedgerError> {
    let items = below(records, changes::WORK).map(|(_, v)| {
        let Placed { seq, value: Item { at, item } } = decode(v, "an item of a work order")?;
        Ok((seq, codec::work_at(at, item)))
    });
    items.collect()
}

/// True while an item keeps its intent open, or was confirmed and its calls are still to come.
fn waits(records: &Records, item: &WorkItem) -> bool {
    let follows = item.calls_follow && matches!(item.state, WorkState::Confirmed { .. });
    item.state.keeps_intent() || (follows && records.contains_key(&format!("{}{}", changes::INTENT, item.intent)))
}

/// Items of all portals and tenants, given out last first.
pub(super) async fn work(shards: &Shards, wanted: WorkWanted) -> Result<Vec<(PortalName, WorkItem)>, Failure> {
    let units = with(shards, |summary| summary.work > 0, &[changes::WORK, changes::INTENT]).await?;
    let mut all = Vec::new();
    for ((portal, _), records) in units {
        let items = items(&records)?.into_iter();
        let items = items.filter(|(_, item)| wanted == WorkWanted::All || waits(&records, item));
        all.extend(items.map(|(seq, item)| (seq, portal.clone(), item)));
    }
    all.sort_by(|(a, _, one), (b, _, other)| (Reverse(one.given), a).cmp(&(Reverse(other.given), b)));
    Ok(all.into_iter().map(|(_, portal, item)| (portal, item)).collect())
}

/// The newest audit records that are kept, newest first.
pub(super) async fn audit(shards: &Shards, limit: usize) -> Result<Vec<AuditRecord>, Failure> {
    let mut all = Vec::new();
    for (_, records) in with(shards, |summary| summary.audit > 0, &[changes::AUDIT]).await? {
        let newest = below(&records, changes::AUDIT).rev().take(limit);
        for (key, value) in newest {
            all.push((key.trim_start_matches(changes::AUDIT).to_owned(), decode(value, "an audit record")?));
        }
    }
    let claims = installation::read(shards).await?.map(|body| body.audit).unwrap_or_default();
    all.extend(claims.into_iter().map(|claim| (claim.seq, claim.value)));
    all.sort_by(|(a, _), (b, _)| b.cmp(a));
    Ok(all.into_iter().map(|(_, record)| record).take(limit).collect())
}

/// Records of the units of which the summary says so.
async fn with(shards: &Shards, wanted: impl Fn(&Summary) -> bool, what: &[&str]) -> Result<Vec<(Key, Records)>, Failure> {
    let keys: Vec<Key> = summaries(shards).await?.into_iter().filter(|(_, s)| wanted(s)).map(|(key, _)| key).collect();
    let read = keys.into_iter().map(|key| async move {
        let unit = unit::read(shards, &key, what).await?;
        Ok(unit.map(|unit| (key, unit.records)))
    });
    Ok(together(read.collect()).await?.into_iter().flatten().collect())
}
