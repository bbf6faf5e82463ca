//! What became of each change, as values; `report` renders them.

use crate::model::{Address, PortalName};
use crate::plan::Action;

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The portal.
    pub portal: PortalName,
    /// What it was about.
    pub address: Address,
    /// What was to be done.
    pub actions: Vec<Action>,
    /// What became of it.
    pub result: OutcomeResult,
    /// How long its call took, in milliseconds; 0 if none was made.
    pub duration_ms: u64,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutcomeResult {
    /// Done, and read back as declared where the portal shows it.
    Done,
    /// Done, and the portal shows these fields otherwise.
    DoneDiffers {
        /// Paths of the fields.
        fields: Vec<String>,
    },
    /// Begun; a technician or somebody's acceptance is still needed.
    Pending {
        /// What it waits for.
        waits_for: String,
    },
    /// Not done.
    Failed {
        /// Why.
        message: String,
        /// True if credentials do not allow it.
        denied: bool,
    },
    /// Nobody knows: the next run finds out.
    Uncertain {
        /// What is known.
        message: String,
    },
    /// Not begun, because something it needs was not done.
    Skipped {
        /// What.
        why: String,
    },
    /// Not begun: a guard refuses it or its tenant.
    Held {
        /// Codes of the guards.
        codes: Vec<String>,
    },
    /// Not begun: the run was stopped.
    Cancelled,
}

/// What became of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunReport {
    /// In the order in which they ended.
    pub outcomes: Vec<Outcome>,
    /// Whether the plan made afterwards holds nothing but what waits; `None`: it could not be made.
    pub final_plan_empty: Option<bool>,
    /// Why the run stopped before its end, if it did.
    pub stopped: Option<String>,
}
