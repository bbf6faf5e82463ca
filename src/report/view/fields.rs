//! Fields before and after as a person reads them. Comes in: the nested JSON of a change, secrets masked. Goes out: one row a field that
//! differs, in the order of the kind's table; texts of several lines as a line diff.

use serde_json::{Map, Value as Json};
use similar::{ChangeTag, TextDiff};

use crate::model::KindDef;
use crate::plan::Cause;
use crate::plan::document::{ChangeBody, SENSITIVE, lookup};
use crate::report::escape::{cut, visible};

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldView {
    /// Its dotted path; a key of a map is one more part.
    pub path: String,
    /// Its values.
    pub values: FieldValues,
    /// Its cause, where that is another than the change's.
    pub cause: Option<Cause>,
}

/// The values of a field that differs, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValues {
    /// Only one side is of interest: what is made, what is live after drift, a secret.
    Only(String),
    /// Both sides.
    Both(String, String),
    /// A line diff.
    Lines(Vec<(LineSign, String)>),
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineSign {
    /// It stays.
    Same,
    /// It is added.
    Added,
    /// It is taken away.
    Removed,
    /// Lines that stay are left out here.
    Skipped,
}

/// Longest value on one line, in characters; a longer one is cut when it is alone and compared by lines when it is one of two.
const INLINE: usize = 200;
/// Longest list or text of one line that is shown before and after rather than as a diff.
const SIDE_BY_SIDE: usize = 60;
/// Largest text that is compared by lines, in bytes: a comparison may take time with the square of the size.
const DIFFABLE: usize = 64 * 1024;
/// Most lines of one diff.
const LINES: usize = 40;

/// What is known of the two sides.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sides {
    /// Only the new one: a creation, or live after drift.
    After,
    /// Only the old one: a deletion.
    Before,
    /// Both.
    Both,
}

pub(super) fn rows(def: &KindDef, body: &ChangeBody, sides: Sides, whole: bool) -> Vec<FieldView> {
    let empty = Map::new();
    let before = body.before.as_ref().unwrap_or(&empty);
    let after = body.after.as_ref().unwrap_or(&empty);
    let mut rows = Vec::new();
    for (_, field) in def.fields() {
        let (was, is) = (lookup(before, field.path), lookup(after, field.path));
        if was.is_none() && is.is_none() {
            continue;
        }
        let sensitive = [&body.before_sensitive, &body.after_sensitive].iter().any(|marks| lookup(marks, field.path).is_some());
        let cause = body.field_causes.get(field.path).copied();
        let kept = lookup(&body.sensitive_references, field.path).unwrap_or(&Json::Null);
        let row = Row { sides, sensitive, kept, cause, whole };
        row.push(&mut rows, field.path.to_owned(), was.unwrap_or(&Json::Null), is.unwrap_or(&Json::Null));
    }
    rows
}

#[derive(Clone, Copy)]
struct Row<'a> {
    sides: Sides,
    sensitive: bool,
    /// Where the secrets of the new side are kept, nested as it is.
    kept: &'a Json,
    cause: Option<Cause>,
    whole: bool,
}

