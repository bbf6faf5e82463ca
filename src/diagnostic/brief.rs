//! What is wrong with one tenant's declarations, in one sentence: for a status, which has room for one.
//!
//! Comes in: diagnostics of one tenant. Goes out: the first error with its code, what it is about and its remedy, and how many more there are. Never
//! says what another tenant or another namespace has: who reads the status of one may not know of the other.

use super::codes::manifest::UNDECLARED_ORGANIZATION;
use super::{Diagnostic, Range};

/// Longest part of the sentence, in characters.
const PART: usize = 300;
/// How a diagnostic's detail begins that names a second resource.
const OTHER: &str = "the other is ";

/// The first error in one sentence, and how many more there are.
pub fn brief(diagnostics: &[Diagnostic]) -> String {
    let Some(first) = diagnostics.iter().find(|d| d.is_error()).or(diagnostics.first()) else { return String::new() };
    let mut said = first.code.clone();
    if let Some(address) = &first.address {
        said.push_str(&format!(" {}", cut(address)));
    }
    said.push_str(&format!(": {}", cut(&first.summary)));
    for more in [other(first), help(first)].into_iter().flatten() {
        said.push_str(&format!("; {more}"));
    }
    match diagnostics.iter().filter(|d| d.is_error()).count() {
        0 | 1 => said,
        errors => format!("{said} (and {} more)", errors - 1),
    }
}

/// The second resource that it takes, as far as whoever reads of the first may know of it.
fn other(diagnostic: &Diagnostic) -> Option<String> {
    let (address, place) = diagnostic.detail.strip_prefix(OTHER)?.split_once(", ")?;
    let tenant = |address: &str| address.split('/').next().map(str::to_owned);
    if diagnostic.address.as_deref().and_then(tenant) != tenant(address) {
        return None;
    }
    let folder = |path: &str| path.split_once('/').map(|(first, _)| first.to_owned());
    let here = diagnostic.range.as_ref().is_some_and(|Range { file, .. }| folder(file) == folder(place));
    Some(if here { format!("{OTHER}{}, {}", cut(address), cut(place)) } else { format!("{OTHER}{}", cut(address)) })
}

/// What to do. The organizations that there are beside one that is not declared are others'.
fn help(diagnostic: &Diagnostic) -> Option<String> {
    let help = if diagnostic.code == UNDECLARED_ORGANIZATION.id { UNDECLARED_ORGANIZATION.help } else { &diagnostic.help };
    (!help.is_empty()).then(|| cut(help))
}

fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(PART).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}
