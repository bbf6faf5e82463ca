//! `runbook`, through the program: work orders are listed and shown, and what became of them is recorded. The items are put into the ledger as
//! an apply would put them there.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde_json::json;
use tenantry::ledger::{Holder, LedgerLocation, WorkWanted, Write};
use tenantry::model::work_order::{Act, EvidenceWanted, FormerText, Instructions, Provenance, Screen, Step, WorkRecord};
use tenantry::model::{Digest, Fields, Intent, IntentAction, LedgerRow, LedgerState, Origin, WorkItem, WorkState};

use super::transcript::{Shell, normal};
use crate::support::program::{self, Ran};
use crate::support::{address, name};

/// A portal without an API, whose screens show two tables.
pub(super) const PROFILE: &str = r#"apiVersion: tenantry.dev/v1alpha1
kind: Profile
name: board
title: The Board
driver: runbook
screens:
  menu:
    - {path: [Customers], source: m, lists: Organization}
    - {path: [Customers, People], source: m, lists: User}
kinds:
  Organization: {read: unreadable, create: technician, update: technician, delete: technician}
  User: {read: unreadable, create: technician, update: technician, delete: technician, builtin: [agent@board.example]}
tables:
  - name: customers
    menu: [Customers]
    source: m
    kind: Organization
    columns:
      Name: {field: displayName}
      Number: {id: true}
      Active users: {observed: activeUsers}
  - name: people
    menu: [Customers, People]
    source: m
    kind: User
    columns:
      Customer: {tenant: true}
      E-mail: {field: email}
      First name: {field: firstName}
      Administrator: {field: administrator}
observed:
  - {id: BRD-1, source: m, name: activeUsers, title: Active users}
"#;

pub(super) const PORTAL: &str = "apiVersion: tenantry.dev/v1alpha1
kind: Portal
metadata: {name: board}
spec: {profile: own/board.profile, workOrders: {assignee: ann, believedForDays: 30}}
";

pub(super) const ACME: &str = "apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec:
  displayName: ACME Tools
  users:
    - {name: alice, email: alice@acme.example, firstName: Alice, administrator: true}
";

/// A desk: manifests, a portal without an API, and a ledger.
pub(super) struct Desk {
    pub(super) shell: Shell,
}

impl Desk {
    /// With one customer declared and nothing given out.
    pub(super) fn new() -> Self {
        let shell = Shell::empty();
        shell.write("portals/main.yaml", PORTAL);
        shell.write("portals/own/board.profile", PROFILE);
        shell.write("customers/acme.yaml", ACME);
        Self { shell }
    }

    /// With an order given out: the customer and its user.
    pub(super) fn ordered() -> Self {
        let desk = Self::new();
        desk.give(vec![organization(), user()]);
        desk
    }

    /// Everything of the order is done.
    pub(super) fn confirmed() -> Self {
        let desk = Self::ordered();
        desk.run(&["confirm", "0a0a0a0a", "--evidence", "number=17", "--evidence", "customer=ACME Tools"]).exits(0);
        desk.run(&["confirm", "0b0b0b0b", "--evidence", "customer=acme tools "]).exits(0);
        desk
    }

    /// Writes as an apply does: an intent of which nothing is known, and the item that keeps it open.
    pub(super) fn give(&self, items: Vec<WorkItem>) {
        let writes = items.into_iter().flat_map(|item| {
            let intents = item.records.iter().map(|r| Intent {
                id: r.intent.clone(),
                address: r.address.clone(),
                key: key_of(&item).into(),
                action: item.action,
                object: None,
                at: item.given,
                plan: item.plan.clone(),
                unknown: true,
                fate: tenantry::model::Fate::default(),
            });
            let mut writes: Vec<_> = intents.map(|i| Write::Intend(name("board"), i)).collect();
            writes.push(Write::Work(name("board"), Box::new(item)));
            writes
        });
        self.write(writes.collect());
    }

