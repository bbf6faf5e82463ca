//! GitLab's Terraform report, which a merge request shows as a widget. Comes in: the plan's document. Goes out: one line of JSON.

use crate::plan::Action;
use crate::plan::document::PlanDocument;

/// `{"create":n,"update":n,"delete":n}`. As in GitLab's own recipe a replacement counts as a deletion and a creation; what changes only the
/// ledger is not counted.
pub fn report(document: &PlanDocument) -> String {
    let (mut create, mut update, mut delete) = (0_u64, 0_u64, 0_u64);
    for change in document.tenants.iter().flat_map(|t| &t.resource_changes) {
        let calls: Vec<_> = change.change.actions.iter().filter(|a| !a.ledger_only()).collect();
        match calls.first() {
            Some(Action::Create) => create += 1,
            Some(Action::Delete) => delete += 1,
            Some(Action::Replace) => {
                create += 1;
                delete += 1;
            }
            Some(_) => update += 1,
            None => {}
        }
    }
    format!("{{\"create\":{create},\"update\":{update},\"delete\":{delete}}}\n")
}
