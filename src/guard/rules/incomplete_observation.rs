//! `G011`: the portal did not say enough.

use crate::guard::{Check, Guard, Nature};
use crate::plan::{Change, Finding};

/// Its code.
pub(in crate::guard) const CODE: &str = "G011";

pub(super) static GUARD: Guard = Guard {
    code: CODE,
    name: "Incomplete observation",
    nature: Nature::Fact,
    refuses: "A change of something of which the portal did not say whether it exists, or what it has in a field that is to change.",
    why: "An outage, a lost permission or a short list is never read as \"absent\": a creation would make a second one, a deletion would take the wrong one.",
    number: None,
    remedy: "see that the portal answers and that the credentials may list this kind, then plan again",
    checks: &[Check::Finding(check)],
};

fn check(change: &Change, finding: &Finding) -> Option<String> {
    let address = &change.address;
    match finding {
        Finding::ObservationIncomplete { why } => Some(format!("whether {address} exists is not known: {why}")),
        Finding::FieldUnknown { field, why } => {
            Some(format!("what {address} has in `{}` is not known: {why}", address.kind.def().field(*field).path))
        }
        _ => None,
    }
}
