//! Where documents may stand, and what they may name from there.

use serde_json::json;
use tenantry::model::Kind;

use super::stand::{Setup, Stand, is_ready, says, words};

async fn two() -> Stand {
    let stand = Stand::with(Setup { beside: 1, ..Setup::default() }).await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    stand
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_user_in_a_foreign_namespace_counts_only_where_the_customer_allows_it() {
    let stand = two().await;
    let beside = &stand.beside[0];
    stand.customer("acme").await;
    stand.ready(Kind::Organization, "acme").await;
    stand.portal().took();
    stand.apply_in(beside, Kind::User, "eve", json!({ "organization": "acme", "email": "eve@acme.example", "administrator": true })).await;
    let eve = stand.until_in(beside, Kind::User, "eve", |o| says(o, "Stalled") == "True InvalidSpec").await;
    assert!(words(&eve, "Stalled").contains("`tenantry.dev/allow-from` does not name"), "{eve:#}");
    assert_eq!(eve["metadata"]["finalizers"], json!(null), "what counts for nothing is not held");
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    assert!(is_ready(&stand.get(Kind::Organization, "acme").await), "a stranger's document costs the customer nothing");

    stand.annotate(Kind::Organization, "acme", "tenantry.dev/allow-from", &format!("elsewhere, {beside}")).await;
    stand.until_in(beside, Kind::User, "eve", is_ready).await;
    assert_eq!(stand.portal().took(), ["create acme/user/eve"]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_portal_serves_its_own_namespace_and_those_that_it_allows() {
    let stand = two().await;
    let beside = &stand.beside[0];
    let ann = json!({ "name": "ann", "email": "ann@acme.example", "administrator": true });
    stand.apply_in(beside, Kind::Organization, "acme", json!({ "displayName": "Acme", "users": [ann] })).await;
    let acme = stand.until_in(beside, Kind::Organization, "acme", |o| says(o, "Ready") == "False DependencyNotReady").await;
    assert!(words(&acme, "Ready").contains("no Portal serves acme"), "{acme:#}");
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.annotate(Kind::Portal, "main", "tenantry.dev/allow-from", "*").await;
    stand.until_in(beside, Kind::Organization, "acme", is_ready).await;
    assert_eq!(stand.portal().took(), ["create acme/organization/acme", "create acme/user/ann"]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn of_two_customers_of_one_name_the_older_keeps_it() {
    let stand = two().await;
    let beside = &stand.beside[0];
    stand.annotate(Kind::Portal, "main", "tenantry.dev/allow-from", "*").await;
    stand.customer("acme").await;
    stand.ready(Kind::Organization, "acme").await;
    stand.portal().took();
    // Times of creation have whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let eve = json!({ "name": "eve", "email": "eve@evil.example", "administrator": true });
    stand.apply_in(beside, Kind::Organization, "acme", json!({ "displayName": "Evil", "users": [eve] })).await;
    let other = stand.until_in(beside, Kind::Organization, "acme", |o| says(o, "Stalled") == "True InvalidSpec").await;
    assert!(words(&other, "Stalled").contains(&format!("namespace {} has an organization `acme` already", stand.namespace)), "{other:#}");
    stand.at_rest().await;
    assert!(is_ready(&stand.get(Kind::Organization, "acme").await));
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn what_belongs_to_the_msp_itself_stands_in_its_own_namespace() {
    let stand = two().await;
    let beside = &stand.beside[0];
    stand.annotate(Kind::Portal, "main", "tenantry.dev/allow-from", "*").await;
    let eve = json!({ "organization": "msp", "email": "eve@evil.example", "administrator": true });
    stand.apply_in(beside, Kind::User, "eve", eve).await;
    let eve = stand.until_in(beside, Kind::User, "eve", |o| says(o, "Stalled") == "True InvalidSpec").await;
    assert!(words(&eve, "Stalled").contains("what belongs to the MSP itself stands in namespace"), "{eve:#}");
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_secret_is_read_in_the_namespace_of_who_names_it_and_never_from_the_operators_own_variables() {
    let stand = two().await;
    let beside = &stand.beside[0];
    stand.secret("cloud", json!({ "key": "swordfish" })).await;
    stand.annotate(Kind::Portal, "main", "tenantry.dev/allow-from", "*").await;
    let ann = json!({ "name": "ann", "email": "ann@acme.example", "administrator": true });
    stand.apply_in(beside, Kind::Organization, "acme", json!({ "displayName": "Acme", "users": [ann] })).await;
    stand.until_in(beside, Kind::Organization, "acme", is_ready).await;
    let cloud =
        |secret: serde_json::Value| json!({ "organization": "acme", "type": "aws", "displayName": "Cloud", "secrets": { "key": secret } });
    stand.apply_in(beside, Kind::Integration, "cloud", cloud(json!({ "secretKeyRef": { "name": "cloud", "key": "key" } }))).await;
    let said = stand.until_in(beside, Kind::Integration, "cloud", |o| says(o, "Ready").starts_with("False ")).await;
    assert!(said.to_string().contains(&format!("there is no Secret cloud in namespace {beside}")), "{said:#}");
    let mark = stand.mark().await;
    stand.apply_in(beside, Kind::Integration, "cloud", cloud(json!({ "env": "PATH" }))).await;
    let said = stand.until_in(beside, Kind::Integration, "cloud", |o| words(o, "Stalled").contains("named by `secretKeyRef`")).await;
    assert_eq!(says(&said, "Stalled"), "True InvalidSpec");
    stand.at_rest().await;
    let all = stand.asked(mark).await;
    assert!(!all.iter().any(|line| line.contains(&format!("secrets {}/", stand.namespace))), "{all:#?}");
    assert!(!stand.portal().performed().iter().any(|line| line.contains("integration")), "{:?}", stand.portal().performed());
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn an_operator_that_watches_all_namespaces_hears_of_those_that_come() {
    let stand = Stand::with(Setup { own_cluster: true, everywhere: true, ..Setup::default() }).await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    stand.annotate(Kind::Portal, "main", "tenantry.dev/allow-from", "*").await;
    for customer in ["acme", "beta"] {
        let namespace = stand.cluster.namespace().await;
        stand.apply_in(&namespace, Kind::Organization, customer, json!({ "displayName": customer })).await;
        stand.until_in(&namespace, Kind::Organization, customer, is_ready).await;
    }
    assert_eq!(stand.portal().took(), ["create acme/organization/acme", "create beta/organization/beta"]);
    stand.at_rest().await;
    stand.end().await;
}
