//! What Helm makes of the chart.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::{EVERYTHING, Helm, chart, one, rendered, title};
use crate::support::program::{PROGRAM, Ran, command};

/// What is made besides the definitions of custom resources.
fn titles(values: &str) -> Vec<String> {
    let mut titles: Vec<_> = rendered(values).iter().filter(|o| o["kind"] != "CustomResourceDefinition").map(title).collect();
    titles.sort();
    titles
}

fn pod(objects: &[Json]) -> Json {
    one(objects, "Deployment")["spec"]["template"]["spec"].clone()
}

fn args(objects: &[Json]) -> Vec<String> {
    pod(objects)["containers"][0]["args"].as_array().unwrap().iter().map(|a| a.as_str().unwrap().to_owned()).collect()
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn by_default_it_is_one_deployment_with_its_rights() {
    let expected = [
        "ClusterRole team-tenantry",
        "ClusterRoleBinding team-tenantry",
        "Deployment tenantry",
        "PodDisruptionBudget tenantry",
        "Role tenantry",
        "RoleBinding tenantry",
        "Service tenantry",
        "ServiceAccount tenantry",
    ];
    assert_eq!(titles("{}"), expected);
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn with_every_option_it_is_all_of_this() {
    let expected = [
        "ClusterRole team-tenantry-edit",
        "ClusterRole team-tenantry-view",
        "ConfigMap extra",
        "ConfigMap tenantry-dashboard",
        "ConfigMap tenantry-more",
        "Deployment tenantry",
        "HTTPRoute tenantry",
        "HorizontalPodAutoscaler tenantry",
        "Ingress tenantry",
        "NetworkPolicy tenantry",
        "PodDisruptionBudget tenantry",
        "PrometheusRule tenantry",
        "Role team-tenantry",
        "Role team-tenantry",
        "Role tenantry",
        "RoleBinding team-tenantry",
        "RoleBinding team-tenantry",
        "RoleBinding tenantry",
        "Service tenantry",
        "ServiceAccount tenantry",
        "ServiceMonitor tenantry",
    ];
    assert_eq!(titles(EVERYTHING), expected);
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn options_take_away_what_they_name() {
    let default: BTreeSet<_> = titles("{}").into_iter().collect();
    let check = |values: &str, gone: &[&str], more: &[&str]| {
        let mut expected = default.clone();
        gone.iter().for_each(|title| assert!(expected.remove(*title), "{title}"));
        expected.extend(more.iter().map(|title| (*title).to_owned()));
        assert_eq!(titles(values).into_iter().collect::<BTreeSet<_>>(), expected, "{values}");
    };
    check("metrics: {enabled: false, serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}}", &["Service tenantry"], &[]);
    check("podDisruptionBudget: {enabled: false}", &["PodDisruptionBudget tenantry"], &[]);
    check("serviceAccount: {create: false, name: mine}", &["ServiceAccount tenantry"], &[]);
    let rights = ["ClusterRole team-tenantry", "ClusterRoleBinding team-tenantry", "Role tenantry", "RoleBinding tenantry"];
    check("rbac: {create: false}", &rights, &[]);
    // With a database there is nothing of its own in the cluster.
    check("ledger: {existingSecret: db}", &["Role tenantry", "RoleBinding tenantry"], &[]);
    let own = ["Role team-tenantry", "RoleBinding team-tenantry"];
    check("watchNamespaces: [customers]", &["ClusterRole team-tenantry", "ClusterRoleBinding team-tenantry"], &own);
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn every_object_says_whose_it_is_and_where() {
    let cluster_wide = ["ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "ValidatingWebhookConfiguration"];
    for object in ["{}", EVERYTHING, "webhook: {enabled: true}"].iter().flat_map(|values| rendered(values)) {
        let (title, labels) = (title(&object), &object["metadata"]["labels"]);
        let extra = title.starts_with("ConfigMap extra") || title.starts_with("ConfigMap tenantry-more");
        for (label, value) in [("name", "tenantry"), ("instance", "tenantry"), ("managed-by", "Helm"), ("part-of", "tenantry")] {
            assert!(extra || labels[format!("app.kubernetes.io/{label}")] == value, "{title} without {label}");
        }
        assert!(extra || labels["app.kubernetes.io/version"] == env!("CARGO_PKG_VERSION"), "{title}");
        let named = object["metadata"]["namespace"].is_string();
        assert_eq!(named, !cluster_wide.contains(&object["kind"].as_str().unwrap()), "{title}");
    }
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn the_pod_may_do_nothing_but_run_the_program() {
    let pod = pod(&rendered("{}"));
    assert_eq!(pod["enableServiceLinks"], json!(false));
    assert_eq!(pod["securityContext"]["runAsNonRoot"], json!(true));
    assert_eq!(pod["securityContext"]["seccompProfile"], json!({"type": "RuntimeDefault"}));
    let expected = json!({
        "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": true,
        "runAsNonRoot": true,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    assert_eq!(pod["containers"][0]["securityContext"], expected);
    for absent in ["hostNetwork", "hostPID", "hostIPC"] {
        assert_eq!(pod[absent], Json::Null, "{absent}");
    }
    // It writes to this and nothing else.
    assert_eq!(pod["volumes"], json!([{"name": "state", "emptyDir": {}}]));
}

/// Starts the program as a pod would be, but with no cluster to speak to: what it says to its arguments and variables.
fn started(objects: &[Json]) -> Ran {
    let pod = pod(objects);
    let mut program = command(PROGRAM);
    // A port that others may have, and files of a pod.
    program.args(args(objects).iter().map(|a| a.replace(":9464", ":0").replace(":9443", ":0").replace("[::]", "0.0.0.0")));
    program.arg("--kubeconfig=/nowhere/kubeconfig");
    for variable in pod["containers"][0]["env"].as_array().unwrap() {
        if let Some(value) = variable["value"].as_str().filter(|value| !value.starts_with("/etc/")) {
            program.env(variable["name"].as_str().unwrap(), value);
        }
    }
    Ran::of(program.output().unwrap())
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn the_program_knows_the_arguments_and_variables_that_it_is_given() {
    for values in ["{}", EVERYTHING, "logFormat: text", "metrics: {tenantLabel: false}"] {
        let ran = started(&rendered(values));
        assert!(ran.code == Some(1) && ran.said().contains("/nowhere/kubeconfig"), "{values}: {:?} {}", ran.code, ran.said());
    }
    // That there is no certificate it says, too.
    let ran = started(&rendered("webhook: {enabled: true}"));
    assert_eq!(ran.code, Some(1), "{}", ran.said());
    // What it does not know, it says.
    let ran = started(&rendered("extraArgs: [--no-such-flag]"));
    assert_eq!(ran.code, Some(64), "{}", ran.said());
    let ran = started(&rendered("extraEnv: [{name: TENANTRY_NO_SUCH_THING, value: a}]"));
    assert_eq!(ran.code, Some(64), "{}", ran.said());
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn arguments_follow_the_values() {
    let default = ["operator", "--namespace=team", "--listen=0.0.0.0:9464", "--state-dir=/var/lib/tenantry"];
    assert_eq!(args(&rendered("{}")), default);
    let check = |values: &str, argument: &str| assert!(args(&rendered(values)).iter().any(|a| a == argument), "{values}: {argument}");
    check("watchNamespaces: [a, b]", "--watch-namespace=b");
    check("metrics: {tenantLabel: false}", "--no-tenant-label");
    check("profiles: {existingConfigMap: mine}", "--profiles=/etc/tenantry/profiles");
    check("listenAddress: '[::]'", "--listen=[::]:9464");
}

/// The variables of OpenTelemetry, and what they are made from: `NAME=VALUE`, or where the value is from.
fn traces(values: &str) -> Vec<String> {
    let pod = pod(&rendered(values));
    let all = pod["containers"][0]["env"].as_array().unwrap().iter();
    let told = all.filter(|variable| !variable["name"].as_str().unwrap().starts_with("TENANTRY_"));
    let shown = |variable: &Json| variable["value"].as_str().map_or_else(|| variable["valueFrom"].to_string(), str::to_owned);
    told.map(|variable| format!("{}={}", variable["name"].as_str().unwrap(), shown(variable))).collect()
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn spans_go_where_a_collector_is_named() {
    assert_eq!(traces("otel: {samplingRatio: 0.5, headers: {existingSecret: collector}}"), [] as [&str; 0]);
    let least = [
        "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318",
        r#"POD_NAME={"fieldRef":{"fieldPath":"metadata.name"}}"#,
        "OTEL_RESOURCE_ATTRIBUTES=k8s.namespace.name=team,k8s.pod.name=$(POD_NAME)",
    ];
    assert_eq!(traces("otel: {endpoint: 'http://collector:4318'}"), least);
    let more =
        "otel: {endpoint: 'http://collector:4318', samplingRatio: 0, resourceAttributes: {a.b: c}, headers: {existingSecret: s, key: k}}";
    let expected = [
        least[0],
        least[1],
        "OTEL_RESOURCE_ATTRIBUTES=k8s.namespace.name=team,k8s.pod.name=$(POD_NAME),a.b=c",
        "OTEL_TRACES_SAMPLER=traceidratio",
        "OTEL_TRACES_SAMPLER_ARG=0",
        r#"OTEL_EXPORTER_OTLP_HEADERS={"secretKeyRef":{"key":"k","name":"s"}}"#,
    ];
    assert_eq!(traces(more), expected);
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn the_network_policy_lets_spans_out() {
    let ports = |endpoint: &str| {
        let objects = rendered(&format!("{{networkPolicy: {{enabled: true, egressPorts: []}}, otel: {{endpoint: '{endpoint}'}}}}"));
        let rules = one(&objects, "NetworkPolicy")["spec"]["egress"].as_array().unwrap().clone();
        rules.iter().flat_map(|rule| rule["ports"].as_array().unwrap().clone()).map(|port| port["port"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ports(""), [json!(53), json!(53)]);
    assert_eq!(ports("http://collector:4318"), [json!(53), json!(53), json!(4318)]);
    assert_eq!(ports("http://collector.monitoring.svc/otlp").last(), Some(&json!(80)));
    assert_eq!(ports("https://[fd00::1]").last(), Some(&json!(443)));
    assert_eq!(ports("https://[fd00::1]:4319/").last(), Some(&json!(4319)));
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn one_instance_ends_before_the_next_begins_where_nobody_elects() {
    let strategy = |values: &str| one(&rendered(values), "Deployment")["spec"]["strategy"].clone();
    assert_eq!(strategy("{}"), Json::Null);
    assert_eq!(strategy("leaderElection: {enabled: false}"), json!({"type": "Recreate"}));
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn an_image_is_named_by_its_digest_where_one_is_given() {
    let image = |values: &str| pod(&rendered(values))["containers"][0]["image"].as_str().unwrap().to_owned();
    assert_eq!(image("{}"), format!("tenantry:v{}", env!("CARGO_PKG_VERSION")));
    assert_eq!(image("image: {repository: r.example/t, tag: a}"), "r.example/t:a");
    let digest = format!("sha256:{}", "a".repeat(64));
    assert_eq!(image(&format!("image: {{repository: r.example/t, tag: a, digest: '{digest}'}}")), format!("r.example/t@{digest}"));
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn helm_finds_nothing_to_complain_about() {
    for values in ["{}", EVERYTHING, "webhook: {enabled: true}", "webhook: {enabled: true, certificate: {source: certManager}}"] {
        let helm = Helm::new();
        let values = helm.values(values);
        let said = helm.run(["lint", "--strict", &chart().to_string_lossy(), "--values", &values]).exits(0).said();
        assert!(said.contains("1 chart(s) linted, 0 chart(s) failed"), "{said}");
    }
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn the_webhook_only_warns_and_is_never_in_the_way() {
    let objects = rendered("webhook: {enabled: true}\nwatchNamespaces: [customers]");
    let webhook = &one(&objects, "ValidatingWebhookConfiguration")["webhooks"][0];
    assert_eq!(webhook["failurePolicy"], "Ignore");
    assert_eq!(webhook["sideEffects"], "None");
    assert_eq!(webhook["namespaceSelector"]["matchExpressions"][0]["values"], json!(["customers"]));
    let kinds = webhook["rules"][0]["resources"].as_array().unwrap();
    let known: BTreeSet<_> = tenantry::model::Kind::ALL.iter().map(|k| format!("{}s", k.def().name.to_lowercase())).collect();
    assert_eq!(kinds.iter().map(|k| k.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(), known);
    // The certificate is the authority's, and for the name by which the API server calls.
    let secret = one(&objects, "Secret");
    assert_eq!(secret["data"]["ca.crt"], webhook["clientConfig"]["caBundle"]);
    assert_eq!(webhook["clientConfig"]["service"]["name"], "tenantry-webhook");
    let issued = rendered("webhook: {enabled: true, certificate: {source: certManager}}");
    let certificate = &one(&issued, "Certificate")["spec"];
    assert_eq!(certificate["dnsNames"][0], "tenantry-webhook.team.svc");
    let injected = &one(&issued, "ValidatingWebhookConfiguration")["metadata"]["annotations"]["cert-manager.io/inject-ca-from"];
    assert_eq!(*injected, "team/tenantry-webhook");
}
