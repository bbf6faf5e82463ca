//! The ledger in one SQLite file: the default, for one machine.
//!
//! Comes in: the path of the file. Goes out: [`SqliteReader`], which cannot write and makes nothing, and [`SqliteLedger`]. Every call runs on
//! tokio's threads for blocking work: a commit waits for the disk, and for other processes, longer than an async task may hold a thread. A call
//! whose future is dropped is carried out all the same, as a whole.

mod open;
mod read;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Transaction, TransactionBehavior};

use super::locking::{self, Lease};
use super::{AuditRecord, Holder, Identity, Ledger, LedgerError, LedgerRead, Lock, LockId, WorkWanted, Write, codec};
use crate::model::ledger::LedgerState;
use crate::model::work_order::WorkItem;
use crate::model::{PortalName, TenantName};
use open::{Failure, Opened};

/// Reads a SQLite ledger. A file that was missing when it was opened is an empty ledger for as long as this lives.
#[derive(Debug, Clone)]
pub struct SqliteReader {
    shared: Arc<Shared>,
}

/// Reads and writes a SQLite ledger.
#[derive(Debug, Clone)]
pub struct SqliteLedger {
    reader: SqliteReader,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    /// `None`: there was no file.
    connection: Option<Mutex<Opened>>,
}

impl SqliteReader {
    /// Opens a file to read it. Makes nothing: a missing file is an empty ledger.
    ///
    /// # Errors
    /// When it may not be read, is damaged, is of a newer version or is no ledger.
    pub async fn open(path: &Path) -> Result<Self, LedgerError> {
        let path = path.to_owned();
        blocking(move || {
            let connection = open::for_reading(&path)?.map(Mutex::new);
            Ok(Self { shared: Arc::new(Shared { path, connection }) })
        })
        .await
    }

    /// Runs `work` with the connection; `empty` is the answer where there is no file.
    async fn run<T: Send + 'static>(
        &self,
        empty: T,
        work: impl FnOnce(&mut Opened) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            let Some(connection) = &shared.connection else { return Ok(empty) };
            // A transaction rolls back when it is dropped, in a panic too: what is behind the lock is whole.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut connection).map_err(|failure| open::translate(&shared.path, failure))
        })
        .await
    }
}

impl SqliteLedger {
    /// Opens a file to write it; makes it (mode 0600) and its folder (mode 0700) where they are missing.
    ///
    /// # Errors
    /// When it may not be written, is damaged, is of a newer version or is no ledger.
    pub async fn open(path: &Path) -> Result<Self, LedgerError> {
        let path = path.to_owned();
        blocking(move || {
            let connection = Some(Mutex::new(open::for_writing(&path)?));
            Ok(Self { reader: SqliteReader { shared: Arc::new(Shared { path, connection }) } })
        })
        .await
    }

    /// Runs `work` in one transaction that nobody else can write beside.
    async fn transact<T: Default + Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.reader
            .run(T::default(), |opened| {
                let tx = opened.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let done = work(&tx)?;
                tx.commit()?;
                Ok(done)
            })
            .await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, LedgerError> + Send + 'static) -> Result<T, LedgerError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|e| Err(LedgerError::Unavailable(format!("the work on the ledger was broken off: {e}"))))
}

#[async_trait]
impl LedgerRead for SqliteReader {
    async fn identity(&self) -> Result<Identity, LedgerError> {
        self.run(Identity { installation: "".into(), serial: 0 }, |c| read::identity(&c.connection)).await
    }

    async fn read(&self, portal: &PortalName, tenants: &[TenantName]) -> Result<Vec<LedgerState>, LedgerError> {
        let (portal, tenants) = (portal.clone(), tenants.to_vec());
        self.run(vec![LedgerState::default(); tenants.len()], move |c| read::states(c, &portal, &tenants)).await
    }

    async fn tenants(&self) -> Result<Vec<(PortalName, TenantName)>, LedgerError> {
        self.run(Vec::new(), |c| read::tenants(&c.connection)).await
    }

    async fn locks(&self) -> Result<Vec<Lock>, LedgerError> {
        self.run(Vec::new(), |c| read::locks(&c.connection)).await
    }

    async fn audit(&self, limit: usize) -> Result<Vec<AuditRecord>, LedgerError> {
        self.run(Vec::new(), move |c| read::audit(&c.connection, limit)).await
    }

    async fn work(&self, wanted: WorkWanted) -> Result<Vec<(PortalName, WorkItem)>, LedgerError> {
        self.run(Vec::new(), move |c| read::work(c, wanted)).await
    }

    async fn called(&self, name: &str) -> Result<Vec<(PortalName, WorkItem)>, LedgerError> {
        let name = name.to_owned();
        self.run(Vec::new(), move |c| read::called(c, &name)).await
    }

    async fn holds_secrets(&self) -> Result<bool, LedgerError> {
        self.run(false, |c| read::holds_secrets(&c.connection)).await
    }
}

read_through!(SqliteLedger);

#[async_trait]
impl Ledger for SqliteLedger {
    async fn commit(&self, lock: &LockId, writes: Vec<Write>) -> Result<(), LedgerError> {
        if writes.is_empty() {
            return Ok(());
        }
        let lock = lock.clone();
        self.transact(move |tx| write::commit(tx, &lock, &writes)).await
    }

    async fn lock(
        &self,
        units: &[(PortalName, TenantName)],
        holder: &Holder,
        now: Timestamp,
        lease: Duration,
    ) -> Result<LockId, LedgerError> {
        let units = locking::distinct(units);
        let (id, holder, lease) = (locking::new_id(), holder.clone(), Lease::new(now, lease));
        let taken = id.clone();
        self.transact(move |tx| write::lock(tx, &units, &taken, &holder, &lease)).await?;
        Ok(id)
    }

    async fn renew(&self, id: &LockId, now: Timestamp, lease: Duration) -> Result<(), LedgerError> {
        let (id, until) = (id.clone(), codec::nanos(Lease::new(now, lease).until));
        self.transact(move |tx| {
            let renewed = tx.prepare_cached("UPDATE tenantry_locks SET until = $1 WHERE id = $2")?.execute((until, &id.0))?;
            if renewed == 0 { Err(LedgerError::LockLost(id).into()) } else { Ok(()) }
        })
        .await
    }

    async fn unlock(&self, id: &LockId) -> Result<usize, LedgerError> {
        let id = id.clone();
        self.transact(move |tx| write::unlock(tx, &id)).await
    }

    async fn claim(&self, installation: &str, record: AuditRecord) -> Result<(), LedgerError> {
        locking::known_installation(installation)?;
        let installation = installation.to_owned();
        self.transact(move |tx| write::claim(tx, &installation, &record)).await
    }
}
