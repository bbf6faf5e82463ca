//! What stands beside the changes of a tenant: what is unmanaged, what stays, what is left out, what waits, and what the portal shows of the
//! tenant. None of it is done, and none of it is part of the digest.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Address, Kind};
use crate::plan::{LeftOut, Observed, Retained, Unmanaged, Waiting};

/// What the portal has and nobody declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnmanagedObject {
    /// Its kind.
    #[schemars(with = "String")]
    pub kind: Kind,
    /// Its natural key.
    pub natural_key: String,
    /// The portal's id of it.
    pub remote_id: String,
    /// True: the portal's own, such as a system user.
    pub portals_own: bool,
}

/// What is no longer declared and stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RetainedResource {
    /// What.
    #[schemars(with = "String")]
    pub address: Address,
    /// Why it stays, one sentence.
    pub reason: String,
    /// True: only until the portal shows enough to take it away. The sentence says so to readers.
    #[serde(skip)]
    pub unseen: bool,
}

/// What waits and is no change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaitingResource {
    /// What.
    #[schemars(with = "String")]
    pub address: Address,
    /// For what, one sentence.
    pub waits_for: String,
    /// True if a technician has to do something.
    pub technician: bool,
    /// True if a technician said that it could not be done.
    #[serde(default)]
    pub failed: bool,
}

/// What is declared and not made, because the portal brings it about by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOutResource {
    /// What.
    #[schemars(with = "String")]
    pub address: Address,
    /// The rule of the portal that says so.
    pub rule: String,
    /// Why, and what can be done about it.
    pub reason: String,
}

/// One value that the portal shows of a tenant beside what is declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObservedValue {
    /// Its name for people.
    pub title: String,
    /// As the portal shows it.
    pub value: String,
    /// When it was seen.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Who read it off a screen; `null`: a driver read it.
    pub by: Option<String>,
    /// Whole days since then, when the plan was made.
    pub age_days: i64,
    /// True: it was seen longer ago than the portal's records are believed.
    pub old: bool,
}

impl UnmanagedObject {
    pub(super) fn from_unmanaged(unmanaged: &Unmanaged) -> Self {
        let Unmanaged { kind, key, id, portals_own } = unmanaged;
        Self { kind: *kind, natural_key: key.to_string(), remote_id: id.to_string(), portals_own: *portals_own }
    }
}

impl LeftOutResource {
    pub(super) fn from_left_out(left_out: &LeftOut) -> Self {
        let LeftOut { address, rule, why } = left_out;
        Self { address: address.clone(), rule: rule.clone(), reason: why.clone() }
    }
}

impl ObservedValue {
    pub(super) fn from_observed(observed: &Observed) -> Self {
        let Observed { name: _, title, seen, age_days, old } = observed;
        Self { title: title.clone(), value: seen.value.clone(), at: seen.at, by: seen.by.clone(), age_days: *age_days, old: *old }
    }
}

impl RetainedResource {
    pub(super) fn from_retained(retained: &Retained) -> Self {
        let Retained { address, why, unseen } = retained;
        Self { address: address.clone(), reason: why.clone(), unseen: *unseen }
    }
}

impl WaitingResource {
    pub(super) fn from_waiting(waiting: &Waiting) -> Self {
        let Waiting { address, waits_for, technician, failed } = waiting;
        Self { address: address.clone(), waits_for: waits_for.clone(), technician: *technician, failed: *failed }
    }
}
