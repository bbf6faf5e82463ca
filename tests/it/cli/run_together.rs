//! Two instances side by side on one PostgreSQL ledger: exactly one acts, and the other takes over.

use std::time::{Duration, Instant};

use super::run_kit::Running;
use super::transcript::Shell;
use crate::servers::postgres::Schema;

fn add(shell: &Shell, user: &str) {
    let text = shell.read("acme.yaml");
    shell.write("acme.yaml", &format!("{text}    - name: {user}\n      email: {user}@acme.example\n"));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_postgres), ignore = "needs a PostgreSQL server")]
async fn of_two_instances_exactly_one_acts_and_the_other_takes_over() {
    let schema = Schema::new().await;
    let shell = Shell::small();
    let words = format!("--ledger {}", schema.url);
    let mut first = Running::start(&shell, &words);
    first.says("created acme/user/bob");
    let mut second = Running::start(&shell, &words);
    second.says("another instance leads");
    assert_eq!(first.get("/readyz").1, "leading\n");
    assert_eq!(second.get("/readyz").1, "standing by\n");
    assert!(second.get("/metrics").1.contains("leader_election_master_status{name=\"tenantry\"} 0"));

    add(&shell, "carol");
    first.says("created acme/user/carol");
    second.says_times("took in the manifests", 2);
    assert_eq!(second.count("created "), 0, "{}", second.log());

    let log = first.stop();
    let stopped = Instant::now();
    assert!(log.contains("ceased to lead"), "{log}");
    second.says("began to lead");
    assert!(stopped.elapsed() < Duration::from_secs(12), "a clean stop is no wait for a lease: {:?}", stopped.elapsed());
    add(&shell, "dora");
    second.says("created acme/user/dora");

    let mut third = Running::start(&shell, &words);
    third.says("another instance leads");
    second.signal("KILL");
    assert_eq!(second.ends(), None);
    third.says("began to lead");
    add(&shell, "eve");
    third.says("created acme/user/eve");
    let log = third.stop();
    assert!(!log.contains(crate::servers::postgres::PASSWORD), "{log}");
    shell.run(&format!("plan --expect-no-changes {words}")).exits(0);
}
