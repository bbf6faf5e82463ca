//! The ledger port in memory: the same promises as the stores, over maps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tenantry::ledger::*;
use tenantry::model::ledger::{LedgerState, Origin};
use tenantry::model::work_order::{WorkItem, WorkState};
use tenantry::model::{Address, LedgerRow, PortalName, TenantName};

use super::fuse::Fuse;

/// The installation that every test runs as.
pub(crate) const INSTALLATION: &str = "us";

type UnitKey = (PortalName, TenantName);

#[derive(Default, Clone)]
struct State {
    serial: u64,
    /// Without the items of work orders.
    units: BTreeMap<UnitKey, LedgerState>,
    items: Vec<(PortalName, WorkItem)>,
    audit: Vec<AuditRecord>,
    locks: BTreeMap<UnitKey, Lock>,
    next_lock: u64,
    dead: BTreeSet<u32>,
    claimed: Option<Box<str>>,
}

/// A ledger that lives as long as the test.
pub(crate) struct MemoryLedger {
    state: Mutex<State>,
    fuse: Arc<Fuse>,
}

impl MemoryLedger {
    pub(crate) fn new(fuse: Arc<Fuse>) -> Self {
        Self { state: Mutex::new(State::default()), fuse }
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// What it has of a tenant.
    pub(crate) fn of(&self, portal: &str, tenant: &str) -> LedgerState {
        self.lock_state().of(&(super::name(portal), super::name(tenant)))
    }

    /// Changes what it has of a tenant behind everybody's back.
    pub(crate) fn edit(&self, portal: &str, tenant: &str, edit: impl FnOnce(&mut LedgerState)) {
        edit(self.lock_state().units.entry((super::name(portal), super::name(tenant))).or_default());
    }

    /// Changes the row of an address.
    pub(crate) fn edit_row(&self, portal: &str, at: &str, change: impl FnOnce(&mut LedgerRow)) {
        let at = super::address(at);
        self.edit(portal, at.tenant.as_str(), |state| change(state.rows.get_mut(&at).unwrap()));
    }

    /// Every row, in every portal.
    pub(crate) fn rows(&self) -> Vec<LedgerRow> {
        self.lock_state().units.values().flat_map(|s| s.rows.values().cloned()).collect()
    }

    /// Every item of a work order that was ever given out, in that order.
    pub(crate) fn items(&self) -> Vec<WorkItem> {
        self.lock_state().items.iter().map(|(_, item)| item.clone()).collect()
    }

    /// Says what became of the item of an address.
    pub(crate) fn close_item(&self, at: &str, state: WorkState) {
        let at = super::address(at);
        let mut inner = self.lock_state();
        inner.items.iter_mut().rfind(|(_, i)| i.address == at).unwrap().1.state = state;
    }

    /// How many intents are open.
    pub(crate) fn open_intents(&self) -> usize {
        self.lock_state().units.values().map(|s| s.intents.len()).sum()
    }

    /// Everything but locks is lost.
    pub(crate) fn lose_everything(&self) {
        let mut state = self.lock_state();
        state.units.clear();
        state.items.clear();
        state.audit.clear();
    }

    /// The process is proven dead: its locks may be taken over.
    pub(crate) fn bury(&self, process: u32) {
        self.lock_state().dead.insert(process);
    }

    /// Somebody breaks every lock.
    pub(crate) fn break_locks(&self) {
        self.lock_state().locks.clear();
    }

    /// All that it has, as text: to look for what must not be in it.
    pub(crate) fn dump(&self) -> String {
        let state = self.lock_state();
        format!("{:?} {:?} {:?} {:?}", state.units, state.items, state.audit, state.locks)
    }
}

#[async_trait]
impl LedgerRead for MemoryLedger {
    async fn identity(&self) -> Result<Identity, LedgerError> {
        let state = self.lock_state();
        Ok(Identity { installation: state.claimed.clone().unwrap_or_else(|| INSTALLATION.into()), serial: state.serial })
    }

    async fn read(&self, portal: &PortalName, tenants: &[TenantName]) -> Result<Vec<LedgerState>, LedgerError> {
        self.fuse.alive().await;
        let state = self.lock_state();
        Ok(tenants.iter().map(|t| state.of(&(portal.clone(), t.clone()))).collect())
    }

