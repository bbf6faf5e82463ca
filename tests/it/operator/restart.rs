//! The operator starts again, at rest and in the middle.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tenantry::model::Kind;

use super::stand::{Setup, Stand, until};

/// A cluster's ledger, two customers, nothing under way.
pub(super) async fn in_step(setup: Setup) -> Stand {
    let stand = Stand::with(Setup { ledger_in_cluster: true, ..setup }).await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    for customer in ["acme", "beta"] {
        stand.customer(customer).await;
    }
    stand.user("bob", "acme").await;
    stand.ready(Kind::User, "bob").await;
    for customer in ["acme", "beta"] {
        stand.ready(Kind::Organization, customer).await;
    }
    stand.at_rest().await;
    stand
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn an_operator_that_starts_again_at_rest_lists_and_looks_and_writes_nothing() {
    let mut stand = in_step(Setup::default()).await;
    stand.stop().await;
    let (before, mark) = (everything(&stand).await, stand.mark().await);
    stand.start().await;
    stand.operator().lead().await;
    until(async || (stand.portal().reads() > 0).then_some(()), || "nobody looks".to_owned()).await;
    stand.at_rest().await;
    assert_eq!(stand.wrote(mark).await, [""; 0]);
    assert_eq!(stand.portal().took(), [""; 0]);
    assert_eq!(everything(&stand).await, before, "not even a time is another");
    // Each kind is listed and watched once, and so are Secrets.
    let asked = stand.asked(mark).await;
    for kind in Kind::ALL {
        let plural = super::stand::resource(kind).plural;
        let lists = asked.iter().filter(|line| line.starts_with(&format!("list {plural}.tenantry.dev "))).count();
        let watches = asked.iter().filter(|line| line.starts_with(&format!("watch {plural}.tenantry.dev "))).count();
        assert_eq!((lists, watches), (1, 1), "{kind}: {asked:#?}");
    }
    stand.end().await;
}

/// All objects, with their versions.
async fn everything(stand: &Stand) -> Vec<String> {
    let mut all = Vec::new();
    for kind in Kind::ALL {
        for object in stand.api(kind).list(&kube::api::ListParams::default()).await.unwrap() {
            all.push(serde_json::to_string(&object).unwrap());
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn what_changed_while_no_operator_ran_is_done_by_the_next_one_and_nothing_else_is() {
    let mut stand = in_step(Setup::default()).await;
    stand.stop().await;
    stand.patch(Kind::User, "bob", json!({ "spec": { "firstName": "Bob" } })).await;
    stand.user("eve", "beta").await;
    stand.delete(Kind::User, "bob").await;
    stand.user("cleo", "acme").await;
    stand.start().await;
    stand.until_gone(Kind::User, "bob").await;
    stand.ready(Kind::User, "eve").await;
    stand.ready(Kind::User, "cleo").await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), ["create acme/user/cleo", "create beta/user/eve", "delete acme/user/bob"]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn an_operator_that_ends_in_the_middle_finishes_its_calls_and_the_next_one_does_the_rest() {
    let mut stand = in_step(Setup::default()).await;
    stand.stop().await;
    stand.patch(Kind::Portal, "main", json!({ "spec": { "parallelism": 2 } })).await;
    let names: Vec<String> = (0..12).map(|n| format!("user-{n:02}")).collect();
    for name in &names {
        stand.user(name, "acme").await;
    }
    let first = stand.begin(Duration::from_millis(400)).await;
    let portal = Arc::clone(&first.portal);
    until(async || (portal.performed().len() >= 2).then_some(()), || "nothing begins".to_owned()).await;
    first.end().await;
    let done = portal.performed();
    assert!(done.len() < names.len(), "it does not go on to the end: {done:?}");
    stand.start().await;
    for name in &names {
        stand.ready(Kind::User, name).await;
    }
    stand.at_rest().await;
    let mut all: Vec<_> = done.into_iter().chain(stand.portal().took()).collect();
    all.sort();
    assert_eq!(all, names.iter().map(|name| format!("create acme/user/{name}")).collect::<Vec<_>>(), "each once");
    stand.end().await;
}
