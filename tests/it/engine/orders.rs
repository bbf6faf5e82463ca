//! Work orders from end to end: what technicians are asked for, what they answer, and what becomes of it when the manifest changes meanwhile.

mod calls;

use jiff::SignedDuration;
use tenantry::model::kind::Kind;
use tenantry::model::ledger::Attestation;
use tenantry::model::work_order::{Observation, WorkItem, WorkState};
use tenantry::model::*;

use super::scripted::{Fault, Manners, capable};
use super::stage::*;
use crate::support::address;
use crate::support::bench::changes;
use crate::support::declared::*;

const EVERYTHING: [Kind; 3] = [Kind::Organization, Kind::User, Kind::Group];

fn with(mut capabilities: Capabilities, kind: Kind, change: impl Fn(&mut KindCapability)) -> Capabilities {
    change(capabilities.kinds.get_mut(&kind).unwrap());
    Capabilities { context: true, ..capabilities }
}

fn field(kind: Kind, path: &str) -> FieldId {
    kind.def().field_named(path).unwrap().0
}

/// Technicians do all there is to do with these kinds, and nobody can read them.
fn closed(kinds: &[Kind]) -> Capabilities {
    kinds.iter().fold(capable(), |capabilities, kind| {
        with(capabilities, *kind, |c| {
            c.read = Readability::Unreadable;
            (c.create, c.update, c.delete) = (Performer::Technician, Performer::Technician, Performer::Technician);
        })
    })
}

/// Calls make organizations, and a technician sets their dashboard.
fn dashboard_by_hand() -> Capabilities {
    with(capable(), Kind::Organization, |c| c.fields.extend([(field(Kind::Organization, "defaultDashboard"), FieldSupport::Technician)]))
}

fn instructing(capabilities: Capabilities) -> Stage {
    Stage::new(capabilities, Manners { instructs: true, ..Manners::default() })
}

fn groups_by_hand() -> Stage {
    instructing(closed(&[Kind::Group]))
}

/// The open item of an address.
fn item(stage: &Stage, at: &str) -> WorkItem {
    let items = stage.bench.ledger.items();
    items.into_iter().rfind(|i| i.address == address(at)).unwrap_or_else(|| panic!("no item of {at}"))
}

fn confirmed(stage: &Stage) -> WorkState {
    let evidence = [("code".to_owned(), "4711".to_owned())].into();
    WorkState::Confirmed { by: "tom".to_owned(), at: stage.bench.clock.now(), evidence }
}

/// A technician has done what an item says, and it is recorded as `runbook confirm` does.
fn confirm(stage: &Stage, at: &str) {
    let item = item(stage, at);
    let now = stage.bench.clock.now();
    stage.bench.ledger.close_item(at, confirmed(stage));
    if item.calls_follow {
        return;
    }
    stage.bench.ledger.edit("main", item.address.tenant.as_str(), |state| {
        for record in item.records {
            state.intents.retain(|i| i.id != record.intent);
            let present = record.row.is_some();
            match record.row {
                Some(row) => drop(state.rows.insert(record.address.clone(), row)),
                None => drop(state.rows.remove(&record.address)),
            }
            let fields = record.fields.unwrap_or_else(|| serde_json::json!({}));
            let until = now + SignedDuration::from_hours(24 * 90);
            let attestation =
                Attestation { address: record.address.clone(), present, fields, id: None, by: "tom".to_owned(), at: now, until };
            state.attestations.insert(record.address, attestation);
        }
    });
}

fn fleet() -> Desired {
    desired([
        org("acme").with("labels", serde_json::json!({"technician": "Tess"})),
        group("acme", "staff"),
        user("acme", "ann").with("groups", vec!["staff"]),
    ])
}

