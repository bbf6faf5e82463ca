//! Places of problems between documents: the line at a mark, read again from its source only for what is shown.

use std::collections::BTreeMap;

use super::super::problem::{Findings, MOST, shown_range};
use super::Located;
use crate::diagnostic::Range;
use crate::diagnostic::codes::manifest::DUPLICATE_ADDRESS;
use crate::model::{Mark, SourceId, Sources};

/// A word at fault is looked for in so many lines from its field's mark on.
const REACH: usize = 400;

/// Gives the problems their lines and notes them.
pub(crate) fn report(found: Vec<Located>, sources: &Sources, text: &dyn Fn(SourceId) -> Option<String>, findings: &mut Findings) {
    // Errors and warnings are each limited, so that more than both together are never shown.
    let mut shown = [0_usize; 2];
    let mut by_source: BTreeMap<SourceId, Vec<Located>> = BTreeMap::new();
    for mut located in found {
        if let Some((address, source, line)) = located.other.take() {
            located.diagnostic.detail = format!("the other is {address}, {}:{line}", sources.path(source));
        }
        let Some(count) = shown.get_mut(usize::from(!located.diagnostic.is_error())) else { continue };
        *count += 1;
        if *count > MOST { findings.push(located.diagnostic) } else { by_source.entry(located.source).or_default().push(located) }
    }
    let hidden: std::collections::BTreeSet<_> = findings.hidden.iter().copied().collect();
    for (source, group) in by_source {
        let text = text(source).unwrap_or_default();
        let lines: Vec<&str> = text.strip_prefix('\u{feff}').unwrap_or(&text).lines().collect();
        for mut located in group {
            if located.diagnostic.code == DUPLICATE_ADDRESS.id {
                located.diagnostic.help = format!("rename one with `{}`, or take one out", name_at(&lines, located.mark));
            }
            let (line, column, length) = locate(&lines, located.mark, located.word.as_deref());
            let path = sources.path(source);
            let shown = lines.get(line.saturating_sub(1) as usize).filter(|_| !hidden.contains(&(source, line)));
            let range = match shown {
                Some(text) => shown_range(path, line, column, length, text),
                None => Range { file: path.to_owned(), line, column, length, line_text: None },
            };
            findings.push(located.diagnostic.at(Some(range)));
        }
    }
}

/// Line, column and length of the word behind a mark, or of the key at the mark.
fn locate(lines: &[&str], mark: Mark, word: Option<&str>) -> (u32, u32, u32) {
    let from = mark.line.saturating_sub(1) as usize;
    let skip = usize::from(mark.column.saturating_sub(1));
    let length = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    if let Some(word) = word.filter(|w| !w.is_empty()) {
        for (number, line) in lines.iter().enumerate().skip(from).take(REACH) {
            let begin = if number == from { line.char_indices().nth(skip).map_or(line.len(), |(at, _)| at) } else { 0 };
            if let Some(at) = find_word(line, begin, word) {
                let column = length(line.get(..at).unwrap_or_default()) + 1;
                return (u32::try_from(number + 1).unwrap_or(u32::MAX), column, length(word));
            }
        }
    }
    let key = lines.get(from).map(|l| l.chars().skip(skip).take_while(|c| c.is_alphanumeric()).count()).unwrap_or_default();
    (mark.line, u32::from(mark.column), u32::try_from(key).unwrap_or_default())
}

/// The path of the name of what begins at a mark: an inline resource begins with a field of its own, a document with one of a document's.
fn name_at(lines: &[&str], mark: Mark) -> &'static str {
    let line = lines.get(mark.line.saturating_sub(1) as usize).copied().unwrap_or_default();
    let begin: String = line.chars().skip(usize::from(mark.column.saturating_sub(1))).take(16).collect();
    let key = begin.trim_start_matches(['"', '\'']);
    let document = ["apiVersion", "kind", "metadata", "spec", "status"].iter().any(|k| key.starts_with(k));
    if document { "spec.name" } else { "name" }
}

fn find_word(line: &str, begin: usize, word: &str) -> Option<usize> {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    let tail = line.get(begin..)?;
    tail.match_indices(word).map(|(at, _)| at + begin).find(|at| {
        let before = line.get(..*at).and_then(|t| t.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|t| t.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}