    async fn tenants(&self) -> Result<Vec<UnitKey>, LedgerError> {
        let state = self.lock_state();
        let known = state.units.iter().filter(|(_, s)| !(s.rows.is_empty() && s.intents.is_empty() && s.attestations.is_empty()));
        Ok(known.map(|(key, _)| key.clone()).collect())
    }

    async fn locks(&self) -> Result<Vec<Lock>, LedgerError> {
        Ok(self.lock_state().locks.values().cloned().collect())
    }

    async fn audit(&self, limit: usize) -> Result<Vec<AuditRecord>, LedgerError> {
        Ok(self.lock_state().audit.iter().rev().take(limit).cloned().collect())
    }

    async fn work(&self, wanted: WorkWanted) -> Result<Vec<(PortalName, WorkItem)>, LedgerError> {
        let state = self.lock_state();
        let waits = |p: &PortalName, i: &WorkItem| wanted == WorkWanted::All || state.waits(p, i);
        let mut items: Vec<_> = state.items.iter().filter(|(p, i)| waits(p, i)).cloned().collect();
        items.sort_by_key(|(_, item)| std::cmp::Reverse(item.given));
        Ok(items)
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn commit(&self, lock: &LockId, writes: Vec<Write>) -> Result<(), LedgerError> {
        assert!(!writes.is_empty(), "an empty commit costs a transaction for nothing");
        let commit = || {
            let mut state = self.lock_state();
            if !state.locks.values().any(|l| l.id == *lock) {
                return Err(LedgerError::LockLost(lock.clone()));
            }
            let mut next = state.clone();
            writes.into_iter().try_for_each(|write| next.write(lock, write))?;
            next.serial += 1;
            *state = next;
            Ok(())
        };
        self.fuse.effect(commit).await
    }

    async fn lock(&self, units: &[UnitKey], holder: &Holder, now: Timestamp, lease: Duration) -> Result<LockId, LedgerError> {
        let mut state = self.lock_state();
        let dead = state.dead.clone();
        state.locks.retain(|_, l| l.until > now && !dead.contains(&l.holder.process));
        if let Some(held) = units.iter().find_map(|unit| state.locks.get(unit)) {
            return Err(LedgerError::Locked(Box::new(held.clone())));
        }
        state.next_lock += 1;
        let id = LockId(format!("lock{}", state.next_lock).into());
        for (portal, tenant) in units {
            let lock = Lock {
                id: id.clone(),
                portal: portal.clone(),
                tenant: tenant.clone(),
                holder: holder.clone(),
                since: now,
                until: now + SignedDuration::try_from(lease).unwrap(),
            };
            state.locks.insert((portal.clone(), tenant.clone()), lock);
        }
        Ok(id)
    }

    async fn renew(&self, id: &LockId, now: Timestamp, lease: Duration) -> Result<(), LedgerError> {
        let mut state = self.lock_state();
        let mut held = state.locks.values_mut().filter(|l| l.id == *id).peekable();
        held.peek().ok_or_else(|| LedgerError::LockLost(id.clone()))?;
        held.for_each(|l| l.until = now + SignedDuration::try_from(lease).unwrap());
        Ok(())
    }

    async fn unlock(&self, id: &LockId) -> Result<usize, LedgerError> {
        let mut state = self.lock_state();
        let before = state.locks.len();
        state.locks.retain(|_, l| l.id != *id);
        Ok(before - state.locks.len())
    }

    async fn claim(&self, installation: &str, record: AuditRecord) -> Result<(), LedgerError> {
        let known = self.tenants().await?;
        let mut state = self.lock_state();
        if !known.is_empty() || !state.locks.is_empty() {
            return Err(LedgerError::Conflict("the ledger is not empty".to_owned()));
        }
        state.claimed = Some(installation.into());
        state.audit.push(record);
        Ok(())
    }
}

impl State {
    fn of(&self, unit: &UnitKey) -> LedgerState {
        let mut state = self.units.get(unit).cloned().unwrap_or_default();
        let here = self.items.iter().filter(|(p, i)| (p, &i.address.tenant) == (&unit.0, &unit.1) && self.waits(p, i));
        state.work = here.map(|(_, i)| (i.intent.clone(), i.clone())).collect();
        state
    }