#[tokio::test]
async fn one_run_gives_out_an_organization_and_all_that_is_in_it_in_order() {
    let stage = instructing(closed(&EVERYTHING));
    let mut wanted = fleet();
    let mut spec = stage.bench.portals[0].0.clone();
    spec.work_orders.assignee_label = Some("technician".to_owned());
    wanted.portals.push(spec);
    let calls = ["create acme/organization/acme", "create acme/group/staff", "create acme/user/ann"];
    let applied = stage.done(&wanted, &calls).await;
    assert!(applied.report.final_plan_empty);
    let [order] = &applied.report.orders[..] else { panic!("one order: {:?}", applied.report.orders) };
    assert_eq!((order.assignee.as_deref(), order.items, order.id.len()), (Some("Tess"), 3, 15));
    assert_eq!(order.due.unwrap().to_string(), "2026-03-09");
    let ann = item(&stage, "acme/user/ann");
    assert_eq!(*ann.order, *order.id);
    assert!(ann.instructions.title.contains(r#""groups":["staff"]"#), "by name: {}", ann.instructions.title);
    let said = format!("acme/user/ann pending: a technician to create it (item {} of work order {})", ann.reference, ann.order);
    assert!(applied.outcomes().contains(&said), "{:?}", applied.outcomes());
    let trail = stage.bench.ledger.dump();
    assert!(trail.contains(&format!("pending: work order {}, item {}: a technician to create it", ann.order, ann.reference)));

    let waiting = stage.plan(&wanted).await;
    stage.check_plan(&waiting, &[]);
    let words = format!("a technician makes it and records that (item {} of work order {}, for Tess)", ann.reference, ann.order);
    assert_eq!(waits_for(&waiting, "acme/user/ann"), Some(words));
    for at in ["acme/organization/acme", "acme/group/staff", "acme/user/ann"] {
        confirm(&stage, at);
    }
    let body = stage.plan(&wanted).await;
    stage.check_plan(&body, &[]);
    assert!(body.units.is_empty(), "nothing is left to say: {:?}", body.units);
    assert_eq!(stage.bench.ledger.open_intents(), 0);
}

#[tokio::test]
async fn what_a_technician_makes_keeps_calls_waiting_and_no_other_technician() {
    let stage = instructing(with(closed(&[Kind::Organization, Kind::Group]), Kind::User, |_| {}));
    let applied = stage.done(&fleet(), &["create acme/organization/acme", "create acme/group/staff"]).await;
    assert_eq!(applied.outcome("acme/user/ann"), "skipped: acme/organization/acme was not done");
    let more = desired(fleet().resources().cloned().chain([group("acme", "ops")]));
    let applied = stage.done(&more, &["create acme/group/ops"]).await;
    assert_eq!(waits_for(&applied.plan, "acme/user/ann").unwrap(), "it needs acme/organization/acme, which is not finished");
}

#[tokio::test]
async fn a_changed_manifest_gives_an_item_out_anew_and_keeps_when_it_was_given() {
    let stage = groups_by_hand().given(&desired([org("acme")])).await;
    let named = |name: &str| desired([org("acme"), group("acme", "ops").with("displayName", name)]);
    stage.done(&named("Ops"), &["create acme/group/ops"]).await;
    let first = item(&stage, "acme/group/ops");
    stage.bench.clock.a_day_later();
    let applied = stage.done(&named("Operations"), &["create acme/group/ops"]).await;
    let reason = &applied.plan.units[0].changes[0].reason;
    assert!(reason.contains(&format!("item {} of work order {} is out of date", first.reference, first.order)), "{reason}");
    let second = item(&stage, "acme/group/ops");
    assert_eq!((&second.intent, second.given, &second.replaces), (&first.intent, first.given, &vec![first.reference.clone()]));
    assert_ne!(second.reference, first.reference);
    assert_eq!(stage.bench.ledger.items().len(), 1, "a revision is no second item");
    // Back to the first text: whoever followed that one did what is wanted.
    stage.done(&named("Ops"), &["create acme/group/ops"]).await;
    let third = item(&stage, "acme/group/ops");
    assert_eq!((third.reference, third.replaces), (first.reference, vec![second.reference]));
    stage.done(&named("Ops"), &[]).await;
}

#[tokio::test]
async fn a_renamed_resource_is_ordered_under_its_new_name() {
    let stage = groups_by_hand().given(&desired([org("acme")])).await;
    stage.done(&desired([org("acme"), group("acme", "ops")]), &["create acme/group/ops"]).await;
    let renamed = desired([org("acme"), group("acme", "operations").formerly("ops")]);
    stage.done(&renamed, &["create acme/group/operations"]).await;
    assert_eq!(stage.bench.ledger.items().len(), 1);
    confirm(&stage, "acme/group/operations");
    stage.check_plan(&stage.plan(&renamed).await, &[]);
}

#[tokio::test]
async fn what_is_no_longer_declared_is_withdrawn_and_can_still_be_recorded() {
    let stage = groups_by_hand().given(&desired([org("acme")])).await;
    let (wanted, without) = (desired([org("acme"), group("acme", "ops")]), desired([org("acme")]));
    stage.done(&wanted, &["create acme/group/ops"]).await;
    let body = stage.plan(&without).await;
    let why = retained(&body, "acme/group/ops").unwrap();
    assert!(why.contains("is withdrawn with the next apply") && why.contains("tenantry runbook observe"), "{why}");
    stage.done(&without, &[]).await;
    assert!(matches!(item(&stage, "acme/group/ops").state, WorkState::Skipped { .. }));
    assert_eq!(stage.bench.ledger.open_intents(), 0);
    assert!(stage.plan(&without).await.units.is_empty());
    // It was made all the same: whoever says so is heard, and declaring it again makes no second one. Who made it nobody can tell by then.
    let now = stage.bench.clock.now();
    let record = Attestation {
        address: address("acme/group/ops"),
        present: true,
        fields: serde_json::json!({"displayName": "ops"}),
        id: None,
        by: "tom".to_owned(),
        at: now,
        until: now + SignedDuration::from_hours(24),
    };
    stage.bench.ledger.edit("main", "acme", |l| drop(l.attestations.insert(record.address.clone(), record)));
    assert!(retained(&stage.plan(&without).await, "acme/group/ops").unwrap().contains("nothing declares it"));
    let again = stage.plan(&wanted).await;
    stage.check_plan(&again, &["acme/group/ops adopt"]);
    assert_eq!(codes(&again, "acme/group/ops"), ["G017"]);
}

#[tokio::test]
async fn the_orders_of_a_customer_whose_file_is_gone_are_withdrawn_and_the_plan_says_so_at_once() {
    let stage = groups_by_hand().given(&desired([org("acme")])).await;
    let wanted = desired([org("acme"), group("acme", "ops")]);
    stage.done(&wanted, &["create acme/group/ops"]).await;
    let body = stage.plan(&desired([])).await;
    assert_eq!(waits_for(&body, "acme/group/ops"), None, "nobody is asked to make it");
    let why = retained(&body, "acme/group/ops").unwrap();
    assert!(why.contains("is withdrawn with the next apply"), "{why}");
    stage.done(&desired([]), &[]).await;
    assert!(matches!(item(&stage, "acme/group/ops").state, WorkState::Skipped { .. }));
    stage.done(&wanted, &["create acme/group/ops"]).await;
}

#[tokio::test]
async fn an_item_is_given_out_anew_when_what_it_names_is_called_otherwise() {
    let stage = instructing(closed(&EVERYTHING));
    let named = |customer: &str, staff: &str| {
        desired([
            org("acme").with("displayName", customer),
            group("acme", "staff").with("displayName", staff),
            user("acme", "ann").with("groups", vec!["staff"]),
        ])
    };
    stage.done(&named("ACME", "Staff"), &["create acme/organization/acme", "create acme/group/staff", "create acme/user/ann"]).await;
    stage.done(&named("ACME", "Staff"), &[]).await;
    stage.done(&named("ACME", "People"), &["create acme/group/staff", "create acme/user/ann"]).await;
    stage.done(&named("ACME Tools", "People"), &["create acme/organization/acme", "create acme/group/staff", "create acme/user/ann"]).await;
    stage.done(&named("ACME Tools", "People"), &[]).await;
}

#[tokio::test]
async fn a_failed_item_waits_for_the_manifest_or_for_somebody_to_skip_it() {
    let stage = groups_by_hand().given(&desired([org("acme")])).await;
    let wanted = |name: &str| desired([org("acme"), group("acme", "ops").with("displayName", name)]);
    stage.done(&wanted("Ops"), &["create acme/group/ops"]).await;
    let failed = |why: &str| WorkState::Failed { by: "tom".to_owned(), at: stage.bench.clock.now(), why: why.to_owned() };
    stage.bench.ledger.close_item("acme/group/ops", failed("no licence left"));
    let applied = stage.done(&wanted("Ops"), &[]).await;
    assert!(applied.report.final_plan_empty);
    let why = waits_for(&applied.plan, "acme/group/ops").unwrap();
    assert!(why.starts_with("tom could not do item ") && why.contains("no licence left"), "{why}");
    stage.done(&wanted("Operations"), &["create acme/group/ops"]).await;
    assert_eq!(item(&stage, "acme/group/ops").state, WorkState::Open, "another text, another try");
    // Skipped: the intent is settled, and the next apply asks anew.
    let first = item(&stage, "acme/group/ops");
    stage.bench.ledger.close_item("acme/group/ops", WorkState::Skipped { by: "tom".to_owned(), at: first.given, why: "later".to_owned() });
    stage.bench.ledger.edit("main", "acme", |l| l.intents.clear());
    stage.done(&wanted("Operations"), &["create acme/group/ops"]).await;
    assert_ne!(item(&stage, "acme/group/ops").intent, first.intent);
}

#[tokio::test]
async fn a_deletion_by_hand_is_withdrawn_when_it_is_declared_again() {
    let stage = groups_by_hand().given(&desired([org("acme")])).await;
    let (wanted, without) = (desired([org("acme"), group("acme", "ops")]), desired([org("acme")]));
    stage.done(&wanted, &["create acme/group/ops"]).await;
    confirm(&stage, "acme/group/ops");
    stage.done(&without, &["delete acme/group/ops"]).await;
    stage.done(&without, &[]).await;
    let back = stage.done(&wanted, &[]).await;
    assert!(retained(&back.plan, "acme/group/ops").unwrap().contains("is withdrawn"));
    assert!(matches!(item(&stage, "acme/group/ops").state, WorkState::Skipped { .. }));
    assert!(stage.plan(&wanted).await.units.is_empty());
    stage.done(&without, &["delete acme/group/ops"]).await;
    confirm(&stage, "acme/group/ops");
    assert!(stage.plan(&without).await.units.is_empty());
    assert!(!stage.bench.ledger.of("main", "acme").rows.contains_key(&address("acme/group/ops")));
}

#[tokio::test]
async fn a_tenant_that_cannot_be_read_is_like_a_portal_that_cannot() {
    let stage = instructing(with(capable(), Kind::Group, |c| c.create = Performer::Technician));
    stage.portal.behave(|m| m.closed = [(address("acme/group/x").tenant, Kind::Group)].into());
    let wanted = desired([org("acme"), group("acme", "ops"), org("beta"), group("beta", "ops")]);
    stage.bench.apply(&wanted).await;
    confirm(&stage, "acme/group/ops");
    assert_eq!(stage.bench.ledger.items().len(), 2);
    let body = stage.plan(&wanted).await;
    assert_eq!(waits_for(&body, "acme/group/ops"), None, "a record is all that can be had");
    assert!(waits_for(&body, "beta/group/ops").is_some());
    assert!(codes(&body, "acme/group/ops").is_empty());
}

#[tokio::test]
async fn a_key_that_two_tenants_declare_is_refused_where_nobody_can_be_asked() {
    let domains = with(closed(&[Kind::Domain]), Kind::Domain, |c| c.key_scope = KeyScope::Portal);
    let stage = instructing(domains).given(&desired([org("acme"), org("beta")])).await;
    let domain = |tenant: &str| resource(&format!("{tenant}/domain/d")).with("domain", "shared.example");
    let body = stage.plan(&desired([org("acme"), org("beta"), domain("acme"), domain("beta")])).await;
    stage.check_plan(&body, &["acme/domain/d -", "beta/domain/d -"]);
    assert_eq!((codes(&body, "acme/domain/d"), codes(&body, "beta/domain/d")), (vec!["G019".to_owned()], vec!["G019".to_owned()]));
    stage.done(&desired([org("acme"), org("beta"), domain("acme")]), &["create acme/domain/d"]).await;
}

#[tokio::test]
async fn no_secret_reaches_an_item() {
    let stage = instructing(closed(&[Kind::Organization]));
    stage.bench.secrets.set("CANARY_VARIABLE", "canary-4f1d");
    let secret = serde_json::json!({"video": {"env": "CANARY_VARIABLE"}});
    let wanted = desired([org("acme").with("secrets", secret)]);
    stage.done(&wanted, &["create acme/organization/acme"]).await;
    let given = item(&stage, "acme/organization/acme");
    assert!(!format!("{given:?} {}", stage.bench.ledger.dump()).contains("canary-4f1d"));
    assert_eq!(given.records[0].fields, Some(serde_json::json!({"displayName": "ACME"})));
    confirm(&stage, "acme/organization/acme");
    assert!(stage.plan(&wanted).await.units.is_empty(), "the secret's MAC is recorded with it");
}

#[tokio::test]
async fn what_was_observed_is_kept_for_rules() {
    let stage = stage().given(&desired([org("acme")])).await;
    let seen = Observation { value: "7".to_owned(), at: stage.bench.clock.now(), by: None };
    stage.bench.ledger.edit("main", "acme", |l| drop(l.observed.insert("users".into(), seen)));
    assert!(stage.plan(&desired([org("acme")])).await.units.is_empty(), "it is no change and no drift");
}

#[tokio::test]
async fn what_a_technician_makes_together_is_one_item_that_changes_as_one() {
    let stage = instructing(with(closed(&[Kind::Organization, Kind::User]), Kind::User, |c| c.carried_by = Some(Kind::Organization)));
    let wanted = |first: &str| desired([org("acme"), admin("acme", "ann").with("firstName", first)]);
    stage.done(&wanted("Ann"), &["create acme/organization/acme + acme/user/ann"]).await;
    let given = item(&stage, "acme/organization/acme");
    assert_eq!(given.records.iter().map(|r| r.address.to_string()).collect::<Vec<_>>(), ["acme/organization/acme", "acme/user/ann"]);
    let waiting = stage.done(&wanted("Ann"), &[]).await;
    assert!(waits_for(&waiting.plan, "acme/user/ann").unwrap().contains(&*given.reference));
    stage.done(&wanted("Anna"), &["create acme/organization/acme + acme/user/ann"]).await;
    assert_eq!(item(&stage, "acme/organization/acme").replaces, [given.reference]);
    assert_eq!((stage.bench.ledger.items().len(), stage.bench.ledger.open_intents()), (1, 2));
    confirm(&stage, "acme/organization/acme");
    assert!(stage.plan(&wanted("Anna")).await.units.is_empty());
    assert_eq!(stage.bench.ledger.open_intents(), 0);
}

#[tokio::test]
async fn what_is_not_selected_is_not_withdrawn() {
    let mut stage = groups_by_hand().given(&desired([org("acme")])).await;
    stage.done(&desired([org("acme"), group("acme", "ops")]), &["create acme/group/ops"]).await;
    stage.bench.scope.kinds = vec![Kind::Organization];
    stage.done(&desired([org("acme")]), &[]).await;
    assert_eq!(item(&stage, "acme/group/ops").state, WorkState::Open);
    stage.bench.scope.kinds.clear();
    stage.done(&desired([org("acme")]), &[]).await;
    assert!(matches!(item(&stage, "acme/group/ops").state, WorkState::Skipped { .. }));
}

#[tokio::test]
async fn a_rename_takes_an_open_item_along_and_gives_it_out_under_the_new_name() {
    let stage = groups_by_hand().given(&desired([org("acme")])).await;
    stage.done(&desired([org("acme"), group("acme", "ops")]), &["create acme/group/ops"]).await;
    confirm(&stage, "acme/group/ops");
    let changed = group("acme", "ops").with("displayName", "Operations");
    stage.done(&desired([org("acme"), changed]), &["update acme/group/ops"]).await;
    let open = item(&stage, "acme/group/ops");
    let renamed = desired([org("acme"), group("acme", "operations").formerly("ops").with("displayName", "Operations")]);
    let applied = stage.done(&renamed, &["update acme/group/operations"]).await;
    assert_eq!(changes(&applied.plan), ["acme/group/operations update,move"]);
    let moved = item(&stage, "acme/group/operations");
    assert_eq!((&moved.intent, &moved.replaces), (&open.intent, &vec![open.reference]));
    stage.done(&renamed, &[]).await;
    confirm(&stage, "acme/group/operations");
    assert!(stage.plan(&renamed).await.units.is_empty());
}

#[tokio::test]
async fn a_technicians_field_is_set_even_where_the_portal_updates_nothing() {
    let mut capabilities = dashboard_by_hand();
    capabilities.kinds.get_mut(&Kind::Organization).unwrap().update = Performer::Unsupported;
    let stage = instructing(capabilities).given(&desired([org("acme")])).await;
    let wanted = desired([org("acme").with("defaultDashboard", "Sales")]);
    stage.done(&wanted, &["update acme/organization/acme"]).await;
    confirm(&stage, "acme/organization/acme");
    assert!(stage.plan(&wanted).await.units.is_empty());
}
