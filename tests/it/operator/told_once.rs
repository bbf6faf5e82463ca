//! What is told once, as an event and as a line of the log: a document that is not taken in, and a customer who is let go of.

use std::time::Duration;

use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::consent_kit::{Kit, resource};
use super::process::Process;
use crate::servers::kubernetes::Cluster;

/// A portal, and a customer with a user of a document of their own.
async fn kit() -> (Kit, Process) {
    let kit = Kit::without_operator().await;
    kit.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    customer(&kit, "acme").await;
    kit.apply(Kind::User, "bob", json!({ "organization": "acme", "email": "bob@acme.example" })).await;
    let process = start(&kit);
    is_ready(&kit, Kind::User, "bob").await;
    is_ready(&kit, Kind::Organization, "acme").await;
    (kit, process)
}

fn start(kit: &Kit) -> Process {
    Process::start(&Cluster::shared().kubeconfig_file(), &kit.namespace, &[], &kit.folder.path().join("state"))
}

async fn customer(kit: &Kit, name: &str) {
    let ann = json!({ "name": "ann", "email": format!("ann@{name}.example"), "administrator": true });
    kit.apply(Kind::Organization, name, json!({ "displayName": name, "users": [ann] })).await;
}

async fn is_ready(kit: &Kit, kind: Kind, name: &str) {
    kit.until_it_says(kind, name, "Ready", "True ReconciliationSucceeded").await;
}

async fn is_refused(kit: &Kit, kind: Kind, name: &str) -> Json {
    kit.until_it_says(kind, name, "Stalled", "True InvalidSpec").await
}

/// Events with a reason, each as `Type Kind/name ×count: note`, sorted.
async fn events(kit: &Kit, reason: &str) -> Vec<String> {
    let line = |event: Event| {
        let about = event.regarding.unwrap_or_default();
        let times = event.series.map_or(1, |series| series.count);
        let (kind, name) = (about.kind.unwrap_or_default(), about.name.unwrap_or_default());
        format!("{} {kind}/{name} ×{times}: {}", event.type_.unwrap_or_default(), event.note.unwrap_or_default())
    };
    let events = Api::<Event>::namespaced(kit.client.clone(), &kit.namespace).list(&ListParams::default()).await.unwrap();
    let mut lines: Vec<_> = events.items.into_iter().filter(|e| e.reason.as_deref() == Some(reason)).map(line).collect();
    lines.sort();
    lines
}

/// Waits until there are so many events with a reason.
async fn until_events(kit: &Kit, reason: &str, count: usize) -> Vec<String> {
    for _ in 0..600 {
        let found = events(kit, reason).await;
        if found.len() >= count {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{reason}: {:#?}", events(kit, reason).await);
}

/// Asks for a look, and waits until it was taken.
async fn look(kit: &Kit, moment: &str) {
    kit.annotate(Kind::Organization, "acme", "tenantry.dev/reconcile-requested-at", Some(moment)).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_document_that_is_not_taken_in_is_told_of_once_and_those_that_wait_for_it_are_not() {
    let (kit, process) = kit().await;
    let eve = json!({ "organization": "acme", "email": "eve@acme.example", "groups": ["nowhere"] });
    kit.apply(Kind::User, "eve", eve.clone()).await;
    kit.apply(Kind::User, "lost", json!({ "organization": "nobody", "email": "lost@nobody.example" })).await;
    for (kind, name) in [(Kind::User, "eve"), (Kind::User, "lost"), (Kind::User, "bob"), (Kind::Organization, "acme")] {
        is_refused(&kit, kind, name).await;
    }
    let told = until_events(&kit, "Refused", 3).await;
    assert!(told[0].starts_with("Warning Organization/acme ×1: M031 "), "{told:#?}");
    assert!(told[1].starts_with("Warning User/eve ×1: M031 "), "{told:#?}");
    assert!(told[2].starts_with("Warning User/lost ×1: M032"), "{told:#?}");
    let logged = |process: &Process, of: &str| process.lines(&["WARN", "it is not taken in", &format!("{}/{of}", kit.namespace)]).len();
    look(&kit, "2030-01-01T00:00:00Z").await;
    for (of, times) in [("Organization/acme", 1), ("User/eve", 1), ("User/lost", 1), ("User/bob", 0)] {
        assert_eq!(logged(&process, of), times, "{of}: {}", process.log());
    }
    // Whoever begins anew finds it said.
    drop(process);
    let process = start(&kit);
    process.says(&["began to lead"]).await;
    look(&kit, "2030-01-02T00:00:00Z").await;
    assert_eq!(events(&kit, "Refused").await, told);
    assert_eq!(process.lines(&["it is not taken in"]), [""; 0]);
    // Mended and broken again it is news.
    kit.apply(Kind::User, "eve", json!({ "organization": "acme", "email": "eve@acme.example", "groups": [] })).await;
    is_ready(&kit, Kind::User, "eve").await;
    is_ready(&kit, Kind::Organization, "acme").await;
    kit.apply(Kind::User, "eve", eve).await;
    is_refused(&kit, Kind::User, "eve").await;
    process.says(&["it is not taken in", "User/eve"]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_customer_who_is_let_go_of_and_stays_in_the_portal_is_told_of() {
    let (kit, process) = kit().await;
    let api = |kind| Api::<kube::api::DynamicObject>::namespaced_with(kit.client.clone(), &kit.namespace, &resource(kind));
    customer(&kit, "beta").await;
    is_ready(&kit, Kind::Organization, "beta").await;
    api(Kind::Organization).delete("acme", &DeleteParams::default()).await.unwrap();
    kit.until(Kind::Organization, "acme", Json::is_null).await;
    let note = "tenant acme is kept in portal main with 3 resources, 2 users included, for its `deletionPolicy` is Orphan; nobody manages it there any more";
    assert_eq!(until_events(&kit, "Kept", 1).await, [format!("Normal Organization/acme ×1: {note}")]);
    assert_eq!(process.lines(&["was let go of", note]).len(), 1, "{}", process.log());
    // One that nobody held goes without a word to us: the portal tells of it.
    kit.annotate(Kind::Organization, "beta", "tenantry.dev/paused", Some("true")).await;
    kit.until_it_says(Kind::Organization, "beta", "Ready", "Unknown Suspended").await;
    let freed = kube::api::Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    api(Kind::Organization).patch("beta", &kube::api::PatchParams::default(), &freed).await.unwrap();
    api(Kind::Organization).delete("beta", &DeleteParams::default()).await.unwrap();
    let told = until_events(&kit, "Kept", 2).await;
    let kept = "tenant beta is no longer declared for this portal: it is kept whole with its 2 resources, users included";
    assert!(told[1].starts_with(&format!("Normal Portal/main ×1: {kept}")), "{told:#?}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(process.lines(&[kept]).len(), 1, "{}", process.log());
    assert_eq!(events(&kit, "Kept").await, told, "once");
    let listed = kit.tenantry(&["ledger", "list"]).await.exits(0);
    assert!(listed.out.contains("acme/user/ann") && listed.out.contains("beta/user/ann"), "{}", listed.said());
}