    pub(super) fn write(&self, writes: Vec<Write>) {
        block(async {
            let ledger = self.location().open().await.unwrap();
            let units = [(name("board"), name("acme")), (name("board"), name("beta"))];
            let now = jiff::Timestamp::now();
            let lock = ledger.lock(&units, &Holder::current("test"), now, std::time::Duration::from_secs(60)).await.unwrap();
            let installation = ledger.identity().await.unwrap().installation;
            let owned = writes.into_iter().map(|write| match write {
                Write::Work(portal, mut item) => {
                    item.records.iter_mut().filter_map(|r| r.row.as_mut()).for_each(|row| row.owner = installation.clone());
                    Write::Work(portal, item)
                }
                Write::Put(portal, mut row) => {
                    row.owner = installation.clone();
                    Write::Put(portal, row)
                }
                other => other,
            });
            ledger.commit(&lock, owned.collect()).await.unwrap();
            ledger.unlock(&lock).await.unwrap();
        });
    }

    /// Does something while somebody else holds the customer's lock.
    pub(super) fn hold_lock(&self, meanwhile: impl FnOnce()) {
        let unit = [(name("board"), name("acme"))];
        let minute = std::time::Duration::from_secs(60);
        let (ledger, lock) = block(async {
            let ledger = self.location().open().await.unwrap();
            let lock = ledger.lock(&unit, &Holder::current("apply"), jiff::Timestamp::now(), minute).await.unwrap();
            (ledger, lock)
        });
        meanwhile();
        block(async { ledger.unlock(&lock).await.unwrap() });
    }

    pub(super) fn state(&self) -> LedgerState {
        block(async { self.location().open_read_only().await.unwrap().read(&name("board"), &[name("acme")]).await.unwrap().remove(0) })
    }

    /// How many commits the ledger has seen.
    pub(super) fn serial(&self) -> u64 {
        block(async { self.location().open_read_only().await.unwrap().identity().await.unwrap().serial })
    }

    pub(super) fn item(&self, reference: &str) -> WorkItem {
        let all = block(async { self.location().open_read_only().await.unwrap().work(WorkWanted::All).await.unwrap() });
        all.into_iter().map(|(_, i)| i).find(|i| *i.reference == *reference).unwrap()
    }

    pub(super) fn location(&self) -> LedgerLocation {
        LedgerLocation::Sqlite(self.shell.file(".tenantry/ledger.db"))
    }

    /// Runs `tenantry runbook …`.
    pub(super) fn run(&self, args: &[&str]) -> Ran {
        let args: Vec<_> = std::iter::once(&"runbook").chain(args).copied().collect();
        self.tenantry(&args)
    }

    pub(super) fn tenantry(&self, args: &[&str]) -> Ran {
        program::run_with(self.shell.path(), args, &[("TENANTRY_FILE", "customers"), ("TENANTRY_PORTALS", "portals")])
    }

    /// What a person sees, without what differs from run to run.
    pub(super) fn said(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        let text = format!("{}{}exit {}", ran.out, ran.err, ran.code.unwrap());
        let days = regex::Regex::new(r"overdue by \d+ days").unwrap();
        days.replace(&normal(&text, self.shell.path()), "overdue by N days").into_owned()
    }
}

fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn key_of(item: &WorkItem) -> String {
    item.records[0].row.as_ref().map_or_else(String::new, |r| r.key.to_string())
}

fn fields_of(at: &str, fields: &serde_json::Value) -> Fields {
    Fields::from_json(address(at).kind.def(), fields).unwrap()
}

/// The row of what is declared at an address.
pub(super) fn row(at: &str, key: &str, fields: &serde_json::Value) -> LedgerRow {
    let address = address(at);
    let def = address.kind.def();
    let fields = fields_of(at, fields);
    let mut applied: Vec<_> = fields.iter().map(|(id, v)| (Box::from(def.field(id).path), Digest::of_field(Some(v)))).collect();
    applied.sort();
    LedgerRow {
        address,
        id: None,
        key: key.into(),
        owner: "us".into(),
        origin: Origin::Created,
        released: false,
        protected: false,
        applied,
        secrets: Vec::new(),
    }
}

