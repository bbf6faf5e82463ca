//! Interrupted runs. A run is killed after every single effect it has, in the ledger or in the portal; what the two then hold is all that is left.
//! Running again comes to the same end: nothing is made twice, nobody is invited twice, nothing is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use tenantry::model::kind::Kind;
use tenantry::model::*;

use super::scripted::{Fault, Manners, capable};
use super::stage::*;
use crate::support::address;
use crate::support::bench::changes;
use crate::support::declared::*;

const WINDOW: i64 = 60;

fn replaceable() -> Capabilities {
    let mut capabilities = capable();
    let (field, _) = Kind::Gateway.def().field_named("description").unwrap();
    capabilities.kinds.get_mut(&Kind::Gateway).unwrap().fields.insert(field, FieldSupport::Immutable);
    capabilities
}

fn before() -> Desired {
    desired([
        org("acme"),
        role("acme", "old"),
        resource("acme/gateway/gw").with("description", "old"),
        user("acme", "goes"),
        user("acme", "stays"),
        user("acme", "late").with("invitation.resendWhenExpired", true),
    ])
}

/// A bit of everything: a new tenant with its first administrator, an update, a rename, a replacement, a deletion, a resent invitation.
fn after() -> Desired {
    desired([
        org("acme"),
        role("acme", "new").formerly("old").with("displayName", "New"),
        resource("acme/gateway/gw").with("description", "new"),
        user("acme", "stays").with("firstName", "Stella").with("roles", vec!["new"]),
        user("acme", "late").with("invitation.resendWhenExpired", true),
        org("beta"),
        role("beta", "ops"),
        admin("beta", "boss").with("roles", vec!["ops"]),
        user("beta", "bob").with("roles", vec!["ops"]),
        shared("aws", &["acme", "beta"]),
    ])
}

async fn begin(capabilities: &Capabilities, manners: &Manners) -> Stage {
    let stage = Stage::new(capabilities.clone(), manners.clone());
    stage.bench.apply(&before()).await;
    stage.bench.clock.forward(2 * WINDOW);
    stage.portal.set_state("acme", Kind::User, "late@acme.example", ObjectState::InvitationExpired);
    stage.bench.clock.forward(2 * WINDOW);
    let settled = stage.bench.apply(&before()).await;
    assert_eq!(settled.outcomes(), ["acme/user/late done"]);
    stage.portal.set_state("acme", Kind::User, "late@acme.example", ObjectState::InvitationExpired);
    stage.bench.clock.forward(2 * WINDOW);
    stage.portal.took();
    stage
}

/// What must be the same however often a run was interrupted.
type End = (Vec<String>, BTreeMap<String, u32>, Vec<String>);

/// Runs until nothing is left to do, as somebody does who is told to run again.
async fn finish(stage: &Stage, why: &str) -> End {
    for run in 0..4 {
        let applied = stage.bench.apply(&after()).await;
        stage.bench.clock.forward(2 * WINDOW);
        if applied.report.final_plan_empty && stage.bench.ledger.open_intents() == 0 {
            break;
        }
        assert!(run < 3, "{why}: still not done: {:?} {:?}", changes(&applied.plan), applied.outcomes());
    }
    let body = stage.plan(&after()).await;
    assert_eq!(changes(&body), [""; 0], "{why}: the last plan is empty");
    assert_eq!(drift(&body), [""; 0], "{why}");
    let rows = stage.bench.ledger.rows().iter().map(|r| format!("{} {} {:?}", r.address, r.key, r.origin)).collect();
    (stage.portal.picture(), stage.portal.all_invitations(), rows)
}

/// Kills after every effect and runs on; an immediate second attempt comes first where the portal shows its writes late.
async fn check(capabilities: Capabilities, manners: Manners) {
    let unbroken = begin(&capabilities, &manners).await;
    let expected = finish(&unbroken, "unbroken").await;
    assert_eq!(expected.1.get("boss@beta.example"), manners.invites.then_some(&1));
    for k in 1.. {
        let stage = begin(&capabilities, &manners).await;
        let came_to_its_end = stage.bench.apply_killed_after(k, &after()).await;
        if came_to_its_end {
            assert!(k > 15, "there were effects to be killed after");
            return;
        }
        let end = finish(&stage, &format!("killed after effect {k}")).await;
        assert_eq!(end, expected, "killed after effect {k}");
    }
}

