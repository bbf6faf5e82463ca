//! The ledger in PostgreSQL: for teams and CI runners that work from several machines.
//!
//! Comes in: a `postgres://` URL. Goes out: [`PostgresReader`], which cannot write and makes nothing, and [`PostgresLedger`]. The tables stand in
//! the connection's current schema. TLS is taken where the server offers it, and then verified; `sslmode` says otherwise.
//!
//! Leases are of the server's clock: the clocks of runners on several machines differ, and one that is ahead would take a lock that is alive. The
//! time that a caller gives is not looked at.
//!
//! A lost connection is made anew. A read is then repeated; a commit is repeated only after it was found out that it did not happen: each
//! carries an id, which it writes into its lock's row as its first statement, so that a second attempt waits for the first to end and sees it.

mod listen;
mod read;
mod session;
mod tls;
mod write;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::Config;

use super::locking;
use super::{AuditRecord, Holder, Identity, Ledger, LedgerError, LedgerRead, Lock, LockId, Recorded, WorkWanted, Write, codec};
use crate::model::ledger::LedgerState;
use crate::model::work_order::WorkItem;
use crate::model::{PortalName, TenantName};
use session::{Access, Failure, Session};
pub(super) use session::{settings, shown};

/// Pauses before the further attempts on a new connection: a server that restarts is back within seconds.
const PAUSES: [Duration; 5] =
    [Duration::ZERO, Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(6)];

/// Reads a PostgreSQL ledger. Tables that are missing are an empty ledger.
pub struct PostgresReader {
    server: Server,
}

/// Reads and writes a PostgreSQL ledger. One connection: calls wait for each other.
pub struct PostgresLedger {
    reader: PostgresReader,
}

struct Server {
    settings: Config,
    access: Access,
    session: Mutex<Option<Session>>,
}

impl PostgresReader {
    /// Connects to read. Makes nothing.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses us, or the ledger is of a newer version.
    pub async fn open(url: &str) -> Result<Self, LedgerError> {
        Ok(Self { server: Server::open(url, Access::Read).await? })
    }
}

impl PostgresLedger {
    /// Connects to write; makes the tables where they are missing.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses us, or the ledger is of a newer version.
    pub async fn open(url: &str) -> Result<Self, LedgerError> {
        Ok(Self { reader: PostgresReader { server: Server::open(url, Access::Write).await? } })
    }
}

impl Server {
    async fn open(url: &str, access: Access) -> Result<Self, LedgerError> {
        let settings =
            settings(url).map_err(|why| LedgerError::Unavailable(format!("the ledger's PostgreSQL URL cannot be used: {why}")))?;
        let session = Session::open(&settings, access).await.map_err(|failure| failure.error)?;
        Ok(Self { settings, access, session: Mutex::new(Some(session)) })
    }

    /// Runs a piece of work, and again on a new connection where the old one was lost. It must be one that may be repeated.
    async fn run<T, F>(&self, mut work: impl FnMut(Session) -> F) -> Result<T, Failure>
    where
        F: Future<Output = (Session, Result<T, Failure>)>,
    {
        let mut pauses = PAUSES.iter();
        loop {
            let failure = match self.attempt(&mut work).await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            match pauses.next() {
                Some(pause) if failure.again => tokio::time::sleep(*pause).await,
                _ => return Err(failure),
            }
        }
    }

    /// Runs a piece of work once. It has the session to itself: where a caller gives up in the middle, the connection goes with the work, and
    /// no half of an answer is left for the next.
    async fn attempt<T, F>(&self, work: &mut impl FnMut(Session) -> F) -> Result<T, Failure>
    where
        F: Future<Output = (Session, Result<T, Failure>)>,
    {
        let mut slot: MutexGuard<'_, Option<Session>> = self.session.lock().await;
        let session = match slot.take() {
            Some(session) if !session.client.is_closed() => session,
            _ => Session::open(&self.settings, self.access).await?,
        };
        let (session, done) = work(session).await;
        let alive = match &done {
            Ok(_) => true,
            Err(failure) if failure.again => false,
            // The failed transaction's rollback has arrived once this is answered: nobody waits for locks of what has failed.
            Err(_) => session.client.check_connection().await.is_ok(),
        };
        if alive {
            *slot = Some(session);
        }
        done
    }
}

