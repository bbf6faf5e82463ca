//! A plan in text, for a technician at a terminal. Comes in: a plan's document and a style. Goes out: lines that end in newlines.
//! Never holds a terminal escape unless colour was asked for.

use std::fmt::Write as _;

use super::diagnostics;
use super::style::{Style, Tone};
use super::view::{
    ChangeView, ConsequenceView, FieldValues, FieldView, FoldView, LineSign, Mark, ObservedView, RefusalView, SharedView, TenantView, View,
};
use crate::diagnostic::Diagnostic;
use crate::plan::document::PlanDocument;

/// Widest column of field paths that values are aligned behind.
const PATHS: usize = 28;

/// The plan in text.
pub fn plan(document: &PlanDocument, style: &Style) -> String {
    let view = View::of(document, style.verbose);
    let mut page = Page { style, out: String::new() };
    // An error stands before all else. What is merely warned of must not push the plan off the screen.
    let (before, after): (Vec<_>, Vec<_>) = document.diagnostics.iter().cloned().partition(|d| d.is_error() || style.verbose);
    if !before.is_empty() {
        page.out.push_str(&diagnostics::render(&before, style));
        page.out.push('\n');
    }
    for shared in &view.shared {
        page.shared(shared);
    }
    for tenant in &view.tenants {
        page.tenant(tenant);
    }
    if let Some(quiet) = &view.quiet {
        page.line(0, Tone::Dim, quiet);
        page.blank();
    }
    for refusal in &view.refusals {
        page.refusal(0, refusal);
    }
    if !view.refusals.is_empty() {
        page.blank();
    }
    page.warnings(&after);
    page.portals(&view.portals);
    if let Some(totals) = &view.totals {
        page.line(0, Tone::Plain, totals);
    }
    page.line(0, Tone::Heading, &view.headline);
    if let Some(to_do) = &view.to_do {
        page.line(0, Tone::Plain, &format!("To do: {to_do}"));
    }
    if !document.is_empty() {
        page.line(0, Tone::Dim, &format!("Digest: {}", view.digest));
    }
    page.out
}

struct Page<'a> {
    style: &'a Style,
    out: String,
}

