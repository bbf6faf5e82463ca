//! What only PostgreSQL promises.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use tenantry::ledger::LocationError;
use tenantry::ledger::postgres::{PostgresLedger, PostgresReader};

use super::*;
use crate::servers::postgres::{PASSWORD, execute, tls_server};
use crate::support::program::{Ran, run_with};

fn url(store: &Store) -> &str {
    match &store.location {
        LedgerLocation::Postgres(url) => url,
        LedgerLocation::Sqlite(path) => panic!("{} is no URL", path.display()),
    }
}

#[test]
fn a_location_is_a_path_or_a_url_and_never_shows_who_or_how() {
    let parse = |text: &str| text.parse::<LedgerLocation>();
    let shown = |text: &str| parse(text).map(|l| format!("{l} {l:?}"));
    assert_eq!(shown("a/b.db").unwrap(), r#"a/b.db Sqlite("a/b.db")"#);
    let there = "postgres://h:5433/db";
    let hidden = ["postgres://me:canary@h:5433/db", "postgresql://h:5433/db?user=me&password=canary"];
    for text in hidden {
        assert_eq!(shown(text).unwrap(), format!("{there} Postgres({there:?})"));
    }
    assert_eq!(parse(" "), Err(LocationError::Empty));
    assert_eq!(parse("mysql://h/db"), Err(LocationError::Scheme("mysql".to_owned())));
}

#[test]
fn an_unusable_url_is_refused_without_being_quoted() {
    for (text, expected) in [
        ("postgres://me:pw@h/db?canary=x", "in a password %40 for @"),
        ("postgres://me:canary@h:port/db", "the value of `port` is not valid"),
        ("postgres:///db?password=canary", "it names no host"),
        ("postgres://me:canary@h/db?sslmode=verify-full", "`sslmode` is `disable`, `prefer` or `require`"),
    ] {
        let error = text.parse::<LedgerLocation>().unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("canary"), "{said}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_the_password_stays_unsaid() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let location: LedgerLocation = format!("postgres://me:{PASSWORD}@127.0.0.1:{port}/db").parse().unwrap();
    let error = location.open().await.err().unwrap();
    assert!(matches!(error, LedgerError::Unavailable(_)), "{error}");
    assert!(!format!("{error} {error:?}").contains(PASSWORD));
}

#[tokio::test]
#[cfg_attr(not(have_postgres), ignore = "needs PostgreSQL: its programs, or TEST_POSTGRES_URL")]
async fn a_stranger_is_denied_and_the_password_stays_unsaid() {
    let store = Store::postgres().await;
    let (_, place) = url(&store).rsplit_once('@').unwrap();
    let error = PostgresLedger::open(&format!("postgres://stranger:{PASSWORD}@{place}")).await.err().unwrap();
    assert!(matches!(error, LedgerError::Denied(_)), "{error}");
    assert!(!format!("{error} {error:?}").contains(PASSWORD));
}

#[tokio::test]
#[cfg_attr(not(have_postgres), ignore = "needs PostgreSQL: its programs, or TEST_POSTGRES_URL")]
async fn reading_what_is_not_there_makes_no_tables() {
    let store = Store::postgres().await;
    let reader = PostgresReader::open(url(&store)).await.unwrap();
    assert_eq!(state(&reader, "acme").await, Default::default());
    // It would fail if the table were there.
    execute(url(&store), "CREATE TABLE tenantry_meta (one int)").await;
}

#[tokio::test]
#[cfg_attr(not(have_postgres), ignore = "needs PostgreSQL: its programs, or TEST_POSTGRES_URL")]
async fn a_ledger_of_a_newer_version_is_refused() {
    let store = Store::postgres().await;
    store.open().await;
    execute(url(&store), "UPDATE tenantry_meta SET version = 99").await;
    for error in [store.location.open().await.err(), store.location.open_read_only().await.err()] {
        assert_eq!(error, Some(LedgerError::TooNew { found: 99, known: 3 }));
    }
}

#[tokio::test]
#[cfg_attr(not(have_postgres), ignore = "needs PostgreSQL: its programs, or TEST_POSTGRES_URL")]
async fn the_audit_trail_cannot_be_changed_in_the_database() {
    let store = Store::postgres().await;
    commit(&*store.open().await, vec![Write::Audit(audit("acme/user/alice", "done"))]).await.unwrap();
    let (client, connection) = tokio_postgres::connect(url(&store), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for sql in ["UPDATE tenantry_audit SET body = ''", "DELETE FROM tenantry_audit", "TRUNCATE tenantry_audit"] {
        let error = client.batch_execute(sql).await.unwrap_err();
        assert_eq!(error.as_db_error().unwrap().message(), "the audit trail is append-only");
    }
}

#[tokio::test]
#[cfg_attr(not(have_postgres), ignore = "needs PostgreSQL: its programs, or TEST_POSTGRES_URL")]
async fn a_connection_that_the_server_ended_is_made_anew() {
    let store = Store::postgres().await;
    let ledger = PostgresLedger::open(&format!("{}&application_name=victim", url(&store))).await.unwrap();
    let lock = take(&ledger, &["acme"]).await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'";
    execute(url(&store), end).await;
    assert_eq!(ledger.identity().await.unwrap().serial, 0);
    execute(url(&store), end).await;
    ledger.commit(&lock, vec![Write::Audit(audit("acme/user/alice", "done"))]).await.unwrap();
    assert_eq!(ledger.audit(9).await.unwrap().len(), 1);
}

#[tokio::test]
#[cfg_attr(not(have_postgres), ignore = "needs PostgreSQL: its programs, or TEST_POSTGRES_URL")]
async fn a_runner_whose_clock_is_wrong_takes_no_live_lock_and_holds_none_too_long() {
    let store = Store::postgres().await;
    let (mine, other) = (store.open().await, store.open().await);
    let (ahead, behind) = (Timestamp::now() + LEASE, Timestamp::now() - 10 * LEASE);
    let lock = |ledger: Arc<dyn Ledger>, now| async move { ledger.lock(&units(&["acme"]), &Holder::current("apply"), now, LEASE).await };
    let id = lock(Arc::clone(&mine), behind).await.unwrap();
    assert!(matches!(lock(Arc::clone(&other), ahead).await, Err(LedgerError::Locked(held)) if held.id == id), "the lock is alive");
    mine.renew(&id, behind, LEASE).await.unwrap();
    assert!(matches!(lock(Arc::clone(&other), ahead).await, Err(LedgerError::Locked(held)) if held.id == id), "it was renewed");
    mine.renew(&id, ahead + 100 * LEASE, LEASE).await.unwrap();
    store.pass(60).await;
    assert!(lock(other, behind).await.is_ok(), "its lease is over, whatever the clock that renewed it said");
}

/// Runs the program on the ledger of a server with TLS, trusting the certificates in a file and no others.
fn list_over_tls(host: &str, sslmode: &str, trusted: &Path) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let url = tls_server().url(host, sslmode);
    let trust = [("SSL_CERT_FILE", trusted.to_str().unwrap()), ("SSL_CERT_DIR", folder.path().to_str().unwrap())];
    let ran = run_with(folder.path(), &["ledger", "--ledger", &url, "list"], &trust);
    assert!(!ran.said().contains(PASSWORD), "{}", ran.said());
    ran
}

#[test]
#[cfg_attr(not(have_postgres_with_tls), ignore = "needs PostgreSQL's programs and openssl")]
fn over_tls_a_server_is_believed_with_a_trusted_certificate_for_its_host_name_alone() {
    let (ours, strangers) = (tls_server().authority(), tls_server().other_authority());
    for sslmode in ["require", "prefer"] {
        list_over_tls("localhost", sslmode, &ours).exits(0);
        for (host, trusted, why) in [("localhost", &strangers, "BadSignature"), ("127.0.0.1", &ours, "not valid for name")] {
            let said = list_over_tls(host, sslmode, trusted).exits(1).said();
            assert!(said.contains("TLS to the PostgreSQL server") && said.contains(why) && said.contains("SSL_CERT_FILE"), "{said}");
        }
    }
    let missing = list_over_tls("localhost", "require", Path::new("/nowhere.pem")).exits(1).said();
    assert!(missing.contains("the certificates to trust cannot be read"), "{missing}");
}

#[test]
#[cfg_attr(not(have_postgres_with_tls), ignore = "needs PostgreSQL's programs and openssl")]
fn a_server_that_wants_tls_is_not_reached_without() {
    let said = list_over_tls("localhost", "disable", &tls_server().authority()).said();
    assert!(said.contains("no encryption"), "{said}");
}

#[tokio::test]
#[cfg_attr(not(have_postgres), ignore = "needs PostgreSQL: its programs, or TEST_POSTGRES_URL")]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let store = Store::postgres().await;
    let error = PostgresLedger::open(&format!("{}&sslmode=require", url(&store))).await.err().unwrap();
    assert!(error.to_string().contains("does not support TLS"), "{error}");
}

/// When the wire is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cut {
    /// The server never hears of the commit.
    BeforeCommit,
    /// The server commits, and its answer is lost.
    AfterCommit,
}