    fn waits(&self, portal: &PortalName, item: &WorkItem) -> bool {
        let state = self.units.get(&(portal.clone(), item.address.tenant.clone()));
        let open = state.is_some_and(|s| s.intents.iter().any(|i| i.id == item.intent));
        item.state.keeps_intent() || (open && item.calls_follow && matches!(item.state, WorkState::Confirmed { .. }))
    }

    fn write(&mut self, lock: &LockId, write: Write) -> Result<(), LedgerError> {
        let conflict = |what: String| Err(LedgerError::Conflict(what));
        let unit = match &write {
            Write::Intend(p, intent) => (p.clone(), intent.address.tenant.clone()),
            Write::Settle(p, t, _) | Write::MarkUnknown(p, t, _) => (p.clone(), t.clone()),
            Write::Put(p, row) => (p.clone(), row.address.tenant.clone()),
            Write::Move(p, from, _) => (p.clone(), from.tenant.clone()),
            Write::Remove(p, a, _) => (p.clone(), a.tenant.clone()),
            Write::Attest(p, a) => (p.clone(), a.address.tenant.clone()),
            Write::Unattest(p, a) => (p.clone(), a.tenant.clone()),
            Write::Work(p, item) => (p.clone(), item.address.tenant.clone()),
            Write::Observe(p, t, _, _) => (p.clone(), t.clone()),
            Write::Audit(record) => {
                self.audit.push(record.clone());
                return Ok(());
            }
        };
        if self.locks.get(&unit).is_none_or(|l| l.id != *lock) {
            return conflict(format!("{unit:?} is not locked by {lock:?}"));
        }
        let items = &mut self.items;
        let state = self.units.entry(unit).or_default();
        match write {
            Write::Intend(_, intent) => {
                state.intents.retain(|i| i.id != intent.id);
                state.intents.push(intent);
                state.intents.sort_by_key(|i| i.at);
            }
            Write::Settle(_, _, id) => state.intents.retain(|i| i.id != id),
            Write::MarkUnknown(_, _, id) => match state.intents.iter_mut().find(|i| i.id == id) {
                Some(intent) => intent.unknown = true,
                None => return conflict(format!("no intent {id}")),
            },
            Write::Put(_, row) => {
                assert!(!row.owner.is_empty(), "a row has an owner");
                assert!(row.origin == Origin::Created || !row.key.is_empty());
                state.rows.insert(row.address.clone(), *row);
            }
            Write::Move(portal, from, to) => {
                items.iter_mut().filter(|(p, i)| *p == portal && i.address == from).for_each(|(_, i)| i.address = to.clone());
                return state_move(state, &from, to);
            }
            Write::Remove(_, at, tombstone) => {
                if state.rows.remove(&at).is_none() {
                    return conflict(format!("no row {at}"));
                }
                state.tombstones.splice(0..0, tombstone);
            }
            Write::Attest(_, record) => {
                state.attestations.insert(record.address.clone(), record);
            }
            Write::Unattest(_, at) => drop(state.attestations.remove(&at)),
            Write::Work(portal, item) => {
                match items.iter_mut().find(|(p, i)| (p, &i.address.tenant, &i.intent) == (&portal, &item.address.tenant, &item.intent)) {
                    Some((_, known)) => *known = *item,
                    None => items.push((portal, *item)),
                }
            }
            Write::Observe(_, _, name, seen) => {
                state.observed.insert(name, seen);
            }
            Write::Audit(_) => {}
        }
        Ok(())
    }
}

/// A row moves, and with it its open intents and its attestation.
fn state_move(state: &mut LedgerState, from: &Address, to: Address) -> Result<(), LedgerError> {
    if state.rows.contains_key(&to) {
        return Err(LedgerError::Conflict(format!("there is a row {to}")));
    }
    let Some(mut row) = state.rows.remove(from) else { return Err(LedgerError::Conflict(format!("no row {from}"))) };
    row.address = to.clone();
    state.intents.iter_mut().filter(|i| i.address == *from).for_each(|i| i.address = to.clone());
    if let Some(mut record) = state.attestations.remove(from) {
        record.address = to.clone();
        state.attestations.insert(to.clone(), record);
    }
    state.rows.insert(to, row);
    Ok(())
}
