//! Word of what is recorded: whoever else writes to a ledger is heard of by those stores that can tell.

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tenantry::ledger::Recorded;
use tenantry::ledger::postgres::PostgresLedger;

use super::*;

/// How long word may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);

type Words = BoxStream<'static, Recorded>;

fn of(tenant: &str) -> Recorded {
    Recorded { portal: portal(), tenant: name(tenant) }
}

/// Waits for word of a tenant, and passes over what is said of that one before; of nobody else anything may be said.
async fn hears(words: &mut Words, tenant: &str) {
    let word = tokio::time::timeout(SOON, words.next()).await.unwrap_or_else(|_| panic!("no word of {tenant}"));
    assert_eq!(word, Some(of(tenant)));
}

/// Passes over all that is said until nothing is for a while.
async fn rests(words: &mut Words) -> Vec<Recorded> {
    let mut said = Vec::new();
    while let Ok(word) = tokio::time::timeout(Duration::from_secs(1), words.next()).await {
        said.extend(word);
    }
    said
}

async fn put(ledger: &dyn Ledger, text: &str) {
    let lock = take(ledger, &[address(text).tenant.as_str()]).await;
    ledger.commit(&lock, vec![Write::Put(portal(), Box::new(row(text)))]).await.unwrap();
    ledger.unlock(&lock).await.unwrap();
}

async fn whoever_records_something_is_heard_of(store: Store) {
    let (listens, writes) = (store.open().await, store.open().await);
    put(&*writes, "acme/user/alice").await;
    let mut words = listens.recorded().expect("it can tell");
    hears(&mut words, "acme").await;
    let known = rests(&mut words).await;
    assert!(known.iter().all(|word| *word == of("acme")), "{known:?}");
    put(&*writes, "beta/user/bob").await;
    hears(&mut words, "beta").await;
    rests(&mut words).await;
    // What is not committed is no word.
    let lock = take(&*writes, &["acme"]).await;
    rests(&mut words).await;
    let moves = Write::Move(portal(), address("acme/user/nobody"), address("acme/user/somebody"));
    writes.commit(&lock, vec![Write::Put(portal(), Box::new(row("acme/user/carl"))), moves]).await.unwrap_err();
    assert_eq!(rests(&mut words).await, []);
    // Nor is what is read.
    state(&*writes, "acme").await;
    assert_eq!(rests(&mut words).await, []);
}

#[tokio::test]
#[cfg_attr(not(have_postgres), ignore = "needs PostgreSQL: its programs, or TEST_POSTGRES_URL")]
async fn in_postgres_whoever_records_something_is_heard_of() {
    whoever_records_something_is_heard_of(Store::postgres().await).await;
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn in_a_cluster_whoever_records_something_is_heard_of() {
    whoever_records_something_is_heard_of(Store::kubernetes().await).await;
}

#[tokio::test]
#[cfg_attr(not(have_postgres), ignore = "needs PostgreSQL: its programs, or TEST_POSTGRES_URL")]
async fn a_ledger_in_another_schema_of_the_database_is_no_business_of_ours() {
    let (ours, other) = (Store::postgres().await, Store::postgres().await);
    let (listens, writes, stranger) = (ours.open().await, ours.open().await, other.open().await);
    let mut words = listens.recorded().unwrap();
    assert_eq!(rests(&mut words).await, []);
    put(&*stranger, "acme/user/alice").await;
    assert_eq!(rests(&mut words).await, []);
    put(&*writes, "acme/user/alice").await;
    hears(&mut words, "acme").await;
}

#[tokio::test]
#[cfg_attr(not(have_postgres), ignore = "needs PostgreSQL: its programs, or TEST_POSTGRES_URL")]
async fn what_was_recorded_while_the_connection_was_lost_is_told_once_it_is_back() {
    let store = Store::postgres().await;
    let LedgerLocation::Postgres(url) = &store.location else { panic!("no database") };
    let listens = PostgresLedger::open(&format!("{url}&application_name=listener")).await.unwrap();
    let writes = store.open().await;
    let mut words = listens.recorded().unwrap();
    assert_eq!(rests(&mut words).await, []);
    execute(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'listener'").await;
    put(&*writes, "acme/user/alice").await;
    hears(&mut words, "acme").await;
    rests(&mut words).await;
    put(&*writes, "beta/user/bob").await;
    hears(&mut words, "beta").await;
}