pub(super) fn item(reference: &str, at: &str, key: &str, fields: serde_json::Value, evidence: Vec<EvidenceWanted>) -> WorkItem {
    let step = |label: &str, value: &str| Step {
        act: Act::Fill { label: label.to_owned(), value: value.to_owned() },
        source: Some(Provenance::Manual),
    };
    let label = |path: &str| path[..1].to_uppercase() + &path[1..];
    let steps = fields.as_object().unwrap().iter().filter_map(|(path, v)| Some(step(&label(path), v.as_str()?))).collect();
    WorkItem {
        intent: format!("intent-{reference}").into(),
        reference: reference.into(),
        order: "board-1".into(),
        address: address(at),
        action: IntentAction::Create,
        assignee: Some("ann".to_owned()),
        due: Some("2026-03-09".parse().unwrap()),
        given: "2026-03-02T09:30:00Z".parse().unwrap(),
        plan: "sha256:1".into(),
        ticket: Some("T-7".to_owned()),
        instructions: Instructions {
            title: format!("Create {at}"),
            menu_place: 0,
            screens: vec![Screen { menu: vec!["Customers".to_owned()], steps }],
            evidence,
        },
        content: WorkItem::content_of(address(at).kind.def(), IntentAction::Create, key, &fields_of(at, &fields), |_| true),
        records: vec![WorkRecord {
            intent: format!("intent-{reference}").into(),
            address: address(at),
            fields: Some(fields.clone()),
            row: Some(row(at, key, &fields)),
        }],
        learnt: BTreeMap::new(),
        calls_follow: false,
        state: WorkState::Open,
        replaces: Vec::new(),
        former: Vec::new(),
        names: None,
        before: Vec::new(),
    }
}

fn text_of(json: &serde_json::Value) -> String {
    json.as_str().unwrap().to_owned()
}

fn wanted(name: &str, ask: &str) -> EvidenceWanted {
    EvidenceWanted {
        name: name.to_owned(),
        ask: ask.to_owned(),
        expect: None,
        words: Vec::new(),
        optional: false,
        id: false,
        customer: false,
    }
}

pub(super) fn organization() -> WorkItem {
    let number = EvidenceWanted { id: true, ..wanted("number", "The number beside the name") };
    let customer =
        EvidenceWanted { expect: Some("ACME Tools".to_owned()), customer: true, ..wanted("customer", "The name at the top of the page") };
    item("0a0a0a0a", "acme/organization/acme", "acme", json!({"displayName": "ACME Tools"}), vec![number, customer])
}

pub(super) fn user() -> WorkItem {
    let customer =
        EvidenceWanted { expect: Some("ACME Tools".to_owned()), customer: true, ..wanted("customer", "The customer that is chosen") };
    let fields = json!({"email": "alice@acme.example", "firstName": "Alice", "administrator": true});
    item("0b0b0b0b", "acme/user/alice", "alice@acme.example", fields, vec![customer])
}

