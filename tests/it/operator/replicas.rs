//! Two replicas: exactly one acts, and the other one takes over knowing all.

use std::sync::atomic::Ordering;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use serde_json::json;
use tenantry::model::Kind;

use super::stand::{Setup, Stand, until};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn of_two_replicas_exactly_one_acts_and_the_other_one_goes_on_where_it_ends() {
    let stand = Stand::with(Setup { ledger_in_cluster: true, no_operator: true, ..Setup::default() }).await;
    let (one, two) = (stand.begin(Duration::ZERO).await, stand.begin(Duration::ZERO).await);
    let leads = async || [&one, &two].iter().any(|o| o.leads.load(Ordering::SeqCst)).then_some(());
    until(leads, || "nobody leads".to_owned()).await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "interval": "1s" })).await;
    for customer in ["acme", "beta"] {
        stand.customer(customer).await;
    }
    stand.user("bob", "acme").await;
    stand.ready(Kind::User, "bob").await;
    for customer in ["acme", "beta"] {
        stand.ready(Kind::Organization, customer).await;
    }
    assert!(one.fence.is_open() != two.fence.is_open(), "one of them leads, and one alone");
    let (leader, standby) = if one.fence.is_open() { (one, two) } else { (two, one) };
    let made = ["create acme/organization/acme", "create acme/user/ann", "create acme/user/bob"];
    let made: Vec<_> = made.into_iter().chain(["create beta/organization/beta", "create beta/user/ann"]).collect();
    assert_eq!(leader.portal.took(), made);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((standby.portal.reads(), standby.portal.took()), (0, vec![]), "whoever stands by asks the portal for nothing");

    let reads = leader.portal.reads();
    let ended = std::sync::Arc::clone(&leader.portal);
    leader.end().await;
    standby.lead().await;
    stand.patch(Kind::User, "bob", json!({ "spec": { "firstName": "Bob" } })).await;
    until(async || (standby.portal.performed() == ["update acme/user/bob"]).then_some(()), || format!("{:?}", standby.portal.performed()))
        .await;
    stand.until(Kind::User, "bob", |o| o["metadata"]["generation"] == 2 && super::stand::is_ready(o)).await;
    assert_eq!(ended.took(), [""; 0], "the one that ended calls nothing any more");
    assert!(ended.reads() <= reads + 2, "nor looks");
    standby.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_lease_that_somebody_deletes_is_taken_again_and_nothing_is_done_twice() {
    let stand = Stand::with(Setup { ledger_in_cluster: true, ..Setup::default() }).await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    stand.customer("acme").await;
    stand.ready(Kind::Organization, "acme").await;
    let leases = Api::<Lease>::namespaced(stand.client.clone(), &stand.namespace);
    let lease = leases.list(&ListParams::default()).await.unwrap().items.pop().expect("whoever leads has a lease").metadata;
    leases.delete(lease.name.as_deref().unwrap(), &DeleteParams::default()).await.unwrap();
    let again = async || {
        let now = leases.list(&ListParams::default()).await.unwrap().items.pop()?;
        (now.metadata.uid != lease.uid).then_some(())
    };
    until(again, || "nobody leads any more".to_owned()).await;
    stand.user("bob", "acme").await;
    stand.ready(Kind::User, "bob").await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), ["create acme/organization/acme", "create acme/user/ann", "create acme/user/bob"]);
    stand.end().await;
}
