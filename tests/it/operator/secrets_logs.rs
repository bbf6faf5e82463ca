//! The program itself, as it runs in a pod, logging all that it can: no secret is among it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;
use tenantry::model::Kind;

use super::consent_kit::Kit;
use crate::servers::kubernetes::Cluster;
use crate::support::program::{PROGRAM, command};
use crate::support::sandbox::Sandbox;

const FIRST: &str = "canary-logged-first-3f9a";
const SECOND: &str = "canary-logged-second-77c1";

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn the_program_logs_no_secret_however_much_it_logs() {
    let kit = Kit::without_operator().await;
    let log = kit.folder.path().join("log");
    let mut operator = command(PROGRAM);
    operator.args(["operator", "--namespace", &kit.namespace, "--watch-namespace", &kit.namespace, "--listen", "127.0.0.1:0"]);
    operator.args(["--state-dir", "state", "--kubeconfig"]).arg(Cluster::shared().kubeconfig_file()).current_dir(kit.folder.path());
    operator.env("TENANTRY_LOG", "trace").stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
    let mut operator = operator.spawn().unwrap();

    let sandbox = Sandbox::start(["--profile", "wiv", "--account-kind", "MSP-Admin"], kit.folder.path());
    kit.secret("wiv", &[("key", "canary-logged-wrong")]).await;
    kit.secret("hook-token", &[("token", FIRST)]).await;
    let credentials = json!({ "apiKey": { "secretKeyRef": { "name": "wiv", "key": "key" } } });
    let account = json!({ "name": "Northwind IT", "domain": "northwind-it.example", "kind": "MSP-Admin" });
    let endpoint = format!("http://{}", sandbox.address);
    let serves = |customer: &str| json!({ "names": [customer] });
    let costs =
        json!({ "profile": "wiv", "endpoint": endpoint, "credentials": credentials, "account": account, "organizations": serves("beta") });
    kit.apply(Kind::Portal, "costs", costs).await;
    kit.apply(Kind::Portal, "main", json!({ "profile": "embedded", "organizations": serves("acme") })).await;
    kit.apply(Kind::Organization, "acme", json!({ "displayName": "Acme" })).await;
    kit.apply(Kind::Organization, "beta", json!({ "displayName": "Beta" })).await;
    let reference = json!({ "secretKeyRef": { "name": "hook-token", "key": "token" } });
    let hook = json!({ "organization": "acme", "type": "webhook", "displayName": "Hook", "secrets": { "token": reference } });
    kit.apply(Kind::Integration, "hook", hook).await;
    kit.until_it_says(Kind::Portal, "costs", "Stalled", "True AccessDenied").await;
    kit.secret("wiv", &[("key", &sandbox.token)]).await;
    kit.until_it_says(Kind::Portal, "costs", "Ready", "True ReconciliationSucceeded").await;
    kit.until_it_says(Kind::Integration, "hook", "Ready", "True ReconciliationSucceeded").await;
    kit.secret("hook-token", &[("token", SECOND)]).await;
    let begun = Instant::now();
    while !kit.tenantry(&["ledger", "audit", "-o", "json"]).await.out.contains("update") {
        assert!(begun.elapsed() < Duration::from_secs(60), "the rotation was not applied");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    operator.kill().unwrap();
    operator.wait().unwrap();

    let logged = std::fs::read_to_string(&log).unwrap();
    assert!(logged.contains("TRACE"), "it logs: {logged}");
    for canary in [FIRST, SECOND, "canary-logged-wrong", &sandbox.token] {
        for written in [canary.to_owned(), base64(canary)] {
            let line = logged.lines().find(|line| line.contains(&written));
            assert_eq!(line.map(|line| line.chars().take(2000).collect::<String>()), None, "{canary} is logged");
        }
    }
}

/// As Kubernetes writes what a Secret has.
fn base64(text: &str) -> String {
    let bytes = k8s_openapi::ByteString(text.as_bytes().to_vec());
    serde_json::to_value(&bytes).unwrap().as_str().unwrap().to_owned()
}
