//! The port: what the engine asks of a portal. [`Observe`] reads, [`Execute`] performs one approved change; a driver implements both and
//! decides nothing.
//!
//! `plan` is handed an [`Observe`] and nothing else, so that it cannot write. What a driver cannot know it says: a collection that was not read
//! to its end is *incomplete*, a key it could not ask about is *unknown*, a call whose answer was lost is *uncertain*. Nothing is guessed.

pub mod driver;
pub mod embedded;
pub mod gated;
pub mod meter;
pub mod profile;
pub mod rest;
mod routed;
pub mod runbook;
pub mod titled;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::model::ledger::IntentAction;
use crate::model::live::KeyHolder;
use crate::model::portal_spec::Account;
use crate::model::rule::Conduct;
use crate::model::work_order::Instructions;
use crate::model::{Address, Capabilities, Fate, FieldId, Fields, Kind, LiveObject, LiveTenant, Next, Reached, Tenant, TenantName};

/// Reads a portal.
#[async_trait]
pub trait Observe: Send + Sync {
    /// What the portal can do; the same for the whole life of the value.
    fn capabilities(&self) -> &Capabilities;

    /// What the portal demands before a write, and what a write brings about.
    fn conduct(&self) -> &dyn Conduct;

    /// Reads these tenants, by collection: the answer has one entry for each, in the same order. `id` is the tenant's id in the portal, where
    /// the ledger knows it (a tenant may have been renamed there). A collection that cannot be read to its end is returned as incomplete.
    ///
    /// # Errors
    /// Only when nothing at all can be read: no access, no connection.
    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError>;

    /// Itself for one plan: what that has read of the whole portal it is not asked for again, however many tenants it reads. Such a value is let go
    /// of with the plan, and nothing is written while it lives. `None`: it asks for nothing twice as it is.
    fn for_one_plan(&self) -> Option<Arc<dyn Observe>> {
        None
    }

    /// Reads these kinds of these tenants, and others or not, where that asks for less: whether a call whose answer was lost had its effect.
    ///
    /// # Errors
    /// As [`Observe::read`].
    async fn look(&self, tenants: &[TenantKey], _kinds: &[Kind]) -> Result<Vec<LiveTenant>, PortalError> {
        self.read(tenants).await
    }

    /// The names of all tenants that the portal shows, for `import` and for reporting what is unmanaged.
    ///
    /// # Errors
    /// When the listing cannot be had whole.
    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError>;

    /// Who holds these natural keys of a kind whose keys are unique over the portal; one answer for each key, in order.
    ///
    /// # Errors
    /// When the portal cannot be asked at all.
    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError>;
}

/// Performs approved changes.
#[async_trait]
pub trait Execute: Observe {
    /// Performs calls, at most [`Capabilities::batch`] of them; one answer for each, in order. The intents are durable already.
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>>;
}

/// A tenant as a portal knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantKey {
    /// Its name.
    pub name: TenantName,
    /// Its id in the portal, if known.
    pub id: Option<Box<str>>,
}

/// One call: one approved change with everything needed to make it.
#[derive(Debug, Clone)]
pub struct Call {
    /// The intent's id: the idempotency key.
    pub intent: Box<str>,
    /// The installation, for portals that keep marks of ownership.
    pub owner: Box<str>,
    /// What it is about.
    pub address: Address,
    /// The tenant's id in the portal; `None` while the tenant itself is being made, and for the MSP.
    pub tenant_id: Option<Box<str>>,
    /// What to do.
    pub action: IntentAction,
    /// The object's id; `None` for a creation.
    pub object: Option<Box<str>>,
    /// The natural key, as declared.
    pub key: Box<str>,
    /// The whole of what is declared and supported; references hold portal ids. Empty for a deletion.
    pub desired: Fields,
    /// The fields that differ: all for a creation.
    pub changed: Vec<FieldId>,
    /// The secrets of `changed`, by field and key within the field.
    pub secrets: Vec<(FieldId, Box<str>, SecretString)>,
    /// Creations that this call makes as well (an organization's first administrator).
    pub carries: Vec<Call>,
    /// What the portal had of `changed` when it was planned, and for a deletion all that is known of what goes; references hold ids where they
    /// are known.
    pub before: Fields,
    /// What is around it; `None` where [`Capabilities::context`] does not ask for it.
    pub context: Option<Box<CallContext>>,
    /// How far it has come already, and what is known of the step after that.
    pub fate: Fate,
}

