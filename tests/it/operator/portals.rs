//! Other portals than the embedded one: played ones over HTTP, and those in which technicians work.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use tenantry::model::Kind;
use tenantry::portal::{Profile, load_profile};

use super::stand::{Setup, Stand, is_ready, says, until, words};
use crate::sandbox::api_kit::Sandbox;
use crate::support::program::run_with;

/// The profile of the sandbox's own API.
pub(super) fn profile() -> Arc<Profile> {
    load_profile("sandbox-api.yaml", Some("tests/profiles".as_ref())).unwrap_or_else(|wrong| panic!("{wrong:#?}"))
}

/// A portal that is reached over HTTP, whose credential is in the Secret `key`.
pub(super) fn rest(base: &str) -> Json {
    let token = json!({ "token": { "secretKeyRef": { "name": "key", "key": "token" } } });
    json!({ "profile": "sandbox-api.yaml", "endpoint": base, "credentials": token, "retryInterval": "1s" })
}

async fn played() -> (Sandbox, Stand) {
    let sandbox = Sandbox::play(profile()).await;
    let setup = Setup { profiles: Some("tests/profiles".into()), ledger_in_cluster: true, ..Setup::default() };
    let stand = Stand::with(setup).await;
    stand.secret("key", json!({ "token": sandbox.operator })).await;
    stand.apply(Kind::Portal, "main", rest(&sandbox.base)).await;
    (sandbox, stand)
}

