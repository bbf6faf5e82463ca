//! What a confirmation writes. Pure: comes in an item, its evidence and what the ledger has, goes out writes. Decides nothing about whether the
//! confirmation holds.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{Evidence, Voice};
use crate::ledger::Write;
use crate::model::ledger::{Attestation, Tombstone};
use crate::model::work_order::{WorkItem, WorkRecord};
use crate::model::{Intent, LedgerRow, LedgerState, PortalName, TenantName};

/// Everything but the item itself and the audit trail. Where calls follow, the object is not there yet: its intents stay open, and are no
/// longer marked as unknown, so that the next apply goes on.
pub(super) fn of_confirmation(
    portal: &PortalName,
    states: &BTreeMap<TenantName, LedgerState>,
    item: &WorkItem,
    evidence: &Evidence,
    voice: &Voice,
) -> Vec<Write> {
    if item.calls_follow {
        let ids = intents(item);
        let open = states.values().flat_map(|s| &s.intents).filter(|i| ids.contains(&*i.id));
        return open.map(|i| Write::Intend(portal.clone(), Intent { unknown: false, ..i.clone() })).collect();
    }
    let id = item.instructions.evidence.iter().filter(|w| w.id).find_map(|w| evidence.get(&w.name));
    let mut writes = Vec::new();
    for record in &item.records {
        // Only the item's own object has an id that somebody read off.
        let id = id.filter(|_| record.address == item.address).map(String::as_str);
        writes.extend(of_record(portal, states.get(&record.address.tenant), record, id, voice));
    }
    writes.extend(settled(portal, item));
    writes
}

/// Nothing waits for the item any more.
pub(super) fn settled(portal: &PortalName, item: &WorkItem) -> Vec<Write> {
    let tenant_of = |id: &str| {
        let record = item.records.iter().find(|r| *r.intent == *id);
        record.map_or(&item.address.tenant, |r| &r.address.tenant).clone()
    };
    intents(item).into_iter().map(|id| Write::Settle(portal.clone(), tenant_of(id), id.into())).collect()
}

fn intents(item: &WorkItem) -> BTreeSet<&str> {
    std::iter::once(&*item.intent).chain(item.records.iter().map(|r| &*r.intent)).collect()
}

fn of_record(portal: &PortalName, state: Option<&LedgerState>, record: &WorkRecord, id: Option<&str>, voice: &Voice) -> Vec<Write> {
    let known = state.and_then(|s| s.rows.get(&record.address));
    let mut writes = Vec::new();
    let mut attestation = Attestation {
        address: record.address.clone(),
        present: record.row.is_some() || record.fields.is_some(),
        fields: record.fields.clone().unwrap_or_else(|| serde_json::json!({})),
        id: id.map(str::to_owned),
        by: voice.by.clone(),
        at: voice.now,
        until: until(voice.now, voice.believed_for_days),
    };
    match &record.row {
        Some(row) => {
            let row = LedgerRow {
                id: id.map(Box::from).or_else(|| row.id.clone()).or_else(|| known.and_then(|k| k.id.clone())),
                // A person may have released it since the item was given out.
                released: row.released || known.is_some_and(|k| k.released),
                ..row.clone()
            };
            attestation.id = row.id.as_deref().map(str::to_owned);
            writes.push(Write::Put(portal.clone(), Box::new(row)));
        }
        None if known.is_some() && record.fields.is_none() => {
            let id = known.and_then(|k| k.id.clone());
            let tombstone = Tombstone { address: record.address.clone(), id, at: voice.now };
            writes.push(Write::Remove(portal.clone(), record.address.clone(), Some(tombstone)));
        }
        None => {}
    }
    writes.push(Write::Attest(portal.clone(), attestation));
    writes
}

/// Until when a record of today is believed.
pub(super) fn until(now: Timestamp, days: u64) -> Timestamp {
    let hours = i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(24);
    now.checked_add(SignedDuration::from_secs(hours.saturating_mul(3600))).unwrap_or(Timestamp::MAX)
}
