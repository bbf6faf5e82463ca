//! The ledger as several answers find it, one after the other: each sees what those before it came to. Comes in: references. Goes out: items with
//! the states around them, and one commit. Decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{AnswerError, Refusal, Told, find, refusals, rests, units};
use crate::ledger::{Ledger, LedgerError, LockId, Write};
use crate::model::work_order::{WorkItem, WorkState};
use crate::model::{LedgerState, PortalName, TenantName};

/// What is around the items.
pub(super) type States = BTreeMap<TenantName, LedgerState>;

/// See the module.
pub(super) struct Desk {
    found: BTreeMap<String, Result<(PortalName, WorkItem), Refusal>>,
    states: BTreeMap<PortalName, States>,
    writes: Vec<Write>,
}

/// An item as the ledger has it now: what was read before the lock was taken may have changed since.
pub(super) struct Current<'a> {
    pub(super) portal: &'a PortalName,
    pub(super) item: &'a WorkItem,
    pub(super) states: &'a States,
}

/// What an answer comes to.
pub(super) struct Closed {
    pub(super) told: Told,
    pub(super) writes: Vec<Write>,
}

impl Desk {
    pub(super) async fn read(ledger: &dyn Ledger, references: impl Iterator<Item = &str>) -> Result<Self, LedgerError> {
        let mut found = BTreeMap::new();
        for reference in references {
            let one = match find(ledger, reference).await {
                Ok(one) => Ok(one),
                Err(AnswerError::Refused(refusal)) => Err(refusal),
                Err(AnswerError::Ledger(error)) => return Err(error),
            };
            found.insert(reference.to_owned(), one);
        }
        let mut wanted: BTreeMap<PortalName, BTreeSet<TenantName>> = BTreeMap::new();
        for (portal, item) in found.values().flatten() {
            let tenants = wanted.entry(portal.clone()).or_default();
            tenants.extend(units(portal, item).into_iter().map(|(_, tenant)| tenant));
            tenants.extend(rests::tenants(item));
        }
        let mut states = BTreeMap::new();
        for (portal, tenants) in wanted {
            let tenants: Vec<_> = tenants.into_iter().collect();
            let read = ledger.read(&portal, &tenants).await?;
            states.insert(portal, tenants.into_iter().zip(read).collect());
        }
        Ok(Self { found, states, writes: Vec::new() })
    }

    pub(super) fn current(&self, reference: &str) -> Result<Current<'_>, Refusal> {
        let Some(found) = self.found.get(reference) else { return Err(Refusal::unknown(reference)) };
        let (portal, item) = found.as_ref().map_err(Clone::clone)?;
        if !item.is_called(reference) {
            return Err(refusals::replaced(item, reference));
        }
        let Some(states) = self.states.get(portal) else { return Err(Refusal::unknown(reference)) };
        Ok(Current { portal, item, states })
    }

    /// What an answer came to is so for those that follow.
    pub(super) fn take(&mut self, closed: Closed) -> Told {
        let Closed { told, writes } = closed;
        for (portal, item) in self.found.values_mut().flatten() {
            if *portal == told.portal && item.intent == told.item.intent {
                item.clone_from(&told.item);
            }
        }
        if let Some(states) = self.states.get_mut(&told.portal) {
            writes.iter().for_each(|write| note(states, write));
        }
        self.writes.extend(writes);
        told
    }

    pub(super) async fn commit(self, ledger: &dyn Ledger, lock: &LockId) -> Result<(), LedgerError> {
        if self.writes.is_empty() { Ok(()) } else { ledger.commit(lock, self.writes).await }
    }
}

/// What a write makes of the states.
fn note(states: &mut States, write: &Write) {
    match write {
        Write::Intend(_, intent) => {
            if let Some(state) = states.get_mut(&intent.address.tenant) {
                state.intents.retain(|i| i.id != intent.id);
                state.intents.push(intent.clone());
            }
        }
        Write::Settle(_, tenant, id) => {
            if let Some(state) = states.get_mut(tenant) {
                state.intents.retain(|i| i.id != *id);
            }
        }
        Write::Put(_, row) => {
            states.get_mut(&row.address.tenant).map(|state| state.rows.insert(row.address.clone(), (**row).clone()));
        }
        Write::Remove(_, address, _) => drop(states.get_mut(&address.tenant).map(|state| state.rows.remove(address))),
        Write::Attest(_, record) => {
            states.get_mut(&record.address.tenant).map(|state| state.attestations.insert(record.address.clone(), record.clone()));
        }
        Write::Unattest(_, address) => drop(states.get_mut(&address.tenant).map(|state| state.attestations.remove(address))),
        Write::Work(_, item) => {
            let follows = item.calls_follow && matches!(item.state, WorkState::Confirmed { .. });
            let Some(state) = states.get_mut(&item.address.tenant) else { return };
            if item.state.keeps_intent() || follows {
                state.work.insert(item.intent.clone(), (**item).clone());
            } else {
                state.work.remove(&item.intent);
            }
        }
        // No answer writes these, or nothing that another looks at.
        Write::MarkUnknown(..) | Write::Move(..) | Write::Observe(..) | Write::Audit(_) => {}
    }
}
