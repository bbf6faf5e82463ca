//! The truth table of the design, section 4: one test a row, named after it, and the conditions of its longest row one by one.

mod deleted;
mod identity;
mod recorded;

use jiff::SignedDuration;
use serde_json::json;
use tenantry::diff::Purpose;
use tenantry::model::kind::Kind;
use tenantry::model::ledger::{Attestation, Intent, IntentAction};
use tenantry::model::live::KeyHolder;
use tenantry::model::portal_spec::{AdoptionPolicy, DeletionPolicy};
use tenantry::model::*;
use tenantry::plan::Mode;

use super::scripted::{Manners, capable};
use super::stage::*;
use crate::support::address;
use crate::support::bench::changes;
use crate::support::declared::*;

fn acme() -> Resource {
    org("acme")
}

fn ann() -> Resource {
    user("acme", "ann")
}

/// Acme and Ann.
fn both() -> Desired {
    desired([acme(), ann()])
}

/// Capabilities in which one kind is other than ordinary.
fn with(kind: Kind, change: impl FnOnce(&mut KindCapability)) -> Capabilities {
    let mut capabilities = capable();
    change(capabilities.kinds.get_mut(&kind).unwrap());
    capabilities
}

/// Groups take their description at creation and never again.
fn immutable_description() -> Capabilities {
    let (field, _) = Kind::Group.def().field_named("description").unwrap();
    with(Kind::Group, |c| c.fields.extend([(field, FieldSupport::Immutable)]))
}

fn technicians_do(kind: Kind) -> Capabilities {
    with(kind, |c| {
        c.read = Readability::Unreadable;
        (c.create, c.update, c.delete) = (Performer::Technician, Performer::Technician, Performer::Technician);
    })
}

fn by_hand(kind: Kind) -> Stage {
    Stage::new(technicians_do(kind), Manners { by_hand: [kind].into(), ..Manners::default() })
}

fn attest(stage: &Stage, at: &str, present: bool, fields: serde_json::Value, days: i64) {
    let now = stage.bench.clock.now();
    let record = Attestation {
        address: address(at),
        present,
        fields,
        id: None,
        by: "tom".to_owned(),
        at: now,
        until: now + SignedDuration::from_hours(24 * days),
    };
    stage.bench.ledger.edit("main", "acme", |l| drop(l.attestations.insert(address(at), record)));
}

#[tokio::test]
async fn no_row_and_proven_absent_and_declared_is_created_with_its_intent_recorded_first() {
    let stage = stage();
    stage.check_plan(&stage.plan(&both()).await, &["acme/organization/acme create", "acme/user/ann create"]);
    assert!(!stage.bench.apply_killed_after(1, &both()).await);
    assert_eq!(stage.portal.took(), [""; 0], "the first effect is the intent");
    assert_eq!(stage.bench.ledger.of("main", "acme").intents[0].address, address("acme/organization/acme"));
    let applied = stage.done(&both(), &["create acme/organization/acme", "create acme/user/ann"]).await;
    assert!(applied.report.final_plan_empty);
    assert_eq!(stage.bench.ledger.open_intents(), 0);
}

#[tokio::test]
async fn no_row_and_attested_absent_and_declared_is_a_work_order() {
    let stage = by_hand(Kind::Group).given(&desired([acme()])).await;
    let wanted = desired([acme(), group("acme", "ops")]);
    attest(&stage, "acme/group/ops", false, json!({}), 7);
    let body = stage.plan(&wanted).await;
    stage.check_plan(&body, &["acme/group/ops create"]);
    assert_eq!(body.units[0].changes[0].performer, Performer::Technician);
}

#[tokio::test]
async fn no_record_on_a_portal_that_cannot_be_read_is_a_work_order_given_once() {
    let stage = by_hand(Kind::Group).given(&desired([acme()])).await;
    let wanted = desired([acme(), group("acme", "ops")]);
    let applied = stage.done(&wanted, &["create acme/group/ops"]).await;
    assert_eq!(applied.outcomes(), ["acme/group/ops pending: a technician to create it"]);
    assert!(applied.report.final_plan_empty, "what is left waits for a technician");
    stage.bench.clock.a_day_later();
    let again = stage.done(&wanted, &[]).await;
    assert_eq!(waits_for(&again.plan, "acme/group/ops").as_deref(), Some("a technician makes it and records that"));
    attest(&stage, "acme/group/ops", true, json!({"displayName": "ops"}), 7);
    let taken = stage.done(&wanted, &[]).await;
    assert_eq!(taken.outcomes(), ["acme/group/ops done"]);
    assert_eq!(stage.bench.ledger.of("main", "acme").rows[&address("acme/group/ops")].id, None, "the technician gave no id");
    assert_eq!(stage.bench.ledger.open_intents(), 0);
    stage.check_plan(&stage.plan(&wanted).await, &[]);
}

