//! `metadata` is Kubernetes' own. Checked is what people write in it, as an API server checks it, so that a manifest that is good in a file is good in a
//! cluster: the name, labels and annotations. Those of ours that nothing would read are warned of.

use super::super::ours::{self, Doubt};
use super::super::problem::{did_you_mean, shown};
use super::super::tree::{Data, Entry, Node};
use super::Cx;
use crate::diagnostic::codes::manifest as codes;
use crate::model::Kind;

/// Kubernetes' keys of `metadata`.
pub(crate) const METADATA: [&str; 15] = [
    "name",
    "annotations",
    "labels",
    "namespace",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Checks the `metadata` of a document. `named`: `spec` names the resource, so that the name here is Kubernetes' alone.
pub(super) fn check(cx: &mut Cx<'_, '_>, metadata: &Entry<'_>, kind: Kind, named: bool) {
    let Some(entries) = metadata.value.as_map() else {
        cx.problems.error(codes::WRONG_TYPE, metadata.place(), format!("`metadata` must be a map, not {}", metadata.value.describe()));
        return;
    };
    for entry in entries {
        match &*entry.key {
            "name" if named => name(cx, entry),
            "labels" => {
                texts(cx, entry, is_key, is_label);
                doubted(cx, entry, |key, _| ours::label(key));
            }
            // Keys of annotations may have capital letters in their domains; what values may be is nobody's business.
            "annotations" => {
                texts(cx, entry, |key| is_key(&key.to_ascii_lowercase()), |_| true);
                doubted(cx, entry, |key, text| ours::annotation(kind, key, text));
            }
            key if METADATA.contains(&key) => {}
            key => {
                let help = did_you_mean(key, METADATA.into_iter(), "fields of the resource go under spec");
                cx.problems.unknown_field(entry, format!("`metadata` has no field `{}`", shown(key))).help(help);
            }
        }
    }
}

/// A name of an object: labels of a DNS name, each after a dot.
fn name(cx: &mut Cx<'_, '_>, entry: &Entry<'_>) {
    if entry.value.as_text().is_none_or(|text| !is_subdomain(text)) {
        let summary = "`metadata.name` is not a name of an object in Kubernetes";
        cx.problems
            .error(codes::BAD_NAME, entry.place(), summary)
            .help("write 1 to 253 lowercase letters, digits, hyphens and dots, each part beginning and ending with a letter or digit");
    }
}

fn texts(cx: &mut Cx<'_, '_>, entry: &Entry<'_>, is_key: fn(&str) -> bool, fits: fn(&str) -> bool) {
    let path = format!("metadata.{}", entry.key);
    let entries = match &entry.value.data {
        Data::Map(entries) => entries,
        Data::Null => return,
        _ => {
            cx.problems.error(codes::WRONG_TYPE, entry.place(), format!("`{path}` must be a map, not {}", entry.value.describe()));
            return;
        }
    };
    for inner in entries {
        if !is_key(&inner.key) {
            let summary = format!("`{path}`: `{}` is not a key", shown(&inner.key));
            let help = "write at most 63 letters, digits and `-_.`, and in front of them, if need be, a domain and a slash";
            cx.problems.error(codes::BAD_VALUE, inner.key_place, summary).help(help);
        }
        let path = format!("{path}.{}", shown(&inner.key));
        match text_of(&inner.value) {
            None => {
                let summary = format!("`{path}` must be a text, not {}", inner.value.describe());
                cx.problems.error(codes::WRONG_TYPE, inner.place(), summary).help("put it in quotes, so that YAML reads it as a text");
            }
            Some(text) if !fits(text) => {
                let help = "write at most 63 letters, digits and `-_.`, beginning and ending with a letter or digit";
                cx.problems.error(codes::BAD_VALUE, inner.place(), format!("`{path}` is not a value of a label")).help(help);
            }
            Some(_) => {}
        }
    }
}

/// Warns of what is ours and would be passed over.
fn doubted(cx: &mut Cx<'_, '_>, entry: &Entry<'_>, doubt: impl Fn(&str, &str) -> Option<Doubt>) {
    for inner in entry.value.as_map().into_iter().flatten() {
        if let Some((what, help)) = text_of(&inner.value).and_then(|text| doubt(&inner.key, text)) {
            cx.problems.warning(codes::UNREAD_ANNOTATION, inner.key_place, what).help(help);
        }
    }
}

/// Nothing is the empty text here.
fn text_of<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    if matches!(node.data, Data::Null) { Some("") } else { node.as_text() }
}

/// One or more labels of a DNS name.
fn is_subdomain(text: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let label = |l: &str| l.bytes().all(inner) && edge(l.as_bytes().first()) && edge(l.as_bytes().last());
    text.len() <= 253 && text.split('.').all(label)
}

fn is_word(text: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    text.len() <= 63 && text.bytes().all(inner) && edge(text.as_bytes().first()) && edge(text.as_bytes().last())
}

fn is_label(text: &str) -> bool {
    text.is_empty() || is_word(text)
}

fn is_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((domain, word)) => is_subdomain(domain) && is_word(word),
        None => is_word(text),
    }
}