#[test]
fn orders_are_listed_with_what_became_of_their_items() {
    let desk = Desk::ordered();
    desk.run(&["fail", "0b0b0b0b", "--why", "the button is grey", "--by", "ann"]).exits(0);
    insta::assert_snapshot!(desk.said(&["list"]), @r##"
    Work order board-1 in portal board for ann, due 2026-03-09, overdue by N days, ticket T-7, given out TIME
      0a0a0a0a  create  acme/organization/acme  Create acme/organization/acme  open
      0b0b0b0b  create  acme/user/alice         Create acme/user/alice         could not be done: the button is grey (ann at TIME)
    exit 0
    "##);
    insta::assert_snapshot!(desk.said(&["list", "--state", "confirmed"]), @r##"
    There is no such item.
    exit 0
    "##);
    assert_eq!(desk.run(&["list", "--assignee", "Ann", "--tenant", "ac*", "--portal", "board"]).exits(0).out.lines().count(), 3);
    assert_eq!(desk.run(&["list", "--assignee", "bob"]).exits(0).out, "");
    let json: serde_json::Value = serde_json::from_str(&desk.run(&["list", "-o", "json"]).exits(0).out).unwrap();
    let order = &json["orders"][0];
    assert_eq!((order["order"].as_str(), order["overdue"].as_bool()), (Some("board-1"), Some(true)));
    assert_eq!(order["items"][1]["state"]["why"], "the button is grey");
}

#[test]
fn an_order_and_an_item_are_shown_in_every_format() {
    let desk = Desk::ordered();
    insta::assert_snapshot!(desk.said(&["show", "0a0a0a0a"]), @r##"
    Work order board-1: The Board
      Portal: board
      Technician: ann
      Due: 2026-03-09
      Given out: 2026-03-02 09:30 UTC
      Ticket: T-7
      Plan: sha256:1
      Items: 1

    1. 0a0a0a0a  Create acme/organization/acme  (customer acme)
       [ ] Open Customers.
       [ ] In [DisplayName] type "ACME Tools".  (manual)
       Bring back number: The number beside the name (the portal's id)
       Bring back customer: The name at the top of the page; it must be "ACME Tools"
       $ tenantry runbook confirm 0a0a0a0a --evidence "number=…" --evidence "customer=…"
       $ tenantry runbook fail 0a0a0a0a --why "…"
       $ tenantry runbook skip 0a0a0a0a --why "…"
    exit 0
    "##);
    for (format, begins) in [("text", "Work order board-1"), ("markdown", "# "), ("html", "<!DOCTYPE html>"), ("json", "{")] {
        let whole = desk.run(&["show", "board-1", "-o", format]).exits(0).out;
        assert!(whole.starts_with(begins), "{whole}");
        assert!(whole.contains("alice@acme.example") && whole.contains("ACME Tools"), "{whole}");
    }
    desk.run(&["show", "board-1", "-o", "html", "--out", "order.html"]).exits(0);
    assert!(desk.shell.read("order.html").contains("The Board"));
    let nothing = desk.run(&["show", "nowhere"]).exits(1);
    assert!(nothing.err.contains("no work order and no item is called `nowhere`"), "{}", nothing.err);
}

#[test]
fn after_everything_is_confirmed_the_plan_is_empty() {
    let desk = Desk::ordered();
    let waits = desk.tenantry(&["plan"]).exits(0).said();
    assert!(waits.contains("a technician makes it and records that"), "{waits}");
    insta::assert_snapshot!(desk.said(&["confirm", "0a0a0a0a", "--evidence", "number=17", "--evidence", "customer=ACME Tools", "--by", "ann"]), @r##"
    Confirmed: 0a0a0a0a (acme/organization/acme in portal board) by ann at TIME.
    exit 0
    "##);
    desk.run(&["confirm", "0b0b0b0b", "--evidence", "customer= acme tools ", "--by", "ann"]).exits(0);
    desk.tenantry(&["plan", "--expect-no-changes"]).exits(0);
    let state = desk.state();
    let attested = &state.attestations[&address("acme/organization/acme")];
    assert_eq!((attested.present, attested.id.as_deref(), attested.by.as_str()), (true, Some("17"), "ann"));
    assert_eq!((attested.until - attested.at).total(jiff::Unit::Hour).unwrap(), 30.0 * 24.0, "as the Portal says");
    assert_eq!(state.rows[&address("acme/organization/acme")].id.as_deref(), Some("17"));
    assert!(state.intents.is_empty() && state.work.is_empty(), "{state:?}");
    let audit = desk.tenantry(&["ledger", "audit", "-o", "json"]).exits(0).out;
    for part in ["\"T-7\"", "sha256:1", "runbook confirm: create", "number=17", "work order board-1, item 0a0a0a0a"] {
        assert!(audit.contains(part), "{part} in {audit}");
    }
}

#[test]
fn what_an_apply_gives_out_is_confirmed_and_an_earlier_text_of_it_is_refused() {
    let desk = Desk::new();
    let applied = desk.tenantry(&["apply", "--auto-approve"]).exits(6).out;
    assert!(applied.contains("`tenantry runbook show ID`") && applied.contains("wo-"), "{applied}");
    let listed = || -> Vec<(String, String)> {
        let json: serde_json::Value = serde_json::from_str(&desk.run(&["list", "-o", "json"]).exits(0).out).unwrap();
        let items = json["orders"].as_array().unwrap().iter().flat_map(|o| o["items"].as_array().unwrap());
        let mut items: Vec<_> = items.map(|i| (text_of(&i["address"]), text_of(&i["reference"]))).collect();
        items.sort();
        items
    };
    let before = listed();
    assert_eq!(before.iter().map(|(at, _)| at.as_str()).collect::<Vec<_>>(), ["acme/organization/acme", "acme/user/alice"]);
    desk.shell.edit("customers/acme.yaml", "firstName: Alice", "firstName: Alicia");
    desk.tenantry(&["apply", "--auto-approve"]).exits(6);
    let after = listed();
    let (old, new) = (&before[1].1, &after[1].1);
    assert_ne!(old, new, "the text has changed");
    let refused = desk.run(&["confirm", old]).exits(5).err;
    assert!(refused.contains(&format!("{new} replaced it at ")), "{refused}");
    assert!(refused.contains("- ") && refused.contains("Alice") && refused.contains("+ ") && refused.contains("Alicia"), "{refused}");
    for (_, reference) in &after {
        let wanted = desk.item(reference).instructions.evidence.into_iter().filter(|e| !e.optional);
        let brought = wanted.map(|e| format!("--evidence={}={}", e.name, e.expect.unwrap_or_else(|| "as shown".to_owned())));
        let args: Vec<_> = ["confirm".to_owned(), reference.clone()].into_iter().chain(brought).collect();
        desk.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).exits(0);
    }
    desk.tenantry(&["plan", "--expect-no-changes"]).exits(0);
    assert!(listed().is_empty());
}

#[test]
fn another_customer_is_refused_and_nothing_is_recorded() {
    let desk = Desk::ordered();
    insta::assert_snapshot!(desk.said(&["confirm", "0a0a0a0a", "--evidence", "number=17", "--evidence", "customer=Beta AG"]), @r##"
    error: 0a0a0a0a was not recorded
      customer must be `ACME Tools`, and you brought back `Beta AG`
      another customer may have been picked for 0a0a0a0a (acme/organization/acme): if so, undo there what you did, do it where it belongs, and confirm with what that shows; after a slip of the pen confirm again
      if it is the right one and the portal only displays it so, confirm with --anyway: what you brought back is recorded
    exit 5
    "##);
    assert_eq!(desk.item("0a0a0a0a").state, WorkState::Open);
    assert!(desk.state().attestations.is_empty());
}

#[test]
fn an_earlier_text_is_refused_with_what_holds_now() {
    let desk = Desk::new();
    let old = item("01010101", "acme/organization/acme", "acme", json!({"displayName": "ACME", "notes": "x"}), Vec::new());
    let replaced = "2026-03-03T09:30:00Z".parse().unwrap();
    let former = FormerText { reference: old.reference.clone(), replaced, instructions: old.instructions };
    desk.give(vec![WorkItem { replaces: vec![old.reference], former: vec![former], ..organization() }]);
    let evidence = ["--evidence", "number=17", "--evidence", "customer=ACME Tools"];
    let mut args = vec!["confirm", "01010101"];
    args.extend(evidence);
    insta::assert_snapshot!(desk.said(&args), @r##"
    error: 01010101 was not recorded
      01010101 is an earlier text: the manifest changed, and 0a0a0a0a replaced it at TIME (acme/organization/acme)
      - DisplayName: ACME
      - Notes: x
      + DisplayName: ACME Tools
      put right in the portal what you entered otherwise, and say of 0a0a0a0a what became of it
    exit 5
    "##);
    assert_eq!(desk.item("0a0a0a0a").state, WorkState::Open);
    let shown = desk.run(&["show", "01010101"]).exits(0);
    assert!(shown.err.contains("0a0a0a0a replaced it"), "{}", shown.err);
}

#[test]
fn of_two_technicians_at_once_one_records_and_the_other_is_told() {
    let desk = Desk::ordered();
    let child = |by: &str, number: &str| {
        let number = format!("number={number}");
        let args = [
            "runbook",
            "confirm",
            "0a0a0a0a",
            "--evidence",
            &number,
            "--evidence",
            "customer=ACME Tools",
            "--by",
            by,
            "--lock-timeout",
            "20",
        ];
        let mut command = program::command(program::PROGRAM);
        command.args(args).current_dir(desk.shell.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let both = [child("ann", "17"), child("bob", "18")];
    let mut ends: Vec<_> = both.into_iter().map(|c| Ran::of(c.wait_with_output().unwrap())).collect();
    ends.sort_by_key(|ran| ran.code);
    assert_eq!((ends[0].code, ends[1].code), (Some(0), Some(5)), "{ends:?}");
    let WorkState::Confirmed { by, evidence, .. } = desk.item("0a0a0a0a").state else { panic!("confirmed") };
    assert!(ends[1].err.contains(&format!("was confirmed by {by} at")), "{}", ends[1].err);
    assert!(ends[1].err.contains(&format!("number `{}`", evidence["number"])), "{}", ends[1].err);
    assert_eq!(desk.state().rows[&address("acme/organization/acme")].id.as_deref(), Some(evidence["number"].as_str()));
}

#[test]
fn the_same_evidence_again_changes_nothing() {
    let desk = Desk::confirmed();
    let before = desk.tenantry(&["ledger", "audit", "-o", "json"]).out;
    let again = desk.run(&["confirm", "0a0a0a0a", "--evidence", "customer=ACME Tools", "--evidence", "number=17"]).exits(0);
    assert!(again.err.contains("Nothing was recorded: "), "{}", again.err);
    assert_eq!(desk.tenantry(&["ledger", "audit", "-o", "json"]).out, before);
    let late = desk.run(&["fail", "0a0a0a0a", "--why", "no"]).exits(5);
    assert!(late.err.contains("was confirmed by"), "{}", late.err);
}

#[test]
fn half_an_order_is_recorded_and_the_rest_waits() {
    let desk = Desk::ordered();
    desk.run(&["confirm", "0a0a0a0a", "--evidence", "number=17", "--evidence", "customer=ACME Tools"]).exits(0);
    let list = desk.run(&["list"]).exits(0).out;
    assert!(list.contains("0b0b0b0b") && !list.contains("0a0a0a0a"), "{list}");
    let state = desk.state();
    assert_eq!(state.intents.iter().map(|i| i.address.to_string()).collect::<Vec<_>>(), ["acme/user/alice"]);
    assert!(!state.rows.contains_key(&address("acme/user/alice")));
}

#[test]
fn what_calls_follow_is_confirmed_and_made_by_the_next_apply() {
    let desk = Desk::new();
    desk.give(vec![WorkItem { calls_follow: true, ..organization() }]);
    let told = desk.run(&["confirm", "0a0a0a0a", "--evidence", "number=17", "--evidence", "customer=ACME Tools"]).exits(0);
    assert!(told.err.contains("next `tenantry apply`"), "{}", told.err);
    let state = desk.state();
    assert!(state.rows.is_empty() && state.attestations.is_empty(), "it is not there yet");
    assert_eq!(state.intents.iter().map(|i| (&*i.id, i.unknown)).collect::<Vec<_>>(), [("intent-0a0a0a0a", false)]);
    let WorkState::Confirmed { evidence, .. } = desk.item("0a0a0a0a").state else { panic!("confirmed") };
    assert_eq!(evidence["number"], "17");
}

#[test]
fn what_could_not_be_done_waits_and_what_is_skipped_goes_back_to_the_plan() {
    let desk = Desk::ordered();
    desk.run(&["fail", "0a0a0a0a", "--why", "the domain is taken", "--by", "ann"]).exits(0);
    assert_eq!(desk.state().intents.len(), 2);
    let list = desk.run(&["list", "--state", "failed"]).exits(0).out;
    assert!(list.contains("the domain is taken (ann at "), "{list}");
    desk.run(&["skip", "0a0a0a0a", "--why", "they have left"]).exits(0);
    assert_eq!(desk.state().intents.len(), 1, "its intent is settled");
    let late = desk.run(&["fail", "0a0a0a0a", "--why", "too late"]).exits(5);
    assert!(late.err.contains("was skipped by"), "{}", late.err);
}

#[test]
fn a_deletion_that_was_done_leaves_a_tombstone() {
    let desk = Desk::confirmed();
    let mut gone = item("0c0c0c0c", "acme/user/alice", "alice@acme.example", json!({}), Vec::new());
    gone.action = IntentAction::Delete;
    gone.records[0].row = None;
    gone.records[0].fields = None;
    desk.give(vec![gone]);
    desk.run(&["confirm", "0c0c0c0c"]).exits(0);
    let state = desk.state();
    let alice = address("acme/user/alice");
    assert!(!state.rows.contains_key(&alice) && !state.attestations[&alice].present);
    assert_eq!(state.tombstones.iter().map(|t| &t.address).collect::<Vec<_>>(), [&alice]);
}

/// What an order prints for an item, with evidence put in, in a shell of its own.
fn pasted(folder: &std::path::Path, line: &str) -> Ran {
    let path = std::path::Path::new(program::PROGRAM).parent().unwrap();
    let path = format!("{}:{}", path.display(), std::env::var("PATH").unwrap());
    Ran::of(program::command("sh").args(["-c", line]).current_dir(folder).env("PATH", path).output().unwrap())
}

#[test]
fn the_command_lines_of_an_order_work_where_they_are_pasted() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in
        [("it's here/portals/main.yaml", PORTAL), ("it's here/portals/own/board.profile", PROFILE), ("all our customers/acme.yaml", ACME)]
    {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let places = ["-f", "all our customers", "--portals", "it's here/portals", "--state-dir", "kept"];
    let run = |args: &[&str]| program::run_with(folder.path(), &[args, &places].concat(), &[]);
    run(&["apply", "--auto-approve"]).exits(6);
    let json: serde_json::Value = serde_json::from_str(&run(&["runbook", "list", "-o", "json"]).exits(0).out).unwrap();
    let order = json["orders"][0]["order"].as_str().unwrap();
    let shown = run(&["runbook", "show", order]).exits(0).out;
    let lines: Vec<_> = shown.lines().filter_map(|l| l.trim().strip_prefix("$ ")).collect();
    assert!(lines[0].ends_with(r"-f 'all our customers' --portals 'it'\''s here/portals' --state-dir kept"), "{lines:#?}");
    assert!(pasted(folder.path(), &lines[0].replace('…', "ACME Tools")).exits(0).err.contains("Confirmed: "));
    assert!(pasted(folder.path(), &lines[4].replace('…', "the button is grey")).exits(0).err.contains("the button is grey"));
    assert!(pasted(folder.path(), &lines[5].replace('…', "they've left")).exits(0).err.contains("they've left"));
    // What a variable says holds for what is pasted, too.
    let shown = program::run_with(folder.path(), &[&["runbook", "show", order], &places[..4]].concat(), &[("TENANTRY_STATE_DIR", "kept")]);
    assert!(!shown.exits(0).out.contains("--state-dir"));
}

#[test]
fn a_password_of_the_ledger_is_in_no_order() {
    let shell = Desk::ordered().shell;
    let ran = program::run_with(shell.path(), &["runbook", "show", "0a0a0a0a", "--ledger", "postgres://ann:hunter2@127.0.0.1:1/x"], &[]);
    assert!(!ran.said().contains("hunter2"), "{}", ran.said());
}

#[test]
fn an_order_is_called_what_the_portal_is_called_whatever_is_wrong_beside_it() {
    let desk = Desk::ordered();
    desk.shell.write("customers/broken.yaml", "kind: [\n");
    assert!(desk.run(&["show", "board-1"]).exits(0).out.starts_with("Work order board-1: The Board\n"));
    std::fs::remove_dir_all(desk.shell.path().join("portals")).unwrap();
    let shown = desk.run(&["show", "board-1"]).exits(0);
    assert!(shown.out.starts_with("Work order board-1: portal board\n"), "{}", shown.out);
    assert!(shown.err.contains("What people call portal board is not known here"), "{}", shown.err);
}

#[test]
fn an_answer_makes_no_ledger_and_whoever_comes_second_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let ran = program::run_with(folder.path(), &["runbook", "confirm", "0a0a0a0a", "--state-dir", "elsewhere"], &[]).exits(1);
    assert!(ran.err.contains("there is no ledger at elsewhere/ledger.db"), "{}", ran.err);
    assert!(!folder.path().join("elsewhere").exists());
    let desk = Desk::confirmed();
    let again = desk.run(&["confirm", "0b0b0b0b", "--evidence", "customer=acme tools", "--by", "bob"]).exits(0).err;
    assert!(again.contains("Nothing was recorded: 0b0b0b0b") && again.contains("was confirmed already, by "), "{again}");
    assert!(!again.contains("by bob"), "{again}");
}
