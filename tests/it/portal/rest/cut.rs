//! Lists that a server cuts short: what is not in them is unknown and never absent. Nobody is made a second time, and nothing that could not be
//! read is taken to be empty.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};
use tenantry::model::{Desired, FieldId, Kind, PortalSpec};

use super::super::kit::tenant_key;
use super::read::why;
use super::server::{Answer, Asked, Server, ok, status};
use super::{reader, writer};
use crate::portal::kit::resource;
use crate::support::bench::{Bench, changes};
use crate::support::declared::desired;

const API: &str = r#"
http: {paging: {style: page, parameter: page, sizeParameter: per_page, size: 100}}
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
  Role: {read: unreadable, builtin: [r1, r2]}
  User:
    read: listed
    create: call
    update: call
    fields: {email: immutable, firstName: full, roles: full, "*": unsupported}
    http:
      lists:
        people: {within: tenant, path: "/orgs/${tenant.id}/people"}
        grants: {within: portal, path: /grants, join: item.who, paging: {style: none}}
      item:
        id: item.id
        key: item.id
        fields: {email: item.id, firstName: item.first, roles: "joined.grants.map(g, g.role)"}
      create:
        - {path: "/orgs/${tenant.id}/people", body: {id: "${self.email}", first: "${self.firstName}"}, id: response.body.id}
        - {each: {added: roles}, method: PUT, path: "/people/${id}/grants/${item}", idempotent: true}
      update:
        - {method: PATCH, path: "/people/${id}", when: '"firstName" in changed', body: {first: "${self.firstName}"}, idempotent: true}
        - {each: {removed: roles}, method: DELETE, path: "/people/${id}/grants/${item}", idempotent: true}
        - {each: {added: roles}, method: PUT, path: "/people/${id}/grants/${item}", idempotent: true}
"#;

/// What the server has, and how it lists it.
#[derive(Default)]
struct World {
    organizations: Vec<String>,
    people: BTreeMap<String, String>,
    grants: Vec<(String, String)>,
    /// Most items of a page, whatever is asked for.
    cap: Option<usize>,
    /// Pages after the first are empty.
    only_one_page: bool,
    /// The list of grants cannot be read.
    without_grants: bool,
}

fn answer(world: &Mutex<World>, asked: &Asked) -> Answer {
    let mut world = world.lock().unwrap();
    let line = asked.line.replace("%40", "@");
    let (path, query) = line.split_once('?').unwrap_or((&line, ""));
    let number = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse::<usize>().ok());
    let text = |name: &str| asked.json()[name].as_str().unwrap_or_default().to_owned();
    match path.split(['/', ' ']).collect::<Vec<_>>().as_slice() {
        ["GET", "", "orgs"] if number("page") == Some(1) => {
            ok(world.organizations.iter().map(|id| json!({"id": id, "name": id})).collect())
        }
        ["GET", "", "orgs"] => ok(json!([])),
        ["POST", "", "orgs"] => {
            world.organizations.push(text("id"));
            ok(json!({"id": text("id")}))
        }
        ["GET", "", "orgs", "acme", "people"] => {
            let size = number("per_page").unwrap().min(world.cap.unwrap_or(usize::MAX));
            let page = number("page").unwrap() - 1;
            let people = world.people.iter().filter(|_| page == 0 || !world.only_one_page).skip(page * size).take(size);
            ok(people.map(|(id, first)| json!({"id": id, "first": first})).collect())
        }
        ["GET", "", "grants"] if world.without_grants => status(403, json!({})),
        ["GET", "", "grants"] => ok(world.grants.iter().map(|(who, role)| json!({"who": who, "role": role})).collect()),
        ["POST", "", "orgs", "acme", "people"] => {
            world.people.insert(text("id"), text("first"));
            ok(json!({"id": text("id")}))
        }
        ["PATCH", "", "people", id] => {
            world.people.insert((*id).to_owned(), text("first"));
            ok(json!({}))
        }
        ["PUT", "", "people", id, "grants", role] => {
            world.grants.push(((*id).to_owned(), (*role).to_owned()));
            ok(json!({}))
        }
        _ => status(500, json!({"message": asked.line})),
    }
}

struct Stage {
    world: Arc<Mutex<World>>,
    server: Server,
    bench: Bench,
}

impl Stage {
    async fn new() -> Self {
        let world = Arc::new(Mutex::new(World::default()));
        let seen = Arc::clone(&world);
        let server = Server::start(move |asked| answer(&seen, asked)).await;
        let mut bench = Bench::new();
        bench.portals.push((PortalSpec::embedded(), writer(&server.url, API)));
        Self { world, server, bench }
    }

