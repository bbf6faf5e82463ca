//! What is.

use insta::assert_snapshot;
use tenantry::model::ledger::Attestation;
use tenantry::model::{
    Collection, Completeness, Desired, Fields, Kind, LedgerRow, LedgerState, LiveObject, LiveTenant, Mark, ObjectState, Origin, Resource,
    Tenant, Value,
};
use tenantry::report::show::{self, ByHand, TenantState};
use tenantry::report::{style::Style, text};

use super::world::*;

#[test]
fn a_saved_plan_is_shown_as_it_was() {
    let document = document(vec![acme()]);
    let shown = show::plan(&document, &WIDE);
    assert!(shown.starts_with("Saved plan, made 2026-03-01T12:00:00Z by tenantry 0.1.0\n"), "{shown}");
    assert!(shown.ends_with(&text::plan(&document, &WIDE)), "{shown}");
}

fn state() -> TenantState {
    let (email, _) = Kind::User.def().field_named("email").unwrap();
    let fields = |text: &str| {
        let mut fields = Fields::new();
        fields.set(email, Value::text(text));
        fields
    };
    let mut desired = Desired::default();
    let source = desired.sources.add("customers/acme.yaml");
    let alice = Resource {
        address: address("acme/user/alice"),
        fields: fields("alice@acme.example"),
        marks: Box::default(),
        source,
        mark: Mark { line: 14, column: 3 },
        meta: None,
    };
    desired.tenants.insert(name("acme"), Tenant { resources: vec![alice], ..Tenant::default() });
    let object = |id: &str, key: &str| LiveObject {
        kind: Kind::User,
        id: id.into(),
        key: key.into(),
        fields: fields(key),
        state: ObjectState::Invited,
        owner: None,
        created_by: None,
        portals_own: false,
    };
    let mut live = LiveTenant::default();
    // Alice's address was changed in the portal: the id in the ledger still finds her.
    live.collections.insert(Kind::User, Collection::complete(vec![object("7", "alice@new.example"), object("8", "guest@x.example")]));
    live.collections.insert(Kind::Group, Collection::incomplete("the listing broke off", Vec::new()));
    let mut ledger = LedgerState::default();
    for (at, id) in [("acme/user/alice", "7"), ("acme/user/old", "5")] {
        let row = LedgerRow {
            address: address(at),
            id: Some(id.into()),
            key: "key@acme.example".into(),
            owner: "us".into(),
            origin: if id == "7" { Origin::Created } else { Origin::Adopted },
            released: false,
            protected: id == "5",
            applied: Vec::new(),
            secrets: Vec::new(),
        };
        ledger.rows.insert(row.address.clone(), row);
    }
    TenantState::new(&name("embedded"), &name("acme"), Some(&desired), Some(&live), Some(&ledger))
}

