//! How the ledger's values stand in a table: the same in both stores, so that a state reads alike from either.
//!
//! Comes in: model values or the columns of a table. Goes out: the other. Never touches a store.

use jiff::Timestamp;

use super::LedgerError;
use crate::model::ledger::{Applied, Attestation, Digest, IntentAction};
use crate::model::work_order::{WorkItem, WorkRecord};
use crate::model::{Address, Fate, Kind, Name, Origin};

/// A column that holds what this program never wrote; in words for a person.
pub(super) fn damaged(what: &str) -> LedgerError {
    LedgerError::Unavailable(format!("{what} in the ledger is damaged: restore the ledger from a backup (docs/ledger.md)"))
}

/// Nanoseconds since 1970. What lies outside the years 1677 to 2262 becomes the nearest of these: the ledger's times are the run's own clock.
pub(super) fn nanos(at: Timestamp) -> i64 {
    let nanos = at.as_nanosecond();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

pub(super) fn timestamp(nanos: i64) -> Result<Timestamp, LedgerError> {
    Timestamp::from_nanosecond(i128::from(nanos)).map_err(|_| damaged("a time"))
}

/// Digests by path, packed: for each the length of the path (two bytes, little-endian), the path, 16 bytes of digest. `None` for no digest.
pub(super) fn pack(applied: &Applied) -> Result<Option<Vec<u8>>, LedgerError> {
    if applied.is_empty() {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(applied.iter().map(|(path, _)| 18 + path.len()).sum());
    for (path, digest) in applied {
        let length =
            u16::try_from(path.len()).map_err(|_| LedgerError::Conflict(format!("a field path of {} bytes is too long", path.len())))?;
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(path.as_bytes());
        bytes.extend_from_slice(&digest.0);
    }
    Ok(Some(bytes))
}

/// Reads what [`pack`] wrote.
pub(super) fn unpack(bytes: Option<&[u8]>) -> Result<Applied, LedgerError> {
    let mut rest = bytes.unwrap_or_default();
    // Most field paths are short: a guess that seldom has to grow, in a table read a million times.
    let mut applied = Vec::with_capacity(rest.len() / 26);
    while !rest.is_empty() {
        let (path, digest, after) = unpack_one(rest).ok_or_else(|| damaged("a digest"))?;
        applied.push((path, digest));
        rest = after;
    }
    applied.shrink_to_fit();
    Ok(applied)
}

fn unpack_one(bytes: &[u8]) -> Option<(Box<str>, Digest, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (path, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    let (digest, rest) = rest.split_first_chunk::<16>()?;
    Some((std::str::from_utf8(path).ok()?.into(), Digest(*digest), rest))
}

pub(super) fn name(text: &str) -> Result<Name, LedgerError> {
    Name::new(text).map_err(|_| damaged("a name"))
}

/// The address of a row of `tenant`.
pub(super) fn address(tenant: &Name, kind: &str, text: &str) -> Result<Address, LedgerError> {
    let kind = Kind::from_slug(kind).ok_or_else(|| damaged("a kind"))?;
    Ok(Address::new(tenant.clone(), kind, name(text)?))
}

pub(super) fn origin(adopted: bool) -> Origin {
    if adopted { Origin::Adopted } else { Origin::Created }
}

pub(super) fn action(word: &str) -> Result<IntentAction, LedgerError> {
    [IntentAction::Create, IntentAction::Update, IntentAction::Delete, IntentAction::Resend]
        .into_iter()
        .find(|a| a.word() == word)
        .ok_or_else(|| damaged("an action"))
}

/// How far a call has come; of one that an older program began, nobody recorded it.
pub(super) fn fate(text: Option<&str>) -> Result<Fate, LedgerError> {
    text.map_or_else(|| Ok(Fate::default()), |text| from_json(text, "what became of a call"))
}

/// The JSON of a value that is kept whole.
pub(super) fn json(value: &impl serde::Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|e| LedgerError::Conflict(format!("it cannot be recorded: {e}")))
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> Result<T, LedgerError> {
    serde_json::from_str(text).map_err(|_| damaged(what))
}

/// An attestation at its row's address: a move changes the row and leaves what the person recorded as it is.
pub(super) fn attestation(address: Address, body: &str) -> Result<Attestation, LedgerError> {
    let recorded: Attestation = from_json(body, "an attestation")?;
    Ok(Attestation { address, ..recorded })
}

/// An item at its row's address: a move changes the row, and what is to be recorded of the item's own object goes along.
pub(super) fn work(address: Address, body: &str) -> Result<WorkItem, LedgerError> {
    let mut item: WorkItem = from_json(body, "an item of a work order")?;
    let own = |r: &&mut WorkRecord| r.address == item.address;
    for record in item.records.iter_mut().filter(own) {
        record.address = address.clone();
        if let Some(row) = &mut record.row {
            row.address = address.clone();
        }
    }
    Ok(WorkItem { address, ..item })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_survive_packing() {
        let applied: Applied = vec![("contact.phone".into(), Digest([1; 16])), ("displayName".into(), Digest([255; 16]))];
        let packed = pack(&applied);
        assert_eq!(packed.as_ref().ok().and_then(|p| p.as_deref()).map(|p| unpack(Some(p))), Some(Ok(applied)));
        assert_eq!(pack(&Applied::new()), Ok(None));
        assert_eq!(unpack(None), Ok(Applied::new()));
    }

    #[test]
    fn every_cut_of_a_packed_digest_is_found_to_be_damaged() {
        let packed = pack(&vec![("name".into(), Digest([7; 16]))]).unwrap_or_default().unwrap_or_default();
        assert_eq!(packed.len(), 22);
        for cut in 1..packed.len() {
            assert!(unpack(packed.get(..cut)).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn times_keep_their_nanoseconds_and_extremes_are_clamped() {
        let at: Timestamp = "2026-02-03T04:05:06.123456789Z".parse().unwrap_or_default();
        assert_eq!(timestamp(nanos(at)), Ok(at));
        assert_eq!(nanos(Timestamp::MAX), i64::MAX);
        assert_eq!(nanos(Timestamp::MIN), i64::MIN);
    }
}