/// A piece of work: takes a session and gives it back with the answer.
macro_rules! work {
    ($session:ident => $call:expr) => {
        |mut $session: Session| async move {
            let done = $call.await;
            ($session, done)
        }
    };
}

#[async_trait]
impl LedgerRead for PostgresReader {
    async fn identity(&self) -> Result<Identity, LedgerError> {
        Ok(self.server.run(work!(s => read::identity(&mut s))).await?)
    }

    async fn read(&self, portal: &PortalName, tenants: &[TenantName]) -> Result<Vec<LedgerState>, LedgerError> {
        Ok(self.server.run(work!(s => read::states(&mut s, portal, tenants))).await?)
    }

    async fn tenants(&self) -> Result<Vec<(PortalName, TenantName)>, LedgerError> {
        Ok(self.server.run(work!(s => read::tenants(&mut s))).await?)
    }

    async fn locks(&self) -> Result<Vec<Lock>, LedgerError> {
        Ok(self.server.run(work!(s => read::locks(&mut s))).await?)
    }

    async fn audit(&self, limit: usize) -> Result<Vec<AuditRecord>, LedgerError> {
        Ok(self.server.run(work!(s => read::audit(&mut s, limit))).await?)
    }

    async fn work(&self, wanted: WorkWanted) -> Result<Vec<(PortalName, WorkItem)>, LedgerError> {
        Ok(self.server.run(work!(s => read::work(&mut s, wanted))).await?)
    }

    async fn called(&self, name: &str) -> Result<Vec<(PortalName, WorkItem)>, LedgerError> {
        Ok(self.server.run(work!(s => read::called(&mut s, name.to_owned()))).await?)
    }

    async fn holds_secrets(&self) -> Result<bool, LedgerError> {
        Ok(self.server.run(work!(s => read::holds_secrets(&mut s))).await?)
    }
}

read_through!(PostgresLedger);

#[async_trait]
impl Ledger for PostgresLedger {
    async fn commit(&self, lock: &LockId, writes: Vec<Write>) -> Result<(), LedgerError> {
        if writes.is_empty() {
            return Ok(());
        }
        let (id, writes) = (&locking::new_id(), writes.as_slice());
        match self.reader.server.run(work!(s => write::commit(&mut s, lock, id, writes))).await {
            Err(Failure { error, again: true }) => Err(LedgerError::Unavailable(format!(
                "{error}; whether the last commit was made is not known: run it again once the server is back, it takes up what was begun"
            ))),
            done => Ok(done?),
        }
    }

    async fn lock(
        &self,
        units: &[(PortalName, TenantName)],
        holder: &Holder,
        _now: Timestamp,
        lease: Duration,
    ) -> Result<LockId, LedgerError> {
        let units = locking::distinct(units);
        let (id, wanted) = (locking::new_id(), &units);
        let taken = &id;
        self.reader.server.run(work!(s => write::lock(&mut s, wanted, taken, holder, lease))).await?;
        Ok(id)
    }

    async fn renew(&self, id: &LockId, _now: Timestamp, lease: Duration) -> Result<(), LedgerError> {
        Ok(self.reader.server.run(work!(s => write::renew(&mut s, id, lease))).await?)
    }

    async fn unlock(&self, id: &LockId) -> Result<usize, LedgerError> {
        // Not repeated: a second attempt would find nothing held and say so.
        Ok(self.reader.server.attempt(&mut work!(s => write::unlock(&mut s, id))).await?)
    }

    fn recorded(&self) -> Option<BoxStream<'static, Recorded>> {
        Some(listen::recorded(self.reader.server.settings.clone()))
    }

    async fn claim(&self, installation: &str, record: AuditRecord) -> Result<(), LedgerError> {
        locking::known_installation(installation)?;
        let record = &codec::json(&record)?;
        Ok(self.reader.server.run(work!(s => write::claim(&mut s, installation, record))).await?)
    }
}
