//! The `runbook` driver: what it says, and what becomes of work orders when runs are killed and technicians answer in every way.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use tenantry::engine::runbook::{Answer, Voice, answer};
use tenantry::ledger::Ledger as _;
use tenantry::ledger::LedgerRead as _;
use tenantry::model::portal_spec::Account;
use tenantry::model::work_order::WorkItem;
use tenantry::model::{Completeness, Desired, IntentAction, Kind, PortalSpec};
use tenantry::portal::runbook::Runbook;
use tenantry::portal::{Around, Call, CallContext, Done, Driver as _, Execute, OpenContext, Profile};

use super::between::{Between, Fault};
use super::desk::Desk;
use crate::portal::kit::{CallExt as _, NoSecrets, call, create, tenant_key};
use crate::support::declared::{Say as _, desired, group, org, user};

const PROFILE: &str = r#"
apiVersion: tenantry.dev/v1alpha1
kind: Profile
name: paper
title: The Paper Portal
driver: runbook
screens:
  menu: [{path: [Customers], source: m}]
kinds:
  Organization: &kind
    read: unreadable
    create: technician
    update: technician
    delete: technician
    screens:
      create:
        screens: [{menu: [Customers], source: m, steps: [{press: New}, {fill: Name, field: displayName}, {press: Save}]}]
        evidence: [{name: number, ask: The number beside the name, id: true}, {name: title, ask: The name as shown, expect: "${self.displayName}"}]
  Group: *kind
  User:
    read: unreadable
    create: technician
    delete: technician
"#;

fn open() -> Arc<dyn Execute> {
    let profile = Arc::new(Profile::parse(PROFILE, "paper.yaml").unwrap_or_else(|wrong| panic!("{wrong:#?}")));
    let spec = PortalSpec::embedded();
    let ctx = OpenContext { spec: &spec, profile, state_dir: std::path::Path::new("/nowhere"), secrets: &NoSecrets };
    Runbook.open_writer(&ctx).unwrap()
}

fn fleet() -> Desired {
    desired([org("acme"), group("acme", "staff"), user("acme", "ann").with("groups", vec!["staff"])])
}

fn evidence(item: &WorkItem, portal_id: &str) -> BTreeMap<String, String> {
    let value = |name: &str, expect: &Option<String>| match expect {
        Some(expected) => expected.clone(),
        None if name == "number" => portal_id.to_owned(),
        None => "seen".to_owned(),
    };
    item.instructions.evidence.iter().map(|wanted| (wanted.name.clone(), value(&wanted.name, &wanted.expect))).collect()
}

/// A technician answers an item, as the program does it.
async fn tells(desk: &Desk, item: &WorkItem, said: Answer, by: &str) -> Result<bool, String> {
    let ledger = desk.ledger().await;
    let units = tenantry::engine::runbook::units(&desk.spec.name, item);
    let holder = tenantry::ledger::Holder {
        who: by.to_owned(),
        operation: "runbook".to_owned(),
        host: "desk".to_owned(),
        process: 7,
        started: "today".to_owned(),
    };
    let now = desk.clock.now();
    let lock = ledger.lock(&units, &holder, now, std::time::Duration::from_secs(60)).await.unwrap();
    let voice = Voice { by: by.to_owned(), now, believed_for_days: 90, note: None };
    let told = answer(&ledger, &lock, &item.reference, &said, &voice).await;
    ledger.unlock(&lock).await.unwrap();
    told.map(|told| told.recorded).map_err(|why| why.to_string())
}

/// Everything that waits is done, in order.
pub(super) async fn all_is_done(desk: &Desk) {
    let mut items = desk.items().await;
    items.sort_by_key(WorkItem::level);
    for (n, item) in items.iter().enumerate() {
        tells(desk, item, Answer::Done(evidence(item, &format!("{}-{n}", item.address.kind))), "tess").await.unwrap();
    }
}

/// One open item for each address, and nothing else to do.
async fn waits_once(desk: &Desk, at: &str) {
    let mut addresses: Vec<_> = desk.items().await.iter().map(|i| i.address.to_string()).collect();
    addresses.sort();
    assert_eq!(addresses, ["acme/group/staff", "acme/organization/acme", "acme/user/ann"], "{at}: one item each");
}