#[tokio::test]
async fn no_record_where_only_calls_write_is_never_made_blindly() {
    let stage = Stage::new(with(Kind::Group, |c| c.read = Readability::Unreadable), Manners::default()).given(&desired([acme()])).await;
    let wanted = desired([acme(), group("acme", "ops")]);
    assert_eq!(codes(&stage.plan(&wanted).await, "acme/group/ops"), ["G011"]);
    attest(&stage, "acme/group/ops", false, json!({}), 7);
    let applied = stage.done(&wanted, &["create acme/group/ops"]).await;
    assert!(applied.report.final_plan_empty);
    let renamed = desired([acme(), group("acme", "ops").with("displayName", "Operations")]);
    let applied = stage.done(&renamed, &["update acme/group/ops"]).await;
    assert!(applied.report.final_plan_empty);
    // The record goes and the row stays: what was last applied is all there is to compare with.
    stage.bench.ledger.edit("main", "acme", |l| l.attestations.clear());
    stage.check_plan(&stage.plan(&renamed).await, &[]);
    stage.check_plan(&stage.plan(&wanted).await, &["acme/group/ops update"]);
}

#[tokio::test]
async fn what_a_technician_recorded_is_compared_until_it_is_no_longer_believed() {
    let stage = by_hand(Kind::Group).spec(|s| s.adoption = AdoptionPolicy::Always).given(&desired([acme()])).await;
    let wanted = desired([acme(), group("acme", "ops")]);
    attest(&stage, "acme/group/ops", true, json!({"displayName": "Ops team"}), 7);
    stage.check_plan(&stage.plan(&wanted).await, &["acme/group/ops adopt,update"]);
    stage.done(&wanted, &["update acme/group/ops"]).await;
    let waiting = stage.done(&wanted, &[]).await;
    assert!(waits_for(&waiting.plan, "acme/group/ops").is_some(), "one work order at a time");
    stage.bench.ledger.edit("main", "acme", |l| l.intents.clear());
    attest(&stage, "acme/group/ops", true, json!({"displayName": "ops"}), 7);
    stage.check_plan(&stage.plan(&wanted).await, &[]);
    stage.bench.clock.forward(8 * 24 * 3600);
    assert_eq!(codes(&stage.plan(&wanted).await, "acme/group/ops"), ["G011"]);
}

#[tokio::test]
async fn no_row_and_unknown_and_declared_is_an_incomplete_observation() {
    let stage = stage().given(&desired([acme()])).await;
    stage.portal.behave(|m| drop(m.partial.insert(Kind::User, "page 2 timed out".to_owned())));
    let body = stage.plan(&both()).await;
    stage.check_plan(&body, &["acme/user/ann -"]);
    assert_eq!(codes(&body, "acme/user/ann"), ["G011"]);
    let applied = stage.done(&both(), &[]).await;
    assert_eq!(applied.outcomes(), ["acme/user/ann held: G011"]);
}

#[tokio::test]
async fn a_portal_that_is_down_has_no_plan_and_loses_nothing() {
    let stage = stage().given(&both()).await;
    stage.portal.behave(|m| m.down = Some(tenantry::portal::PortalError::Unavailable("502".to_owned())));
    let planned = stage.bench.plan(&desired([acme()])).await;
    assert_eq!(planned.unreachable.len(), 1);
    assert!(planned.plan.body.units.is_empty());
    let applied = stage.done(&desired([acme()]), &[]).await;
    assert!(!applied.report.final_plan_empty);
}

/// Ann exists and is not ours; declared with a first name that may differ.
async fn candidate(policy: Option<AdoptionPolicy>, first_name: &str) -> (Stage, Desired) {
    let stage = stage().given(&desired([acme()])).await;
    stage.portal.put(&ann().with("firstName", "Ann"));
    let mut declared = ann().with("firstName", first_name);
    if let Some(policy) = policy {
        declared = declared.adopted(policy);
    }
    (stage, desired([acme(), declared]))
}

async fn check_adoption(policy: Option<AdoptionPolicy>, first_name: &str, expected: &str, refused: &[&str]) {
    let (stage, wanted) = candidate(policy, first_name).await;
    let body = stage.plan(&wanted).await;
    stage.check_plan(&body, &[&format!("acme/user/ann {expected}")]);
    assert_eq!(codes(&body, "acme/user/ann"), refused, "{policy:?}");
}

