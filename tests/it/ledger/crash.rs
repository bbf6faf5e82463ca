//! A run that is killed in the middle of its commits leaves each of them whole or not at all, and its lock to the next.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::*;

/// Tells the child where the ledger is.
const LOCATION: &str = "LEDGER_CRASH_CHILD";
/// Rows that each commit writes, all with the number of the commit.
const ROWS: usize = 60;

/// The child: commits until it is killed. Started by the tests below alone.
#[tokio::test]
#[ignore = "the process that the crash tests start and kill; nothing of its own"]
async fn commits_until_it_is_killed() {
    let Ok(location) = std::env::var(LOCATION) else { return };
    let ledger = location.parse::<LedgerLocation>().unwrap().open().await.unwrap();
    let lock = ledger.lock(&units(&["acme"]), &Holder::current("apply"), at(0), LEASE).await.unwrap();
    for commit in 1.. {
        let rows = (0..ROWS).map(|n| LedgerRow { key: format!("{commit}").into(), ..row(&format!("acme/user/u-{n}")) });
        ledger.commit(&lock, rows.map(|r| Write::Put(portal(), r.into())).collect()).await.unwrap();
        eprintln!("committed {commit}");
    }
}

async fn check_killed(store: Store) {
    let location = match &store.location {
        LedgerLocation::Postgres(url) => url.clone(),
        other => other.to_string(),
    };
    for round in 0..5 {
        let before = store.reader().await.identity().await.unwrap().serial;
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "ledger::crash::commits_until_it_is_killed", "--ignored", "--nocapture"]);
        let mut child = child.env(LOCATION, &location).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        // After some commits, and then anywhere within the next.
        let last =
            said.by_ref().map_while(Result::ok).filter_map(|line| line.strip_prefix("committed ")?.parse::<u64>().ok()).nth(3 + round);
        assert!(last.is_some(), "the child commits");
        std::thread::sleep(Duration::from_micros(700 * round as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        let said =
            said.map_while(Result::ok).filter_map(|line| line.strip_prefix("committed ")?.parse::<u64>().ok()).last().or(last).unwrap();

        let ledger = store.open().await;
        // The child's lease is not over: its death is what frees the lock.
        let lock = take(&*ledger, &["acme"]).await;
        let made = ledger.identity().await.unwrap().serial - before;
        assert!((said..=said + 1).contains(&made), "told of {said}, made {made}");
        let keys: Vec<_> = state(&*ledger, "acme").await.rows.into_values().map(|r| r.key.to_string()).collect();
        assert_eq!(keys, vec![made.to_string(); ROWS]);
        ledger.unlock(&lock).await.unwrap();
    }
}

#[tokio::test]
async fn a_killed_run_leaves_whole_commits_in_sqlite() {
    check_killed(Store::sqlite().await).await;
}

#[tokio::test]
#[cfg_attr(not(have_postgres), ignore = "needs PostgreSQL: its programs, or TEST_POSTGRES_URL")]
async fn a_killed_run_leaves_whole_commits_in_postgres() {
    check_killed(Store::postgres().await).await;
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn a_killed_run_leaves_whole_commits_in_a_cluster() {
    check_killed(Store::kubernetes().await).await;
}
