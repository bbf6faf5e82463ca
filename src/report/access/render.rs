//! The access report as a table and as JSON.

use serde::Serialize;

use super::{AccessEntry, AccessReport, Declared, LiveAccess};
use crate::report::escape::visible;
use crate::report::style::{Style, Tone, table};

/// One table a tenant: who, whether they may enter, by what, what portals showed, and what they are granted.
pub fn text(report: &AccessReport, style: &Style) -> String {
    let mut out = String::new();
    for (name, access) in &report.tenants {
        let ending = if access.offboarded { " (offboarded)" } else { "" };
        out.push_str(&style.paint(Tone::Heading, &format!("{name}{ending}")));
        out.push('\n');
        if !access.everybody.is_empty() {
            let everybody: Vec<_> = access.everybody.iter().map(|e| visible(e)).collect();
            out.push_str(&format!("  everybody may: {}\n", everybody.join(", ")));
        }
        if access.entries.is_empty() {
            out.push_str("  nobody is declared or was seen\n");
        }
        let rows: Vec<_> = access.entries.iter().map(row).collect();
        out.push_str(&table(&rows, 2));
        out.push('\n');
    }
    let people: std::collections::BTreeSet<_> = report.tenants.values().flat_map(|t| &t.entries).map(|e| &e.who).collect();
    let entries: usize = report.tenants.values().map(|t| t.entries.len()).sum();
    out.push_str(&format!("people: {}, ways in: {entries}, tenants: {}\n", people.len(), report.tenants.len()));
    out
}

fn row(entry: &AccessEntry) -> Vec<String> {
    let AccessEntry { who, by, way, grants, declared, live } = entry;
    let by = by.as_ref().map_or_else(|| way.clone(), ToString::to_string);
    let grants: Vec<_> = grants.iter().map(|g| visible(g)).collect();
    let live: Vec<_> = live.iter().map(|(portal, state)| format!("{portal}: {}", live_words(*state))).collect();
    vec![visible(who).into_owned(), declared_words(*declared).to_owned(), by, live.join(", "), grants.join(", ")]
}

const fn declared_words(declared: Declared) -> &'static str {
    match declared {
        Declared::Allowed => "may enter",
        Declared::Deferred => "deferred",
        Declared::Suspended => "suspended",
        Declared::Offboarded => "offboarded",
        Declared::Undeclared => "NOT DECLARED",
    }
}

const fn live_words(live: LiveAccess) -> &'static str {
    match live {
        LiveAccess::Active => "active",
        LiveAccess::Suspended => "suspended",
        LiveAccess::Invited => "invited",
        LiveAccess::InvitationExpired => "invitation expired",
        LiveAccess::Pending => "pending",
        LiveAccess::PortalsOwn => "the portal's own",
        LiveAccess::Absent => "absent",
        LiveAccess::Unknown => "not known",
    }
}

/// The report as JSON, indented, with a newline at its end.
pub fn json(report: &AccessReport) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        format_version: &'static str,
        #[serde(flatten)]
        report: &'a AccessReport,
    }
    let document = Document { format_version: crate::plan::document::FORMAT_VERSION, report };
    // Strings and maps with string keys: there is nothing here that JSON cannot say.
    serde_json::to_string_pretty(&document).map(|json| json + "\n").unwrap_or_default()
}