#[tokio::test]
async fn no_row_and_present_and_declared_is_adopted_as_the_policy_says() {
    use AdoptionPolicy::*;
    check_adoption(None, "Ann", "adopt", &["G017"]).await;
    check_adoption(Some(Refuse), "Ann", "adopt", &["G017"]).await;
    check_adoption(Some(IfIdentical), "Ann", "adopt", &[]).await;
    check_adoption(Some(IfIdentical), "Anna", "adopt,update", &["G017"]).await;
    check_adoption(Some(IfUnowned), "Anna", "adopt,update", &[]).await;
    check_adoption(Some(Always), "Anna", "adopt,update", &[]).await;
}

#[tokio::test]
async fn the_portals_policy_holds_where_the_resource_has_none() {
    let stage = stage().spec(|s| s.adoption = AdoptionPolicy::IfIdentical).given(&desired([acme()])).await;
    stage.portal.put(&ann());
    let applied = stage.done(&both(), &[]).await;
    assert_eq!((applied.outcomes(), applied.report.final_plan_empty), (vec!["acme/user/ann done".to_owned()], true));
    assert_eq!(stage.bench.ledger.of("main", "acme").rows[&address("acme/user/ann")].origin, Origin::Adopted);
}

#[tokio::test]
async fn what_another_installation_has_marked_is_never_adopted() {
    let stage = stage().spec(|s| s.adoption = AdoptionPolicy::Always).given(&desired([acme()])).await;
    stage.portal.put(&ann());
    stage.portal.alter("acme", Kind::User, "ann@acme.example", |o| Some(LiveObject { owner: Some("them".into()), ..o }));
    assert_eq!(codes(&stage.plan(&both()).await, "acme/user/ann"), ["G010"]);
    // Not even where we once set out to make one of that key.
    let intent = Intent {
        id: "i99".into(),
        address: address("acme/user/ann"),
        key: "ann@acme.example".into(),
        action: IntentAction::Create,
        object: None,
        at: stage.bench.clock.now(),
        plan: "".into(),
        unknown: false,
        fate: Fate::default(),
    };
    stage.bench.ledger.edit("main", "acme", |l| l.intents.push(intent));
    assert_eq!(codes(&stage.plan(&both()).await, "acme/user/ann"), ["G010"]);
    stage.done(&both(), &[]).await;
}

#[tokio::test]
async fn no_row_and_present_and_not_declared_is_reported_and_never_touched() {
    let stage = stage().given(&desired([acme()])).await;
    stage.portal.put(&ann());
    let applied = stage.done(&desired([acme()]), &[]).await;
    assert_eq!(unmanaged(&applied.plan), ["User ann@acme.example"]);
    assert_eq!(changes(&applied.plan), [""; 0]);
}

#[tokio::test]
async fn a_row_and_present_and_declared_is_nothing_or_an_update() {
    let stage = stage().given(&both()).await;
    stage.check_plan(&stage.plan(&both()).await, &[]);
    let wanted = desired([acme(), ann().with("firstName", "Ann")]);
    stage.check_plan(&stage.plan(&wanted).await, &["acme/user/ann update"]);
    let applied = stage.done(&wanted, &["update acme/user/ann"]).await;
    assert!(applied.report.final_plan_empty);
}

#[tokio::test]
async fn the_three_way_difference_says_who_changed_it() {
    let stage = stage().given(&desired([acme(), ann().with("firstName", "Ann")])).await;
    let cause = async |declared: &str| {
        let body = stage.plan(&desired([acme(), ann().with("firstName", declared)])).await;
        body.units[0].changes[0].cause
    };
    assert_eq!(cause("Anna").await, tenantry::plan::Cause::Manifest);
    stage.portal.set("acme", Kind::User, "ann@acme.example", "firstName", Value::text("Annie"));
    assert_eq!(cause("Ann").await, tenantry::plan::Cause::Drift);
    assert_eq!(cause("Anna").await, tenantry::plan::Cause::Both);
}

#[tokio::test]
async fn a_row_and_proven_absent_and_declared_is_made_again_and_shown_as_drift() {
    let stage = stage().given(&both()).await;
    stage.portal.delete("acme", Kind::User, "ann@acme.example");
    let body = stage.plan(&both()).await;
    stage.check_plan(&body, &["acme/user/ann create"]);
    assert_eq!(drift(&body), ["acme/user/ann deleted"]);
    let applied = stage.done(&both(), &["create acme/user/ann"]).await;
    assert!(applied.report.final_plan_empty);
}

