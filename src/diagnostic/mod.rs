//! A diagnostic: what is wrong, where, and what to do about it.
//!
//! Comes in: nothing. Goes out: plain values that `report` renders and `cli` prints. Never does I/O.
//! Every problem that a person can cause is one of these, with a stable code that `docs/diagnostics.md` explains.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a diagnostic stops the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The run cannot go on with this input.
    Error,
    /// The run goes on; a person should look.
    Warning,
}

/// A place in a file. Lines and columns count from 1; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Range {
    /// Path as the person gave it, `-` for standard input.
    pub file: String,
    /// First line, from 1.
    pub line: u32,
    /// First column, from 1, in characters.
    pub column: u32,
    /// How many characters to underline; 0 means the rest of the line.
    pub length: u32,
    /// The line itself, so that a reader needs no file; cut to 200 characters around the place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_text: Option<String>,
}

impl Range {
    /// A line longer than this is cut on its left when the place stands beyond it.
    const REACH: u32 = 140;
    /// So many characters before the place stay when a line is cut on its left.
    const LEAD: u32 = 60;
    /// Longest line text, in characters.
    const TEXT: usize = 200;

    /// The part of a line that is shown around a column; what is cut off is marked with `…`. Control characters, which could
    /// play tricks on a terminal, are replaced.
    pub fn cut(line: &str, column: u32) -> String {
        let skip = if column > Self::REACH { column - 1 - Self::LEAD } else { 0 };
        let mut rest = line.chars().skip(skip as usize);
        let mut text = String::from(if skip > 0 { "…" } else { "" });
        let room = Self::TEXT - 1 - usize::from(skip > 0);
        text.extend(rest.by_ref().take(room).map(harmless));
        if rest.next().is_some() {
            text.push('…');
        }
        text
    }

    /// Where the place stands within [`Range::line_text`], from 1: its column unless the line was cut on its left.
    pub fn text_column(&self) -> u32 {
        let cut = self.column > Self::REACH && self.line_text.as_ref().is_some_and(|t| t.starts_with('…'));
        if cut { Self::LEAD + 2 } else { self.column }
    }
}

/// A character as it may be shown: no control character and none that turns the direction of a line.
pub fn harmless(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c => c,
    }
}

/// One problem, with its place and its remedy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Diagnostic {
    /// Stable code, such as `M004`; explained in `docs/diagnostics.md`.
    pub code: String,
    /// Error or warning.
    pub severity: Severity,
    /// One line: what is wrong.
    pub summary: String,
    /// More, where one line is not enough; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Where, if a file is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// Which resource, if one is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What to do about it; may be empty only where nothing can be done.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub help: String,
}

impl Diagnostic {
    /// An error with a code from [`codes`] and a one-line summary.
    pub fn error(code: Code, summary: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, summary.into())
    }

    /// A warning with a code from [`codes`] and a one-line summary.
    pub fn warning(code: Code, summary: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, summary.into())
    }

    fn new(severity: Severity, code: Code, summary: String) -> Self {
        Self { code: code.id.to_owned(), severity, summary, detail: String::new(), range: None, address: None, help: code.help.to_owned() }
    }

    /// Adds a longer explanation.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Says what to do; replaces the code's general remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Points at a place.
    #[must_use]
    pub fn at(mut self, range: Option<Range>) -> Self {
        self.range = range;
        self
    }

    /// Names the resource at fault.
    #[must_use]
    pub fn about(mut self, address: impl ToString) -> Self {
        self.address = Some(address.to_string());
        self
    }

    /// True for errors.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// A stable diagnostic code with what `docs/diagnostics.md` says of it.
#[derive(Debug, Clone, Copy)]
pub struct Code {
    /// `M…` manifests, `P…` portals and profiles, `L…` ledger, `R…` planning a run, `A…` apply.
    pub id: &'static str,
    /// What it means, one line.
    pub title: &'static str,
    /// The general remedy.
    pub help: &'static str,
}

mod brief;
pub mod codes;
pub(crate) mod near;

pub use brief::brief;

/// `docs/diagnostics.md`, from the tables.
pub fn docs() -> String {
    let areas = [
        ("Manifests", codes::manifest::ALL),
        ("Portals and profiles", codes::portal::ALL),
        ("The ledger", codes::ledger::ALL),
        ("Planning and applying", codes::run::ALL),
    ];
    let mut page = "# Diagnostics\n\nEvery code that a message can carry. Generated from `src/diagnostic/codes/`; what guards refuse is in [guards.md](guards.md).\n".to_owned();
    for (area, codes) in areas {
        page.push_str(&format!("\n## {area}\n\n| code | what it means | what to do |\n|---|---|---|\n"));
        for Code { id, title, help } in codes {
            page.push_str(&format!("| {id} | {title} | {help} |\n"));
        }
    }
    page
}
