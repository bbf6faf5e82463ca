//! The operator in its image, as a pod that the chart renders: started by runc with that security context, against a real API server, under the chart's
//! own rights.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use kube::Client;
use secrecy::ExposeSecret as _;
use serde_json::{Value as Json, json};

use super::Image;
use super::contents::listed;
use super::node::{Container, Node};
use super::pod::Pod;
use crate::chart::cluster::{apply, get, until};
use crate::chart::{Helm, chart, objects, one};
use crate::servers::kubernetes::Cluster;
use crate::support::program::root;

/// How long anything may take to come about on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// By what name the certificate of the tests' API server knows it inside a cluster.
const API_SERVER: &str = "kubernetes.default.svc";

/// What the chart makes for a namespace that it is installed into alone, with its rights applied.
async fn installed(cluster: &Cluster, namespace: &str) -> Pod {
    cluster.apply_crds(&root().join("crds")).await;
    let helm = Helm::new();
    let values = helm.values(&format!("watchNamespaces: [{namespace}]"));
    let args = ["template", "tenantry", &chart().to_string_lossy(), "--namespace", namespace, "--values", &values].map(str::to_owned);
    let all = objects(&helm.run(args).exits(0).out);
    for right in all.iter().filter(|object| object["apiVersion"] == "rbac.authorization.k8s.io/v1") {
        apply(&cluster.client(), right).await;
    }
    Pod::of(one(&all, "Deployment"))
}

/// A node that has the account of a pod.
async fn node(cluster: &Cluster, namespace: &str, pod: &Pod) -> Node {
    let known = cluster.kubeconfig_of_service_account(namespace, &pod.service_account_name).await;
    let token = known.auth_infos[0].auth_info.as_ref().unwrap().token.as_ref().unwrap().expose_secret().to_owned();
    let at = known.clusters[0].cluster.as_ref().unwrap();
    let authority = std::fs::read_to_string(at.certificate_authority.as_ref().unwrap()).unwrap();
    let port = at.server.as_ref().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    Node::new((API_SERVER, port), &[("token", token), ("ca.crt", authority), ("namespace", namespace.to_owned())]).await
}

