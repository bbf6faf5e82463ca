//! What a document may not change once it is in a cluster, and how `kubectl` shows it.

use kube::Api;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::ApiServer;

impl ApiServer {
    pub(super) fn api(&self, kind: &str) -> (Api<DynamicObject>, ApiResource) {
        let plural = format!("{}s", kind.to_lowercase());
        let group = "tenantry.dev".to_owned();
        let resource =
            ApiResource { api_version: format!("{group}/v1alpha1"), group, version: "v1alpha1".into(), kind: kind.into(), plural };
        (Api::namespaced_with(self.client.clone(), &self.namespace, &resource), resource)
    }

    pub(super) async fn create(&self, kind: &str, name: &str, spec: Json) {
        let (api, resource) = self.api(kind);
        api.create(&PostParams::default(), &DynamicObject::new(name, &resource).data(json!({ "spec": spec }))).await.unwrap();
    }

    /// Tries to change a `spec`; why the API server refuses it.
    async fn change(&self, kind: &str, name: &str, spec: Json) -> Option<String> {
        let tried = PatchParams { dry_run: true, ..PatchParams::default() };
        match self.api(kind).0.patch(name, &tried, &Patch::Merge(json!({ "spec": spec }))).await {
            Ok(_) => None,
            Err(kube::Error::Api(status)) if status.code == 422 => Some(status.message.clone()),
            Err(other) => panic!("{other}"),
        }
    }
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn names_and_organizations_stay_and_a_refusal_says_what_to_do() {
    let server = ApiServer::with_definitions().await;
    server.create("User", "alice", json!({"organization": "acme", "email": "a@acme.example"})).await;
    server.create("Organization", "acme", json!({"displayName": "Acme"})).await;
    server.create("Portal", "embedded", json!({"profile": "embedded"})).await;
    let check = async |kind: &str, name: &str, spec: Json, remedy: Option<&str>| {
        let refused = server.change(kind, name, spec.clone()).await;
        let as_expected = match (remedy, &refused) {
            (Some(remedy), Some(refused)) => refused.contains(remedy),
            (None, None) => true,
            _ => false,
        };
        assert!(as_expected, "{kind} {spec}: expected {remedy:?}, not {refused:?}");
    };
    check("User", "alice", json!({"firstName": "Alice"}), None).await;
    check("User", "alice", json!({"name": "alice"}), None).await;
    check("User", "alice", json!({"name": "alicia"}), Some("put the former name into spec.previously")).await;
    check("User", "alice", json!({"name": "alicia", "previously": ["ali"]}), Some("put the former name into spec.previously")).await;
    check("User", "alice", json!({"name": "alicia", "previously": ["ali", "alice"]}), None).await;
    check("User", "alice", json!({"organization": "globex"}), Some("delete it, and make one in the other organization")).await;
    check("Organization", "acme", json!({"displayName": "Acme Ltd."}), None).await;
    check("Organization", "acme", json!({"name": "globex"}), Some("this organization keeps its name")).await;
    check("Portal", "embedded", json!({"name": "other"}), Some("this portal keeps its name")).await;
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn kubectl_shows_the_conditions_and_finds_by_organization() {
    let server = ApiServer::with_definitions().await;
    for (name, organization) in [("bob", "acme"), ("eve", "globex")] {
        server.create("User", name, json!({"organization": organization, "email": "a@acme.example"})).await;
    }
    let condition = |ty: &str, status: &str| json!({"type": ty, "status": status, "reason": "Because", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let conditions =
        [("Ready", "True"), ("Synced", "Unknown"), ("Drifted", "False"), ("PlanPending", "False")].map(|(t, s)| condition(t, s));
    let status =
        json!({"status": {"observedGeneration": 1, "conditions": conditions, "externalId": "u-1", "message": "live is as declared"}});
    let (users, _) = server.api("User");
    users.patch_status("bob", &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();

    let path = format!("/apis/tenantry.dev/v1alpha1/namespaces/{}/users/bob", server.namespace);
    let request = axum::http::Request::get(path).header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    let table: Json = server.client.request(request.body(Vec::new()).unwrap()).await.unwrap();
    let columns: Vec<_> = table["columnDefinitions"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(columns, ["Name", "READY", "SYNCED", "DRIFT", "PLAN", "EXTERNAL-ID", "AGE", "MESSAGE"]);
    let mut cells = table["rows"][0]["cells"].clone();
    cells.as_array_mut().unwrap().remove(6);
    assert_eq!(cells, json!(["bob", "True", "Unknown", "False", "False", "u-1", "live is as declared"]));

    let found = users.list(&ListParams::default().fields("spec.organization=globex")).await.unwrap();
    assert_eq!(found.items.iter().map(|o| o.metadata.name.as_deref().unwrap()).collect::<Vec<_>>(), ["eve"]);
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn an_organization_tells_about_what_stands_inline() {
    let server = ApiServer::with_definitions().await;
    server.create("Organization", "inline", json!({"displayName": "Acme"})).await;
    let child =
        json!({"address": "user/alice", "externalId": "u-1", "ready": "False", "reason": "Progressing", "message": "being applied"});
    let status = json!({"status": {
        "children": [child],
        "portals": [{"name": "embedded", "externalId": "o-1"}],
        "plans": [{"portal": "embedded", "tenant": "inline", "digest": "sha256:0", "summary": "1 to create", "text": "+ inline/user/alice"}],
        "lastAppliedTime": "2026-01-01T00:00:00Z",
        "lastHandledReconcileAt": "now",
    }});
    let (organizations, _) = server.api("Organization");
    let written = organizations.patch_status("inline", &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
    assert_eq!(written.data["status"], status["status"]);
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn a_part_of_the_ledger_is_kept_as_it_is() {
    let server = ApiServer::with_definitions().await;
    let spec = json!({"version": 1, "portal": "", "tenant": "", "part": 0, "of": 0, "body": "{\"a\":1}"});
    server.create("LedgerShard", "installation", spec.clone()).await;
    assert_eq!(server.api("LedgerShard").0.get("installation").await.unwrap().data["spec"], spec);
}

#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
#[tokio::test]
async fn the_category_lists_what_people_declare() {
    let server = ApiServer::with_definitions().await;
    let path = axum::http::Request::get("/apis/tenantry.dev/v1alpha1").body(Vec::new()).unwrap();
    let known: Json = server.client.request(path).await.unwrap();
    let of_category = |r: &&Json| r["categories"].as_array().is_some_and(|c| c.iter().any(|c| c == "tenantry"));
    let mut listed: Vec<_> =
        known["resources"].as_array().unwrap().iter().filter(of_category).map(|r| r["kind"].as_str().unwrap()).collect();
    listed.sort_unstable();
    let mut kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.def().name).collect();
    kinds.sort_unstable();
    assert_eq!(listed, kinds);
}
