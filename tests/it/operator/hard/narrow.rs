//! The operator's rights are in the namespaces themselves, as `watchNamespaces` has it, and go with them, or were never all there.
//!
//! No controllers run: what they would do the test does, in the order that matters.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, Role, RoleBinding};
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::super::stand::{Setup, Stand, is_ready, until};

/// A cluster of its own, in which the operator has these rights in each namespace, and no others.
async fn with_rights(beside: usize, rules: &Json) -> Stand {
    let stand = Stand::with(Setup { own_cluster: true, ledger_in_cluster: true, beside, ..Setup::default() }).await;
    for namespace in std::iter::once(&stand.namespace).chain(&stand.beside) {
        let role: Role = serde_json::from_value(json!({ "metadata": { "name": "operator" }, "rules": rules })).unwrap();
        Api::namespaced(stand.client.clone(), namespace).create(&PostParams::default(), &role).await.unwrap();
        let binding: RoleBinding = serde_json::from_value(json!({
            "metadata": { "name": "operator" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "operator" },
            "subjects": [{ "kind": "ServiceAccount", "name": "operator", "namespace": stand.namespace }],
        }))
        .unwrap();
        Api::namespaced(stand.client.clone(), namespace).create(&PostParams::default(), &binding).await.unwrap();
    }
    Api::<ClusterRoleBinding>::all(stand.client.clone()).delete(&stand.namespace, &DeleteParams::default()).await.unwrap();
    known().await;
    stand
}

/// Rights are known to the API server a little later.
async fn known() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}

fn everything() -> Json {
    json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }])
}

/// `acme` with bob, in a namespace.
async fn acme(stand: &Stand, namespace: &str) {
    stand.apply(Kind::Portal, "main", json!({ "profile": "embedded", "retryInterval": "1s" })).await;
    stand.annotate(Kind::Portal, "main", "tenantry.dev/allow-from", "*").await;
    stand.apply_in(namespace, Kind::Organization, "acme", json!({ "displayName": "Acme" })).await;
    stand.apply_in(namespace, Kind::User, "bob", json!({ "organization": "acme", "email": "bob@acme.example" })).await;
    stand.until_in(namespace, Kind::User, "bob", is_ready).await;
    stand.until_in(namespace, Kind::Organization, "acme", is_ready).await;
    stand.at_rest().await;
    stand.portal().took();
}

async fn delete_in(stand: &Stand, namespace: &str, name: &str) {
    stand.api_in(namespace, Kind::User).delete(name, &DeleteParams::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn when_a_namespace_goes_and_our_rights_in_it_go_first_nobody_is_deleted() {
    let stand = with_rights(1, &everything()).await;
    let beside = stand.beside[0].clone();
    acme(&stand, &beside).await;
    Api::<Namespace>::all(stand.client.clone()).delete(&beside, &DeleteParams::default()).await.unwrap();
    Api::<RoleBinding>::namespaced(stand.client.clone(), &beside).delete("operator", &DeleteParams::default()).await.unwrap();
    known().await;
    delete_in(&stand, &beside, "bob").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn where_nobody_gave_the_right_to_ask_about_the_namespace_a_person_is_deleted_as_ever() {
    let rules = json!([
        { "apiGroups": ["tenantry.dev", "events.k8s.io", "coordination.k8s.io"], "resources": ["*"], "verbs": ["*"] },
        { "apiGroups": [""], "resources": ["secrets"], "verbs": ["*"] },
    ]);
    let stand = with_rights(1, &rules).await;
    let beside = stand.beside[0].clone();
    acme(&stand, &beside).await;
    delete_in(&stand, &beside, "bob").await;
    let gone = async || stand.api_in(&beside, Kind::User).get_opt("bob").await.unwrap().is_none().then_some(());
    until(gone, || "bob stays".to_owned()).await;
    assert_eq!(stand.portal().took(), ["delete acme/user/bob"]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn while_the_operators_own_namespace_goes_the_msp_keeps_its_people() {
    let stand = with_rights(0, &everything()).await;
    let home = stand.namespace.clone();
    acme(&stand, &home).await;
    for person in ["yan", "zoe"] {
        stand.user(person, "msp").await;
        stand.ready(Kind::User, person).await;
    }
    stand.at_rest().await;
    stand.portal().took();
    Api::<Namespace>::all(stand.client.clone()).delete(&home, &DeleteParams::default()).await.unwrap();
    delete_in(&stand, &home, "zoe").await;
    let gone = async || stand.api_in(&home, Kind::User).get_opt("zoe").await.unwrap().is_none().then_some(());
    until(gone, || "zoe stays".to_owned()).await;
    stand.at_rest().await;
    assert_eq!(stand.portal().took(), [""; 0]);
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn that_a_customer_is_kept_is_told_once_and_only_when_its_document_is_let_go_of() {
    let all: Vec<String> = Kind::ALL.iter().map(|kind| format!("{}s", kind.def().name.to_lowercase())).collect();
    let others: Vec<&String> = all.iter().filter(|plural| *plural != "organizations").collect();
    let statuses: Vec<String> = all.iter().map(|plural| format!("{plural}/status")).collect();
    let rules = json!([
        { "apiGroups": ["", "events.k8s.io", "coordination.k8s.io"], "resources": ["*"], "verbs": ["*"] },
        { "apiGroups": ["tenantry.dev"], "resources": others, "verbs": ["*"] },
        { "apiGroups": ["tenantry.dev"], "resources": statuses, "verbs": ["*"] },
        { "apiGroups": ["tenantry.dev"], "resources": ["ledgershards"], "verbs": ["*"] },
        { "apiGroups": ["tenantry.dev"], "resources": ["organizations"], "verbs": ["get", "list", "watch", "patch"] },
    ]);
    let stand = with_rights(0, &rules).await;
    acme(&stand, &stand.namespace).await;
    let may_patch = async |may: bool| {
        let roles: Api<Role> = Api::namespaced(stand.client.clone(), &stand.namespace);
        let mut role = roles.get("operator").await.unwrap();
        let last = role.rules.as_mut().unwrap().last_mut().unwrap();
        last.verbs.retain(|verb| verb != "patch");
        last.verbs.extend(may.then(|| "patch".to_owned()));
        roles.replace("operator", &PostParams::default(), &role).await.unwrap();
        known().await;
    };
    may_patch(false).await;
    stand.delete(Kind::Organization, "acme").await;
    // Long enough for it to be tried again.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let kept = async || stand.events().await.into_iter().filter(|line| line.starts_with("Kept ")).collect::<Vec<_>>();
    assert_eq!(kept().await, [""; 0], "it is held still");
    may_patch(true).await;
    stand.until_gone(Kind::Organization, "acme").await;
    stand.at_rest().await;
    assert_eq!(kept().await.len(), 1, "{:#?}", kept().await);
    stand.end().await;
}
