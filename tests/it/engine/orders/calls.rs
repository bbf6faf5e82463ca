//! Work orders beside calls: what a technician adds to what a call makes, what calls do after a person's answer, and runs that are killed.

use tenantry::model::kind::Kind;
use tenantry::model::work_order::WorkState;
use tenantry::model::*;

use super::*;

#[tokio::test]
async fn a_call_makes_it_a_technician_adds_to_it_and_nobody_waits_for_that() {
    let stage = instructing(dashboard_by_hand());
    let wanted =
        |name: &str, board: &str| desired([org("acme").with("displayName", name).with("defaultDashboard", board), user("acme", "ann")]);
    let calls = ["create acme/organization/acme", "update acme/organization/acme", "create acme/user/ann"];
    let applied = stage.done(&wanted("Acme", "Sales"), &calls).await;
    assert_eq!(applied.outcome("acme/user/ann"), "done");
    assert!(applied.outcome("acme/organization/acme").starts_with("pending: a technician to update it"));
    let change = &applied.plan.units[0].changes[0];
    assert_eq!((change.performer, change.effects.contains(&rule::Effect::Technician)), (Performer::Call, true));
    stage.done(&wanted("Acme", "Sales"), &[]).await;
    // What a call can change is changed meanwhile, and what the technician will record knows of it.
    // The text names the customer, so it is given out anew.
    let both = ["update acme/organization/acme", "update acme/organization/acme"];
    stage.done(&wanted("Acme Ltd", "Sales"), &both).await;
    stage.done(&wanted("Acme Ltd", "Sales"), &[]).await;
    confirm(&stage, "acme/organization/acme");
    let body = stage.plan(&wanted("Acme Ltd", "Sales")).await;
    assert!(body.units.is_empty(), "{:?}", body.units);
    let row = &stage.bench.ledger.of("main", "acme").rows[&address("acme/organization/acme")];
    assert_eq!(ledger::applied_digest(&row.applied, "displayName"), Some(Digest::of_value(&Value::text("Acme Ltd"))));
    // Both at once: the call first, and then the technician's part by itself.
    stage.done(&wanted("Acme Inc", "Support"), &both).await;
    assert_eq!(stage.bench.ledger.open_intents(), 1);
    let by_hand = stage.plan(&wanted("Acme Inc", "Returns")).await;
    stage.check_plan(&by_hand, &["acme/organization/acme update"]);
    assert_eq!(by_hand.units[0].changes[0].performer, Performer::Technician);
    // What a technician recorded otherwise than declared is out of step.
    confirm(&stage, "acme/organization/acme");
    stage.bench.ledger.edit("main", "acme", |l| {
        l.attestations.get_mut(&address("acme/organization/acme")).unwrap().fields["defaultDashboard"] = "Old".into();
    });
    stage.check_plan(&stage.plan(&wanted("Acme Inc", "Support")).await, &["acme/organization/acme update"]);
}

#[tokio::test]
async fn what_rides_on_a_call_leaves_a_technicians_fields_for_later() {
    let mut capabilities = with(capable(), Kind::User, |c| {
        c.carried_by = Some(Kind::Organization);
        c.fields.extend([(field(Kind::User, "lastName"), FieldSupport::Technician)]);
    });
    capabilities.batch = 2;
    let stage = instructing(capabilities);
    let wanted = desired([org("acme"), role("acme", "ops"), admin("acme", "ann").with("roles", vec!["ops"]).with("lastName", "Lee")]);
    let calls = ["create acme/organization/acme + acme/user/ann", "create acme/role/ops", "update acme/user/ann", "update acme/user/ann"];
    let applied = stage.done(&wanted, &calls).await;
    assert!(applied.report.final_plan_empty, "{:?}", applied.outcomes());
    stage.done(&wanted, &[]).await;
    confirm(&stage, "acme/user/ann");
    assert!(stage.plan(&wanted).await.units.is_empty());
}

/// Everything by hand: killed after every effect, the run is taken up and every item is there once, with one text.
#[tokio::test]
async fn a_run_killed_while_it_gives_out_orders_gives_out_the_same_items_and_no_twins() {
    for k in 1.. {
        let stage = instructing(closed(&EVERYTHING));
        let ended = stage.bench.apply_killed_after(k, &fleet()).await;
        let before = stage.bench.ledger.items();
        for _ in 0..3 {
            stage.bench.apply(&fleet()).await;
        }
        let items = stage.bench.ledger.items();
        let mut addresses: Vec<_> = items.iter().map(|i| i.address.to_string()).collect();
        addresses.sort();
        assert_eq!(addresses, ["acme/group/staff", "acme/organization/acme", "acme/user/ann"], "killed after effect {k}");
        assert!(items.iter().all(|i| i.replaces.is_empty() && i.state == WorkState::Open), "killed after effect {k}");
        assert_eq!(items[..before.len()], before, "what was given out stays as it was");
        assert_eq!(stage.bench.ledger.open_intents(), 3, "killed after effect {k}");
        if ended {
            assert!(k > 5, "there were effects to be killed after");
            return;
        }
    }
}

fn asking() -> Stage {
    Stage::new(Capabilities { context: true, ..capable() }, Manners { asks: [Kind::User].into(), ..Manners::default() })
}