/// Waits until a container answers its probes as a node wants them answered.
async fn until_it_answers(node: &Node, pod: &Pod, container: &Container<'_>) {
    let (client, begun) = (crate::servers::client(), Instant::now());
    for (port, path) in pod.container().probes() {
        let url = format!("http://{}{path}", SocketAddr::from((node.network.pod, port)));
        // As a node has it where a probe does not say.
        let ask = async || client.get(&url).timeout(Duration::from_secs(1)).send().await;
        while !ask().await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(begun.elapsed() < PATIENCE, "{url} never answered: {}", container.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn keeps_a_customer_in_step(client: &Client, namespace: &str) {
    let resource = |kind: &str, name: &str, spec: Json| {
        let metadata = json!({"name": name, "namespace": namespace});
        json!({"apiVersion": "tenantry.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec})
    };
    apply(client, &resource("Portal", "main", json!({"profile": "embedded"}))).await;
    let users = json!([{"name": "ann", "email": "ann@acme.example", "administrator": true}]);
    let acme = resource("Organization", "acme", json!({"displayName": "Acme", "users": users}));
    apply(client, &acme).await;
    let ready = |found: &Json| {
        found["status"]["conditions"].as_array().into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True")
    };
    until(client, &acme, "ready", |found| found.is_some_and(ready)).await;
}

/// What the kernel holds a container's program to: `status` of its process, by its words.
fn held(container: &Container<'_>) -> BTreeMap<String, String> {
    let status = container.process("status");
    let lines = status.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(word, value)| (word.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" "))).collect()
}

/// Where a container may write, besides what the kernel shows it of itself.
fn writable(container: &Container<'_>) -> Vec<String> {
    let mounts = container.process("mountinfo");
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let open = fields.filter(|f| f[5].split(',').any(|option| option == "rw")).map(|f| f[4].to_owned());
    open.filter(|at| !["/proc", "/dev"].iter().any(|own| at == own || at.starts_with(&format!("{own}/")))).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(
    not(all(have_image, have_runc, have_helm, have_kubernetes)),
    ignore = "needs root, runc, Helm, a kube-apiserver and an image of these sources: run tests/servers/install and tests/image/build"
)]
async fn a_pod_of_the_chart_keeps_a_customer_in_step_with_no_rights_on_its_node() {
    let (cluster, image) = (Cluster::shared(), Image::built());
    let namespace = cluster.namespace().await;
    let pod = installed(cluster, &namespace).await;
    let node = node(cluster, &namespace, &pod).await;
    let mut container = node.start("operator", &image, &pod);
    until_it_answers(&node, &pod, &container).await;
    keeps_a_customer_in_step(&cluster.client(), &namespace).await;

    let held = held(&container);
    assert_eq!((&*held["Uid"], &*held["Gid"], &*held["Groups"]), ("65532 65532 65532 65532", "65532 65532 65532 65532", "65532"));
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(held[set], "0000000000000000", "{set}");
    }
    assert_eq!((&*held["NoNewPrivs"], &*held["Seccomp"]), ("1", "2"));
    assert_eq!(held["NSpid"].split(' ').nth(1), Some("1"), "signals reach it and no shell");
    assert_eq!(writable(&container), ["/var/lib/tenantry"]);

    container.terminate();
    let (code, after) = container.ends(Duration::from_secs(pod.termination_grace_period_seconds)).await;
    assert_eq!(code, 0, "{}", container.log());
    assert!(after < Duration::from_secs(20), "nothing was under way, and it took {after:?}");
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "tenantry-controller", "namespace": namespace}});
    let lease = get(&cluster.client(), &lease).await.unwrap();
    assert!(lease["spec"]["holderIdentity"].as_str().unwrap_or_default().is_empty(), "it gives leadership back: {lease:#}");
    wrote_to_its_volume_alone(&node, &image);
}

/// What is in the container's own files, and in its volume, when it is over.
fn wrote_to_its_volume_alone(node: &Node, image: &Image) {
    let fresh = tempfile::tempdir().unwrap();
    image.unpack(fresh.path());
    let (before, mut after) = (listed(fresh.path()), listed(&node.root("operator")));
    after.retain(|line| !before.contains(line));
    // Where something was mounted: runtimes make what is missing.
    let mounted = [
        "/dev/",
        "/etc/hostname",
        "/etc/hosts",
        "/etc/resolv.conf",
        "/proc/",
        "/sys/",
        "/var/run/",
        "/var/run/secrets/",
        "/var/run/secrets/kubernetes.io/",
        "/var/run/secrets/kubernetes.io/serviceaccount/",
    ];
    assert_eq!(after.iter().map(|line| line.rsplit(' ').next().unwrap()).collect::<Vec<_>>(), mounted);
    for file in ["etc/passwd", "etc/group", "usr/local/bin/tenantry"] {
        assert!(std::fs::read(node.root("operator").join(file)).unwrap() == std::fs::read(fresh.path().join(file)).unwrap(), "{file}");
    }
    let state = listed(&node.volume("state"));
    assert!(state.iter().any(|line| line.ends_with(" 65532:65532 /portal-main.db")), "{state:#?}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(
    not(all(have_image, have_runc, have_helm, have_kubernetes)),
    ignore = "needs root, runc, Helm, a kube-apiserver and an image of these sources: run tests/servers/install and tests/image/build"
)]
async fn the_image_says_which_version_it_is() {
    let (cluster, image) = (Cluster::shared(), Image::built());
    let namespace = cluster.namespace().await;
    let mut pod = installed(cluster, &namespace).await;
    let node = node(cluster, &namespace, &pod).await;
    pod.container_mut().args = vec!["--version".to_owned()];
    let mut asked = node.start("version", &image, &pod);
    assert_eq!(asked.ends(PATIENCE).await.0, 0, "{}", asked.log());
    assert_eq!(asked.log(), format!("tenantry {}\n", env!("CARGO_PKG_VERSION")));
}
