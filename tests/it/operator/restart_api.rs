//! The API server starts again, and is away meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tenantry::model::Kind;

use super::restart::in_step;
use super::stand::{Setup, is_ready, until};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn an_api_server_that_starts_again_finds_an_operator_that_goes_on() {
    let stand = in_step(Setup { own_cluster: true, ..Setup::default() }).await;
    stand.portal().took();
    let reads = stand.portal().reads();
    let cluster = Arc::clone(&stand.cluster);
    tokio::task::spawn_blocking(move || {
        cluster.stop();
        std::thread::sleep(Duration::from_secs(3));
        cluster.start_again();
    })
    .await
    .unwrap();
    stand.user("eve", "beta").await;
    stand.ready(Kind::User, "eve").await;
    stand.patch(Kind::User, "bob", json!({ "spec": { "firstName": "Bob" } })).await;
    stand.until(Kind::User, "bob", |o| o["metadata"]["generation"] == 2 && is_ready(o)).await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), ["create beta/user/eve", "update acme/user/bob"]);
    assert!(stand.portal().reads() > reads);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn while_no_api_server_answers_the_portal_is_not_called() {
    let stand = in_step(Setup { own_cluster: true, ..Setup::default() }).await;
    stand.patch(Kind::Portal, "main", json!({ "spec": { "interval": "1s" } })).await;
    stand.ready(Kind::Portal, "main").await;
    stand.portal().took();
    let bob = super::stand::id(&stand.ready(Kind::User, "bob").await);
    let cluster = Arc::clone(&stand.cluster);
    tokio::task::spawn_blocking(move || cluster.stop()).await.unwrap();
    // Without its ledger it puts nothing right: it could not say what it did.
    stand.door().delete_object(&bob).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(stand.portal().performed(), [""; 0]);
    let cluster = Arc::clone(&stand.cluster);
    tokio::task::spawn_blocking(move || cluster.start_again()).await.unwrap();
    until(async || (stand.portal().performed() == ["create acme/user/bob"]).then_some(()), || format!("{:?}", stand.portal().performed()))
        .await;
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn an_api_server_that_goes_in_the_middle_of_an_apply_leaves_nothing_undone_and_nothing_done_twice() {
    let mut stand = in_step(Setup { own_cluster: true, ..Setup::default() }).await;
    stand.stop().await;
    stand.patch(Kind::Portal, "main", json!({ "spec": { "parallelism": 2 } })).await;
    let names: Vec<String> = (0..8).map(|n| format!("user-{n}")).collect();
    for name in &names {
        stand.user(name, "acme").await;
    }
    let slow = stand.begin(Duration::from_millis(700)).await;
    until(async || (slow.portal.performed().len() >= 3).then_some(()), || "nothing begins".to_owned()).await;
    let cluster = Arc::clone(&stand.cluster);
    tokio::task::spawn_blocking(move || {
        cluster.stop();
        std::thread::sleep(Duration::from_secs(3));
        cluster.start_again();
    })
    .await
    .unwrap();
    for name in &names {
        stand.ready(Kind::User, name).await;
    }
    stand.at_rest().await;
    slow.end().await;
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    let all = stand.door().audit().unwrap();
    for line in all.iter().filter(|line| line.action == "create" && line.address.contains("/user/user-")) {
        *made.entry(line.address.clone()).or_default() += 1;
    }
    assert_eq!(made.len(), names.len(), "{all:#?}");
    assert!(made.values().all(|times| *times == 1), "{made:?}");
}
