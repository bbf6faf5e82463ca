//! Opens the file. Comes in: its path. Goes out: a connection to a ledger of our version. Opening to read makes and changes nothing: SQLite's
//! own `-wal` and `-shm` files beside it go again when the connection is closed.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::ledger::LedgerError;

/// In the file's header, so that another program's database is never taken for a ledger: "TNLG".
const APPLICATION: i64 = 0x544e_4c47;

/// The steps from nothing to the newest version; the file's `user_version` says how many of them it has seen. A step is never changed once
/// released. A reader, which changes nothing, may meet a file that has not seen the last ones: [`Opened::version`] tells it what is there.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql"), include_str!("schema-2.sql"), include_str!("schema-3.sql")];

/// The first version with work orders and observations.
const WITH_WORK: i64 = 2;

/// The first version whose intents say how far their calls have come.
const WITH_FATE: i64 = 3;

/// The first version with the names of items.
const WITH_NAMES: i64 = 3;

/// A connection to a ledger, and how new its tables are.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: Connection,
    version: i64,
}

impl Opened {
    /// False: the file is from before work orders, and has none.
    pub(super) const fn has_work(&self) -> bool {
        self.version >= WITH_WORK
    }

    /// False: the file does not say how far calls have come.
    pub(super) const fn has_fate(&self) -> bool {
        self.version >= WITH_FATE
    }

    /// False: the file is from before the names of items were kept apart.
    pub(super) const fn has_names(&self) -> bool {
        self.version >= WITH_NAMES
    }
}

/// Longest wait for another process's commit: commits take milliseconds, so that this means that something is wrong.
const BUSY: Duration = Duration::from_secs(15);

/// Statements kept prepared: all that the ledger has.
const STATEMENTS: usize = 48;

/// Opens it to write, and makes it where there is none.
pub(super) fn for_writing(path: &Path) -> Result<Opened, LedgerError> {
    if path.is_dir() {
        return Err(no_file(path));
    }
    create(path).map_err(|e| refused(path, &e))?;
    let mut connection = connect(path)?;
    prepare(&mut connection).map_err(|e| translate(path, e))?;
    Ok(Opened { connection, version: newest() })
}

/// What stands in the ledger's place and is no file.
fn no_file(path: &Path) -> LedgerError {
    LedgerError::Unavailable(format!(
        "{} is a folder, and the ledger is a file: name another place, or take the folder away",
        path.display()
    ))
}

/// Opens it to read; `None`: there is none yet.
pub(super) fn for_reading(path: &Path) -> Result<Option<Opened>, LedgerError> {
    match std::fs::metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(refused(path, &e)),
        Ok(metadata) if metadata.is_dir() => return Err(no_file(path)),
        Ok(_) => {}
    }
    // A write-ahead log is read through a shared index that every reader may have to make, and the last to leave puts both away: a connection
    // that could not write would leave them lying about. What it does to the ledger itself is forbidden by `query_only`.
    let connection = connect(path)?;
    let version = connection
        .pragma_update(None, "query_only", true)
        .map_err(Failure::from)
        .and_then(|()| version(&connection.unchecked_transaction()?))
        .map_err(|e| translate(path, e))?;
    Ok((version > 0).then_some(Opened { connection, version }))
}

fn connect(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| translate(path, e.into()))?;
    connection.busy_timeout(BUSY).map_err(|e| translate(path, e.into()))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Why a statement was not carried out, before it is told which file is at fault.
#[derive(Debug)]
pub(super) enum Failure {
    /// SQLite's word.
    Sqlite(rusqlite::Error),
    /// Ours.
    Ledger(LedgerError),
}

impl From<rusqlite::Error> for Failure {
    fn from(e: rusqlite::Error) -> Self {
        Self::Sqlite(e)
    }
}

impl From<LedgerError> for Failure {
    fn from(e: LedgerError) -> Self {
        Self::Ledger(e)
    }
}

fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// How many migrations the file has seen; 0: it is empty. In a transaction, because another process may be making the ledger just now.
fn version(connection: &Transaction<'_>) -> Result<i64, Failure> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION && (application != 0 || version != 0 || tables != 0) {
        return Err(Failure::Ledger(LedgerError::Unavailable("the file is another program's database: name another file".to_owned())));
    }
    let known = newest();
    if version > known {
        return Err(Failure::Ledger(LedgerError::TooNew { found: version, known }));
    }
    Ok(version)
}

fn prepare(connection: &mut Connection) -> Result<(), Failure> {
    // Looked at before anything is changed: another program's file, or a newer ledger, stays as it is.
    version(&connection.transaction()?)?;
    write_ahead(connection)?;
    // FULL: a commit has reached the disk when it returns. NORMAL would lose the last ones with the power.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&tx)?;
    let missing = MIGRATIONS.get(usize::try_from(found).unwrap_or(0)..).unwrap_or_default();
    for migration in missing {
        tx.execute_batch(migration)?;
    }
    if !missing.is_empty() {
        tx.pragma_update(None, "application_id", APPLICATION)?;
        tx.pragma_update(None, "user_version", newest())?;
    }
    tx.execute(
        "INSERT INTO tenantry_meta (one, installation, serial) VALUES (1, $1, 0) ON CONFLICT (one) DO NOTHING",
        [crate::ledger::locking::new_installation()?],
    )?;
    tx.commit()?;
    Ok(())
}

/// Turns the write-ahead log on. Two processes that do this to a new file at once are not made to wait for each other by SQLite.
fn write_ahead(connection: &Connection) -> Result<(), Failure> {
    let mut tries = 0;
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            Ok(_) => {
                let why = "this file system cannot share a SQLite file between processes: put the ledger on a local disk".to_owned();
                return Err(Failure::Ledger(LedgerError::Unavailable(why)));
            }
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tries < 100 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(e) => return Err(e.into()),
        }
    }
}

/// Makes the folder (0700) and the file (0600) where they are missing. SQLite gives its `-wal` and `-shm` files the mode of the file.
fn create(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        builder.mode(0o700);
        options.mode(0o600);
    }
    builder.create(folder)?;
    match options.open(path) {
        // The folder's entry is durable before anything is said to be recorded in the file.
        Ok(_) => File::open(folder)?.sync_all(),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
}

fn refused(path: &Path, error: &std::io::Error) -> LedgerError {
    let text = format!("{}: {error}", path.display());
    if error.kind() == ErrorKind::PermissionDenied { LedgerError::Denied(text) } else { LedgerError::Unavailable(text) }
}

/// SQLite's words in ours, sorted by what a person does about them.
pub(super) fn translate(path: &Path, failure: Failure) -> LedgerError {
    let error = match failure {
        Failure::Ledger(LedgerError::Unavailable(why)) => return LedgerError::Unavailable(format!("{}: {why}", path.display())),
        Failure::Ledger(error) => return error,
        Failure::Sqlite(error) => error,
    };
    let path = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => LedgerError::Unavailable(format!(
            "{path} is damaged ({error}): restore it from a backup, or move it away and adopt what is there again (docs/ledger.md)"
        )),
        Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::CannotOpen) => {
            LedgerError::Denied(format!("{path}: {error}; the file and its folder must be writable, even to read it"))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LedgerError::Unavailable(format!(
            "{path}: another process has been writing to it for more than {} s; look for it, then try again",
            BUSY.as_secs()
        )),
        Some(ErrorCode::DiskFull) => {
            LedgerError::Unavailable(format!("{path}: the disk is full; nothing was recorded, make room and try again"))
        }
        _ => LedgerError::Unavailable(format!("{path}: {error}")),
    }
}