/// What is around a call, for drivers that follow a profile: its expressions and its screens speak of more than one object.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// What all calls of a tenant share.
    pub around: Arc<Around>,
    /// [`Call::desired`] with references by name, as `self` has them in rules.
    pub named: Fields,
    /// [`Call::before`] with references by name where they are known.
    pub named_before: Fields,
    /// What a person answered to an earlier part of this very call.
    pub answered: Option<Answered>,
}

/// What all calls of a tenant in one portal share.
#[derive(Debug, Clone)]
pub struct Around {
    /// What is declared of the tenant; `None`: nothing any more.
    pub tenant: Option<Tenant>,
    /// The names that people see of all declared organizations.
    pub organizations: Arc<BTreeMap<TenantName, Box<str>>>,
    /// The MSP's own account in the portal.
    pub account: Account,
}

/// What a person answered to an earlier part of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answered {
    /// What the driver learnt before the person's turn.
    pub learnt: BTreeMap<String, String>,
    /// What the person brought back.
    pub evidence: BTreeMap<String, String>,
}

/// What a call brought about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It is done. The object as the portal shows it now, where the portal says it (read-back); `None` after a deletion.
    Now {
        /// The object's id.
        id: Option<Box<str>>,
        /// The object as read back.
        object: Option<Box<LiveObject>>,
        /// Ids of what was carried, in the order of [`Call::carries`].
        carried: Vec<Option<Box<str>>>,
    },
    /// A part of it is done. It is performed again, from there on, once that is durable: a driver brings about one thing at a time that a kill
    /// must not lose.
    Partly {
        /// How far it has come.
        reached: Reached,
    },
    /// A technician, or somebody's acceptance, is still needed; what waits, in words for a person.
    Pending {
        /// What it waits for.
        waits_for: String,
        /// What a technician is to do; `None`: nobody has to do anything but wait.
        work: Option<Box<Work>>,
    },
}

/// What a technician is to do for a call, as its driver says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Screens, values and what to bring back.
    pub instructions: Instructions,
    /// What the driver learnt so far and needs again: it comes back in [`Answered::learnt`].
    pub learnt: BTreeMap<String, String>,
    /// True: calls follow once this is confirmed; false: then it is done.
    pub calls_follow: bool,
}

/// Why the step of a call at which it stands has no effect, or none that is known. Sorted by what the caller does about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It had no effect and never will: give up and report.
    #[error("refused by the portal: {0}")]
    Refused(String),
    /// It had no effect and may be repeated after a while.
    #[error("not now: {message}")]
    Retry {
        /// Why.
        message: String,
        /// When the portal said to come back.
        after: Option<std::time::Duration>,
    },
    /// It may have had its effect, and may be performed again: the same key makes it once, or the driver looks first.
    #[error("no answer: {message}")]
    Lost {
        /// Why.
        message: String,
        /// When the portal said to come back.
        after: Option<std::time::Duration>,
        /// Why it may be performed again.
        next: Next,
    },
    /// Nobody knows whether it had an effect: look before anything else.
    #[error("no answer: {0}")]
    Uncertain(String),
    /// Credentials do not allow it.
    #[error("access denied: {0}")]
    Denied(String),
}

impl CallError {
    /// What this try of a step may have brought about.
    pub const fn effect(&self) -> Next {
        match self {
            Self::Refused(_) | Self::Denied(_) | Self::Retry { .. } => Next::Clear,
            Self::Lost { next, .. } => *next,
            Self::Uncertain(_) => Next::Shown,
        }
    }
}

/// Why a portal cannot be read or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortalError {
    /// Credentials are missing, wrong or not enough.
    #[error("access denied: {0}")]
    Denied(String),
    /// A credential that the `Portal` document names is not there.
    #[error("access denied: {0}")]
    NoCredential(String),
    /// It does not answer, or answers nonsense.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The `Portal` document or its profile is wrong.
    #[error("{0}")]
    Misconfigured(String),
}

pub use driver::{Driver, Drivers, OpenContext};
pub use profile::{Profile, load_profile};
