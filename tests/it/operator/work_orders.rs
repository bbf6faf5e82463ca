//! Work orders wait in the cluster: who works at a desk lists, confirms and takes back there, and custom resources say so within seconds.

use std::time::{Duration, Instant};

use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value as Json, json};
use tenantry::ledger::kubernetes::KubernetesLedger;
use tenantry::ledger::{Holder, Ledger as _};
use tenantry::model::Kind;

use super::consent_kit::{Kit, digest, message};
use super::stand::says;
use crate::servers::kubernetes::Cluster;
use crate::support::name;

/// Far less than the interval in which live is polled.
const SOON: Duration = Duration::from_secs(30);

/// A portal without an API, in a file and in the cluster.
async fn declare(kit: &Kit, approval: &str) {
    let document = |kind: &str, name: &str, spec: Json| json!({ "apiVersion": "tenantry.dev/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec });
    let account = json!({ "name": "Northwind IT", "domain": "northwind.idemeum.com" });
    let portal =
        json!({ "profile": "idemeum", "account": account, "workOrders": { "assignee": "nora" }, "approval": { "mode": approval } });
    let users = json!([{ "name": "helen", "email": "helen@brightwater.example", "administrator": true }]);
    let documents = [
        document("Portal", "access", portal),
        document("Organization", "brightwater", json!({ "displayName": "Brightwater & Partners", "users": users })),
    ];
    std::fs::create_dir_all(kit.folder.path().join("manifests")).unwrap();
    for one in &documents {
        std::fs::write(
            kit.folder.path().join("manifests").join(one["metadata"]["name"].as_str().unwrap()).with_extension("yaml"),
            one.to_string(),
        )
        .unwrap();
        kit.apply_document(&kit.namespace, one).await;
    }
}

/// The reference of the item that waits for an address.
async fn item(kit: &Kit, address: &str) -> String {
    let listed = kit.tenantry(&["runbook", "list", "-o", "json"]).await.exits(0);
    let orders: Json = serde_json::from_str(&listed.out).unwrap();
    let items = orders["orders"].as_array().unwrap().iter().flat_map(|order| order["items"].as_array().unwrap());
    let found = items.clone().find(|item| item["address"] == address);
    found.unwrap_or_else(|| panic!("no item of {address}: {}", listed.said()))["reference"].as_str().unwrap().to_owned()
}

/// The organization, soon after it was told.
async fn soon(kit: &Kit, holds: impl Fn(&Json) -> bool) -> Json {
    let begun = Instant::now();
    let said = kit.until(Kind::Organization, "brightwater", holds).await;
    assert!(begun.elapsed() < SOON, "after {:?}", begun.elapsed());
    said
}

const ADDRESS: &str = "address=https://brightwater-northwind.idemeum.com";

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn what_a_technician_answers_stands_in_the_cluster_within_seconds() {
    let kit = Kit::new().await;
    declare(&kit, "Auto").await;
    let waits = soon(&kit, |o| says(o, "Ready") == "False AwaitingTechnician").await;
    let (organization, helen) = (item(&kit, "brightwater/organization/brightwater").await, item(&kit, "brightwater/user/helen").await);
    let told = message(&waits, "Ready");
    assert!(told.contains("work order wo-") && (told.contains(&organization) || told.contains(&helen)), "{told}");
    let listed = kit.tenantry(&["runbook", "list"]).await.exits(0);
    assert!(listed.out.contains("nora") && listed.out.contains(&organization), "{}", listed.said());
    let shown = kit.tenantry(&["runbook", "show", &organization]).await.exits(0);
    assert!(shown.out.contains("Brightwater & Partners"), "{}", shown.said());

    // Nothing of this is declared in the folder that the shell is in.
    let other = json!({ "apiVersion": "tenantry.dev/v1alpha1", "kind": "Portal", "metadata": { "name": "access" }, "spec": { "profile": "embedded" } });
    std::fs::write(kit.folder.path().join("other.yaml"), other.to_string()).unwrap();
    std::fs::remove_dir_all(kit.folder.path().join("manifests")).unwrap();
    let listed = kit.tenantry(&["runbook", "list"]).await.exits(0);
    assert!(!listed.said().contains("no longer declared"), "{}", listed.said());
    let shown = kit.tenantry(&["runbook", "show", &organization]).await.exits(0);
    assert!(!shown.said().contains("-f PATH"), "{}", shown.said());

    kit.tenantry(&["runbook", "fail", &organization, "--why", "the menu is greyed out"]).await.exits(0);
    let failed = soon(&kit, |o| message(o, "Ready").contains("the menu is greyed out")).await;
    assert_eq!(says(&failed, "Ready"), "False AwaitingTechnician");
    kit.tenantry(&["runbook", "confirm", &organization, "--anyway", "--evidence", ADDRESS]).await.exits(0);
    soon(&kit, |o| o["status"]["externalId"].is_string() || !message(o, "Ready").contains("greyed out")).await;

    // Skipped: it goes back to the plan, and the next order has it under another reference.
    kit.tenantry(&["runbook", "skip", &helen, "--why", "not today"]).await.exits(0);
    let begun = Instant::now();
    let again = loop {
        let listed = kit.tenantry(&["runbook", "list", "-o", "json"]).await.exits(0);
        if listed.out.contains("brightwater/user/helen") {
            break item(&kit, "brightwater/user/helen").await;
        }
        assert!(begun.elapsed() < SOON, "{}", listed.said());
    };
    assert_ne!(again, helen);
    let mut confirm = vec!["runbook", "confirm", &again, "--evidence", "name=helen@brightwater.example"];
    confirm.extend(["--evidence", "organization=Brightwater & Partners"]);
    kit.tenantry(&confirm).await.exits(0);
    let ready = soon(&kit, |o| says(o, "Ready") == "True ReconciliationSucceeded").await;
    assert_eq!(says(&ready, "Synced"), "True ReconcileSuccess");
    std::fs::write(kit.folder.path().join("of-the-cluster.yaml"), kit.kubectl_get_tenantry().await).unwrap();
    kit.tenantry(&["plan", "-f", "of-the-cluster.yaml", "--expect-no-changes"]).await.exits(0);

    // Without a path nobody looks into the folder that a shell happens to be in: what lies there is another customer's.
    let other = json!({ "apiVersion": "tenantry.dev/v1alpha1", "kind": "Organization", "metadata": { "name": "brightwater" }, "spec": { "displayName": "Another" } });
    std::fs::write(kit.folder.path().join("other.yaml"), other.to_string()).unwrap();
    let shown = kit.tenantry(&["show", "brightwater"]).await.exits(0);
    assert!(shown.out.contains("brightwater (portal access)") && shown.out.contains("user/helen"), "{}", shown.said());
    assert!(shown.out.contains("manifests not read") && shown.err.contains("what the ledger has recorded"), "{}", shown.said());
    assert!(!shown.said().contains("embedded") && !shown.said().contains("other.yaml"), "{}", shown.said());
    let nobody = kit.tenantry(&["show", "nobody"]).await.exits(64);
    assert!(nobody.err.contains("there is no tenant nobody in the ledger"), "{}", nobody.said());
    for (args, command) in [
        (&["runbook", "observe", "customers.csv", "--table", "customers"][..], "tenantry runbook observe customers.csv --table TABLE -f -"),
        (&["access"], "tenantry access -f -"),
    ] {
        let refused = kit.tenantry(args).await.exits(64);
        assert!(refused.err.contains("the current folder is not looked at"), "{args:?}: {}", refused.said());
        let get = format!("`kubectl get tenantry -n {} -o yaml | {command}`", kit.namespace);
        assert!(refused.err.contains(&get), "{args:?}: {}", refused.said());
    }

    // What a screen shows, and what was said by mistake.
    let table = "Display name,Address,Active users\nBrightwater & Partners,https://brightwater-northwind.idemeum.com,12\n";
    std::fs::write(kit.folder.path().join("customers.csv"), table).unwrap();
    // What `kubectl get tenantry -o yaml` prints is manifests enough.
    kit.tenantry(&["runbook", "observe", "customers.csv", "--table", "customers", "-f", "of-the-cluster.yaml"]).await.exits(0);
    tokio::time::sleep(Duration::from_secs(3)).await;
    kit.tenantry(&["runbook", "reopen", &again, "--why", "it was another customer"]).await.exits(0);
    soon(&kit, |o| says(o, "Ready") == "False AwaitingTechnician" && message(o, "Ready").contains(&again)).await;
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn who_applies_at_a_desk_is_seen_in_the_cluster_and_audited() {
    let kit = Kit::new().await;
    declare(&kit, "Manual").await;
    let waits = kit.until_it_says(Kind::Organization, "brightwater", "Ready", "False AwaitingApproval").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let digest = digest(&waits, "access");
    kit.tenantry(&["apply", "-f", "manifests", "--auto-approve", "--ticket", "CHG-7"]).await.exits(6);
    soon(&kit, |o| says(o, "Ready") == "False AwaitingTechnician").await;
    let audit = kit.tenantry(&["ledger", "audit", "-o", "json"]).await.exits(0);
    assert!(audit.out.contains("CHG-7") && audit.out.contains("brightwater/organization/brightwater"), "{}", audit.said());
    let shown = kit.tenantry(&["ledger", "show", "brightwater/organization/brightwater"]).await;
    assert!(shown.out.contains("\"action\": \"create\""), "{}", shown.said());
    assert!(!digest.is_empty());
    // Somebody was killed and left a lock behind.
    let ledger = KubernetesLedger::new(kit.client.clone(), &kit.namespace).await.unwrap();
    let unit = [(name("access"), name("brightwater"))];
    let lock = ledger.lock(&unit, &Holder::current("a test"), jiff::Timestamp::now(), Duration::from_secs(600)).await.unwrap();
    let held = kit.tenantry(&["apply", "-f", "manifests", "--auto-approve"]).await.exits(12);
    assert!(held.said().contains(&format!("tenantry unlock {}", lock.0)), "{}", held.said());
    kit.tenantry(&["unlock", &lock.0]).await.exits(0);
    kit.tenantry(&["apply", "-f", "manifests", "--auto-approve"]).await.exits(6);
    kit.end().await;
}

/// Gives an account what a plan needs.
async fn may_plan(client: &kube::Client, namespace: &str, account: &str) {
    let params = PatchParams::apply("tests");
    let role: Role = serde_json::from_value(json!({ "metadata": { "name": "planner" }, "rules": [
        { "apiGroups": ["tenantry.dev"], "resources": ["ledgershards"], "verbs": ["get", "list"] },
        { "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get"] },
        { "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"] },
    ] }))
    .unwrap();
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": { "name": "planner" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "planner" },
        "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": namespace }],
    }))
    .unwrap();
    Api::<Role>::namespaced(client.clone(), namespace).patch("planner", &params, &Patch::Apply(&role)).await.unwrap();
    Api::<RoleBinding>::namespaced(client.clone(), namespace).patch("planner", &params, &Patch::Apply(&binding)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn a_ledger_that_cannot_be_had_says_why_and_what_to_do() {
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
    let namespace = cluster.namespace().await;
    let folder = tempfile::tempdir().unwrap();
    let text = "{apiVersion: tenantry.dev/v1alpha1, kind: Organization, metadata: {name: acme}, spec: {displayName: Acme}}";
    std::fs::write(folder.path().join("acme.yaml"), text).unwrap();
    let account = cluster.kubeconfig_of_service_account(&namespace, "nobody").await;
    let nobody = folder.path().join("nobody.kubeconfig");
    std::fs::write(&nobody, serde_json::to_string(&account).unwrap()).unwrap();
    let run = |kubeconfig: &std::path::Path, args: &[&str]| {
        let ledger = format!("kubernetes://{namespace}?kubeconfig={}", kubeconfig.display());
        let (args, folder): (Vec<String>, _) = (args.iter().map(|a| (*a).to_owned()).collect(), folder.path().to_path_buf());
        tokio::task::spawn_blocking(move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            crate::support::program::run_with(&folder, &args, &[("TENANTRY_LEDGER", &ledger)])
        })
    };
    let admin = cluster.kubeconfig_file();
    let all: [&[&str]; 5] = [&["plan"], &["apply", "--auto-approve"], &["ledger", "list"], &["ledger", "audit"], &["runbook", "list"]];
    for args in all {
        let missing = run(&admin, args).await.unwrap().exits(1);
        assert!(missing.err.contains("the cluster has no kind LedgerShard"), "{args:?}: {}", missing.said());
        assert!(missing.err.contains("install Tenantry's custom resource definitions"), "{args:?}: {}", missing.said());
    }
    cluster.apply_crds(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("crds")).await;
    for args in all {
        let denied = run(&nobody, args).await.unwrap().exits(3);
        assert!(denied.err.contains("ledgershards.tenantry.dev"), "{args:?}: {}", denied.said());
        assert!(denied.err.contains(&format!("its role in namespace {namespace} needs")), "{args:?}: {}", denied.said());
    }
    run(&admin, &["plan", "--detailed-exitcode"]).await.unwrap().exits(2);
    // What docs/kubernetes/approval.md says that a plan needs is enough for it.
    may_plan(&cluster.client(), &namespace, "nobody").await;
    let begun = Instant::now();
    while run(&nobody, &["plan", "--detailed-exitcode"]).await.unwrap().code != Some(2) {
        assert!(begun.elapsed() < SOON, "{}", run(&nobody, &["plan"]).await.unwrap().said());
    }
    run(&nobody, &["apply", "--auto-approve"]).await.unwrap().exits(3);
    tokio::task::block_in_place(|| cluster.stop());
    for args in all {
        let away = run(&admin, args).await.unwrap().exits(1);
        assert!(away.err.contains("the Kubernetes API server"), "{args:?}: {}", away.said());
    }
    let none = run(&folder.path().join("nowhere"), &["ledger", "list"]).await.unwrap().exits(1);
    assert!(none.err.contains("no Kubernetes cluster is known"), "{}", none.said());
}
