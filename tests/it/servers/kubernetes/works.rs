//! That a cluster is what tests take it for.

use std::time::Duration;

use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use serde_json::json;

use super::{ADMIN, Cluster, client};

fn config_map(name: &str, owner: Option<&ConfigMap>) -> ConfigMap {
    let owners = owner.map(|owner| {
        json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": owner.metadata.name, "uid": owner.metadata.uid, "blockOwnerDeletion": true}])
    });
    serde_json::from_value(json!({"metadata": {"name": name, "ownerReferences": owners}})).unwrap()
}

async fn create(maps: &Api<ConfigMap>, map: &ConfigMap) -> ConfigMap {
    maps.create(&PostParams::default(), map).await.unwrap()
}

/// Lets a service account do this with config maps in its namespace.
async fn allow(cluster: &Cluster, namespace: &str, account: &str, verbs: &[&str]) {
    use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
    let role = json!({"metadata": {"name": account}, "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs}]});
    let role: Role = serde_json::from_value(role).unwrap();
    let binding = json!({
        "metadata": {"name": account},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    });
    let binding: RoleBinding = serde_json::from_value(binding).unwrap();
    Api::namespaced(cluster.client(), namespace).create(&PostParams::default(), &role).await.unwrap();
    Api::namespaced(cluster.client(), namespace).create(&PostParams::default(), &binding).await.unwrap();
}

/// A binding holds as soon as the API server's own watch of it says so, which is a moment later.
async fn once_allowed<T>(call: impl AsyncFn() -> kube::Result<T>) -> T {
    for _ in 0..500 {
        match call().await {
            Err(kube::Error::Api(status)) if status.code == 403 => tokio::time::sleep(Duration::from_millis(20)).await,
            answer => return answer.unwrap(),
        }
    }
    panic!("the binding does not hold after ten seconds");
}

fn code<T: std::fmt::Debug>(answer: kube::Result<T>) -> u16 {
    match answer.unwrap_err() {
        kube::Error::Api(status) => status.code,
        other => panic!("{other:?}"),
    }
}

const WIDGETS: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.GROUP}
spec:
  group: GROUP
  names: {plural: widgets, singular: widget, kind: Widget}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties: {size: {type: integer}}
              x-kubernetes-validations: [{rule: "self.size < 10", message: "at most 9"}]
"#;

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn the_api_server_says_its_version() {
    let info = Cluster::shared().client().apiserver_version().await.unwrap();
    // Of a server that somebody else brought it is theirs.
    assert!(info.major == "1" && info.minor.parse::<u32>().is_ok_and(|minor| minor >= 33), "{info:?}");
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn a_kind_can_be_defined_and_its_rules_hold() {
    let (cluster, group) = (Cluster::shared(), format!("g{}.example.com", uuid::Uuid::now_v7().simple()));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("widgets.yaml"), WIDGETS.replace("GROUP", &group)).unwrap();
    cluster.apply_crds(folder.path()).await;
    let kind = ApiResource {
        group: group.clone(),
        version: "v1".into(),
        api_version: format!("{group}/v1"),
        kind: "Widget".into(),
        plural: "widgets".into(),
    };
    let widgets = Api::<DynamicObject>::namespaced_with(cluster.client(), &cluster.namespace().await, &kind);
    let widget = |size: u32| DynamicObject::new("w", &kind).data(json!({"spec": {"size": size}}));
    assert_eq!(code(widgets.create(&PostParams::default(), &widget(10)).await), 422);
    widgets.create(&PostParams::default(), &widget(9)).await.unwrap();
    assert_eq!(widgets.get("w").await.unwrap().data["spec"]["size"], 9);
    // Again, it is applied and nothing happens.
    cluster.apply_crds(folder.path()).await;
    let crds = Api::<CustomResourceDefinition>::all(cluster.client());
    assert_eq!(crds.get(&format!("widgets.{group}")).await.unwrap().metadata.generation, Some(1));
    crds.delete(&format!("widgets.{group}"), &DeleteParams::default()).await.unwrap();
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn a_watch_sees_a_change() {
    let cluster = Cluster::shared();
    let maps = Api::<ConfigMap>::namespaced(cluster.client(), &cluster.namespace().await);
    let version = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let mut events = maps.watch(&WatchParams::default(), &version).await.unwrap().boxed();
    create(&maps, &config_map("a", None)).await;
    maps.patch("a", &PatchParams::default(), &Patch::Merge(json!({"data": {"k": "v"}}))).await.unwrap();
    let added = events.next().await.unwrap().unwrap();
    assert!(matches!(&added, WatchEvent::Added(map) if map.metadata.name.as_deref() == Some("a")), "{added:?}");
    let changed = events.next().await.unwrap().unwrap();
    assert!(matches!(&changed, WatchEvent::Modified(map) if map.data.as_ref().unwrap()["k"] == "v"), "{changed:?}");
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn a_service_account_may_do_what_a_binding_allows_and_no_more() {
    let cluster = Cluster::shared();
    let (own, other) = (cluster.namespace().await, cluster.namespace().await);
    let client = cluster.client_as_service_account(&own, "reader").await;
    let maps = Api::<ConfigMap>::namespaced(client.clone(), &own);
    assert_eq!(code(maps.list(&ListParams::default()).await), 403);
    allow(cluster, &own, "reader", &["list"]).await;
    once_allowed(async || maps.list(&ListParams::default()).await).await;
    assert_eq!(code(maps.create(&PostParams::default(), &config_map("a", None)).await), 403);
    assert_eq!(code(Api::<ConfigMap>::namespaced(client, &other).list(&ListParams::default()).await), 403);
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn the_audit_log_names_each_call_and_nothing_else() {
    let cluster = Cluster::shared();
    let namespace = cluster.namespace().await;
    let client = cluster.client_as_service_account(&namespace, "writer").await;
    let maps = Api::<ConfigMap>::namespaced(client.clone(), &namespace);
    allow(cluster, &namespace, "writer", &["create", "list", "watch"]).await;
    once_allowed(async || maps.list(&ListParams::default()).await).await;
    let earlier = maps.watch(&WatchParams::default(), "0").await.unwrap().boxed();

    let mark = cluster.mark().await;
    create(&maps, &config_map("a", None)).await;
    assert_eq!(code(maps.delete("a", &DeleteParams::default()).await), 403);
    assert_eq!(
        code(
            Api::<k8s_openapi::api::core::v1::Node>::all(client.clone())
                .patch_status("n", &PatchParams::default(), &Patch::Merge(json!({})))
                .await
        ),
        403
    );
    // A watch counts when it begins: this one is open still; and the other one, which ends now, was called before.
    let _open = maps.watch(&WatchParams::default(), "0").await.unwrap();
    drop(earlier);
    client.request_text(super::get("/version")).await.unwrap();

    let user = format!("system:serviceaccount:{namespace}:writer");
    let expected = [
        format!("create configmaps {namespace}/a 201"),
        format!("delete configmaps {namespace}/a 403"),
        "patch nodes/status n 403".to_owned(),
        format!("watch configmaps {namespace} 200"),
        "get /version 200".to_owned(),
    ];
    assert_eq!(cluster.requests_of(&user, mark).await, expected);
    assert_eq!(cluster.requests_of(&user, cluster.mark().await).await, [] as [&str; 0]);
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn whom_the_api_server_does_not_know_is_in_the_audit_log_too() {
    let cluster = Cluster::start();
    let mut kubeconfig = cluster.kubeconfig_of_service_account("default", "someone").await;
    kubeconfig.auth_infos[0].auth_info.as_mut().unwrap().token = Some("canary-not-a-token".to_owned().into());
    let mark = cluster.mark().await;
    assert_eq!(code(Api::<ConfigMap>::namespaced(client(kubeconfig), "default").get("a").await), 401);
    let requests = cluster.requests_since(mark).await;
    let [request] = requests.as_slice() else { panic!("{requests:#?}") };
    assert_eq!((request.user.as_str(), request.to_string().as_str()), ("", "get configmaps default/a 401"));
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn an_api_server_that_stops_and_starts_again_keeps_what_is_stored() {
    let cluster = Cluster::start();
    let maps = Api::<ConfigMap>::namespaced(cluster.client(), "default");
    let account = cluster.client_as_service_account("default", "someone").await;
    let created = create(&maps, &config_map("a", None)).await;
    let mark = cluster.mark().await;
    let mut events = maps.watch(&WatchParams::default(), created.metadata.resource_version.as_ref().unwrap()).await.unwrap().boxed();

    cluster.stop();
    assert!(!matches!(events.next().await, Some(Ok(_))), "a watch goes on without a server");
    assert!(!matches!(maps.get("a").await, Ok(_) | Err(kube::Error::Api(_))), "somebody answers in its place");

    cluster.start_again();
    assert_eq!(maps.get("a").await.unwrap().metadata.uid, created.metadata.uid);
    // Tokens hold, and the log goes on.
    account.apiserver_version().await.unwrap();
    let calls = cluster.requests_of(ADMIN, mark).await;
    assert_eq!(
        calls.iter().filter(|call| !call.contains("/readyz")).collect::<Vec<_>>(),
        ["watch configmaps default 200", "get configmaps default/a 200"]
    );
}

#[cfg_attr(not(have_kubernetes_controllers), ignore = "needs Kubernetes with its controllers: tests/servers/install")]
#[tokio::test]
async fn what_a_deleted_object_owned_is_collected_and_a_deleted_namespace_is_emptied() {
    let cluster = Cluster::shared();
    cluster.start_controllers();
    let (namespace, emptied) = (cluster.namespace().await, cluster.namespace().await);
    let maps = Api::<ConfigMap>::namespaced(cluster.client(), &namespace);
    let owner = create(&maps, &config_map("owner", None)).await;
    create(&maps, &config_map("owned", Some(&owner))).await;
    create(&maps, &config_map("free", None)).await;
    create(&Api::namespaced(cluster.client(), &emptied), &config_map("a", None)).await;
    maps.delete("owner", &DeleteParams::default()).await.unwrap();
    let namespaces = Api::<k8s_openapi::api::core::v1::Namespace>::all(cluster.client());
    namespaces.delete(&emptied, &DeleteParams::default()).await.unwrap();
    eventually(async || maps.get_opt("owned").await.unwrap().is_none() && namespaces.get_opt(&emptied).await.unwrap().is_none()).await;
    assert!(maps.get_opt("free").await.unwrap().is_some());
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn a_cluster_leaves_nothing_behind() {
    let cluster = Cluster::start();
    let (folder, url) = (cluster.kubeconfig_file().parent().unwrap().to_owned(), cluster.url());
    drop(cluster);
    let address = url.trim_start_matches("https://");
    eventually(async || !folder.exists() && std::net::TcpStream::connect(address).is_err()).await;
}

async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    waited.await.expect("it should have come true within a minute");
}
