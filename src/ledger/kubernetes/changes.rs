//! What each [`Write`] changes in the records of its portal and tenant: the same as `ledger::writes` says in SQL.
//!
//! Comes in: the records as they are, and writes. Goes out: changes, or why a write contradicts what is there. Never asks the API server.

use std::collections::{BTreeMap, btree_map::Entry};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::records::{Changes, Records, below, merge};
use crate::ledger::{LedgerError, Write, codec, writes};
use crate::model::ledger::{Attestation, Intent, LedgerRow, Tombstone};
use crate::model::work_order::{Observation, WorkItem};
use crate::model::{Address, PortalName, TenantName};

/// Audit records that are kept of a portal and tenant: the newest.
pub(super) const AUDIT_KEPT: usize = 500;

pub(super) const ROW: &str = "row/";
pub(super) const INTENT: &str = "intent/";
pub(super) const ATTESTATION: &str = "attestation/";
pub(super) const TOMBSTONE: &str = "tombstone/";
pub(super) const WORK: &str = "work/";
pub(super) const OBSERVED: &str = "observed/";
pub(super) const AUDIT: &str = "audit/";

/// A value with its place among all that were ever recorded, which it keeps when it is replaced.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Placed<T> {
    pub(super) seq: String,
    pub(super) value: T,
}

/// An item as it was given out, and where its row is now.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) at: Address,
    pub(super) item: WorkItem,
}

/// The records of one portal and tenant before a commit, and what it changes.
pub(super) struct Draft {
    records: Records,
    pub(super) changes: Changes,
}

/// Portals and tenants with their records.
pub(super) type Drafts = BTreeMap<(PortalName, TenantName), Draft>;

impl Draft {
    pub(super) fn new(records: Records) -> Self {
        Self { records, changes: Changes::new() }
    }

    /// The records after the commit.
    pub(super) fn records(&self) -> &Records {
        &self.records
    }

    /// The same, and nothing else any more.
    pub(super) fn into_records(self) -> Records {
        self.records
    }

    fn get<T: DeserializeOwned>(&self, key: &str, what: &str) -> Result<Option<T>, LedgerError> {
        self.records.get(key).map(|value| decode(value, what)).transpose()
    }

    fn all<T: DeserializeOwned>(&self, prefix: &str, what: &str) -> Result<Vec<(String, T)>, LedgerError> {
        below(&self.records, prefix).map(|(key, value)| Ok((key.to_owned(), decode(value, what)?))).collect()
    }

    fn set(&mut self, key: String, value: &impl Serialize) -> Result<(), LedgerError> {
        let value = serde_json::to_value(value).map_err(|e| LedgerError::Conflict(format!("it cannot be recorded: {e}")))?;
        self.change(key, Some(value));
        Ok(())
    }

    fn change(&mut self, key: String, value: Option<Value>) {
        merge(&mut self.records, [(key.clone(), value.clone())]);
        self.changes.insert(key, value);
    }

    /// Lets go of the oldest audit records beyond those that are kept.
    fn trim(&mut self) {
        let kept: Vec<String> = below(&self.records, AUDIT).rev().skip(AUDIT_KEPT).map(|(key, _)| key.to_owned()).collect();
        kept.into_iter().for_each(|key| self.change(key, None));
    }
}

/// Reads a record's value.
pub(super) fn decode<T: DeserializeOwned>(value: &Value, what: &str) -> Result<T, LedgerError> {
    T::deserialize(value).map_err(|_| codec::damaged(what))
}

fn at(prefix: &str, address: &Address) -> String {
    format!("{prefix}{}/{}", address.kind.def().slug, address.name)
}

/// Carries out the writes of a commit. `commit` places what is new behind everything that was recorded before.
pub(super) fn carry_out(drafts: &mut Drafts, commit: &str, writes: &[Write]) -> Result<(), LedgerError> {
    for (n, write) in writes.iter().enumerate() {
        let seq = format!("{commit}-{n:06}");
        match write {
            Write::Intend(portal, intent) => intend(of(drafts, portal, &intent.address.tenant)?, seq, intent)?,
            Write::Settle(portal, tenant, id) => of(drafts, portal, tenant)?.change(format!("{INTENT}{id}"), None),
            Write::MarkUnknown(portal, tenant, id) => mark_unknown(of(drafts, portal, tenant)?, portal, tenant, id)?,
            Write::Put(portal, row) => put(of(drafts, portal, &row.address.tenant)?, row)?,
            Write::Move(portal, from, to) => relocate(drafts, portal, from, to)?,
            Write::Remove(portal, address, tombstone) => {
                of(drafts, portal, &address.tenant)?.change(at(ROW, address), None);
                if let Some(tombstone) = tombstone {
                    bury(of(drafts, portal, &tombstone.address.tenant)?, seq, tombstone)?;
                }
            }
            Write::Attest(portal, attestation) => attest(of(drafts, portal, &attestation.address.tenant)?, attestation)?,
            Write::Unattest(portal, address) => of(drafts, portal, &address.tenant)?.change(at(ATTESTATION, address), None),
            Write::Work(portal, item) => work(of(drafts, portal, &item.address.tenant)?, seq, item)?,
            Write::Observe(portal, tenant, name, seen) => observe(of(drafts, portal, tenant)?, name, seen)?,
            Write::Audit(record) => {
                let draft = of(drafts, &record.portal, &record.address.tenant)?;
                draft.set(format!("{AUDIT}{seq}"), record)?;
            }
        }
    }
    drafts.values_mut().for_each(Draft::trim);
    Ok(())
}

