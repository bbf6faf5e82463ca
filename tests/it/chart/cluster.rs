//! Objects of any kind in a real cluster, as `kubectl apply --server-side` and `kubectl get` have them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use kube::Client;
use serde_json::{Value as Json, json};

use crate::servers::kubernetes::Cluster;

/// How long anything may take to come about on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// The path of an object, or of all of its kind where it has no name.
fn path(object: &Json) -> String {
    let version = object["apiVersion"].as_str().unwrap();
    let kind = object["kind"].as_str().unwrap().to_lowercase();
    let plural = match kind.as_str() {
        "ingress" => "ingresses".to_owned(),
        kind if kind.ends_with("cy") => format!("{}ies", kind.trim_end_matches('y')),
        kind => format!("{kind}s"),
    };
    let root = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    let namespace = object["metadata"]["namespace"].as_str().map_or_else(String::new, |n| format!("/namespaces/{n}"));
    let name = object["metadata"]["name"].as_str().map_or_else(String::new, |n| format!("/{n}"));
    format!("{root}{namespace}/{plural}{name}")
}

async fn send(client: &Client, method: &str, path: &str, body: &Json) -> Result<Json, String> {
    let request = axum::http::Request::builder().method(method).uri(path).header(
        "content-type",
        match method {
            "PATCH" if path.contains("fieldManager") => "application/apply-patch+yaml",
            "PATCH" => "application/merge-patch+json",
            _ => "application/json",
        },
    );
    match client.request::<Json>(request.body(body.to_string().into_bytes()).unwrap()).await {
        Ok(answer) => Ok(answer),
        Err(kube::Error::Api(status)) => Err(format!("{} {}", status.code, status.message)),
        Err(error) => panic!("{method} {path}: {error}"),
    }
}

/// Applies an object under strict validation.
pub(super) async fn apply(client: &Client, object: &Json) {
    let path = format!("{}?fieldManager=tests&force=true&fieldValidation=Strict", path(object));
    send(client, "PATCH", &path, object).await.unwrap_or_else(|why| panic!("{path}: {why}\nof {object:#}"));
}

/// Why the API server would refuse an object; it is not stored.
pub(super) async fn refuses(client: &Client, object: &Json) -> Option<String> {
    let path = format!("{}?fieldManager=tests&force=true&fieldValidation=Strict&dryRun=All", path(object));
    send(client, "PATCH", &path, object).await.err()
}

/// Changes an object.
pub(super) async fn change(client: &Client, object: &Json, patch: &Json) {
    send(client, "PATCH", &path(object), patch).await.unwrap();
}

/// An object, if it is there.
pub(super) async fn get(client: &Client, object: &Json) -> Option<Json> {
    match send(client, "GET", &path(object), &Json::Null).await {
        Ok(found) => Some(found),
        Err(why) if why.starts_with("404") => None,
        Err(why) => panic!("{}: {why}", path(object)),
    }
}

pub(super) async fn delete(client: &Client, object: &Json) {
    send(client, "DELETE", &path(object), &json!({})).await.unwrap();
}

/// Waits until an object is so; with what it is if it never gets so.
pub(super) async fn until(client: &Client, object: &Json, what: &str, holds: impl Fn(Option<&Json>) -> bool) {
    let begun = Instant::now();
    loop {
        let found = get(client, object).await;
        if holds(found.as_ref()) {
            return;
        }
        let shown = || found.as_ref().map_or_else(|| "nothing".to_owned(), |f| format!("{f:#}"));
        assert!(begun.elapsed() < PATIENCE, "{} never came to be {what}: {}", path(object), shown());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The file of a service account's kubeconfig.
pub(super) async fn kubeconfig_of(cluster: &Cluster, namespace: &str, name: &str, folder: &std::path::Path) -> PathBuf {
    use secrecy::ExposeSecret as _;
    let known = cluster.kubeconfig_of_service_account(namespace, name).await;
    let token = known.auth_infos[0].auth_info.as_ref().unwrap().token.as_ref().unwrap().expose_secret().to_owned();
    let at = known.clusters[0].cluster.as_ref().unwrap();
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "operator",
        "clusters": [{"name": "here", "cluster": {"server": at.server, "certificate-authority": at.certificate_authority}}],
        "users": [{"name": "operator", "user": {"token": token}}],
        "contexts": [{"name": "operator", "context": {"cluster": "here", "user": "operator", "namespace": namespace}}],
    });
    let file = folder.join("operator.kubeconfig");
    std::fs::write(&file, config.to_string()).unwrap();
    file
}
