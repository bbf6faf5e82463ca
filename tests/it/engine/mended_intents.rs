//! What interrupted runs leave behind where the manifest has changed in the meantime: nothing live is ever lost sight of, made twice, or taken for
//! something else.

use std::time::Duration;

use tenantry::diff::Purpose;
use tenantry::model::kind::Kind;
use tenantry::model::portal_spec::{AdoptionPolicy, DeletionPolicy};
use tenantry::model::*;

use super::scripted::{Fault, Manners, capable};
use super::stage::*;
use crate::support::address;
use crate::support::bench::changes;
use crate::support::declared::*;

const WINDOW: u64 = 60;

fn late() -> Capabilities {
    Capabilities { consistency_window: Duration::from_secs(WINDOW), ..capable() }
}

fn marking() -> Manners {
    Manners { keeps_marks: true, shows_created_by: true, ..Manners::default() }
}

/// Some who stay.
fn staff() -> Desired {
    desired([org("acme"), user("acme", "a"), user("acme", "b"), user("acme", "c")])
}

fn staff_and_ghost() -> Desired {
    desired([org("acme"), user("acme", "a"), user("acme", "b"), user("acme", "c"), user("acme", "ghost")])
}

/// A run was killed right after it had made the ghost.
async fn with_a_ghost(capabilities: Capabilities, manners: Manners) -> Stage {
    let stage = Stage::new(capabilities, manners);
    stage.bench.apply(&staff()).await;
    stage.bench.clock.forward(2 * WINDOW as i64);
    stage.bench.apply(&staff()).await;
    stage.portal.took();
    assert!(!stage.bench.apply_killed_after(2, &staff_and_ghost()).await);
    assert_eq!(stage.portal.took(), ["create acme/user/ghost"]);
    stage.bench.clock.forward(2 * WINDOW as i64);
    stage
}

#[tokio::test]
async fn what_a_killed_run_made_goes_when_nobody_declares_it_any_more() {
    for (capabilities, manners) in [(capable(), Manners::default()), (capable(), marking()), (late(), Manners::default())] {
        let stage = with_a_ghost(capabilities, manners).await;
        stage.check_plan(&stage.plan(&staff()).await, &["acme/user/ghost delete,recover"]);
        let applied = stage.done(&staff(), &["delete acme/user/ghost"]).await;
        assert_eq!(applied.plan.units[0].consequences.lose_access, ["ghost@acme.example"]);
        assert_eq!(unmanaged(&applied.plan), [""; 0]);
        assert_eq!((applied.report.final_plan_empty, stage.bench.ledger.open_intents()), (true, 0));
        assert_eq!(stage.bench.ledger.rows().len(), 4);
    }
}

#[tokio::test]
async fn what_a_killed_run_made_goes_under_the_usual_limits() {
    let mut stage = with_a_ghost(capable(), Manners::default()).await;
    stage.bench.tighten.max_delete = Some(tenantry::guard::CountOrPercent::Count(0));
    for _ in 0..2 {
        let held = stage.done(&staff(), &[]).await;
        assert_eq!(changes(&held.plan), ["acme/user/ghost delete,recover"]);
        assert!(!held.report.final_plan_empty);
        assert_eq!(stage.bench.ledger.open_intents(), 1, "it is not lost sight of");
    }
}

#[tokio::test]
async fn what_a_killed_run_made_becomes_ours_where_the_policy_keeps_it() {
    let stage = with_a_ghost(capable(), Manners::default()).await.spec(|s| s.delete_members = DeletionPolicy::Orphan);
    let applied = stage.done(&staff(), &[]).await;
    assert_eq!(changes(&applied.plan), ["acme/user/ghost recover"]);
    let body = stage.plan(&staff()).await;
    assert_eq!(retained(&body, "acme/user/ghost").as_deref(), Some("the deletion policy for users is Orphan"));
    assert_eq!((changes(&body), stage.bench.ledger.open_intents(), stage.bench.ledger.rows().len()), (Vec::new(), 0, 5));
}

