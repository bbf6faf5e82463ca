//! The ledger's port: the durable record of what is ours. Three stores implement it (SQLite, PostgreSQL, a Kubernetes cluster) and one contract
//! suite holds all of them to it.
//!
//! [`LedgerRead`] is all that `plan` gets. [`Ledger`] writes, and each write is one durable transaction: when it returns, a killed process has
//! lost nothing of it.
//!
//! Comes in: the time, as an argument, and writes. Goes out: the ledger's values (`model::ledger`). Never decides what is ours: it keeps what it
//! is told, and refuses what the lock does not cover.
//!
//! [`LedgerLocation`] opens a store. `writes` says what each [`Write`] means, in SQL that two of them run; `locking` decides who may have a lock.

/// A store that writes reads as its `reader` does.
macro_rules! read_through {
    ($store:ty) => {
        #[async_trait]
        impl LedgerRead for $store {
            async fn identity(&self) -> Result<Identity, LedgerError> {
                self.reader.identity().await
            }

            async fn read(&self, portal: &PortalName, tenants: &[TenantName]) -> Result<Vec<LedgerState>, LedgerError> {
                self.reader.read(portal, tenants).await
            }

            async fn tenants(&self) -> Result<Vec<(PortalName, TenantName)>, LedgerError> {
                self.reader.tenants().await
            }

            async fn locks(&self) -> Result<Vec<Lock>, LedgerError> {
                self.reader.locks().await
            }

            async fn audit(&self, limit: usize) -> Result<Vec<AuditRecord>, LedgerError> {
                self.reader.audit(limit).await
            }

            async fn work(&self, wanted: WorkWanted) -> Result<Vec<(PortalName, WorkItem)>, LedgerError> {
                self.reader.work(wanted).await
            }

            async fn called(&self, name: &str) -> Result<Vec<(PortalName, WorkItem)>, LedgerError> {
                self.reader.called(name).await
            }

            async fn holds_secrets(&self) -> Result<bool, LedgerError> {
                self.reader.holds_secrets().await
            }
        }
    };
}

mod codec;
mod diagnose;
mod holder;
pub mod kubernetes;
mod location;
mod locking;
pub mod postgres;
pub mod seldom;
pub mod sqlite;
mod writes;

pub use location::{LedgerLocation, LocationError};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::ledger::{Attestation, Intent, LedgerRow, LedgerState, Tombstone};
use crate::model::work_order::{Observation, WorkItem};
use crate::model::{Address, PortalName, TenantName};

/// The portal and tenant whose lock is leadership: no portal's, but a name that says in a list of locks what it is. In a cluster it is a `Lease`.
pub fn leadership() -> (PortalName, TenantName) {
    (PortalName::slugify("tenantry-controller"), TenantName::slugify("leader"))
}

/// Word that the records of a portal and tenant are other than they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The portal.
    pub portal: PortalName,
    /// The tenant.
    pub tenant: TenantName,
}

/// Reads the ledger.
#[async_trait]
pub trait LedgerRead: Send + Sync {
    /// Who we are: the installation's id (never empty once anything was written) and how many commits the ledger has seen.
    async fn identity(&self) -> Result<Identity, LedgerError>;

    /// What the ledger has of these tenants in a portal: one state for each, in order; a tenant without rows has an empty one.
    async fn read(&self, portal: &PortalName, tenants: &[TenantName]) -> Result<Vec<LedgerState>, LedgerError>;

    /// Every portal and tenant that has a row, an intent or an attestation, sorted.
    async fn tenants(&self) -> Result<Vec<(PortalName, TenantName)>, LedgerError>;

    /// The locks that are held, sorted by portal and tenant.
    async fn locks(&self) -> Result<Vec<Lock>, LedgerError>;

    /// The newest audit records, newest first, at most `limit`.
    async fn audit(&self, limit: usize) -> Result<Vec<AuditRecord>, LedgerError>;

    /// Items of work orders of all portals and tenants: those given out last first, of one moment in the order in which they were given out.
    async fn work(&self, wanted: WorkWanted) -> Result<Vec<(PortalName, WorkItem)>, LedgerError>;

