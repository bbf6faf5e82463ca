//! A trouble that lasts is said at once, and then ever more seldom.

use std::time::Duration;

use tenantry::ledger::seldom::Seldom;

#[tokio::test(start_paused = true)]
async fn what_lasts_is_said_at_once_and_then_ever_more_seldom_and_each_thing_by_itself() {
    let seldom = Seldom::default();
    let begun = tokio::time::Instant::now();
    let mut said = Vec::new();
    for _ in 0..3600 {
        if seldom.is_due("users") {
            said.push(begun.elapsed().as_secs());
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(said, [0, 60, 180, 420, 900, 1800, 2700]);
    assert!(seldom.is_due("groups"));
    assert!(!seldom.is_due("groups"));
    // What was over for a while is news.
    tokio::time::advance(Duration::from_secs(900)).await;
    assert!(seldom.is_due("users"));
    tokio::time::advance(Duration::from_secs(59)).await;
    assert!(!seldom.is_due("users"), "and never more than once a minute");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(seldom.is_due("users"));
}
