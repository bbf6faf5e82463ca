//! Carrying out an approved plan: order, what a failure takes along, waiting, stopping, and what must never leak.

use std::time::Duration;

use serde_json::json;
use tenantry::model::kind::Kind;
use tenantry::model::portal_spec::DeletionPolicy;
use tenantry::model::*;
use tokio::time::Instant;

use super::scripted::{Fault, Manners, capable};
use super::stage::*;
use crate::support::address;
use crate::support::bench::changes;
use crate::support::declared::*;

#[tokio::test]
async fn what_others_refer_to_comes_first_and_deletions_last_and_in_reverse() {
    let first = desired([
        org("acme"),
        role("acme", "old"),
        group("acme", "crew").with("roles", vec!["old"]),
        user("acme", "ann").with("groups", vec!["crew"]).with("roles", vec!["old"]),
    ]);
    let stage = stage();
    let calls = ["create acme/organization/acme", "create acme/role/old", "create acme/group/crew", "create acme/user/ann"];
    stage.done(&first, &calls).await;
    let second = desired([org("acme"), role("acme", "new"), user("acme", "bob").with("roles", vec!["new"])]);
    let calls = ["create acme/role/new", "create acme/user/bob", "delete acme/user/ann", "delete acme/group/crew", "delete acme/role/old"];
    let applied = stage.done(&second, &calls).await;
    assert!(applied.report.final_plan_empty);
}

#[tokio::test]
async fn a_role_goes_only_after_everybody_has_let_it_go() {
    let with = |roles: Vec<&str>| user("acme", "ann").with("roles", roles);
    let stage = stage().given(&desired([org("acme"), role("acme", "ops"), with(vec!["ops"])])).await;
    stage.portal.fault(0, Fault::Refused);
    let applied = stage.done(&desired([org("acme"), with(vec![])]), &[]).await;
    assert_eq!(
        applied.outcomes(),
        ["acme/role/ops skipped: acme/user/ann was not done", "acme/user/ann failed: refused by the portal: no"]
    );
    stage.done(&desired([org("acme"), with(vec![])]), &["update acme/user/ann", "delete acme/role/ops"]).await;
}

#[tokio::test]
async fn a_failed_change_skips_its_dependents_and_nothing_else() {
    let wanted = desired([
        org("acme"),
        role("acme", "one"),
        role("acme", "two"),
        user("acme", "ann").with("roles", vec!["one"]),
        user("acme", "bob").with("roles", vec!["two"]),
        org("beta"),
    ]);
    let stage = stage().given(&desired([org("acme")])).await;
    stage.portal.fault(0, Fault::Refused);
    let applied = stage.bench.apply(&wanted).await;
    let expected = [
        "acme/role/one failed: refused by the portal: no",
        "acme/role/two done",
        "acme/user/ann skipped: acme/role/one was not done",
        "acme/user/bob done",
        "beta/organization/beta done",
    ];
    assert_eq!(applied.outcomes(), expected);
    assert_eq!(stage.bench.ledger.open_intents(), 0);
    let again = stage.bench.apply(&wanted).await;
    assert_eq!((changes(&again.plan).len(), again.report.final_plan_empty), (2, true));
}

#[tokio::test]
async fn a_tenant_held_by_a_guard_stops_no_other() {
    let stage = stage().given(&desired([org("acme"), user("acme", "ann").protect(true)])).await;
    let applied = stage.done(&desired([org("acme"), role("acme", "ops"), org("beta")]), &["create beta/organization/beta"]).await;
    assert_eq!(applied.outcomes(), ["acme/role/ops held: G009", "acme/user/ann held: G009", "beta/organization/beta done"]);
}

#[tokio::test]
async fn a_share_waits_for_the_organizations_it_names() {
    let wanted = desired([org("acme"), org("beta"), shared("aws", &["acme", "beta"])]);
    let failed = stage();
    failed.portal.fault(1, Fault::Refused);
    let applied = failed.bench.apply(&wanted).await;
    assert_eq!(applied.outcome("msp/integration/aws"), "skipped: beta/organization/beta was not done");
    let stage = stage();
    let calls = ["create acme/organization/acme", "create beta/organization/beta", "create msp/integration/aws"];
    let applied = stage.done(&wanted, &calls).await;
    assert!(applied.report.final_plan_empty);
    let fewer = desired([org("acme"), org("beta"), shared("aws", &["beta"])]);
    stage.check_plan(&stage.plan(&fewer).await, &["msp/integration/aws update,unshare"]);
}

