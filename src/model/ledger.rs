//! The ledger's values: what we created or adopted, what we last applied, what we set out to do.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::fate::Fate;
use super::name::Address;
use super::value::Value;
use super::work_order::{Observation, WorkItem};

/// The first 128 bits of a SHA-256: enough that nobody finds a second value for a field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 16]);

impl Digest {
    /// The digest of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let full = Sha256::digest(bytes);
        let mut short = [0; 16];
        short.iter_mut().zip(full.iter()).for_each(|(to, from)| *to = *from);
        Self(short)
    }

    /// The digest of a value: over its canonical JSON.
    pub fn of_value(value: &Value) -> Self {
        Self::of(value.to_json().to_string().as_bytes())
    }

    /// The digest of a field as declared, applied or shown. A field that is not there and an empty one are the same: portals leave out what is
    /// empty or false, and a manifest cannot tell the two apart either.
    pub fn of_field(value: Option<&Value>) -> Self {
        match value.filter(|v| !v.is_empty()) {
            None => Self([0; 16]),
            Some(value) => Self::of_value(value),
        }
    }

    /// In hex.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// From hex.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        if text.len() != 32 || !text.is_ascii() {
            return None;
        }
        for (to, at) in bytes.iter_mut().zip((0..32).step_by(2)) {
            *to = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| serde::de::Error::custom("a digest has 32 hexadecimal digits"))
    }
}

/// How an object became ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// We created it.
    Created,
    /// It was there; we took it over. Never deleted unless released.
    Adopted,
}

/// One object that is ours in one portal. Field paths key the digests, so that a ledger outlives a change of the tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRow {
    /// Its address.
    pub address: Address,
    /// The portal's id of it; `None` while only a technician's record speaks for it.
    pub id: Option<Box<str>>,
    /// Its natural key when last applied, normalised.
    pub key: Box<str>,
    /// The installation that owns it; never empty.
    pub owner: Box<str>,
    /// How it became ours.
    pub origin: Origin,
    /// For an adopted object: true once a person said that it may be deleted.
    pub released: bool,
    /// Protection, which outlasts the line that declared it.
    pub protected: bool,
    /// Digest of each field as last applied.
    pub applied: Applied,
    /// Keyed MAC of each secret field as last applied.
    pub secrets: Applied,
}

/// Digests by field path, sorted by path.
pub type Applied = Vec<(Box<str>, Digest)>;

/// The digest recorded for a path.
pub fn applied_digest(applied: &Applied, path: &str) -> Option<Digest> {
    let at = applied.binary_search_by(|(p, _)| (**p).cmp(path)).ok()?;
    applied.get(at).map(|(_, d)| *d)
}

/// What a call set out to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntentAction {
    /// Make it.
    Create,
    /// Change it.
    Update,
    /// Take it away.
    Delete,
    /// Send its invitation again.
    Resend,
}

impl IntentAction {
    /// The word for it: in ledgers, audit trails and profiles.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Resend => "resend",
        }
    }
}

/// A call that was begun and is not known to have ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Unique; also the idempotency key that the call carries.
    pub id: Box<str>,
    /// What it is about.
    pub address: Address,
    /// The natural key of what it is about, normalised.
    pub key: Box<str>,
    /// What it set out to do.
    pub action: IntentAction,
    /// The object's id, if it had one.
    pub object: Option<Box<str>>,
    /// When it began.
    pub at: Timestamp,
    /// The digest of the plan that it carries out.
    pub plan: Box<str>,
    /// True once its outcome was asked for in vain: a person decides.
    pub unknown: bool,
    /// How far its call has come, and what is known of the step after that: written before that step is begun.
    pub fate: Fate,
}

/// What a person recorded about an object that the portal does not show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// What it is about.
    pub address: Address,
    /// Whether it was seen, or seen not to be there.
    pub present: bool,
    /// Its fields as recorded, in the JSON form of [`super::value::Fields`]; a field that is not in it was not looked at.
    pub fields: serde_json::Value,
    /// The portal's id of it, if the person gave one.
    pub id: Option<String>,
    /// Who recorded it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Until when it is believed.
    pub until: Timestamp,
}

impl Attestation {
    /// True if it says something of a field; `null` says that the field was seen to have nothing.
    pub fn speaks_of(&self, path: &str) -> bool {
        path.split('.').try_fold(&self.fields, |at, part| at.get(part)).is_some()
    }
}

/// An object that we deleted or forgot: so that its id is never taken for ours again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// What it was.
    pub address: Address,
    /// The portal's id it had.
    pub id: Option<Box<str>>,
    /// When it went.
    pub at: Timestamp,
}

/// What the ledger has of one tenant in one portal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerState {
    /// By address.
    pub rows: BTreeMap<Address, LedgerRow>,
    /// Begun and not known to have ended, oldest first.
    pub intents: Vec<Intent>,
    /// By address; the newest of each.
    pub attestations: BTreeMap<Address, Attestation>,
    /// Newest first.
    pub tombstones: Vec<Tombstone>,
    /// Items of work orders by the intent that they keep open; the closed ones are not here.
    pub work: BTreeMap<Box<str>, WorkItem>,
    /// What the portal was last seen to show of the tenant beside what is declared, by name.
    pub observed: BTreeMap<Box<str>, Observation>,
}
