//! Who may enter which customer.

use insta::assert_snapshot;
use tenantry::model::{Collection, Desired, Fields, Kind, LiveObject, LiveTenant, ObjectState, Resource, SourceId, Tenant, Value};
use tenantry::report::access::{self, AccessReport};

use super::world::*;

fn resource(at: &str, fields: &[(&str, Value)]) -> Resource {
    let address = address(at);
    let mut all = Fields::new();
    for (path, value) in fields {
        all.set(address.kind.def().field_named(path).unwrap().0, value.clone());
    }
    Resource { address, fields: all, marks: Box::default(), source: SourceId(0), mark: Default::default(), meta: None }
}

fn desired(resources: Vec<Resource>) -> Desired {
    let mut desired = Desired::default();
    for resource in resources {
        desired.tenants.entry(resource.address.tenant.clone()).or_insert_with(Tenant::default).resources.push(resource);
    }
    desired.tenants.values_mut().for_each(|t| t.resources.sort_by(|a, b| a.address.cmp(&b.address)));
    desired
}

fn user(at: &str, email: &str, more: &[(&str, Value)]) -> Resource {
    let mut fields = vec![("email", Value::text(email))];
    fields.extend(more.iter().cloned());
    resource(at, &fields)
}

fn msp() -> Vec<Resource> {
    vec![
        user("msp/user/tim", "tim@msp.example", &[("groups", Value::texts(["night"]))]),
        user("msp/user/una", "una@msp.example", &[("groups", Value::texts(["night"])), ("suspended", Value::Bool(true))]),
        resource("msp/group/night", &[]),
        resource(
            "msp/delegation/support",
            &[
                ("technicians", Value::texts(["tim"])),
                ("groups", Value::texts(["night"])),
                ("role", Value::text("Administrator")),
                ("customers", Value::texts(["acme", "globex"])),
            ],
        ),
    ]
}

fn acme() -> Vec<Resource> {
    vec![
        resource("acme/organization/acme", &[("accessPermissions", Value::texts(["tickets"]))]),
        resource("acme/role/helpdesk", &[("inherited", Value::Bool(true))]),
        resource("acme/group/ops", &[("roles", Value::texts(["operator"]))]),
        user(
            "acme/user/alice",
            "alice@acme.example",
            &[("administrator", Value::Bool(true)), ("roles", Value::texts(["auditor"])), ("groups", Value::texts(["ops"]))],
        ),
        user("acme/user/bob", "bob@acme.example", &[("suspended", Value::Bool(true))]),
        user("acme/user/carl", "carl@acme.example", &[("invitation.deferUntil", Value::text("2026-06-01"))]),
    ]
}

#[test]
fn members_and_delegated_technicians_are_listed_with_their_grants() {
    let globex = vec![
        resource("globex/organization/globex", &[("offboard", Value::Bool(true))]),
        user("globex/user/gus", "gus@globex.example", &[]),
    ];
    let report = AccessReport::new(&desired([msp(), acme(), globex].concat()), &[]);
    assert_snapshot!(access::text(&report, &WIDE), @r#"
acme
  everybody may: tickets
  alice@acme.example  may enter  acme/user/alice         administrator, role auditor, group ops, role operator by group ops, role helpdesk (everybody)
  bob@acme.example    suspended  acme/user/bob           role helpdesk (everybody)
  carl@acme.example   deferred   acme/user/carl          role helpdesk (everybody)
  tim@msp.example     may enter  msp/delegation/support  role Administrator
  tim@msp.example     may enter  msp/delegation/support  role Administrator, by group night
  una@msp.example     suspended  msp/delegation/support  role Administrator, by group night

globex (offboarded)
  gus@globex.example  offboarded  globex/user/gus
  tim@msp.example     may enter   msp/delegation/support  role Administrator
  tim@msp.example     may enter   msp/delegation/support  role Administrator, by group night
  una@msp.example     suspended   msp/delegation/support  role Administrator, by group night

msp
  tim@msp.example  may enter  msp/user/tim  group night
  una@msp.example  suspended  msp/user/una  group night

people: 6, ways in: 12, tenants: 3
"#);
}

fn live(key: &str, state: ObjectState) -> LiveObject {
    LiveObject {
        kind: Kind::User,
        id: format!("id-{key}").into(),
        key: key.into(),
        fields: Fields::new(),
        state,
        owner: None,
        created_by: None,
        portals_own: false,
    }
}

#[test]
fn what_a_portal_showed_stands_beside_what_is_declared() {
    let mut seen = LiveTenant::default();
    let (roles, _) = Kind::User.def().field_named("roles").unwrap();
    let mut stranger = live("mallory@evil.example", ObjectState::Active);
    stranger.fields.set(roles, Value::texts(["id-7"]));
    let role = LiveObject { kind: Kind::Role, id: "id-7".into(), key: "operator".into(), ..live("x", ObjectState::Active) };
    let users = vec![live("alice@acme.example", ObjectState::Invited), stranger];
    seen.collections.insert(Kind::User, Collection::complete(users.clone()));
    seen.collections.insert(Kind::Role, Collection::complete(vec![role]));
    let report = AccessReport::new(&desired(acme()), &[(&name("embedded"), &name("acme"), &seen)]);
    assert_snapshot!(access::text(&report, &WIDE), @r#"
acme
  everybody may: tickets
  alice@acme.example    may enter     acme/user/alice  embedded: invited  administrator, role auditor, group ops, role operator by group ops, role helpdesk (everybody)
  bob@acme.example      suspended     acme/user/bob    embedded: absent   role helpdesk (everybody)
  carl@acme.example     deferred      acme/user/carl   embedded: absent   role helpdesk (everybody)
  mallory@evil.example  NOT DECLARED  user             embedded: active   role operator

people: 4, ways in: 4, tenants: 1
"#);

    seen.collections.insert(Kind::User, Collection::incomplete("cut short", users));
    let report = AccessReport::new(&desired(acme()), &[(&name("embedded"), &name("acme"), &seen)]);
    let page = access::text(&report, &WIDE);
    assert!(page.contains("embedded: not known") && !page.contains("absent"), "{page}");
}

#[test]
fn the_json_can_be_read_back() {
    let report = AccessReport::new(&desired([msp(), acme()].concat()), &[]);
    let back: AccessReport = serde_json::from_str(&access::json(&report)).unwrap();
    assert_eq!(back, report);
}
