//! Where it is, who may, and what is said to whoever may not.

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use secrecy::SecretString;
use serde_json::json;
use tenantry::ledger::LocationError;
use tenantry::secrets::MacKeyError;

use super::*;
use crate::support::program::run_with;

#[test]
fn a_location_names_a_namespace_and_perhaps_a_cluster() {
    let shown = |text: &str| text.parse::<LedgerLocation>().map(|l| l.to_string());
    for text in ["kubernetes://tenantry", "kubernetes://tenantry?context=prod", "kubernetes://a?context=b+c&kubeconfig=%2Fetc%2Fk"] {
        assert_eq!(shown(text).as_deref(), Ok(text));
    }
    for (text, why) in [
        ("kubernetes://", "it names no namespace: write kubernetes://NAMESPACE"),
        ("kubernetes://a/b", "it names no namespace: write kubernetes://NAMESPACE"),
        ("kubernetes://a:80", "it names no namespace: write kubernetes://NAMESPACE"),
        ("kubernetes://a_b", "it names no namespace: write kubernetes://NAMESPACE"),
        (
            "kubernetes://a?cluster=b",
            "`cluster` is no option of it: write kubernetes://NAMESPACE?context=NAME&kubeconfig=FILE, either of the two or none",
        ),
        ("kubernetes://a?context=", "`context` has no value"),
        ("kubernetes://a?context", "`context` has no value"),
        ("kubernetes://a?context=b&context=c", "`context` is given twice"),
        ("kubernetes://a?kubeconfig=b&kubeconfig=c", "`kubeconfig` is given twice"),
        ("kubernetes://a?context=b#c", "it has a part behind `#`, which means nothing: write a `#` in a name as %23"),
    ] {
        assert_eq!(shown(text), Err(LocationError::Place(why.to_owned())), "{text}");
    }
}