impl Row<'_> {
    fn push(&self, rows: &mut Vec<FieldView>, path: String, was: &Json, is: &Json) {
        if let (Json::Object(_) | Json::Null, Json::Object(_) | Json::Null) = (was, is)
            && (was.is_object() || is.is_object())
        {
            let empty = Map::new();
            let (was_map, is_map) = (was.as_object().unwrap_or(&empty), is.as_object().unwrap_or(&empty));
            let mut keys: Vec<_> = was_map.keys().chain(is_map.keys()).collect();
            keys.sort();
            keys.dedup();
            if !keys.is_empty() {
                for key in keys {
                    let (was, is) = (was_map.get(key).unwrap_or(&Json::Null), is_map.get(key).unwrap_or(&Json::Null));
                    if was != is || self.sides != Sides::Both || self.sensitive {
                        let kept = self.kept.get(key.as_str()).unwrap_or(&Json::Null);
                        Row { kept, ..*self }.push(rows, format!("{path}.{}", cut(&visible(key), INLINE)), was, is);
                    }
                }
                return;
            }
        }
        rows.push(FieldView { path, values: self.values(was, is), cause: self.cause });
    }

    fn values(&self, was: &Json, is: &Json) -> FieldValues {
        if self.sensitive {
            return FieldValues::Only(match self.kept {
                _ if is.is_null() && self.sides == Sides::Both => "(taken away)".to_owned(),
                Json::Null => SENSITIVE.to_owned(),
                // The reference is a text of others; the mark around it is ours.
                kept => format!(
                    "(sensitive, from {})",
                    kept.as_str().map_or_else(|| plain(kept), |text| cut(&visible(text), INLINE).into_owned())
                ),
            });
        }
        let (was_lines, is_lines) = (lines(was), lines(is));
        let multi = |l: &Option<String>| l.as_ref().is_some_and(|l| l.lines().count() > 1);
        match self.sides {
            Sides::After if multi(&is_lines) => self.diff("", &is_lines.unwrap_or_default()),
            Sides::Before if multi(&was_lines) => self.diff(&was_lines.unwrap_or_default(), ""),
            Sides::After => FieldValues::Only(plain(is)),
            Sides::Before => FieldValues::Only(plain(was)),
            Sides::Both => {
                let long = |json: &Json| (json.is_array() || json.is_string()) && json.to_string().chars().count() > SIDE_BY_SIDE;
                if multi(&was_lines) || multi(&is_lines) || (long(was) && long(is)) {
                    self.diff(&was_lines.unwrap_or_else(|| listed(was)), &is_lines.unwrap_or_else(|| listed(is)))
                } else {
                    FieldValues::Both(plain(was), plain(is))
                }
            }
        }
    }

    fn diff(&self, was: &str, is: &str) -> FieldValues {
        if was.len().max(is.len()) > DIFFABLE {
            return FieldValues::Both(cut(&visible(was), INLINE).into_owned(), cut(&visible(is), INLINE).into_owned());
        }
        let diff = TextDiff::from_lines(was, is);
        let mut out = Vec::new();
        for (at, group) in diff.grouped_ops(if self.whole { usize::MAX / 4 } else { 2 }).iter().enumerate() {
            if at > 0 {
                out.push((LineSign::Skipped, "…".to_owned()));
            }
            for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
                let sign = match change.tag() {
                    ChangeTag::Equal => LineSign::Same,
                    ChangeTag::Insert => LineSign::Added,
                    ChangeTag::Delete => LineSign::Removed,
                };
                out.push((sign, cut(&visible(change.value().trim_end_matches(['\n', '\r'])), INLINE * 2).into_owned()));
            }
        }
        if !self.whole && out.len() > LINES {
            let more = out.len() - LINES;
            out.truncate(LINES);
            out.push((LineSign::Skipped, format!("… and {more} more lines")));
        }
        if out.is_empty() {
            // The sides differ in the ends of their lines alone.
            return FieldValues::Both(plain(&Json::from(was)), plain(&Json::from(is)));
        }
        FieldValues::Lines(out)
    }
}

/// A text of several lines, ended by a newline; `None` for everything else.
fn lines(json: &Json) -> Option<String> {
    let text = json.as_str()?;
    text.contains('\n').then(|| if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") })
}

/// One item a line, for a diff; a scalar is one line, nothing is no line.
fn listed(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::Array(items) => items.iter().map(|i| plain(i) + "\n").collect(),
        Json::String(text) => format!("{text}\n"),
        other => plain(other) + "\n",
    }
}

/// A value on one line, as a person would write it; quoted only where it would read as something else.
pub fn plain(json: &Json) -> String {
    let text = match json {
        Json::Null => "(not set)".to_owned(),
        Json::Bool(b) => b.to_string(),
        Json::Number(n) => n.to_string(),
        Json::String(text) if text == SENSITIVE => text.clone(),
        Json::String(text) => quoted(text),
        Json::Array(items) => format!("[{}]", some_of(items).join(", ")),
        Json::Object(map) => {
            format!("{{{}}}", map.iter().map(|(k, v)| format!("{}: {}", visible(k), plain(v))).collect::<Vec<_>>().join(", "))
        }
    };
    cut(&text, INLINE).into_owned()
}

/// As many items as fit on a line, and how many more there are.
fn some_of(items: &[Json]) -> Vec<String> {
    let mut said = Vec::new();
    let mut length = 0;
    for (at, item) in items.iter().enumerate() {
        let text = plain(item);
        length += text.chars().count() + 2;
        if length > INLINE - 20 && at > 0 {
            said.push(format!("and {} more", items.len() - at));
            break;
        }
        said.push(text);
    }
    said
}

fn quoted(text: &str) -> String {
    let odd = text.is_empty()
        || text.trim() != text
        || text.contains(" -> ")
        || text.starts_with(['"', '[', '{', '('])
        || matches!(text, "true" | "false" | "null")
        || text.parse::<f64>().is_ok();
    if odd { format!("\"{}\"", visible(text)) } else { visible(text).into_owned() }
}