#[tokio::test]
async fn calls_go_on_with_what_a_person_answered_and_nobody_is_asked_twice() {
    let stage = asking().given(&desired([org("acme")])).await;
    let wanted = desired([org("acme"), user("acme", "ann")]);
    let applied = stage.done(&wanted, &["create acme/user/ann"]).await;
    assert!(applied.report.final_plan_empty);
    let open = item(&stage, "acme/user/ann");
    assert!(open.calls_follow);
    let waiting = stage.done(&wanted, &[]).await;
    assert!(
        waits_for(&waiting.plan, "acme/user/ann").unwrap().starts_with("a technician does a part of it and records that, and calls follow")
    );
    confirm(&stage, "acme/user/ann");
    // Not now, for longer than a run waits: the answer is kept.
    stage.portal.fault(0, Fault::Denied);
    stage.bench.apply(&wanted).await;
    stage.portal.took();
    let done = stage.done(&wanted, &["create acme/user/ann"]).await;
    assert_eq!(changes(&done.plan), ["acme/user/ann create"]);
    assert_eq!(done.plan.units[0].changes[0].resumes, Some(open.intent.clone()));
    assert_eq!(stage.portal.received(), ["acme/user/ann s7 4711"]);
    assert_eq!((stage.bench.ledger.open_intents(), stage.bench.ledger.items().len()), (0, 1));
    assert!(stage.plan(&wanted).await.units.is_empty());
}

#[tokio::test]
async fn an_answered_call_that_is_killed_or_lost_is_looked_for_and_not_repeated_blindly() {
    let wanted = desired([org("acme"), user("acme", "ann")]);
    for k in 1.. {
        let stage = asking().given(&desired([org("acme")])).await;
        stage.bench.apply(&wanted).await;
        confirm(&stage, "acme/user/ann");
        let ended = stage.bench.apply_killed_after(k, &wanted).await;
        stage.bench.apply(&wanted).await;
        assert_eq!(stage.portal.has(), ["acme organization acme", "acme user ann@acme.example"], "killed after effect {k}");
        assert_eq!((stage.bench.ledger.open_intents(), stage.bench.ledger.items().len()), (0, 1), "killed after effect {k}");
        if ended {
            return;
        }
    }
}

#[tokio::test]
async fn a_revision_that_cannot_be_written_leaves_the_item_as_it_is() {
    let stage = groups_by_hand().given(&desired([org("acme")])).await;
    let named = |name: &str| desired([org("acme"), group("acme", "ops").with("displayName", name)]);
    stage.done(&named("Ops"), &["create acme/group/ops"]).await;
    let given = item(&stage, "acme/group/ops");
    stage.portal.fault(0, Fault::Refused);
    stage.bench.apply(&named("Operations")).await;
    stage.portal.took();
    assert_eq!(item(&stage, "acme/group/ops"), given);
    stage.done(&named("Operations"), &["create acme/group/ops"]).await;
    assert_eq!(item(&stage, "acme/group/ops").replaces, [given.reference]);
}

/// A call and a technician's part after it: killed after every effect, both are there once.
#[tokio::test]
async fn a_run_killed_between_a_call_and_its_technicians_part_does_each_once() {
    let wanted = desired([org("acme").with("defaultDashboard", "Sales")]);
    for k in 1.. {
        let stage = instructing(dashboard_by_hand());
        let ended = stage.bench.apply_killed_after(k, &wanted).await;
        for _ in 0..3 {
            stage.bench.apply(&wanted).await;
        }
        assert_eq!(stage.portal.has(), ["acme organization acme"], "killed after effect {k}");
        assert_eq!((stage.bench.ledger.items().len(), stage.bench.ledger.open_intents()), (1, 1), "killed after effect {k}");
        if ended {
            assert!(k > 5, "there were effects to be killed after");
            return;
        }
    }
}

#[tokio::test]
async fn an_update_goes_on_with_what_a_person_answered_too() {
    let stage = asking();
    stage.portal.behave(|m| m.asks.clear());
    let named = |first: &str| desired([org("acme"), user("acme", "ann").with("firstName", first)]);
    let stage = stage.given(&named("Ann")).await;
    stage.portal.behave(|m| m.asks = [Kind::User].into());
    stage.done(&named("Anna"), &["update acme/user/ann"]).await;
    let open = item(&stage, "acme/user/ann");
    stage.done(&named("Anna"), &[]).await;
    stage.done(&named("Hanna"), &["update acme/user/ann"]).await;
    assert_eq!(item(&stage, "acme/user/ann").replaces, [open.reference]);
    confirm(&stage, "acme/user/ann");
    stage.done(&named("Hanna"), &["update acme/user/ann"]).await;
    assert_eq!(stage.portal.received(), ["acme/user/ann s7 4711"]);
    assert_eq!((stage.bench.ledger.open_intents(), stage.bench.ledger.items().len()), (0, 1));
    assert!(stage.plan(&named("Hanna")).await.units.is_empty());
}

#[tokio::test]
async fn a_run_killed_while_it_gives_an_item_out_anew_leaves_one_item_with_the_last_text() {
    let named = |name: &str| desired([org("acme"), group("acme", "ops").with("displayName", name)]);
    for k in 1.. {
        let stage = groups_by_hand().given(&desired([org("acme")])).await;
        stage.bench.apply(&named("Ops")).await;
        let first = item(&stage, "acme/group/ops");
        let ended = stage.bench.apply_killed_after(k, &named("Operations")).await;
        stage.bench.apply(&named("Operations")).await;
        let last = item(&stage, "acme/group/ops");
        assert_eq!((&last.intent, &last.replaces), (&first.intent, &vec![first.reference]), "killed after effect {k}");
        assert!(last.instructions.title.contains("Operations"), "killed after effect {k}");
        assert_eq!((stage.bench.ledger.items().len(), stage.bench.ledger.open_intents()), (1, 1), "killed after effect {k}");
        if ended {
            assert!(k >= 3, "there were effects to be killed after");
            return;
        }
    }
}
