//! The chart in a real cluster, without nodes: a Deployment is stored and nobody runs its pods.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use serde_json::{Value as Json, json};

use super::cluster::{apply, get, refuses};
use super::{EVERYTHING, Helm, chart, objects, plain, rendered, title};
use crate::servers::kubernetes::Cluster;
use crate::support::program::root;

/// Kinds of other projects that the chart makes objects of. Their definitions are no package of a registry: these say only that the kinds are there,
/// and what is in such an object nobody checks here.
const OTHERS: [(&str, &str, &str, &str); 5] = [
    ("monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors"),
    ("monitoring.coreos.com", "v1", "PrometheusRule", "prometheusrules"),
    ("cert-manager.io", "v1", "Issuer", "issuers"),
    ("cert-manager.io", "v1", "Certificate", "certificates"),
    ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
];

/// A cluster that knows those kinds, with the namespaces that the values name.
async fn prepared() -> (Cluster, Client) {
    let cluster = Cluster::start();
    let client = cluster.client();
    for (group, version, kind, plural) in OTHERS {
        let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        let definition: CustomResourceDefinition = serde_json::from_value(json!({
            // Groups of the projects' own are protected: the annotation says who let them in.
            "metadata": {"name": format!("{plural}.{group}"), "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"}},
            "spec": {
                "group": group,
                "names": {"kind": kind, "plural": plural},
                "scope": "Namespaced",
                "versions": [{"name": version, "served": true, "storage": true, "schema": schema}],
            },
        }))
        .unwrap();
        cluster.apply_crd(&definition).await;
    }
    for (name, level) in [("team", "restricted"), ("customers", "restricted"), ("tenantry", "restricted")] {
        let labels = json!({"pod-security.kubernetes.io/enforce": level});
        apply(&client, &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})).await;
    }
    (cluster, client)
}

