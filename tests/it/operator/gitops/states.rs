//! Custom resources in every state that there is, as a real API server has them after the operator wrote their statuses.

use std::pin::pin;

use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use serde_json::{Value as Json, json};
use tenantry::model::Kind;
use tokio::sync::OnceCell;

use super::super::stand::{Stand, says};

/// What was seen.
pub(super) struct Seen {
    /// Each state by its name.
    states: Vec<(&'static str, Json)>,
    /// The organizations, as the API server tabulates them for `kubectl get`.
    pub(super) table: Json,
}

/// All of it, made once for all tests.
pub(super) async fn seen() -> &'static Seen {
    static SEEN: OnceCell<Seen> = OnceCell::const_new();
    SEEN.get_or_init(made).await
}

/// Each state by its name.
pub(super) async fn states() -> &'static [(&'static str, Json)] {
    &seen().await.states
}

/// A condition of an object.
pub(super) fn condition<'a>(object: &'a Json, name: &str) -> Option<&'a Json> {
    object["status"]["conditions"].as_array()?.iter().find(|c| c["type"] == name)
}

/// The status and the reason of `Ready`.
pub(super) fn ready(object: &Json) -> Option<(String, String)> {
    let ready = condition(object, "Ready")?;
    Some((ready["status"].as_str()?.to_owned(), ready["reason"].as_str()?.to_owned()))
}

async fn made() -> Seen {
    let stand = Stand::new().await;
    let mut states = portals(&stand).await;
    states.extend(in_step(&stand).await);
    states.extend(failing(&stand).await);
    states.extend(waiting(&stand).await);
    let table = tabulated(&stand).await;
    let organizations = stand.api(Kind::Organization);
    stand.end().await;
    let apply = async |name: &str, display: &str| {
        let spec = json!({ "displayName": display, "labels": { "at": "main" } });
        let object = json!({ "apiVersion": "tenantry.dev/v1alpha1", "kind": "Organization", "metadata": { "name": name }, "spec": spec });
        let applied = organizations.patch(name, &PatchParams::apply("a-person").force(), &Patch::Apply(&object)).await.unwrap();
        serde_json::to_value(applied).unwrap()
    };
    let stale = apply("acme", "Acme, renamed").await;
    assert_eq!(says(&stale, "Ready"), "True ReconciliationSucceeded", "its status is of before");
    let new = apply("new", "New").await;
    assert!(new.get("status").is_none(), "{new:#}");
    states.insert(0, ("applied, and nobody looked at it yet", new));
    let at = states.iter().position(|(what, _)| *what == "in step, a user").unwrap();
    states.insert(at + 1, ("changed, and the operator is away", stale));
    Seen { states, table }
}

async fn tabulated(stand: &Stand) -> Json {
    let path = format!("/apis/tenantry.dev/v1alpha1/namespaces/{}/organizations", stand.namespace);
    let request = axum::http::Request::get(path).header("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").body(Vec::new());
    stand.client.request(request.unwrap()).await.unwrap()
}

async fn portals(stand: &Stand) -> Vec<(&'static str, Json)> {
    let good = |o: &Json| says(o, "Ready") == "True ReconciliationSucceeded";
    stand
        .apply(Kind::Portal, "main", json!({ "profile": "embedded", "organizations": { "selector": { "matchLabels": { "at": "main" } } } }))
        .await;
    let alone = stand.until(Kind::Portal, "main", good).await;
    let acme = json!({ "displayName": "Acme", "labels": { "at": "main" } });
    stand.apply(Kind::Organization, "acme", acme).await;
    stand.until(Kind::Organization, "acme", good).await;
    let serving = stand.until(Kind::Portal, "main", good).await;
    // Port 9 of this machine: nobody listens there.
    let secret: Secret = serde_json::from_value(json!({ "metadata": { "name": "costs" }, "stringData": { "key": "none" } })).unwrap();
    Api::namespaced(stand.client.clone(), &stand.namespace).create(&PostParams::default(), &secret).await.unwrap();
    let away = json!({
        "profile": "wiv", "endpoint": "http://127.0.0.1:9", "account": { "name": "Northwind IT", "kind": "MSP-Admin" },
        "credentials": { "apiKey": { "secretKeyRef": { "name": "costs", "key": "key" } } },
        "organizations": { "selector": { "matchLabels": { "at": "away" } } },
    });
    stand.apply(Kind::Portal, "away", away).await;
    stand.apply(Kind::Organization, "far", json!({ "displayName": "Far", "labels": { "at": "away" } })).await;
    let away = stand.until(Kind::Portal, "away", |o| says(o, "Ready") == "False ReconciliationFailed").await;
    vec![
        ("a portal that serves nobody yet", alone),
        ("a portal that serves somebody", serving),
        ("a portal that nothing answers for", away),
    ]
}

