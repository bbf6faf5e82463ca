//! The plan: an ordered list of changes and everything needed to judge them, as one value.
//!
//! Comes in: differences (`diff`), what portals demand and bring about (`model::rule`). Goes out: a [`Plan`] in one of three stages. Never does
//! I/O and never asks for the time: *now* is an input that the plan records. The stages make the wrong order impossible to write:
//! [`Plan<Unchecked>`] → `guard::judge` → [`Plan<Judged>`] → `guard::approve` → [`Plan<Approved>`], and only the last can be applied.

mod administrators;
pub mod build;
mod digest;
pub mod document;
mod held;
mod keys;
pub mod link;
mod reach;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::diagnostic::Diagnostic;
pub use crate::diff::{Action, Cause, Drift, DriftKind, FieldChange, Finding, Retained, Unmanaged, Waiting};
use crate::model::rule::Effect;
use crate::model::{Address, Fields, Kind, Observation, Performer, PortalName, TenantName};

pub(crate) use digest::seal;
/// The rule of what manifests do not allow to be done.
pub const NOT_MANAGED: &str = "managementPolicies";

pub use held::Hold;
pub use reach::Reach;

/// A plan in a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<Stage> {
    /// What it says.
    pub body: Body,
    stage: std::marker::PhantomData<Stage>,
}

/// Not judged yet: the engine made it, or it was loaded from a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unchecked;
/// Judged by the guards: it shows what they refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged;
/// Approved: what is held back is marked, and the rest may be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approved;

impl Plan<Unchecked> {
    /// A new plan, which nobody has judged.
    pub fn unchecked(body: Body) -> Self {
        Self { body, stage: std::marker::PhantomData }
    }
}

impl<Stage> Plan<Stage> {
    /// The next stage. Only `guard` calls it (a test keeps that true).
    pub(crate) fn into_stage<Next>(self) -> Plan<Next> {
        Plan { body: self.body, stage: std::marker::PhantomData }
    }
}

/// What a plan says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// What kind of plan it is.
    pub mode: Mode,
    /// The instant at which it was made.
    pub now: Timestamp,
    /// What it was made from.
    pub inputs: Inputs,
    /// One for each portal and tenant in scope that has anything to say, sorted by portal and tenant.
    pub units: Vec<Unit>,
    /// Problems of the run as a whole, and those of single resources.
    pub diagnostics: Vec<Diagnostic>,
    /// What refuses the whole run.
    pub refusals: Vec<Refusal>,
    /// Invitations that went out and are not accepted yet: a state, no drift, and too many to list.
    pub awaiting_acceptance: u64,
    /// Digest over the units' digests and the run's refusals: `sha256:` and 64 hex digits.
    pub digest: String,
}

/// What kind of plan it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Bring the portals in step with the manifests.
    Normal,
    /// Only look: what differs from what was last applied.
    RefreshOnly,
    /// Take away all that is ours and selected.
    Destroy,
}

/// What a plan was made from; no part of its digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Inputs {
    /// Commit of the manifests' repository, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether the work tree had changes.
    #[serde(default)]
    pub dirty: bool,
    /// SHA-256 over the files read.
    pub manifests_digest: String,
    /// Commits of the ledger.
    pub ledger_serial: u64,
}

/// The plan for one tenant in one portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The portal.
    pub portal: PortalName,
    /// The tenant.
    pub tenant: TenantName,
    /// The tenant's id in the portal, if it exists there.
    pub tenant_id: Option<Box<str>>,
    /// In the order in which they are applied.
    pub changes: Vec<Change>,
    /// What somebody changed in the portal, apart from what is intended; sorted by address.
    pub drift: Vec<Drift>,
    /// What the portal has and nobody declared: reported, never touched.
    pub unmanaged: Vec<Unmanaged>,
    /// What is no longer declared and stays all the same, with the reason.
    pub retained: Vec<Retained>,
    /// What is declared and not made, because the portal brings it about by itself; sorted by address.
    pub left_out: Vec<LeftOut>,
    /// What waits and is no change: invitations not accepted, deferred invitations, work orders.
    pub waiting: Vec<Waiting>,
    /// Intents of earlier runs that this reading answered, or that nobody asks for any more, with what they are about: settled with the next
    /// apply.
    pub settled: Vec<(Address, Box<str>)>,
    /// What the portal shows of the tenant beside what is declared, by name; no part of the digest.
    pub observed: Vec<Observed>,
    /// What it means to people.
    pub consequences: Consequences,
    /// What the guards need to count.
    pub facts: Facts,
    /// What refuses this tenant as a whole.
    pub refusals: Vec<Refusal>,
    /// Digest over its canonical changes, effects and refusals: `sha256:` and 64 hex digits.
    pub digest: String,
}

/// Something that is declared and not made, because the portal brings it about by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// What.
    pub address: Address,
    /// The rule of the portal that says so.
    pub rule: String,
    /// Why, and what can be done about it, in words for a person.
    pub why: String,
}