impl Page<'_> {
    fn line(&mut self, indent: usize, tone: Tone, text: &str) {
        self.out.push_str(&" ".repeat(indent));
        self.out.push_str(&self.style.paint(tone, text));
        self.out.push('\n');
    }

    fn blank(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn warnings(&mut self, warnings: &[Diagnostic]) {
        if warnings.is_empty() {
            return;
        }
        self.line(0, Tone::Heading, &format!("{}, whole with -v:", diagnostics::tally(warnings)));
        for warning in warnings {
            self.line(2, Tone::Change, &diagnostics::short(warning));
        }
        self.blank();
    }

    fn portals(&mut self, portals: &[(String, String)]) {
        let width = portals.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, work) in portals {
            self.line(0, Tone::Plain, &format!("{name:width$}  {work}"));
        }
        if !portals.is_empty() {
            self.blank();
        }
    }

    fn shared(&mut self, shared: &SharedView) {
        let SharedView { change, portal, count, tenants } = shared;
        let heading = format!("in {count} tenants of portal {portal}: ");
        let names = self.style.wrap(heading.chars().count(), 2, tenants);
        self.line(0, Tone::Heading, &format!("{heading}{names}"));
        self.change(change);
        self.blank();
    }

    fn tenant(&mut self, tenant: &TenantView) {
        let counts = if tenant.counts.is_empty() { String::new() } else { format!(": {}", tenant.counts) };
        self.line(0, Tone::Heading, &format!("{} (portal {}){counts}", tenant.tenant, tenant.portal));
        for consequence in &tenant.consequences {
            self.consequence(consequence);
        }
        for refusal in &tenant.refusals {
            self.refusal(2, refusal);
        }
        let (head, body) = (tenant.consequences.len() + tenant.refusals.len(), tenant.changes.len() + tenant.folded.len());
        if head > 0 && body > 0 {
            self.blank();
        }
        for change in &tenant.changes {
            self.change(change);
        }
        for fold in &tenant.folded {
            self.fold(fold);
        }
        match tenant.shared {
            0 => {}
            1 => self.line(2, Tone::Dim, "and 1 change that is the same in other tenants, above"),
            n => self.line(2, Tone::Dim, &format!("and {n} changes that are the same in other tenants, above")),
        }
        self.aside(tenant);
        self.blank();
    }

    /// What is no change of this plan: drift, what waits, what stays, what is unmanaged.
    fn aside(&mut self, tenant: &TenantView) {
        if !tenant.drift.is_empty() {
            self.line(2, Tone::Heading, "Drift, changed in the portal since it was last applied:");
            for drift in &tenant.drift {
                self.out.push_str("  ");
                self.change(drift);
            }
        }
        for (address, words) in &tenant.waiting {
            self.line(2, Tone::Dim, &format!("{address} {words}"));
        }
        for (address, why) in &tenant.retained {
            self.line(2, Tone::Dim, &format!("{address} stays: {why}"));
        }
        for (address, why) in &tenant.left_out {
            self.line(2, Tone::Dim, &format!("{address} is left out: {why}"));
        }
        for (what, names) in &tenant.unmanaged {
            let heading = format!("unmanaged and never touched: {what}: ");
            let names = self.style.wrap(2 + heading.chars().count(), 4, names);
            self.line(2, Tone::Dim, &format!("{heading}{names}"));
        }
        for ObservedView { title, value, seen, by } in &tenant.observed {
            let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            self.line(2, Tone::Dim, &format!("{title}: {value} ({seen}{by})"));
        }
    }

    fn consequence(&mut self, consequence: &ConsequenceView) {
        let ConsequenceView { what, grave, whom, becomes } = consequence;
        let tone = if *grave { Tone::Gone } else { Tone::Plain };
        let heading = format!("{what}: ");
        let mut names = self.style.wrap(2 + heading.chars().count(), 4, whom);
        if let Some(after) = becomes {
            // Writing to a string cannot fail, here and below.
            let _ = write!(names, " -> {}", after.join(", "));
        }
        self.line(2, tone, &format!("{heading}{names}"));
    }

    fn change(&mut self, change: &ChangeView) {
        let ChangeView { mark, refused, actions, name, address: _, key, fields, effects, notes, place, refusals } = change;
        let space = if actions.is_empty() { "" } else { " " };
        let mut title = format!("{}{space}{actions} {name}", mark.symbol(*refused));
        if let Some(key) = key {
            let _ = write!(title, " ({key})");
        }
        let place = place.as_ref().map(|p| self.style.paint(Tone::Dim, &format!("  {p}"))).unwrap_or_default();
        let title = self.style.paint(tone(*mark, *refused), &title);
        let _ = writeln!(self.out, "  {title}{place}");
        self.fields(fields);
        if !effects.is_empty() {
            self.line(6, Tone::Change, &effects.join(", "));
        }
        for note in notes {
            self.line(6, Tone::Dim, note);
        }
        for refusal in refusals {
            self.refusal(6, refusal);
        }
    }

    fn fields(&mut self, fields: &[FieldView]) {
        let width = fields.iter().map(|f| f.path.chars().count() + 1).filter(|w| *w <= PATHS).max().unwrap_or(0);
        for FieldView { path, values, cause } in fields {
            let cause = cause.map(|c| self.style.paint(Tone::Dim, &format!("  ({})", cause_words(c)))).unwrap_or_default();
            let head = format!("{path}:");
            match values {
                FieldValues::Only(value) => drop(writeln!(self.out, "      {head:<width$} {value}{cause}")),
                FieldValues::Both(was, is) => {
                    let (was, is) = (self.style.paint(Tone::Gone, was), self.style.paint(Tone::Good, is));
                    let _ = writeln!(self.out, "      {head:<width$} {was} -> {is}{cause}");
                }
                FieldValues::Lines(lines) => {
                    let _ = writeln!(self.out, "      {head}{cause}");
                    for (sign, text) in lines {
                        let (symbol, tone) = line_sign(*sign);
                        self.line(8, tone, format!("{symbol} {text}").trim_end());
                    }
                }
            }
        }
    }

    fn fold(&mut self, fold: &FoldView) {
        let FoldView { mark, what, names, effects } = fold;
        let effects = if effects.is_empty() { String::new() } else { format!(" (each {})", effects.join(", ")) };
        let heading = format!("{} {what}{effects}: ", mark.symbol(false));
        let names = self.style.wrap(2 + heading.chars().count(), 6, names);
        self.line(2, tone(*mark, false), &format!("{heading}{names}"));
    }

    fn refusal(&mut self, indent: usize, refusal: &RefusalView) {
        let RefusalView { code, message, help, passed } = refusal;
        if let Some(passed) = passed {
            self.line(indent, Tone::Dim, &format!("allowed {code} ({passed}): {message}"));
            return;
        }
        self.line(indent, Tone::Alarm, &format!("refused {code}: {message}"));
        if !help.is_empty() {
            self.line(indent + 2, Tone::Plain, &format!("to do: {help}"));
        }
    }
}

/// A field's own cause in two words.
pub(super) const fn cause_words(cause: crate::plan::Cause) -> &'static str {
    use crate::plan::Cause;
    match cause {
        Cause::Manifest => "from the manifest",
        Cause::Drift => "changed in the portal",
        Cause::Both => "changed in both",
        Cause::Baseline => "from a baseline",
        Cause::Expiry => "ran out",
    }
}

pub(super) const fn line_sign(sign: LineSign) -> (char, Tone) {
    match sign {
        LineSign::Same | LineSign::Skipped => (' ', Tone::Dim),
        LineSign::Added => ('+', Tone::Good),
        LineSign::Removed => ('-', Tone::Gone),
    }
}

const fn tone(mark: Mark, refused: bool) -> Tone {
    match mark {
        _ if refused => Tone::Alarm,
        Mark::Create => Tone::Good,
        Mark::Update | Mark::Resend => Tone::Change,
        Mark::Replace | Mark::Delete => Tone::Gone,
        Mark::Adopt | Mark::Ledger => Tone::Plain,
        Mark::Nothing => Tone::Alarm,
    }
}