fn inviting() -> Manners {
    Manners { invites: true, ..Manners::default() }
}

#[tokio::test]
async fn on_an_ordinary_portal() {
    check(replaceable(), inviting()).await;
}

#[tokio::test]
async fn on_a_portal_that_shows_which_call_made_what() {
    check(replaceable(), Manners { shows_created_by: true, reads_back: true, ..inviting() }).await;
}

#[tokio::test]
async fn on_a_portal_that_keeps_marks_of_ownership() {
    check(replaceable(), Manners { keeps_marks: true, ..inviting() }).await;
}

#[tokio::test]
async fn on_a_portal_that_takes_idempotency_keys() {
    check(Capabilities { idempotent: true, ..replaceable() }, inviting()).await;
}

#[tokio::test]
async fn on_a_portal_that_takes_batches() {
    check(Capabilities { batch: 3, ..replaceable() }, inviting()).await;
}

fn carrying() -> Capabilities {
    let mut capabilities = replaceable();
    capabilities.kinds.get_mut(&Kind::User).unwrap().carried_by = Some(Kind::Organization);
    capabilities
}

#[tokio::test]
async fn on_a_portal_that_makes_two_things_in_one_call() {
    check(carrying(), inviting()).await;
    check(carrying(), Manners { shows_created_by: true, ..inviting() }).await;
}

#[tokio::test]
async fn on_a_portal_that_shows_its_writes_late() {
    let late = |idempotent| Capabilities { idempotent, consistency_window: Duration::from_secs(WINDOW as u64), ..carrying() };
    check(late(false), inviting()).await;
    check(late(true), inviting()).await;
    check(late(false), Manners { shows_created_by: true, ..inviting() }).await;
}

fn late() -> Stage {
    Stage::new(Capabilities { consistency_window: Duration::from_secs(WINDOW as u64), ..capable() }, Manners::default())
}

#[tokio::test]
async fn what_may_not_be_shown_yet_waits_and_is_never_made_twice() {
    let stage = late();
    let wanted = desired([org("acme")]);
    // The intent is effect 1, the call effect 2.
    assert!(!stage.bench.apply_killed_after(2, &wanted).await);
    for seconds in [0, 1, WINDOW - 2] {
        stage.bench.clock.forward(seconds);
        let applied = stage.bench.apply(&wanted).await;
        assert_eq!(applied.outcomes(), ["acme/organization/acme held: G018"]);
    }
    stage.bench.clock.forward(1);
    let applied = stage.bench.apply(&wanted).await;
    assert_eq!(changes(&applied.plan), ["acme/organization/acme recover"]);
    assert_eq!(stage.portal.took(), ["create acme/organization/acme"], "one call, and nothing else");
}

#[tokio::test]
async fn what_a_lost_call_made_is_not_forgotten_while_it_is_not_declared() {
    let stage = late();
    let wanted = desired([org("acme"), role("acme", "ops")]);
    stage.bench.apply(&desired([org("acme")])).await;
    stage.bench.clock.forward(2 * WINDOW);
    stage.portal.fault(0, Fault::UncertainAfter);
    stage.bench.apply(&wanted).await;
    stage.bench.apply(&desired([org("acme")])).await;
    stage.bench.clock.forward(2 * WINDOW);
    let applied = stage.bench.apply(&wanted).await;
    assert_eq!(changes(&applied.plan), ["acme/role/ops recover"]);
    assert_eq!(stage.portal.has(), ["acme organization acme", "acme role ops"]);
}