/// A wire to the server that breaks once, at the first COMMIT after it was told to. Gives the port, and how often it was connected.
fn breaking_wire(to: String, cut: Cut, armed: &'static AtomicUsize) -> (u16, &'static AtomicUsize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connected: &'static AtomicUsize = Box::leak(Box::default());
    std::thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            connected.fetch_add(1, Ordering::SeqCst);
            let server = TcpStream::connect(&to).unwrap();
            let (mut answers, mut answered) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut answers, &mut answered);
                let _ = answered.shutdown(Shutdown::Both);
            });
            std::thread::spawn(move || forward(client, server, cut, armed));
        }
    });
    (port, connected)
}

fn forward(mut client: TcpStream, mut server: TcpStream, cut: Cut, armed: &AtomicUsize) {
    let mut buffer = [0; 65_536];
    while let Ok(read @ 1..) = client.read(&mut buffer) {
        let sent = &buffer[..read];
        let commits = sent.windows(7).any(|w| w == b"COMMIT\0") && armed.swap(0, Ordering::SeqCst) == 1;
        if commits {
            client.shutdown(Shutdown::Both).unwrap();
            if cut == Cut::AfterCommit {
                server.write_all(sent).unwrap();
                // Long enough for the server to carry it out; if not, the second attempt waits for it.
                std::thread::sleep(Duration::from_millis(100));
            }
            break;
        }
        server.write_all(sent).unwrap();
    }
    let _ = server.shutdown(Shutdown::Both);
}

