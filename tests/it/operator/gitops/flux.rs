//! Flux: the expressions of its Kustomizations, evaluated as Flux does: a generation that nobody looked at is in progress; then `inProgress`, `failed` and
//! `current` in this order, and what is none of them is in progress, too. One that names a field that is absent is asked again later.

use std::collections::BTreeMap;

use cel::{Context, Program, Value};
use serde_json::Value as Json;
use tenantry::model::Kind;

use super::{EXPECTED, answers, documents, states};

/// The Kustomizations by name.
fn kustomizations() -> BTreeMap<String, Json> {
    let all = documents("flux/kustomizations.yml").into_iter().filter(|d| d["kind"] == "Kustomization");
    all.map(|d| (d["metadata"]["name"].as_str().unwrap().to_owned(), d["spec"].clone())).collect()
}

/// The checks of every kind.
fn checks() -> BTreeMap<String, Json> {
    let all: Vec<Json> = kustomizations().into_values().flat_map(|spec| spec["healthCheckExprs"].as_array().unwrap().clone()).collect();
    assert!(all.iter().all(|check| check["apiVersion"] == "tenantry.dev/v1alpha1"));
    all.into_iter().map(|check| (check["kind"].as_str().unwrap().to_owned(), check)).collect()
}

/// Whether an expression holds; `None`: it names something that is not there.
fn holds(expression: &str, object: &Json) -> Option<bool> {
    let program = Program::compile(expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
    let mut context = Context::default();
    for (name, value) in object.as_object().unwrap() {
        context.add_variable_from_value(name.as_str(), cel::to_value(value).unwrap());
    }
    match program.execute(&context) {
        Ok(Value::Bool(holds)) => Some(holds),
        Ok(other) => panic!("{expression} is {other:?}"),
        Err(_) => None,
    }
}

fn status(object: &Json) -> String {
    let observed = &object["status"]["observedGeneration"];
    if !observed.is_null() && *observed != object["metadata"]["generation"] {
        return "InProgress".to_owned();
    }
    let check = checks().remove(object["kind"].as_str().unwrap()).unwrap();
    for (key, status) in [("inProgress", "InProgress"), ("failed", "Failed"), ("current", "Current")] {
        match check[key].as_str().map(|expression| holds(expression, object)) {
            Some(Some(true)) => return status.to_owned(),
            Some(None) => return "InProgress".to_owned(),
            Some(Some(false)) | None => {}
        }
    }
    "InProgress".to_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn flux_waits_on_ready() {
    let said = answers(status, states().await);
    let expected: Vec<_> = EXPECTED.iter().map(|(what, _, flux)| (*what, (*flux).to_owned())).collect();
    assert_eq!(said, expected);
}

#[test]
fn flux_checks_every_kind_alike() {
    let checks = checks();
    assert_eq!(checks.keys().cloned().collect::<Vec<_>>(), {
        let mut names: Vec<_> = Kind::ALL.iter().map(|kind| kind.def().name.to_owned()).collect();
        names.sort();
        names
    });
    let of = |check: &Json, key: &str| check[key].as_str().map(str::to_owned);
    let portal = &checks["Portal"];
    for (kind, check) in &checks {
        for key in ["inProgress", "failed", "current"] {
            assert_eq!(of(check, key), of(portal, key), "{kind}: {key}");
        }
    }
}

#[test]
fn in_flux_customers_wait_for_their_portals() {
    let all = kustomizations();
    assert_eq!(all["customers"]["dependsOn"][0]["name"], "portals");
    for (name, spec) in &all {
        assert_eq!(spec["wait"], true, "{name}");
        assert_eq!(spec["path"], format!("./examples/gitops/fleet/{name}"));
    }
}

#[test]
fn an_expression_over_an_object_without_status_has_no_value() {
    let object = serde_json::json!({ "kind": "Portal", "metadata": { "generation": 1 } });
    assert_eq!(holds(checks()["Portal"]["current"].as_str().unwrap(), &object), None);
    assert_eq!(status(&object), "InProgress");
}