#[tokio::test]
async fn what_was_done_and_is_not_shown_yet_is_neither_drift_nor_done_again() {
    let stage = late();
    let named = |name: &str| desired([org("acme"), user("acme", "ann").with("firstName", name)]);
    let waits = async |desired: &Desired| {
        let applied = stage.bench.apply(desired).await;
        assert_eq!((changes(&applied.plan), drift(&applied.plan)), (Vec::new(), Vec::new()));
        assert!(waits_for(&applied.plan, "acme/user/ann").unwrap().contains("may take 60 s to show it"));
        stage.bench.clock.forward(2 * WINDOW);
        stage.check_plan(&stage.plan(desired).await, &[]);
    };
    stage.done(&named("Ann"), &["create acme/organization/acme", "create acme/user/ann"]).await;
    waits(&named("Ann")).await;
    stage.done(&named("Anna"), &["update acme/user/ann"]).await;
    waits(&named("Anna")).await;
    // What changes again in the meantime is done at once, and what goes is not taken for unmanaged.
    stage.done(&named("Annie"), &["update acme/user/ann"]).await;
    stage.done(&named("Hanna"), &["update acme/user/ann"]).await;
    stage.bench.clock.forward(2 * WINDOW);
    let gone = stage.done(&desired([org("acme")]), &["delete acme/user/ann"]).await;
    assert!(gone.report.final_plan_empty);
    assert_eq!(unmanaged(&stage.plan(&desired([org("acme")])).await), [""; 0]);
}

#[tokio::test]
async fn the_wait_counts_from_the_last_call_and_not_from_the_first() {
    let stage = late();
    let wanted = desired([org("acme")]);
    stage.portal.fault(0, Fault::UncertainBefore);
    stage.bench.apply(&wanted).await;
    stage.bench.clock.forward(2 * WINDOW);
    // The second attempt takes the intent up, is lost after its effect, and is waited for as long.
    stage.portal.fault(0, Fault::UncertainAfter);
    stage.bench.apply(&wanted).await;
    stage.bench.clock.forward(WINDOW - 1);
    assert_eq!(stage.bench.apply(&wanted).await.outcomes(), ["acme/organization/acme held: G018"]);
    stage.bench.clock.forward(1);
    stage.bench.apply(&wanted).await;
    assert_eq!(stage.portal.has(), ["acme organization acme"]);
}

#[tokio::test(start_paused = true)]
async fn the_wait_counts_from_the_last_call_of_a_killed_run_too() {
    let stage = late();
    let wanted = desired([org("acme")]);
    stage.portal.fault(0, Fault::Retry(Some(Duration::from_secs(50))));
    // The intent, its new time, and the second call.
    assert!(!stage.bench.apply_killed_after(3, &wanted).await);
    stage.bench.clock.forward(WINDOW - 1);
    assert_eq!(stage.bench.apply(&wanted).await.outcomes(), ["acme/organization/acme held: G018"]);
    stage.bench.clock.forward(1);
    stage.bench.apply(&wanted).await;
    assert_eq!(stage.portal.has(), ["acme organization acme"]);
}

#[tokio::test]
async fn a_work_order_is_given_however_often_the_run_is_killed() {
    let mut capabilities = capable();
    let group = capabilities.kinds.get_mut(&Kind::Group).unwrap();
    group.create = Performer::Technician;
    let manners = Manners { by_hand: [Kind::Group].into(), ..Manners::default() };
    let wanted = desired([org("acme"), crate::support::declared::group("acme", "ops")]);
    for k in 1..20 {
        let stage = Stage::new(capabilities.clone(), manners.clone()).given(&desired([org("acme")])).await;
        let done = stage.bench.apply_killed_after(k, &wanted).await;
        let applied = stage.bench.apply(&wanted).await;
        assert_eq!(stage.portal.work_orders(), [address("acme/group/ops")].into(), "killed after effect {k}");
        assert!(applied.report.final_plan_empty, "killed after effect {k}");
        if done {
            assert_eq!(waits_for(&applied.plan, "acme/group/ops").as_deref(), Some("a technician makes it and records that"));
            return;
        }
    }
}
