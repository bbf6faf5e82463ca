//! A cheap look at a document's head: which kind, whose, and an organization's labels.
//!
//! Comes in: the text of one document. Goes out: its head, or `None` wherever a line is not of the plainest form, so that a full parse decides.
//! It understands block maps and lists of scalars on one line, block scalars, and flow collections and quotes that end on their line; nothing in
//! these can hide a key or look like one. It is used for tenants that are not wanted, and never for what is planned.

use super::tree::{Data, resolve_plain};
use crate::model::kind::Placement;
use crate::model::{Kind, MSP, Name};

/// The head of a document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scanned<'t> {
    pub(crate) kind: Kind,
    pub(crate) tenant: &'t str,
    /// Labels of an organization.
    pub(crate) labels: Vec<(&'t str, &'t str)>,
}

/// Scans a document.
pub(crate) fn scan(text: &str) -> Option<Scanned<'_>> {
    let mut scanner = Scanner::default();
    for line in text.lines() {
        scanner.line(line)?;
    }
    scanner.finish()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Section {
    #[default]
    None,
    Metadata,
    Spec,
    Other,
}

/// What stands after a key.
enum Scalar<'t> {
    /// Nothing: a collection may follow.
    Empty,
    /// A plain or quoted text.
    Text(&'t str),
    /// A value on this line that is no text.
    Other,
    /// A block scalar begins.
    Block,
}

#[derive(Debug, Default)]
struct Scanner<'t> {
    begun: bool,
    section: Section,
    /// Sections seen, to refuse a repeated one.
    seen: Vec<&'t str>,
    /// Indentation of the section's keys.
    child: Option<usize>,
    /// Column of the key whose block scalar is passed over.
    block: Option<usize>,
    /// Column of the last key or item, and whether its value ended on its line.
    last: Option<(usize, bool)>,
    in_labels: bool,
    label: Option<usize>,
    kind: Option<&'t str>,
    metadata_name: Option<&'t str>,
    spec_name: Option<&'t str>,
    organization: Option<&'t str>,
    labels: Vec<(&'t str, &'t str)>,
}

impl<'t> Scanner<'t> {
    fn line(&mut self, line: &'t str) -> Option<()> {
        if line.contains(['\t', '\r', '\u{feff}']) {
            return None;
        }
        let rest = line.trim_start_matches(' ');
        let indent = line.len() - rest.len();
        if let Some(column) = self.block {
            if rest.is_empty() || indent > column {
                return Some(());
            }
            self.block = None;
        }
        if rest.is_empty() || rest.starts_with('#') {
            return Some(());
        }
        if indent == 0 && rest == "---" && !self.begun {
            self.begun = true;
            return Some(());
        }
        self.begun = true;
        let (dashes, rest) = strip_dashes(rest);
        let column = indent + dashes;
        if self.last.is_some_and(|(last, ended)| ended && indent > last) {
            // The line goes on with a scalar that seemed to have ended.
            return None;
        }
        let (key, value) = match split_key(rest) {
            Some((key, value)) => (Some(key), scalar(value)?),
            None if dashes > 0 => (None, scalar(rest)?),
            None => return None,
        };
        if matches!(value, Scalar::Block) {
            self.block = Some(column);
        }
        self.last = Some((column, !matches!(value, Scalar::Empty | Scalar::Block)));
        if indent == 0 { self.top(key.filter(|_| dashes == 0)?, &value) } else { self.below(indent, dashes > 0, key, &value) }
    }

    fn top(&mut self, key: &'t str, value: &Scalar<'t>) -> Option<()> {
        if self.seen.contains(&key) {
            return None;
        }
        self.seen.push(key);
        (self.child, self.in_labels, self.label) = (None, false, None);
        self.section = match (key, value) {
            ("apiVersion", Scalar::Text(_)) => Section::None,
            ("kind", Scalar::Text(kind)) => {
                self.kind = Some(kind);
                Section::None
            }
            ("metadata", Scalar::Empty) => Section::Metadata,
            ("spec", Scalar::Empty) => Section::Spec,
            ("status", Scalar::Empty) => Section::Other,
            _ => return None,
        };
        Some(())
    }

    fn below(&mut self, indent: usize, item: bool, key: Option<&'t str>, value: &Scalar<'t>) -> Option<()> {
        if self.section == Section::None {
            return None;
        }
        let child = *self.child.get_or_insert(indent);
        if indent < child {
            return None;
        }
        if indent == child && !item {
            (self.in_labels, self.label) = (false, None);
            return self.child(key?, value);
        }
        if self.in_labels {
            let (Some(key), Scalar::Text(text), false) = (key, value, item) else { return None };
            if indent != *self.label.get_or_insert(indent) || self.labels.iter().any(|(k, _)| *k == key) {
                return None;
            }
            self.labels.push((key, text));
        }
        Some(())
    }