    fn is(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.lock().unwrap());
    }

    /// What a plan would do, or what refuses it.
    async fn plan(&self, desired: &Desired) -> Vec<String> {
        let body = self.bench.judged(desired).await.body;
        let refused = body.refused().map(|hold| format!("{}: {}", hold.refusal.code, hold.refusal.message));
        let refused: Vec<_> = refused.collect();
        if refused.is_empty() { changes(&body) } else { refused }
    }

    fn writes(&self) -> Vec<String> {
        self.server.lines().into_iter().filter(|line| !line.starts_with("GET ")).map(|line| line.replace("%40", "@")).collect()
    }
}

fn person(name: &str, first: &str, roles: &[&str]) -> tenantry::model::Resource {
    let roles: Vec<Json> = roles.iter().map(|role| json!(role)).collect();
    resource(&format!("acme/user/{name}"), json!({"email": format!("{name}@acme.example"), "firstName": first, "roles": roles}))
}

fn people(count: usize) -> Desired {
    let organization = resource("acme/organization/acme", json!({"displayName": "acme"}));
    desired(std::iter::once(organization).chain((0..count).map(|n| person(&format!("p{n:02}"), "P", &[]))))
}

#[tokio::test]
async fn a_server_that_gives_fewer_than_are_asked_for_has_nobody_made_twice() {
    let stage = Stage::new().await;
    let sixty = people(60);
    assert!(stage.bench.apply(&sixty).await.report.final_plan_empty);
    assert_eq!(stage.writes().len(), 61);
    stage.is(|world| world.cap = Some(50));
    assert_eq!(stage.plan(&sixty).await, [""; 0], "the second page has the other ten");
    stage.bench.apply(&sixty).await;
    assert_eq!(stage.writes(), [""; 0], "nobody is made again");
}

#[tokio::test]
async fn many_who_are_no_longer_listed_are_not_made_again_without_a_person() {
    let stage = Stage::new().await;
    let sixty = people(60);
    stage.bench.apply(&sixty).await;
    stage.writes();
    // Nothing that the server says tells this from ten people who were deleted.
    stage.is(|world| (world.cap, world.only_one_page) = (Some(50), true));
    let refused = stage.plan(&sixty).await;
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert!(
        refused[0].starts_with("G025: 10 of 60 users of acme that are ours are no longer in the portal, 17 %: that is more than 5"),
        "{refused:?}"
    );
    stage.bench.apply(&sixty).await;
    assert_eq!(stage.writes(), [""; 0], "nobody is made again");
    // A few who are gone are drift, as ever.
    stage.is(|world| world.cap = Some(57));
    assert_eq!(stage.plan(&sixty).await, ["acme/user/p57 create", "acme/user/p58 create", "acme/user/p59 create"]);
}

fn ann(first: &str, roles: &[&str]) -> Desired {
    desired([resource("acme/organization/acme", json!({"displayName": "acme"})), person("ann", first, roles)])
}

#[tokio::test]
async fn what_a_list_that_cannot_be_read_tells_is_unknown_and_not_empty() {
    let stage = Stage::new().await;
    let applied = stage.bench.apply(&ann("Ann", &["r1"])).await;
    assert!(applied.report.final_plan_empty, "{:?} {:?}", applied.outcomes(), applied.report.remaining);
    stage.writes();
    stage.is(|world| world.without_grants = true);
    let live = reader(&stage.server.url, API).read(&[tenant_key("acme")]).await.unwrap().remove(0);
    let shown = &live.objects(Kind::User)[0];
    let field = |path: &str| -> FieldId { Kind::User.def().field_named(path).unwrap().0 };
    let unknown: Vec<_> = ["email", "firstName", "roles"].into_iter().filter(|path| live.is_unknown(shown, field(path))).collect();
    assert_eq!((unknown, shown.fields.get(field("roles"))), (vec!["roles"], None));
    assert!(why(&live.collections[&Kind::User]).contains("`grants`"));

    assert_eq!(stage.plan(&ann("Ann", &["r1"])).await, [""; 0], "it is taken to be as it was applied");
    stage.bench.apply(&ann("Ann", &["r1"])).await;
    assert_eq!(stage.writes(), [""; 0]);
    assert_eq!(stage.plan(&ann("Anna", &["r1"])).await, ["acme/user/ann update"], "what is known can be changed");
    stage.bench.apply(&ann("Anna", &["r1"])).await;
    assert_eq!(stage.writes(), ["PATCH /people/ann@acme.example"], "and nothing else");
    let refused = stage.plan(&ann("Anna", &["r1", "r2"])).await;
    assert!(refused[0].starts_with("G011: what acme/user/ann has in `roles` is not known: the list `grants`"), "{refused:?}");
    stage.bench.apply(&ann("Anna", &["r1", "r2"])).await;
    assert_eq!(stage.writes(), [""; 0]);

    stage.is(|world| world.without_grants = false);
    stage.bench.apply(&ann("Anna", &["r1", "r2"])).await;
    assert_eq!(stage.writes(), ["PUT /people/ann@acme.example/grants/r2"], "once it is read, the difference is made and no more");
}
