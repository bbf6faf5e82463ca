//! The controller: the same engine, again and again, for whoever declares continuously. Two faces drive it: `run` beside a folder of YAML,
//! and the operator in Kubernetes.
//!
//! Comes in: a [`Fleet`] from a face each time something was declared anew, and what wakes a tenant ([`Why`]). Goes out: a [`Visit`] for each
//! portal and tenant that it looked at, to the face's [`Reporter`]. Never reads files or clusters, never prints, and never applies what `plan`
//! and the guards would not let the command line apply: it has no selection and no `--allow`, and approval is by digest alone.
//!
//! One visit, in order: read without a lock → plan → judge → approve → lock → read and plan again → apply → plan again → unlock. At rest it
//! ends after the first plan, so that a controller with nothing to do writes nothing.
//!
//! Reading order: here (what goes in and out), `drive` (the loop, with `tasks` and `wake`), `changed` (who is woken by a new fleet), `queue` (what is visited when),
//! `backoff` and `pace`, `visit` (one of them, with `ended`), `known` (what is asked of the ledger once), `approval` (may it be applied), `lead` (which of several instances acts), `fence` (no call after the
//! lease's end), `status` (what a person is told of each resource), `preview` (what would come of another declaration), `metrics`, `health` (the
//! server that both faces listen with), `cluster` (how the command line starts the face that it never meets).

pub mod approval;
pub mod backoff;
pub(crate) mod changed;
pub mod cluster;
mod drive;
mod ended;
pub mod fence;
pub mod health;
mod known;
pub mod lead;
pub mod metrics;
mod pace;
pub mod preview;
pub mod queue;
pub mod status;
mod tasks;
mod visit;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::time::Instant;

use crate::apply::{RunReport, Stop};
use crate::diagnostic::Diagnostic;
use crate::engine::Served;
use crate::guard;
use crate::ledger::Ledger;
use crate::model::{Address, Desired, Digest, PortalName, TenantName};
use crate::plan::document::TenantPlan;
use crate::portal::gated::{Gate, Gated};
use crate::portal::{CallError, Execute, PortalError};
use crate::secrets::{MacKey, SecretReader};
pub use drive::Controller;
use fence::Fence;

/// One portal and tenant: what is queued, locked, planned, approved and reported together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitKey {
    /// The portal.
    pub portal: PortalName,
    /// The tenant.
    pub tenant: TenantName,
}

/// Why a unit is visited; of several reasons the first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Something was declared anew, a secret among it. Forgets what failed before.
    Changed,
    /// A person asked. Forgets what failed before.
    Asked,
    /// A digest was approved, or a technician confirmed something.
    Answered,
    /// It failed, or waits for something else, and its pause is over.
    Retry,
    /// Its interval is over.
    Poll,
}

/// What is declared at one moment, with the portals open.
pub struct Fleet {
    /// The number of this declaration, for a face that counts them: what a visit of an earlier one finds says nothing of a later one.
    pub edition: u64,
    /// What is declared, and can be planned from.
    pub desired: Desired,
    /// The portals, open for reading and writing, by name.
    pub portals: BTreeMap<PortalName, Open>,
    /// Portals that cannot be opened.
    pub closed: BTreeMap<PortalName, PortalError>,
    /// The digests that people approved.
    pub approved: Approved,
    /// Tenants whose declarations have errors: nothing is planned for them, nor for what names tenants by selector, until they are mended.
    pub invalid: BTreeMap<TenantName, Vec<Diagnostic>>,
    /// Tenants that are to be taken away from the portals that serve them, as `--destroy` does; what guards refuse waits for its digest.
    pub leaving: BTreeSet<TenantName>,
}

/// The digests that people approved. Each is used once: by the plan that it is the digest of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approved {
    /// By somebody who may approve for every tenant, and did not say which plan they mean.
    pub everywhere: BTreeSet<String>,
    /// The same, by somebody who may approve for the tenants of one portal.
    pub portals: BTreeMap<PortalName, BTreeSet<String>>,
    /// By somebody who may approve for one tenant: what they say passes nothing of another's.
    pub tenants: BTreeMap<TenantName, BTreeSet<String>>,
    /// For one tenant in one portal.
    pub units: BTreeMap<UnitKey, BTreeSet<String>>,
    /// Resources whose deletion somebody approved, and with an organization's the deletion of all that it has.
    pub deletions: BTreeSet<Address>,
    /// Who approved a digest, where that is known: for the audit record.
    pub consents: BTreeMap<String, Consent>,
}

/// Who approved a digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consent {
    /// As `user@host`.
    pub who: String,
    /// The ticket that goes with it.
    pub ticket: Option<String>,
}

/// Digests whose plans were applied, by unit: each stays here for as long as a fleet says that it is approved.
pub(crate) type Spent = BTreeMap<UnitKey, BTreeSet<String>>;

impl Approved {
    /// What was said of a unit, its plan apart from others': what was approved of nothing in particular counts only for the very plan.
    fn of(&self, unit: &UnitKey, digest: &str) -> Vec<String> {
        let own = self.tenants.get(&unit.tenant).into_iter().chain(self.units.get(unit)).flatten();
        let mut all: BTreeSet<&String> = own.collect();
        all.extend(self.everywhere.get(digest));
        all.extend(self.portals.get(&unit.portal).and_then(|digests| digests.get(digest)));
        all.into_iter().cloned().collect()
    }

    /// All that could be meant for a unit.
    fn about(&self, unit: &UnitKey) -> BTreeSet<&String> {
        let own = self.tenants.get(&unit.tenant).into_iter().chain(self.units.get(unit)).flatten();
        let of_portal = self.portals.get(&unit.portal).into_iter().flatten();
        self.everywhere.iter().chain(of_portal).chain(own).collect()
    }