    fn child(&mut self, key: &'t str, value: &Scalar<'t>) -> Option<()> {
        let slot = match (self.section, key) {
            (Section::Metadata, "name") => &mut self.metadata_name,
            (Section::Spec, "name") => &mut self.spec_name,
            (Section::Spec, "organization") => &mut self.organization,
            (Section::Spec, "labels") => {
                self.in_labels = true;
                return matches!(value, Scalar::Empty).then_some(());
            }
            _ => return Some(()),
        };
        let Scalar::Text(text) = value else { return None };
        slot.replace(text).is_none().then_some(())
    }

    fn finish(self) -> Option<Scanned<'t>> {
        let kind = Kind::from_name(self.kind?)?;
        if !self.seen.contains(&"apiVersion") {
            return None;
        }
        let name = self.spec_name.or(self.metadata_name)?;
        let tenant = match kind.def().placement {
            Placement::Configuration => return None,
            Placement::MspOnly => MSP,
            // The MSP's own name is refused with its place, which lowering knows.
            Placement::Tenant if name == MSP => return None,
            Placement::Tenant => name,
            Placement::Member { .. } => self.organization?,
        };
        let labels = if kind.def().placement == Placement::Tenant { self.labels } else { Vec::new() };
        Name::new(tenant).is_ok().then_some(Scanned { kind, tenant, labels })
    }
}

/// The width of the item marks that a line begins with, and the rest.
fn strip_dashes(line: &str) -> (usize, &str) {
    let mut rest = line;
    while let Some(after) = rest.strip_prefix("- ") {
        rest = after.trim_start_matches(' ');
    }
    if rest == "-" {
        rest = "";
    }
    (line.len() - rest.len(), rest)
}

/// A plain key of letters, digits and a few marks, and what follows its colon.
fn split_key(line: &str) -> Option<(&str, &str)> {
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || "_./-".contains(c)))?;
    let (key, rest) = line.split_at_checked(end)?;
    let rest = rest.strip_prefix(':')?;
    // A key must be a text, and must not begin with what YAML gives a meaning.
    let fine = !key.is_empty() && !key.starts_with(['-', '.']) && (rest.is_empty() || rest.starts_with(' '));
    (fine && is_text(key)).then_some((key, rest.trim()))
}

fn is_text(plain: &str) -> bool {
    matches!(resolve_plain(plain.into()), Data::Text(_))
}

/// The value on a line; `None` where it might not end there.
fn scalar(value: &str) -> Option<Scalar<'_>> {
    let Some(first) = value.chars().next() else { return Some(Scalar::Empty) };
    match first {
        '#' => Some(Scalar::Empty),
        '|' | '>' => matches!(value, "|" | ">" | "|-" | ">-" | "|+" | ">+").then_some(Scalar::Block),
        '"' | '\'' => quoted(value, first),
        '[' | '{' => flow(value).then_some(Scalar::Other),
        c if c.is_alphanumeric() || matches!(c, '/' | '_' | '+' | '(' | '.') => {
            let plain = value.split(" #").next().unwrap_or_default().trim_end();
            if plain.contains(": ") || plain.ends_with(':') {
                return None;
            }
            Some(if is_text(plain) { Scalar::Text(plain) } else { Scalar::Other })
        }
        _ => None,
    }
}

fn quoted(value: &str, quote: char) -> Option<Scalar<'_>> {
    let (text, rest) = value.get(1..)?.split_once(quote)?;
    let escapes = text.contains('\\') || rest.starts_with(quote);
    let ended = rest.trim().is_empty() || rest.starts_with(" #");
    (ended && !escapes).then_some(Scalar::Text(text))
}

/// A flow collection of plain words that ends on its line.
fn flow(value: &str) -> bool {
    let mut open = Vec::new();
    let mut closed = false;
    for c in value.chars() {
        if closed {
            return false;
        }
        match c {
            '[' | '{' => open.push(c),
            ']' | '}' => {
                if open.pop() != Some(if c == ']' { '[' } else { '{' }) {
                    return false;
                }
                closed = open.is_empty();
            }
            c if c.is_alphanumeric() || " ,.:_@/+-".contains(c) => {}
            _ => return false,
        }
    }
    closed
}
