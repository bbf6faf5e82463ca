//! Two thousand custom resources.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use kube::api::ListParams;
use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::stand::{Setup, Stand, is_ready};

const CUSTOMERS: usize = 100;
/// In documents of their own; and one is inline.
const USERS: usize = 19;

/// Two thousand on a machine that is busy.
const LONG: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn two_thousand_resources_are_made_once_each_and_become_ready() {
    let stand = Stand::with(Setup { ledger_in_cluster: true, ..Setup::default() }).await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    let begun = Instant::now();
    let customers = 0..CUSTOMERS;
    let declared = customers.map(|n| {
        let stand = &stand;
        async move {
            let customer = format!("c{n:03}");
            stand.customer(&customer).await;
            for user in 0..USERS {
                let email = format!("u{user:02}@{customer}.example");
                let spec = json!({ "organization": customer, "name": format!("u{user:02}"), "email": email });
                stand.apply(Kind::User, &format!("{customer}-u{user:02}"), spec).await;
            }
        }
    });
    stream::iter(declared).buffer_unordered(16).for_each(async |()| ()).await;
    loop {
        let mut left = Vec::new();
        for kind in [Kind::Organization, Kind::User] {
            let all = stand.api(kind).list(&ListParams::default()).await.unwrap().items;
            left.extend(all.into_iter().map(|o| serde_json::to_value(o).unwrap()).filter(|o| !is_ready(o)));
        }
        if left.is_empty() {
            break;
        }
        assert!(begun.elapsed() < LONG, "{} are not ready, such as {:#}", left.len(), left[0]);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let took = stand.portal().took();
    let distinct: std::collections::BTreeSet<_> = took.iter().collect();
    assert_eq!((took.len(), distinct.len()), (CUSTOMERS * (USERS + 2), CUSTOMERS * (USERS + 2)), "each is made once");
    assert!(took.iter().all(|line| line.starts_with("create ")));
    stand.at_rest().await;
    // One of them changes: that one is called for, and its customer alone is looked at.
    let (reads, mark) = (stand.portal().reads(), stand.mark().await);
    stand.patch(Kind::User, "c050-u07", json!({ "spec": { "firstName": "Lucky" } })).await;
    stand.until(Kind::User, "c050-u07", |o: &Json| o["metadata"]["generation"] == 2 && is_ready(o)).await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), ["update c050/user/u07"]);
    // Looked at, planned again under the lock, planned again after it.
    assert!(stand.portal().reads() - reads <= 3, "{} readings", stand.portal().reads() - reads);
    let wrote = stand.wrote(mark).await;
    let others: Vec<_> = wrote.iter().filter(|line| line.contains("/c") && !line.contains("c050")).collect();
    assert!(others.is_empty(), "nothing is written of others: {others:#?}");
    stand.end().await;
}
