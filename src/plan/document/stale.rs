//! Whether a saved plan is stale: what would be done now must be a subset of what was saved. Pure.

use std::collections::HashMap;

use super::{PlanDocument, ResourceChange};
use crate::model::{Address, PortalName};

/// What would be done now and is not in the saved plan, one sentence each; empty: the saved plan may be applied.
pub fn stale(now: &PlanDocument, saved: &PlanDocument) -> Vec<String> {
    let key = |portal: &PortalName, change: &ResourceChange| (portal.clone(), change.address.clone());
    let mut before: HashMap<(PortalName, Address), &ResourceChange> = HashMap::new();
    for tenant in &saved.tenants {
        before.extend(tenant.resource_changes.iter().map(|c| (key(&tenant.portal, c), c)));
    }
    let mut differences = Vec::new();
    for tenant in &now.tenants {
        for change in &tenant.resource_changes {
            let words = |c: &ResourceChange| c.change.actions.iter().map(|a| a.word()).collect::<Vec<_>>().join(", ");
            match before.get(&key(&tenant.portal, change)) {
                None => differences.push(format!("{}: {} ({}), which was not planned", tenant.portal, change.address, words(change))),
                Some(saved) if saved.change.actions != change.change.actions => differences.push(format!(
                    "{}: {} ({}), which was planned as {}",
                    tenant.portal,
                    change.address,
                    words(change),
                    words(saved)
                )),
                Some(saved) if !same(saved, change) => {
                    differences.push(format!(
                        "{}: {} ({}), with other values or effects than planned",
                        tenant.portal,
                        change.address,
                        words(change)
                    ));
                }
                Some(_) => {}
            }
        }
    }
    differences
}

/// The same change: what a person read is what would be done.
fn same(saved: &ResourceChange, now: &ResourceChange) -> bool {
    saved.remote_id == now.remote_id
        && saved.change.before == now.change.before
        && saved.change.after == now.change.after
        && saved.change.sensitive_references == now.change.sensitive_references
        && saved.effects == now.effects
        && saved.natural_key == now.natural_key
        && saved.previous_address == now.previous_address
}