    /// The items with a name, in the order of [`Self::work`]: a reference, that of an earlier revision, a work order's, or enough of the beginning
    /// of one. Those that were given out under it are all there, so that whoever means one of several can be told.
    async fn called(&self, name: &str) -> Result<Vec<(PortalName, WorkItem)>, LedgerError> {
        Ok(WorkWanted::with_name(self.work(WorkWanted::All).await?, name))
    }

    /// True if a row has the MAC of a secret: then the key of the MACs must be there, and a new one is never made.
    async fn holds_secrets(&self) -> Result<bool, LedgerError> {
        for (portal, tenant) in self.tenants().await? {
            let states = self.read(&portal, std::slice::from_ref(&tenant)).await?;
            if states.iter().flat_map(|s| s.rows.values()).any(|row| !row.secrets.is_empty()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Which items of work orders are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkWanted {
    /// Those of [`LedgerState::work`]: what waits for a technician, and what was confirmed and whose calls are still to come.
    Waiting,
    /// Every one that was ever given out.
    All,
}

/// The items whose names begin with a text, as both stores understand it; `$1` and `$2` are the text and what comes after all that begins with it.
const CALLED: &str = "SELECT w.portal, w.tenant, w.kind, w.name, w.body FROM tenantry_work w
    WHERE w.seq IN (SELECT n.item FROM tenantry_work_names n WHERE n.name >= $1 AND n.name < $2) ORDER BY w.given DESC, w.seq";

/// The parameters of [`CALLED`].
fn beginning(name: &str) -> [String; 2] {
    let name = name.to_ascii_lowercase();
    let after = format!("{name}\u{10FFFF}");
    [name, after]
}

impl WorkWanted {
    /// Those of some items that have a name.
    fn with_name(mut items: Vec<(PortalName, WorkItem)>, name: &str) -> Vec<(PortalName, WorkItem)> {
        items.retain(|(_, item)| item.is_called(name) || item.was_called(name) || item.is_in(name));
        items
    }

    /// The question, as both stores understand it: portal, tenant, kind, name and body of each.
    const fn sql(self) -> &'static str {
        match self {
            Self::Waiting => {
                "SELECT w.portal, w.tenant, w.kind, w.name, w.body FROM tenantry_work w WHERE w.waits OR (w.follows AND EXISTS
                (SELECT 1 FROM tenantry_intents i WHERE i.portal = w.portal AND i.tenant = w.tenant AND i.id = w.intent))
                ORDER BY w.given DESC, w.seq"
            }
            Self::All => "SELECT portal, tenant, kind, name, body FROM tenantry_work ORDER BY given DESC, seq",
        }
    }
}

/// Writes the ledger.
#[async_trait]
pub trait Ledger: LedgerRead {
    /// Commits writes in one durable transaction, all or nothing. Refused with [`LedgerError::LockLost`] where `lock` is no longer held, and
    /// with [`LedgerError::Conflict`] where a write is about a portal and tenant that it does not cover. No writes are no commit.
    async fn commit(&self, lock: &LockId, writes: Vec<Write>) -> Result<(), LedgerError>;

    /// Takes the locks of a portal's tenants, all or none, for a lease from `now` (a store that several machines share has a clock of its own,
    /// and goes by that one). A lock whose lease is over, or whose holder is proven
    /// dead, is taken over: its id is then lost for all that it held.
    async fn lock(
        &self,
        units: &[(PortalName, TenantName)],
        holder: &Holder,
        now: Timestamp,
        lease: std::time::Duration,
    ) -> Result<LockId, LedgerError>;

    /// Extends the lease of everything held under an id; [`LedgerError::LockLost`] where it is no longer held.
    async fn renew(&self, id: &LockId, now: Timestamp, lease: std::time::Duration) -> Result<(), LedgerError>;

    /// Lets go of everything held under an id; how many locks that were. Also how a person breaks a lock.
    async fn unlock(&self, id: &LockId) -> Result<usize, LedgerError>;

    /// Word of what is recorded from now on, by whomever; `None`: this store has none, and whoever wants to know looks. It never ends.
    fn recorded(&self) -> Option<BoxStream<'static, Recorded>> {
        None
    }

    /// Makes this ledger, which must be empty, the one of an installation whose ledger was lost: what the portals have marked with its id is
    /// ours again. `record` says so in the audit trail. [`LedgerError::Conflict`] where the ledger has a row, an intent, an attestation or a
    /// lock, or `installation` is no id of ours. Claiming what it is already changes nothing.
    async fn claim(&self, installation: &str, record: AuditRecord) -> Result<(), LedgerError>;
}

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The installation's id.
    pub installation: Box<str>,
    /// How many commits the ledger has seen.
    pub serial: u64,
}

