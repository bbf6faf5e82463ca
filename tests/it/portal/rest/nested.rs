//! What stands in the items of organizations, and what has no name but the one that people see.

use serde_json::{Value as Json, json};
use tenantry::model::{Completeness, Kind};
use tenantry::portal::{TenantKey, titled};

use super::server::{Server, ok};
use super::{compiled, reader};
use crate::portals::kit::{desired, side};

const API: &str = r#"
http: {inside: {header: X-Acting-In}}
kinds:
  Organization:
    read: listed
    http:
      lists: {customers: {within: portal, path: /customers, items: response.body.data}}
      item: {id: item.id, fields: {displayName: item.title}}
  Integration:
    read: listed
    create: call
    fields: {type: full, displayName: full, "*": unsupported}
    http:
      lists: {held: {within: organizations, items: item.integrations, where: item.shared == false}}
      item: {id: item.id, fields: {type: item.type, displayName: item.title}}
      create:
        - {path: /link, idempotent: true, take: {url: response.body.url}}
        - ask: {title: Run it, source: d, steps: [{look: It is not there yet}, {visit: "${steps.url}"}]}
        - {path: /integrations, body: {type: "${self.type}", title: "${self.displayName}"}, id: response.body.id}
"#;

const DECLARED: &str = "kind: Organization
metadata: {name: acme}
spec: {displayName: ACME Tools, integrations: [{name: cloud, type: aws, displayName: Production}, {name: production, type: gcp, displayName: Other}]}
---
kind: Organization
metadata: {name: beta}
spec: {displayName: Beta}
";

fn customers() -> Json {
    let held = json!([
        {"id": "i1", "type": "aws", "title": "Production", "shared": false},
        {"id": "i2", "type": "slack", "title": "Team", "shared": true},
        {"id": "i3", "type": "aws", "title": "Cloud", "shared": false},
    ]);
    let other = json!([{"id": "i4", "type": "aws", "title": "Cloud"}]);
    json!({"data": [
        {"id": "c1", "title": "ACME Tools", "integrations": held},
        {"id": "c2", "title": "Beta", "integrations": other},
        {"id": "c3", "title": "acme", "integrations": []},
    ]})
}

fn key(name: &str) -> TenantKey {
    TenantKey { name: tenantry::model::Name::new(name).unwrap_or_else(|_| tenantry::model::Name::msp()), id: None }
}

#[tokio::test]
async fn one_request_tells_of_tenants_and_of_what_they_hold_and_of_the_msp_nothing() {
    let server = Server::start(|_| ok(customers())).await;
    let portal = reader(&server.url, API);
    let declared = desired("wiv", side("", DECLARED));
    let tenant = |name: &str| declared.tenants.iter().find(|(n, _)| n.as_str() == name).map(|(_, t)| t);
    let msp = TenantKey { name: tenantry::model::Name::msp(), id: None };
    let live = titled::read(&*portal, &[(key("acme"), tenant("acme")), (key("beta"), tenant("beta")), (msp, None)]).await.unwrap();
    assert_eq!(server.asked().len(), 1);

    let acme = &live[0].collections;
    let organizations: Vec<_> = acme[&Kind::Organization].objects.iter().map(|o| (&*o.id, &*o.key)).collect();
    assert_eq!(organizations, [("c1", "acme")], "it goes by its title, and not the customer whose title is its name");
    let shown: Vec<_> = acme[&Kind::Integration].objects.iter().map(|o| (&*o.id, &*o.key)).collect();
    assert_eq!(shown, [("i1", "cloud"), ("i3", "shown-as-cloud")], "what is shared is another's; what shows another's name is not it");
    assert_eq!(acme[&Kind::Integration].completeness, Completeness::Complete);

    let Completeness::Incomplete { why } = &live[1].collections[&Kind::Integration].completeness else { panic!("{:?}", live[1]) };
    assert!(why.starts_with("the list `held` in the item of an organization: `where` has no value for an item"), "{why}");
    assert_eq!(live[2].collections[&Kind::Integration].completeness, Completeness::Unreadable);

    let listed = titled::tenants(&*portal, &declared.tenants).await.unwrap();
    let names: Vec<_> = listed.iter().map(|t| (t.id.as_deref().unwrap_or("-"), t.name.as_str())).collect();
    assert_eq!(names, [("-", "msp"), ("c1", "acme"), ("c2", "beta"), ("c3", "shown-as-acme")]);
}

#[test]
fn a_creation_looks_first_where_a_person_is_asked_before_whatever_may_not_be_made_twice() {
    let looks_first = |text: &str| compiled(text).capabilities().kinds[&Kind::Integration].looks_first;
    assert!(looks_first(API));
    assert!(!looks_first(&API.replace("idempotent: true, ", "")), "the first call makes something");
    assert!(!looks_first(&API.replace("{look: It is not there yet}, ", "")), "nobody looks");
    assert!(!looks_first(&API.replace("ask: {title", "when: self.type == 'aws'\n          ask: {title")), "not always");
}