#[tokio::test]
async fn what_referred_to_something_that_is_made_again_refers_to_the_new_one() {
    let wanted = desired([acme(), role("acme", "ops"), ann().with("roles", vec!["ops"])]);
    let stage = stage().given(&wanted).await;
    stage.portal.delete("acme", Kind::Role, "ops");
    let applied = stage.done(&wanted, &["create acme/role/ops", "update acme/user/ann"]).await;
    assert!(applied.report.final_plan_empty);
}

#[tokio::test]
async fn a_row_and_present_under_another_tenant_is_an_identity_mismatch() {
    let capabilities = with(Kind::Domain, |c| c.key_scope = KeyScope::Portal);
    let domain = || resource("acme/domain/acme-example").with("domain", "acme.example");
    let wanted = desired([acme(), domain(), org("beta")]);
    let stage = Stage::new(capabilities, Manners::default()).given(&wanted).await;
    stage.portal.delete("acme", Kind::Domain, "acme.example");
    stage.portal.put(&resource("beta/domain/stolen").with("domain", "acme.example"));
    assert_eq!(codes(&stage.plan(&wanted).await, "acme/domain/acme-example"), ["G012"]);
    stage.done(&wanted, &[]).await;
}

#[tokio::test]
async fn a_portal_wide_key_is_made_only_where_it_is_proven_free() {
    let capabilities = with(Kind::Domain, |c| c.key_scope = KeyScope::Portal);
    let wanted = desired([acme(), resource("acme/domain/acme-example").with("domain", "acme.example")]);
    let stage = Stage::new(capabilities, Manners::default()).given(&desired([acme()])).await;
    let says = |holder: KeyHolder| stage.portal.behave(|m| drop(m.holders.insert((Kind::Domain, "acme.example".into()), holder)));
    for (holder, expected) in [
        (KeyHolder::Held { tenant: Some("beta".to_owned()), id: None }, "G019"),
        (KeyHolder::Held { tenant: None, id: None }, "G019"),
        (KeyHolder::Unknown { why: "no answer".to_owned() }, "G011"),
    ] {
        says(holder);
        assert_eq!(codes(&stage.plan(&wanted).await, "acme/domain/acme-example"), [expected]);
        stage.done(&wanted, &[]).await;
    }
    says(KeyHolder::Free);
    stage.done(&wanted, &["create acme/domain/acme-example"]).await;
}

#[tokio::test]
async fn a_row_and_absent_and_not_declared_is_forgotten() {
    let stage = stage().given(&both()).await;
    stage.portal.delete("acme", Kind::User, "ann@acme.example");
    stage.check_plan(&stage.plan(&desired([acme()])).await, &["acme/user/ann forget"]);
    let applied = stage.done(&desired([acme()]), &[]).await;
    assert!(applied.report.final_plan_empty);
    assert_eq!(stage.bench.ledger.rows().len(), 1);
}

#[tokio::test]
async fn with_the_ledger_lost_nothing_is_deleted_and_only_what_is_proven_absent_is_made() {
    let stage = stage().given(&both()).await;
    stage.bench.ledger.lose_everything();
    stage.portal.behave(|m| drop(m.partial.insert(Kind::Role, "cut short".to_owned())));
    let body = stage.plan(&desired([acme(), user("acme", "bob"), role("acme", "ops")])).await;
    stage.check_plan(&body, &["acme/organization/acme adopt", "acme/role/ops -", "acme/user/bob create"]);
    assert_eq!(codes(&body, "acme/organization/acme"), ["G017"]);
    assert_eq!(codes(&body, "acme/role/ops"), ["G011"]);
    assert_eq!(unmanaged(&body), ["User ann@acme.example"]);
}

#[tokio::test]
async fn with_the_ledger_lost_what_the_portal_has_marked_as_ours_comes_back_as_adopted() {
    let marks = Manners { keeps_marks: true, ..Manners::default() };
    let stage = Stage::new(capable(), marks).given(&both()).await;
    stage.bench.ledger.lose_everything();
    let applied = stage.done(&both(), &[]).await;
    assert_eq!(changes(&applied.plan), ["acme/organization/acme adopt", "acme/user/ann adopt"]);
    assert!(applied.report.final_plan_empty);
    assert!(stage.bench.ledger.rows().iter().all(|r| r.origin == Origin::Adopted));
}