#[tokio::test]
async fn a_share_with_a_tenant_that_is_held_is_skipped_and_not_tried() {
    let stage = stage();
    stage.portal.put(&org("acme"));
    let wanted = desired([org("acme"), shared("aws", &["acme"])]);
    let applied = stage.done(&wanted, &[]).await;
    let expected = ["acme/organization/acme held: G017", "msp/integration/aws skipped: acme/organization/acme was not done"];
    assert_eq!(applied.outcomes(), expected);
}

#[tokio::test]
async fn what_rides_on_a_call_gets_its_references_once_they_exist() {
    let mut capabilities = capable();
    capabilities.kinds.get_mut(&Kind::User).unwrap().carried_by = Some(Kind::Organization);
    let wanted = desired([org("acme"), role("acme", "ops"), user("acme", "bob"), admin("acme", "zoe").with("roles", vec!["ops"])]);
    let stage = Stage::new(capabilities.clone(), Manners::default());
    let calls = ["create acme/organization/acme + acme/user/zoe", "create acme/role/ops", "create acme/user/bob", "update acme/user/zoe"];
    let applied = stage.done(&wanted, &calls).await;
    assert_eq!((applied.outcome("acme/user/zoe"), applied.report.final_plan_empty), ("done".to_owned(), true));
    // Where the role fails she was made all the same, and the next run gives it to her.
    let stage = Stage::new(capabilities, Manners::default());
    stage.portal.fault(1, Fault::Refused);
    let applied = stage.bench.apply(&wanted).await;
    assert_eq!(applied.outcome("acme/user/zoe"), "differs: roles");
    let again = stage.bench.apply(&wanted).await;
    assert_eq!(changes(&again.plan), ["acme/role/ops create", "acme/user/zoe update"]);
    assert_eq!((again.plan.units[0].drift.len(), again.report.final_plan_empty), (0, true));
}

