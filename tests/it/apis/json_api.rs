//! A third API: made up from what JSON:API says and from nothing that the driver does, so that a profile has to fit it and not the other way round.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value as Json, json};

use super::desk::Desk;
use crate::support::proxy::Proxy;

/// Documents of JSON:API use it, and this server takes nothing else.
const MEDIA: &str = "application/vnd.api+json";
const KEY: &str = "canary-json-api";

/// What the server has: documents by id, each in an account (or none), and the lines of all writes.
#[derive(Default)]
struct World {
    documents: BTreeMap<u32, (Option<u32>, Json)>,
    writes: Vec<String>,
}

type Shared = Arc<Mutex<World>>;

fn answer(status: u16, body: Option<&Json>, more: &[(header::HeaderName, String)]) -> Response {
    let text = body.map_or(String::new(), Json::to_string);
    let mut answer = (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, MEDIA)], text).into_response();
    for (name, value) in more {
        answer.headers_mut().insert(name, value.parse().unwrap());
    }
    answer
}

fn wrong(status: u16, detail: &str) -> Response {
    answer(status, Some(&json!({"errors": [{"status": status.to_string(), "detail": detail}]})), &[])
}

/// The documents of a type in an account, page by page; people say where the next page is, and others how many there are in all.
fn listed(world: &World, account: Option<u32>, kind: &str, uri: &Uri) -> Response {
    let asked: BTreeMap<_, _> = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let number = |name: &str| asked.get(name).and_then(|text| text.parse::<usize>().ok());
    let (page, size) = (number("page[number]").unwrap_or(1), number("page[size]").unwrap_or(20));
    let all: Vec<_> = world.documents.values().filter(|(of, d)| *of == account && d["type"] == kind).map(|(_, d)| d).collect();
    let data: Vec<_> = all.iter().skip((page - 1) * size).take(size).collect();
    if kind != "people" {
        return answer(200, Some(&json!({"data": data, "meta": {"total": all.len()}})), &[]);
    }
    let mut links = format!("<{}?page%5Bnumber%5D=1&page%5Bsize%5D={size}>; rel=\"first\"", uri.path());
    if page * size < all.len() {
        write!(links, ", <{}?page%5Bnumber%5D={}&page%5Bsize%5D={size}>; rel=\"next\"", uri.path(), page + 1).unwrap();
    }
    answer(200, Some(&json!({"data": data})), &[(header::LINK, links)])
}

fn made(world: &mut World, account: Option<u32>, sent: &Json) -> Response {
    let id = 1 + world.documents.keys().last().copied().unwrap_or(100);
    let mut document = sent["data"].clone();
    document["id"] = id.to_string().into();
    let place = format!("/api/v2/{}/{id}", document["type"].as_str().unwrap());
    world.documents.insert(id, (account, document));
    answer(201, None, &[(header::LOCATION, place)])
}

/// What is sent goes over what is there, attribute by attribute and relationship by relationship.
fn merged(document: &mut Json, sent: &Json) {
    for part in ["attributes", "relationships"] {
        let sent = sent["data"][part].as_object().cloned().unwrap_or_default();
        let there = document.as_object_mut().unwrap().entry(part).or_insert_with(|| Json::Object(Map::new()));
        there.as_object_mut().unwrap().extend(sent);
    }
}

async fn handled(State(shared): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok()).unwrap_or_default();
    if header(header::AUTHORIZATION) != format!("Token {KEY}") {
        return wrong(401, "no such key");
    }
    let writes = matches!(method, Method::POST | Method::PATCH);
    if writes && header(header::CONTENT_TYPE) != MEDIA {
        return wrong(415, "this is no JSON:API");
    }
    let mut world = shared.lock().unwrap();
    let sent: Json = serde_json::from_slice(&body).unwrap_or_default();
    if method != Method::GET {
        world.writes.push(format!("{method} {} {}", uri.path(), sent["data"]["attributes"]));
    }
    let path: Vec<&str> = uri.path().trim_start_matches("/api/v2/").split('/').collect();
    let id = path.get(1).and_then(|id| id.parse::<u32>().ok());
    match (&method, path.as_slice()) {
        (&Method::GET, ["accounts"]) => listed(&world, None, "accounts", &uri),
        (&Method::GET, ["accounts", _, kind]) => listed(&world, id, kind, &uri),
        (&Method::POST, ["accounts"]) => made(&mut world, None, &sent),
        (&Method::POST, ["accounts", _, _]) => made(&mut world, id, &sent),
        _ => {
            let Some(id) = id.filter(|id| world.documents.contains_key(id)) else { return wrong(404, "there is no such thing") };
            let told = id.to_string();
            let held = |(_, d): &(_, Json)| {
                d["relationships"]["teams"]["data"].as_array().is_some_and(|t| t.iter().any(|t| t["id"] == told.as_str()))
            };
            let is_held = world.documents.values().any(held);
            match method {
                Method::GET => answer(200, Some(&json!({"data": world.documents[&id].1})), &[]),
                Method::PATCH => {
                    merged(&mut world.documents.get_mut(&id).unwrap().1, &sent);
                    answer(204, None, &[])
                }
                _ if is_held => wrong(409, "somebody is in this team"),
                _ => {
                    world.documents.remove(&id);
                    answer(204, None, &[])
                }
            }
        }
    }
}

