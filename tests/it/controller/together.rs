//! Tenants that need each other, and those that wait for one another.

use std::time::Duration;

use tenantry::model::ApprovalMode;

use super::floor::Floor;
use crate::support::declared::{Say, admin, desired, org, shared};

#[tokio::test(start_paused = true)]
async fn tenants_that_need_each_other_are_applied_together_in_their_order() {
    let floor = Floor::new();
    let fleet = desired([org("acme"), admin("acme", "ann"), shared("cloud", &["acme"])]);
    let mut ends = floor.declare(&fleet).await;
    ends.sort();
    assert_eq!(ends, ["acme Applied", "msp Applied"]);
    let took = floor.portal.took();
    let at = |call: &str| took.iter().position(|c| c.starts_with(call)).unwrap_or_else(|| panic!("{call} in {took:?}"));
    assert!(at("create acme/organization/acme") < at("create msp/integration/cloud"), "{took:?}");
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_another_tenant_goes_on_as_soon_as_that_one_is_applied() {
    let mut floor = Floor::new();
    let own = org("acme").meta(|m| m.control.approval = Some(ApprovalMode::Manual));
    let fleet = desired([own, admin("acme", "ann"), shared("cloud", &["acme"])]);
    let mut ends = floor.declare(&fleet).await;
    ends.sort();
    assert_eq!(ends, ["acme AwaitingApproval", "msp DependencyNotReady"]);
    // So long that its own next try is far off.
    let later = floor.after(Duration::from_secs(3000)).await;
    let others = later.iter().filter(|end| !["acme AwaitingApproval", "msp DependencyNotReady"].contains(&end.as_str()));
    assert_eq!(others.collect::<Vec<_>>(), [""; 0], "{:?}", floor.visit("msp").end);
    assert_eq!(floor.portal.took(), [""; 0]);
    let digest = floor.pending("acme");
    floor.approve("acme", &digest);
    let mut ends = floor.declare(&fleet).await;
    // A poll may be due just then, too.
    ends.retain(|end| end.ends_with("Applied"));
    assert_eq!(ends, ["acme Applied", "msp Applied"]);
    floor.end().await;
}
