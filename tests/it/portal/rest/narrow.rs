//! Lists of the whole portal that are read of a few tenants alone: the same comes out, of far fewer requests, and absence is proven by the whole
//! list alone.

use std::sync::Mutex;

use serde_json::{Value as Json, json};
use tenantry::model::{Collection, Completeness, Kind, LiveTenant, Name};
use tenantry::portal::{Observe, TenantKey};

use super::reader;
use super::server::{Answer, Asked, Server, ok, status};

const API: &str = r#"
http:
  msp: home
  paging: {style: cursor, parameter: after, next: response.body.next, total: response.body.total}
kinds:
  Organization:
    read: listed
    keyScope: portal
    http:
      lists:
        all:
          within: portal
          path: /orgs
          items: response.body.data
          ofTenant: {path: "/orgs/${tenant.id}", items: "[response.body]", paging: {style: none}}
      item: {id: item.id, key: item.name, fields: {displayName: item.name}}
  Domain:
    read: listed
    keyScope: portal
    http:
      lists:
        stem: {within: organizations, items: "has(item.stem) ? [item.stem] : []"}
      item: {id: item, key: item, fields: {domain: item}}
  User:
    read: listed
    http:
      lists:
        members:
          within: portal
          path: /users
          items: response.body.data
          tenant: item.org
          ofTenant: {query: {org: "${tenant.id}"}}
        grants:
          within: portal
          path: /grants
          query: {all: "1"}
          items: response.body.data
          join: item.user
          ofTenant: {path: "/orgs/${tenant.id}/grants", query: {}}
      item: {id: item.id, key: item.mail, fields: {email: item.mail, roles: "joined.grants.map(g, g.role)"}}
  Role:
    read: listed
    http:
      lists:
        all:
          within: portal
          path: /roles
          items: response.body.data
          tenant: item.org
          absentIsEmpty: true
          ofTenant: {path: "/orgs/${tenant.id}/roles"}
      item: {id: item.id, key: item.id}
  Group:
    read: listed
    http: {lists: {all: {within: portal, path: /groups, items: response.body.data, tenant: item.org}}, item: {id: item.id, key: item.id}}
  Delegation:
    read: listed
    http: {lists: {all: {within: portal, path: /delegations, items: response.body.data}}, item: {id: item.id, key: item.id}}
"#;

/// Customers `c0`, `c1`, …, each with two users and what they have; users come one on a page.
#[derive(Default)]
struct World {
    organizations: Vec<(String, String)>,
    users: Vec<(String, String)>,
    /// Paths that are answered so, whatever there is.
    instead: Vec<(&'static str, Answer)>,
}

impl World {
    fn of(customers: usize) -> Self {
        let mut world = Self::default();
        for n in 0..customers {
            world.organizations.push((format!("c{n}"), format!("Customer {n}")));
            world.users.extend(["ann", "bob"].map(|name| (format!("{name}-{n}"), format!("c{n}"))));
        }
        world
    }

    fn organization(&self, (id, name): &(String, String)) -> Json {
        json!({"id": id, "name": name, "stem": format!("{id}.example")})
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let (path, query) =
            asked.line.strip_prefix("GET ").unwrap().split_once('?').unwrap_or((asked.line.strip_prefix("GET ").unwrap(), ""));
        if let Some((_, answer)) = self.instead.iter().find(|(line, _)| *line == path) {
            return answer.clone();
        }
        let list = |items: Vec<Json>| ok(json!({"data": items}));
        let org = query.split('&').find_map(|p| p.strip_prefix("org="));
        let of = |wanted: Option<&str>| self.users.iter().filter(move |(_, org)| wanted.is_none_or(|w| w == org)).collect::<Vec<_>>();
        let grants = |wanted: Option<&str>| {
            list(of(wanted).into_iter().map(|(id, org)| json!({"user": id, "role": format!("role-{org}")})).collect())
        };
        match path.trim_matches('/').split('/').collect::<Vec<_>>()[..] {
            ["orgs"] => list(self.organizations.iter().map(|one| self.organization(one)).collect()),
            ["orgs", id] => match self.organizations.iter().find(|(of, _)| of == id) {
                Some(one) => ok(self.organization(one)),
                None => status(404, json!({})),
            },
            ["users"] => {
                let users = of(org);
                let at = query.split('&').find_map(|p| p.strip_prefix("after=")?.parse::<usize>().ok()).unwrap_or(0);
                let next = if at + 1 < users.len() { json!((at + 1).to_string()) } else { Json::Null };
                let page: Vec<_> = users
                    .iter()
                    .skip(at)
                    .take(1)
                    .map(|(id, org)| json!({"id": id, "mail": format!("{id}@a.example"), "org": org}))
                    .collect();
                ok(json!({"data": page, "next": next, "total": users.len()}))
            }
            ["grants"] => grants(None),
            ["orgs", id, "grants"] => grants(Some(id)),
            ["roles"] => list(self.organizations.iter().map(|(id, _)| json!({"id": format!("role-{id}"), "org": id})).collect()),
            ["orgs", id, "roles"] => list(vec![json!({"id": format!("role-{id}"), "org": id})]),
            ["groups"] => list(self.organizations.iter().map(|(id, _)| json!({"id": format!("group-{id}"), "org": id})).collect()),
            ["delegations"] => list(vec![json!({"id": "all"})]),
            _ => status(500, json!({"message": asked.line})),
        }
    }
}

/// A portal, read by lists of a tenant where there are such, and by whole ones alone.
struct Both {
    server: Server,
    narrow: std::sync::Arc<dyn Observe>,
    whole: std::sync::Arc<dyn Observe>,
}

impl Both {
    async fn of(world: World) -> Self {
        let world = Mutex::new(world);
        let server = Server::start(move |asked| world.lock().unwrap().answer(asked)).await;
        Self { narrow: reader(&server.url, API), whole: reader(&server.url, &without()), server }
    }

