//! A backup that lacks the key of the secrets' MACs: the operator says so before it does anything, and goes on where it was once the key is back.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::super::leader::{Operator, Scene};
use super::super::restart_backup::{restore, saved, shards};
use super::super::stand::{id, is_ready, resource, until};
use crate::servers::kubernetes::Cluster;
use crate::support::program::{PROGRAM, command};

const KEY: &str = "tenantry-mac-key";
const PATIENCE: Duration = Duration::from_secs(60);

fn secrets(scene: &Scene) -> Api<Secret> {
    Api::namespaced(scene.client.clone(), &scene.namespace)
}

/// An operator of a scene, with the embedded portal of another one.
fn started(scene: &Scene, portal_of: &Scene) -> Operator {
    let mut program = command(PROGRAM);
    program.args(["operator", "--namespace", &scene.namespace, "--watch-namespace", &scene.namespace, "--listen", "127.0.0.1:0"]);
    program.arg("--kubeconfig").arg(Cluster::shared().kubeconfig_file());
    program.arg("--state-dir").arg(portal_of.folder.path()).env("TENANTRY_LOG", "tenantry=info");
    Operator::start(program)
}

async fn ready(scene: &Scene, operator: &Operator, kind: Kind, name: &str) -> Json {
    let found = async || {
        let object = serde_json::to_value(scene.api(kind).get_opt(name).await.unwrap()?).unwrap();
        is_ready(&object).then_some(object)
    };
    until(found, || format!("{kind} {name} is never ready: {:#?}", operator.said.lock().unwrap())).await
}

async fn copy_secret(from: &Scene, to: &Scene, name: &str) {
    let Secret { data, immutable, type_, .. } = secrets(from).get(name).await.unwrap();
    let mut copy = Secret { data, immutable, type_, ..Secret::default() };
    copy.metadata.name = Some(name.to_owned());
    secrets(to).create(&PostParams::default(), &copy).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn without_the_key_of_its_macs_a_restored_ledger_is_not_worked_with() {
    let scene = Scene::new().await;
    let token: Secret = serde_json::from_value(json!({ "metadata": { "name": "hook" }, "stringData": { "token": "a-token" } })).unwrap();
    secrets(&scene).create(&PostParams::default(), &token).await.unwrap();
    scene.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    scene.apply(Kind::Organization, "acme", json!({ "displayName": "Acme" })).await;
    let token = json!({ "token": { "secretKeyRef": { "name": "hook", "key": "token" } } });
    let hook = json!({ "organization": "acme", "type": "webhook", "displayName": "Hook", "secrets": token });
    scene.apply(Kind::Integration, "hook", hook).await;
    let mut first = started(&scene, &scene);
    let before = ready(&scene, &first, Kind::Integration, "hook").await;
    first.signal("-TERM");
    assert_eq!(first.ends(PATIENCE).await, Some(0));

    // Another cluster, as far as anybody there can tell: other uids, no status, and no key.
    let other = Scene::new().await;
    copy_secret(&scene, &other, "hook").await;
    for kind in std::iter::once(shards()).chain(Kind::ALL.map(resource)) {
        let objects = saved(&scene.client, &scene.namespace, &kind).await;
        restore(&other.client, &other.namespace, &kind, &objects).await;
    }
    let mut second = started(&other, &scene);
    let code = second.ends(PATIENCE).await;
    let said = second.said.lock().unwrap().join("\n");
    assert!(code.is_some_and(|code| code != 0), "{code:?}: {said}");
    assert!(said.contains(KEY) && said.contains("restore"), "{said}");
    assert!(secrets(&other).get_opt(KEY).await.unwrap().is_none(), "no new key is made");

    copy_secret(&scene, &other, KEY).await;
    let third = started(&other, &scene);
    let after = ready(&other, &third, Kind::Integration, "hook").await;
    assert_eq!(id(&after), id(&before));
    assert!(after["status"]["lastAppliedTime"].is_null(), "nothing was sent: {after:#}");
    // What was restored is no other installation's: it is changed and deleted here.
    other.api(Kind::Integration).delete("hook", &DeleteParams::default()).await.unwrap();
    let gone = async || other.api(Kind::Integration).get_opt("hook").await.unwrap().is_none().then_some(());
    until(gone, || format!("it stays: {:#?}", third.said.lock().unwrap())).await;
}