async fn check_cut(cut: Cut) {
    let store = Store::postgres().await;
    let (head, rest) = url(&store).split_once('@').unwrap();
    let (place, tail) = rest.split_once('/').unwrap();
    let armed: &'static AtomicUsize = Box::leak(Box::default());
    let (port, connected) = breaking_wire(place.to_owned(), cut, armed);
    let ledger = PostgresLedger::open(&format!("{head}@127.0.0.1:{port}/{tail}")).await.unwrap();
    let lock = take(&ledger, &["acme"]).await;
    assert_eq!(connected.load(Ordering::SeqCst), 1);
    armed.store(1, Ordering::SeqCst);
    ledger.commit(&lock, vec![Write::Audit(audit("acme/user/alice", "done"))]).await.unwrap();
    assert_eq!(connected.load(Ordering::SeqCst), 2, "the wire broke");
    assert_eq!(ledger.audit(9).await.unwrap().len(), 1, "{cut:?}");
    assert_eq!(ledger.identity().await.unwrap().serial, 1, "{cut:?}");
    // The same for a lock: its answer is lost, and it is held all the same, once.
    armed.store(1, Ordering::SeqCst);
    let beta = take(&ledger, &["beta"]).await;
    assert_eq!(ledger.unlock(&beta).await.unwrap(), 1);
    assert_eq!(connected.load(Ordering::SeqCst), 3, "the wire broke");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_postgres), ignore = "needs PostgreSQL: its programs, or TEST_POSTGRES_URL")]
async fn a_commit_whose_answer_was_lost_is_made_once() {
    check_cut(Cut::AfterCommit).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_postgres), ignore = "needs PostgreSQL: its programs, or TEST_POSTGRES_URL")]
async fn a_commit_that_the_server_never_heard_of_is_made_once() {
    check_cut(Cut::BeforeCommit).await;
}
