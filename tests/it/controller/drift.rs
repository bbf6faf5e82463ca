//! What somebody changed in the portal, and what is left alone.

use std::time::Duration;

use tenantry::model::{Control, Desired, DriftMode, Kind};

use super::floor::Floor;
use crate::support::declared::{Say, admin, desired, org, user};

const AN_HOUR: Duration = Duration::from_secs(3600);

fn acme() -> Desired {
    desired([org("acme"), admin("acme", "ann"), user("acme", "bob")])
}

async fn applied(mode: Option<DriftMode>) -> Floor {
    let mut floor = Floor::new();
    floor.spec.control = Control { drift: mode, ..Control::default() };
    assert_eq!(floor.declare(&acme()).await, ["acme Applied"]);
    floor.portal.took();
    floor
}

#[tokio::test(start_paused = true)]
async fn drift_is_brought_back_by_default() {
    let floor = applied(None).await;
    floor.portal.delete("acme", Kind::User, "bob@acme.example");
    let ends = floor.after(AN_HOUR).await;
    assert_eq!(ends.iter().filter(|end| *end == "acme Applied").count(), 1, "{ends:?}");
    assert_eq!(floor.portal.took(), ["create acme/user/bob"]);
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn drift_is_only_said_where_the_manifests_say_warn() {
    let floor = applied(Some(DriftMode::Warn)).await;
    floor.portal.delete("acme", Kind::User, "bob@acme.example");
    let ends = floor.after(AN_HOUR).await;
    assert!(ends.iter().all(|end| end == "acme DriftReported") && !ends.is_empty(), "{ends:?}");
    assert_eq!(floor.portal.took(), [""; 0]);
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_looks_for_drift_where_it_is_disabled_until_something_is_declared_anew() {
    let floor = applied(Some(DriftMode::Disabled)).await;
    floor.portal.delete("acme", Kind::User, "bob@acme.example");
    assert_eq!(floor.after(24 * AN_HOUR).await, [""; 0]);
    let more = desired([org("acme"), admin("acme", "ann"), user("acme", "bob"), user("acme", "eve")]);
    assert_eq!(floor.declare(&more).await, ["acme Applied"]);
    assert_eq!(floor.portal.took(), ["create acme/user/bob", "create acme/user/eve"]);
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn who_is_suspended_is_left_alone_until_they_are_not() {
    let floor = Floor::new();
    let fleet = |suspended: bool| {
        let own = org("acme").meta(|m| m.control.suspend = Some(suspended));
        desired([own, admin("acme", "ann"), org("beta"), admin("beta", "bob")])
    };
    let mut ends = floor.declare(&fleet(true)).await;
    ends.sort();
    assert_eq!(ends, ["acme Suspended", "beta Applied"]);
    assert!(floor.portal.took().iter().all(|call| call.contains(" beta/")));
    assert_eq!(floor.declare(&fleet(false)).await, ["acme Applied"]);
    assert_eq!(floor.portal.took(), ["create acme/organization/acme", "create acme/user/ann"]);
    floor.end().await;
}