#[tokio::test]
async fn destroying_takes_what_a_killed_run_made_as_well() {
    let mut stage = with_a_ghost(capable(), Manners::default()).await.spec(|s| s.delete_organizations = DeletionPolicy::Delete);
    stage.bench.purpose = Purpose::Destroy;
    stage.bench.approvals.allow = ["G002", "G006", "G014"].map(|code| (code.to_owned(), "the contract ended".to_owned())).into();
    let applied = stage.bench.apply(&staff_and_ghost()).await;
    assert_eq!((stage.portal.has(), stage.bench.ledger.open_intents()), (Vec::new(), 0), "{:?}", applied.outcomes());
}

#[tokio::test]
async fn in_a_tenant_that_is_no_longer_declared_it_is_kept_with_the_rest() {
    let stage = with_a_ghost(capable(), Manners::default()).await;
    let applied = stage.done(&desired([]), &[]).await;
    let why = applied.plan.units[0].retained[0].why.clone();
    assert!(why.contains("kept whole"), "{why}");
    assert_eq!(stage.bench.ledger.open_intents(), 1, "it is not lost sight of");
    stage.done(&staff(), &["delete acme/user/ghost"]).await;
}

#[tokio::test]
async fn a_creation_that_had_no_effect_is_settled_and_nothing_is_deleted() {
    let stage = Stage::new(capable(), Manners::default()).given(&staff()).await;
    // The intent is effect 1; the call is never made.
    assert!(!stage.bench.apply_killed_after(1, &staff_and_ghost()).await);
    let applied = stage.done(&staff(), &[]).await;
    assert_eq!((changes(&applied.plan), stage.bench.ledger.open_intents()), (Vec::new(), 0));
}

#[tokio::test]
async fn what_was_made_anew_by_a_killed_run_is_never_forgotten() {
    let stage = Stage::new(capable(), Manners::default()).given(&staff_and_ghost()).await;
    stage.portal.delete("acme", Kind::User, "ghost@acme.example");
    assert!(!stage.bench.apply_killed_after(2, &staff_and_ghost()).await);
    stage.portal.took();
    let applied = stage.done(&staff(), &["delete acme/user/ghost"]).await;
    assert_eq!((applied.report.final_plan_empty, stage.bench.ledger.open_intents()), (true, 0));
}

#[tokio::test]
async fn what_the_portal_has_marked_as_ours_is_never_plainly_unmanaged() {
    let stage = Stage::new(capable(), marking()).given(&staff()).await;
    stage.bench.ledger.edit("main", "acme", |l| drop(l.rows.remove(&address("acme/user/c"))));
    let body = stage.plan(&desired([org("acme"), user("acme", "a"), user("acme", "b")])).await;
    assert_eq!((changes(&body), unmanaged(&body)), (Vec::new(), Vec::new()));
    let why = retained(&body, "acme/user/c-acme-example").unwrap();
    assert!(why.contains("c@acme.example is ours by its mark in the portal"), "{why}");
}

fn ann(email: &str) -> Desired {
    desired([org("acme"), user("acme", "ann").with("email", email)])
}

#[tokio::test]
async fn an_address_corrected_after_a_killed_run_corrects_what_that_made() {
    for manners in [Manners::default(), marking()] {
        for idempotent in [false, true] {
            let manners = Manners { invites: true, ..manners.clone() };
            let stage = Stage::new(Capabilities { idempotent, ..capable() }, manners).given(&desired([org("acme")])).await;
            assert!(!stage.bench.apply_killed_after(2, &ann("ann@typo.example")).await);
            stage.portal.took();
            let applied = stage.done(&ann("ann@acme.example"), &["update acme/user/ann"]).await;
            assert_eq!(changes(&applied.plan), ["acme/user/ann recover,update"]);
            assert_eq!(stage.portal.has(), ["acme organization acme", "acme user ann@acme.example"]);
            assert_eq!(stage.portal.invitations("ann@acme.example"), 0, "nobody is invited twice");
            assert_eq!((applied.report.final_plan_empty, stage.bench.ledger.open_intents()), (true, 0));
        }
    }
}

#[tokio::test]
async fn a_call_that_was_never_made_is_not_resumed_for_another_key() {
    let stage = Stage::new(Capabilities { idempotent: true, ..capable() }, Manners::default()).given(&desired([org("acme")])).await;
    assert!(!stage.bench.apply_killed_after(1, &ann("ann@typo.example")).await);
    let body = stage.plan(&ann("ann@acme.example")).await;
    assert_eq!(body.units[0].changes[0].resumes, None, "another key is another call");
    stage.done(&ann("ann@acme.example"), &["create acme/user/ann"]).await;
    assert_eq!(stage.bench.ledger.open_intents(), 0);
}

