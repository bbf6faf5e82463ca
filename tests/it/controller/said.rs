//! What is said of each resource after a visit, and of its portal.

use std::time::Duration;

use jiff::Timestamp;
use tenantry::controller::status::{Condition, ConditionType, is_open, of, of_portal, of_undeclared};
use tenantry::controller::{End, Visit};
use tenantry::model::{Control, Desired, DriftMode, Kind};
use tenantry::plan::document::WaitingResource;
use tenantry::portal::PortalError;

use super::floor::Floor;
use crate::engine::scripted::Fault;
use crate::support::declared::{admin, desired, org, user};
use crate::support::{address, name};

const A_MINUTE: Duration = Duration::from_secs(60);

fn acme() -> Desired {
    desired([org("acme"), admin("acme", "ann"), user("acme", "bob")])
}

/// A condition in words, such as `True ReconciliationSucceeded: live is as declared`; `-`: it is absent.
fn words(conditions: &[Condition], ty: ConditionType) -> String {
    let found = conditions.iter().find(|c| c.ty == ty);
    found.map_or_else(|| "-".to_owned(), |c| format!("{} {}: {}", c.holds.word(), c.reason, c.message))
}

/// What a visit says of a resource, declared or not any more.
#[track_caller]
fn said(visit: &Visit, declared: &Desired, at: &str, ty: ConditionType) -> String {
    let tenant = &declared.tenants[&visit.key.tenant];
    let all = of(visit, tenant).into_iter().chain(of_undeclared(visit, tenant));
    let found = all.into_iter().find(|s| s.address == address(at));
    words(&found.unwrap_or_else(|| panic!("nothing is said of {at}")).conditions, ty)
}

fn ended(like: &Visit, end: End) -> Visit {
    Visit { end, plan: None, report: None, ..like.clone() }
}

