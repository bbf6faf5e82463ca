//! What a technician saw and nobody of ours set out to make: it was there before, and is adopted as any other candidate is. Of a field that was
//! not looked at nothing is planned.

use serde_json::json;
use tenantry::model::kind::Kind;
use tenantry::model::portal_spec::AdoptionPolicy;
use tenantry::model::*;

use super::*;

/// A group as it is declared.
fn ops() -> Resource {
    group("acme", "ops").with("description", "Runs it")
}

/// Technicians look after groups, and nobody changes a description.
fn by_hand_for_good() -> Stage {
    let mut capabilities = technicians_do(Kind::Group);
    let (field, _) = Kind::Group.def().field_named("description").unwrap();
    capabilities.kinds.get_mut(&Kind::Group).unwrap().fields.extend([(field, FieldSupport::Immutable)]);
    Stage::new(capabilities, Manners { by_hand: [Kind::Group].into(), ..Manners::default() })
}

async fn check(seen: serde_json::Value, policy: Option<AdoptionPolicy>, expected: &str, refused: &[&str]) {
    let stage = by_hand_for_good().given(&desired([acme()])).await;
    attest(&stage, "acme/group/ops", true, seen.clone(), 7);
    let wanted = desired([acme(), policy.map_or_else(ops, |policy| ops().adopted(policy))]);
    let body = stage.plan(&wanted).await;
    stage.check_plan(&body, &[&format!("acme/group/ops {expected}")]);
    assert_eq!(codes(&body, "acme/group/ops"), refused, "{seen} {policy:?}");
}

#[tokio::test]
async fn no_row_and_attested_present_and_declared_is_adopted_as_the_policy_says() {
    use AdoptionPolicy::*;
    let same = || json!({"displayName": "ops", "description": "Runs it"});
    check(same(), None, "adopt", &["G017"]).await;
    check(same(), Some(Refuse), "adopt", &["G017"]).await;
    check(same(), Some(IfIdentical), "adopt", &[]).await;
    let renamed = || json!({"displayName": "Ops team", "description": "Runs it"});
    check(renamed(), Some(IfIdentical), "adopt,update", &["G017"]).await;
    check(renamed(), Some(IfUnowned), "adopt,update", &[]).await;
    check(renamed(), Some(Always), "adopt,update", &[]).await;
}

#[tokio::test]
async fn of_what_a_record_does_not_speak_nothing_is_planned_and_nothing_is_called_identical() {
    use AdoptionPolicy::*;
    let part = || json!({"displayName": "ops"});
    check(part(), Some(IfIdentical), "adopt", &["G017"]).await;
    check(part(), Some(IfUnowned), "adopt", &[]).await;
    check(json!({}), Some(Always), "adopt", &[]).await;
    // Seen to have none is not the same as not looked at: it would have to be made anew, which nobody may who did not make it.
    check(json!({"displayName": "ops", "description": null}), Some(Always), "adopt,replace", &["G017"]).await;
}

#[tokio::test]
async fn what_was_seen_and_adopted_is_in_step_and_never_deleted_unless_released() {
    let stage = by_hand_for_good().given(&desired([acme()])).await;
    attest(&stage, "acme/group/ops", true, json!({"displayName": "ops"}), 7);
    let wanted = desired([acme(), ops().adopted(AdoptionPolicy::Always)]);
    let applied = stage.done(&wanted, &[]).await;
    assert!(applied.report.final_plan_empty, "nobody is asked to do anything");
    assert_eq!(stage.bench.ledger.of("main", "acme").rows[&address("acme/group/ops")].origin, Origin::Adopted);
    stage.check_plan(&stage.plan(&wanted).await, &[]);
    let without = stage.plan(&desired([acme()])).await;
    stage.check_plan(&without, &[]);
    assert!(without.units[0].retained[0].why.contains("ledger release acme/group/ops"), "{:?}", without.units[0].retained);
}

#[tokio::test]
async fn a_record_that_answers_an_intent_of_ours_is_taken_back_as_ours() {
    let stage = by_hand_for_good().given(&desired([acme()])).await;
    let wanted = desired([acme(), ops()]);
    stage.done(&wanted, &["create acme/group/ops"]).await;
    attest(&stage, "acme/group/ops", true, json!({"displayName": "ops", "description": "Runs it"}), 7);
    stage.check_plan(&stage.plan(&wanted).await, &["acme/group/ops recover"]);
}