/// The pod that a Deployment makes.
fn pod(deployment: &Json) -> Json {
    let (mut spec, metadata) = (deployment["spec"]["template"]["spec"].clone(), &deployment["spec"]["template"]["metadata"]);
    // No class of that name is there, and nobody fills in its number.
    spec.as_object_mut().unwrap().remove("priorityClassName");
    let named = json!({"name": "pod", "namespace": deployment["metadata"]["namespace"], "labels": metadata["labels"]});
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": named, "spec": spec})
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(all(have_helm, have_kubernetes)), ignore = "needs Helm and a kube-apiserver: run tests/servers/install")]
async fn a_cluster_takes_everything_that_the_chart_makes() {
    let (_cluster, client) = prepared().await;
    let certificate = "webhook: {enabled: true, certificate: {source: certManager}}";
    let mut all: Vec<Json> = ["{}", EVERYTHING, "webhook: {enabled: true}", certificate].iter().flat_map(|v| rendered(v)).collect();
    all.extend(plain::written());
    let mut tried = std::collections::BTreeSet::new();
    for object in &all {
        tried.insert(object["kind"].as_str().unwrap().to_owned());
        assert_eq!(refuses(&client, object).await, None, "{}:\n{object:#}", title(object));
    }
    assert!(OTHERS.iter().all(|(_, _, kind, _)| tried.contains(*kind)), "{tried:?}");
    // Nor do the namespaces' own rules refuse its pods: they let in what is restricted alone.
    let pods: Vec<_> = all.iter().filter(|o| o["kind"] == "Deployment").map(pod).collect();
    assert_eq!(pods.len(), 5);
    for pod in &pods {
        assert_eq!(refuses(&client, pod).await, None, "{pod:#}");
    }
    let mut loose = pods[0].clone();
    loose["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
    assert!(refuses(&client, &loose).await.is_some_and(|why| why.contains("allowPrivilegeEscalation")), "it lets in anything");
}

/// An object of the chart's, as the cluster has it.
async fn there(client: &Client, version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Option<Json> {
    let mut metadata = json!({"name": name});
    if let Some(namespace) = namespace {
        metadata["namespace"] = namespace.into();
    }
    get(client, &json!({"apiVersion": version, "kind": kind, "metadata": metadata})).await
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(all(have_helm, have_kubernetes)), ignore = "needs Helm and a kube-apiserver: run tests/servers/install")]
async fn what_is_declared_stays_when_the_release_goes() {
    let (cluster, client) = prepared().await;
    let helm = Helm::with(cluster.kubeconfig_file());
    let chart = chart().to_string_lossy().into_owned();
    let release = |args: &[&str]| helm.run(args.iter().copied().chain(["--namespace", "team"])).exits(0).said();
    release(&["install", "tenantry", &chart, "--set", "webhook.enabled=true"]);
    let deployment = there(&client, "apps/v1", "Deployment", Some("team"), "tenantry").await.unwrap();
    assert_eq!(deployment["spec"]["replicas"], 1);
    let definition = "organizations.tenantry.dev";
    let definitions = async || there(&client, "apiextensions.k8s.io/v1", "CustomResourceDefinition", None, definition).await;
    assert!(definitions().await.is_some());
    let secret = there(&client, "v1", "Secret", Some("team"), "tenantry-webhook").await.unwrap();

    // The webhook is registered, and nobody answers: what is declared is taken all the same.
    let registered = there(&client, "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", None, "team-tenantry").await;
    assert!(registered.is_some());
    let metadata = json!({"name": "acme", "namespace": "customers"});
    let acme =
        json!({"apiVersion": "tenantry.dev/v1alpha1", "kind": "Organization", "metadata": metadata, "spec": {"displayName": "Acme"}});
    let mut served = refuses(&client, &acme).await;
    // A kind that is newly defined is served a moment later.
    for _ in 0..100 {
        if served.is_none() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        served = refuses(&client, &acme).await;
    }
    assert_eq!(served, None);
    apply(&client, &acme).await;
    let shard = json!({"name": "head", "namespace": "team"});
    let shard =
        json!({"apiVersion": "tenantry.dev/v1alpha1", "kind": "LedgerShard", "metadata": shard, "spec": {"version": 1, "body": "{}"}});
    apply(&client, &shard).await;

    release(&["upgrade", "tenantry", &chart, "--set", "webhook.enabled=true,replicaCount=2,watchNamespaces={customers}"]);
    let deployment = there(&client, "apps/v1", "Deployment", Some("team"), "tenantry").await.unwrap();
    assert_eq!(deployment["spec"]["replicas"], 2);
    assert!(there(&client, "rbac.authorization.k8s.io/v1", "ClusterRole", None, "team-tenantry").await.is_none(), "rights stay that went");
    assert!(there(&client, "rbac.authorization.k8s.io/v1", "Role", Some("customers"), "team-tenantry").await.is_some());
    let upgraded = there(&client, "v1", "Secret", Some("team"), "tenantry-webhook").await.unwrap();
    assert!(upgraded["data"] == secret["data"], "the upgrade made another certificate");

    let said = release(&["uninstall", "tenantry"]);
    assert!(said.contains(definition), "it says what it keeps: {said}");
    assert!(there(&client, "apps/v1", "Deployment", Some("team"), "tenantry").await.is_none());
    assert!(definitions().await.is_some());
    assert!(get(&client, &acme).await.is_some() && get(&client, &shard).await.is_some());

    // And it comes back to what it left.
    release(&["install", "tenantry", &chart]);
    assert!(get(&client, &acme).await.is_some());
    release(&["uninstall", "tenantry"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(all(have_helm, have_kubernetes)), ignore = "needs Helm and a kube-apiserver: run tests/servers/install")]
async fn definitions_that_are_not_kept_go_with_the_release() {
    let (cluster, client) = prepared().await;
    let helm = Helm::with(cluster.kubeconfig_file());
    let chart = chart().to_string_lossy().into_owned();
    let release = |args: &[&str]| helm.run(args.iter().copied().chain(["--namespace", "team"])).exits(0).said();
    let notes = release(&["install", "tenantry", &chart, "--set", "crds.keep=false"]);
    assert!(notes.contains("takes the definitions away, and with them every custom resource"), "{notes}");
    release(&["uninstall", "tenantry", "--wait"]);
    let gone = there(&client, "apiextensions.k8s.io/v1", "CustomResourceDefinition", None, "organizations.tenantry.dev").await;
    assert!(gone.is_none());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(all(have_helm, have_kubernetes)), ignore = "needs Helm and a kube-apiserver: run tests/servers/install")]
async fn the_definitions_and_plain_manifests_are_all_that_one_needs_without_helm() {
    let cluster = Cluster::start();
    let client = cluster.client();
    cluster.apply_crds(&root().join("crds")).await;
    for object in objects(&std::fs::read_to_string(root().join("charts/plain/tenantry.yaml")).unwrap()) {
        apply(&client, &object).await;
    }
    assert!(there(&client, "apps/v1", "Deployment", Some("tenantry"), "tenantry").await.is_some());
}