#[tokio::test(start_paused = true)]
async fn what_is_in_a_technicians_hands_is_open() {
    let floor = Floor::new();
    floor.declare(&acme()).await;
    let (mut visit, bob) = (floor.told().pop().unwrap(), address("acme/user/bob"));
    let plan = visit.plan.as_mut().unwrap();
    plan.resource_changes.clear();
    plan.waiting = vec![WaitingResource { address: bob.clone(), waits_for: "a technician".to_owned(), technician: true, failed: false }];
    for end in [End::AwaitingTechnician, End::Applied, End::InStep] {
        let visit = Visit { end: end.clone(), ..visit.clone() };
        assert!(is_open(&visit, &bob), "{end:?}: it was given out by an earlier visit");
        assert!(!is_open(&visit, &address("acme/organization/acme")), "{end:?}");
    }
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_nobody_looked_at_is_open() {
    let floor = Floor::new();
    floor.declare(&acme()).await;
    let (visit, bob) = (floor.visit("acme"), address("acme/user/bob"));
    assert!(!is_open(&visit, &bob));
    let message = || "beta has errors".to_owned();
    for end in [End::DependencyNotReady { message: message() }, End::Failed { message: message() }, End::AwaitingTechnician] {
        assert!(is_open(&ended(&visit, end.clone()), &bob), "{end:?}");
    }
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn deletions_that_a_guard_refuses_are_told_with_the_guard_and_the_digest() {
    let floor = Floor::new();
    let fleet = |users: u32| {
        let mut all = vec![org("acme"), admin("acme", "ann"), admin("acme", "amy")];
        all.extend((0..users).map(|n| user("acme", &format!("u{n:02}"))));
        desired(all)
    };
    floor.declare(&fleet(30)).await;
    let less = fleet(1);
    floor.declare(&less).await;
    let visit = floor.visit("acme");
    assert!(matches!(visit.end, End::Refused { .. }), "{:?}", visit.end);
    let digest = visit.plan.as_ref().unwrap().digest.clone();
    let stalled = said(&visit, &less, "acme/user/u29", ConditionType::Stalled);
    assert!(stalled.starts_with("True GuardRefused: G") && stalled.contains(&digest), "{stalled}");
    assert!(stalled.contains("tenantry.dev/approved-plan") && !stalled.contains("manifest changed"), "{stalled}");
    assert!(said(&visit, &less, "acme/user/u29", ConditionType::PlanPending).starts_with("True PlannedWithChanges"));
    let whole = said(&visit, &less, "acme/organization/acme", ConditionType::Ready);
    assert!(whole.starts_with("False ReconciliationFailed: G") && whole.contains(&digest), "{whole}");
    let pending = said(&visit, &less, "acme/organization/acme", ConditionType::PlanPending);
    assert!(pending.starts_with("True PlannedWithChanges"), "{pending}");
    assert!(said(&visit, &less, "acme/user/u00", ConditionType::Ready).starts_with("True "), "it is in step");
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_change_that_is_denied_is_said_of_what_was_to_be_changed_alone() {
    let floor = Floor::new();
    floor.declare(&acme()).await;
    floor.portal.took();
    floor.portal.fault(0, Fault::Denied);
    let more = desired([org("acme"), admin("acme", "ann"), user("acme", "bob"), user("acme", "eve")]);
    floor.declare(&more).await;
    let visit = floor.visit("acme");
    assert!(matches!(visit.end, End::Portal(PortalError::Denied(_))), "{:?}", visit.end);
    let portal = of_portal(&visit).unwrap();
    assert!(words(&portal, ConditionType::Ready).starts_with("True "), "{portal:?}");
    assert!(said(&visit, &more, "acme/user/eve", ConditionType::Stalled).starts_with("True AccessDenied"));
    assert!(said(&visit, &more, "acme/user/bob", ConditionType::Ready).starts_with("True "));
    let look = ended(&visit, End::Portal(PortalError::Denied("no".to_owned())));
    assert!(words(&of_portal(&look).unwrap(), ConditionType::Ready).starts_with("False "));
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn that_it_fails_again_is_no_news_of_any_resource() {
    let floor = Floor::new();
    floor.declare(&acme()).await;
    floor.portal.behave(|m| m.down = Some(PortalError::Unavailable("its disk is full".to_owned())));
    floor.after(Duration::from_secs(700)).await;
    let (declared, first) = (acme(), floor.visit("acme"));
    assert!(said(&first, &declared, "acme/user/bob", ConditionType::Reconciling).contains("its disk is full"));
    let later = Visit { again: first.again.checked_add(jiff::SignedDuration::from_hours(1)).unwrap_or(Timestamp::MAX), ..first.clone() };
    let tenant = &declared.tenants[&name("acme")];
    assert_eq!(of(&first, tenant), of(&later, tenant));
    assert_eq!(of_portal(&first), of_portal(&later));
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn drift_that_is_left_is_not_said_to_be_as_declared() {
    let mut floor = Floor::new();
    floor.spec.control = Control { drift: Some(DriftMode::Warn), ..Control::default() };
    floor.declare(&acme()).await;
    floor.portal.delete("acme", Kind::User, "bob@acme.example");
    floor.after(A_MINUTE * 11).await;
    let visit = floor.visit("acme");
    assert_eq!(visit.end, End::DriftReported);
    let ready = said(&visit, &acme(), "acme/user/bob", ConditionType::Ready);
    assert!(ready.starts_with("True ") && ready.contains("somebody changed it"), "{ready}");
    assert!(said(&visit, &acme(), "acme/user/ann", ConditionType::Ready).contains("live is as declared"));
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_in_step_stays_ready_when_its_tenants_visit_is_stopped() {
    let floor = Floor::new();
    floor.declare(&acme()).await;
    let more = desired([org("acme"), admin("acme", "ann"), user("acme", "bob"), user("acme", "eve")]);
    floor.portal.fault(0, Fault::Refused);
    floor.declare(&more).await;
    let failed = floor.visit("acme");
    assert!(failed.plan.is_some(), "{:?}", failed.end);
    let message = || "somebody else works on it".to_owned();
    for end in [End::Stopped { message: message() }, End::Contended { message: message() }, End::DependencyNotReady { message: message() }]
    {
        let visit = Visit { end: end.clone(), report: None, ..failed.clone() };
        assert!(said(&visit, &more, "acme/user/bob", ConditionType::Ready).starts_with("True "), "{end:?}");
        assert!(said(&visit, &more, "acme/user/eve", ConditionType::Ready).starts_with("False "), "{end:?}");
        let blind = ended(&failed, end);
        assert!(!said(&blind, &more, "acme/user/bob", ConditionType::Ready).starts_with("True "));
    }
    floor.end().await;
}
