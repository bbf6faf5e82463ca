//! Problems while a document is read: kept small, and turned into diagnostics once the whole document is known.
//!
//! Comes in: what is wrong and where in a text. Goes out: [`Diagnostic`]s with the line shown. Never shows a secret: what stands where
//! a secret belongs is masked in every line that is shown.

use super::lower::format::url_has_password;
use super::tree::Entry;
use crate::diagnostic::codes::manifest::UNKNOWN_FIELD;
pub(crate) use crate::diagnostic::near::{did_you_mean, nearest};
use crate::diagnostic::{Code, Diagnostic, Range, Severity, harmless};
use crate::model::{Address, Mark, SourceId};

/// So many errors, and so many warnings, are reported in a run; the rest is counted.
pub(crate) const MOST: usize = 200;

/// A place in a text: where it stands for people, and its bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Line, from 1.
    pub(crate) line: u32,
    /// Column, from 1, in characters.
    pub(crate) column: u32,
    /// First byte.
    pub(crate) start: u32,
    /// Behind the last byte.
    pub(crate) end: u32,
}

impl Place {
    /// The place as a resource keeps it.
    pub(crate) fn mark(self) -> Mark {
        Mark { line: self.line, column: u16::try_from(self.column).unwrap_or(u16::MAX) }
    }
}

/// One problem of a document.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) diagnostic: Diagnostic,
    pub(crate) place: Place,
}

/// The problems of one document, and what must not be shown of it.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Problem>,
    /// Errors and warnings beyond [`MOST`].
    more: [usize; 2],
    kept: [usize; 2],
    hidden: Vec<Hidden>,
    /// What was written could not all be taken: what is missing may be there.
    pub(crate) incomplete: bool,
}

/// What is not shown, and what stands for it.
#[derive(Debug, Clone, Copy)]
struct Hidden {
    place: Place,
    shown_as: &'static str,
}

/// Stands for a value of which nothing more is known than that it is not shown.
const VALUE: &str = "…";

impl Problems {
    /// Notes an error.
    pub(crate) fn error(&mut self, code: Code, place: Place, summary: impl Into<String>) -> &mut Self {
        self.push(place, Severity::Error, || Diagnostic::error(code, summary))
    }

    /// Notes a warning.
    pub(crate) fn warning(&mut self, code: Code, place: Place, summary: impl Into<String>) -> &mut Self {
        self.push(place, Severity::Warning, || Diagnostic::warning(code, summary))
    }

    fn push(&mut self, place: Place, severity: Severity, make: impl FnOnce() -> Diagnostic) -> &mut Self {
        let slot = usize::from(severity == Severity::Warning);
        if let (Some(kept), Some(more)) = (self.kept.get_mut(slot), self.more.get_mut(slot)) {
            if *kept >= MOST {
                *more += 1;
                return self;
            }
            *kept += 1;
        }
        self.found.push(Problem { diagnostic: make(), place });
        self
    }

    /// Says what to do about the problem noted last.
    pub(crate) fn help(&mut self, help: impl Into<String>) {
        if let Some(last) = self.found.last_mut() {
            last.diagnostic.help = help.into();
        }
    }

    /// How many problems are kept so far, for [`Problems::about`].
    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    /// Drops the problems: the document is another tenant's.
    pub(crate) fn forget(&mut self) {
        self.found.clear();
        (self.more, self.kept) = ([0; 2], [0; 2]);
    }

    /// Names the resource that the problems from `since` on are about.
    pub(crate) fn about(&mut self, since: usize, address: &Address) {
        for problem in self.found.iter_mut().skip(since) {
            problem.diagnostic.address = Some(address.to_string());
        }
    }

    /// What stands at this place is a secret and never shown.
    pub(crate) fn hide(&mut self, place: Place) {
        self.hidden.push(Hidden { place, shown_as: "(sensitive)" });
    }

    /// What stands at this place may be anything, a secret too, and is not shown.
    pub(crate) fn hide_value(&mut self, place: Place) {
        self.hidden.push(Hidden { place, shown_as: VALUE });
    }

    /// Notes a field that there is none of: its key is shown and its value is not.
    pub(crate) fn unknown_field(&mut self, entry: &Entry<'_>, summary: impl Into<String>) -> &mut Self {
        self.hide_value(entry.value.place);
        self.error(UNKNOWN_FIELD, entry.key_place, summary)
    }

    /// Ends a document: its problems become diagnostics of `findings`.
    pub(crate) fn finish(&mut self, text: &str, path: &str, findings: &mut Findings, source: SourceId) {
        for Problem { mut diagnostic, place } in self.found.drain(..) {
            diagnostic.range = Some(range(text, path, place, &self.hidden, diagnostic.code == UNKNOWN_FIELD.id));
            findings.push(diagnostic);
        }
        findings.add_more(self.more);
        findings.hidden.extend(self.hidden.drain(..).map(|h| (source, h.place.line)));
        (self.more, self.kept) = ([0; 2], [0; 2]);
    }
}

/// The diagnostics of a run, or a part of one, within [`MOST`].
#[derive(Debug, Default)]
pub(crate) struct Findings {
    kept: [Vec<Diagnostic>; 2],
    more: [usize; 2],
    /// Lines that hold what must not be shown.
    pub(crate) hidden: Vec<(SourceId, u32)>,
}

