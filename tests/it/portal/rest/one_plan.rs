//! One plan asks for each page of each list once, however many tenants it reads and whatever else it wants to know of the whole portal; and
//! the next plan asks anew.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::{Value as Json, json};
use tenantry::model::{Desired, PortalSpec};

use super::server::{Answer, Asked, Server, ok, status};
use super::writer;
use crate::portal::kit::resource;
use crate::support::bench::{Bench, changes};
use crate::support::declared::desired;

const API: &str = r#"
http: {paging: {style: page, parameter: page, sizeParameter: size, size: 100}}
kinds:
  Organization:
    read: listed
    create: call
    keyScope: portal
    fields: {displayName: full, "*": unsupported}
    http:
      lists: {all: {within: portal, path: /orgs}}
      item: {id: item.id, key: item.id, fields: {displayName: item.name}}
      create: [{path: /orgs, body: {id: "${name}", name: "${self.displayName}"}, id: response.body.id}]
  Domain:
    read: listed
    create: call
    keyScope: portal
    fields: {domain: immutable, "*": unsupported}
    http:
      lists: {all: {within: portal, path: /domains, tenant: item.org}}
      item: {id: item.id, key: item.id, fields: {domain: item.id}}
      create: [{path: /domains, body: {id: "${self.domain}", org: "${tenant.id}"}, id: response.body.id}]
  Role:
    read: listed
    create: call
    fields: {description: full, "*": unsupported}
    http:
      lists: {all: {within: tenant, path: "/orgs/${tenant.id}/roles"}}
      item: {id: item.id, key: item.id, fields: {description: item.about}}
      create: [{path: "/orgs/${tenant.id}/roles", body: {id: "${name}", about: "${self.description}"}, id: response.body.id}]
"#;

/// More than are read together.
const TENANTS: usize = 300;

#[derive(Default)]
struct World {
    organizations: BTreeSet<String>,
    domains: BTreeSet<(String, String)>,
}

fn page(asked: &Asked, items: Vec<Json>) -> Answer {
    let page = asked.line.split_once("page=").and_then(|(_, n)| n.split('&').next()?.parse::<usize>().ok()).unwrap_or(1);
    ok(items.into_iter().skip((page - 1) * 100).take(100).collect())
}

fn answer(world: &Mutex<World>, asked: &Asked) -> Answer {
    let mut world = world.lock().unwrap();
    let text = |name: &str| asked.json()[name].as_str().unwrap_or_default().to_owned();
    let (method, path) = asked.line.split('?').next().unwrap().split_once(' ').unwrap();
    match (method, path) {
        ("GET", "/orgs") => page(asked, world.organizations.iter().map(|id| json!({"id": id, "name": id})).collect()),
        ("GET", "/domains") => page(asked, world.domains.iter().map(|(id, org)| json!({"id": id, "org": org})).collect()),
        ("GET", path) if path.ends_with("/roles") => page(asked, Vec::new()),
        ("POST", "/orgs") => {
            world.organizations.insert(text("id"));
            ok(json!({"id": text("id")}))
        }
        ("POST", "/domains") => {
            world.domains.insert((text("id"), text("org")));
            ok(json!({"id": text("id")}))
        }
        _ => status(404, json!({})),
    }
}

fn names() -> Vec<String> {
    (0..TENANTS).map(|n| format!("c{n:03}")).collect()
}

fn declared() -> Desired {
    desired(names().into_iter().flat_map(|name| {
        let domain = json!({"domain": format!("{name}.example")});
        [resource(&format!("{name}/organization/{name}"), json!({"displayName": name})), resource(&format!("{name}/domain/main"), domain)]
    }))
}

fn bench(server: &Server) -> Bench {
    let mut bench = Bench::new();
    bench.portals.push((PortalSpec::embedded(), writer(&server.url, API)));
    bench
}

#[tokio::test]
async fn a_plan_asks_for_each_page_once_however_many_tenants_there_are() {
    let world = Mutex::new(World { organizations: names().into_iter().collect(), ..World::default() });
    let server = Server::start(move |asked| answer(&world, asked)).await;
    let planned = bench(&server).plan(&declared()).await;
    assert_eq!(planned.plan.body.units.len(), TENANTS, "{:?}", planned.unreachable);
    let (roles, lists): (Vec<_>, Vec<_>) = server.lines().into_iter().partition(|line| line.contains("/roles"));
    // An empty page says that there is no more. Who holds the domains is asked of the same list.
    let pages = [
        "GET /domains?size=100&page=1",
        "GET /orgs?size=100&page=1",
        "GET /orgs?size=100&page=2",
        "GET /orgs?size=100&page=3",
        "GET /orgs?size=100&page=4",
    ];
    assert_eq!(lists, pages, "and nothing else");
    assert_eq!(roles.len(), TENANTS, "one for each tenant");
}

#[tokio::test]
async fn what_an_apply_made_is_seen_by_the_plan_after_it() {
    let world = Mutex::new(World::default());
    let server = Server::start(move |asked| answer(&world, asked)).await;
    let bench = bench(&server);
    let declared = desired([
        resource("acme/organization/acme", json!({"displayName": "acme"})),
        resource("acme/domain/main", json!({"domain": "acme.example"})),
    ]);
    let applied = bench.apply(&declared).await;
    assert_eq!(applied.outcomes(), ["acme/domain/main done", "acme/organization/acme done"]);
    assert!(applied.report.final_plan_empty, "the second plan looked again: {:?}", applied.report.remaining);
    let lists = |lines: Vec<String>| lines.into_iter().filter(|l| l.starts_with("GET /orgs?") || l.starts_with("GET /domains?")).count();
    assert_eq!(lists(server.lines()), 6, "an empty page of two lists before, and the pages before and at their ends after");
    assert_eq!(changes(&bench.plan(&declared).await.plan.body), Vec::<String>::new());
    assert_eq!(lists(server.lines()), 4, "and each plan looks for itself");
}
