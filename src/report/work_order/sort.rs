//! The order in which items are done. Comes in: items in any order. Goes out: the same, so that what others depend on comes first, and a
//! technician opens each place of the menu as seldom as that allows.

use std::collections::BTreeMap;

use crate::model::kind::Placement;
use crate::model::work_order::WorkItem;
use crate::model::{IntentAction, Kind, TenantName};

/// Sorts items: within a tenant what is made comes before what needs it, and deletions come last, the other way round; what names
/// organizations waits for those that are made. Among what may be done next, the place of the menu that is open comes first, then the
/// vendor's order, then the address.
pub fn order_items(items: Vec<&WorkItem>) -> Vec<&WorkItem> {
    let mut left = items;
    left.sort_by(|a, b| key(a).cmp(&key(b)));
    let mut sorted = Vec::with_capacity(left.len());
    let mut open = None;
    while !left.is_empty() {
        let mut lowest: BTreeMap<&TenantName, usize> = BTreeMap::new();
        for item in &left {
            let level = lowest.entry(&item.address.tenant).or_insert(usize::MAX);
            *level = (*level).min(item.level());
        }
        let tenants_to_come = left.iter().any(|item| item.makes_tenant());
        let ready = |item: &WorkItem| {
            lowest.get(&item.address.tenant).is_none_or(|lowest| item.level() == *lowest)
                && !(tenants_to_come && names_tenants(item) && !item.makes_tenant())
        };
        let places = || left.iter().filter(|item| ready(item)).map(|item| item.instructions.menu_place);
        let place = places().find(|place| Some(*place) == open).or_else(|| places().min());
        let (now, later): (Vec<_>, Vec<_>) =
            left.iter().partition(|item| place.is_none_or(|place| ready(item) && item.instructions.menu_place == place));
        open = place;
        sorted.extend(now);
        left = later;
    }
    sorted
}

fn key(item: &WorkItem) -> (u32, &crate::model::Address, &str) {
    (item.instructions.menu_place, &item.address, &item.intent)
}

fn names_tenants(item: &WorkItem) -> bool {
    let names = |kind: Kind| kind.def().placement == Placement::Tenant;
    item.action != IntentAction::Delete && item.address.kind.def().fields.iter().any(|f| f.ty.refers_to().is_some_and(names))
}