/// One value that a portal shows of a tenant beside what is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Its name, as the portal's profile gives it.
    pub name: Box<str>,
    /// Its name for people.
    pub title: String,
    /// The value, when it was seen, and by whom.
    pub seen: Observation,
    /// Whole days since then.
    pub age_days: i64,
    /// True: it was seen longer ago than the portal's records are believed.
    pub old: bool,
}

/// One difference with its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What changes.
    pub address: Address,
    /// Its address before, where it was renamed.
    pub previous: Option<Address>,
    /// Its natural key.
    pub key: Box<str>,
    /// The portal's id of it, if it exists.
    pub id: Option<Box<str>>,
    /// What is done, the main thing first. Empty: nothing can be done until a finding is dealt with.
    pub actions: Vec<Action>,
    /// The fields that differ, in the order of the kind's table; all of them for a creation.
    pub fields: Vec<FieldChange>,
    /// Why it differs.
    pub cause: Cause,
    /// Why this is done, one sentence for a person.
    pub reason: String,
    /// Where it was declared; `None` for what is no longer declared.
    pub source: Option<Source>,
    /// What it brings about beyond the change, sorted.
    pub effects: Vec<Effect>,
    /// Who gets its e-mails; empty: whom its natural key names, if it sends one.
    pub mail_to: Vec<String>,
    /// Who may enter the tenant because of it, beside whom it is about: an administrator that the portal makes with it.
    pub admits: Vec<String>,
    /// What it brings about, in words.
    pub effects_said: Vec<String>,
    /// Changes of this plan that come first, sorted; other tenants' included.
    pub depends_on: Vec<Address>,
    /// The change whose call makes this one too.
    pub carried_by: Option<Address>,
    /// Who performs it.
    pub performer: Performer,
    /// What was noticed about it; guards turn these into refusals.
    pub findings: Vec<Finding>,
    /// What refuses it.
    pub blocked_by: Vec<Refusal>,
    /// The whole of what is declared and supported; references by name. Empty for a deletion. Not printed.
    pub desired: Fields,
    /// Protection to record: `Some` where the manifest says so and the ledger differs.
    pub protect: Option<bool>,
    /// An intent of an earlier run that this change takes up again: its id.
    pub resumes: Option<Box<str>>,
}

impl Change {
    /// The main action, if anything is done.
    pub fn action(&self) -> Option<Action> {
        self.actions.first().copied()
    }

    /// True for what is only warned of: nothing is done about it, nothing refuses it, and no report counts it.
    pub fn is_left_out(&self) -> bool {
        let warns = |f: &Finding| matches!(f, Finding::Unsupported { refuses: false, .. } | Finding::Rule { refuses: false, .. });
        self.actions.is_empty() && !self.findings.is_empty() && self.findings.iter().all(warns)
    }

    /// True for what is there as declared, but for fields that the portal lacks: whoever needs it need not wait.
    pub fn is_there_in_part(&self) -> bool {
        let field = |f: &Finding| matches!(f, Finding::Unsupported { refuses: false, field: Some(_), .. });
        self.is_left_out() && self.findings.iter().all(field)
    }

    /// The natural key that it gives up for another; `None`: it keeps its key, or has none to begin with.
    pub fn key_before(&self) -> Option<Box<str>> {
        crate::diff::former_key(self.address.kind, &self.fields, &self.key)
    }

    /// True if an action is among them.
    pub fn has(&self, action: Action) -> bool {
        self.actions.contains(&action)
    }
}

/// Where something was declared.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Source {
    /// Path as the person gave it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// The layer that won: `organization`, or `baseline/NAME`.
    pub layer: String,
}

/// What a plan means to people, in business terms. Names are natural keys (e-mail addresses).
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Consequences {
    /// Who gains access; sorted.
    pub gain_access: Vec<String>,
    /// Who loses access; sorted.
    pub lose_access: Vec<String>,
    /// Administrators now; sorted.
    pub administrators_before: Vec<String>,
    /// Administrators afterwards; sorted.
    pub administrators_after: Vec<String>,
    /// True if there may be administrators that neither the portal nor a record tells of.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub administrators_unknown: bool,
    /// Who gets an e-mail, once for each mail; sorted.
    pub emails: Vec<String>,
    /// Licences more (or fewer) by product.
    pub licences: BTreeMap<String, i64>,
}

/// What the guards count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// How many objects of a kind are ours here.
    pub owned: BTreeMap<Kind, u64>,
    /// How many resources the manifests declare here.
    pub declared: u64,
    /// True if the tenant is declared.
    pub tenant_declared: bool,
    /// Who stands behind grants into other tenants.
    pub reach: Reach,
    /// Changes that may take an administrator away, for all that the portal shows and anybody recorded.
    pub administrators_in_doubt: BTreeSet<Address>,
    /// True if the tenant is declared to be offboarded.
    pub offboarded: bool,
}

/// What a guard refuses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Refusal {
    /// The guard's code, such as `G001`.
    pub code: String,
    /// True: a fact, which no approval passes.
    #[serde(default)]
    pub fact: bool,
    /// What is refused and why, one sentence.
    pub message: String,
    /// What to do.
    pub help: String,
    /// How many there are, where it is about a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub have: Option<u64>,
    /// How many there may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// How it was passed: the reason given, or `digest`; `None`: it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<String>,
}