async fn users(sandbox: &Sandbox, customer: &Json) -> Vec<String> {
    let mut users = sandbox.keys(&format!("/api/v1/tenants/{}/users", super::stand::id(customer))).await;
    users.sort();
    users
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn over_http_a_customer_is_made_changed_and_taken_apart_and_at_rest_nothing_is_sent() {
    let (sandbox, stand) = played().await;
    stand.customer("acme").await;
    stand.user("bob", "acme").await;
    let acme = stand.ready(Kind::Organization, "acme").await;
    stand.ready(Kind::User, "bob").await;
    assert_eq!(users(&sandbox, &acme).await, ["ann@acme.example", "bob@acme.example"]);
    assert_eq!(stand.operator().requests.writes(), 3);
    stand.at_rest().await;
    let reads = stand.operator().requests.count("GET");
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!((stand.operator().requests.count("GET"), stand.operator().requests.writes()), (reads, 3), "nothing is sent at rest");

    stand.patch(Kind::User, "bob", json!({ "spec": { "firstName": "Bob" } })).await;
    stand.until(Kind::User, "bob", |o| o["metadata"]["generation"] == 2 && is_ready(o)).await;
    assert_eq!(stand.operator().requests.writes(), 4);
    stand.delete(Kind::User, "bob").await;
    stand.until_gone(Kind::User, "bob").await;
    assert_eq!(users(&sandbox, &acme).await, ["ann@acme.example"]);
    assert_eq!(stand.operator().requests.writes(), 5);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn an_answer_that_is_lost_after_its_effect_makes_no_second_customer() {
    let (sandbox, stand) = played().await;
    sandbox
        .faults(
            json!([{ "on": { "method": "POST", "path": "/api/v1/tenants" }, "do": { "kind": "error", "status": 503, "when": "after" } }]),
        )
        .await;
    stand.customer("acme").await;
    stand.until(Kind::Organization, "acme", |o| says(o, "Ready").starts_with("False ")).await;
    stand.ready(Kind::Organization, "acme").await;
    stand.at_rest().await;
    assert_eq!(sandbox.keys("/api/v1/tenants").await.len(), 1);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_credential_that_is_refused_stalls_and_the_next_one_in_the_secret_goes_on() {
    let (sandbox, stand) = played().await;
    stand.secret("key", json!({ "token": "not-the-token-canary" })).await;
    stand.customer("acme").await;
    let acme = stand.until(Kind::Organization, "acme", |o| says(o, "Stalled") == "True AccessDenied").await;
    assert!(!acme.to_string().contains("canary"), "{acme:#}");
    let portal = stand.until(Kind::Portal, "main", |o| says(o, "Stalled") == "True AccessDenied").await;
    assert!(words(&portal, "Stalled").contains("denies access"), "{portal:#}");
    assert_eq!(stand.operator().requests.writes(), 0);
    stand.secret("key", json!({ "token": sandbox.operator })).await;
    stand.ready(Kind::Organization, "acme").await;
    stand.until(Kind::Portal, "main", |o| says(o, "Ready") == "True ReconciliationSucceeded").await;
    assert_eq!(stand.operator().requests.writes(), 2);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn wiv_makes_what_its_api_can_and_a_technician_is_asked_for_the_rest_once() {
    let sandbox = Sandbox::play(load_profile("wiv", None).unwrap()).await;
    let stand = Stand::with(Setup { ledger_in_cluster: true, ..Setup::default() }).await;
    stand.secret("key", json!({ "apiKey": sandbox.operator })).await;
    let key = json!({ "apiKey": { "secretKeyRef": { "name": "key", "key": "apiKey" } } });
    let portal = json!({ "profile": "wiv", "endpoint": sandbox.base, "account": { "kind": "MSP-Admin" }, "credentials": key });
    stand.apply(Kind::Portal, "costs", portal).await;
    stand.apply(Kind::Organization, "plain", json!({ "displayName": "Plain" })).await;
    stand.ready(Kind::Organization, "plain").await;
    let ann = json!({ "name": "ann", "email": "ann@acme.example", "roles": ["Editor"] });
    stand.apply(Kind::Organization, "acme", json!({ "displayName": "ACME Tools", "users": [ann] })).await;
    stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == "False AwaitingTechnician").await;
    stand.at_rest().await;
    let writes = stand.operator().requests.writes();
    assert_eq!(writes, 2, "one call a customer");
    stand.look("acme").await;
    stand.at_rest().await;
    assert_eq!(stand.operator().requests.writes(), writes);
    stand.end().await;
}

/// What a ledger in the cluster is to the program.
fn runbook(stand: &Stand, words: &[&str]) -> crate::support::program::Ran {
    let ledger = format!("kubernetes://{}?kubeconfig={}", stand.namespace, stand.cluster.kubeconfig_file().display());
    run_with(stand.folder(), &[&["runbook"], words].concat(), &[("TENANTRY_LEDGER", &ledger)])
}

/// A technician did all of the one order that there is.
fn confirm_the_only_order(stand: &Stand) {
    let json = |words: &[&str]| -> Json { serde_json::from_str(&runbook(stand, words).exits(0).out).unwrap() };
    let listed = json(&["list", "-o", "json"]);
    let orders = listed["orders"].as_array().unwrap();
    assert_eq!(orders.len(), 1, "{listed:#}");
    let shown = json(&["show", orders[0]["order"].as_str().unwrap(), "-o", "json"]);
    for item in shown["items"].as_array().unwrap() {
        let wanted = item["instructions"]["evidence"].as_array().unwrap().iter().filter(|w| w["optional"] != true);
        let given = wanted.map(|w| format!("{}={}", w["name"].as_str().unwrap(), w["expect"].as_str().unwrap_or("seen")));
        let given: Vec<_> = given.flat_map(|given| ["--evidence".to_owned(), given]).collect();
        let words = ["confirm", item["reference"].as_str().unwrap()].into_iter();
        runbook(stand, &words.chain(given.iter().map(String::as_str)).collect::<Vec<_>>()).exits(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_customer_in_three_portals_is_ready_when_the_last_of_them_is_and_each_calls_it_something() {
    let (sandbox, stand) = played().await;
    stand.apply(Kind::Portal, "files", json!({ "profile": "embedded" })).await;
    let account = json!({ "domain": "northwind.idemeum.com" });
    stand.apply(Kind::Portal, "idm", json!({ "profile": "idemeum", "account": account, "interval": "2s" })).await;
    stand.apply(Kind::Organization, "acme", json!({ "displayName": "ACME Tools", "userSource": "local" })).await;
    let two = |o: &Json| o["status"]["portals"].as_array().is_some_and(|p| p.len() >= 2) && says(o, "Ready") == "False AwaitingTechnician";
    let acme = stand.until(Kind::Organization, "acme", two).await;
    assert!(words(&acme, "Ready").starts_with("idm: "), "the one that is worst off speaks: {acme:#}");
    assert_eq!(stand.portal().took(), ["create acme/organization/acme"]);
    assert_eq!(sandbox.keys("/api/v1/tenants").await.len(), 1);
    confirm_the_only_order(&stand);
    let acme = stand.ready(Kind::Organization, "acme").await;
    let named: Vec<_> = acme["status"]["portals"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert!(["files", "main"].iter().all(|portal| named.contains(portal)), "{acme:#}");
    // One of them goes: the others go on.
    stand.delete(Kind::Portal, "idm").await;
    stand.patch(Kind::Organization, "acme", json!({ "spec": { "notes": "called at noon" } })).await;
    stand.until(Kind::Organization, "acme", |o| o["metadata"]["generation"] == 2 && is_ready(o)).await;
    assert_eq!(stand.portal().took(), ["update acme/organization/acme"]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_customer_in_a_portal_of_screens_waits_for_a_technician_and_is_ready_once_it_is_confirmed() {
    let stand = Stand::with(Setup { ledger_in_cluster: true, ..Setup::default() }).await;
    let account = json!({ "domain": "northwind.idemeum.com" });
    stand.apply(Kind::Portal, "idm", json!({ "profile": "idemeum", "account": account, "interval": "2s" })).await;
    stand.apply(Kind::Organization, "acme", json!({ "displayName": "ACME Tools", "userSource": "local" })).await;
    let acme = stand.until(Kind::Organization, "acme", |o| says(o, "Ready") == "False AwaitingTechnician").await;
    assert_eq!(says(&acme, "Stalled"), "-", "it waits, and is not stuck: {acme:#}");
    confirm_the_only_order(&stand);
    stand.ready(Kind::Organization, "acme").await;
    let again = runbook(&stand, &["list", "-o", "json"]).exits(0);
    let again: Json = serde_json::from_str(&again.out).unwrap();
    assert!(again["orders"].as_array().unwrap().iter().all(|order| order["open"] == 0 || order["open"].is_null()), "{again:#}");
    let quiet = async || {
        let events = stand.events().await;
        (events.iter().filter(|line| line.contains("create acme/organization/acme in portal idm: waits")).count() == 1).then_some(())
    };
    until(quiet, || "it is given out once".to_owned()).await;
    stand.end().await;
}
