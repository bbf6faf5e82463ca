//! A document that somebody deletes goes, whatever else is gone.

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;
use tenantry::model::Kind;

use super::stand::{Setup, Stand, says, until};

const FINALIZER: &str = "tenantry.dev/finalizer";

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn documents_go_when_the_portal_went_before_them() {
    let stand = Stand::new().await;
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    stand.customer("acme").await;
    stand.user("bob", "acme").await;
    let bob = stand.ready(Kind::User, "bob").await;
    assert_eq!(bob["metadata"]["finalizers"], json!([FINALIZER]));
    stand.portal().took();
    stand.delete(Kind::Portal, "main").await;
    stand.until_gone(Kind::Portal, "main").await;
    stand.until(Kind::User, "bob", |o| says(o, "Ready") == "False DependencyNotReady").await;
    stand.delete(Kind::User, "bob").await;
    stand.delete(Kind::Organization, "acme").await;
    stand.until_gone(Kind::User, "bob").await;
    stand.until_gone(Kind::Organization, "acme").await;
    assert_eq!(stand.portal().took(), [""; 0], "nothing was called for it");
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn documents_go_when_the_secret_of_their_portal_is_gone() {
    let stand = Stand::with(Setup { profiles: Some("tests/profiles".into()), ..Setup::default() }).await;
    let token = json!({ "token": { "secretKeyRef": { "name": "key", "key": "token" } } });
    // Nobody listens there; nobody is asked either.
    let portal = json!({ "profile": "sandbox-api.yaml", "endpoint": "http://127.0.0.1:9", "credentials": token });
    stand.apply(Kind::Portal, "main", portal).await;
    stand.customer("acme").await;
    stand.user("bob", "acme").await;
    let bob = stand.until(Kind::User, "bob", |o| says(o, "Ready").starts_with("False ") && says(o, "Stalled") != "-").await;
    assert!(bob.to_string().contains("there is no Secret key in namespace"), "{bob:#}");
    stand.until(Kind::User, "bob", |o| o["metadata"]["finalizers"] == json!([FINALIZER])).await;
    stand.delete(Kind::User, "bob").await;
    stand.delete(Kind::Organization, "acme").await;
    stand.until_gone(Kind::User, "bob").await;
    stand.until_gone(Kind::Organization, "acme").await;
    assert_eq!(stand.operator().requests.count("GET"), 0);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn documents_go_when_the_secret_of_their_portal_went_after_they_were_ready() {
    let profile = super::portals::profile();
    let sandbox = crate::sandbox::api_kit::Sandbox::play(profile).await;
    let stand = Stand::with(Setup { profiles: Some("tests/profiles".into()), ..Setup::default() }).await;
    stand.secret("key", json!({ "token": sandbox.operator })).await;
    stand.apply(Kind::Portal, "main", super::portals::rest(&sandbox.base)).await;
    stand.customer("acme").await;
    stand.user("bob", "acme").await;
    stand.ready(Kind::User, "bob").await;
    let secrets = Api::<Secret>::namespaced(stand.client.clone(), &stand.namespace);
    secrets.delete("key", &DeleteParams::default()).await.unwrap();
    stand.until(Kind::User, "bob", |o| says(o, "Stalled") == "True AccessDenied").await;
    stand.delete(Kind::User, "bob").await;
    stand.until_gone(Kind::User, "bob").await;
    stand.delete(Kind::Organization, "acme").await;
    stand.until_gone(Kind::Organization, "acme").await;
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes_controllers), ignore = "needs Kubernetes with its controllers: run tests/servers/install")]
async fn a_namespace_that_is_deleted_goes_with_its_customers() {
    let stand = Stand::with(Setup { beside: 1, ..Setup::default() }).await;
    tokio::task::spawn_blocking({
        let cluster = std::sync::Arc::clone(&stand.cluster);
        move || cluster.start_controllers()
    })
    .await
    .unwrap();
    let beside = &stand.beside[0];
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded" })).await;
    stand.annotate(Kind::Portal, "main", "tenantry.dev/allow-from", beside).await;
    let ann = json!({ "name": "ann", "email": "ann@acme.example", "administrator": true });
    stand.apply_in(beside, Kind::Organization, "acme", json!({ "displayName": "Acme", "users": [ann] })).await;
    stand.apply_in(beside, Kind::User, "bob", json!({ "organization": "acme", "email": "bob@acme.example" })).await;
    stand.until_in(beside, Kind::User, "bob", super::stand::is_ready).await;
    let namespaces = Api::<Namespace>::all(stand.client.clone());
    namespaces.delete(beside, &DeleteParams::default()).await.unwrap();
    let gone = async || namespaces.get_opt(beside).await.unwrap().is_none().then_some(());
    until(gone, || format!("namespace {beside} stays")).await;
    assert!(!stand.portal().performed().contains(&"delete acme/organization/acme".to_owned()), "{:?}", stand.portal().performed());
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_portal_that_does_not_answer_is_waited_for_until_somebody_pauses_the_document() {
    let sandbox = crate::sandbox::api_kit::Sandbox::play(super::portals::profile()).await;
    let stand = Stand::with(Setup { profiles: Some("tests/profiles".into()), ..Setup::default() }).await;
    stand.secret("key", json!({ "token": sandbox.operator })).await;
    stand.apply(Kind::Portal, "main", super::portals::rest(&sandbox.base)).await;
    stand.customer("acme").await;
    for name in ["bob", "cleo"] {
        stand.user(name, "acme").await;
        stand.ready(Kind::User, name).await;
    }
    drop(sandbox);
    stand.delete(Kind::User, "bob").await;
    stand.delete(Kind::User, "cleo").await;
    let bob = stand.until(Kind::User, "bob", |o| says(o, "Ready") == "False ReconciliationFailed").await;
    assert_eq!(bob["metadata"]["finalizers"], json!([FINALIZER]), "so that somebody sees that it still has access");
    stand.annotate(Kind::User, "bob", "tenantry.dev/paused", "true").await;
    stand.until_gone(Kind::User, "bob").await;
    assert_eq!(stand.get(Kind::User, "cleo").await["metadata"]["finalizers"], json!([FINALIZER]));
    stand.end().await;
}