#[tokio::test]
async fn while_the_first_call_may_not_be_shown_a_corrected_address_waits() {
    for idempotent in [false, true] {
        let stage = Stage::new(Capabilities { idempotent, ..late() }, Manners::default());
        stage.bench.apply(&desired([org("acme")])).await;
        stage.bench.clock.forward(2 * WINDOW as i64);
        stage.bench.apply(&desired([org("acme")])).await;
        assert!(!stage.bench.apply_killed_after(2, &ann("ann@typo.example")).await);
        stage.portal.took();
        let held = stage.done(&ann("ann@acme.example"), &[]).await;
        assert_eq!(held.outcomes(), ["acme/user/ann held: G018"]);
        stage.bench.clock.forward(2 * WINDOW as i64);
        stage.done(&ann("ann@acme.example"), &["update acme/user/ann"]).await;
    }
}

#[tokio::test]
async fn what_a_killed_run_made_is_not_confused_with_what_has_the_corrected_key() {
    let stage = Stage::new(capable(), Manners::default()).given(&desired([org("acme")])).await;
    assert!(!stage.bench.apply_killed_after(2, &ann("ann@typo.example")).await);
    stage.portal.took();
    stage.portal.put(&user("acme", "ann"));
    let body = stage.plan(&ann("ann@acme.example")).await;
    assert_eq!(codes(&body, "acme/user/ann"), ["G012"]);
    stage.done(&ann("ann@acme.example"), &[]).await;
    assert_eq!(stage.bench.ledger.open_intents(), 1);
}

#[tokio::test]
async fn what_a_killed_run_made_under_another_name_is_taken_over() {
    let stage = Stage::new(capable(), Manners::default()).given(&desired([org("acme")])).await;
    assert!(!stage.bench.apply_killed_after(2, &ann("ann@acme.example")).await);
    stage.portal.took();
    let renamed = desired([org("acme"), user("acme", "anna").with("email", "ann@acme.example")]);
    let applied = stage.done(&renamed, &[]).await;
    assert_eq!(changes(&applied.plan), ["acme/user/anna recover"]);
    assert_eq!((applied.report.final_plan_empty, stage.bench.ledger.open_intents()), (true, 0));
}

/// Late's invitation has expired, and she is to be invited again.
async fn expired(capabilities: Capabilities) -> (Stage, Desired) {
    let stage = Stage::new(capabilities, Manners { invites: true, ..Manners::default() });
    let wanted = desired([org("acme"), user("acme", "late").with("invitation.resendWhenExpired", true)]);
    stage.bench.apply(&wanted).await;
    stage.bench.clock.forward(2 * WINDOW as i64);
    stage.portal.set_state("acme", Kind::User, "late@acme.example", ObjectState::InvitationExpired);
    stage.bench.clock.forward(2 * WINDOW as i64);
    stage.portal.took();
    (stage, wanted)
}

#[tokio::test]
async fn an_invitation_whose_answer_was_lost_goes_out_once_where_the_portal_shows_it_late() {
    let (stage, wanted) = expired(late()).await;
    stage.portal.fault(0, Fault::UncertainAfter);
    let applied = stage.done(&wanted, &["resend acme/user/late"]).await;
    assert!(applied.outcomes()[0].starts_with("acme/user/late uncertain"), "{:?}", applied.outcomes());
    // Not even beside another change.
    let changed = desired([org("acme"), user("acme", "late").with("invitation.resendWhenExpired", true).with("firstName", "Lea")]);
    stage.bench.clock.forward(1);
    stage.done(&changed, &["update acme/user/late"]).await;
    stage.bench.clock.forward(2 * WINDOW as i64);
    stage.done(&changed, &[]).await;
    assert_eq!(stage.portal.invitations("late@acme.example"), 2);
    assert_eq!(stage.bench.ledger.open_intents(), 0);
}

#[tokio::test]
async fn an_invitation_whose_request_was_lost_goes_out_when_the_portal_would_show_it() {
    let (stage, wanted) = expired(late()).await;
    stage.portal.fault(0, Fault::UncertainBefore);
    stage.done(&wanted, &[]).await;
    let waiting = stage.done(&wanted, &[]).await;
    assert!(waits_for(&waiting.plan, "acme/user/late").unwrap().contains("may take 60 s to show it"));
    stage.bench.clock.forward(2 * WINDOW as i64);
    stage.done(&wanted, &["resend acme/user/late"]).await;
}

