//! Secrets are named by `secretKeyRef` and watched: another content is applied, the same one is nothing, and what nobody names is never read.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::consent_kit::{Kit, message};
use super::stand::says;
use crate::servers::kubernetes::Cluster;
use crate::support::sandbox::Sandbox;

/// Nobody may ever see these.
const FIRST: &str = "canary-first-3f9a";
const SECOND: &str = "canary-second-77c1";

/// A customer with an integration that has a secret.
async fn declare(kit: &Kit) {
    kit.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    kit.apply(Kind::Organization, "acme", json!({ "displayName": "Acme" })).await;
    kit.apply(Kind::Integration, "hook", integration("hook-token")).await;
}

fn integration(secret: &str) -> Json {
    let reference = json!({ "secretKeyRef": { "name": secret, "key": "token" } });
    json!({ "organization": "acme", "type": "webhook", "displayName": "Hook", "secrets": { "token": reference } })
}

async fn is_ready(kit: &Kit) -> Json {
    kit.until_it_says(Kind::Integration, "hook", "Ready", "True ReconciliationSucceeded").await
}

async fn refused(kit: &Kit, why: &str) {
    let object = kit.until(Kind::Integration, "hook", |o| message(o, "Ready").contains(why)).await;
    assert_eq!(says(&object, "Stalled"), "True GuardRefused", "{object:#}");
}

/// How often the integration was created and changed, as the ledger's audit has it.
async fn calls(kit: &Kit) -> (usize, usize) {
    let audit = kit.tenantry(&["ledger", "audit", "-o", "json"]).await.exits(0);
    let records: Json = serde_json::from_str(&audit.out).unwrap();
    let records = records.as_array().cloned().unwrap_or_else(|| panic!("a list: {}", audit.out));
    let done = |action: &str| {
        let asked = |r: &Json| r["request"].as_str().is_some_and(|request| request.starts_with(action));
        let of = |r: &&Json| r["address"] == "acme/integration/hook" && asked(r);
        records.iter().filter(of).count()
    };
    (done("create"), done("update"))
}

/// Secrets of the namespace that the operator's account asked for by name, since a moment.
async fn read_since(kit: &Kit, mark: crate::servers::kubernetes::Mark) -> Vec<String> {
    let asked = Cluster::shared().requests_of(&kit.account, mark).await;
    asked.into_iter().filter(|request| request.starts_with("get secrets ")).collect()
}

