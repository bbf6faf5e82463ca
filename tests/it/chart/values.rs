//! What the chart can be told, and what it refuses to be told.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{Helm, chart};

/// Keys whose content is Kubernetes' own, or the user's: what is below them is not ours to list.
const OPEN: [&str; 6] = ["podSecurityContext", "securityContext", "resources", "livenessProbe", "readinessProbe", "labels"];

fn values() -> Json {
    serde_saphyr::from_str(&std::fs::read_to_string(chart().join("values.yaml")).unwrap()).unwrap()
}

fn schema() -> Json {
    serde_json::from_str(&std::fs::read_to_string(chart().join("values.schema.json")).unwrap()).unwrap()
}

/// The paths of all keys: `image`, `image.tag`.
fn keys(value: &Json, before: &str, found: &mut BTreeSet<String>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        let path = if before.is_empty() { key.clone() } else { format!("{before}.{key}") };
        if !OPEN.contains(&key.as_str()) {
            keys(value, &path, found);
        }
        found.insert(path);
    }
}

fn all_keys(value: &Json) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    keys(value, "", &mut found);
    found
}

/// The same of a schema.
fn described(schema: &Json, before: &str, found: &mut BTreeSet<String>) {
    for (key, below) in schema["properties"].as_object().into_iter().flatten() {
        let path = if before.is_empty() { key.clone() } else { format!("{before}.{key}") };
        described(below, &path, found);
        found.insert(path);
    }
}

#[test]
fn the_schema_and_the_defaults_have_the_same_keys() {
    let mut described_keys = BTreeSet::new();
    described(&schema(), "", &mut described_keys);
    // What a chart around this one gives every chart, and what `helm create` leaves commented out.
    for known in ["global", "autoscaling.targetMemoryUtilizationPercentage"] {
        assert!(described_keys.remove(known), "{known}");
    }
    assert_eq!(all_keys(&values()), described_keys);
}

#[test]
fn the_keys_that_people_expect_are_there() {
    let expected = "rbac.create crds.install crds.keep watchNamespaces leaderElection.enabled logLevel metrics.enabled \
        metrics.serviceMonitor metrics.prometheusRule metrics.dashboard networkPolicy.enabled podDisruptionBudget extraEnv extraVolumes \
        extraObjects";
    let have = all_keys(&values());
    let missing: Vec<_> = expected.split_whitespace().filter(|key| !have.contains(*key)).collect();
    assert_eq!(missing, [] as [&str; 0]);
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn every_key_of_a_new_chart_means_here_what_it_means_there() {
    let helm = Helm::new();
    helm.run(["create", "new"]).exits(0);
    let created = std::fs::read_to_string(helm.home.path().join("new/values.yaml")).unwrap();
    let created: Json = serde_saphyr::from_str(&created).unwrap();
    let mut theirs = all_keys(&created);
    // Example entries of lists and maps that are empty here.
    theirs.retain(|key| !key.starts_with("httpRoute.annotations.") && !key.starts_with("ingress.annotations."));
    let ours = all_keys(&values());
    assert_eq!(theirs.difference(&ours).collect::<Vec<_>>(), [] as [&String; 0]);
}

/// Why Helm refuses these values, without what says where.
fn refused(values: &str) -> String {
    let said = Helm::new().template(values).exits(1).err;
    let lines = said.lines().filter(|line| line.trim_start().starts_with("- at")).map(str::trim);
    let refused = lines.collect::<Vec<_>>().join("\n");
    assert!(!refused.is_empty(), "{values} is not refused by the schema: {said}");
    refused
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn wrong_values_are_refused_by_name() {
    let check = |values: &str, expected: &str| assert_eq!(refused(values), expected, "{values}");
    check("replicas: 2", "- at '': additional properties 'replicas' not allowed");
    check("image: {name: x}", "- at '/image': additional properties 'name' not allowed");
    check("replicaCount: two", "- at '/replicaCount': got string, want integer");
    check("image: {pullPolicy: Sometimes}", "- at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'");
    check("image: {digest: sha256:abc}", "- at '/image/digest': 'sha256:abc' does not match pattern '^(sha256:[0-9a-f]{64})?$'");
    check("watchNamespaces: customers", "- at '/watchNamespaces': got string, want array");
    check("watchNamespaces: ['*']", "- at '/watchNamespaces/0': '*' does not match pattern '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'");
    check("logFormat: xml", "- at '/logFormat': value must be one of 'json', 'text'");
    check("extraEnv: {A: b}", "- at '/extraEnv': got object, want array");
    check("extraEnv: [{value: b}]", "- at '/extraEnv/0': missing property 'name'");
    check("webhook: {failurePolicy: Fail}", "- at '/webhook': additional properties 'failurePolicy' not allowed");
    check("webhook: {timeoutSeconds: 31}", "- at '/webhook/timeoutSeconds': maximum: got 31, want 30");
    check(
        "otel: {endpoint: 'collector:4318'}",
        "- at '/otel/endpoint': 'collector:4318' does not match pattern '^(https?://[^\\\\s@]+)?$'",
    );
    check("otel: {samplingRatio: 10}", "- at '/otel/samplingRatio': maximum: got 10, want 1");
    check("otel: {serviceName: a}", "- at '/otel': additional properties 'serviceName' not allowed");
    check("networkPolicy: {egressPorts: [70000]}", "- at '/networkPolicy/egressPorts/0': maximum: got 70,000, want 65,535");
    check("metrics: {serviceMonitor: {interval: 30}}", "- at '/metrics/serviceMonitor/interval': got number, want string");
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn what_contradicts_itself_is_refused() {
    let contradicts = |values: &str, place: &str| assert!(refused(values).contains(place), "{values}: {}", refused(values));
    contradicts("{leaderElection: {enabled: false}, replicaCount: 2}", "'/replicaCount': maximum: got 2, want 1");
    contradicts("{leaderElection: {enabled: false}, autoscaling: {enabled: true}}", "'/autoscaling/enabled'");
    let bare = "webhook: {enabled: true, certificate: {source: secret}}";
    contradicts(bare, "'/webhook/certificate/secretName'");
    contradicts(bare, "'/webhook/certificate/caBundle'");
}

#[test]
fn the_chart_is_of_this_version_and_its_readme_names_every_value() {
    let about: Json = serde_saphyr::from_str(&std::fs::read_to_string(chart().join("Chart.yaml")).unwrap()).unwrap();
    assert_eq!(about["appVersion"], env!("CARGO_PKG_VERSION"));
    let readme = std::fs::read_to_string(chart().join("README.md")).unwrap();
    let values = values();
    let unnamed: Vec<_> = values.as_object().unwrap().keys().filter(|key| !readme.contains(&format!("`{key}"))).collect();
    assert_eq!(unnamed, [] as [&String; 0]);
}
