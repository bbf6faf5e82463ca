//! What is.

use insta::assert_snapshot;
use tenantry::model::{
    Collection, Desired, Fields, Kind, LedgerRow, LedgerState, LiveObject, LiveTenant, Mark, ObjectState, Origin, Resource, Tenant, Value,
};
use tenantry::report::show::{self, TenantState};
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
    desired.tenants.insert(name("acme"), Tenant { resources: vec![alice] });
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
