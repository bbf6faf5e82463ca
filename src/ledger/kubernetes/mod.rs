//! The ledger in a cluster, as custom resources of kind `LedgerShard`: for the operator, and for whoever looks over its shoulder.
//!
//! Comes in: a namespace, and who we are there. Goes out: [`KubernetesReader`], which makes nothing, and [`KubernetesLedger`]. Nothing is in a status
//! and nothing counts on a uid, so that a ledger that comes back from a backup is the ledger that was saved.
//!
//! Reading order: `shard` (the objects), `unit` (a portal and tenant), `records` and `changes` (what is in it, and how it changes), `locks`, `commit`,
//! `gather` (commits that are made as one).
//! Why it is so: docs/decisions/0012-ledger-in-the-cluster.md.

mod changes;
mod client;
mod commit;
mod gather;
mod installation;
mod key;
mod leader;
mod locks;
mod place;
mod read;
mod records;
mod secrets;
mod shard;
mod unit;
mod watch;

pub use key::ClusterKey;
pub use place::Place;
pub use secrets::{NamedSecrets, SecretKey, SecretTexts};

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use kube::Client;

use super::locking;
use super::{AuditRecord, Holder, Identity, Ledger, LedgerError, LedgerRead, Lock, LockId, Recorded, WorkWanted, Write, codec, leadership};
use crate::model::ledger::LedgerState;
use crate::model::work_order::WorkItem;
use crate::model::{PortalName, TenantName};
use client::{Failure, Shards};

/// Requests under way at once, of one call.
const AT_ONCE: usize = 8;
/// The log's target of audit records: each is logged when it is recorded, because the cluster keeps the newest alone.
const AUDIT_LOG: &str = "tenantry::audit";

/// Reads a ledger in a cluster. Where nothing was written yet it is an empty ledger.
#[derive(Clone)]
pub struct KubernetesReader {
    shards: Shards,
}

/// Reads and writes a ledger in a cluster.
#[derive(Clone)]
pub struct KubernetesLedger {
    reader: KubernetesReader,
    cache: Arc<commit::Cache>,
    turns: Arc<commit::Turns>,
    gathered: Arc<gather::Gathered>,
}

/// How long to wait before it is tried again: longer each time, and never as long as somebody else who waits.
fn pause(attempt: usize) -> Duration {
    let mut byte = [0_u8];
    // Without random bytes everybody waits as long, which is only slower.
    let _ = getrandom::fill(&mut byte);
    let most = Duration::from_millis(10 << attempt.min(6));
    most / 2 + most * u32::from(byte[0]) / 512
}

/// Waits for all of these, some of them at once, in order; the first that fails ends the others.
async fn together<T>(calls: Vec<impl Future<Output = Result<T, Failure>>>) -> Result<Vec<T>, Failure> {
    stream::iter(calls).buffered(AT_ONCE).try_collect().await
}

/// Waits after a failure, which is what is told in the end if nothing better comes of trying again.
async fn after(failure: Failure, attempt: usize) -> Failure {
    tokio::time::sleep(pause(attempt)).await;
    failure
}

impl KubernetesReader {
    /// A ledger in a namespace, read through a client that is there already.
    ///
    /// # Errors
    /// When it may not be read, or the cluster has no kind `LedgerShard`.
    pub async fn new(client: Client, namespace: &str) -> Result<Self, LedgerError> {
        let shards = Shards::new(client, namespace);
        installation::read(&shards).await?;
        Ok(Self { shards })
    }

    /// A ledger at a place.
    ///
    /// # Errors
    /// When the cluster is not known or cannot be reached, or as [`Self::new`].
    pub async fn open(place: &Place) -> Result<Self, LedgerError> {
        Self::new(place.connect().await?, place.namespace()).await
    }

    /// Whether somebody made a ledger at a place.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn is_there(place: &Place) -> Result<bool, LedgerError> {
        let shards = Shards::new(place.connect().await?, place.namespace());
        Ok(installation::read(&shards).await?.is_some())
    }
}

impl KubernetesLedger {
    /// A ledger in a namespace, written through a client that is there already; its installation is made where there is none.
    ///
    /// # Errors
    /// When it may not be written, or the cluster has no kind `LedgerShard`.
    pub async fn new(client: Client, namespace: &str) -> Result<Self, LedgerError> {
        let shards = Shards::new(client, namespace);
        installation::make(&shards).await?;
        locks::sweep(&shards).await?;
        Ok(Self { reader: KubernetesReader { shards }, cache: Arc::default(), turns: Arc::default(), gathered: Arc::default() })
    }

