//! Alerts and the dashboard: their metrics are those that the program has, and alerts come when they should.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::Value as Json;

use super::{chart, one, rendered, tool};
use crate::support::program::{Ran, command};

fn alerts() -> Json {
    serde_saphyr::from_str(&std::fs::read_to_string(chart().join("files/alerts.yaml")).unwrap()).unwrap()
}

fn dashboard() -> Json {
    serde_json::from_str(&std::fs::read_to_string(chart().join("files/dashboard.json")).unwrap()).unwrap()
}

/// All expressions, each with where it stands.
fn expressions() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for rule in alerts()["groups"].as_array().unwrap().iter().flat_map(|g| g["rules"].as_array().unwrap().clone()) {
        all.push((rule["alert"].as_str().unwrap().to_owned(), rule["expr"].as_str().unwrap().to_owned()));
    }
    for panel in dashboard()["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            all.push((panel["title"].as_str().unwrap().to_owned(), target["expr"].as_str().unwrap().to_owned()));
        }
    }
    all
}

/// Names and labels of what a text of metrics has.
fn metrics(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let label = Regex::new(r#"([a-z_]+)=""#).unwrap();
    let mut metrics: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        metrics.entry(name.to_owned()).or_default().extend(label.captures_iter(line).map(|c| c[1].to_owned()));
    }
    metrics
}

/// What Prometheus adds to each.
const TARGET: [&str; 4] = ["namespace", "pod", "job", "instance"];

