//! What portals lack of what is declared, said once for each portal and not once for each resource: a customer that is in six portals would drown its
//! own plan. Comes in: what is lacking, resource by resource. Goes out: diagnostics. Pure; decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Range};
use crate::model::{Address, FieldId, Kind, PortalName};

/// What is lacking, gathered.
#[derive(Default)]
pub(super) struct Lacking {
    by_portal: BTreeMap<PortalName, OfPortal>,
}

#[derive(Default)]
struct OfPortal {
    kinds: BTreeMap<Kind, BTreeSet<Address>>,
    fields: BTreeMap<Kind, (BTreeSet<&'static str>, BTreeSet<Address>)>,
    place: Option<Range>,
}

impl Lacking {
    /// A resource declares a field that the portal lacks, or, with `None`, is of a kind that it lacks.
    pub(super) fn add(&mut self, portal: &PortalName, address: &Address, field: Option<FieldId>, place: impl FnOnce() -> Option<Range>) {
        let OfPortal { kinds, fields, place: first } = self.by_portal.entry(portal.clone()).or_default();
        if kinds.is_empty() && fields.is_empty() {
            *first = place();
        }
        match field {
            None => _ = kinds.entry(address.kind).or_default().insert(address.clone()),
            Some(id) => {
                let (paths, of) = fields.entry(address.kind).or_default();
                paths.insert(address.kind.def().field(id).path);
                of.insert(address.clone());
            }
        }
    }

    /// One diagnostic for each portal, made of its summary: a line for each kind.
    pub(super) fn diagnostics(self, make: impl Fn(String) -> Diagnostic) -> Vec<Diagnostic> {
        let said = self.by_portal.into_iter().map(|(portal, OfPortal { kinds, fields, place })| {
            let no_kind = kinds.iter().map(|(kind, of)| format!("no {}: {}", kind.def().nouns, names(of)));
            let no_field = fields.iter().map(|(kind, (paths, of))| {
                let paths: Vec<_> = paths.iter().map(|path| format!("`{path}`")).collect();
                format!("no {} of {}: {}", paths.join(", "), kind.def().nouns, names(of))
            });
            let lines: Vec<_> = no_kind.chain(no_field).collect();
            make(format!("portal {portal} lacks some of what is declared for it")).detail(lines.join("\n")).at(place)
        });
        said.collect()
    }
}

/// The first, and how many more there are.
fn names(of: &BTreeSet<Address>) -> String {
    let first = of.first().map(ToString::to_string).unwrap_or_default();
    if of.len() > 1 { format!("{first} and {} more", of.len() - 1) } else { first }
}
