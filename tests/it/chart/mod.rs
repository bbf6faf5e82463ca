//! The chart: what Helm makes of it, what it refuses, that a cluster takes it, and that the operator may do what it does and nothing else.

mod bounds;
mod cluster;
mod container;
mod definitions;
mod image;
mod install;
mod monitoring;
mod plain;
mod render;
mod values;

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::support::program::{Ran, command, root};

/// A program that `tests/servers/install` has put there.
fn tool(name: &str) -> PathBuf {
    Path::new(env!("TEST_SERVERS")).join(name).join(name)
}

/// The chart's folder.
fn chart() -> PathBuf {
    root().join("charts/tenantry")
}

/// Helm, with folders of its own.
struct Helm {
    home: tempfile::TempDir,
    kubeconfig: Option<PathBuf>,
}

impl Helm {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), kubeconfig: None }
    }

    /// One that speaks to a cluster.
    fn with(kubeconfig: PathBuf) -> Self {
        Self { kubeconfig: Some(kubeconfig), ..Self::new() }
    }

    fn run<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        let mut helm = command(tool("helm"));
        for (variable, folder) in [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")] {
            helm.env(variable, self.home.path().join(folder));
        }
        // A file that is not there: no cluster.
        helm.env("KUBECONFIG", self.kubeconfig.clone().unwrap_or_else(|| self.home.path().join("none")));
        Ran::of(helm.args(args).current_dir(self.home.path()).output().expect("helm runs"))
    }

    /// A file with values.
    fn values(&self, values: &str) -> String {
        let file = self.home.path().join("values.yaml");
        std::fs::write(&file, values).unwrap();
        file.to_string_lossy().into_owned()
    }

    /// What the chart becomes with these values, in namespace `team`.
    fn template(&self, values: &str) -> Ran {
        let (chart, values) = (chart().to_string_lossy().into_owned(), self.values(values));
        self.run(["template", "tenantry", &chart, "--namespace", "team", "--values", &values])
    }
}

/// The objects that the chart makes with these values, in namespace `team`.
fn rendered(values: &str) -> Vec<Json> {
    objects(&Helm::new().template(values).exits(0).out)
}

/// The objects of a YAML text; documents with nothing in them left out.
fn objects(text: &str) -> Vec<Json> {
    let all: Vec<Json> = serde_saphyr::from_multiple(text).unwrap_or_else(|e| panic!("{e}\nof:\n{text}"));
    all.into_iter().filter(|object| !object.is_null()).collect()
}

/// What an object is: `Deployment tenantry`.
fn title(object: &Json) -> String {
    format!("{} {}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
}

/// The one object of a kind.
fn one<'a>(objects: &'a [Json], kind: &str) -> &'a Json {
    let found: Vec<_> = objects.iter().filter(|o| o["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind}");
    found[0]
}

/// The values with which every template has something to say.
const EVERYTHING: &str = include_str!("everything.yaml");