impl Findings {
    /// Notes a diagnostic.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        let slot = usize::from(!diagnostic.is_error());
        if let (Some(kept), Some(more)) = (self.kept.get_mut(slot), self.more.get_mut(slot)) {
            if kept.len() < MOST { kept.push(diagnostic) } else { *more += 1 }
        }
    }

    fn add_more(&mut self, more: [usize; 2]) {
        for (ours, theirs) in self.more.iter_mut().zip(more) {
            *ours += theirs;
        }
    }

    /// Takes in the findings of a part that comes later in the run's order.
    pub(crate) fn absorb(&mut self, other: Self) {
        other.kept.into_iter().flatten().for_each(|d| self.push(d));
        self.add_more(other.more);
        self.hidden.extend(other.hidden);
    }

    /// All of them, sorted by place; the last one counts what is not shown.
    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        let [errors, warnings] = self.more;
        let mut all: Vec<_> = self.kept.into_iter().flatten().collect();
        all.sort_by(|a, b| place_of(a).cmp(&place_of(b)).then_with(|| a.cmp(b)));
        all.dedup();
        if errors + warnings > 0 {
            use crate::diagnostic::codes::manifest::MORE_PROBLEMS;
            let text = format!("and {} more problems, of which {errors} are errors", errors + warnings);
            all.push(if errors > 0 { Diagnostic::error(MORE_PROBLEMS, text) } else { Diagnostic::warning(MORE_PROBLEMS, text) });
        }
        all
    }
}

fn place_of(diagnostic: &Diagnostic) -> Option<(&str, u32, u32)> {
    diagnostic.range.as_ref().map(|r| (r.file.as_str(), r.line, r.column))
}

/// The range of a place, with its line shown and secrets masked. `is_key`: what stands at the place is a key, which is shown always.
fn range(text: &str, path: &str, place: Place, hidden: &[Hidden], is_key: bool) -> Range {
    let (start, end) = (place.start as usize, place.end as usize);
    let line_start = line_start(text, start);
    let line_end = text.get(start..).and_then(|rest| rest.find(['\n', '\r'])).map_or(text.len(), |at| start + at);
    let length = text.get(start..end.min(line_end).max(start)).map_or(0, |t| t.chars().count());
    let mut line = text.get(line_start..line_end).unwrap_or_default().to_owned();
    let hidden = hidden.iter().filter(|h| (h.place.start as usize) < line_end && (h.place.end as usize) > line_start);
    // From the first secret of a line on, nothing of the line is shown but the key in question.
    if let Some((cut, shown_as)) = hidden.map(|h| ((h.place.start as usize).saturating_sub(line_start), h.shown_as)).min() {
        line.truncate(cut.min(line.len()));
        if is_key && start > line_start + cut {
            let blank = (place.column as usize).saturating_sub(line.chars().count() + 2);
            line.push_str(VALUE);
            line.extend(std::iter::repeat_n(' ', blank));
            line.push_str(text.get(start..end.min(line_end)).unwrap_or_default());
            line.push_str(": ");
            line.push_str(VALUE);
        } else {
            line.push_str(shown_as);
        }
    }
    shown_range(path, place.line, place.column, u32::try_from(length).unwrap_or(u32::MAX), &line)
}

/// A range whose line is given; what looks like a secret in it is masked.
pub(crate) fn shown_range(path: &str, line: u32, column: u32, length: u32, text: &str) -> Range {
    let text = mask_lookalikes(text);
    Range { file: path.to_owned(), line, column, length, line_text: Some(Range::cut(&text, column)) }
}

/// Where the line of a byte begins.
pub(crate) fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind(['\n', '\r'])).map_or(0, |end| end + 1)
}

/// Keys that sound like a secret.
const WORDS: [&str; 9] = ["password", "passwd", "secret", "token", "apikey", "api_key", "api-key", "private", "credential"];

/// True where a line that cannot be parsed stands below a key that sounds like a secret, by its indentation.
pub(crate) fn stands_under_secret(text: &str, at: usize) -> bool {
    /// So many lines above are looked at; real maps of secrets have a handful.
    const REACH: usize = 200;
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '-']).len();
    let begin = line_start(text, at);
    let mut least = text.get(begin..).map_or(0, indent);
    for line in text.get(..begin).unwrap_or_default().lines().rev().take(REACH).filter(|l| !l.trim().is_empty()) {
        if indent(line) < least {
            least = indent(line);
            let lower = line.to_ascii_lowercase();
            if WORDS.iter().any(|word| lower.contains(word)) {
                return true;
            }
        }
    }
    false
}

/// Hides what follows a key that sounds like a secret, unless it is a reference, and addresses with a password. Where a document cannot be read, or a field is unknown,
/// nothing else tells a secret from other text.
fn mask_lookalikes(line: &str) -> std::borrow::Cow<'_, str> {
    if let Some(at) = line.find("://").filter(|_| url_has_password(line)) {
        return format!("{}(sensitive)", line.get(..at).unwrap_or_default()).into();
    }
    let lower = line.to_ascii_lowercase();
    let Some(word) = WORDS.iter().filter_map(|w| lower.find(w)).min() else { return line.into() };
    let Some(colon) = line.get(word..).and_then(|rest| rest.find(':')).map(|at| word + at + 1) else { return line.into() };
    let value = line.get(colon..).unwrap_or_default().trim();
    let reference = ["env:", "file:", "secretKeyRef:"].iter().any(|form| value.contains(form)) && value.starts_with('{');
    if value.is_empty() || reference {
        return line.into();
    }
    format!("{} (sensitive)", line.get(..colon).unwrap_or_default()).into()
}

/// A text from a manifest as it may stand in a sentence: cut, and without control characters.
pub(crate) fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(80).map(harmless).collect();
    if out.len() < text.len() && text.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}

/// A noun with its article.
pub(crate) fn a(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o']);
    format!("{} {noun}", if vowel { "an" } else { "a" })
}

/// A path as it may be shown and joined.
pub(crate) fn shown_path(path: &str) -> String {
    path.chars().map(|c| if c.is_control() { harmless(c) } else { c }).collect()
}
