//! Changes a directory: a batch of calls in one durable transaction, each in a savepoint of its own.
//!
//! Comes in: calls. Goes out: one answer for each, given only after the transaction is on disk. Decides nothing: what a call means is
//! [`super::calls`]'s.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use super::objects::Failed;
use super::played::{Goes, PlayedCall};
use super::read::Reader;
use super::{Clock, calls, store};
use crate::model::live::KeyHolder;
use crate::model::rule::Conduct;
use crate::model::{Capabilities, Kind, LiveTenant};
use crate::portal::{Call, CallError, Done, Execute, Observe, PortalError, Profile, TenantKey};

/// A directory opened to write.
pub(super) struct Writer {
    reader: Reader,
    inner: Arc<Inner>,
}

struct Inner {
    connection: Mutex<Connection>,
    capabilities: Arc<Capabilities>,
    clock: Clock,
}

impl Writer {
    pub(super) fn open(file: PathBuf, profile: Arc<Profile>, capabilities: Arc<Capabilities>, clock: Clock) -> Result<Self, PortalError> {
        let connection = Mutex::new(store::open_to_write(&file)?);
        let reader = Reader::new(file, profile, Arc::clone(&capabilities), Arc::clone(&clock));
        Ok(Self { reader, inner: Arc::new(Inner { connection, capabilities, clock }) })
    }
}

#[async_trait]
impl Observe for Writer {
    fn capabilities(&self) -> &Capabilities {
        self.reader.capabilities()
    }

    fn conduct(&self) -> &dyn Conduct {
        self.reader.conduct()
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        self.reader.read(tenants).await
    }

    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        self.reader.tenants().await
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        self.reader.holders(kind, keys).await
    }
}

#[async_trait]
impl Execute for Writer {
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>> {
        let count = calls.len();
        let (inner, calls) = (Arc::clone(&self.inner), calls.to_vec());
        let done = tokio::task::spawn_blocking(move || inner.perform(&calls)).await;
        // A task that was cut short may have committed: nobody knows.
        done.unwrap_or_else(|e| all(count, || CallError::Uncertain(format!("the batch was cut short: {e}"))))
    }
}

impl Writer {
    pub(super) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Performs all of these calls or, where one is refused, none of them.
    pub(super) async fn together(&self, calls: Vec<PlayedCall>) -> Result<Vec<Done>, CallError> {
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || inner.together(&calls)).await;
        done.unwrap_or_else(|e| Err(CallError::Uncertain(format!("the calls were cut short: {e}"))))
    }
}

type Answers = Vec<Result<Done, CallError>>;

impl Inner {
    fn perform(&self, calls: &[Call]) -> Answers {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
            Ok(transaction) => transaction,
            Err(error) => return all(calls.len(), || call_error(&error)),
        };
        let mut answers = Answers::with_capacity(calls.len());
        for call in calls {
            let answer = self.one(&mut transaction, call, &Goes::Invitation);
            // Some errors (a full disk) make SQLite roll back the whole transaction: nothing of the batch has had an effect.
            if transaction.is_autocommit() {
                let why = answer.err().map_or_else(String::new, |e| e.to_string());
                return all(calls.len(), || CallError::Retry { message: format!("the transaction was rolled back: {why}"), after: None });
            }
            answers.push(answer);
        }
        match transaction.commit() {
            Ok(()) => answers,
            Err(error) if store::is_busy(&error) => all(calls.len(), || call_error(&error)),
            Err(error) => all(calls.len(), || CallError::Uncertain(format!("the commit failed: {error}"))),
        }
    }

    fn together(&self, calls: &[PlayedCall]) -> Result<Vec<Done>, CallError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let mut transaction = transaction.map_err(|e| call_error(&e))?;
        // A transaction that is dropped is rolled back.
        let one = |PlayedCall { call, mail }: &PlayedCall| self.one(&mut transaction, call, mail);
        let done = calls.iter().map(one).collect::<Result<Vec<_>, _>>()?;
        transaction.commit().map_err(|e| call_error(&e))?;
        Ok(done)
    }

    fn one(&self, transaction: &mut Transaction<'_>, call: &Call, mail: &Goes) -> Result<Done, CallError> {
        let now = (self.clock)();
        let savepoint = transaction.savepoint().map_err(|e| call_error(&e))?;
        match calls::perform(&savepoint, &self.capabilities, call, mail, now) {
            Ok(done) => {
                savepoint.commit().map_err(|e| call_error(&e))?;
                Ok(done)
            }
            Err(failed) => {
                // What a call did before it failed goes; that it was asked stays.
                drop(savepoint);
                let error = match failed {
                    Failed::Call(error) => error,
                    Failed::Sql(error) => call_error(&error),
                };
                if !transaction.is_autocommit() {
                    calls::record(transaction, call, None, None, &error.to_string(), now).map_err(|e| call_error(&e))?;
                }
                Err(error)
            }
        }
    }
}

fn all(count: usize, error: impl Fn() -> CallError) -> Answers {
    (0..count).map(|_| Err(error())).collect()
}

/// An error of the file, by what the caller does about it. None of these has had an effect: the savepoint or the transaction is rolled back.
fn call_error(error: &rusqlite::Error) -> CallError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
            CallError::Retry { message: error.to_string(), after: None }
        }
        Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::CannotOpen) => CallError::Denied(error.to_string()),
        _ => CallError::Refused(error.to_string()),
    }
}
