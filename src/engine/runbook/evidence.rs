//! What a technician brought back, held against what an item asks for. Pure: comes in the item and what was said, goes out the evidence in one
//! form, or everything that is wrong with it.

use std::collections::BTreeMap;

use super::{Refusal, Why};
use crate::model::work_order::{Act, EvidenceWanted, Instructions, WorkItem};

/// What was brought back, by name.
pub type Evidence = BTreeMap<String, String>;

/// The evidence, trimmed and without what is empty.
///
/// # Errors
/// When something required is missing, something was not asked for, or a value is not the one that this customer has.
pub fn check(item: &WorkItem, given: &Evidence) -> Result<Evidence, Refusal> {
    taken(item, given, false).map(|(evidence, _)| evidence)
}

/// The same, with what is to be remarked about it. `anyway`: whoever brings it back says that it is right, though another value was expected.
///
/// # Errors
/// As [`check`].
pub(super) fn taken(item: &WorkItem, given: &Evidence, anyway: bool) -> Result<(Evidence, Vec<String>), Refusal> {
    let wanted = &item.instructions.evidence;
    let given: Evidence =
        given.iter().map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).filter(|(_, v)| !v.is_empty()).collect();
    let mut wrong: Vec<_> = wanted.iter().filter_map(|w| mismatch(w, given.get(&w.name)?)).collect();
    if !wrong.is_empty() && !anyway {
        let of_customer = wanted.iter().any(|w| given.get(&w.name).is_some_and(|v| w.customer && mismatch(w, v).is_some()));
        let (reference, address) = (&item.reference, &item.address);
        wrong.push(if of_customer {
            format!(
                "another customer may have been picked for {reference} ({address}): if so, undo there what you did, do it where it belongs, and \
                 confirm with what that shows; after a slip of the pen confirm again"
            )
        } else {
            format!(
                "what you brought back for {reference} ({address}) differs from what was asked: put it right in the portal if it is so there, and \
                 confirm again"
            )
        });
        wrong.push(
            "if it is the right one and the portal only displays it so, confirm with --anyway: what you brought back is recorded"
                .to_owned(),
        );
        return Err(Refusal { why: Why::Mismatch, lines: wrong });
    }
    let missing = wanted.iter().filter(|w| !w.optional && !given.contains_key(&w.name));
    let mut lines: Vec<_> = missing.map(|w| format!("{} asks for {}: {}", item.reference, w.name, w.ask)).collect();
    let strange = given.keys().filter(|name| !wanted.iter().any(|w| w.name == **name));
    lines.extend(strange.map(|name| format!("{} does not ask for {name}; {}", item.reference, asks_for(wanted))));
    let remarks = wrong.into_iter().map(|w| format!("confirmed all the same: {w}")).collect();
    if lines.is_empty() { Ok((given, remarks)) } else { Err(Refusal { why: Why::Incomplete, lines }) }
}

/// The reason that goes with an answer.
pub(super) fn reason(why: &str) -> Result<String, Refusal> {
    match why.trim() {
        "" => Err(Refusal::new(Why::Incomplete, "a reason is needed: it is what the next person reads")),
        why => Ok(why.to_owned()),
    }
}

/// What instructions have a technician enter, one `label: value` each; secrets by reference.
pub(super) fn entered(instructions: &Instructions) -> Vec<String> {
    let steps = instructions.screens.iter().flat_map(|s| &s.steps);
    let line = |act: &Act| match act {
        Act::Fill { label, value } | Act::Choose { label, value } => Some(format!("{label}: {value}")),
        Act::Tick { label, on } => Some(format!("{label}: {}", if *on { "set" } else { "not set" })),
        Act::Secret { label, reference } => Some(format!("{label}: {reference}")),
        Act::Row { shows, .. } => Some(format!("row: {shows}")),
        Act::Reach { text } => Some(text.clone()),
        Act::Press { .. } | Act::Visit { .. } | Act::Look { .. } => None,
    };
    steps.filter_map(|step| line(&step.act)).collect()
}

/// Another value than what was asked for.
fn mismatch(wanted: &EvidenceWanted, value: &str) -> Option<String> {
    let EvidenceWanted { name, expect, words, .. } = wanted;
    let mut fine = expect.iter().chain(words).peekable();
    fine.peek()?;
    if fine.any(|fine| plain(fine) == plain(value)) {
        return None;
    }
    let words = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
    let must = expect.as_ref().map_or(words, |expected| format!("`{}`", expected.trim()));
    Some(format!("{name} must be {must}, and you brought back `{value}`"))
}

/// A value as people compare it: without regard to case, outer and doubled spaces, the order of what stands between commas, and the slash at the
/// end of an address.
fn plain(value: &str) -> String {
    let words: Vec<_> = value.split_whitespace().collect();
    let mut parts: Vec<_> = words.join(" ").split(',').map(|part| part.trim().to_lowercase()).collect();
    parts.sort();
    let joined = parts.join(", ");
    if joined.contains("://") { joined.trim_end_matches('/').to_owned() } else { joined }
}

fn asks_for(wanted: &[EvidenceWanted]) -> String {
    let names: Vec<_> = wanted.iter().map(|w| w.name.as_str()).collect();
    if names.is_empty() { "it asks for nothing".to_owned() } else { format!("it asks for {}", names.join(", ")) }
}
