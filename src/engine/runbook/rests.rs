//! What rests on what: nothing is in an organization that is not there. Comes in: items and the states around them. Goes out: the items that come
//! first, and the tenants that are looked at for it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::desk::{Current, States};
use super::{Refusal, Why};
use crate::diff::needs;
use crate::model::work_order::{WorkItem, WorkState};
use crate::model::{Address, Fields, IntentAction, PortalName, TenantName};

/// What has to be there before an item can be done: the customer, and what it refers to. What is taken away needs nothing.
fn needed(item: &WorkItem) -> BTreeSet<Address> {
    if item.action == IntentAction::Delete {
        return BTreeSet::new();
    }
    let of_record = |address: &Address, fields: Option<&serde_json::Value>| {
        let fields = fields.and_then(|fields| Fields::from_json(address.kind.def(), fields).ok()).unwrap_or_default();
        needs(address, &fields)
    };
    let mut needed: BTreeSet<_> = item.records.iter().flat_map(|r| of_record(&r.address, r.fields.as_ref())).collect();
    needed.extend(needs(&item.address, &Fields::new()));
    needed.retain(|address| !item.records.iter().any(|r| r.address == *address) && *address != item.address);
    needed
}

/// The tenants in which that is, and in which what rests on it may be.
pub(super) fn tenants(item: &WorkItem) -> BTreeSet<TenantName> {
    let mut tenants: BTreeSet<_> = needed(item).into_iter().map(|address| address.tenant).collect();
    tenants.extend(item.makes_tenant().then(TenantName::msp));
    tenants
}

/// Refuses to say that something was done in what is not there yet.
pub(super) fn in_turn(current: &Current<'_>) -> Result<(), Refusal> {
    let Current { portal: _, item, states } = current;
    let needed = needed(item);
    let makes = |other: &&WorkItem| makes_any(other, &needed) && other.intent != item.intent;
    let Some(first) = states.values().flat_map(|state| state.work.values()).find(makes) else { return Ok(()) };
    let title = &first.instructions.title;
    let what = format!("{} ({}) comes after item {} ({title})", item.reference, item.address, first.reference);
    let line = match &first.state {
        WorkState::Failed { by, why, .. } => {
            format!("{what}, which could not be done, as {by} said: {why}; once that one is done, confirm it, and then this one")
        }
        WorkState::Open | WorkState::Confirmed { .. } | WorkState::Skipped { .. } => {
            format!("{what}, of which nobody has said yet what became of it: confirm that one first, and then this one")
        }
    };
    Err(Refusal::new(Why::TooEarly, line))
}

/// True for an item that waits and makes one of these.
fn makes_any(item: &WorkItem, needed: &BTreeSet<Address>) -> bool {
    item.action == IntentAction::Create && item.state.keeps_intent() && item.records.iter().any(|r| needed.contains(&r.address))
}

/// For each item that waits, by its intent, the references of those that come first.
pub fn comes_after(all: &[(PortalName, WorkItem)]) -> BTreeMap<Box<str>, Vec<Box<str>>> {
    let waiting = || all.iter().filter(|(_, item)| item.state.keeps_intent());
    let making = waiting().filter(|(_, item)| item.action == IntentAction::Create);
    let makers: BTreeMap<(&PortalName, &Address), &WorkItem> =
        making.flat_map(|(portal, item)| item.records.iter().map(move |r| ((portal, &r.address), item))).collect();
    let mut after = BTreeMap::new();
    for (portal, item) in waiting() {
        let mut first: Vec<_> = needed(item).iter().filter_map(|address| makers.get(&(portal, address))).copied().collect();
        // In the order in which they are done; their references say nothing of it.
        first.sort_by_key(|i| (i.level(), &i.address));
        first.dedup_by_key(|i| &i.reference);
        if !first.is_empty() {
            after.insert(item.intent.clone(), first.into_iter().map(|i| i.reference.clone()).collect());
        }
    }
    after
}

/// What is recorded in what an item made, or refers to it: nothing of that is there without it.
pub(super) fn later(item: &WorkItem, states: &States) -> Vec<Address> {
    let own: BTreeSet<&Address> = item.records.iter().map(|r| &r.address).collect();
    let mut later = BTreeSet::new();
    for state in states.values() {
        let recorded = state.attestations.values().filter(|a| a.present && state.rows.contains_key(&a.address));
        let with_fields = recorded.map(|a| (&a.address, Fields::from_json(a.address.kind.def(), &a.fields).unwrap_or_default()));
        let rows = state.rows.keys().map(|address| (address, Fields::new()));
        let rests = |address: &Address, fields: &Fields| needs(address, fields).iter().any(|needed| own.contains(needed));
        let found = with_fields.chain(rows).filter(|(address, fields)| !own.contains(address) && rests(address, fields));
        later.extend(found.map(|(address, _)| address.clone()));
    }
    later.into_iter().collect()
}