/// What is wrong with an expression: metrics that are not there, and labels that they have not.
fn wrong(expression: &str, known: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let selector = Regex::new(r"\b((?:tenantry|controller_runtime|workqueue|leader_election)_[a-z_]+)(?:\{([^}]*)\})?").unwrap();
    let matcher = Regex::new(r#"([a-z_]+)\s*(?:=~|!~|!=|=)"#).unwrap();
    let by = Regex::new(r"by \(([^)]*)\)").unwrap();
    let (mut wrong, mut labels, mut found) = (Vec::new(), BTreeSet::new(), 0);
    for selected in selector.captures_iter(expression) {
        found += 1;
        let Some(have) = known.get(&selected[1]) else {
            wrong.push(format!("no metric {}", &selected[1]));
            continue;
        };
        labels.extend(have.iter().map(String::as_str));
        let asked = selected.get(2).map_or("", |m| m.as_str());
        let asked: Vec<_> = matcher.captures_iter(asked).map(|c| c[1].to_owned()).collect();
        wrong.extend(asked.iter().filter(|l| !have.contains(*l) && !TARGET.contains(&l.as_str())).map(|l| format!("no label {l}")));
    }
    if found == 0 {
        wrong.push("no metric of ours".to_owned());
    }
    for grouped in by.captures_iter(expression) {
        let unknown = grouped[1].split(',').map(str::trim).filter(|l| !labels.contains(l) && !TARGET.contains(l));
        wrong.extend(unknown.map(|l| format!("no label {l}")));
    }
    wrong
}

#[tokio::test(start_paused = true)]
async fn every_expression_asks_for_what_the_program_counts() {
    let known = metrics(&crate::controller::metrics::counted(true).await);
    let all = expressions();
    assert!(all.len() > 25, "{}", all.len());
    let broken: Vec<_> =
        all.iter().flat_map(|(place, e)| wrong(e, &known).into_iter().map(move |w| format!("{place}: {w}: {e}"))).collect();
    assert_eq!(broken, [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn everything_that_is_counted_is_shown_or_watched() {
    let known = metrics(&crate::controller::metrics::counted(true).await);
    let all = expressions();
    // A histogram is shown by its buckets.
    let hidden = known.keys().filter(|name| !name.ends_with("_sum") && !name.ends_with("_count"));
    let hidden: Vec<_> = hidden.filter(|name| !all.iter().any(|(_, e)| e.contains(*name))).collect();
    assert_eq!(hidden, [] as [&String; 0]);
}

#[test]
fn what_is_wrong_with_an_expression_is_found() {
    let known = metrics("tenantry_a{kind=\"x\",code=\"1\"} 3\ntenantry_b 1\n");
    let check = |expression: &str, expected: &[&str]| assert_eq!(wrong(expression, &known), expected, "{expression}");
    check("sum by (kind, namespace) (rate(tenantry_a{code=~\"5..\"}[5m])) > tenantry_b", &[]);
    check("tenantry_c", &["no metric tenantry_c"]);
    check("tenantry_b{kind=\"x\"}", &["no label kind"]);
    check("max by (tenant) (tenantry_a)", &["no label tenant"]);
    check("up", &["no metric of ours"]);
}

#[test]
fn every_alert_says_what_is_the_matter_and_what_to_do() {
    let alerts = alerts();
    let rules = alerts["groups"][0]["rules"].as_array().unwrap();
    let names: BTreeSet<_> = rules.iter().map(|r| r["alert"].as_str().unwrap()).collect();
    assert_eq!(names.len(), rules.len(), "two of one name");
    for rule in rules {
        let name = rule["alert"].as_str().unwrap();
        assert!(name.starts_with("Tenantry") && rule["for"].is_string(), "{name}");
        assert!(["critical", "warning", "info"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{name}");
        assert!(["summary", "description"].iter().all(|text| rule["annotations"][text].is_string()), "{name}");
    }
}

#[test]
#[cfg_attr(not(have_helm), ignore = "needs Helm: run tests/servers/install")]
fn the_chart_ships_them_as_they_are_but_for_the_one_number() {
    let shipped = |values: &str| one(&rendered(values), "PrometheusRule")["spec"].clone();
    assert_eq!(shipped("metrics: {prometheusRule: {enabled: true}}"), alerts());
    let later = shipped("metrics: {prometheusRule: {enabled: true, behindAfterSeconds: 7200}}").to_string();
    assert_eq!(later, alerts().to_string().replace("> 3600", "> 7200"));
    assert_ne!(later, alerts().to_string());
    let map = one(&rendered("metrics: {dashboard: {enabled: true}}"), "ConfigMap")["data"]["tenantry.json"].clone();
    assert_eq!(serde_json::from_str::<Json>(map.as_str().unwrap()).unwrap(), dashboard());
}

/// Runs promtool in a folder with the alerts and their tests.
fn promtool(args: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(chart().join("files/alerts.yaml"), folder.path().join("alerts.yaml")).unwrap();
    std::fs::write(folder.path().join("tests.yaml"), include_str!("alerts.yaml")).unwrap();
    Ran::of(command(tool("promtool")).args(args).current_dir(folder.path()).output().unwrap())
}

#[test]
#[cfg_attr(not(have_promtool), ignore = "needs promtool: run tests/servers/install")]
fn prometheus_understands_the_alerts() {
    let said = promtool(&["check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml"]).exits(0).said();
    assert!(said.contains("rules found"), "{said}");
}

#[test]
#[cfg_attr(not(have_promtool), ignore = "needs promtool: run tests/servers/install")]
fn alerts_come_when_they_should_and_not_before() {
    promtool(&["test", "rules", "tests.yaml"]).exits(0);
    let tested = include_str!("alerts.yaml");
    let untested: Vec<_> =
        alerts()["groups"][0]["rules"].as_array().unwrap().iter().map(|r| r["alert"].as_str().unwrap().to_owned()).collect();
    let untested: Vec<_> = untested.into_iter().filter(|name| !tested.contains(&format!("alertname: {name}\n"))).collect();
    assert_eq!(untested, [] as [String; 0], "no test of theirs");
}

#[test]
#[cfg_attr(not(have_promtool), ignore = "needs promtool: run tests/servers/install")]
fn prometheus_understands_the_dashboard() {
    let mut rules = String::from("groups:\n- name: dashboard\n  rules:\n");
    for (at, (_, expression)) in expressions().iter().enumerate() {
        let plain = expression.replace("$__rate_interval", "5m").replace("$namespace", "team");
        rules += &format!("  - record: \"panel:{at}\"\n    expr: {}\n", serde_json::to_string(&plain).unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dashboard.yaml"), rules).unwrap();
    let output = command(tool("promtool")).args(["check", "rules", "dashboard.yaml"]).current_dir(folder.path()).output();
    Ran::of(output.unwrap()).exits(0);
}

#[test]
fn the_panels_of_the_dashboard_have_their_own_place() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()));
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{}", panel["title"]);
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{} lies on another", panel["title"]);
            }
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
    }
}
