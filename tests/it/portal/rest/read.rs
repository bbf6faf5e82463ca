//! Reading: by collection, paged to the end, and never more certain than the portal was.

use serde_json::{Value as Json, json};
use tenantry::model::live::KeyHolder;
use tenantry::model::{Collection, Completeness, Kind, LiveTenant, ObjectState};
use tenantry::portal::{PortalError, TenantKey};

use super::super::kit::{fields, tenant_key};
use super::reader;
use super::server::{Answer, Asked, Server, ok, status};

pub(super) const API: &str = r#"
http:
  base: /v1
  inside: {header: X-Acting-In}
  paging: {style: cursor, parameter: after, next: response.body.next, sizeParameter: size, size: 2}
observed:
  - {id: MADE-1, source: d, name: people, title: People}
kinds:
  Organization:
    read: listed
    keyScope: portal
    http:
      lists: {customers: {within: portal, path: /customers, items: response.body.data}}
      item:
        id: item.id
        key: item.name
        fields: {displayName: item.name, contact.phone: item.phone}
        observed: {people: item.people}
  User:
    read: listed
    http:
      lists:
        members: {within: tenant, path: "/customers/${tenant.id}/members", items: response.body.data}
        invitations: {within: tenant, path: /invitations, items: response.body.data, where: item.open, absentIsEmpty: true}
        grants: {within: portal, path: /grants, items: response.body.data, join: item.member}
      item:
        id: item.id
        key: item.mail
        fields: {email: item.mail, roles: "joined.grants.map(g, g.role)", suspended: item.locked}
        state: 'list == "invitations" ? "invited" : "active"'
        portalsOwn: has(item.robot)
  Domain:
    read: listed
    keyScope: portal
    portalsOwn: item.domain.endsWith(".portal.example")
    http:
      lists: {all: {within: portal, path: /domains, items: response.body.data, tenant: item.customer}}
      item: {id: item.id, key: item.name, fields: {domain: item.name}}
"#;

/// A page: the items, and where the next begins.
pub(super) fn page(items: Json, next: Json) -> Answer {
    ok(json!({"data": items, "next": next}))
}

pub(super) fn good(asked: &Asked) -> Answer {
    match asked.line.as_str() {
        "GET /v1/customers?size=2" => {
            let items = json!([{"id": "c1", "name": "Acme", "phone": "1", "people": 7}, {"id": "c2", "name": "Beta", "phone": null}]);
            page(items, json!("c2"))
        }
        "GET /v1/customers?size=2&after=c2" => page(json!([{"id": "c3", "name": "Gamma"}]), Json::Null),
        "GET /v1/customers/c1/members?size=2" => {
            page(json!([{"id": "m1", "mail": "A@Acme.example"}, {"id": "m2", "mail": "robot@acme.example", "robot": true}]), Json::Null)
        }
        "GET /v1/invitations?size=2" if asked.header("x-acting-in") == Some("c1") => page(
            json!([{"id": "i1", "mail": "new@acme.example", "open": true}, {"id": "i2", "mail": "x@y.example", "open": false}]),
            json!(""),
        ),
        "GET /v1/invitations?size=2" => status(404, json!({})),
        "GET /v1/grants?size=2" => page(json!([{"member": "m1", "role": "r2"}, {"member": "m1", "role": "r1"}]), Json::Null),
        "GET /v1/domains?size=2" => page(
            json!([{"id": 5, "name": "acme.example", "customer": "c1"}, {"id": 6, "name": "acme.portal.example", "customer": "c1"}]),
            Json::Null,
        ),
        line if line.contains("/members") => page(json!([]), Json::Null),
        _ => status(500, json!({"message": asked.line})),
    }
}

fn shown(live: &LiveTenant, kind: Kind) -> Vec<(String, String, ObjectState)> {
    live.objects(kind).iter().map(|o| (o.id.to_string(), o.key.to_string(), o.state)).collect()
}