/// The draft of a portal and tenant; the lock covers it, or there is none.
fn of<'a>(drafts: &'a mut Drafts, portal: &PortalName, tenant: &TenantName) -> Result<&'a mut Draft, LedgerError> {
    match drafts.entry((portal.clone(), tenant.clone())) {
        Entry::Occupied(draft) => Ok(draft.into_mut()),
        Entry::Vacant(_) => Err(writes::not_covered(portal, tenant)),
    }
}

fn intend(draft: &mut Draft, seq: String, intent: &Intent) -> Result<(), LedgerError> {
    let key = format!("{INTENT}{}", intent.id);
    let known: Option<Placed<Intent>> = draft.get(&key, "an intent")?;
    draft.set(key, &Placed { seq: known.map_or(seq, |known| known.seq), value: intent })
}

fn mark_unknown(draft: &mut Draft, portal: &PortalName, tenant: &TenantName, id: &str) -> Result<(), LedgerError> {
    let key = format!("{INTENT}{id}");
    let known: Option<Placed<Intent>> = draft.get(&key, "an intent")?;
    let mut known = known.ok_or_else(|| LedgerError::Conflict(writes::no_intent(portal, tenant, id)))?;
    known.value.unknown = true;
    draft.set(key, &known)
}

fn put(draft: &mut Draft, row: &LedgerRow) -> Result<(), LedgerError> {
    if row.owner.is_empty() {
        return Err(writes::no_owner(&row.address));
    }
    draft.set(at(ROW, &row.address), row)
}

fn bury(draft: &mut Draft, seq: String, tombstone: &Tombstone) -> Result<(), LedgerError> {
    draft.set(format!("{TOMBSTONE}{seq}"), tombstone)
}

fn attest(draft: &mut Draft, attestation: &Attestation) -> Result<(), LedgerError> {
    let key = at(ATTESTATION, &attestation.address);
    let known: Option<Attestation> = draft.get(&key, "an attestation")?;
    if known.is_some_and(|known| known.at > attestation.at) { Ok(()) } else { draft.set(key, attestation) }
}

fn work(draft: &mut Draft, seq: String, item: &WorkItem) -> Result<(), LedgerError> {
    let key = format!("{WORK}{}", item.intent);
    let known: Option<Placed<Item>> = draft.get(&key, "an item of a work order")?;
    let value = Item { at: item.address.clone(), item: item.clone() };
    draft.set(key, &Placed { seq: known.map_or(seq, |known| known.seq), value })
}

fn observe(draft: &mut Draft, name: &str, seen: &Observation) -> Result<(), LedgerError> {
    let key = format!("{OBSERVED}{name}");
    let known: Option<Observation> = draft.get(&key, "an observation")?;
    if known.is_some_and(|known| known.at > seen.at) { Ok(()) } else { draft.set(key, seen) }
}

/// Moves a row, and with it all that is about its address.
fn relocate(drafts: &mut Drafts, portal: &PortalName, from: &Address, to: &Address) -> Result<(), LedgerError> {
    if from == to {
        return Err(writes::moves_to_itself(from));
    }
    let old = of(drafts, portal, &from.tenant)?;
    let row: Option<LedgerRow> = old.get(&at(ROW, from), "a row")?;
    let row = row.ok_or_else(|| LedgerError::Conflict(writes::moves_from_nowhere(portal, from)))?;
    let attestation: Option<Attestation> = old.get(&at(ATTESTATION, from), "an attestation")?;
    let intents: Vec<(String, Placed<Intent>)> = old.all(INTENT, "an intent")?;
    let items: Vec<(String, Placed<Item>)> = old.all(WORK, "an item of a work order")?;
    let intents: Vec<_> = intents.into_iter().filter(|(_, i)| i.value.address == *from).collect();
    let items: Vec<_> = items.into_iter().filter(|(_, i)| i.value.at == *from).collect();
    old.change(at(ROW, from), None);
    old.change(at(ATTESTATION, from), None);
    for key in intents.iter().map(|(key, _)| key).chain(items.iter().map(|(key, _)| key)) {
        old.change(key.clone(), None);
    }

    let new = of(drafts, portal, &to.tenant)?;
    let taken = |new: &Draft, key: &str| new.records.contains_key(key);
    if taken(new, &at(ROW, to)) {
        return Err(LedgerError::Conflict(writes::moves_onto_a_row(portal, from, to)));
    }
    new.set(at(ROW, to), &LedgerRow { address: to.clone(), ..row })?;
    // What was recorded of the new address was about something else.
    new.change(at(ATTESTATION, to), None);
    if let Some(attestation) = attestation {
        new.set(at(ATTESTATION, to), &Attestation { address: to.clone(), ..attestation })?;
    }
    for (key, Placed { seq, value }) in intents {
        if taken(new, &key) {
            return Err(LedgerError::Conflict(writes::moves_onto_an_intent(from, to)));
        }
        new.set(key, &Placed { seq, value: Intent { address: to.clone(), ..value } })?;
    }
    for (key, Placed { seq, value }) in items {
        if taken(new, &key) {
            return Err(LedgerError::Conflict(writes::moves_onto_an_item(from, to)));
        }
        new.set(key, &Placed { seq, value: Item { at: to.clone(), ..value } })?;
    }
    Ok(())
}