#[tokio::test]
async fn a_cluster_that_nobody_knows_is_unavailable() {
    let location: LedgerLocation = "kubernetes://a?kubeconfig=/nowhere".parse().unwrap();
    let error = location.open().await.err().unwrap();
    assert!(error.to_string().starts_with("ledger unavailable: no Kubernetes cluster is known: "), "{error}");
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn a_cluster_without_the_kind_or_the_namespace_or_an_answer_is_unavailable() {
    let cluster = Cluster::start();
    let open = async |namespace: &str| KubernetesLedger::new(cluster.client(), namespace).await.err().unwrap().to_string();
    let missing =
        "ledger unavailable: the cluster has no kind LedgerShard (tenantry.dev/v1alpha1): install Tenantry's custom resource definitions";
    assert_eq!(open("default").await, missing);
    cluster.apply_crd(&kind()).await;
    let said = open("nowhere").await;
    assert!(said.contains(r#"namespaces "nowhere" not found: create the namespace"#), "{said}");
    let ledger = KubernetesLedger::new(cluster.client(), "default").await.unwrap();
    let lock = take(&ledger, &["acme"]).await;
    cluster.stop();
    let lost = ledger.commit(&lock, rows("acme", 0..1, "a")).await;
    assert!(matches!(&lost, Err(LedgerError::Unavailable(why)) if why.starts_with("the Kubernetes API server: ")), "{lost:?}");
    cluster.start_again();
    ledger.commit(&lock, rows("acme", 0..1, "a")).await.unwrap();
    assert_eq!(keys(&ledger, "acme").await, ["a"]);
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn who_may_not_is_told_what_is_needed_and_who_may_needs_no_more() {
    let (cluster, namespace) = (Cluster::shared(), namespace().await);
    let client = cluster.client_as_service_account(&namespace, "operator").await;
    let error = KubernetesLedger::new(client.clone(), &namespace).await.err().unwrap();
    let LedgerError::Denied(why) = &error else { panic!("{error}") };
    let needed = "get, list, create, update, patch and delete of ledgershards.tenantry.dev and leases.coordination.k8s.io";
    assert!(why.contains("forbidden") && why.ends_with(&format!("its role in namespace {namespace} needs {needed}")), "{why}");

    let rules = json!([
        {"apiGroups": ["tenantry.dev"], "resources": ["ledgershards"], "verbs": ["get", "list", "create", "update", "patch", "delete"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]},
    ]);
    let role: Role = serde_json::from_value(json!({"metadata": {"name": "ledger"}, "rules": rules})).unwrap();
    Api::namespaced(cluster.client(), &namespace).create(&PostParams::default(), &role).await.unwrap();
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": {"name": "ledger"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "ledger"},
        "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": namespace}],
    }))
    .unwrap();
    Api::namespaced(cluster.client(), &namespace).create(&PostParams::default(), &binding).await.unwrap();
    let mut opened = KubernetesLedger::new(client.clone(), &namespace).await;
    for _ in 0..500 {
        if opened.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        opened = KubernetesLedger::new(client.clone(), &namespace).await;
    }
    let ledger = opened.ok().unwrap();
    let lock = take(&ledger, &["acme", "beta"]).await;
    ledger.commit(&lock, [rows("acme", 0..400, "a"), rows("beta", 0..400, "a")].concat()).await.unwrap();
    ledger.renew(&lock, at(0), LEASE).await.unwrap();
    assert_eq!((ledger.unlock(&lock).await.unwrap(), keys(&ledger, "acme").await), (2, vec!["a".to_owned()]));
    ledger.locks().await.unwrap();
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn the_key_is_a_secret_that_is_made_once_and_in_no_other_object() {
    let store = Store::kubernetes().await;
    let LedgerLocation::Kubernetes(place) = &store.location else { panic!("a cluster") };
    let ledger = store.open().await;
    let source = store.location.mac_key(None);
    assert!(source.find(false).await.unwrap().is_none());
    assert!(matches!(source.find(true).await, Err(MacKeyError::Lost(why)) if why.contains("tenantry-mac-key is not there: restore it")));
    let secret = SecretString::from("canary-77aa");
    let made = source.find_or_make(false).await.unwrap().mac(&[("token", &secret)]);
    let again = store.location.mac_key(None).find_or_make(true).await.unwrap().mac(&[("token", &secret)]);
    assert_eq!(made, again);

    let held = LedgerRow { secrets: vec![("secrets.token".into(), made)], ..row("acme/user/alice") };
    commit(&*ledger, vec![Write::Put(portal(), held.into()), Write::Audit(audit("acme/user/alice", "done"))]).await.unwrap();
    assert!(ledger.holds_secrets().await.unwrap());
    let secrets = Api::<Secret>::namespaced(Cluster::shared().client(), place.namespace());
    let key = secrets.get("tenantry-mac-key").await.unwrap().data.unwrap().remove("key").unwrap();
    let key = String::from_utf8(key.0).unwrap();
    for object in all(place.namespace()).await {
        let text = serde_json::to_string(&object).unwrap();
        assert!(!text.contains("canary") && !text.contains(key.trim()), "{text}");
    }
    // One that somebody spoilt is not made anew.
    secrets.delete("tenantry-mac-key", &DeleteParams::default()).await.unwrap();
    let spoilt: Secret = serde_json::from_value(json!({"metadata": {"name": "tenantry-mac-key"}, "stringData": {"key": "half"}})).unwrap();
    secrets.create(&PostParams::default(), &spoilt).await.unwrap();
    assert!(matches!(source.find_or_make(false).await, Err(MacKeyError::Unusable(why)) if why.ends_with("does not hold 64 hex digits")));
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn the_program_reads_a_ledger_in_the_cluster_that_kubeconfig_names() {
    let namespace = namespace().await;
    let writes = vec![Write::Put(portal(), row("acme/user/alice").into()), Write::Audit(audit("acme/user/alice", "done"))];
    commit(&open(&namespace).await, writes).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = Cluster::shared().kubeconfig_file();
    let said = tokio::task::spawn_blocking(move || {
        let place = format!("kubernetes://{namespace}");
        let run = |command| {
            // A proxy that is set for portals is none of the cluster's.
            let variables = [("KUBECONFIG", kubeconfig.to_str().unwrap()), ("HTTPS_PROXY", "http://me:canary@127.0.0.1:9")];
            run_with(folder.path(), &["ledger", "--ledger", &place, command], &variables).exits(0).said()
        };
        (run("list"), run("audit"))
    });
    let (list, audit) = said.await.unwrap();
    assert!(list.contains("acme/user/alice") && audit.contains("create displayName"), "{list}{audit}");
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn a_context_is_the_one_that_is_named_or_the_answer_says_how_to_name_one() {
    let namespace = namespace().await;
    commit(&open(&namespace).await, vec![Write::Put(portal(), row("acme/user/alice").into())]).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = Cluster::shared().kubeconfig_file();
    let look = move || {
        let run = |options: &str, command: &[&str]| {
            let place = format!("kubernetes://{namespace}?{options}");
            run_with(folder.path(), &[command, &["--ledger", &place]].concat(), &[("KUBECONFIG", kubeconfig.to_str().unwrap())])
        };
        for command in [&["ledger", "list"][..], &["show", "acme"]] {
            // The kubeconfig of tests has one context, which is called `test`.
            let named = run("context=test", command).exits(0);
            assert!(named.out.contains("user/alice"), "{command:?}: {}", named.said());
            let unknown = run("context=prod", command).exits(1);
            let form = format!("--ledger 'kubernetes://{namespace}?kubeconfig=FILE&context=NAME' and KUBECONFIG say which cluster it is");
            assert!(unknown.err.contains("prod") && unknown.err.contains(&form), "{command:?}: {}", unknown.said());
            let misspelt = run("kontext=prod", command).exits(64);
            assert!(
                misspelt.err.contains("`kontext` is no option of it: write kubernetes://NAMESPACE?context=NAME"),
                "{}",
                misspelt.said()
            );
        }
        // Those that have manifests to look at say the same.
        let acme = "apiVersion: tenantry.dev/v1alpha1\nkind: Organization\nmetadata: {name: acme}\nspec: {displayName: Acme}\n";
        std::fs::write(folder.path().join("acme.yaml"), acme).unwrap();
        assert!(run("context=prod", &["plan", "-f", "acme.yaml"]).exits(1).err.contains("say which cluster it is"));
    };
    tokio::task::spawn_blocking(look).await.unwrap();
}

#[tokio::test]
#[cfg_attr(not(have_kubernetes), ignore = "needs Kubernetes: tests/servers/install, or KUBEBUILDER_ASSETS")]
async fn a_namespace_without_a_ledger_is_no_ledger_in_which_nothing_waits() {
    let (empty, used) = (namespace().await, namespace().await);
    open(&used).await;
    let folder = tempfile::tempdir().unwrap();
    let acme = "apiVersion: tenantry.dev/v1alpha1\nkind: Organization\nmetadata: {name: acme}\nspec: {displayName: Acme}\n";
    std::fs::write(folder.path().join("acme.yaml"), acme).unwrap();
    let kubeconfig = Cluster::shared().kubeconfig_file();
    let look = move || {
        let run = |namespace: &str, command: &[&str]| {
            let place = format!("kubernetes://{namespace}");
            run_with(folder.path(), &[command, &["--ledger", &place]].concat(), &[("KUBECONFIG", kubeconfig.to_str().unwrap())])
        };
        for command in [&["runbook", "list"][..], &["ledger", "list"], &["ledger", "audit"], &["unlock", "x"], &["show", "acme"]] {
            for namespace in ["nosuch", &empty] {
                let said = run(namespace, command).exits(1).said();
                assert!(said.contains(&format!("there is no ledger in namespace {namespace} of the cluster")), "{command:?}: {said}");
            }
        }
        assert!(run(&used, &["runbook", "list"]).exits(0).said().contains("No work order waits."));
        let none_yet = "There is no ledger in namespace";
        assert!(run(&empty, &["plan", "-f", "acme.yaml"]).said().contains(none_yet));
        assert!(!run(&used, &["plan", "-f", "acme.yaml"]).said().contains(none_yet));
    };
    tokio::task::spawn_blocking(look).await.unwrap();
}
