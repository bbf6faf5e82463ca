//! What became of each change, as values. Comes in: nothing. Goes out: what `apply` fills in and `report::outcome` renders. Never holds a
//! secret: messages name fields and references only.

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Address, PortalName};
use crate::plan::Action;

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The portal.
    #[schemars(with = "String")]
    pub portal: PortalName,
    /// What was to change.
    #[schemars(with = "String")]
    pub address: Address,
    /// What was to be done.
    pub actions: Vec<Action>,
    /// What became of it.
    #[serde(flatten)]
    pub result: OutcomeResult,
    /// How long its call took, in milliseconds; 0 where none was made.
    pub duration_ms: u64,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum OutcomeResult {
    /// It is done, and read back where the portal allows.
    Done,
    /// It is done, and the portal shows other values than were asked for.
    DoneDiffers {
        /// The paths of the fields that differ.
        fields: Vec<String>,
    },
    /// A technician, or somebody's acceptance, is still needed.
    Pending {
        /// What it waits for, in words.
        waits_for: String,
        /// True: calls have done a part of it, and only the rest waits.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        called: bool,
    },
    /// It had no effect.
    Failed {
        /// Why.
        message: String,
        /// True if credentials do not allow it.
        denied: bool,
    },
    /// Nobody knows whether it had an effect: the next run looks before it does anything.
    Uncertain {
        /// What is known.
        message: String,
    },
    /// It was not begun, because something that it depends on was not done.
    Skipped {
        /// What, in words.
        why: String,
    },
    /// It was not begun, because guards refuse it.
    Held {
        /// Their codes.
        codes: Vec<String>,
        /// What they say, in words.
        #[serde(default)]
        why: String,
    },
    /// It was not begun, because the run was stopped.
    Cancelled,
}

impl OutcomeResult {
    /// The word for it, as in JSON.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::DoneDiffers { .. } => "done_differs",
            Self::Pending { .. } => "pending",
            Self::Failed { .. } => "failed",
            Self::Uncertain { .. } => "uncertain",
            Self::Skipped { .. } => "skipped",
            Self::Held { .. } => "held",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A work order that a run gave out, or gave items to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GivenOrder {
    /// Its id, for `tenantry runbook show`.
    pub id: String,
    /// The portal that it is about.
    #[schemars(with = "String")]
    pub portal: PortalName,
    /// Who is to do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub due: Option<Date>,
    /// How many items this run gave out in it.
    pub items: u64,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunReport {
    /// The digest of the plan that was carried out.
    pub plan_digest: String,
    /// When the run ended.
    #[schemars(with = "String")]
    pub timestamp: Timestamp,
    /// One for each change, in the order of the plan.
    pub outcomes: Vec<Outcome>,
    /// The work orders that it gave out, by portal and id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<GivenOrder>,
    /// True if the plan was computed again afterwards, in every portal.
    #[serde(default)]
    pub planned_again: bool,
    /// True if the plan was computed again afterwards and holds nothing but what waits for a technician or for acceptance.
    pub final_plan_empty: bool,
    /// Why the run stopped before its end, if it did; then there was no final plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// What the final plan still holds and nothing explains, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub remaining: Vec<Address>,
}