#[test]
fn a_tenant_is_shown_from_all_sides() {
    assert_snapshot!(state().text(&WIDE), @r#"
acme (portal embedded)
  user/alice        alice@acme.example  declared at customers/acme.yaml:14  invited   ours, created             id 7
  user/old          key@acme.example    not declared                        not seen  ours, adopted, protected  id 5
  user (unmanaged)  guest@x.example     not declared                        invited   not ours                  id 8
  groups were not read to their end: the listing broke off
"#);
}

#[test]
fn verbose_shows_every_field_as_declared_and_as_live() {
    assert_snapshot!(state().text(&Style { verbose: true, ..WIDE }), @r#"
acme (portal embedded)
  user/alice  alice@acme.example  declared at customers/acme.yaml:14  invited  ours, created  id 7
      email: alice@acme.example (live: alice@new.example)
  user/old  key@acme.example  not declared  not seen  ours, adopted, protected  id 5
  user (unmanaged)  guest@x.example  not declared  invited  not ours  id 8
      email: guest@x.example (live only)
  groups were not read to their end: the listing broke off
"#);
}

#[test]
fn the_json_can_be_read_back() {
    let state = state();
    assert_eq!(serde_json::from_str::<TenantState>(&state.json()).unwrap(), state);
}

#[test]
fn an_unknown_tenant_has_nothing() {
    let state = TenantState::new(&name("embedded"), &name("nobody"), None, None, None);
    assert!(state.text(&WIDE).contains("nothing is declared, live or recorded"));
}

/// A tenant of a portal that no program reads: alice was recorded, bob is asked for, carol was seen not to be there, and dave is nobody's.
fn by_hand(now: &str) -> TenantState {
    let mut desired = Desired::default();
    let source = desired.sources.add("customers/acme.yaml");
    let user = |name: &str, line| {
        let mut fields = Fields::new();
        for (path, value) in [("email", format!("{name}@acme.example")), ("firstName", name.to_uppercase())] {
            fields.set(Kind::User.def().field_named(path).unwrap().0, Value::text(value));
        }
        let address = address(&format!("acme/user/{name}"));
        Resource { address, fields, marks: Box::default(), source, mark: Mark { line, column: 3 }, meta: None }
    };
    let resources = vec![user("alice", 14), user("bob", 17), user("carol", 20)];
    desired.tenants.insert(name("acme"), Tenant { resources, ..Tenant::default() });
    let mut live = LiveTenant::default();
    for kind in [Kind::Organization, Kind::User, Kind::Group] {
        let unreadable = Collection { completeness: Completeness::Unreadable, objects: Vec::new() };
        live.collections.insert(kind, unreadable);
    }
    let mut ledger = LedgerState::default();
    let attest = |at: &str, present: bool, fields: serde_json::Value| Attestation {
        address: address(at),
        present,
        fields,
        id: None,
        by: "sam".to_owned(),
        at: "2026-02-26T08:00:00Z".parse().unwrap(),
        until: "2026-03-28T08:00:00Z".parse().unwrap(),
    };
    let alice = serde_json::json!({"email": "alice@acme.example", "firstName": "Alicia"});
    for record in [
        attest("acme/user/alice", true, alice),
        attest("acme/user/carol", false, serde_json::json!({})),
        attest("acme/user/dave", true, serde_json::json!({"email": "dave@acme.example"})),
    ] {
        ledger.attestations.insert(record.address.clone(), record);
    }
    let row = LedgerRow {
        address: address("acme/user/alice"),
        id: None,
        key: "alice@acme.example".into(),
        owner: "us".into(),
        origin: Origin::Created,
        released: false,
        protected: false,
        applied: Vec::new(),
        secrets: Vec::new(),
    };
    ledger.rows.insert(row.address.clone(), row);
    let titles = [("licences".to_owned(), "Licences".to_owned())].into();
    let by_hand = ByHand::new(&ledger, Some(&live), &titles, 30, now.parse().unwrap());
    TenantState::new(&name("grid"), &name("acme"), Some(&desired), Some(&live), Some(&ledger)).with(by_hand)
}

#[test]
fn what_technicians_recorded_stands_beside_its_resource_and_what_nobody_can_read_is_said_once() {
    assert_snapshot!(by_hand("2026-03-01T12:00:00Z").text(&WIDE), @r"
    acme (portal grid)
      user/alice  alice@acme.example  declared at customers/acme.yaml:14  recorded by sam on 2026-02-26, believed until 2026-03-28               ours, created
      user/bob    bob@acme.example    declared at customers/acme.yaml:17  nobody recorded it yet                                                 not ours
      user/carol  carol@acme.example  declared at customers/acme.yaml:20  recorded as not there by sam on 2026-02-26, believed until 2026-03-28  not ours
      No program can read the organizations, groups, users of this portal: what technicians recorded of them is shown
      Nobody has looked yet: Licences; `tenantry runbook observe` records what the screens show
      Recorded by hand
        user/dave  recorded by sam on 2026-02-26, believed until 2026-03-28
    ");
    let verbose = by_hand("2026-03-01T12:00:00Z").text(&Style { verbose: true, ..WIDE });
    assert!(verbose.contains("\n      email: alice@acme.example\n      firstName: ALICE (recorded: Alicia)\n  user/bob"), "{verbose}");
}

#[test]
fn a_record_that_is_too_old_is_shown_as_no_longer_believed() {
    let shown = by_hand("2026-04-01T12:00:00Z").text(&WIDE);
    assert!(shown.contains("recorded by sam on 2026-02-26, no longer believed since 2026-03-28"), "{shown}");
}

#[test]
fn what_was_not_read_is_not_said_to_be_gone() {
    let mut ledger = LedgerState::default();
    let record = by_hand("2026-03-01T12:00:00Z").by_hand;
    let row = LedgerRow {
        address: address("acme/user/alice"),
        id: Some("7".into()),
        key: "alice@acme.example".into(),
        owner: "us".into(),
        origin: Origin::Created,
        released: false,
        protected: false,
        applied: Vec::new(),
        secrets: Vec::new(),
    };
    ledger.rows.insert(row.address.clone(), row);
    let unread = TenantState::new(&name("grid"), &name("acme"), None, None, Some(&ledger));
    assert!(unread.text(&WIDE).contains("not declared  not read  ours, created"), "{}", unread.text(&WIDE));
    // What was recorded of it is known all the same.
    let shown = unread.with(record).text(&WIDE);
    assert!(shown.contains("not declared  recorded by sam on 2026-02-26"), "{shown}");
}
