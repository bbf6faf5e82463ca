//! What cannot be done before something else is finished: it waits with it, and is no change until then.

use std::collections::BTreeSet;

use super::{Action, Delta, Held, Input, TenantDiff, Waiting};
use crate::model::kind::Placement;
use crate::model::{Address, Fields, Kind, KindCapability, Name, Performer, Value};

/// Turns what needs something unfinished into what waits. What a technician was asked to make keeps no other technician waiting: one work order
/// may hold an organization and its users, in order.
pub(super) fn for_what_is_unfinished(input: &Input<'_>, out: &mut TenantDiff) {
    if out.unfinished.is_empty() {
        return;
    }
    // References point to earlier kinds only, and addresses of a tenant sort by kind: one pass sees what waits for what waits.
    out.deltas.sort_by(|a, b| a.address.cmp(&b.address));
    for delta in std::mem::take(&mut out.deltas) {
        let unfinished = calls_to_make_it(&delta).then(|| needs(&delta.address, &delta.desired));
        let by_hand = input.capabilities.kind(delta.address.kind).is_some_and(|c| all_by_hand(c, &delta));
        let blocks = |a: &Address| out.unfinished.contains(a) && !(by_hand && out.ordered.contains(a));
        match unfinished.into_iter().flatten().find(blocks) {
            Some(needed) => {
                if delta.actions.contains(&Action::Create) {
                    out.unfinished.insert(delta.address.clone());
                }
                out.held.push(Held { waits: waits(&delta.address, &needed), delta });
            }
            None => out.deltas.push(delta),
        }
    }
}

/// True if technicians do all of it.
fn all_by_hand(capability: &KindCapability, delta: &Delta) -> bool {
    let fields: Vec<_> = delta.fields.iter().map(|f| f.field).collect();
    let mut who = super::intents(&delta.actions).into_iter().map(|action| super::performer(capability, action, &fields));
    who.all(|who| who == Performer::Technician)
}

/// A change that waits for another resource to be finished.
pub(crate) fn waits(address: &Address, needed: &Address) -> Waiting {
    Waiting { address: address.clone(), waits_for: format!("it needs {needed}, which is not finished"), technician: false, failed: false }
}

/// What has to exist before something can be made or changed: its tenant, and all that it refers to.
pub(crate) fn needs(of: &Address, desired: &Fields) -> BTreeSet<Address> {
    let def = of.kind.def();
    let mut needed: BTreeSet<_> = desired
        .iter()
        .filter_map(|(id, value)| Some((def.field(id).ty.refers_to()?, value)))
        .flat_map(|(kind, value)| targets(of, kind, value))
        .collect();
    let tenants = Kind::ALL.into_iter().filter(|k| k.def().placement == Placement::Tenant);
    needed.extend(tenants.map(|kind| Address::new(of.tenant.clone(), kind, of.tenant.clone())));
    needed.remove(of);
    needed
}

/// The addresses that a reference names: a tenant anywhere, all else in the same tenant.
pub(crate) fn targets(from: &Address, kind: Kind, value: &Value) -> Vec<Address> {
    let one = |value: &Value| {
        let name = Name::new(value.as_text()?).ok()?;
        let tenant = if kind.def().placement == Placement::Tenant { name.clone() } else { from.tenant.clone() };
        Some(Address::new(tenant, kind, name))
    };
    match value {
        Value::List(items) => items.iter().filter_map(one).collect(),
        value => one(value).into_iter().collect(),
    }
}

fn calls_to_make_it(delta: &Delta) -> bool {
    delta.actions.iter().any(|a| !a.ledger_only() && *a != Action::Delete)
}