    /// The deletions of a tenant's that were approved.
    fn deletions_of(&self, tenant: &TenantName) -> BTreeSet<&Address> {
        self.deletions.iter().filter(|address| address.tenant == *tenant).collect()
    }
}

/// An open portal.
pub struct Open {
    /// Reads it.
    pub served: Served,
    /// Changes it. Only ever called behind a fence.
    pub execute: Arc<dyn Execute>,
}

/// What a controller knows of a unit after a visit.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Which.
    pub key: UnitKey,
    /// When it ended.
    pub at: Timestamp,
    /// What it came to.
    pub end: End,
    /// What the plan holds, before anything was applied; `None`: there is nothing to say, or no plan.
    pub plan: Option<TenantPlan>,
    /// What became of it, if it was applied.
    pub report: Option<RunReport>,
    /// The approval that it used up: it passes nothing any more.
    pub spent: Option<String>,
    /// When it began, by a clock that nobody sets.
    pub began: Instant,
    /// How long it took.
    pub took: Duration,
    /// Failures in a row, this one among them; a visit that kept what the portal did not show enough of counts as one.
    pub failures: u32,
    /// When it is visited again at the latest.
    pub again: Timestamp,
}

/// What a visit came to. The closed set behind the conditions' reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Live is as declared.
    InStep,
    /// Its plan is being applied: the visit goes on.
    Applying,
    /// Changes were applied, and nothing is left.
    Applied,
    /// A controller leaves it alone, as its manifest says.
    Suspended,
    /// Its plan waits for somebody's approval.
    AwaitingApproval {
        /// The digest to approve.
        digest: String,
        /// A digest was approved, of another plan than this.
        stale: bool,
    },
    /// All that is left waits for a technician.
    AwaitingTechnician,
    /// There is drift, and the manifests say only to report it.
    DriftReported,
    /// Guards refuse it.
    Refused {
        /// Their codes, sorted.
        codes: Vec<String>,
        /// The first one's sentence.
        message: String,
    },
    /// Its declarations have errors.
    Invalid {
        /// The first one's sentence.
        message: String,
    },
    /// It needs something that is not there yet: a portal's document, another tenant.
    DependencyNotReady {
        /// What, in words.
        message: String,
    },
    /// The portal cannot be read or written.
    Portal(PortalError),
    /// Somebody else works on it.
    Contended {
        /// Who, in words.
        message: String,
    },
    /// Some changes failed or are uncertain; the report says which.
    Failed {
        /// The first one's sentence.
        message: String,
    },
    /// The run stopped before its end: leadership was lost, or the ledger cannot be written.
    Stopped {
        /// Why.
        message: String,
    },
}

impl End {
    /// The word for it in spans and, but for the ends that are all well or all an error, in metrics.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::InStep => "in_step",
            Self::Applying => "applying",
            Self::Applied => "applied",
            Self::Suspended => "suspended",
            Self::AwaitingApproval { .. } => "awaiting_approval",
            Self::AwaitingTechnician => "awaiting_technician",
            Self::DriftReported => "drift",
            Self::Refused { .. } => "refused",
            Self::Invalid { .. } => "invalid",
            Self::DependencyNotReady { .. } => "dependency_not_ready",
            Self::Portal(_) => "portal",
            Self::Contended { .. } => "contended",
            Self::Failed { .. } => "failed",
            Self::Stopped { .. } => "stopped",
        }
    }

    /// True where it is tried again soon, and the next pause is longer than the last one.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Portal(_) | Self::Failed { .. } | Self::DependencyNotReady { .. } | Self::Stopped { .. } => true,
            // A person who has to end one of them has to end it all the same.
            Self::Refused { codes, .. } => !codes.is_empty() && codes.iter().all(|code| guard::may_pass_by_itself(code)),
            _ => false,
        }
    }
}

/// Told of every visit.
#[async_trait]
pub trait Reporter: Send + Sync {
    /// Records what a visit came to where people look. Never fails a visit: what cannot be recorded is tried again with the next one.
    async fn visited(&self, fleet: &Fleet, visit: &Visit);

    /// Is told of a visit whose plan is being applied and which takes long: whoever told only of its tenant tells of each resource now.
    async fn lasts(&self, _fleet: &Fleet, _visit: &Visit) {}
}

/// What a controller works with.
pub struct Tools {
    /// What is ours.
    pub ledger: Arc<dyn Ledger>,
    /// Reads secrets.
    pub secrets: Arc<dyn SecretReader>,
    /// The key of the secrets' MACs; not set: no secret was declared yet.
    pub key: Arc<OnceLock<MacKey>>,
    /// Who we are, for locks and audit records.
    pub who: String,
    /// Lets no call begin while we do not lead.
    pub fence: Fence,
    /// Set to stop: calls under way finish, no new one starts.
    pub stop: Arc<Stop>,
}

impl Tools {
    fn mac(&self) -> impl Fn(&[(&str, &SecretString)]) -> Digest + Sync {
        move |parts| self.key.get().map_or(Digest([0xff; 16]), |key| key.mac(parts))
    }

    fn fenced(&self, open: &Open) -> Arc<dyn Execute> {
        Gated::portal(Arc::clone(&open.served.observe), Arc::clone(&open.execute), Arc::new(self.fence.clone()))
    }
}

#[async_trait]
impl Gate for Fence {
    fn shut(&self) -> Option<CallError> {
        // Nothing was sent: it may be sent by whoever leads now.
        (!self.is_open()).then(|| CallError::Retry { message: "we do not lead any more".to_owned(), after: None })
    }

    async fn shuts(&self) {
        self.closes().await;
    }
}