async fn without_ids() -> Stage {
    let stage = Stage::new(capable(), Manners::default()).given(&staff_and_ghost()).await;
    stage.bench.ledger.edit_row("main", "acme/user/ghost", |row| row.id = None);
    stage
}

#[tokio::test]
async fn a_row_that_never_learnt_its_id_goes_by_its_key() {
    let stage = without_ids().await;
    stage.check_plan(&stage.plan(&staff_and_ghost()).await, &[]);
    let applied = stage.done(&staff(), &["delete acme/user/ghost"]).await;
    assert_eq!((changes(&applied.plan), unmanaged(&applied.plan)), (vec!["acme/user/ghost delete".to_owned()], Vec::new()));
    assert_eq!((applied.report.final_plan_empty, stage.bench.ledger.rows().len()), (true, 4));
}

#[tokio::test]
async fn a_row_without_id_is_forgotten_only_when_its_key_is_gone_and_kept_when_two_have_it() {
    let stage = without_ids().await;
    stage.portal.put(&user("acme", "ghost"));
    let body = stage.plan(&staff()).await;
    assert_eq!(changes(&body), [""; 0]);
    assert!(retained(&body, "acme/user/ghost").unwrap().contains("2 objects have the natural key ghost@acme.example"));
    stage.portal.delete("acme", Kind::User, "ghost@acme.example");
    stage.portal.delete("acme", Kind::User, "ghost@acme.example");
    stage.check_plan(&stage.plan(&staff()).await, &["acme/user/ghost forget"]);
}

#[tokio::test]
async fn a_row_without_id_does_not_take_away_what_is_declared_under_another_name() {
    let stage = without_ids().await;
    let renamed = desired([
        org("acme"),
        user("acme", "a"),
        user("acme", "b"),
        user("acme", "c"),
        user("acme", "spirit").with("email", "ghost@acme.example").adopted(AdoptionPolicy::Always),
    ]);
    stage.done(&renamed, &[]).await;
    assert_eq!(stage.portal.has().len(), 5);
}

#[tokio::test]
async fn all_that_is_in_an_organization_is_made_again_with_it() {
    let wanted = desired([org("acme"), role("acme", "ops"), user("acme", "ann").with("roles", vec!["ops"])]);
    let stage = Stage::new(capable(), Manners::default()).given(&wanted).await;
    for (kind, key) in [(Kind::User, "ann@acme.example"), (Kind::Role, "ops"), (Kind::Organization, "acme")] {
        stage.portal.delete("acme", kind, key);
    }
    let applied = stage.done(&wanted, &["create acme/organization/acme", "create acme/role/ops", "create acme/user/ann"]).await;
    assert!(applied.report.final_plan_empty, "{:?}", applied.outcomes());
}

#[tokio::test]
async fn what_was_adopted_and_is_made_again_is_ours() {
    let stage = stage().spec(|s| s.adoption = AdoptionPolicy::Always).given(&desired([org("acme")])).await;
    stage.portal.put(&user("acme", "ann"));
    stage.done(&ann("ann@acme.example"), &[]).await;
    let origin = || stage.bench.ledger.of("main", "acme").rows[&address("acme/user/ann")].origin;
    assert_eq!(origin(), Origin::Adopted);
    stage.portal.delete("acme", Kind::User, "ann@acme.example");
    stage.done(&ann("ann@acme.example"), &["create acme/user/ann"]).await;
    assert_eq!(origin(), Origin::Created);
    stage.done(&desired([org("acme")]), &["delete acme/user/ann"]).await;
}

#[tokio::test]
async fn what_refers_to_a_row_without_id_is_in_step() {
    let rule = || resource("acme/notification-rule/alarms").with("target.users", vec!["ann"]);
    let wanted = desired([org("acme"), user("acme", "ann"), rule()]);
    let stage = Stage::new(capable(), Manners::default()).given(&wanted).await;
    stage.bench.ledger.edit_row("main", "acme/user/ann", |row| row.id = None);
    let body = stage.plan(&wanted).await;
    assert_eq!((changes(&body), drift(&body)), (Vec::new(), Vec::new()));
}
