//! The operator under exactly the rights that the chart gives it, through a whole life: nothing is refused to it, and nothing is granted that it
//! does not use.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use k8s_openapi::ByteString;
use kube::Client;
use serde_json::{Value as Json, json};

use super::cluster::{apply, change, delete, get, kubeconfig_of, until};
use super::{Helm, chart, objects, one};
use crate::servers::kubernetes::{Cluster, Request};
use crate::support::program::{PROGRAM, command};

/// Grants that no run of this test uses, each with the reason why it is there: `VERB RESOURCE`.
const UNUSED: &[(&str, &str)] = &[("patch events.events.k8s.io", "counts a warning that comes again, and nothing goes wrong here")];

/// What the operator asks for that is no resource; every authenticated user may.
const PUBLIC: [&str; 2] = ["/apis/tenantry.dev/v1alpha1", "/version"];

/// The chart's service account with its rights, in a cluster, and the operator that runs as it.
struct Bound {
    client: Client,
    /// Its own namespace, and that of the customers.
    home: String,
    customers: String,
    /// Roles and their bindings, as they were rendered.
    rights: Vec<Json>,
    operator: Child,
    /// Where its webhook listens.
    webhook: SocketAddr,
    folder: tempfile::TempDir,
}

impl Bound {
    async fn new(cluster: &Cluster, everywhere: bool) -> Self {
        cluster.apply_crds(&crate::support::program::root().join("crds")).await;
        let (client, home, customers) = (cluster.client(), cluster.namespace().await, cluster.namespace().await);
        let helm = Helm::new();
        let watched = if everywhere { String::new() } else { format!("watchNamespaces: [{home}, {customers}]\n") };
        let values = helm.values(&format!("{watched}webhook: {{enabled: true}}"));
        let args = ["template", "tenantry", &chart().to_string_lossy(), "--namespace", &home, "--values", &values].map(str::to_owned);
        let all = objects(&helm.run(args).exits(0).out);
        let certificate = one(&all, "Secret")["data"].clone();
        let rights: Vec<_> = all.into_iter().filter(|o| o["apiVersion"] == "rbac.authorization.k8s.io/v1").collect();
        for right in &rights {
            apply(&client, right).await;
        }
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = kubeconfig_of(cluster, &home, "tenantry", folder.path()).await;
        for file in ["ca.crt", "tls.crt", "tls.key"] {
            let bytes: ByteString = serde_json::from_value(certificate[file].clone()).unwrap();
            std::fs::write(folder.path().join(file), bytes.0).unwrap();
        }
        // A port that was free a moment ago.
        let webhook = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let watched: &[&str] = if everywhere { &[] } else { &[&home, &customers] };
        let operator = start(folder.path(), &kubeconfig, &home, watched, webhook);
        Self { client, home, customers, rights, operator, webhook, folder }
    }

