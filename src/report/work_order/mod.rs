//! Work orders as technicians and programs read them. Comes in: items of one portal and one technician, as the ledger keeps them. Goes out: a
//! text for a terminal, a Markdown page, an HTML page, JSON. All are laid out from the same sentences ([`sentence`]), one step and one verb a
//! line, so that they cannot disagree and a program can follow them. Nothing here holds a secret: steps name where one is kept.

mod document;
mod html;
mod markdown;
mod sentence;
mod sort;
mod text;

pub use document::{ItemDocument, WorkOrderDocument, document, json_schema};
pub use html::html;
pub use markdown::{item as markdown_item, markdown};
pub use sort::order_items;
pub use text::{item_text, text};

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::escape::visible;
use crate::model::work_order::{EvidenceWanted, WorkItem};

/// One work order: what one portal asks of one technician.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    /// Its name.
    pub order: &'a str,
    /// The portal's name.
    pub portal: &'a str,
    /// The portal in a few words, as its profile says; `None`: no profile of it is at hand.
    pub title: Option<&'a str>,
    /// Who is to do it.
    pub assignee: Option<&'a str>,
    /// Until when.
    pub due: Option<Date>,
    /// When it was given out.
    pub given: Timestamp,
    /// Digest of the plan that gave it out.
    pub plan: &'a str,
    /// `--ticket`.
    pub ticket: Option<&'a str>,
    /// In the order in which they are done: see [`order_items`].
    pub items: Vec<&'a WorkItem>,
    /// What the command lines that it prints end with, so that they find the same ledger and manifests when they are pasted: flags, quoted for
    /// a shell.
    pub places: &'a str,
    /// For items that others come before, by their intents: the references of those. `None`: nobody looked.
    pub after: Option<&'a BTreeMap<Box<str>, Vec<Box<str>>>>,
}

impl Order<'_> {
    /// The references of the items that come before one.
    fn before(&self, item: &WorkItem) -> &[Box<str>] {
        self.after.and_then(|after| after.get(&item.intent)).map(Vec::as_slice).unwrap_or_default()
    }
}

/// What comes before an item, one or several.
const fn items_word(before: &[Box<str>]) -> &'static str {
    if before.len() == 1 { "item" } else { "items" }
}

/// The command lines with which a technician says what became of an item: done, impossible, not done. None for one that is closed.
fn commands(item: &WorkItem, places: &str) -> Vec<String> {
    let (reference, places) = (visible(&item.reference), visible(places));
    let places = if places.is_empty() { String::new() } else { format!(" {places}") };
    if !item.state.keeps_intent() {
        return Vec::new();
    }
    let evidence = item.instructions.evidence.iter().filter(|e| !e.optional).map(|e| format!(" --evidence \"{}=…\"", visible(&e.name)));
    vec![
        format!("tenantry runbook confirm {reference}{}{places}", evidence.collect::<String>()),
        format!("tenantry runbook fail {reference} --why \"…\"{places}"),
        format!("tenantry runbook skip {reference} --why \"…\"{places}"),
    ]
}

/// What stands before the command lines.
const ENDS: &str = "When it is done, or cannot be done, or is not to be done (what was read off, or why, goes in place of each …):";

/// What the remarks beside the steps mean.
const SOURCES: &str = "Beside each step stands who says so: the portal's manual, other documentation of the vendor's, or nobody \
                       (inferred: it follows from what they say; not in the manual: how it is done is left to you).";

/// In whom the item is: nobody calls the MSP's own tenant a customer.
fn of_tenant(item: &WorkItem) -> (&'static str, Option<&str>) {
    let tenant = &item.address.tenant;
    if tenant.is_msp() { ("the MSP's own", None) } else { ("customer ", Some(tenant.as_str())) }
}

/// What is said beside a piece of evidence.
fn beside(evidence: &EvidenceWanted) -> &'static str {
    match (evidence.optional, evidence.id) {
        (true, true) => " (the portal's id; may be left out)",
        (true, false) => " (may be left out)",
        (false, true) => " (the portal's id)",
        (false, false) => "",
    }
}

/// What the order is of, in the heading: what people call the portal, else its name.
fn of_portal(order: &Order<'_>) -> String {
    order.title.map_or_else(|| format!("portal {}", order.portal), str::to_owned)
}

/// A time as people read it: to the minute.
fn moment(at: &Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `due 2026-03-05`, `given out …`: what is known of the order, by name.
fn facts(order: &Order<'_>) -> Vec<(&'static str, String)> {
    let Order { order: _, portal, title: _, assignee, due, given, plan, ticket, items, places: _, after: _ } = order;
    let mut facts = vec![("Portal", (*portal).to_owned())];
    facts.extend(assignee.map(|a| ("Technician", a.to_owned())));
    facts.extend(due.map(|d| ("Due", d.to_string())));
    facts.push(("Given out", moment(given)));
    facts.extend(ticket.map(|t| ("Ticket", t.to_owned())));
    facts.push(("Plan", (*plan).to_owned()));
    facts.push(("Items", items.len().to_string()));
    facts
}
