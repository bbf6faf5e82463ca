//! What portals lack of what is declared, said once for each portal and not once for each resource: a customer that is in six portals would drown its
//! own plan. Comes in: what is lacking, resource by resource. Goes out: diagnostics. Pure; decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Range};
use crate::model::{Address, FieldId, Kind, PortalName};

/// What a portal lacks of a resource.
#[derive(Clone, Copy)]
pub(super) enum Lack<'a> {
    /// Its kind.
    Kind,
    /// A field.
    Field(FieldId),
    /// What a field names.
    Named(FieldId, &'a str),
}

impl<'a> Lack<'a> {
    /// As a finding says it.
    pub(super) const fn of(field: Option<FieldId>, named: Option<&'a str>) -> Self {
        match (field, named) {
            (None, _) => Self::Kind,
            (Some(id), None) => Self::Field(id),
            (Some(id), Some(name)) => Self::Named(id, name),
        }
    }
}

/// What is lacking, gathered.
#[derive(Default)]
pub(super) struct Lacking {
    by_portal: BTreeMap<PortalName, OfPortal>,
}

#[derive(Default)]
struct OfPortal {
    kinds: BTreeMap<Kind, BTreeSet<Address>>,
    fields: BTreeMap<Kind, (BTreeSet<&'static str>, BTreeSet<Address>)>,
    named: BTreeMap<(Kind, String), BTreeSet<Address>>,
    place: Option<Range>,
}

impl Lacking {
    /// A resource declares what the portal lacks.
    pub(super) fn add(&mut self, portal: &PortalName, address: &Address, lack: Lack<'_>, place: impl FnOnce() -> Option<Range>) {
        let OfPortal { kinds, fields, named, place: first } = self.by_portal.entry(portal.clone()).or_default();
        if kinds.is_empty() && fields.is_empty() && named.is_empty() {
            *first = place();
        }
        match lack {
            Lack::Kind => _ = kinds.entry(address.kind).or_default().insert(address.clone()),
            Lack::Field(id) => {
                let (paths, of) = fields.entry(address.kind).or_default();
                paths.insert(address.kind.def().field(id).path);
                of.insert(address.clone());
            }
            Lack::Named(id, name) => {
                let kind = address.kind.def().field(id).ty.refers_to().unwrap_or(address.kind);
                named.entry((kind, name.to_owned())).or_default().insert(address.clone());
            }
        }
    }

    /// One diagnostic for each portal, made of its summary: a line for each kind.
    pub(super) fn diagnostics(self, make: impl Fn(String) -> Diagnostic) -> Vec<Diagnostic> {
        let said = self.by_portal.into_iter().map(|(portal, OfPortal { kinds, fields, named, place })| {
            let no_kind = kinds.iter().map(|(kind, of)| format!("no {}: {}", kind.def().nouns, names(of)));
            let no_field = fields.iter().map(|(kind, (paths, of))| {
                let paths: Vec<_> = paths.iter().map(|path| format!("`{path}`")).collect();
                format!("no {} of {}: {}", paths.join(", "), kind.def().nouns, names(of))
            });
            let not_there =
                named.iter().map(|((kind, name), of)| format!("no {} `{name}`, which is named by {}", kind.def().noun, names(of)));
            let lines: Vec<_> = no_kind.chain(no_field).chain(not_there).collect();
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