/// The id of a lock, and the only key that breaks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockId(pub Box<str>);

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The person, as `user@host`.
    pub who: String,
    /// What they run, such as `apply`.
    pub operation: String,
    /// The host's name, to know whether `process` can be asked about.
    pub host: String,
    /// Process id.
    pub process: u32,
    /// When the process began, in the system's own words, so that a reused process id is told apart.
    pub started: String,
}

/// A lock that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Its id.
    pub id: LockId,
    /// The portal.
    pub portal: PortalName,
    /// The tenant.
    pub tenant: TenantName,
    /// Who holds it.
    pub holder: Holder,
    /// Since when.
    pub since: Timestamp,
    /// Until when, unless renewed.
    pub until: Timestamp,
}

/// One write.
#[derive(Debug, Clone)]
pub enum Write {
    /// A call is about to begin. An intent of the same id is replaced: a resumed call is the same call.
    Intend(PortalName, Intent),
    /// An intent's call has ended and its outcome is known, or a person decided. Settling twice is settling once.
    Settle(PortalName, TenantName, Box<str>),
    /// An intent's outcome could not be found out. A conflict if there is no such intent.
    MarkUnknown(PortalName, TenantName, Box<str>),
    /// A row is new or other than it was.
    Put(PortalName, Box<LedgerRow>),
    /// A row moves to another address (`previously`, `ledger move`), and with it its open intents, its items of work orders and its attestation.
    /// A conflict if there is no such row, or one at the new address.
    Move(PortalName, Address, Address),
    /// A row goes; with a tombstone where we deleted its object, and none where the object may be alive: a tombstone hides it for a while.
    Remove(PortalName, Address, Option<Tombstone>),
    /// A person recorded what they saw. Older than what is recorded of the address already, it changes nothing.
    Attest(PortalName, Attestation),
    /// What a person recorded is taken back. Nothing recorded is nothing taken back.
    Unattest(PortalName, Address),
    /// An item of a work order is given out, or something became of it. One of the same portal, tenant and intent is replaced.
    Work(PortalName, Box<WorkItem>),
    /// What a portal shows of a tenant beside what is declared, by the name that its profile gives it. Older than what is recorded already, it
    /// changes nothing.
    Observe(PortalName, TenantName, Box<str>, Observation),
    /// What was done, by whom and with what result; never changed afterwards.
    Audit(AuditRecord),
}

/// One line of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AuditRecord {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Who ran it, as `user@host`.
    pub who: String,
    /// `--ticket`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Digest of the plan it carried out.
    pub plan: String,
    /// How the plan was approved.
    pub approval: String,
    /// The portal.
    #[schemars(with = "String")]
    pub portal: PortalName,
    /// What it was about.
    #[schemars(with = "String")]
    pub address: Address,
    /// What was asked for, such as `create`, with the fields by name; secrets never.
    pub request: String,
    /// What became of it.
    pub result: String,
}

/// Why the ledger cannot be read or written. Sorted by what the caller does about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Somebody else works on one of these tenants: wait, or ask them.
    #[error("{} of portal {} is locked by {} ({}) until {:.0}", .0.tenant, .0.portal, .0.holder.who, .0.holder.operation, .0.until)]
    Locked(Box<Lock>),
    /// The lock under which we wrote is gone: stop.
    #[error("the lock {} is no longer held: its lease ran out, or somebody broke it", .0.0)]
    LockLost(LockId),
    /// The store is of a newer version than this program: upgrade.
    #[error("the ledger is of version {found}; this program knows versions up to {known}")]
    TooNew {
        /// Version of the store.
        found: i64,
        /// Newest version we know.
        known: i64,
    },
    /// No access to the store.
    #[error("access to the ledger denied: {0}")]
    Denied(String),
    /// It cannot be reached or is damaged.
    #[error("ledger unavailable: {0}")]
    Unavailable(String),
    /// A write contradicts what is there (a move onto an existing row, say).
    #[error("{0}")]
    Conflict(String),
}