pub(super) fn why(collection: &Collection) -> &str {
    match &collection.completeness {
        Completeness::Incomplete { why } => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn tenants_are_read_by_one_request_for_each_page_of_each_list() {
    let server = Server::start(good).await;
    let portal = reader(&server.url, API);
    let live = portal.read(&[tenant_key("acme"), tenant_key("beta"), tenant_key("nobody")]).await.unwrap();
    assert_eq!(
        server.lines(),
        [
            "GET /v1/customers/c1/members?size=2",
            "GET /v1/customers/c2/members?size=2",
            "GET /v1/customers?size=2",
            "GET /v1/customers?size=2&after=c2",
            "GET /v1/domains?size=2",
            "GET /v1/grants?size=2",
            "GET /v1/invitations?size=2",
            "GET /v1/invitations?size=2",
        ],
        "and nothing else"
    );
    let acme = &live[0];
    assert_eq!(shown(acme, Kind::Organization), [("c1".to_owned(), "acme".to_owned(), ObjectState::Active)]);
    let organization = &acme.objects(Kind::Organization)[0];
    assert_eq!(organization.fields, fields(Kind::Organization, json!({"displayName": "Acme", "contact": {"phone": "1"}})));
    assert_eq!(acme.observed["people"].value, "7");
    assert_eq!(
        shown(acme, Kind::User),
        [
            ("i1".to_owned(), "new@acme.example".to_owned(), ObjectState::Invited),
            ("m1".to_owned(), "a@acme.example".to_owned(), ObjectState::Active),
            ("m2".to_owned(), "robot@acme.example".to_owned(), ObjectState::Active),
        ]
    );
    let users = acme.objects(Kind::User);
    assert_eq!(users[1].fields, fields(Kind::User, json!({"email": "a@acme.example", "roles": ["r1", "r2"]})));
    assert_eq!(users.iter().map(|u| u.portals_own).collect::<Vec<_>>(), [false, false, true]);
    let own: Vec<_> = acme.objects(Kind::Domain).iter().map(|d| (&*d.id, &*d.key, d.portals_own)).collect();
    assert_eq!(own, [("5", "acme.example", false), ("6", "acme.portal.example", true)]);
    let beta = &live[1];
    assert_eq!(beta.objects(Kind::Organization)[0].fields, fields(Kind::Organization, json!({"displayName": "Beta"})));
    assert!(
        beta.is_complete(Kind::User) && beta.objects(Kind::User).is_empty(),
        "its invitations are not there, which the profile calls empty"
    );
    let nobody = &live[2];
    assert!([Kind::Organization, Kind::User, Kind::Domain].iter().all(|k| nobody.is_complete(*k) && nobody.objects(*k).is_empty()));
}

#[tokio::test]
async fn a_tenant_is_found_by_its_id_under_another_name() {
    let server = Server::start(good).await;
    let portal = reader(&server.url, API);
    let live = portal.read(&[TenantKey { id: Some("c1".into()), ..tenant_key("acme-once") }]).await.unwrap();
    assert_eq!(shown(&live[0], Kind::Organization), [("c1".to_owned(), "acme".to_owned(), ObjectState::Active)]);
}

#[tokio::test]
async fn what_is_not_as_the_profile_says_is_incomplete_and_says_why() {
    async fn check(path: &'static str, answer: Answer, kind: Kind, expected: &str) {
        let server = Server::start(move |asked| if asked.line.starts_with(path) { answer.clone() } else { good(asked) }).await;
        let live = reader(&server.url, API).read(&[tenant_key("acme")]).await.unwrap();
        let why = why(&live[0].collections[&kind]);
        assert!(why.contains(expected), "{path}: {why}");
    }
    let members = "GET /v1/customers/c1/members";
    check(members, ok(json!({"members": []})), Kind::User, "there is nothing where `items` looks").await;
    check(members, ok(json!({"data": {"m1": {}}})), Kind::User, "`items` is no list").await;
    check(members, status(403, json!({"message": "not you"})), Kind::User, "403: not you").await;
    check(members, status(404, json!({})), Kind::User, "404").await;
    check(members, page(json!([{"mail": "a@b.example"}]), Json::Null), Kind::User, "an item of the list `members` has no id").await;
    check(members, page(json!([{"id": "m1"}]), Json::Null), Kind::User, "the item with id m1 has no natural key").await;
    let twice = json!([{"id": "m1", "mail": "a@b.example"}, {"id": "m1", "mail": "c@d.example"}]);
    check(members, page(twice, Json::Null), Kind::User, "the portal shows the id m1 twice among its users").await;
    let odd = json!([{"id": "m1", "mail": "a@b.example", "locked": "yes"}]);
    check(members, page(odd, Json::Null), Kind::User, "the item with id m1 has something else in `suspended` than true or false").await;
    check(members, page(json!([{"id": "m1", "mail": "a@b.example"}]), json!("again")), Kind::User, "the same page again").await;
    check("GET /v1/grants", status(500, json!({})), Kind::User, "the list `grants`").await;
    check("GET /v1/domains", page(json!([{"id": "d", "name": "x.example"}]), Json::Null), Kind::Domain, "does not say whose it is").await;
    // Where the organizations are not all known, nobody is absent.
    let half = page(json!([{"id": "c2", "name": "Beta"}, {"id": "c2", "name": "Beta"}]), Json::Null);
    check("GET /v1/customers?", half, Kind::Organization, "twice").await;
}

#[tokio::test]
async fn a_list_that_has_fewer_items_than_it_says_is_incomplete() {
    let api = API.replace("next: response.body.next,", "next: response.body.next, total: response.body.total,");
    let short = |asked: &Asked| match good(asked) {
        (200, headers, mut body) if asked.line.contains("/domains") => {
            body["total"] = json!(3);
            (200, headers, body)
        }
        other => other,
    };
    let server = Server::start(short).await;
    let live = reader(&server.url, &api).read(&[tenant_key("acme")]).await.unwrap();
    assert!(why(&live[0].collections[&Kind::Domain]).contains("3 items and gave 2"), "{:?}", live[0].collections[&Kind::Domain]);
    assert!(live[0].is_complete(Kind::User), "and nothing else suffers");
}

#[tokio::test]
async fn a_portal_that_lets_nobody_in_is_an_error_and_no_empty_portal() {
    let server = Server::start(|_| status(401, json!({"error": "Authentication required"}))).await;
    let error = reader(&server.url, API).read(&[tenant_key("acme")]).await.unwrap_err();
    assert_eq!(error, PortalError::Denied("the portal answers with 401: Authentication required".to_owned()));
}

#[tokio::test]
async fn who_holds_a_key_is_said_where_the_whole_portal_is_listed() {
    let server = Server::start(good).await;
    let portal = reader(&server.url, API);
    let held = |tenant: &str, id: &str| KeyHolder::Held { tenant: Some(tenant.to_owned()), id: Some(id.to_owned()) };
    assert_eq!(portal.holders(Kind::Domain, &["Acme.example", "free.example"]).await.unwrap(), [held("acme", "5"), KeyHolder::Free]);
    assert_eq!(portal.holders(Kind::Organization, &["gamma"]).await.unwrap(), [held("gamma", "c3")]);
    assert!(matches!(&portal.holders(Kind::User, &["a@acme.example"]).await.unwrap()[..], [KeyHolder::Unknown { .. }]));
    let names: Vec<_> = portal.tenants().await.unwrap().into_iter().map(|t| t.name.to_string()).collect();
    assert_eq!(names, ["msp", "acme", "beta", "gamma"]);
}

#[tokio::test]
async fn items_of_one_group_are_one_object_of_the_msp() {
    let api = r#"
http: {}
kinds:
  Organization:
    read: listed
    http: {lists: {all: {within: portal, path: /orgs}}, item: {id: item.id, key: item.id}}
  Delegation:
    read: listed
    http:
      lists: {assignments: {within: portal, path: /assignments, group: 'item.user + "/" + item.role'}}
      item: {id: 'item.user + "/" + item.role', key: item.user, fields: {role: item.role, technicians: "[item.user]", customers: "rows.map(r, r.org)"}}
"#;
    let assignments = json!([{"user": "u1", "role": "read", "org": "o2"}, {"user": "u1", "role": "read", "org": "o1"}]);
    let server = Server::start(move |a| ok(if a.line == "GET /orgs" { json!([]) } else { assignments.clone() })).await;
    let live = reader(&server.url, api).read(&[tenant_key("msp")]).await.unwrap();
    let delegation = &live[0].objects(Kind::Delegation)[0];
    let expected = json!({"role": "read", "technicians": ["u1"], "customers": ["o1", "o2"]});
    assert_eq!((&*delegation.id, &delegation.fields), ("u1/read", &fields(Kind::Delegation, expected)));
    assert_eq!(live[0].objects(Kind::Delegation).len(), 1);
}
