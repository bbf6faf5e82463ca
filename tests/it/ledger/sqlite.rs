//! What only the SQLite file promises.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tenantry::ledger::sqlite::{SqliteLedger, SqliteReader};

use super::*;

/// A folder with one ledger in it, which has one row.
struct Fixture {
    folder: tempfile::TempDir,
    file: PathBuf,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".tenantry/ledger.db");
        let ledger = SqliteLedger::open(&file).await.unwrap();
        commit(&ledger, vec![Write::Put(portal(), row("acme/user/alice").into())]).await.unwrap();
        Self { folder, file }
    }

    fn state_folder(&self) -> PathBuf {
        self.folder.path().join(".tenantry")
    }
}

/// Every file of a folder with what is in it.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.clone(), std::fs::read(path).unwrap_or_default())).collect()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn reading_a_missing_file_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let reader = SqliteReader::open(&folder.path().join(".tenantry/ledger.db")).await.unwrap();
    assert_eq!(state(&reader, "acme").await, Default::default());
    assert_eq!(contents(folder.path()), BTreeMap::new());
}

#[tokio::test]
async fn reading_leaves_every_byte_as_it_was_and_nothing_beside() {
    let fixture = Fixture::new().await;
    let before = contents(&fixture.state_folder());
    assert_eq!(before.len(), 1, "a closed ledger is one file: {before:?}");
    let reader = SqliteReader::open(&fixture.file).await.unwrap();
    assert_eq!(state(&reader, "acme").await.rows.len(), 1);
    drop(reader);
    assert_eq!(contents(&fixture.state_folder()), before);
}

#[tokio::test]
async fn an_empty_file_reads_as_an_empty_ledger() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let reader = SqliteReader::open(file.path()).await.unwrap();
    assert_eq!(reader.identity().await.unwrap().serial, 0);
    drop(reader);
    assert_eq!(file.path().metadata().unwrap().len(), 0);
}

#[tokio::test]
async fn the_file_and_its_folder_are_for_their_owner_alone() {
    let fixture = Fixture::new().await;
    let _open = SqliteLedger::open(&fixture.file).await.unwrap();
    assert_eq!(mode(&fixture.state_folder()), 0o700);
    for file in contents(&fixture.state_folder()).keys() {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_copy_of_a_closed_ledger_is_a_backup() {
    let fixture = Fixture::new().await;
    let backup = fixture.folder.path().join("backup.db");
    std::fs::copy(&fixture.file, &backup).unwrap();
    let (old, new) = (SqliteReader::open(&fixture.file).await.unwrap(), SqliteReader::open(&backup).await.unwrap());
    assert_eq!(state(&new, "acme").await.rows.len(), 1);
    assert_eq!(new.identity().await.unwrap(), old.identity().await.unwrap());
}

/// Both ways of opening the file answer alike.
async fn check_refused(file: &Path, expected: impl Fn(&LedgerError) -> bool) {
    let before = std::fs::read(file).unwrap();
    for error in [SqliteReader::open(file).await.err(), SqliteLedger::open(file).await.err()] {
        assert!(error.as_ref().is_some_and(&expected), "{error:?}");
    }
    assert_eq!(std::fs::read(file).unwrap(), before, "a file that is refused is not touched");
}

#[tokio::test]
async fn a_ledger_of_a_newer_version_is_refused() {
    let fixture = Fixture::new().await;
    rusqlite::Connection::open(&fixture.file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    check_refused(&fixture.file, |e| *e == LedgerError::TooNew { found: 99, known: 3 }).await;
}

#[tokio::test]
async fn what_is_no_database_is_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    std::fs::write(&file, "not a database, but long enough to have a header of its own".repeat(40)).unwrap();
    check_refused(&file, |e| {
        let text = e.to_string();
        matches!(e, LedgerError::Unavailable(_)) && text.contains("ledger.db is damaged") && text.contains("restore it from a backup")
    })
    .await;
}

#[tokio::test]
async fn another_programs_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.db");
    rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)").unwrap();
    check_refused(&file, |e| e.to_string().contains("another program's database")).await;
}

#[tokio::test]
async fn a_damaged_page_is_found_when_it_is_read() {
    let fixture = Fixture::new().await;
    let ledger = SqliteLedger::open(&fixture.file).await.unwrap();
    let writes = (0..500).map(|n| Write::Put(portal(), row(&format!("acme/user/u-{n}")).into())).collect();
    commit(&ledger, writes).await.unwrap();
    drop(ledger);
    let mut bytes = std::fs::read(&fixture.file).unwrap();
    let from = bytes.len() / 3 * 2;
    bytes[from..].fill(0xa5);
    std::fs::write(&fixture.file, bytes).unwrap();
    let reader = SqliteReader::open(&fixture.file).await.unwrap();
    let error = reader.read(&portal(), &[name("acme")]).await.unwrap_err();
    assert!(matches!(&error, LedgerError::Unavailable(why) if why.contains("restore it from a backup")), "{error}");
}

#[tokio::test]
async fn the_audit_trail_cannot_be_changed_in_the_file() {
    let fixture = Fixture::new().await;
    let ledger = SqliteLedger::open(&fixture.file).await.unwrap();
    commit(&ledger, vec![Write::Audit(audit("acme/user/alice", "done"))]).await.unwrap();
    let file = rusqlite::Connection::open(&fixture.file).unwrap();
    for sql in ["UPDATE tenantry_audit SET body = ''", "DELETE FROM tenantry_audit"] {
        assert_eq!(file.execute(sql, []).unwrap_err().to_string(), "the audit trail is append-only");
    }
}
