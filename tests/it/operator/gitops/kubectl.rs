//! What `kubectl get` prints of customers in every state, and what the newcomer's guide says about it.

use serde_json::Value as Json;
use tenantry::controller::status::ConditionType;

use super::states::seen;

const GUIDE: &str = include_str!("../../../../docs/kubernetes/README.md");

/// A table of the API server as `kubectl get` prints it: the columns of priority 0, three spaces between them. Ages and ids, which are never the same
/// twice, are written as in the guide.
fn printed(table: &Json) -> String {
    let columns: Vec<_> = table["columnDefinitions"].as_array().unwrap().iter().enumerate().filter(|(_, c)| c["priority"] == 0).collect();
    let header: Vec<String> = columns.iter().map(|(_, column)| column["name"].as_str().unwrap().to_uppercase()).collect();
    let cell = |row: &Json, at: usize, name: &str| match (name, row["cells"][at].as_str()) {
        ("AGE", _) => "2m".to_owned(),
        ("EXTERNAL-ID", Some(_)) => "0198…".to_owned(),
        (_, text) => text.unwrap_or_default().to_owned(),
    };
    let rows = table["rows"].as_array().unwrap().iter();
    let rows = rows.map(|row| columns.iter().zip(&header).map(|((at, _), name)| cell(row, *at, name)).collect::<Vec<_>>());
    let lines: Vec<Vec<String>> = std::iter::once(header.clone()).chain(rows).collect();
    let widths: Vec<usize> = (0..header.len()).map(|at| lines.iter().map(|line| line[at].chars().count()).max().unwrap()).collect();
    let line = |cells: &Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("   ").trim_end().to_owned()
    };
    lines.iter().map(|cells| line(cells) + "\n").collect()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(have_kubernetes), ignore = "needs a kube-apiserver: run tests/servers/install")]
async fn the_guide_shows_what_kubectl_prints() {
    let (_, behind) = GUIDE.split_once("<!-- table:organizations -->\n```text\n").unwrap();
    let (shown, _) = behind.split_once("```").unwrap();
    assert_eq!(shown, printed(&seen().await.table));
}

#[test]
fn the_guide_says_what_to_do_for_every_reason() {
    use ConditionType::{Drifted, PlanPending, Ready, Reconciling, Stalled, Synced};
    let (_, reasons) = GUIDE.split_once("| condition | reason | means | what to do |").unwrap();
    let row = |line: &str| {
        let (condition, rest) = line.strip_prefix("| `")?.split_once("` | `")?;
        Some((condition.to_owned(), rest.split_once("` | ")?.0.to_owned()))
    };
    let rows: Vec<(String, String)> = reasons.lines().filter_map(row).collect();
    let all = [Ready, Reconciling, Stalled, Synced, Drifted, PlanPending].into_iter();
    let all: Vec<_> = all.flat_map(|ty| ty.reasons().iter().map(move |reason| (ty.word().to_owned(), (*reason).to_owned()))).collect();
    assert_eq!(rows, all);
}
