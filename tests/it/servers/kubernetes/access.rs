//! Who asks a cluster, and what a test puts into it: the administrator, service accounts with tokens that the API server gave out, namespaces of a
//! test's own, custom resource definitions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams, PostParams};
use kube::config::{Config, Kubeconfig};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use super::Cluster;

/// The administrator's name in the audit log.
pub(crate) const ADMIN: &str = "admin";

impl Cluster {
    /// The administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> Kubeconfig {
        Kubeconfig::read_from(self.kubeconfig_file()).unwrap()
    }

    /// The file that it is in, for a program that reads `KUBECONFIG`.
    pub(crate) fn kubeconfig_file(&self) -> PathBuf {
        self.file("admin.kubeconfig")
    }

    /// A client of the administrator, who may do everything. For the runtime that it is made in, and no other.
    pub(crate) fn client(&self) -> Client {
        client(self.kubeconfig())
    }

    /// A kubeconfig for a service account, which is made where it is not there. Its token is one that the API server gives out, good for an hour. It
    /// may do what any authenticated user may, and otherwise what a binding allows.
    pub(crate) async fn kubeconfig_of_service_account(&self, namespace: &str, name: &str) -> Kubeconfig {
        let accounts = Api::<ServiceAccount>::namespaced(self.client(), namespace);
        let account: ServiceAccount = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        accounts.patch(name, &PatchParams::apply("tests"), &Patch::Apply(account)).await.unwrap();
        // No audiences: those of the API server itself.
        let asked = TokenRequest { spec: TokenRequestSpec { expiration_seconds: Some(3600), ..Default::default() }, ..Default::default() };
        let given = accounts.create_token_request(name, &PostParams::default(), &asked).await.unwrap();
        let token = given.status.unwrap().token;
        serde_json::from_value(self.kubeconfig_with(&json!({"token": token}))).unwrap()
    }

    /// A client of that service account.
    pub(crate) async fn client_as_service_account(&self, namespace: &str, name: &str) -> Client {
        client(self.kubeconfig_of_service_account(namespace, name).await)
    }

    /// A namespace of a test's own. It stays as long as the cluster does.
    pub(crate) async fn namespace(&self) -> String {
        let name = format!("t-{}", uuid::Uuid::now_v7().simple());
        let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        Api::all(self.client()).create(&PostParams::default(), &namespace).await.unwrap();
        name
    }

    /// Applies the custom resource definitions in a folder's YAML files, and waits until the API server serves each.
    pub(crate) async fn apply_crds(&self, folder: &Path) {
        let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|e| e == "yaml" || e == "yml"));
        paths.sort();
        assert!(!paths.is_empty(), "{} has no YAML file", folder.display());
        for path in paths {
            let text = std::fs::read_to_string(&path).unwrap();
            for crd in serde_saphyr::from_multiple(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())) {
                self.apply_crd(&crd).await;
            }
        }
    }

    /// Applies a custom resource definition, and waits until the API server serves it.
    pub(crate) async fn apply_crd(&self, crd: &CustomResourceDefinition) {
        let crds = Api::<CustomResourceDefinition>::all(self.client());
        let name = crd.name_any();
        crds.patch(&name, &PatchParams::apply("tests").force(), &Patch::Apply(crd)).await.unwrap();
        let established = await_condition(crds, &name, conditions::is_crd_established());
        tokio::time::timeout(Duration::from_secs(30), established).await.unwrap_or_else(|_| panic!("{name} is not served")).unwrap();
    }

    /// The text of a kubeconfig for whom the cluster's authority gave a certificate.
    pub(super) fn certificate_kubeconfig(&self, name: &str) -> String {
        let file = |extension: &str| self.file(&format!("{name}.{extension}"));
        self.kubeconfig_with(&json!({"client-certificate": file("crt"), "client-key": file("key")})).to_string()
    }

    fn kubeconfig_with(&self, user: &serde_json::Value) -> serde_json::Value {
        let cluster = json!({"server": self.url(), "certificate-authority": self.file("authority.crt")});
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        })
    }
}

/// A client of whom a kubeconfig names. It goes through no proxy, and repeats no request by itself: what it sends is what is in the audit log.
pub(crate) fn client(kubeconfig: Kubeconfig) -> Client {
    let cluster = kubeconfig.clusters[0].cluster.clone().unwrap();
    let mut config = Config::new(cluster.server.unwrap().parse().unwrap());
    config.root_cert_file = cluster.certificate_authority.map(PathBuf::from);
    config.auth_info = kubeconfig.auth_infos[0].auth_info.clone().unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}
