//! What was noticed in a plan and refuses nothing. Comes in: units that are linked and selected. Goes out: diagnostics. Pure.

use std::collections::BTreeMap;

use super::lacking::{Lack, Lacking};
use super::offline;
use crate::diagnostic::{Diagnostic, Range, codes};
use crate::plan::{Change, Finding, Unit};

/// What portals lack, once for each portal, then what their rules warn of, change by change.
pub(super) fn of(units: &[Unit]) -> Vec<Diagnostic> {
    let mut lacking = Lacking::default();
    let mut rules = BTreeMap::new();
    for (unit, change) in units.iter().flat_map(|unit| unit.changes.iter().map(move |change| (unit, change))) {
        for finding in &change.findings {
            match finding {
                Finding::Unsupported { what: _, field, named, refuses: false } => {
                    let lack = Lack::of(*field, named.as_deref());
                    lacking.add(&unit.portal, &change.address, lack, || place(change));
                }
                Finding::Rule { rule, message, refuses: false } => {
                    let summary = format!("portal {}: {rule}: {message}", unit.portal);
                    let warning = Diagnostic::warning(codes::run::RULE_WARNS, summary).about(&change.address).at(place(change));
                    rules.insert((unit.portal.clone(), change.address.clone(), warning.summary.clone()), warning);
                }
                _ => {}
            }
        }
    }
    let lacking = lacking.diagnostics(|summary| Diagnostic::warning(codes::run::UNSUPPORTED_LEFT_OUT, summary));
    lacking.into_iter().chain(offline::once(rules.into_values().collect())).collect()
}

fn place(change: &Change) -> Option<Range> {
    let source = change.source.as_ref()?;
    Some(Range { file: source.file.clone(), line: source.line, column: source.column, length: 0, line_text: None })
}
