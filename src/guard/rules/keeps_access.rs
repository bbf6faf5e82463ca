//! `G024`: somebody keeps access to an offboarded organization.

use crate::guard::{Check, Guard, Nature};
use crate::plan::{Change, Finding};

pub(super) static GUARD: Guard = Guard {
    code: "G024",
    name: "Keeps access",
    nature: Nature::Judgement,
    refuses: "An offboarding (`offboard: true`) after which somebody still has access to the organization: an account that is not ours, that \
              another installation owns, whose own `deletionPolicy` is `Orphan`, or that the portal did not show.",
    why: "Whoever offboards a customer relies on it that nobody can sign in any more; an account that stays must not look like success.",
    number: None,
    remedy: "take the account away in the portal, or let Tenantry do it (`adoptionPolicy`, `deletionPolicy: Delete`)",
    checks: &[Check::Finding(check)],
};

fn check(change: &Change, finding: &Finding) -> Option<String> {
    let address = &change.address;
    match finding {
        Finding::KeepsAccess { who } => Some(format!("{address}: the organization is offboarded, and access stays with {who}")),
        _ => None,
    }
}
