//! What people approve by annotations.
//!
//! Comes in: custom resources. Goes out: digests of plans, each good for one of them, and deletions. Pure. A document that counts for nothing approves
//! nothing, an organization's approves nothing of another's, and a digest that was used approves nothing for as long as the annotation names it.

use std::collections::{BTreeMap, BTreeSet};

use super::known::ObjectKey;
use super::status::applied_plans;
use super::store::Objects;
use crate::controller::Approved;
use crate::model::kind::Placement;
use crate::model::{Desired, Name};

/// The digests that annotations approve: an organization's for its own tenant, a portal's for all of its tenants, in this portal; and the deletions, each of the
/// very object that has the annotation.
pub(super) fn approved(all: &Objects, left_out: &BTreeMap<ObjectKey, String>, desired: &Desired) -> Approved {
    let mut approved = Approved::default();
    for (key, object) in all.iter().filter(|(key, _)| !left_out.contains_key(key)) {
        let tenant = object.tenant_name();
        if object.deleting && object.asks.deletion_approved.as_ref() == Some(&object.uid) {
            approved.deletions.extend(object.address(key.kind));
        }
        if object.asks.approved.is_empty() {
            continue;
        }
        let used: BTreeSet<_> = applied_plans(&object.status()).into_iter().collect();
        let fresh = object.asks.approved.iter().filter(|digest| !used.contains(*digest)).cloned();
        match (key.kind.def().placement, tenant) {
            (Placement::Configuration, _) => {
                if let Ok(portal) = Name::new(&object.called) {
                    approved.portals.entry(portal).or_default().extend(fresh);
                }
            }
            // What is deleted may be a tenant that the ledger alone knows.
            (Placement::Tenant, Some(tenant)) if object.deleting || desired.tenants.contains_key(&tenant) => {
                approved.tenants.entry(tenant).or_default().extend(fresh);
            }
            (Placement::Tenant | Placement::Member { .. } | Placement::MspOnly, _) => {}
        }
    }
    approved
}