#[tokio::test]
async fn a_run_that_is_killed_at_any_call_gives_each_work_out_once() {
    for fault in Fault::ALL {
        for at in 1.. {
            let folder = tempfile::tempdir().unwrap();
            let desk = Desk::at(folder.path());
            let between = Between::new(open(), at, fault);
            let spoilt: Arc<dyn Execute> = between.clone();
            if between.or_killed(desk.apply(&spoilt, &fleet())).await.is_none() {
                desk.is_killed();
            }
            for _ in 0..2 {
                desk.apply(&open(), &fleet()).await;
            }
            let what = format!("{fault:?} at call {at}");
            waits_once(&desk, &what).await;
            all_is_done(&desk).await;
            assert_eq!(desk.changes(&open(), &fleet()).await, [""; 0], "{what}");
            let rows = desk.ledger().await.read(&desk.spec.name, &["acme".parse().unwrap()]).await.unwrap().remove(0);
            assert!(rows.rows.len() == 3 && rows.intents.is_empty(), "{what}: {rows:?}");
            if between.called() < at {
                break;
            }
        }
    }
}

#[tokio::test]
async fn two_technicians_a_wrong_answer_and_a_half_done_order_end_as_declared() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::at(folder.path());
    desk.apply(&open(), &fleet()).await;
    let items = desk.items().await;
    let acme = items.iter().find(|i| i.address.kind == Kind::Organization).unwrap();

    let mut wrong = evidence(acme, "c-1");
    wrong.insert("title".to_owned(), "BETA".to_owned());
    assert!(tells(&desk, acme, Answer::Done(wrong), "tess").await.unwrap_err().contains("title"), "another customer's screen");
    assert!(tells(&desk, acme, Answer::Done(BTreeMap::new()), "tess").await.unwrap_err().contains("number"));
    waits_once(&desk, "what was refused is as it was").await;

    assert_eq!(tells(&desk, acme, Answer::Done(evidence(acme, "c-1")), "tess").await, Ok(true));
    assert_eq!(tells(&desk, acme, Answer::Done(evidence(acme, "c-1")), "tom").await, Ok(false), "the same told twice is recorded once");
    assert!(tells(&desk, acme, Answer::Done(evidence(acme, "c-2")), "tom").await.is_err(), "and another id is not believed");
    assert!(tells(&desk, acme, Answer::Failed("no such menu".to_owned()), "tom").await.is_err());

    // Half of it is done: a run gives nothing out anew, and the rest goes on.
    desk.apply(&open(), &fleet()).await;
    let mut left: Vec<_> = desk.items().await.iter().map(|i| (i.address.to_string(), i.reference.clone())).collect();
    left.sort();
    let mut before: Vec<_> =
        items.iter().filter(|i| i.address != acme.address).map(|i| (i.address.to_string(), i.reference.clone())).collect();
    before.sort();
    assert_eq!(left, before);
    let ann = items.iter().find(|i| i.address.kind == Kind::User).unwrap();
    assert_eq!(tells(&desk, ann, Answer::Skipped("on holiday".to_owned()), "tom").await, Ok(true));
    desk.apply(&open(), &fleet()).await;
    assert_eq!(desk.items().await.iter().filter(|i| i.address.kind == Kind::User).count(), 1, "what was skipped is given out anew, once");
    all_is_done(&desk).await;
    assert_eq!(desk.changes(&open(), &fleet()).await, [""; 0]);
}

/// With what is around it, as apply says it.
fn informed(mut call: Call) -> Call {
    let around = Around { tenant: None, organizations: Arc::default(), account: Account::default() };
    let (named, named_before) = (call.desired.clone(), call.before.clone());
    call.context = Some(Box::new(CallContext { around: Arc::new(around), named, named_before, answered: None }));
    call
}

#[tokio::test]
async fn the_driver_reads_nothing_and_says_the_same_of_the_same_call() {
    let portal = open();
    let live = portal.read(&[tenant_key("acme"), tenant_key("msp")]).await.unwrap();
    let unreadable = |t: &tenantry::model::LiveTenant| t.collections.values().all(|c| c.completeness == Completeness::Unreadable);
    assert!(live.len() == 2 && live.iter().all(|t| t.collections.len() == 3 && unreadable(t)));
    let calls = [
        create("acme/organization/acme", json!({"displayName": "Acme"})),
        call(IntentAction::Update, "acme/group/staff", json!({"displayName": "Staff"})).object("g1"),
        call(IntentAction::Delete, "acme/user/ann", json!({})).object("u1"),
    ]
    .map(informed);
    let said = portal.perform(&calls).await;
    assert_eq!(said, open().perform(&calls).await, "another process says the same");
    for (call, answer) in calls.iter().zip(&said) {
        assert!(matches!(answer, Ok(Done::Pending { work: Some(work), .. }) if !work.calls_follow), "{call:?}: {answer:?}");
        let alone = portal.perform(std::slice::from_ref(call)).await;
        assert_eq!(alone[0], *answer, "whatever else is asked");
    }
}
