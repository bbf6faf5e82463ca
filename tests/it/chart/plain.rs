//! Manifests for whoever has no Helm: what the chart makes, written down. `TEST_UPDATE=1 cargo test --test it chart` writes them anew.

use serde_json::Value as Json;

use super::{Helm, chart, objects};
use crate::support::program::root;

const NAMESPACE: &str = "apiVersion: v1
kind: Namespace
metadata:
  name: tenantry
  labels:
    app.kubernetes.io/part-of: tenantry
    pod-security.kubernetes.io/enforce: restricted
";

/// The values of the operator alone, and of what watches it.
const OPERATOR: &str = "crds: {install: false}";
const MONITORING: &str = "{crds: {install: false}, metrics: {serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}, \
    dashboard: {enabled: true}}}";

/// What the chart makes with these values, one document each, without what only Helm has a use for.
fn documents(values: &str) -> Vec<String> {
    let helm = Helm::new();
    let values = helm.values(values);
    let said = helm.run(["template", "tenantry", &chart().to_string_lossy(), "--namespace", "tenantry", "--values", &values]).exits(0).out;
    let kept = |line: &&str| !["# Source:", "helm.sh/chart:", "app.kubernetes.io/managed-by:"].iter().any(|w| line.trim().starts_with(w));
    let text = said.lines().filter(kept).collect::<Vec<_>>().join("\n");
    text.split("\n---\n").map(|d| d.trim_start_matches("---").trim().to_owned() + "\n").filter(|d| d.len() > 1).collect()
}

fn check(file: &str, head: &str, documents: &[String]) {
    let fresh = format!("{head}\n---\n{}", documents.join("---\n"));
    let path = root().join("charts/plain").join(file);
    if std::env::var_os("TEST_UPDATE").is_some_and(|v| v == "1") {
        std::fs::write(&path, &fresh).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == fresh, "charts/plain/{file} is stale: refresh it with `TEST_UPDATE=1 cargo test --test it chart`");
}

const HEAD: &str = "# Written from charts/tenantry, whose defaults these are; see docs/kubernetes/install.md.";

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn the_manifests_of_the_operator_are_what_the_chart_makes() {
    let mut all = vec![NAMESPACE.to_owned()];
    all.extend(documents(OPERATOR));
    check("tenantry.yaml", HEAD, &all);
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn the_manifests_of_what_watches_it_are_what_the_chart_makes() {
    let operator = documents(OPERATOR);
    let more: Vec<_> = documents(MONITORING).into_iter().filter(|document| !operator.contains(document)).collect();
    assert_eq!(more.len(), 3);
    check("monitoring.yaml", HEAD, &more);
}

/// The objects of both files, as they are in git.
pub(super) fn written() -> Vec<Json> {
    let read = |file: &str| objects(&std::fs::read_to_string(root().join("charts/plain").join(file)).unwrap());
    read("tenantry.yaml").into_iter().chain(read("monitoring.yaml")).collect()
}