    /// What was asked for these tenants; that the same came out of it as of whole lists is seen to.
    async fn asks(&self, tenants: &[TenantKey]) -> Vec<String> {
        let narrow = self.narrow.read(tenants).await.unwrap();
        let asked = self.server.lines();
        assert_eq!(narrow, self.whole.read(tenants).await.unwrap(), "{tenants:?}");
        self.server.asked();
        asked
    }
}

/// The profile without what it says of one tenant.
fn without() -> String {
    API.lines().filter(|line| !line.contains("ofTenant")).map(|line| format!("{line}\n")).collect()
}

fn key(n: usize) -> TenantKey {
    TenantKey { name: Name::slugify(&format!("Customer {n}")), id: Some(format!("c{n}").into()) }
}

fn why(live: &LiveTenant, kind: Kind) -> &str {
    match &live.collections[&kind] {
        Collection { completeness: Completeness::Incomplete { why }, .. } => why,
        other => panic!("{kind}: {other:?}"),
    }
}

fn is_whole(line: &str) -> bool {
    ["GET /orgs", "GET /roles"].contains(&line)
        || line.starts_with("GET /users?after")
        || line == "GET /users"
        || line.starts_with("GET /grants")
}

#[tokio::test]
async fn one_tenant_is_read_by_its_own_lists_and_none_of_the_whole_portal() {
    let both = Both::of(World::of(20)).await;
    let asked =
        ["GET /groups", "GET /orgs/c7", "GET /orgs/c7/grants", "GET /orgs/c7/roles", "GET /users?org=c7", "GET /users?org=c7&after=1"];
    assert_eq!(both.asks(&[key(7)]).await, asked, "groups alone are not listed of one tenant, and delegations are the MSP's");
    let live = both.narrow.look(&[key(7)], &[Kind::Role]).await.unwrap().remove(0);
    assert_eq!(live.collections.keys().collect::<Vec<_>>(), [&Kind::Organization, &Kind::Role]);
    assert_eq!(both.server.lines(), ["GET /orgs/c7", "GET /orgs/c7/roles"]);
}

#[tokio::test]
async fn few_tenants_are_read_one_by_one_where_the_list_is_known_to_be_long() {
    let both = Both::of(World::of(20)).await;
    let few: Vec<_> = (3..6).map(key).collect();
    let users = |asked: &[String]| asked.iter().filter(|line| line.starts_with("GET /users")).count();
    assert_eq!(users(&both.asks(&few).await), 40, "nobody has seen yet how long it is");
    assert_eq!(users(&both.asks(&few).await), 6, "three are less than a quarter of forty pages");
    let eleven: Vec<_> = (3..14).map(key).collect();
    assert_eq!(users(&both.asks(&eleven).await), 40, "and eleven are more");
    let asked = both.asks(&few).await;
    let whole: Vec<_> = asked.iter().filter(|line| is_whole(line)).collect();
    assert_eq!(whole, ["GET /grants?all=1", "GET /orgs", "GET /roles"], "lists of one page are read whole: {asked:?}");
}

#[tokio::test]
async fn more_than_sixteen_tenants_are_read_by_whole_lists() {
    let both = Both::of(World::of(60)).await;
    let users = |asked: &[String]| asked.iter().filter(|line| line.starts_with("GET /users?org")).count();
    let (sixteen, seventeen): (Vec<_>, Vec<_>) = ((0..16).map(key).collect(), (0..17).map(key).collect());
    both.asks(&seventeen).await;
    assert_eq!(users(&both.asks(&seventeen).await), 0);
    assert_eq!(users(&both.asks(&sixteen).await), 32);
}

#[tokio::test]
async fn what_the_msp_has_and_what_has_no_id_is_read_by_whole_lists() {
    let both = Both::of(World::of(3)).await;
    let narrow =
        |asked: Vec<String>| asked.into_iter().filter(|line| !is_whole(line) && !line.starts_with("GET /groups")).collect::<Vec<_>>();
    let msp = TenantKey { name: Name::msp(), id: None };
    assert_eq!(narrow(both.asks(std::slice::from_ref(&msp)).await), ["GET /delegations"]);
    assert_eq!(narrow(both.asks(&[TenantKey { id: Some("home".into()), ..key(1) }]).await), [""; 0], "the MSP's id under another name");
    assert_eq!(narrow(both.asks(&[TenantKey { id: None, ..key(1) }]).await), [""; 0]);
}

#[tokio::test]
async fn absence_is_proven_by_the_whole_list_of_organizations_alone() {
    let both = Both::of(World::of(3)).await;
    let gone = both.asks(&[key(9)]).await;
    assert_eq!(gone, ["GET /orgs", "GET /orgs/c9"], "of a tenant that is not there nothing more is asked");
    // It is there again under another id; it has another name than ours; another has its name.
    let again = TenantKey { id: Some("c9".into()), ..key(1) };
    let asked = both.asks(&[again]).await;
    assert!(asked.contains(&"GET /orgs/c1/roles".to_owned()) && !asked.contains(&"GET /orgs/c9/roles".to_owned()), "{asked:?}");
    let renamed = TenantKey { name: Name::slugify("Customer 2"), ..key(1) };
    assert!(!both.asks(&[renamed]).await.contains(&"GET /orgs".to_owned()));
}

#[tokio::test]
async fn an_organization_that_is_not_shown_as_it_should_be_is_looked_for_in_the_whole_list() {
    for answer in [
        status(404, json!({})),
        status(400, json!({})),
        status(500, json!({})),
        ok(json!({"id": "c2", "name": "Customer 2"})),
        ok(json!({"id": "c1"})),
        ok(json!([])),
    ] {
        let both = Both::of(World { instead: vec![("/orgs/c1", answer.clone())], ..World::of(3) }).await;
        let asked = both.asks(&[key(1)]).await;
        assert!(asked.contains(&"GET /orgs".to_owned()) && asked.contains(&"GET /orgs/c1/roles".to_owned()), "{answer:?}: {asked:?}");
    }
    let all = ["/orgs", "/orgs/c1"].map(|path| (path, status(500, json!({}))));
    let both = Both::of(World { instead: all.into(), ..World::of(3) }).await;
    let live = both.narrow.read(&[key(1)]).await.unwrap().remove(0);
    assert!(why(&live, Kind::User).contains("500"), "where nobody says that it is there, nobody knows");
}

#[tokio::test]
async fn a_list_of_a_tenant_that_is_not_had_is_unknown_and_never_empty() {
    let instead = vec![("/orgs/c1/grants", status(404, json!({}))), ("/orgs/c1/roles", status(404, json!({})))];
    let both = Both::of(World { instead, ..World::of(3) }).await;
    let live = both.narrow.read(&[key(1)]).await.unwrap().remove(0);
    assert!(why(&live, Kind::User).contains("the list `grants`"));
    assert!(why(&live, Kind::Role).contains("the list `all`"), "what is said of the whole list says nothing of one tenant's");
    assert!(live.is_complete(Kind::Organization));
    let both = Both::of(World { instead: vec![("/roles", status(404, json!({})))], ..World::of(3) }).await;
    let live = both.whole.read(&[key(1)]).await.unwrap().remove(0);
    assert!(live.is_complete(Kind::Role) && live.objects(Kind::Role).is_empty(), "what is not there is empty where the profile says so");
}

#[tokio::test]
async fn what_a_list_of_a_tenant_tells_of_another_does_not_count() {
    // A portal that does not heed the query gives everything.
    let mut world = World::of(3);
    let all: Vec<_> = world.users.iter().map(|(id, org)| json!({"id": id, "mail": format!("{id}@a.example"), "org": org})).collect();
    world.instead.push(("/users", ok(json!({"data": all}))));
    let both = Both::of(world).await;
    both.asks(&[key(1)]).await;
}

#[tokio::test]
async fn one_plan_goes_on_with_whole_lists_that_it_has_read_and_never_with_narrow_ones() {
    let both = Both::of(World::of(5)).await;
    let plan = both.narrow.for_one_plan().unwrap();
    plan.read(&[key(1)]).await.unwrap();
    both.server.asked();
    plan.read(&[key(2)]).await.unwrap();
    let asked = both.server.lines();
    assert_eq!(asked, ["GET /orgs/c2", "GET /orgs/c2/grants", "GET /orgs/c2/roles", "GET /users?org=c2", "GET /users?org=c2&after=1"]);
    let all = plan.tenants().await.unwrap();
    assert_eq!((all.len(), both.server.lines()), (6, vec!["GET /orgs".to_owned()]), "what was read of one is not all there is");
    plan.read(&[key(3)]).await.unwrap();
    let asked = both.server.lines();
    assert!(!asked.iter().any(|line| line.starts_with("GET /orgs?") || line == "GET /orgs/c3"), "who is there is known: {asked:?}");
    let next = both.narrow.for_one_plan().unwrap();
    next.read(&[key(3)]).await.unwrap();
    assert!(both.server.lines().contains(&"GET /orgs/c3".to_owned()), "the next plan looks for itself");
}