    /// A custom resource; a member's name is the word for its kind.
    fn resource(&self, kind: &str, name: &str, spec: &Json) -> Json {
        let at_home = kind == "Portal" || spec["organization"] == "msp" || kind == "Delegation";
        let namespace = if at_home { &self.home } else { &self.customers };
        let metadata = json!({"name": name, "namespace": namespace});
        json!({"apiVersion": "tenantry.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec})
    }

    async fn apply(&self, resource: &Json) {
        apply(&self.client, resource).await;
    }

    async fn until_ready(&self, resource: &Json, reason: &str) {
        until(&self.client, resource, reason, |found| found.is_some_and(|o| ready(o) == reason && is_new(o))).await;
    }

    /// Ends the operator as a cluster does.
    async fn stop(&mut self) {
        let done = std::process::Command::new("kill").arg(self.operator.id().to_string()).status().unwrap();
        assert!(done.success());
        let begun = std::time::Instant::now();
        while self.operator.try_wait().unwrap().is_none() {
            assert!(begun.elapsed().as_secs() < 60, "it does not end: {}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.operator.kill();
        let _waited = self.operator.wait();
    }
}

fn start(folder: &Path, kubeconfig: &Path, home: &str, watched: &[&str], webhook: SocketAddr) -> Child {
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let mut operator = command(PROGRAM);
    operator.args(["operator", "--listen", "127.0.0.1:0", "--namespace", home, "--state-dir"]).arg(folder.join("state"));
    operator.arg("--kubeconfig").arg(kubeconfig).args(watched.iter().map(|namespace| format!("--watch-namespace={namespace}")));
    operator.arg(format!("--webhook-listen={webhook}")).arg("--webhook-cert-dir").arg(folder);
    operator.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

fn ready(object: &Json) -> String {
    let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    all.iter().find(|c| c["type"] == "Ready").map_or_else(String::new, |c| c["reason"].as_str().unwrap().to_owned())
}

/// Whether the status speaks of what is declared now.
fn is_new(object: &Json) -> bool {
    object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

/// One of each kind that a portal may have.
fn members(bound: &Bound) -> Vec<Json> {
    let of = |kind: &str, name: &str, spec: Json| {
        let mut spec = spec;
        spec["organization"] = json!("acme");
        bound.resource(kind, name, &spec)
    };
    vec![
        of("Domain", "main", json!({"domain": "acme.example", "primary": true})),
        of("Role", "operator", json!({"displayName": "Operator", "permissions": ["a.read"]})),
        of("Group", "office", json!({"displayName": "Office", "roles": ["operator"]})),
        of("User", "ann", json!({"email": "ann@acme.example", "groups": ["office"]})),
        of("Gateway", "berlin", json!({"displayName": "Berlin"})),
        of("MonitoredSystem", "erp", json!({"type": "SAP", "gateway": "berlin"})),
        of("NotificationRule", "down", json!({"events": ["system.down"], "channel": "email", "target": {"users": ["ann"]}})),
        of("Integration", "tickets", json!({"type": "psa", "secrets": {"token": {"secretKeyRef": {"name": "tickets", "key": "token"}}}})),
        bound.resource("User", "tom", &json!({"organization": "msp", "email": "tom@msp.example"})),
        bound.resource("Delegation", "desk", &json!({"technicians": ["tom"], "role": "Technician", "customers": {"names": ["acme"]}})),
    ]
}

fn secret(bound: &Bound, token: &str) -> Json {
    let metadata = json!({"name": "tickets", "namespace": bound.customers});
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": token}})
}

/// Everything that an operator does: it makes, changes, rotates, deletes, gives out, and ends.
async fn live(bound: &mut Bound) {
    let mut main = bound.resource("Portal", "main", &json!({"profile": "embedded"}));
    main["metadata"]["annotations"] = json!({"tenantry.dev/allow-from": bound.customers});
    bound.apply(&main).await;
    bound.apply(&secret(bound, "first")).await;
    let acme = bound.resource("Organization", "acme", &json!({"displayName": "Acme"}));
    let members = members(bound);
    for resource in [&acme].into_iter().chain(&members) {
        bound.apply(resource).await;
    }
    for resource in [&acme, &main].into_iter().chain(&members) {
        bound.until_ready(resource, "ReconciliationSucceeded").await;
    }
    let (ann, tickets) = (&members[3], &members[7]);
    for name in ["Ann", "Anna"] {
        let before = applied(get(&bound.client, ann).await.as_ref());
        // The time of an application has seconds.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        change(&bound.client, ann, &json!({"spec": {"firstName": name}})).await;
        until(&bound.client, ann, "changed", |found| applied(found) != before).await;
    }
    let before = applied(get(&bound.client, tickets).await.as_ref());
    tokio::time::sleep(Duration::from_millis(1100)).await;
    bound.apply(&secret(bound, "second")).await;
    until(&bound.client, tickets, "rotated", |found| applied(found) != before).await;
    preview(bound).await;
    // One after the other: many at once a guard would hold back.
    for resource in members.iter().rev().chain([&acme]) {
        delete(&bound.client, resource).await;
        until(&bound.client, resource, "gone", |found| found.is_none()).await;
    }
    give_out(bound).await;
    bound.stop().await;
}

/// Work for a technician.
async fn give_out(bound: &Bound) {
    let account = json!({"name": "MSP", "domain": "msp.example", "addOns": ["MSP Admin"]});
    let mut paper = bound.resource("Portal", "paper", &json!({"profile": "pilixo", "account": account}));
    paper["metadata"]["annotations"] = json!({"tenantry.dev/allow-from": "*"});
    bound.apply(&paper).await;
    let admin = json!({"email": "desk@msp.example", "firstName": "Nora", "lastName": "North"});
    let password = json!({"secretKeyRef": {"name": "tickets", "key": "token"}});
    let spec = json!({"displayName": "Clinic", "defaultAdmin": admin, "secrets": {"videoPassword": password}});
    let clinic = bound.resource("Organization", "clinic", &spec);
    bound.apply(&clinic).await;
    bound.until_ready(&clinic, "AwaitingTechnician").await;
}

/// Asks the webhook as an API server does: by its name, and by the authority that the chart made.
async fn preview(bound: &Bound) {
    drop(crate::servers::client());
    let authority = reqwest::Certificate::from_pem(&std::fs::read(bound.folder.path().join("ca.crt")).unwrap()).unwrap();
    let host = format!("tenantry-webhook.{}.svc", bound.home);
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([authority]).resolve(&host, bound.webhook).build().unwrap();
    let kind = json!({"group": "tenantry.dev", "version": "v1alpha1", "kind": "Organization"});
    let globex = bound.resource("Organization", "globex", &json!({"displayName": "Globex"}));
    let request = json!({"uid": "u-1", "kind": kind, "operation": "CREATE", "namespace": bound.customers, "object": globex});
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
    let asked = client.post(format!("https://{host}:{}/validate", bound.webhook.port())).json(&review).send().await;
    let answer: Json = asked.unwrap_or_else(|e| panic!("{e:?}: {}", bound.log())).json().await.unwrap();
    assert_eq!(answer["response"]["allowed"], json!(true));
    assert!(answer["response"]["warnings"].to_string().contains("this creates 1 organization of globex"), "{answer:#}");
}

/// When something of a custom resource was last applied.
fn applied(found: Option<&Json>) -> Option<Json> {
    found.map(|object| object["status"]["lastAppliedTime"].clone())
}

/// A rule of a role, taken apart: one verb, one resource, one name or any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    /// The namespaces where it holds; empty: everywhere.
    namespaces: BTreeSet<String>,
    verb: String,
    resource: String,
    name: Option<String>,
}

impl Grant {
    fn allows(&self, request: &Request) -> bool {
        let resource = if request.subresource.is_empty() {
            request.resource.clone()
        } else {
            // The group is behind the subresource's resource in the log, and in front of nothing in a rule.
            format!("{}/{}", request.resource, request.subresource)
        };
        // Who asks about a namespace asks within it.
        let place = if request.resource == "namespaces" { &request.name } else { &request.namespace };
        let here = self.namespaces.is_empty() || self.namespaces.contains(place);
        here && self.verb == request.verb && self.resource == resource && self.name.as_ref().is_none_or(|name| *name == request.name)
    }

    fn text(&self) -> String {
        let Self { namespaces: _, verb, resource, name } = self;
        format!("{verb} {resource}{}", name.as_ref().map_or_else(String::new, |name| format!(" {name}")))
    }
}

/// A resource as the log names it: `users.tenantry.dev/status`.
fn logged(group: &str, resource: &str) -> String {
    match (group, resource.split_once('/')) {
        ("", _) => resource.to_owned(),
        (group, Some((resource, sub))) => format!("{resource}.{group}/{sub}"),
        (group, None) => format!("{resource}.{group}"),
    }
}

/// Every grant of the rendered roles; the same role in several namespaces is one.
fn grants(rights: &[Json]) -> Vec<Grant> {
    let words = |value: &Json| -> Vec<String> { value.as_array().into_iter().flatten().map(|w| w.as_str().unwrap().to_owned()).collect() };
    let mut grants: Vec<Grant> = Vec::new();
    for role in rights.iter().filter(|o| o["kind"] == "Role" || o["kind"] == "ClusterRole") {
        let namespaces: BTreeSet<String> = role["metadata"]["namespace"].as_str().into_iter().map(str::to_owned).collect();
        for rule in role["rules"].as_array().unwrap() {
            let names = words(&rule["resourceNames"]);
            let names: Vec<_> = if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() };
            for group in words(&rule["apiGroups"]) {
                for resource in words(&rule["resources"]) {
                    for verb in words(&rule["verbs"]) {
                        assert!(![&group, &resource, &verb].iter().any(|word| word.contains('*')), "a wildcard in {rule}");
                        let of = |name: &Option<String>| Grant {
                            namespaces: namespaces.clone(),
                            verb: verb.clone(),
                            resource: logged(&group, &resource),
                            name: name.clone(),
                        };
                        grants.extend(names.iter().map(of));
                    }
                }
            }
        }
    }
    grants
}

async fn is_proved(cluster: &Cluster, everywhere: bool) {
    let mark = cluster.mark().await;
    let mut bound = Bound::new(cluster, everywhere).await;
    live(&mut bound).await;
    let user = format!("system:serviceaccount:{}:tenantry", bound.home);
    let all = cluster.requests_since(mark).await;
    let mine: Vec<&Request> = all.iter().filter(|request| request.user == user).collect();
    let shown = |wrong: Vec<&&Request>| wrong.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let none: BTreeSet<String> = BTreeSet::new();
    assert_eq!(shown(mine.iter().filter(|r| r.code == 403 || r.code == 401).collect()), none, "is refused; its log: {}", bound.log());

    let grants = grants(&bound.rights);
    let of_resources = mine.iter().filter(|r| !r.resource.starts_with('/'));
    assert_eq!(shown(of_resources.filter(|r| !grants.iter().any(|g| g.allows(r))).collect()), none, "is granted by others than the chart");
    let others: BTreeSet<_> = mine.iter().filter(|r| r.resource.starts_with('/')).map(|r| r.resource.as_str()).collect();
    assert_eq!(others, BTreeSet::from(PUBLIC));

    let used: BTreeSet<String> = grants.iter().filter(|g| mine.iter().any(|r| g.allows(r))).map(Grant::text).collect();
    let unused: BTreeSet<String> = grants.iter().map(Grant::text).filter(|text| !used.contains(text)).collect();
    let excused: BTreeSet<String> = UNUSED.iter().filter(|(_, why)| !why.is_empty()).map(|(grant, _)| (*grant).to_owned()).collect();
    assert_eq!(unused, excused, "is granted and not used");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(all(have_helm, have_kubernetes)), ignore = "needs Helm and a kube-apiserver: run tests/servers/install")]
async fn in_the_namespaces_that_it_watches_the_operator_may_do_what_it_does_and_nothing_else() {
    is_proved(Cluster::shared(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(all(have_helm, have_kubernetes)), ignore = "needs Helm and a kube-apiserver: run tests/servers/install")]
async fn in_a_whole_cluster_the_operator_may_do_what_it_does_and_nothing_else() {
    // It would act upon what other tests have in theirs.
    is_proved(&Cluster::start(), true).await;
}

#[test]
fn a_grant_is_compared_with_what_the_log_says() {
    let role = json!({"kind": "Role", "metadata": {"namespace": "a"}, "rules": [
        {"apiGroups": ["tenantry.dev"], "resources": ["users/status"], "verbs": ["patch"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["key"], "verbs": ["get"]},
    ]});
    let grants = grants(&[role]);
    assert_eq!(grants.iter().map(Grant::text).collect::<Vec<_>>(), ["patch users.tenantry.dev/status", "get secrets key"]);
    let request = |verb: &str, resource: &str, subresource: &str, namespace: &str, name: &str| Request {
        user: String::new(),
        verb: verb.into(),
        resource: resource.into(),
        subresource: subresource.into(),
        namespace: namespace.into(),
        name: name.into(),
        code: 200,
    };
    assert!(grants[0].allows(&request("patch", "users.tenantry.dev", "status", "a", "x")));
    assert!(!grants[0].allows(&request("patch", "users.tenantry.dev", "", "a", "x")));
    assert!(!grants[0].allows(&request("patch", "users.tenantry.dev", "status", "b", "x")));
    assert!(grants[1].allows(&request("get", "secrets", "", "a", "key")));
    assert!(!grants[1].allows(&request("get", "secrets", "", "a", "other")));
    let namespaces = json!({"kind": "Role", "metadata": {"namespace": "a"}, "rules": [
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
    ]});
    let grants = self::grants(&[namespaces]);
    assert!(grants[0].allows(&request("get", "namespaces", "", "", "a")) && !grants[0].allows(&request("get", "namespaces", "", "", "b")));
}
