//! The chart's custom resource definitions are those that `tenantry crds` writes.

use serde_json::Value as Json;

use super::{objects, rendered};
use crate::support::program::root;

const FOLDER: &str = "charts/tenantry/files/crds";

#[test]
fn the_charts_definitions_are_as_published() {
    let definitions = tenantry::crds::definitions();
    let folder = root().join(FOLDER);
    let updates = std::env::var_os("TEST_UPDATE").is_some_and(|v| v == "1");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    for definition in &definitions {
        let (name, fresh) = (format!("{}.yaml", definition.name), definition.yaml().unwrap());
        if updates {
            std::fs::write(folder.join(&name), &fresh).unwrap();
        }
        let written = std::fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert!(written == fresh, "{FOLDER}/{name} is stale: refresh it with `TEST_UPDATE=1 cargo test --test it chart`");
        files.retain(|file| *file != name);
    }
    assert_eq!(files, [] as [&str; 0], "of no kind");
}

/// What is rendered of the definitions, without what the chart adds.
fn bare(values: &str) -> Vec<Json> {
    let mut all: Vec<_> = rendered(values).into_iter().filter(|o| o["kind"] == "CustomResourceDefinition").collect();
    for definition in &mut all {
        let metadata = definition["metadata"].as_object_mut().unwrap();
        assert!(metadata.remove("labels").is_some());
        metadata.remove("annotations");
    }
    all.sort_by_key(|d| d["metadata"]["name"].to_string());
    all
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn what_helm_makes_of_them_is_what_they_say() {
    let mut published: Vec<Json> = tenantry::crds::definitions().iter().flat_map(|d| objects(&d.yaml().unwrap())).collect();
    published.sort_by_key(|d| d["metadata"]["name"].to_string());
    assert!(!published.is_empty());
    assert!(bare("{}") == published, "the template changes them");
    assert!(bare("crds: {keep: false}") == published, "the template changes them");
    assert_eq!(bare("crds: {install: false}"), [] as [Json; 0]);
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn they_are_kept_unless_somebody_says_otherwise() {
    let kept = |values: &str| {
        let all = rendered(values);
        let definitions = all.iter().filter(|o| o["kind"] == "CustomResourceDefinition");
        definitions.map(|o| o["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep").collect::<Vec<_>>()
    };
    assert!(kept("{}").iter().all(|kept| *kept));
    assert!(kept("crds: {keep: false}").iter().all(|kept| !*kept));
}