/// Serves until the test program ends.
fn server() -> (String, Shared) {
    let shared = Shared::default();
    let (listener, world) = (std::net::TcpListener::bind("127.0.0.1:0").unwrap(), Arc::clone(&shared));
    let url = format!("http://{}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let app = axum::Router::new().fallback(handled).with_state(world);
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), app).await.unwrap();
        });
    });
    (url, shared)
}

const CUSTOMER: &str = "apiVersion: tenantry.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec:
  displayName: Acme
  contact: {phone: '+49 30 1'}
  roles:
    - {name: sales, permissions: [orders.read, orders.write], description: Sells}
    - {name: desk, permissions: [orders.read]}
    - {name: night, permissions: [doors.open]}
  users:
    - {name: ann, email: ann@acme.example, firstName: Ann, roles: [sales, desk]}
    - {name: ben, email: ben@acme.example, roles: [night]}
    - {name: cem, email: cem@acme.example, suspended: true, roles: []}
";

#[test]
fn a_profile_of_ones_own_is_all_that_a_third_api_takes() {
    let (url, shared) = server();
    let desk = Desk::new("json-api.yaml", &url, "  credentials: {key: {env: PORTAL_KEY}}\n").with("PORTAL_KEY", KEY);
    desk.write("customers/acme.yaml", CUSTOMER);
    desk.apply();
    desk.in_step();
    assert_eq!(shared.lock().unwrap().writes.len(), 7);

    desk.edit("customers/acme.yaml", "firstName: Ann, roles: [sales, desk]", "firstName: Anna, roles: [desk]");
    desk.edit("customers/acme.yaml", "    - {name: sales, permissions: [orders.read, orders.write], description: Sells}\n", "");
    desk.edit("customers/acme.yaml", "    - {name: ben, email: ben@acme.example, roles: [night]}\n", "");
    shared.lock().unwrap().writes.clear();
    desk.apply();
    desk.in_step();
    let mut writes = std::mem::take(&mut shared.lock().unwrap().writes);
    let at = |start: &str| writes.iter().position(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {writes:?}"));
    assert!(at("PATCH /api/v2/people/") < at("DELETE /api/v2/teams/"), "a team is let go of before it goes: {writes:?}");
    writes.retain(|line| line.starts_with("PATCH"));
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert!(writes[0].ends_with(r#" {"given-name":"Anna"}"#), "what differs, and nothing else: {writes:?}");
}

#[test]
fn what_is_there_already_is_imported_page_by_page() {
    let (url, shared) = server();
    let desk = || Desk::new("json-api.yaml", &url, "  credentials: {key: {env: PORTAL_KEY}}\n").with("PORTAL_KEY", KEY);
    let first = desk();
    first.write("customers/acme.yaml", CUSTOMER);
    first.apply();
    let written = shared.lock().unwrap().writes.len();
    let again = desk();
    again.write("customers/.keep", "");
    again.run("import -f customers --into customers").exits(0);
    again.in_step();
    assert!(again.kept("customers").contains("cem@acme.example"), "the last page is read too");
    assert_eq!(shared.lock().unwrap().writes.len(), written, "to import changes nothing");
}

#[test]
fn an_import_asks_for_each_page_once() {
    let (url, _) = server();
    let desk = |url: &str| Desk::new("json-api.yaml", url, "  credentials: {key: {env: PORTAL_KEY}}\n").with("PORTAL_KEY", KEY);
    let first = desk(&url);
    first.write("customers/acme.yaml", CUSTOMER);
    first.apply();
    let proxy = Proxy::before(&url);
    let again = desk(&proxy.url);
    again.write("customers/.keep", "");
    again.run("import -f customers --into customers").exits(0);
    let mut asked = proxy.asked_with_query();
    asked.sort();
    let all = asked.len();
    asked.dedup();
    assert_eq!(asked.len(), all, "{:#?}", proxy.asked_with_query());
    assert!(asked.iter().any(|line| line.starts_with("GET /api/v2/accounts?")), "{asked:#?}");
}

#[test]
fn a_key_that_is_not_taken_is_told_as_such() {
    let (url, _) = server();
    let desk = Desk::new("json-api.yaml", &url, "  credentials: {key: {env: PORTAL_KEY}}\n").with("PORTAL_KEY", "canary-other");
    desk.write("customers/acme.yaml", CUSTOMER);
    let ran = desk.run("plan").exits(3);
    assert!(ran.said().contains("no such key") && !ran.said().contains("canary"), "{}", ran.said());
}