/// One organization whose first call ends so; how long the run took, and what became of it.
async fn with_fault(fault: Fault) -> (Duration, String, Stage) {
    let stage = stage();
    stage.portal.fault(0, fault);
    let began = Instant::now();
    let applied = stage.bench.apply(&desired([org("acme")])).await;
    (began.elapsed(), applied.outcome("acme/organization/acme"), stage)
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed_within_bounds() {
    let (took, outcome, _) = with_fault(Fault::Retry(Some(Duration::from_secs(90)))).await;
    assert_eq!(outcome, "done");
    assert!((90..92).contains(&took.as_secs()), "{took:?}");
    let (took, outcome, stage) = with_fault(Fault::Retry(Some(Duration::from_secs(86_400)))).await;
    assert_eq!(outcome, "failed: not now: busy");
    assert!(took.as_secs() < 1, "nobody waits a day: {took:?}");
    assert_eq!(stage.bench.ledger.open_intents(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_portal_that_never_has_time_is_given_up() {
    let mut stage = stage();
    stage.bench.backoff = Duration::from_millis(500);
    (0..100).for_each(|n| stage.portal.fault(n, Fault::Retry(None)));
    let began = Instant::now();
    let applied = stage.bench.apply(&desired([org("acme")])).await;
    assert_eq!(applied.outcome("acme/organization/acme"), "failed: not now: busy");
    assert!((10..40).contains(&began.elapsed().as_secs()), "half a minute of patience: {:?}", began.elapsed());
    assert_eq!(stage.portal.took(), [""; 0]);
}

#[tokio::test]
async fn a_lost_answer_is_looked_for_before_anything_else() {
    let (_, outcome, stage) = with_fault(Fault::UncertainAfter).await;
    assert_eq!((outcome.as_str(), stage.portal.took().len()), ("done", 1), "it was there: one call, no second");
    let (_, outcome, stage) = with_fault(Fault::UncertainBefore).await;
    assert_eq!((outcome.as_str(), stage.portal.took().len()), ("done", 1), "it was not there: made now");
}

#[tokio::test]
async fn a_driver_that_panics_or_says_nothing_is_a_lost_answer() {
    for fault in [Fault::PanicBefore, Fault::PanicAfter, Fault::NoAnswer] {
        let (_, outcome, stage) = with_fault(fault).await;
        assert_eq!((outcome.as_str(), stage.portal.has().len()), ("done", 1), "{fault:?}");
    }
    // Also when an earlier attempt was answered: what that answer said is out of date.
    let stage = stage();
    stage.portal.fault(0, Fault::Retry(None));
    stage.portal.fault(1, Fault::NoAnswer);
    let applied = stage.bench.apply(&desired([org("acme")])).await;
    assert_eq!((applied.outcome("acme/organization/acme").as_str(), applied.report.final_plan_empty), ("done", true));
}

#[tokio::test]
async fn what_a_person_lets_us_adopt_is_adopted() {
    let mut stage = stage();
    stage.portal.put(&org("acme"));
    stage.bench.approvals.allow.push(("G017".to_owned(), "never mind".to_owned()));
    let applied = stage.done(&desired([org("acme")]), &[]).await;
    assert_eq!((applied.outcomes(), applied.report.final_plan_empty), (vec!["acme/organization/acme done".to_owned()], true));
}

#[tokio::test]
async fn a_kind_that_the_portal_lacks_is_left_out_with_a_warning_where_its_document_says_so() {
    let mut capabilities = capable();
    capabilities.kinds.remove(&Kind::Group);
    let wanted = desired([org("acme"), group("acme", "ops")]);
    let stage = Stage::new(capabilities.clone(), Manners::default());
    assert_eq!(codes(&stage.plan(&wanted).await, "acme/group/ops"), ["G016"]);
    let stage = stage.spec(|s| s.unsupported = tenantry::model::portal_spec::Unsupported::Warning);
    let applied = stage.done(&wanted, &["create acme/organization/acme"]).await;
    assert_eq!((applied.plan.diagnostics[0].code.as_str(), applied.report.final_plan_empty), ("R005", true));
}

/// What the plan of a portal that is like this refuses at an address, and what to do about it.
async fn refused_by_a_portal(lacks: fn(&mut Capabilities), wanted: &Desired, at: &str) -> String {
    let mut capabilities = capable();
    lacks(&mut capabilities);
    let body = Stage::new(capabilities, Manners::default()).plan(wanted).await;
    let refused: Vec<_> = body.units[0].refused().filter(|h| h.change.is_some_and(|c| c.address == address(at))).collect();
    assert_eq!(refused.len(), 1, "{at}");
    format!("{} {}: {}", refused[0].refusal.code, refused[0].refusal.message, refused[0].refusal.help)
}

#[tokio::test]
async fn whoever_declares_what_a_portal_lacks_is_told_the_portal_the_field_and_the_choices() {
    let wanted = desired([org("acme"), group("acme", "ops").with("description", "On call")]);
    let no_groups: fn(&mut Capabilities) = |c| _ = c.kinds.remove(&Kind::Group);
    let no_description: fn(&mut Capabilities) = |c| {
        let (id, _) = Kind::Group.def().field_named("description").unwrap();
        c.kinds.get_mut(&Kind::Group).unwrap().fields.insert(id, FieldSupport::Unsupported);
    };
    let nobody: fn(&mut Capabilities) = |c| c.kinds.get_mut(&Kind::Group).unwrap().create = Performer::Unsupported;
    let choices = "take it out of the manifest; or, where the portal need not have it, let its `Portal` say `unsupported: Warning`";
    for (lacks, told, choices) in [
        (
            no_description,
            "G016 acme/group/ops cannot be as its manifest says: portal main does not support the field `description` of groups",
            choices,
        ),
        (no_groups, "G016 acme/group/ops cannot be as its manifest says: portal main does not support groups", choices),
        (nobody, "G021 portal main has no way to create acme/group/ops, by a call or by a work order", "do it in the portal by hand"),
    ] {
        let refused = refused_by_a_portal(lacks, &wanted, "acme/group/ops").await;
        assert!(refused.starts_with(told) && refused.contains(choices), "expected {told:?} and {choices:?} in\n{refused}");
        assert!(refused.contains("by hand"), "{refused}");
    }
}

#[tokio::test]
async fn what_cannot_be_found_out_stays_uncertain() {
    let stage = stage();
    stage.portal.fault(0, Fault::UncertainAfter);
    stage.portal.behave(|m| m.down_after_reads = Some(1));
    let applied = stage.bench.apply(&desired([org("acme"), role("acme", "ops")])).await;
    assert_eq!(applied.outcome("acme/organization/acme"), "uncertain: connection reset");
    assert_eq!(applied.outcome("acme/role/ops"), "skipped: acme/organization/acme was not done");
    assert!(!applied.report.final_plan_empty);
    assert!(stage.bench.ledger.of("main", "acme").intents[0].unknown);
}

#[tokio::test]
async fn denied_is_told_apart_from_refused() {
    let (_, outcome, _) = with_fault(Fault::Denied).await;
    assert_eq!(outcome, "denied: access denied: not with these credentials");
}

#[tokio::test]
async fn one_bad_call_of_a_batch_spoils_no_other() {
    let stage = Stage::new(Capabilities { batch: 3, ..capable() }, Manners::default()).given(&desired([org("acme")])).await;
    stage.portal.fault(1, Fault::Refused);
    stage.portal.fault(2, Fault::UncertainAfter);
    let wanted = desired([org("acme"), role("acme", "a"), role("acme", "b"), role("acme", "c"), role("acme", "d")]);
    let applied = stage.bench.apply(&wanted).await;
    let expected = ["acme/role/a done", "acme/role/b failed: refused by the portal: no", "acme/role/c done", "acme/role/d done"];
    assert_eq!(applied.outcomes(), expected);
    assert_eq!(stage.portal.took(), ["create acme/role/a", "create acme/role/c", "create acme/role/d"]);
}

#[tokio::test]
async fn a_stop_finishes_what_is_under_way_and_starts_nothing() {
    let mut stage = stage();
    stage.bench.portals[0].0.parallelism = 1;
    stage.bench.stop_when_started = Some(address("acme/organization/acme"));
    let applied = stage.bench.apply(&desired([org("acme"), org("beta"), role("acme", "ops")])).await;
    let expected = ["acme/organization/acme done", "acme/role/ops cancelled", "beta/organization/beta cancelled"];
    assert_eq!(applied.outcomes(), expected);
    assert_eq!((applied.report.final_plan_empty, stage.bench.ledger.open_intents()), (false, 0));
    assert_eq!(stage.portal.took(), ["create acme/organization/acme"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_out_a_pause() {
    let stage = stage();
    stage.portal.fault(0, Fault::Retry(Some(Duration::from_secs(100))));
    let began = Instant::now();
    let wanted = desired([org("acme")]);
    let stop = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stage.bench.stop.request();
    };
    let (applied, ()) = tokio::join!(stage.bench.apply(&wanted), stop);
    assert_eq!(applied.outcome("acme/organization/acme"), "failed: not now: busy");
    assert_eq!(began.elapsed().as_secs(), 1);
    assert_eq!(stage.portal.took(), [""; 0]);
}

#[tokio::test]
async fn a_lost_lock_stops_everything_before_the_next_call() {
    let stage = stage();
    let wanted = desired([org("acme"), org("beta"), role("acme", "ops")]);
    let lock = stage.bench.lock(&wanted).await;
    let plan = stage.bench.judged(&wanted).await;
    stage.bench.ledger.break_locks();
    let applied = stage.bench.carry_out(&wanted, plan, &lock).await;
    assert_eq!(stage.portal.took(), [""; 0], "no intent, no call");
    assert!(applied.report.stopped.as_deref().unwrap().contains("no longer held"));
    assert!(!applied.report.final_plan_empty);
    assert!(applied.outcome("acme/organization/acme").starts_with("failed: the ledger cannot be written"));
    assert_eq!(applied.outcome("acme/role/ops"), "skipped: acme/organization/acme was not done");
    assert_eq!(applied.report.outcomes.len(), 3, "every change has an outcome");
}

#[tokio::test]
async fn what_the_portal_shows_otherwise_than_written_is_said() {
    let (field, _) = Kind::Organization.def().field_named("displayName").unwrap();
    let stubborn = [((Kind::Organization, field), Value::text("ACME Inc."))].into();
    let stage = Stage::new(capable(), Manners { reads_back: true, stubborn, ..Manners::default() });
    let applied = stage.done(&desired([org("acme")]), &["create acme/organization/acme"]).await;
    assert_eq!(applied.outcome("acme/organization/acme"), "differs: displayName");
    assert!(!applied.report.final_plan_empty);
}

const CANARY: &str = "canary-7f3a";

#[tokio::test]
async fn a_secret_reaches_the_call_and_nothing_else() {
    let wanted = || desired([org("acme").with("secrets", json!({"key": {"env": "KEY"}}))]);
    let stage = stage();
    stage.bench.secrets.set("KEY", CANARY);
    let applied = stage.done(&wanted(), &["create acme/organization/acme"]).await;
    assert_eq!(stage.portal.received(), [format!("secrets key {CANARY}")]);
    assert!(applied.report.final_plan_empty);
    let planned = format!("{:?}", stage.bench.plan(&wanted()).await.plan);
    let said = format!("{:?} {:?} {:?}", applied.plan, applied.report, stage.bench.events.lock().unwrap());
    for text in [stage.bench.ledger.dump(), planned, said, stage.portal.picture().concat()] {
        assert!(!text.contains(CANARY), "{text}");
    }
    // Another secret is a change; one that cannot be read is refused and nothing is called.
    stage.bench.secrets.set("KEY", "another");
    stage.done(&wanted(), &["update acme/organization/acme"]).await;
    assert_eq!(stage.portal.received().last().unwrap(), "secrets key another");
    stage.bench.secrets.0.lock().unwrap().clear();
    assert_eq!(codes(&stage.plan(&wanted()).await, "acme/organization/acme"), ["G013"]);
    stage.done(&wanted(), &[]).await;
}

#[tokio::test]
async fn the_audit_trail_has_every_change_and_names_fields_only() {
    use tenantry::ledger::LedgerRead;
    let stage = stage().given(&desired([org("acme"), user("acme", "ann")])).await;
    let renamed = desired([org("acme").with("notes", "moved"), user("acme", "bob")]);
    stage.bench.apply(&renamed).await;
    let trail = stage.bench.ledger.audit(3).await.unwrap();
    let lines: Vec<_> = trail.iter().map(|r| format!("{} {} {}: {}", r.who, r.address, r.request, r.result)).collect();
    let expected = [
        "ann@msp acme/user/ann delete: email: done",
        "ann@msp acme/user/bob create: email: done",
        "ann@msp acme/organization/acme update: notes: done",
    ];
    assert_eq!(lines, expected);
    assert!(trail.iter().all(|r| r.plan.starts_with("sha256:") && r.ticket.as_deref() == Some("T-1")));
}

#[tokio::test]
async fn a_selection_that_counts_on_what_is_not_selected_is_refused() {
    let stage = || async { stage().given(&desired([org("acme"), admin("acme", "ann")])).await };
    let changed = desired([org("acme"), role("acme", "ops"), admin("acme", "bob").with("roles", vec!["ops"])]);
    let select = |stage: &mut Stage, glob: &str| stage.bench.scope.targets = vec![tenantry::engine::Pattern::new(glob).unwrap()];
    let mut one = stage().await;
    select(&mut one, "acme/user/bob");
    assert_eq!(codes(&one.plan(&changed).await, "acme/user/bob"), ["G020"], "his role is not selected");
    // Bob would be the administrator who is left; he is not selected, so nobody is.
    let mut other = stage().await;
    select(&mut other, "acme/user/ann");
    let body = other.plan(&changed).await;
    assert_eq!(codes(&body, "acme/user/ann"), ["G007"]);
    assert_eq!(body.units[0].consequences.gain_access, [""; 0]);
    other.done(&changed, &[]).await;
}

#[tokio::test]
async fn a_tenant_goes_after_all_that_is_in_it_and_after_what_was_shared_with_it() {
    let with = |names: &[&str]| desired([org("acme"), user("acme", "ann"), shared("aws", names)]);
    let mut stage = stage().spec(|s| s.delete_organizations = DeletionPolicy::Delete).given(&with(&["acme"])).await;
    stage.bench.approvals.allow = ["G006", "G014"].map(|c| (c.to_owned(), "the contract ended".to_owned())).into();
    stage.bench.purpose = tenantry::diff::Purpose::Destroy;
    stage.bench.apply(&with(&["acme"])).await;
    assert_eq!(stage.portal.took().last().unwrap(), "delete acme/organization/acme");
    assert!(!stage.bench.ledger.rows().iter().any(|r| r.address == address("acme/organization/acme")));
}
