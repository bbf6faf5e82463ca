//! What the ledger has of one portal and tenant, as records with keys: how they stand in objects, and how many objects that takes.
//!
//! Comes in: records, and what changes of them. Goes out: the same in sorted *parts*, none of them large, and a small rest that is kept in the head.
//! Never asks the API server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ledger::LedgerError;

/// Records by key; the key begins with what it is a record of.
pub(super) type Records = BTreeMap<String, Value>;
/// What changes: `None` goes.
pub(super) type Changes = BTreeMap<String, Option<Value>>;

/// Records that the head keeps itself, in bytes of JSON. Each commit writes them, so that more would cost each commit more.
const HEAD: usize = 96 << 10;
/// The largest part, in bytes of JSON. In an object it is a string, and grows by a third at most for what has to be escaped in it.
const PART: usize = 256 << 10;
/// The largest record. Larger than anything that is meant to be one, and smaller than what an API server takes.
const RECORD: usize = 512 << 10;

/// One part: the records from a key to the next part's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PartRef {
    /// The object's name.
    pub(super) name: String,
    /// Its first key; of the first part it is empty.
    pub(super) from: String,
}

/// How parts change.
#[derive(Debug, PartialEq)]
pub(super) enum Part {
    /// It stays as it is.
    Kept(PartRef),
    /// It is written anew.
    New(String, Records),
}

/// How many bytes a record takes, with its key.
fn size(key: &str, value: &Value) -> usize {
    // A value that is a value already always has its JSON.
    key.len() + 6 + serde_json::to_vec(value).map_or(0, |json| json.len())
}

/// Whether changes are more than a head keeps. A record that no object could hold is refused.
pub(super) fn overflow(changes: &Changes) -> Result<bool, LedgerError> {
    let mut all = 0;
    for (key, value) in changes {
        let size = value.as_ref().map_or(key.len() + 10, |value| size(key, value));
        if size > RECORD {
            let why = format!("`{key}` has {} KB: a ledger in the cluster keeps no record of more than {} KB", size >> 10, RECORD >> 10);
            return Err(LedgerError::Conflict(why));
        }
        all += size;
    }
    Ok(all > HEAD)
}

/// The parts of these records, after these changes were made in them: those that no change falls into stay, and one that grew too large becomes
/// several.
pub(super) fn fold(parts: &[PartRef], records: &Records, changes: &Changes) -> Vec<Part> {
    let mut folded = Vec::new();
    let none = [PartRef { name: String::new(), from: String::new() }];
    let parts = if parts.is_empty() { &none[..] } else { parts };
    for (at, part) in parts.iter().enumerate() {
        let next = parts.get(at + 1).map(|p| p.from.as_str());
        let within = |key: &str| next.is_none_or(|next| key < next);
        let changed = changes.range(part.from.clone()..).next().is_some_and(|(key, _)| within(key));
        if !changed && !part.name.is_empty() {
            folded.push(Part::Kept(part.clone()));
            continue;
        }
        let here = records.range(part.from.clone()..).take_while(|(key, _)| within(key));
        folded.extend(split(part.from.clone(), here.map(|(k, v)| (k.clone(), v.clone())).collect()));
    }
    // Somebody may have taken every record of the first part away: the next one begins where that began.
    match folded.first_mut() {
        Some(Part::Kept(part)) => part.from.clear(),
        Some(Part::New(from, _)) => from.clear(),
        None => {}
    }
    folded
}

/// Records as parts of much the same size, half full so that they can grow; none, if there are no records.
fn split(from: String, records: Records) -> Vec<Part> {
    let sizes: Vec<usize> = records.iter().map(|(key, value)| size(key, value)).collect();
    let all: usize = sizes.iter().sum();
    let wanted = if all <= PART { PART } else { PART / 2 };
    let mut parts: Vec<(String, Records, usize)> = Vec::new();
    for ((key, value), size) in records.into_iter().zip(sizes) {
        match parts.last_mut() {
            Some((_, records, filled)) if *filled + size <= wanted => {
                records.insert(key, value);
                *filled += size;
            }
            last => {
                let from = if last.is_none() { from.clone() } else { key.clone() };
                parts.push((from, Records::from([(key, value)]), size));
            }
        }
    }
    parts.into_iter().map(|(from, records, _)| Part::New(from, records)).collect()
}

