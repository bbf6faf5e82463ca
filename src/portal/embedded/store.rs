//! The directory's file: its schema, and how it is opened to read or to write.
//!
//! Comes in: a path. Goes out: connections. One that reads creates nothing, cannot write, and leaves nothing behind when it is closed.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::portal::PortalError;

/// `TNTD` in ASCII: tells our file from any other SQLite file, the ledger's among them.
const APPLICATION_ID: i32 = 0x544e_5444;
/// Raised with every change of the schema.
const VERSION: i32 = 1;
/// How long a transaction waits for another process: longer than any batch takes, shorter than a person waits.
const BUSY: Duration = Duration::from_secs(5);

/// References stand twice: as ids in `fields`, to be read with the object, and in `reference`, to be found from the other end.
/// `object` is clustered by tenant, because a read is always of whole tenants.
const SCHEMA: &str = "
CREATE TABLE object (
  tenant TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  key TEXT NOT NULL,
  fields TEXT NOT NULL,
  invited_until INTEGER,
  owner TEXT,
  created_by TEXT,
  PRIMARY KEY (tenant, kind, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX object_id ON object (id);
CREATE UNIQUE INDEX object_key ON object (kind, key, tenant);

CREATE TABLE reference (
  target TEXT NOT NULL REFERENCES object (id),
  source TEXT NOT NULL REFERENCES object (id) ON DELETE CASCADE,
  field TEXT NOT NULL,
  PRIMARY KEY (target, source, field)
) STRICT, WITHOUT ROWID;
CREATE INDEX reference_source ON reference (source);

-- Which secrets are set, and since when. Never the secret, nor anything made from it.
CREATE TABLE secret (
  object TEXT NOT NULL REFERENCES object (id) ON DELETE CASCADE,
  field TEXT NOT NULL,
  key TEXT NOT NULL,
  set_at INTEGER NOT NULL,
  PRIMARY KEY (object, field, key)
) STRICT, WITHOUT ROWID;

-- Mail that a portal would have sent. It stays when its user goes: it was sent.
CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  user TEXT NOT NULL,
  recipient TEXT NOT NULL,
  subject TEXT NOT NULL
) STRICT;

-- What was asked and what became of it. `intent` is the idempotency key of a call that was done; one that was refused has none.
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  intent TEXT UNIQUE,
  owner TEXT,
  address TEXT NOT NULL,
  action TEXT NOT NULL,
  fields TEXT NOT NULL,
  object TEXT,
  result TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_fixed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
";

/// Opens a directory to write, and makes it if it is not there.
pub(super) fn open_to_write(file: &Path) -> Result<Connection, PortalError> {
    let here = |e: std::io::Error| PortalError::Unavailable(format!("{}: {e}", file.display()));
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(here)?;
    }
    create_private(file).map_err(here)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(file, flags).map_err(|e| unavailable(file, &e))?;
    prepare(&mut connection, file)?;
    Ok(connection)
}

/// Opens a directory to read; `None` where there is none yet.
pub(super) fn open_to_read(file: &Path) -> Result<Option<Connection>, PortalError> {
    if !file.try_exists().map_err(|e| PortalError::Unavailable(format!("{}: {e}", file.display())))? {
        return Ok(None);
    }
    // SQLite removes its side files only if the last connection could write. So: open to write and forbid it; where the folder itself may not
    // be written, read what is there.
    let wal = file.with_file_name(format!("{}-wal", file.file_name().unwrap_or_default().to_string_lossy()));
    let write = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let read = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let attempt = |path: &str, flags| -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    };
    let plain = file.to_string_lossy();
    let connection = match attempt(&plain, write) {
        Err(error) if is_denied(&error) && wal.exists() => attempt(&plain, read),
        // Nobody has it open to write: it does not change while we look.
        Err(error) if is_denied(&error) => attempt(&format!("file:{}?immutable=1", escaped(&plain)), read),
        outcome => outcome,
    };
    let connection = connection.map_err(|e| unavailable(file, &e))?;
    match versions(&connection).map_err(|e| unavailable(file, &e))? {
        // Somebody is about to make it.
        (0, 0) if is_blank(&connection).map_err(|e| unavailable(file, &e))? => Ok(None),
        versions => known(versions, file).map(|()| Some(connection)),
    }
}

fn prepare(connection: &mut Connection, file: &Path) -> Result<(), PortalError> {
    let sql = |e: rusqlite::Error| unavailable(file, &e);
    connection.busy_timeout(BUSY).map_err(sql)?;
    let found = versions(connection).map_err(sql)?;
    if found != (0, 0) || !is_blank(connection).map_err(sql)? {
        known(found, file)?;
    }
    // Readers and one writer at once; FULL: when a commit returns, a power cut has lost nothing of it.
    let wal = || connection.pragma_update(None, "journal_mode", "wal");
    // Two processes that open a new file at once can meet here, where SQLite does not wait by itself.
    let mut outcome = wal();
    for _ in 0..50 {
        if !outcome.as_ref().is_err_and(is_busy) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        outcome = wal();
    }
    outcome.map_err(sql)?;
    connection.pragma_update(None, "synchronous", "full").map_err(sql)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(sql)?;
    // Checkpointing only past 16 MB: a batch then ends with one sync of the log.
    connection.pragma_update(None, "wal_autocheckpoint", 4000).map_err(sql)?;
    connection.set_prepared_statement_cache_capacity(64);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    if versions(&transaction).map_err(sql)? == (0, 0) {
        transaction.execute_batch(SCHEMA).map_err(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(sql)?;
        transaction.pragma_update(None, "user_version", VERSION).map_err(sql)?;
    }
    transaction.commit().map_err(sql)
}

/// Personal data: for its owner's eyes alone. SQLite gives its side files the rights of the file.
fn create_private(file: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

fn versions(connection: &Connection) -> rusqlite::Result<(i32, i32)> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    Ok((pragma("application_id")?, pragma("user_version")?))
}

fn is_blank(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

fn known((application, version): (i32, i32), file: &Path) -> Result<(), PortalError> {
    let file = file.display();
    if application != APPLICATION_ID {
        return Err(PortalError::Misconfigured(format!("{file} is no tenant directory: name another file as the portal's endpoint")));
    }
    if version > VERSION {
        return Err(PortalError::Misconfigured(format!(
            "{file} is of version {version}; this program knows versions up to {VERSION}: use a newer one"
        )));
    }
    Ok(())
}

pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn is_denied(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::CannotOpen))
}

pub(super) fn unavailable(file: &Path, error: &rusqlite::Error) -> PortalError {
    match error.sqlite_error_code() {
        _ if is_denied(error) => PortalError::Denied(format!("{}: {error}", file.display())),
        Some(ErrorCode::NotADatabase) => PortalError::Misconfigured(format!("{} is no SQLite file", file.display())),
        _ => PortalError::Unavailable(format!("{}: {error}", file.display())),
    }
}

/// A path inside a `file:` address.
fn escaped(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}