    /// A ledger at a place.
    ///
    /// # Errors
    /// When the cluster is not known or cannot be reached, or as [`Self::new`].
    pub async fn open(place: &Place) -> Result<Self, LedgerError> {
        Self::new(place.connect().await?, place.namespace()).await
    }

    const fn shards(&self) -> &Shards {
        &self.reader.shards
    }
}

#[async_trait]
impl LedgerRead for KubernetesReader {
    async fn identity(&self) -> Result<Identity, LedgerError> {
        Ok(read::identity(&self.shards).await?)
    }

    async fn read(&self, portal: &PortalName, tenants: &[TenantName]) -> Result<Vec<LedgerState>, LedgerError> {
        Ok(read::states(&self.shards, portal, tenants).await?)
    }

    async fn tenants(&self) -> Result<Vec<(PortalName, TenantName)>, LedgerError> {
        let all = read::summaries(&self.shards).await?.into_iter();
        Ok(all.filter(|(_, summary)| summary.has_something()).map(|(unit, _)| unit).collect())
    }

    async fn locks(&self) -> Result<Vec<Lock>, LedgerError> {
        let mut locks = locks::all(&self.shards).await?;
        locks.extend(leader::read(&self.shards).await?);
        locks.sort_by(|a, b| (&a.portal, &a.tenant).cmp(&(&b.portal, &b.tenant)));
        Ok(locks)
    }

    async fn audit(&self, limit: usize) -> Result<Vec<AuditRecord>, LedgerError> {
        Ok(read::audit(&self.shards, limit).await?)
    }

    async fn work(&self, wanted: WorkWanted) -> Result<Vec<(PortalName, WorkItem)>, LedgerError> {
        Ok(read::work(&self.shards, wanted).await?)
    }

    async fn holds_secrets(&self) -> Result<bool, LedgerError> {
        Ok(read::summaries(&self.shards).await?.iter().any(|(_, summary)| summary.secrets))
    }
}

read_through!(KubernetesLedger);

#[async_trait]
impl Ledger for KubernetesLedger {
    async fn commit(&self, lock: &LockId, writes: Vec<Write>) -> Result<(), LedgerError> {
        if writes.is_empty() {
            return Ok(());
        }
        gather::commit(self, lock, writes.clone()).await?;
        for record in writes.iter().filter_map(|write| if let Write::Audit(record) = write { Some(record) } else { None }) {
            tracing::info!(target: AUDIT_LOG, "{}", codec::json(record)?);
        }
        Ok(())
    }

    async fn lock(
        &self,
        units: &[(PortalName, TenantName)],
        holder: &Holder,
        _now: Timestamp,
        lease: Duration,
    ) -> Result<LockId, LedgerError> {
        if *units == [leadership()] {
            return Ok(leader::take(self.shards(), holder, lease).await?);
        }
        let (units, id) = (locking::distinct(units).into_iter().collect(), locking::new_id());
        locks::take(self.shards(), units, &id, holder, lease).await?;
        Ok(id)
    }

    async fn renew(&self, id: &LockId, _now: Timestamp, lease: Duration) -> Result<(), LedgerError> {
        if leader::is_leaders(id) {
            return Ok(leader::renew(self.shards(), id, lease).await?);
        }
        Ok(locks::renew(self.shards(), id, lease).await?)
    }

    async fn unlock(&self, id: &LockId) -> Result<usize, LedgerError> {
        if leader::is_leaders(id) {
            return Ok(leader::release(self.shards(), id).await?);
        }
        // What is known of heads is of use under their lock alone.
        self.cache.lock().await.retain(|_, unit| !unit.is_under(id));
        Ok(locks::release(self.shards(), id).await?)
    }

    fn recorded(&self) -> Option<BoxStream<'static, Recorded>> {
        Some(watch::recorded(self.shards()))
    }

    async fn claim(&self, installation: &str, record: AuditRecord) -> Result<(), LedgerError> {
        locking::known_installation(installation)?;
        installation::claim(self.shards(), installation, &record).await?;
        tracing::info!(target: AUDIT_LOG, "{}", codec::json(&record)?);
        Ok(())
    }
}
