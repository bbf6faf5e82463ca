//! Argo CD: the Lua script of its ConfigMap, run by the interpreter that Argo CD itself has (`github.com/yuin/gopher-lua`), and its Application.

use std::process::Command;

use serde_json::Value as Json;

use super::{EXPECTED, answers, documents, states};

/// The script, as the ConfigMap has it for every kind of ours.
fn script() -> String {
    let map = documents("argocd/argocd-cm.yml").remove(0);
    let customizations: Json = serde_saphyr::from_str(map["data"]["resource.customizations"].as_str().unwrap()).unwrap();
    let keys: Vec<_> = customizations.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["tenantry.dev/*"], "one script for all kinds");
    customizations["tenantry.dev/*"]["health.lua"].as_str().unwrap().to_owned()
}

/// A value as Lua writes it.
fn lua(value: &Json) -> String {
    match value {
        Json::Null => "nil".to_owned(),
        Json::Bool(_) | Json::Number(_) => value.to_string(),
        // By the bytes: whatever is in a message is taken as it is.
        Json::String(text) => format!("\"{}\"", text.bytes().map(|b| format!("\\{b:03}")).collect::<String>()),
        Json::Array(items) => format!("{{{}}}", items.iter().map(lua).collect::<Vec<_>>().join(",")),
        Json::Object(map) => {
            let entries: Vec<_> = map.iter().map(|(key, value)| format!("[{}]={}", lua(&Json::from(key.as_str())), lua(value))).collect();
            format!("{{{}}}", entries.join(","))
        }
    }
}

/// The status and the message that the script gives an object.
fn health(object: &Json) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("health.lua");
    let whole =
        format!("obj = {}\nlocal health = (function()\n{}\nend)()\nprint(health.status)\nprint(health.message)\n", lua(object), script());
    std::fs::write(&path, whole).unwrap();
    let ran = Command::new(concat!(env!("TEST_SERVERS"), "/glua/glua")).arg(&path).output().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    let (status, message) = said.trim_end().split_once('\n').unwrap();
    (status.to_owned(), message.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(all(have_kubernetes, have_glua)), ignore = "needs a kube-apiserver and glua: run tests/servers/install")]
async fn argo_cd_waits_on_ready() {
    let said = answers(|object| health(object).0, states().await);
    let expected: Vec<_> = EXPECTED.iter().map(|(what, argo_cd, _)| (*what, (*argo_cd).to_owned())).collect();
    assert_eq!(said, expected);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(all(have_kubernetes, have_glua)), ignore = "needs a kube-apiserver and glua: run tests/servers/install")]
async fn argo_cd_shows_what_the_operator_says() {
    for (what, object) in states().await {
        let ready = super::states::condition(object, "Ready");
        let current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
        if let Some(ready) = ready.filter(|_| current) {
            assert_eq!(health(object).1, ready["message"].as_str().unwrap().trim_end(), "{what}");
        }
    }
}

#[test]
fn in_argo_cd_portals_come_before_what_they_serve() {
    let wave = |object: &Json| {
        let text = object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"].as_str().unwrap_or("0").to_owned();
        text.parse::<i32>().unwrap()
    };
    for portal in documents("fleet/portals/main.yaml") {
        assert_eq!((portal["kind"].as_str(), wave(&portal)), (Some("Portal"), -1));
    }
    for customer in ["fleet/customers/acme.yaml", "fleet/customers/globex.yaml"].iter().flat_map(|name| documents(name)) {
        assert_eq!(wave(&customer), 0, "{customer:#}");
    }
    let application = documents("argocd/application.yml").remove(0);
    assert_eq!(application["spec"]["source"]["path"], "examples/gitops/fleet");
    assert_eq!(application["spec"]["source"]["directory"]["recurse"], true);
}
