//! Diagnostics for people and programs. Comes in: diagnostics. Goes out: the source line with the place underlined, one line each, or JSON.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::escape::{cut, visible};
use super::style::Style;
use crate::diagnostic::{Diagnostic, Range, Severity};

/// Longest text of a diagnostic that is said in few words, in characters.
const SHORT: usize = 300;
/// Longest text of a diagnostic that is shown, in characters.
const TEXT: usize = 2000;

/// Diagnostics with their source lines, errors and warnings in the order given, then their number.
pub fn render(diagnostics: &[Diagnostic], style: &Style) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&one(diagnostic, style));
        out.push_str("\n\n");
    }
    if !diagnostics.is_empty() {
        out.push_str(&tally(diagnostics));
        out.push('\n');
    }
    out
}

/// `2 errors, 1 warning`.
pub fn tally(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|d| d.is_error()).count();
    let warnings = diagnostics.len() - errors;
    let said = [(errors, "error"), (warnings, "warning")];
    let said: Vec<_> =
        said.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}{}", if *n == 1 { "" } else { "s" })).collect();
    said.join(", ")
}

/// One diagnostic on one line: `acme.yaml:3:5: error M004: what is wrong; to do: …`.
pub fn line(diagnostic: &Diagnostic) -> String {
    let Diagnostic { code, severity, summary, detail, range, address, help } = diagnostic;
    let place = match (range, address) {
        (Some(Range { file, line, column, .. }), _) => format!("{}:{line}:{column}: ", visible(file)),
        (None, Some(address)) => format!("{}: ", visible(address)),
        (None, None) => String::new(),
    };
    let severity = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let help = if help.is_empty() { String::new() } else { format!("; to do: {}", visible(help)) };
    let detail: Vec<_> = detail.lines().map(visible).collect();
    let detail = if detail.is_empty() { String::new() } else { format!(" ({})", cut(&detail.join("; "), TEXT)) };
    format!("{place}{severity} {}: {}{detail}{help}", visible(code), cut(&visible(summary), TEXT))
}

/// One diagnostic in few words on one line: `R005 portal desk lacks …: no groups`. What to do is left to the whole text.
pub fn short(diagnostic: &Diagnostic) -> String {
    let Diagnostic { code, severity: _, summary, detail, range: _, address, help: _ } = diagnostic;
    let about = address.as_ref().map(|address| format!(" ({})", visible(address))).unwrap_or_default();
    let lines: Vec<_> = detail.lines().map(visible).collect();
    let detail = if lines.is_empty() { String::new() } else { format!(": {}", lines.join("; ")) };
    cut(&format!("{} {}{about}{detail}", visible(code), visible(summary)), SHORT).into_owned()
}

fn one(diagnostic: &Diagnostic, style: &Style) -> String {
    let Diagnostic { code, severity, summary, detail, range, address, help } = diagnostic;
    let level = match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let (code, summary) = (visible(code), shown(summary));
    let mut group = Group::with_title(level.primary_title(summary).id(code));
    let source = range.as_ref().map(|range| (range, Marked::of(range)));
    match &source {
        Some((range, Some(marked))) => {
            group = group.element(
                Snippet::source(marked.line.as_str())
                    .line_start(range.line as usize)
                    .path(visible(&range.file))
                    .annotation(AnnotationKind::Primary.span(marked.span.clone())),
            );
        }
        Some((range, None)) => {
            group = group.element(Origin::path(visible(&range.file)).line(range.line as usize).char_column(range.column as usize));
        }
        None => {}
    }
    if let Some(address) = address {
        group = group.element(Level::NOTE.message(format!("about {}", visible(address))));
    }
    if !detail.is_empty() {
        let lines: Vec<_> = detail.lines().map(visible).collect();
        group = group.element(Level::NOTE.message(cut(&lines.join("\n"), TEXT).into_owned()));
    }
    if !help.is_empty() {
        group = group.element(Level::HELP.message(shown(help)));
    }
    let renderer = if style.color { Renderer::styled() } else { Renderer::plain() };
    let text = renderer.term_width(style.width.max(40)).render(&[group]);
    if source.is_some() {
        return text;
    }
    // Without a place there is no source line, and nothing for the bar before one to stand by.
    text.lines().filter(|line| !is_bare(line)).collect::<Vec<_>>().join("\n")
}

/// True for a line that holds a bar and nothing else but colour.
fn is_bare(line: &str) -> bool {
    let mut shown = String::new();
    let mut parts = line.split('\u{1b}');
    shown.push_str(parts.next().unwrap_or_default());
    parts.for_each(|part| shown.push_str(part.split_once('m').map_or("", |(_, text)| text)));
    shown.trim() == "|"
}

/// A source line made visible, and where in it the place is, in bytes.
struct Marked {
    line: String,
    span: std::ops::Range<usize>,
}

impl Marked {
    /// The parts before, at and after the place are made visible one by one, so that the place stays right. A place beyond the line (which is
    /// cut around it where it is long) is shown as the whole line.
    fn of(range: &Range) -> Option<Self> {
        let text = range.line_text.as_deref()?;
        let length = text.chars().count();
        let start = (range.column as usize).saturating_sub(1);
        let (start, end) = match range.length as usize {
            _ if start > length => (0, length),
            0 => (start, length),
            n => (start, start.saturating_add(n).min(length)),
        };
        let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
        let part = |from: usize, to: usize| visible(text.get(byte(from)..byte(to)).unwrap_or_default());
        let (before, at, after) = (part(0, start), part(start, end), part(end, length));
        let span = before.len()..before.len() + at.len();
        Some(Self { line: format!("{before}{at}{after}"), span })
    }
}

fn shown(text: &str) -> String {
    cut(&visible(text), TEXT).into_owned()
}

/// Diagnostics as a document, as `validate -o json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiagnosticsDocument {
    /// `1.0`; minor versions add, a reader refuses another major version.
    pub format_version: String,
    /// True if there is no error.
    pub valid: bool,
    /// How many errors.
    pub error_count: usize,
    /// How many warnings.
    pub warning_count: usize,
    /// All of them.
    pub diagnostics: Vec<Diagnostic>,
}

impl DiagnosticsDocument {
    /// The document of these diagnostics.
    pub fn new(diagnostics: &[Diagnostic]) -> Self {
        let error_count = diagnostics.iter().filter(|d| d.is_error()).count();
        Self {
            format_version: crate::plan::document::FORMAT_VERSION.to_owned(),
            valid: error_count == 0,
            error_count,
            warning_count: diagnostics.len() - error_count,
            diagnostics: diagnostics.to_vec(),
        }
    }
}

/// Diagnostics as JSON, indented, with a newline at its end.
pub fn json(diagnostics: &[Diagnostic]) -> String {
    // Strings and numbers: there is nothing here that JSON cannot say.
    serde_json::to_string_pretty(&DiagnosticsDocument::new(diagnostics)).map(|json| json + "\n").unwrap_or_default()
}

/// The published schema of [`json`].
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(DiagnosticsDocument);
    schema.insert("$id".to_owned(), "https://tenantry.dev/schema/diagnostics/v1.json".into());
    schema.to_value()
}