/// Time enough for what should not happen.
async fn a_while() {
    tokio::time::sleep(Duration::from_secs(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_rotation_is_one_call_and_the_same_content_is_none() {
    let mark = Cluster::shared().mark().await;
    let kit = Kit::new().await;
    kit.secret("hook-token", &[("token", FIRST)]).await;
    kit.secret("nobodys", &[("token", "canary-nobodys")]).await;
    declare(&kit).await;
    is_ready(&kit).await;
    assert_eq!(calls(&kit).await, (1, 0));

    kit.secret("hook-token", &[("token", SECOND)]).await;
    // It is ready before and after, with a moment between that is too short to be told.
    let begun = std::time::Instant::now();
    while calls(&kit).await != (1, 1) {
        assert!(begun.elapsed().as_secs() < 60, "the rotation is not applied: {:?}", calls(&kit).await);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    a_while().await;
    is_ready(&kit).await;
    assert_eq!(calls(&kit).await, (1, 1));

    // Written again as it is, with another key beside it, and one that nobody names.
    let before = kit.get(Kind::Integration, "hook").await.unwrap();
    kit.secret("hook-token", &[("token", SECOND), ("other", "x")]).await;
    kit.secret("nobodys", &[("token", "canary-nobodys-2")]).await;
    a_while().await;
    assert_eq!(calls(&kit).await, (1, 1));
    assert_eq!(kit.get(Kind::Integration, "hook").await.unwrap()["status"], before["status"]);
    let read = read_since(&kit, mark).await;
    assert!(read.iter().any(|r| r.contains("/hook-token")) && !read.iter().any(|r| r.contains("nobodys")), "{read:?}");

    // What is told has none of it, in the clear or as Kubernetes writes it.
    kit.apply(Kind::Portal, "main", json!({ "profile": "embedded", "approval": { "mode": "Manual" } })).await;
    kit.secret("hook-token", &[("token", FIRST)]).await;
    let waits = kit.until(Kind::Organization, "acme", |o| o["status"]["plans"].as_array().is_some_and(|p| !p.is_empty())).await;
    assert!(
        waits["status"]["plans"][0]["text"].as_str().unwrap().contains("(sensitive, from key token of Secret hook-token)"),
        "{waits:#}"
    );
    let told = kit.all_that_is_told().await;
    for canary in [FIRST, SECOND, "canary-nobodys"] {
        assert!(!told.contains(canary) && !told.contains(&base64(canary)), "{canary} is told");
    }
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_secret_that_is_not_there_is_waited_for() {
    let kit = Kit::new().await;
    declare(&kit).await;
    refused(&kit, "there is no Secret hook-token in namespace").await;
    kit.secret("hook-token", &[("password", FIRST)]).await;
    refused(&kit, "it has no key `token`").await;
    kit.secret("hook-token", &[("token", "")]).await;
    refused(&kit, "what it has under `token` is empty").await;
    assert_eq!(calls(&kit).await, (0, 0));
    kit.secret("hook-token", &[("token", FIRST)]).await;
    is_ready(&kit).await;
    assert_eq!(calls(&kit).await, (1, 0));
    kit.delete_secret("hook-token").await;
    refused(&kit, "there is no Secret hook-token in namespace").await;
    // It comes back as it was: nothing is to be done.
    kit.secret("hook-token", &[("token", FIRST)]).await;
    is_ready(&kit).await;
    assert_eq!(calls(&kit).await, (1, 0));
    // Another Secret with the same content is another reference, and no other secret.
    kit.secret("hook-token-2", &[("token", FIRST)]).await;
    kit.apply(Kind::Integration, "hook", integration("hook-token-2")).await;
    kit.until(Kind::Integration, "hook", |o| o["status"]["observedGeneration"] == o["metadata"]["generation"]).await;
    is_ready(&kit).await;
    assert_eq!(calls(&kit).await, (1, 0));
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_portals_new_credential_is_what_the_next_call_brings() {
    let kit = Kit::new().await;
    let sandbox = Sandbox::start(["--profile", "wiv", "--account-kind", "MSP-Admin"], kit.folder.path());
    kit.secret("wiv", &[("key", "canary-wrong")]).await;
    let credentials = json!({ "apiKey": { "secretKeyRef": { "name": "wiv", "key": "key" } } });
    let account = json!({ "name": "Northwind IT", "domain": "northwind-it.example", "kind": "MSP-Admin" });
    let endpoint = format!("http://{}", sandbox.address);
    let portal =
        json!({ "profile": "wiv", "endpoint": endpoint, "credentials": credentials, "account": account, "unsupported": "Warning" });
    kit.apply(Kind::Portal, "costs", portal).await;
    kit.apply(Kind::Organization, "acme", json!({ "displayName": "Acme" })).await;
    let denied = kit.until_it_says(Kind::Organization, "acme", "Stalled", "True AccessDenied").await;
    assert!(!denied.to_string().contains("canary-wrong"), "{denied:#}");
    kit.until_it_says(Kind::Portal, "costs", "Stalled", "True AccessDenied").await;
    kit.secret("wiv", &[("key", &sandbox.token)]).await;
    kit.until_it_says(Kind::Organization, "acme", "Ready", "True ReconciliationSucceeded").await;
    kit.until_it_says(Kind::Portal, "costs", "Ready", "True ReconciliationSucceeded").await;
    kit.secret("wiv", &[("key", "canary-wrong-again")]).await;
    kit.until_it_says(Kind::Organization, "acme", "Stalled", "True AccessDenied").await;
    kit.delete_secret("wiv").await;
    let gone = kit.until(Kind::Organization, "acme", |o| message(o, "Ready").contains("there is no Secret wiv in namespace")).await;
    assert_eq!(says(&gone, "Ready"), "False ReconciliationFailed");
    kit.secret("wiv", &[("key", &sandbox.token)]).await;
    kit.until_it_says(Kind::Organization, "acme", "Ready", "True ReconciliationSucceeded").await;
    assert!(!kit.all_that_is_told().await.contains(&sandbox.token));
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_namespace_is_used_from_another_only_where_it_says_so() {
    let other = Cluster::shared().namespace().await;
    let kit = Kit::watching(std::slice::from_ref(&other)).await;
    kit.secret_in(&other, "hook-token", &[("token", FIRST)]).await;
    kit.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    kit.apply(Kind::Organization, "acme", json!({ "displayName": "Acme" })).await;
    kit.until_it_says(Kind::Organization, "acme", "Ready", "True ReconciliationSucceeded").await;
    // A document of another namespace, with the Secret that is beside it.
    kit.apply_in(&other, Kind::Integration, "hook", integration("hook-token")).await;
    let refused = kit.until_in(&other, Kind::Integration, "hook", |o| says(o, "Stalled") == "True InvalidSpec").await;
    let why = message(&refused, "Ready");
    assert!(why.contains("`tenantry.dev/allow-from` does not name") && why.contains(&other), "{why}");
    kit.annotate(Kind::Organization, "acme", "tenantry.dev/allow-from", Some(&other)).await;
    kit.until_in(&other, Kind::Integration, "hook", |o| says(o, "Ready") == "True ReconciliationSucceeded").await;
    kit.annotate(Kind::Organization, "acme", "tenantry.dev/allow-from", None).await;
    kit.until_in(&other, Kind::Integration, "hook", |o| says(o, "Stalled") == "True InvalidSpec").await;
    // An organization of another namespace.
    kit.apply_in(&other, Kind::Organization, "beta", json!({ "displayName": "Beta" })).await;
    let unserved = kit.until_in(&other, Kind::Organization, "beta", |o| says(o, "Ready") == "False DependencyNotReady").await;
    assert!(message(&unserved, "Ready").contains("no Portal serves beta"), "{unserved:#}");
    kit.annotate(Kind::Portal, "main", "tenantry.dev/allow-from", Some("*")).await;
    kit.until_in(&other, Kind::Organization, "beta", |o| says(o, "Ready") == "True ReconciliationSucceeded").await;
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_reference_names_no_namespace_and_never_the_ledgers_own_key() {
    let kit = Kit::new().await;
    kit.secret("hook-token", &[("token", FIRST)]).await;
    declare(&kit).await;
    is_ready(&kit).await;
    for (reference, why) in [
        (json!({ "secretKeyRef": { "name": "hook-token", "key": "token", "namespace": "kube-system" } }), "namespace"),
        (json!({ "secretKeyRef": { "name": "tenantry-mac-key", "key": "key" } }), "the key of the ledger's MACs"),
        (json!({ "env": "HOME" }), "secretKeyRef"),
    ] {
        let mut spec = integration("hook-token");
        spec["secrets"]["token"] = reference.clone();
        let document =
            json!({ "apiVersion": "tenantry.dev/v1alpha1", "kind": "Integration", "metadata": { "name": "other" }, "spec": spec });
        match kit.try_apply(&document).await {
            Err(error) => assert!(error.contains(why), "{reference}: {error}"),
            Ok(()) => {
                let refused = kit.until_it_says(Kind::Integration, "other", "Stalled", "True InvalidSpec").await;
                assert!(message(&refused, "Ready").contains(why), "{reference}: {refused:#}");
            }
        }
    }
    kit.end().await;
}

/// As Kubernetes writes what a Secret has.
fn base64(text: &str) -> String {
    let bytes = k8s_openapi::ByteString(text.as_bytes().to_vec());
    serde_json::to_value(&bytes).unwrap().as_str().unwrap().to_owned()
}
