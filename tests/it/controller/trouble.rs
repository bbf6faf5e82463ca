//! Portals that fail, leases that end, and how long is waited.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tenantry::controller::End;
use tenantry::controller::fence::{Fence, Term};
use tenantry::controller::status::{ConditionType, of};
use tenantry::diagnostic::Diagnostic;
use tenantry::diagnostic::codes::manifest as codes;
use tenantry::model::live::KeyHolder;
use tenantry::model::rule::Conduct;
use tenantry::model::{Capabilities, Control, Desired, DriftMode, Kind, LiveTenant, Value};
use tenantry::portal::gated::{Gate, Gated};
use tenantry::portal::{CallError, Observe, PortalError, TenantKey};

use super::floor::Floor;
use crate::engine::scripted::{Fault, Scripted};
use crate::support::declared::{Say, admin, desired, org, user};
use crate::support::name;

const AN_HOUR: Duration = Duration::from_secs(3600);

fn acme() -> Desired {
    desired([org("acme"), admin("acme", "ann")])
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_to_an_hour_and_are_short_again_when_something_is_declared_anew() {
    let floor = Floor::new();
    floor.portal.behave(|m| m.down = Some(PortalError::Unavailable("its disk is full".to_owned())));
    floor.declare(&acme()).await;
    let first = floor.times_after(AN_HOUR).await;
    // 5, 10, 20, … seconds.
    assert!((8..=10).contains(&first.len()), "{first:?}");
    let pauses: Vec<_> = first.windows(2).map(|two| two[1].0 - two[0].0).collect();
    assert!(pauses.windows(2).all(|two| two[1] > two[0].mul_f64(1.7)), "{pauses:?}");
    let next = floor.after(4 * AN_HOUR).await;
    assert!((3..=5).contains(&next.len()), "an hour is the longest pause: {next:?}");
    assert!(floor.visit("acme").failures > 10);
    let more = desired([org("acme"), admin("acme", "ann"), user("acme", "eve")]);
    assert_eq!(floor.declare(&more).await, ["acme Portal"]);
    assert_eq!(floor.visit("acme").failures, 1);
    floor.portal.behave(|m| m.down = None);
    assert_eq!(floor.after(Duration::from_secs(10)).await, ["acme Applied"]);
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_cut_list_left_open_is_asked_for_again_soon_and_a_refusal_that_only_a_person_ends_is_not() {
    let floor = Floor::new();
    floor.declare(&acme()).await;
    floor.portal.behave(|m| drop(m.partial.insert(Kind::User, "the portal said 9 items (4 were read)".to_owned())));
    let more = desired([org("acme"), admin("acme", "ann"), user("acme", "eve")]);
    assert_eq!(floor.declare(&more).await, ["acme Refused"]);
    assert!(matches!(&floor.visit("acme").end, End::Refused { codes, .. } if *codes == ["G011"]), "{:?}", floor.visit("acme").end);
    let declared = more.tenants.values().next().unwrap();
    let said = of(&floor.visit("acme"), declared).into_iter().find(|s| s.address.to_string() == "acme/user/eve").unwrap().conditions;
    let holds = |ty| said.iter().find(|c| c.ty == ty).map(|c| c.reason);
    assert_eq!((holds(ConditionType::Reconciling), holds(ConditionType::Stalled)), (Some("ProgressingWithRetry"), None));
    floor.portal.behave(|m| m.partial.clear());
    assert_eq!(floor.after(Duration::from_secs(10)).await, ["acme Applied"], "and not at the next poll");

    let nobody_administers = desired([org("acme"), user("acme", "eve")]);
    assert_eq!(floor.declare(&nobody_administers).await, ["acme Refused"]);
    assert!(matches!(&floor.visit("acme").end, End::Refused { codes, .. } if codes.contains(&"G007".to_owned())));
    assert_eq!(floor.after(Duration::from_secs(60)).await, [""; 0]);
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn somebody_who_goes_and_is_not_shown_is_looked_for_soon_and_at_least_at_every_poll() {
    let mut floor = Floor::new();
    floor.spec.control = Control { drift: Some(DriftMode::Disabled), ..Control::default() };
    let more = desired([org("acme"), admin("acme", "ann"), user("acme", "eve")]);
    assert_eq!(floor.declare(&more).await, ["acme Applied"]);
    floor.portal.behave(|m| drop(m.partial.insert(Kind::User, "the portal said 9 items (4 were read)".to_owned())));
    let first = floor.declare(&acme()).await;
    assert_eq!(first, ["acme InStep"], "she is kept");
    let looks = floor.times_after(20 * AN_HOUR).await;
    let pauses: Vec<_> = looks.windows(2).map(|two| (two[1].0 - two[0].0).as_secs_f64()).collect();
    assert!(pauses.len() > 100 && pauses[0] < 25.0 && pauses.iter().all(|p| *p <= 631.0), "{pauses:?}");
    floor.portal.behave(|m| m.partial.clear());
    assert_eq!(floor.after(Duration::from_secs(631)).await, ["acme Applied"]);
    assert_eq!(floor.after(20 * AN_HOUR).await, [""; 0], "nothing is open, and drift is nobody's concern");
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_cut_list_holds_up_for_good_is_asked_for_at_least_at_every_poll() {
    let floor = Floor::new();
    floor.declare(&acme()).await;
    floor.portal.behave(|m| drop(m.partial.insert(Kind::User, "the portal said 9 items (4 were read)".to_owned())));
    let more = desired([org("acme"), admin("acme", "ann"), user("acme", "eve")]);
    assert_eq!(floor.declare(&more).await, ["acme Refused"]);
    let looks = floor.times_after(20 * AN_HOUR).await;
    let pauses: Vec<_> = looks.windows(2).map(|two| (two[1].0 - two[0].0).as_secs_f64()).collect();
    assert!(pauses[0] < 25.0 && pauses.iter().all(|p| *p <= 631.0), "{pauses:?}");
    floor.end().await;
}

#[test]
fn a_refusal_that_a_person_has_to_end_as_well_is_not_one_that_ends_by_itself() {
    let refused = |codes: &[&str]| End::Refused { codes: codes.iter().map(|c| (*c).to_owned()).collect(), message: String::new() };
    assert!(refused(&["G011"]).is_failure());
    for codes in [&["G001", "G011"][..], &["G011", "G017"], &["G017"], &[]] {
        assert!(!refused(codes).is_failure(), "{codes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_declared_with_errors_is_told_with_its_code_its_remedy_and_how_many_more_there_are() {
    let mut floor = Floor::new();
    let wrong = |user: &str| Diagnostic::error(codes::UNKNOWN_FIELD, "a user has no field `colour`").about(format!("acme/user/{user}"));
    floor.invalid.insert(name("acme"), vec![wrong("ann"), wrong("bob")]);
    assert_eq!(floor.declare(&acme()).await, ["acme Invalid"]);
    let expected = format!("M015 acme/user/ann: a user has no field `colour`; {} (and 1 more)", codes::UNKNOWN_FIELD.help);
    assert!(matches!(&floor.visit("acme").end, End::Invalid { message } if *message == expected), "{:?}", floor.visit("acme").end);
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_manifests_say_how_long_the_pauses_are() {
    let mut floor = Floor::new();
    let seconds = |n| Some(Duration::from_secs(n));
    floor.spec.control = Control { interval: seconds(100), retry_interval: seconds(60), ..Control::default() };
    floor.portal.behave(|m| m.down_after_reads = Some(0));
    assert_eq!(floor.declare(&acme()).await, ["acme Portal"]);
    assert_eq!(floor.after(Duration::from_secs(50)).await, [""; 0]);
    floor.portal.behave(|m| m.down_after_reads = None);
    assert_eq!(floor.after(Duration::from_secs(20)).await, ["acme Applied"]);
    let polls = floor.after(Duration::from_secs(1000)).await;
    assert!((9..=10).contains(&polls.len()), "{polls:?}");
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_customer_with_an_interval_of_its_own_is_looked_at_by_that() {
    let floor = Floor::new();
    let own = |name: &str, seconds| org(name).meta(|m| m.control.interval = Some(Duration::from_secs(seconds)));
    let fleet = desired([own("often", 60), admin("often", "ann"), own("seldom", 7200), admin("seldom", "bob")]);
    floor.declare(&fleet).await;
    let ends = floor.after(2 * AN_HOUR).await;
    let of = |name: &str| ends.iter().filter(|end| end.starts_with(name)).count();
    assert!((110..=127).contains(&of("often")) && of("seldom") <= 1, "{} and {}", of("often"), of("seldom"));
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn looks_lie_an_interval_apart_give_or_take_a_twentieth() {
    let floor = Floor::new();
    floor.declare(&acme()).await;
    let polls = floor.times_after(20 * AN_HOUR).await;
    let pauses: Vec<_> = polls.windows(2).map(|two| (two[1].0 - two[0].0).as_secs_f64()).collect();
    assert!(pauses.len() > 100 && pauses.iter().all(|p| (569.0..=631.0).contains(p)), "{pauses:?}");
    let (least, most) = (pauses.iter().copied().fold(f64::MAX, f64::min), pauses.iter().copied().fold(0.0, f64::max));
    assert!(most - least > 30.0, "chance has a say: {least} to {most}");
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_customer_that_fails_keeps_no_other_waiting() {
    let floor = Floor::new();
    let (first_name, _) = Kind::User.def().field_named("firstName").unwrap();
    floor.portal.behave(|m| drop(m.stubborn.insert((Kind::User, first_name), Value::text("Nobody"))));
    let fleet = |more: bool| {
        let mut all = vec![org("acme"), admin("acme", "ann").with("firstName", "Ann"), org("beta"), admin("beta", "bob")];
        all.extend(more.then(|| user("beta", "eve")));
        desired(all)
    };
    let mut ends = floor.declare(&fleet(false)).await;
    ends.sort();
    assert_eq!(ends, ["acme Failed", "beta Applied"]);
    let later = floor.after(AN_HOUR).await;
    assert!(later.iter().any(|end| end == "acme Failed") && later.iter().filter(|end| *end == "beta InStep").count() >= 5, "{later:?}");
    let now = floor.declare(&fleet(true)).await;
    assert!(now.contains(&"beta Applied".to_owned()), "{now:?}");
    floor.end().await;
}

/// Panics the first time that it is read.
struct PanicsOnce(Arc<Scripted>, AtomicUsize);

#[async_trait]
impl Observe for PanicsOnce {
    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }

    fn conduct(&self) -> &dyn Conduct {
        self.0.conduct()
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        assert!(self.1.fetch_add(1, Ordering::SeqCst) > 0, "a bug of a driver");
        self.0.read(tenants).await
    }

    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        self.0.tenants().await
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        self.0.holders(kind, keys).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_panics_ends_one_visit_and_no_more() {
    let mut floor = Floor::new();
    floor.observe = Arc::new(PanicsOnce(Arc::clone(&floor.portal), AtomicUsize::new(0)));
    assert_eq!(floor.declare(&acme()).await, ["acme Failed"]);
    assert_eq!(floor.after(Duration::from_secs(60)).await, ["acme Applied"]);
    floor.portal.took();
    // A call that panics may have had an effect, so that it is looked for before it is made again.
    floor.portal.fault(0, Fault::PanicAfter);
    let ends = floor.declare(&desired([org("acme"), admin("acme", "ann"), user("acme", "eve")])).await;
    let later = floor.after(Duration::from_secs(60)).await;
    assert!(ends.iter().chain(&later).any(|end| end == "acme Applied"), "{ends:?} {later:?}");
    assert_eq!(floor.portal.took(), ["create acme/user/eve"]);
    floor.end().await;
}

/// Closes a fence when so many calls have begun.
struct Closes {
    fence: Fence,
    left: AtomicUsize,
}

#[async_trait]
impl Gate for Closes {
    fn shut(&self) -> Option<CallError> {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.fence.set(Term::Over);
        }
        None
    }

    async fn shuts(&self) {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_ends_in_the_middle_lets_no_further_call_begin() {
    let mut floor = Floor::new();
    floor.spec.parallelism = 1;
    let gate = Arc::new(Closes { fence: floor.fence.clone(), left: AtomicUsize::new(2) });
    floor.execute = Gated::portal(Arc::clone(&floor.portal) as _, Arc::clone(&floor.portal) as _, gate);
    let fleet = desired([org("acme"), admin("acme", "ann"), user("acme", "bob"), user("acme", "eve")]);
    floor.declare(&fleet).await;
    assert_eq!(floor.portal.took(), ["create acme/organization/acme", "create acme/user/ann"]);
    assert_eq!(floor.after(24 * AN_HOUR).await, [""; 0], "who does not lead looks at nothing");
    floor.fence.set(Term::Unlimited);
    let ends = floor.after(AN_HOUR).await;
    assert!(ends.contains(&"acme Applied".to_owned()), "{ends:?}");
    assert_eq!(floor.portal.took(), ["create acme/user/bob", "create acme/user/eve"]);
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn who_is_told_to_stop_begins_nothing_and_ends() {
    let floor = Floor::new();
    floor.fence.set(Term::Over);
    assert_eq!(floor.declare(&acme()).await, [""; 0], "it does not lead");
    let portal = Arc::clone(&floor.portal);
    floor.end().await;
    assert_eq!(portal.took(), [""; 0]);
}
