//! Declared, applied, looked at again.

use std::time::Duration;

use super::floor::Floor;
use crate::support::declared::{Say, admin, desired, org, user};
use crate::support::name;

const AN_HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn what_is_declared_comes_about_and_then_nothing_is_called_any_more() {
    let floor = Floor::new();
    let fleet = desired([org("acme"), admin("acme", "ann")]);
    assert_eq!(floor.declare(&fleet).await, ["acme Applied"]);
    assert_eq!(floor.portal.took(), ["create acme/organization/acme", "create acme/user/ann"]);
    let polls = floor.after(AN_HOUR).await;
    assert!((5..=7).contains(&polls.len()) && polls.iter().all(|end| end == "acme InStep"), "{polls:?}");
    assert_eq!(floor.portal.took(), [""; 0]);
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_customer_more_that_a_portal_serves_is_nothing_new_to_the_others() {
    let mut floor = Floor::new();
    let all = || vec![org("acme"), admin("acme", "ann"), org("beta"), admin("beta", "bob")];
    floor.spec.organizations = Some(vec![name("acme"), name("msp")]);
    assert_eq!(floor.declare(&desired(all())).await, ["acme Applied"]);
    floor.spec.organizations = Some(vec![name("acme"), name("beta"), name("msp")]);
    assert_eq!(floor.declare(&desired(all())).await, ["beta Applied"]);
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn only_the_tenant_that_was_declared_anew_is_looked_at() {
    let floor = Floor::new();
    let before = || vec![org("acme"), admin("acme", "ann"), org("beta"), admin("beta", "bob")];
    assert_eq!(floor.declare(&desired(before())).await, ["acme Applied", "beta Applied"]);
    floor.portal.took();
    assert_eq!(floor.declare(&desired(before())).await, [""; 0], "the same again is no reason to look");
    let mut after = before();
    after.push(user("beta", "eve").with("firstName", "Eve"));
    assert_eq!(floor.declare(&desired(after)).await, ["beta Applied"]);
    assert_eq!(floor.portal.took(), ["create beta/user/eve"]);
    floor.end().await;
}