async fn in_step(stand: &Stand) -> Vec<(&'static str, Json)> {
    let good = |o: &Json| says(o, "Ready") == "True ReconciliationSucceeded";
    // Each version of it as it comes: the one in between is there for a moment alone.
    let api = stand.api(Kind::Organization);
    let versions = api.watch(&WatchParams::default().fields("metadata.name=swift"), "0").await.unwrap();
    stand.apply(Kind::Organization, "swift", json!({ "displayName": "Swift", "labels": { "at": "main" } })).await;
    let seen = async {
        let mut versions = pin!(versions);
        while let Some(event) = versions.next().await {
            let (WatchEvent::Added(object) | WatchEvent::Modified(object)) = event.unwrap() else { continue };
            let object = serde_json::to_value(&object).unwrap();
            if says(&object, "Ready") == "False Progressing" {
                return object;
            }
        }
        panic!("it never said that it is being applied");
    };
    let applying = tokio::time::timeout(std::time::Duration::from_secs(60), seen).await.expect("it says that it is being applied");
    let acme = stand.until(Kind::Organization, "acme", good).await;
    stand.apply(Kind::User, "ann", json!({ "organization": "acme", "email": "ann@acme.example" })).await;
    let user = stand.until(Kind::User, "ann", good).await;
    vec![("being applied", applying), ("in step", acme), ("in step, a user", user)]
}

async fn failing(stand: &Stand) -> Vec<(&'static str, Json)> {
    let user = json!([{ "name": "ben", "email": "ben@broken.example", "groups": ["nowhere"] }]);
    stand.apply(Kind::Organization, "broken", json!({ "displayName": "Broken", "labels": { "at": "main" }, "users": user })).await;
    let broken = stand.until(Kind::Organization, "broken", |o| says(o, "Stalled") == "True InvalidSpec").await;
    // The only administrator is to be none any more.
    let users = |administrator: bool| json!([{ "name": "eve", "email": "eve@strict.example", "administrator": administrator }]);
    let strict = |administrator: bool| json!({ "displayName": "Strict", "labels": { "at": "main" }, "users": users(administrator) });
    stand.apply(Kind::Organization, "strict", strict(true)).await;
    stand.until(Kind::Organization, "strict", |o| says(o, "Ready") == "True ReconciliationSucceeded").await;
    stand.apply(Kind::Organization, "strict", strict(false)).await;
    let refused = stand.until(Kind::Organization, "strict", |o| says(o, "Stalled") == "True GuardRefused").await;
    let far = stand.until(Kind::Organization, "far", |o| says(o, "Ready") == "False ReconciliationFailed").await;
    vec![("a reference that leads nowhere", broken), ("guards refuse it", refused), ("its portal does not answer", far)]
}

async fn waiting(stand: &Stand) -> Vec<(&'static str, Json)> {
    stand.apply(Kind::Organization, "alone", json!({ "displayName": "Alone" })).await;
    let alone = stand.until(Kind::Organization, "alone", |o| says(o, "Ready") == "False DependencyNotReady").await;
    let careful = json!({ "displayName": "Careful", "labels": { "at": "main" }, "approval": { "mode": "Manual" } });
    stand.apply(Kind::Organization, "careful", careful).await;
    let careful = stand.until(Kind::Organization, "careful", |o| says(o, "Ready") == "False AwaitingApproval").await;
    let desk = json!({
        "profile": "idemeum", "account": { "name": "Northwind IT", "domain": "northwind.idemeum.com" },
        "organizations": { "selector": { "matchLabels": { "at": "desk" } } },
    });
    stand.apply(Kind::Portal, "desk", desk).await;
    let users = json!([{ "name": "helen", "email": "helen@brightwater.example", "administrator": true }]);
    let by_hand = json!({ "displayName": "Brightwater & Partners", "labels": { "at": "desk" }, "users": users });
    stand.apply(Kind::Organization, "brightwater", by_hand).await;
    let by_hand = stand.until(Kind::Organization, "brightwater", |o| says(o, "Ready") == "False AwaitingTechnician").await;
    stand.apply(Kind::Organization, "left", json!({ "displayName": "Left", "labels": { "at": "main" }, "suspend": true })).await;
    let left = stand.until(Kind::Organization, "left", |o| says(o, "Ready") == "Unknown Suspended").await;
    vec![("no portal serves it", alone), ("a plan waits", careful), ("a technician has it", by_hand), ("suspended", left)]
}
