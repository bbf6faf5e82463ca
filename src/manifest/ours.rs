//! Annotations of ours: which there are, on what they are read, and what may stand there.
//!
//! Comes in: an annotation or a label of a document. Goes out: what is wrong with it and what to do, for it would be passed over in silence. Pure. It
//! refuses nothing: what is wrong here is as if it were not there, but for what is said of it.

use super::problem::{a, did_you_mean, shown};
use crate::model::kind::Placement;
use crate::model::{Kind, value};

/// How annotations of ours begin.
pub(crate) const OURS: &str = "tenantry.dev/";

/// An annotation of ours.
struct Annotation {
    name: &'static str,
    /// Whether it is read on what is placed so.
    on: fn(Placement) -> bool,
    /// Where else it is to be written.
    elsewhere: &'static str,
    /// The part of a value that cannot be meant, and what becomes of it.
    wrong: fn(&str) -> Option<(&str, &'static str)>,
}

const ANNOTATIONS: [Annotation; 7] = [
    Annotation { name: "allow-from", on: has_others, elsewhere: "write it on the Organization or the Portal", wrong: no_namespace },
    Annotation { name: "approved-plan", on: has_others, elsewhere: "approve on the Organization or the Portal", wrong: no_digest },
    Annotation { name: "deletion-approved", on: is_no_portal, elsewhere: "take it out", wrong: no_uid },
    Annotation { name: "external-id", on: is_no_portal, elsewhere: "take it out", wrong: |_| None },
    Annotation { name: "paused", on: |_| true, elsewhere: "", wrong: no_switch },
    Annotation { name: "poll-interval", on: has_others, elsewhere: "write it on the Organization or the Portal", wrong: no_duration },
    Annotation { name: "reconcile-requested-at", on: |_| true, elsewhere: "", wrong: no_moment },
];

fn has_others(placement: Placement) -> bool {
    matches!(placement, Placement::Tenant | Placement::Configuration)
}

fn is_no_portal(placement: Placement) -> bool {
    placement != Placement::Configuration
}

/// What is wrong, and what to do about it.
pub(crate) type Doubt = (String, String);

/// What is wrong with an annotation of ours on a document of a kind; `None`: nothing, or it is somebody else's.
pub(crate) fn annotation(kind: Kind, key: &str, text: &str) -> Option<Doubt> {
    let name = key.strip_prefix(OURS)?;
    let named = format!("the annotation `{}`", shown(key));
    let Some(known) = ANNOTATIONS.iter().find(|known| known.name == name) else {
        return Some((format!("{named} is none that is read"), nearest(name)));
    };
    if !(known.on)(kind.def().placement) {
        return Some((format!("{named} is not read on {}", a(kind.def().noun)), known.elsewhere.to_owned()));
    }
    let (part, what) = (known.wrong)(text)?;
    let (what, help) = what.split_once(": ").unwrap_or((what, ""));
    Some((format!("{named} says `{}`, which {what}", shown(part)), help.to_owned()))
}

/// What is wrong with a label of ours: nothing reads any.
pub(crate) fn label(key: &str) -> Option<Doubt> {
    let name = key.strip_prefix(OURS)?;
    let said = format!("the label `{}` is not read", shown(key));
    let is_known = ANNOTATIONS.iter().any(|known| known.name == name);
    Some((said, if is_known { "write it as an annotation".to_owned() } else { nearest(name) }))
}

fn nearest(name: &str) -> String {
    let names = || ANNOTATIONS.iter().map(|known| known.name);
    let all = format!("those that are read are {}", names().collect::<Vec<_>>().join(", "));
    let near = did_you_mean(name, names(), &all);
    near.strip_prefix("did you mean `").map_or(all, |near| format!("did you mean the annotation `{OURS}{near}"))
}

/// The parts of a value that is a list.
pub(crate) fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// Whether a text is a digest of a plan.
pub(crate) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

fn no_digest(text: &str) -> Option<(&str, &'static str)> {
    let wrong = listed(text).find(|part| !is_digest(part));
    wrong.map(|part| (part, "is no digest and approves nothing: a digest is `sha256:` and 64 digits and letters from a to f"))
}

fn no_namespace(text: &str) -> Option<(&str, &'static str)> {
    let is_name = |part: &str| {
        let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (1..=63).contains(&part.len()) && part.bytes().all(fine) && !part.starts_with('-') && !part.ends_with('-')
    };
    let wrong = listed(text).find(|part| *part != "*" && !is_name(part));
    wrong.map(|part| (part, "is no name of a namespace and allows none: write names with commas in between, or `*` for all"))
}

fn no_uid(text: &str) -> Option<(&str, &'static str)> {
    uuid::Uuid::try_parse(text).is_err().then_some((text, "is no uid and approves nothing: write the object's own `metadata.uid`"))
}

fn no_switch(text: &str) -> Option<(&str, &'static str)> {
    let known = matches!(text, "true" | "false");
    (!known).then_some((text, "is read as `true`, so that it is left alone: write `true`, or `false`"))
}

fn no_duration(text: &str) -> Option<(&str, &'static str)> {
    value::duration(text).is_none().then_some((text, "is no duration and changes nothing: write one such as `90s`, `15m` or `1h30m`"))
}

fn no_moment(text: &str) -> Option<(&str, &'static str)> {
    (text.len() > 253).then_some((text, "is too long and asks for nothing: write the time, as in `2026-03-02T09:30:00Z`"))
}
