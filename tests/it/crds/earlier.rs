//! Documents that a cluster took before its definitions had the rules that they break: a rule is for what is written from then on, and keeps nobody
//! from saying what became of such a document, nor from taking it away.

use std::path::Path;
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value as Json, json};

use super::ApiServer;
use crate::servers::kubernetes::Cluster;

const FINALIZER: &str = "tenantry.dev/finalizer";

/// The definition of a kind as it was before it had any rule.
fn without_rules(kind: &str) -> CustomResourceDefinition {
    let all = tenantry::crds::definitions();
    let mut definition = all.into_iter().find(|d| d.json["spec"]["names"]["kind"] == kind).unwrap().json;
    let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    schema.as_object_mut().unwrap().remove("x-kubernetes-validations");
    schema["properties"]["spec"] = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    definition["spec"]["versions"][0].as_object_mut().unwrap().remove("selectableFields");
    serde_json::from_value(definition).unwrap()
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn what_was_stored_before_a_rule_is_told_of_and_goes() {
    let cluster = Cluster::start();
    for kind in ["Organization", "Role"] {
        cluster.apply_crd(&without_rules(kind)).await;
    }
    let server = ApiServer { client: cluster.client(), namespace: cluster.namespace().await };
    let stored: [(&str, &str, Json); 4] = [
        ("Organization", "msp", json!({"displayName": "MSP"})),
        ("Organization", "it", json!({"displayName": "It", "name": "msp"})),
        ("Organization", "acme.it", json!({"displayName": "Acme"})),
        ("Role", "msp.it", json!({"organization": "msp", "description": "https://me:secret@acme.example"})),
    ];
    for (kind, name, spec) in &stored {
        server.create(kind, name, spec.clone()).await;
    }
    cluster.apply_crds(&Path::new(env!("CARGO_MANIFEST_DIR")).join("crds")).await;
    for kind in ["Organization", "Role"] {
        refuses_a_new_one(&server, kind).await;
    }

    for (kind, name, _) in &stored {
        let (api, _) = server.api(kind);
        let params = PatchParams::default();
        let finalizer = |all: Json| Patch::Merge(json!({"metadata": {"finalizers": all}}));
        api.patch(name, &params, &finalizer(json!([FINALIZER]))).await.unwrap_or_else(|e| panic!("{kind} {name}: {e}"));
        let status = Patch::Merge(json!({"status": {"message": "it has the MSP's own name"}}));
        api.patch_status(name, &params, &status).await.unwrap_or_else(|e| panic!("{kind} {name}: {e}"));
        api.delete(name, &DeleteParams::default()).await.unwrap();
        assert!(api.get(name).await.unwrap().metadata.deletion_timestamp.is_some(), "{kind} {name} waits for its finalizer");
        api.patch(name, &params, &finalizer(Json::Null)).await.unwrap_or_else(|e| panic!("{kind} {name}: {e}"));
        assert!(api.get_opt(name).await.unwrap().is_none(), "{kind} {name} is still there");
    }
}

/// Waits until the API server works by the new definition: what stands there already it would not make anew.
async fn refuses_a_new_one(server: &ApiServer, kind: &str) {
    let (spec, why) = match kind {
        "Organization" => ("displayName: A\n  name: msp", "is the MSP itself"),
        _ => ("organization: msp", "metadata.name is no name"),
    };
    let document = format!("apiVersion: tenantry.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: a.b}}\nspec:\n  {spec}\n");
    let kind = tenantry::model::Kind::from_name(kind).unwrap();
    for _ in 0..200 {
        if server.refuses(kind, &document).await.is_some_and(|answer| answer.contains(why)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the API server takes\n{document}");
}
