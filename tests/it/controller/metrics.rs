//! What is counted, under the names that dashboards and alarms use.

use std::collections::BTreeSet;
use std::time::Duration;

use tenantry::controller::metrics::{Metrics, Now};
use tenantry::model::{ApprovalMode, Control, Kind};
use tenantry::portal::meter::Meter;

use super::floor::Floor;
use crate::support::declared::{admin, desired, org};
use crate::support::name;

/// The names of all samples.
fn names(text: &str) -> BTreeSet<&str> {
    text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split(['{', ' ']).next()).collect()
}

/// A controller's metrics after a life with something of everything in it; it wants paused time.
pub(crate) async fn counted(with_tenant: bool) -> String {
    let mut floor = Floor::new();
    floor.spec.control = Control { approval: Some(ApprovalMode::Auto), ..Control::default() };
    let metrics = Metrics::new("9.9.9", with_tenant);
    floor.declare(&desired([org("acme"), admin("acme", "ann")])).await;
    floor.told().iter().for_each(|v| metrics.visited(v));
    floor.spec.control.approval = Some(ApprovalMode::Manual);
    floor.portal.delete("acme", Kind::User, "ann@acme.example");
    // Nobody may take over who is there already.
    floor.portal.put(&org("beta"));
    floor.declare(&desired([org("acme"), admin("acme", "ann"), org("beta"), admin("beta", "bob")])).await;
    floor.told().iter().for_each(|v| metrics.visited(v));
    metrics.answered(&name("main"), "GET", Some(200), Duration::from_millis(20));
    metrics.answered(&name("main"), "POST", None, Duration::from_secs(3));
    metrics.throttled(&name("main"));
    let text = metrics.text(&floor.controller.visits(), Now { depth: 3, leads: true, manifest_errors: 0 });
    floor.end().await;
    text
}

#[tokio::test(start_paused = true)]
async fn the_names_are_those_that_dashboards_know() {
    let text = counted(true).await;
    let golden = [
        "controller_runtime_reconcile_total",
        "leader_election_master_status",
        "tenantry_applied_changes_total",
        "tenantry_blocked_changes_total",
        "tenantry_build_info",
        "tenantry_drift_items",
        "tenantry_last_success_timestamp_seconds",
        "tenantry_manifest_errors",
        "tenantry_pending_changes",
        "tenantry_portal_request_duration_seconds_bucket",
        "tenantry_portal_request_duration_seconds_count",
        "tenantry_portal_request_duration_seconds_sum",
        "tenantry_portal_requests_total",
        "tenantry_portal_throttled_total",
        "tenantry_reconcile_duration_seconds_bucket",
        "tenantry_reconcile_duration_seconds_count",
        "tenantry_reconcile_duration_seconds_sum",
        "tenantry_reconcile_total",
        "workqueue_depth",
    ];
    assert_eq!(names(&text).into_iter().collect::<Vec<_>>(), golden, "{text}");
    for line in [
        "tenantry_applied_changes_total{kind=\"User\",action=\"create\",result=\"done\"} 1",
        "tenantry_drift_items{tenant=\"acme\",kind=\"User\"} 1",
        "tenantry_pending_changes{tenant=\"acme\",action=\"create\"} 1",
        "tenantry_blocked_changes_total{code=\"G017\"} 1",
        "tenantry_reconcile_total{kind=\"Organization\",result=\"success\"} 1",
        "tenantry_reconcile_total{kind=\"Organization\",result=\"awaiting_approval\"} 1",
        "tenantry_portal_requests_total{portal=\"main\",method=\"POST\",code=\"none\"} 1",
        "tenantry_portal_throttled_total{portal=\"main\"} 1",
        "tenantry_build_info{version=\"9.9.9\"} 1",
        "leader_election_master_status{name=\"tenantry\"} 1",
        "workqueue_depth{name=\"tenantry\"} 3",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in {text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test(start_paused = true)]
async fn no_person_is_in_a_label_and_no_customer_where_that_is_switched_off() {
    let text = counted(true).await;
    assert!(!text.contains('@') && !text.contains("\"ann") && text.contains("tenant=\"acme\""), "{text}");
    let text = counted(false).await;
    assert!(!text.contains("acme") && !text.contains("beta"), "{text}");
    assert!(text.contains("tenantry_drift_items{kind=\"User\"} 1"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_is_refused_again_and_again_is_counted_once() {
    let floor = Floor::new();
    let metrics = Metrics::new("1", true);
    floor.portal.put(&org("acme"));
    floor.declare(&desired([org("acme"), admin("acme", "ann")])).await;
    for _ in 0..3 {
        metrics.visited(&floor.visit("acme"));
        floor.after(Duration::from_secs(700)).await;
    }
    let text = metrics.text(&floor.controller.visits(), Now::default());
    assert!(text.contains("tenantry_blocked_changes_total{code=\"G017\"} 1\n"), "{text}");
    assert!(text.contains("result=\"refused\"} 3\n"), "{text}");
    floor.end().await;
}
