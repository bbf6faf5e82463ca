//! What Argo CD and Flux make of custom resources: their own checks, out of `examples/gitops`, over statuses that the operator wrote into a real
//! API server.

mod argocd;
mod flux;
mod kubectl;
mod states;

use std::path::Path;

use serde_json::Value as Json;

use states::states;

/// What each tool says of a state that a custom resource is in.
const EXPECTED: &[(&str, &str, &str)] = &[
    ("applied, and nobody looked at it yet", "Progressing", "InProgress"),
    ("a portal that serves nobody yet", "Healthy", "Current"),
    ("a portal that serves somebody", "Healthy", "Current"),
    ("a portal that nothing answers for", "Degraded", "InProgress"),
    ("being applied", "Progressing", "InProgress"),
    ("in step", "Healthy", "Current"),
    ("in step, a user", "Healthy", "Current"),
    ("changed, and the operator is away", "Progressing", "InProgress"),
    ("a reference that leads nowhere", "Degraded", "Failed"),
    ("guards refuse it", "Degraded", "Failed"),
    ("its portal does not answer", "Degraded", "InProgress"),
    ("no portal serves it", "Progressing", "InProgress"),
    ("a plan waits", "Suspended", "InProgress"),
    ("a technician has it", "Suspended", "InProgress"),
    ("suspended", "Suspended", "Current"),
];

/// Every state, with what a tool says of it.
fn answers(of: impl Fn(&Json) -> String, states: &[(&'static str, Json)]) -> Vec<(&'static str, String)> {
    states.iter().map(|(what, object)| (*what, of(object))).collect()
}

/// A file of the example, each of its documents.
fn documents(name: &str) -> Vec<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gitops").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_saphyr::from_multiple(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn every_reason_of_ready_is_among_the_states() {
    use std::collections::BTreeSet;
    use tenantry::controller::status::ConditionType;
    let seen: BTreeSet<String> = states().await.iter().filter_map(|(_, object)| states::ready(object)).map(|(_, reason)| reason).collect();
    let all: BTreeSet<String> = ConditionType::Ready.reasons().iter().map(|r| (*r).to_owned()).collect();
    assert_eq!(seen, all);
    let named: Vec<_> = states().await.iter().map(|(what, _)| *what).collect();
    assert_eq!(named, EXPECTED.iter().map(|(what, ..)| *what).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn the_fleet_of_the_example_becomes_ready() {
    use super::stand::{Stand, says};
    let stand = Stand::new().await;
    let files = ["fleet/portals/main.yaml", "fleet/customers/acme.yaml", "fleet/customers/globex.yaml"];
    let objects: Vec<Json> = files.iter().flat_map(|file| documents(file)).collect();
    let of = |object: &Json| {
        let kind = tenantry::model::Kind::ALL.into_iter().find(|kind| object["kind"] == kind.def().name).unwrap();
        (kind, object["metadata"]["name"].as_str().unwrap().to_owned())
    };
    for object in &objects {
        let (kind, name) = of(object);
        stand.apply(kind, &name, object["spec"].clone()).await;
        if kind == tenantry::model::Kind::Portal {
            // As Argo CD and Flux wait for it before they go on.
            stand.until(kind, &name, |o| says(o, "Ready") == "True ReconciliationSucceeded").await;
        }
    }
    for (kind, name) in objects.iter().map(of) {
        stand.until(kind, &name, |o| says(o, "Ready") == "True ReconciliationSucceeded").await;
    }
    stand.end().await;
}
