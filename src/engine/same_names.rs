//! Customers with one name. Where a customer is found by the name that people see, a technician or a look-up may take the one for the other.
//!
//! Comes in: what is declared, and what portals can do. Goes out: a warning for each such name. Refuses nothing: the addresses tell them apart, and
//! so do portals that go by something else. Pure.

use std::collections::BTreeMap;

use super::offline;
use crate::diagnostic::{Diagnostic, codes};
use crate::model::kind::Placement;
use crate::model::{Capabilities, Desired, FieldSupport, IntentAction, Name, Performer, PortalSpec, Resource, TenantName, Value};

/// A customer, and its name as people see it.
type Named<'a> = (&'a Resource, &'a str);

/// How a portal finds a customer.
#[derive(Clone, Copy)]
enum Finds {
    /// A person reads the name on a screen.
    ByReading,
    /// A program makes a name of what people see.
    BySlug,
}

impl Finds {
    /// What two names have in common that are taken for one another.
    fn folded(self, name: &str) -> String {
        match self {
            Self::ByReading => name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase(),
            Self::BySlug => Name::slugify(name).to_string(),
        }
    }
}

/// Warns of each name that several customers have, one of them selected at least, with the portals in which it matters.
pub fn of(desired: &Desired, portals: &[(&PortalSpec, &Capabilities)], selected: &dyn Fn(&TenantName) -> bool) -> Vec<Diagnostic> {
    let mut found: BTreeMap<Vec<&TenantName>, (Vec<Named<'_>>, Vec<&str>)> = BTreeMap::new();
    for (spec, finds) in portals.iter().filter_map(|(spec, capabilities)| Some((spec, finds(capabilities)?))) {
        let mut by_name: BTreeMap<String, Vec<Named<'_>>> = BTreeMap::new();
        let customers = desired.tenants.iter().filter(|(name, _)| !name.is_msp() && spec.serves(name));
        for (organization, name) in customers.filter_map(|(_, tenant)| tenant.organization()).filter_map(named) {
            by_name.entry(finds.folded(name)).or_default().push((organization, name));
        }
        for alike in by_name.into_values().filter(|alike| alike.len() > 1 && alike.iter().any(|(o, _)| selected(&o.address.tenant))) {
            let tenants = alike.iter().map(|(o, _)| &o.address.tenant).collect();
            found.entry(tenants).or_insert_with(|| (alike, Vec::new())).1.push(spec.name.as_str());
        }
    }
    found.into_values().filter_map(|(alike, portals)| warning(desired, &alike, &portals)).collect()
}

/// How a portal finds a customer, where it goes by the name that people see.
fn finds(capabilities: &Capabilities) -> Option<Finds> {
    let actions = [IntentAction::Create, IntentAction::Update, IntentAction::Delete, IntentAction::Resend];
    let titled = capabilities.kinds.iter().any(|(kind, can)| kind.def().placement == Placement::Tenant && can.titled);
    let by_hand = capabilities.kinds.values().any(|can| {
        let field = can.fields.values().any(|support| *support == FieldSupport::Technician);
        field || can.by_name || actions.iter().any(|action| can.performer(*action) == Performer::Technician)
    });
    if titled { Some(Finds::BySlug) } else { by_hand.then_some(Finds::ByReading) }
}

fn named(organization: &Resource) -> Option<Named<'_>> {
    let (id, _) = organization.def().field_named("displayName")?;
    Some((organization, organization.fields.get(id).and_then(Value::as_text)?))
}

fn warning(desired: &Desired, alike: &[Named<'_>], portals: &[&str]) -> Option<Diagnostic> {
    let (last, name) = alike.last()?;
    let tenants: Vec<_> = alike.iter().map(|(o, _)| o.address.tenant.to_string()).collect();
    let (noun, them) = if portals.len() == 1 { ("portal", "it finds") } else { ("portals", "they find") };
    let summary = format!("{noun} {}: customers {} have one name there, `{name}`", portals.join(", "), tenants.join(" and "));
    let names: Vec<_> = alike.iter().map(|(o, name)| format!("{} is `{name}`", o.address)).collect();
    let detail = format!("{them} a customer by that name, and one may be taken for the other: {}", names.join(", "));
    let mark = last.def().field_named("displayName").map_or(last.mark, |(id, _)| last.mark_of(id));
    let place = offline::place_of(desired, last, mark);
    Some(Diagnostic::warning(codes::run::SAME_NAME, summary).detail(detail).about(&last.address).at(Some(place)))
}
