//! An account that may not do what the operator has to: that is said in words, seldom, and `/readyz` names what is waited for.

use std::time::Duration;

use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, Role, RoleBinding};
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use super::consent_kit::Kit;
use super::process::Process;
use crate::servers::kubernetes::Cluster;

/// An account that may do all but list users, watch Secrets, and lead.
async fn limited(kit: &Kit) {
    let role: Role = serde_json::from_value(json!({
        "metadata": { "name": "limited" },
        "rules": [
            {
                "apiGroups": ["tenantry.dev"],
                "resources": [
                    "portals", "organizations", "roles", "groups", "domains", "integrations", "delegations", "gateways", "monitoredsystems",
                    "notificationrules", "ledgershards",
                ],
                "verbs": ["*"],
            },
            { "apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create"] },
        ],
    }))
    .unwrap();
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": { "name": "limited" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "limited" },
        "subjects": [{ "kind": "ServiceAccount", "name": "limited", "namespace": kit.namespace }],
    }))
    .unwrap();
    Api::namespaced(kit.client.clone(), &kit.namespace).create(&PostParams::default(), &role).await.unwrap();
    Api::namespaced(kit.client.clone(), &kit.namespace).create(&PostParams::default(), &binding).await.unwrap();
    // Rights are known to the API server a little later.
    tokio::time::sleep(Duration::from_secs(2)).await;
}

async fn allowed(kit: &Kit) {
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": { "name": format!("{}-limited", kit.namespace) },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": [{ "kind": "ServiceAccount", "name": "limited", "namespace": kit.namespace }],
    }))
    .unwrap();
    Api::all(kit.client.clone()).create(&PostParams::default(), &binding).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn rights_that_are_missing_are_named_once_in_words_and_readiness_says_which_kind_and_where() {
    let kit = Kit::without_operator().await;
    let (home, beside) = (kit.namespace.as_str(), Cluster::shared().namespace().await);
    let account = Cluster::shared().kubeconfig_of_service_account(home, "limited").await;
    let file = kit.folder.path().join("limited.yaml");
    std::fs::write(&file, serde_json::to_string(&account).unwrap()).unwrap();
    limited(&kit).await;
    let process = Process::start(&file, home, &[&beside], &kit.folder.path().join("state"));
    process.says(&["may not list users.tenantry.dev"]).await;
    process.says(&["may not list secrets"]).await;
    process.says(&["leadership could not be asked for", "leases"]).await;
    // Long enough for every loop to be refused several times.
    tokio::time::sleep(Duration::from_secs(10)).await;
    for what in ["users.tenantry.dev", "groups.tenantry.dev", " list secrets", "leadership could not be asked for"] {
        assert_eq!(process.lines(&[what]).len(), 1, "{what}: {}", process.log());
    }
    let users = process.lines(&["users.tenantry.dev"]).remove(0);
    assert!(users.contains(" in namespace") && users.contains("give its role there `list` of `users.tenantry.dev`"), "{users}");
    for of_rust in ["Status {", "Status(", "ApiError", "ErrorResponse", "Forbidden\"", "Some(", "ListMeta"] {
        assert_eq!(process.lines(&[of_rust]), [""; 0], "{of_rust}");
    }
    let waits = process.answers("/readyz", |code, body| code == 503 && body.contains("may not")).await;
    let of_home: Vec<_> = waits.lines().filter(|line| line.contains(&format!("in namespace {home} is not listed"))).collect();
    let why = "the operator's account may not list users.tenantry.dev";
    assert_eq!(of_home.len(), 1, "{waits}");
    assert!(of_home[0].starts_with(&format!("User in namespace {home} is not listed yet: {why} in namespace {home}: give")), "{waits}");
    assert!(waits.contains(&format!("Organization in namespace {beside} is not listed yet")), "{waits}");

    allowed(&kit).await;
    process.answers("/readyz", |code, body| (code, body) == (200, "leading\n")).await;
}
