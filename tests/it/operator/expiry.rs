//! Watches that expire (410 Gone): what happened meanwhile is found out by listing, deletions among it.

use std::sync::Arc;

use kube::api::DeleteParams;
use serde_json::json;
use tenantry::model::Kind;

use super::stand::{Setup, Stand, until};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn what_was_deleted_while_a_watch_was_broken_and_forgotten_is_taken_away_all_the_same() {
    let stand = Stand::with(Setup { own_cluster: true, ..Setup::default() }).await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    stand.customer("acme").await;
    for name in ["bob", "cleo", "dan"] {
        stand.user(name, "acme").await;
        stand.ready(Kind::User, name).await;
    }
    stand.ready(Kind::Organization, "acme").await;
    stand.at_rest().await;
    stand.portal().took();
    let mark = stand.mark().await;

    // The API server goes; what is stored changes; what was is forgotten; and it is back.
    let cluster = Arc::clone(&stand.cluster);
    let key = format!("/registry/tenantry.dev/users/{}/bob", stand.namespace);
    tokio::task::spawn_blocking(move || {
        cluster.stop();
        cluster.delete_stored(&key);
        cluster.forget_what_was();
        cluster.start_again();
    })
    .await
    .unwrap();
    let gone = async || (stand.portal().performed() == ["delete acme/user/bob"]).then_some(());
    until(gone, || format!("the deletion was missed: {:?}", stand.portal().performed())).await;
    stand.at_rest().await;
    let asked = stand.asked(mark).await;
    let lists = asked.iter().filter(|line| line.starts_with("list users.tenantry.dev ")).count();
    assert!(lists >= 1, "its watch expired, so it lists: {asked:#?}");

    // The watches that began then are as good as the first.
    stand.api(Kind::User).delete("cleo", &DeleteParams::default()).await.unwrap();
    stand.until_gone(Kind::User, "cleo").await;
    stand.user("eve", "acme").await;
    stand.ready(Kind::User, "eve").await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), ["create acme/user/eve", "delete acme/user/bob", "delete acme/user/cleo"]);
    stand.end().await;
}
