//! The same manifests in a folder and in a cluster make the same plan: its digest and its text, of every example.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value as Json, json};
use tenantry::model::Kind;

use super::consent_kit::{Kit, plan};
use crate::support::program::{root, walk};
use crate::support::sandbox::Sandbox;

/// The documents of an example, as a user would bring them into a cluster: secrets in Secrets, portals that wait for approval.
struct Example {
    portals: Vec<Json>,
    others: Vec<Json>,
    /// Their texts, by the Secrets' names.
    secrets: BTreeMap<String, String>,
}

impl Example {
    fn of(name: &str) -> Self {
        let mut example = Self { portals: Vec::new(), others: Vec::new(), secrets: BTreeMap::new() };
        walk(&root().join("examples").join(name), &mut |path| {
            if path.extension().is_some_and(|e| e == "yaml") {
                example.take(path);
            }
        });
        if example.portals.is_empty() {
            // In a folder there is one even where none is declared.
            let portal = json!({ "apiVersion": "tenantry.dev/v1alpha1", "kind": "Portal", "metadata": { "name": "embedded" }, "spec": { "profile": "embedded" } });
            example.portals.push(portal);
        }
        for portal in &mut example.portals {
            portal["spec"]["approval"] = json!({ "mode": "Manual" });
        }
        example
    }

    fn take(&mut self, path: &Path) {
        let text = std::fs::read_to_string(path).unwrap();
        let documents: Vec<Json> = serde_saphyr::from_multiple(&text).unwrap();
        for mut document in documents {
            self.refer(&mut document["spec"]);
            if document["kind"] == "Portal" { &mut self.portals } else { &mut self.others }.push(document);
        }
    }

    /// Puts references to Secrets in place of those to variables and files.
    fn refer(&mut self, value: &mut Json) {
        let place = value.as_object().filter(|map| map.len() == 1).and_then(|map| map.get("env").or(map.get("file"))?.as_str());
        if let Some(place) = place {
            let name: String = place.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            *value = json!({ "secretKeyRef": { "name": name, "key": "text" } });
            self.secrets.insert(name, "demo".to_owned());
            return;
        }
        match value {
            Json::Object(map) => map.values_mut().for_each(|value| self.refer(value)),
            Json::Array(items) => items.iter_mut().for_each(|value| self.refer(value)),
            _ => {}
        }
    }

    /// What plays the portals that have an API.
    fn play(&mut self, example: &str, folder: &Path) -> Vec<Sandbox> {
        let trusted = root().join("examples").join(example).join("portals");
        let mut sandboxes = Vec::new();
        for portal in self.portals.iter_mut().filter(|p| p["spec"]["profile"] == "wiv") {
            let name = portal["metadata"]["name"].as_str().unwrap();
            let sandbox = Sandbox::start(["--portal", name, "--portals", &trusted.display().to_string()], folder);
            portal["spec"]["endpoint"] = format!("http://{}", sandbox.address).into();
            self.secrets.insert("wiv-api-key".to_owned(), sandbox.token.clone());
            sandboxes.push(sandbox);
        }
        sandboxes
    }

    fn write(&self, folder: &Path) {
        for (name, documents) in [("portals", &self.portals), ("customers", &self.others)] {
            std::fs::create_dir(folder.join(name)).unwrap();
            let text: String = documents.iter().map(|document| format!("{document}\n---\n")).collect();
            std::fs::write(folder.join(name).join("all.yaml"), text.trim_end_matches("---\n")).unwrap();
        }
    }
}

/// A plan's text without what differs by where it is made: a change's line in a file, or its object; the digest, which is a run's where a folder is
/// planned, and the tenant's where that is what somebody approves; and what is warned of a run as a whole.
fn without_places(text: &str) -> String {
    let place = regex::Regex::new(r"  (customers/all\.yaml|t-[0-9a-f]{32}/\w+/[\w.-]+):\d+\b").unwrap();
    let text = place.replace_all(text, "");
    let warnings = regex::Regex::new(r"(?m)^\d+ warnings?, whole with -v:\n(  .*\n)+\n").unwrap();
    let text = warnings.replace_all(&text, "");
    text.lines().filter(|line| !line.starts_with("Digest: ")).map(|line| format!("{line}\n")).collect()
}

/// The plans of an example are the same in both places.
async fn same_plans(name: &str) {
    let kit = Kit::new().await;
    let mut example = Example::of(name);
    let _sandboxes = example.play(name, kit.folder.path());
    example.write(kit.folder.path());
    for (name, text) in &example.secrets {
        kit.secret(name, &[("text", text)]).await;
    }
    for document in example.others.iter().chain(&example.portals) {
        kit.apply_document(&kit.namespace, document).await;
    }
    let json = kit.tenantry(&["plan", "-f", "customers", "--portals", "portals", "-o", "json"]).await;
    let planned: Json = serde_json::from_str(&json.out).unwrap_or_else(|e| panic!("{e}: {}", json.said()));
    let units = planned["tenants"].as_array().unwrap();
    let mut compared = 0;
    for unit in units.iter().filter(|unit| !unit["resource_changes"].as_array().unwrap().is_empty()) {
        let (portal, tenant) = (unit["portal"].as_str().unwrap(), unit["tenant"].as_str().unwrap());
        // The MSP has no document of its own: what it waits for stands beside the portal.
        let (kind, object) = if tenant == "msp" { (Kind::Portal, portal) } else { (Kind::Organization, tenant) };
        let shown = kit.until(kind, object, |o| plan(o, portal)["digest"].is_string()).await;
        let shown = plan(&shown, portal);
        let printed = kit.tenantry(&["plan", "-f", "customers", "--portals", "portals", "--portal", portal, "--tenant", tenant]).await;
        assert_eq!(
            shown["digest"],
            unit["digest"],
            "{name}: {tenant} in {portal}\n{}\n{}",
            shown["text"].as_str().unwrap(),
            printed.said()
        );
        assert_eq!(without_places(shown["text"].as_str().unwrap()), without_places(&printed.out), "{name}: {tenant} in {portal}");
        assert!(shown["text"].as_str().unwrap().ends_with(&format!("Digest: {}\n", unit["digest"].as_str().unwrap())));
        compared += 1;
    }
    assert!(compared > 0, "{name}: {}", json.said());
    kit.end().await;
}

macro_rules! examples {
    ($($test:ident: $folder:literal,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            #[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
            async fn $test() {
                same_plans($folder).await;
            }
        )*

        #[test]
        fn every_example_that_a_cluster_can_hold_is_compared() {
            let folders = std::fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path());
            let mut holding: Vec<_> = folders
                .filter(|path| {
                    let mut manifests = false;
                    walk(path, &mut |file| manifests |= file.extension().is_some_and(|e| e == "yaml"));
                    manifests
                })
                .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
                .collect();
            holding.sort();
            let mut compared = vec![$($folder.to_owned()),*];
            compared.sort();
            assert_eq!(holding, compared);
        }
    };
}

examples! {
    quickstart_is_planned_alike: "quickstart",
    what_is_waited_for_is_planned_alike: "gitops",
    an_msp_is_planned_alike: "msp",
    every_portal_is_planned_alike: "every-portal",
    idemeum_is_planned_alike: "idemeum",
    it_conductor_is_planned_alike: "it-conductor",
    itarian_is_planned_alike: "itarian",
    pilixo_is_planned_alike: "pilixo",
    wiv_is_planned_alike: "wiv",
}