/// Carries changes out.
pub(super) fn merge(records: &mut Records, changes: impl IntoIterator<Item = (String, Option<Value>)>) {
    for (key, value) in changes {
        match value {
            Some(value) => _ = records.insert(key, value),
            None => _ = records.remove(&key),
        }
    }
}

/// The records whose keys begin so.
pub(super) fn below<'a>(records: &'a Records, prefix: &'a str) -> impl DoubleEndedIterator<Item = (&'a str, &'a Value)> {
    // `0` is what follows `/`.
    let end = format!("{}0", prefix.trim_end_matches('/'));
    records.range(prefix.to_owned()..end).map(|(key, value)| (key.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: usize, bytes: usize) -> (String, Value) {
        (format!("row/{n:06}"), Value::String("x".repeat(bytes)))
    }

    fn filled(parts: &[Part]) -> Vec<usize> {
        let sizes = |part: &Part| match part {
            Part::Kept(_) => 0,
            Part::New(_, records) => records.iter().map(|(k, v)| size(k, v)).sum(),
        };
        parts.iter().map(sizes).collect()
    }

    /// The parts as they are once they are written.
    fn written(parts: Vec<Part>) -> Vec<PartRef> {
        let written = parts.into_iter().enumerate().map(|(n, part)| match part {
            Part::Kept(part) => part,
            Part::New(from, _) => PartRef { name: format!("new-{n}"), from },
        });
        written.collect()
    }

    /// 900 bytes each.
    fn rows(count: usize) -> (Records, Changes) {
        let records: Records = (0..count).map(|n| record(n, 900)).collect();
        let changes = records.iter().map(|(k, v)| (k.clone(), Some(v.clone()))).collect();
        (records, changes)
    }

    #[test]
    fn many_records_are_parts_of_bounded_size_and_a_change_rewrites_one() {
        let (mut records, changes) = rows(5000);
        let first = fold(&[], &records, &changes);
        let (last, others) = filled(&first).split_last().map_or((0, Vec::new()), |(last, others)| (*last, others.to_vec()));
        assert!(last <= PART && others.iter().all(|size| (PART / 3..=PART).contains(size)), "{others:?} {last}");
        let parts = written(first);
        assert_eq!(parts.first().map(|p| p.from.as_str()), Some(""));

        let one = Changes::from([("row/002500".to_owned(), Some(Value::Bool(true)))]);
        merge(&mut records, one.clone());
        let second = fold(&parts, &records, &one);
        assert_eq!(second.iter().filter(|p| matches!(p, Part::New(..))).count(), 1);
        assert_eq!(second.len(), parts.len());
    }

    #[test]
    fn what_is_gone_leaves_no_part_and_the_rest_begins_at_the_beginning() {
        let (mut records, changes) = rows(600);
        let parts = written(fold(&[], &records, &changes));
        assert!(parts.len() > 2);
        let second = parts.get(1).map(|p| p.from.clone()).unwrap_or_default();
        let gone: Changes = records.range(..second).map(|(k, _)| (k.clone(), None)).collect();
        merge(&mut records, gone.clone());
        let left = fold(&parts, &records, &gone);
        assert_eq!(left.len(), parts.len() - 1);
        assert!(matches!(left.first(), Some(Part::Kept(part)) if part.from.is_empty()));
        let all: Changes = records.keys().map(|k| (k.clone(), None)).collect();
        assert_eq!(fold(&parts, &Records::new(), &all.into_iter().chain(gone).collect()), []);
    }

    #[test]
    fn a_record_that_no_object_holds_is_refused() {
        let changes = Changes::from([("work/i-1".to_owned(), Some(Value::String("x".repeat(RECORD))))]);
        assert!(matches!(overflow(&changes), Err(LedgerError::Conflict(why)) if why.starts_with("`work/i-1` has 512 KB")));
        assert_eq!(overflow(&Changes::from([record(1, 900)].map(|(k, v)| (k, Some(v))))), Ok(false));
        assert_eq!(overflow(&(0..200).map(|n| record(n, 900)).map(|(k, v)| (k, Some(v))).collect()), Ok(true));
    }

    #[test]
    fn records_are_found_by_what_they_are_of() {
        let records = ["row/a", "row/user/b", "rowing/c", "ro/d"].map(|k| (k.to_owned(), Value::Null)).into();
        assert_eq!(below(&records, "row/").map(|(k, _)| k).collect::<Vec<_>>(), ["row/a", "row/user/b"]);
    }
}