#[tokio::test]
async fn a_tenant_that_is_no_longer_declared_is_kept_whole() {
    let beta = || org("beta");
    let stage = stage().given(&desired([acme(), ann(), beta()])).await;
    let applied = stage.done(&desired([beta()]), &[]).await;
    let why = applied.plan.units[0].retained[0].why.clone();
    assert!(why.contains("kept whole with its 2 resources, users included"), "{why}");
    // Leaving the portal's selector is the same.
    let stage = stage.spec(|s| s.organizations = Some(vec![crate::support::name("beta")]));
    let applied = stage.done(&desired([acme(), ann(), beta()]), &[]).await;
    assert_eq!(applied.plan.units[0].retained.len(), 1);
}

#[tokio::test]
async fn offboarding_takes_access_away_and_keeps_the_rest() {
    let mut stage = stage().given(&desired([acme(), ann(), role("acme", "ops")])).await;
    stage.bench.approvals.allow.push(("G022".to_owned(), "they left".to_owned()));
    let gone = desired([acme().with("offboard", true), ann(), role("acme", "ops")]);
    let applied = stage.done(&gone, &["delete acme/user/ann"]).await;
    assert_eq!(applied.plan.units[0].consequences.lose_access, ["ann@acme.example"]);
    assert!(applied.report.final_plan_empty);
    assert_eq!(stage.portal.has(), ["acme organization acme", "acme role ops"]);
}

#[tokio::test]
async fn destroying_takes_away_all_that_is_ours_members_first() {
    let mut stage = stage().spec(|s| s.delete_organizations = DeletionPolicy::Delete).given(&both()).await;
    stage.portal.put(&org("other"));
    stage.bench.purpose = Purpose::Destroy;
    stage.bench.approvals.allow = ["G006", "G014"].map(|code| (code.to_owned(), "the contract ended".to_owned())).into();
    stage.done(&both(), &["delete acme/user/ann", "delete acme/organization/acme"]).await;
    assert_eq!(stage.portal.has(), ["other organization other"]);
    assert!(stage.bench.ledger.rows().is_empty());
}

#[tokio::test]
async fn an_invitation_is_a_state_and_resending_a_change_of_its_own() {
    let stage = Stage::new(capable(), Manners { invites: true, ..Manners::default() }).given(&both()).await;
    let body = stage.plan(&both()).await;
    assert_eq!((changes(&body), body.awaiting_acceptance), (Vec::new(), 1));
    stage.portal.set_state("acme", Kind::User, "ann@acme.example", ObjectState::InvitationExpired);
    assert!(waits_for(&stage.plan(&both()).await, "acme/user/ann").unwrap().contains("has expired"));
    let again = desired([acme(), ann().with("invitation.resendWhenExpired", true)]);
    let applied = stage.done(&again, &["resend acme/user/ann"]).await;
    assert_eq!(applied.plan.units[0].consequences.emails, ["ann@acme.example"]);
    assert_eq!((applied.report.final_plan_empty, stage.portal.invitations("ann@acme.example")), (true, 2));
}

#[tokio::test]
async fn a_deferred_invitation_waits_for_its_day() {
    let stage = stage().given(&desired([acme()])).await;
    let later = desired([acme(), ann().with("invitation.deferUntil", "2026-03-04")]);
    let applied = stage.done(&later, &[]).await;
    assert!(applied.report.final_plan_empty);
    assert_eq!(waits_for(&applied.plan, "acme/user/ann").as_deref(), Some("it is deferred until 2026-03-04"));
    stage.bench.clock.forward(2 * 24 * 3600);
    stage.done(&later, &["create acme/user/ann"]).await;
}

#[tokio::test]
async fn what_is_pending_for_days_is_neither_made_again_nor_drift_nor_a_home_for_others() {
    let stage = Stage::new(capable(), Manners { pending: [Kind::Organization].into(), shows_created_by: true, ..Manners::default() });
    let applied = stage.done(&both(), &["create acme/organization/acme"]).await;
    let skipped = "acme/user/ann skipped: acme/organization/acme was not done";
    assert_eq!(applied.outcomes(), ["acme/organization/acme pending: the portal to finish it", skipped]);
    assert!(applied.report.final_plan_empty);
    for _ in 0..3 {
        stage.bench.clock.a_day_later();
        let waiting = stage.done(&both(), &[]).await;
        assert_eq!(waits_for(&waiting.plan, "acme/user/ann").as_deref(), Some("it needs acme/organization/acme, which is not finished"));
    }
    stage.portal.finish();
    let applied = stage.done(&both(), &["create acme/user/ann"]).await;
    assert_eq!(changes(&applied.plan), ["acme/organization/acme recover", "acme/user/ann create"]);
    assert_eq!((applied.report.final_plan_empty, stage.bench.ledger.open_intents()), (true, 0));
}
