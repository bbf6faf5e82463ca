//! A leader whose machine stands still for longer than its lease, and goes on as if nothing had happened.

use std::time::{Duration, Instant};

use serde_json::json;

use super::super::leader::{Operator, Scene, USERS};
use crate::servers::kubernetes::Cluster;

/// A leader that is frozen between two of its calls, and the one that leads after it.
async fn frozen() -> (Scene, Operator, Operator) {
    let scene = Scene::new().await;
    let kubeconfig = Cluster::shared().kubeconfig_file();
    let first = scene.operator("first", &kubeconfig);
    first.until("began to lead", Duration::from_secs(30)).await;
    let second = scene.operator("second", &kubeconfig);
    second.until("another instance leads", Duration::from_secs(30)).await;
    let slow = json!({ "on": { "method": "POST", "path": "/api/v1/tenants/*/users" }, "do": { "kind": "latency", "millis": 1000 } });
    scene.sandbox.faults(json!([slow])).await;
    scene.declare().await;
    let begun = Instant::now();
    while scene.creations() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(30), "no user is asked for: {}", scene.trouble(&first).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    first.signal("-STOP");
    second.until("began to lead", Duration::from_secs(30)).await;
    (scene, first, second)
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_leader_that_stood_still_calls_nobody_when_it_goes_on_after_the_other_one_ended_its_work() {
    let (scene, first, _second) = frozen().await;
    scene.until_all_is_there(Duration::from_secs(120)).await;
    let writes = || scene.proxy.asked().into_iter().filter(|line| !line.starts_with("GET ")).count();
    let before = writes();
    first.signal("-CONT");
    first.until("ceased to lead", Duration::from_secs(20)).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(writes(), before, "{:#?}", scene.proxy.asked());
    assert!(scene.creations() <= USERS.len() + 1, "{:#?}", scene.proxy.asked());
    scene.until_all_is_there(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_leader_that_goes_on_just_when_another_one_leads_doubles_nothing() {
    let (scene, first, second) = frozen().await;
    first.signal("-CONT");
    first.until("ceased to lead", Duration::from_secs(20)).await;
    scene.until_all_is_there(Duration::from_secs(120)).await;
    assert!(scene.creations() <= USERS.len() + 1, "{:#?}", scene.proxy.asked());
    tokio::time::sleep(Duration::from_secs(3)).await;
    let begun_again = |operator: &Operator| operator.said.lock().unwrap().iter().filter(|line| line.contains("began to lead")).count();
    assert_eq!((begun_again(&first), begun_again(&second)), (1, 1), "who leads goes on leading");
}
