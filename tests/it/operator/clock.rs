//! Clocks that jump. The end of a lease is kept on two of them, and whichever comes first counts; what is live is nobody's clock's business.
//!
//! A fence takes the end on both clocks as values, so that a jump is said exactly, without a library that lies to the whole process: an end that
//! lies so far back is what a clock that was set forward makes of it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tenantry::controller::fence::{Fence, Term};
use tenantry::model::Kind;
use tokio::time::Instant;

use super::stand::{Setup, Stand, until};

const LEASE: Duration = Duration::from_secs(15);

/// A fence for a lease that was asked for just now, by a wall clock that has jumped so far since.
fn jumped(seconds: i64) -> Fence {
    let fence = Fence::closed();
    fence.set(Term::lease(Instant::now(), Timestamp::now() - SignedDuration::from_secs(seconds), LEASE));
    fence
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_jumps_forward_past_the_lease_closes_the_fence_within_a_second() {
    assert!(!jumped(3600).is_open());
    assert!(!jumped(15).is_open());
    assert!(jumped(10).is_open());
    let fence = jumped(3600);
    tokio::time::timeout(Duration::from_secs(1), fence.closes()).await.expect("nobody waits for a lease that is over");
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_is_set_back_lengthens_no_lease() {
    let fence = jumped(-3600);
    assert!(fence.is_open());
    tokio::time::advance(LEASE - Duration::from_millis(1)).await;
    assert!(fence.is_open());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(!fence.is_open(), "fifteen seconds are fifteen seconds");
    tokio::time::timeout(Duration::from_secs(1), fence.closes()).await.expect("it is closed");
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_does_not_go_on_where_it_was() {
    // Its monotonic clock stood still meanwhile; the wall clock did not.
    let fence = Fence::closed();
    fence.set(Term::Until(Instant::now() + LEASE, Timestamp::now() - SignedDuration::from_secs(1)));
    assert!(!fence.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_after_a_jump_opens_the_fence_again_and_whoever_waits_hears_of_it() {
    let fence = jumped(3600);
    let waits = tokio::spawn({
        let fence = fence.clone();
        async move { fence.opens().await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!waits.is_finished());
    fence.set(Term::lease(Instant::now(), Timestamp::now(), LEASE));
    tokio::time::timeout(Duration::from_secs(1), waits).await.expect("it is open").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn an_operator_whose_clock_jumped_past_its_lease_calls_nothing_until_it_leads_again() {
    let stand = Stand::with(Setup { ledger_in_cluster: true, ..Setup::default() }).await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    stand.customer("acme").await;
    stand.ready(Kind::Organization, "acme").await;
    stand.at_rest().await;
    stand.portal().took();
    // What is said of the lease is what a clock that jumped an hour ahead makes of it.
    stand.operator().fence.set(Term::Until(Instant::now() + LEASE, Timestamp::now() - SignedDuration::from_secs(3600)));
    let shut = !stand.operator().fence.is_open();
    stand.user("bob", "acme").await;
    assert!(shut);
    // It asks for leadership again by itself, and then does what was declared meanwhile, once.
    until(async || stand.operator().fence.is_open().then_some(()), || "it never leads again".to_owned()).await;
    stand.ready(Kind::User, "bob").await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), ["create acme/user/bob"]);
    stand.end().await;
}
