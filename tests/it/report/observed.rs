//! What a portal shows of a tenant beside what is declared, in every report. Who read it off is for those who run the program.

use insta::assert_snapshot;
use serde_json::json;
use tenantry::model::{LedgerState, Observation};
use tenantry::plan::document::PlanDocument;
use tenantry::plan::{LeftOut, Observed, Unit};
use tenantry::report::show::{ByHand, TenantState};
use tenantry::report::{html, markdown, text};

use super::world::*;

fn seen(value: &str, at: &str, by: Option<&str>) -> Observation {
    Observation { value: value.to_owned(), at: at.parse().unwrap(), by: by.map(str::to_owned) }
}

fn observed(name: &str, title: &str, seen: Observation) -> Observed {
    let now = "2026-03-01T12:00:00Z".parse().unwrap();
    let (age_days, old) = (seen.age_days(now), seen.is_old(now, 30));
    Observed { name: name.into(), title: title.to_owned(), seen, age_days, old }
}

fn looked_at() -> Unit {
    let mut unit = acme();
    unit.observed = vec![
        observed("activeUsers", "Active users", seen("12", "2026-02-26T08:00:00Z", Some("tom"))),
        observed("licences", "Licences", seen("25", "2026-01-29T11:00:00Z", Some("tom"))),
        observed("technicians", "Technicians", seen("2", "2026-03-01T12:00:00Z", None)),
    ];
    let why = "it is inherited: it can be taken out".to_owned();
    unit.left_out = vec![LeftOut { address: address("acme/delegation/desk"), rule: "IDM-5".to_owned(), why }];
    unit
}

fn lines(text: &str) -> String {
    let wanted = ["Active users", "Licences", "Technicians", "left out"];
    text.lines().filter(|line| wanted.iter().any(|w| line.contains(w))).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_value_has_its_title_its_age_and_who_read_it() {
    let document = document(vec![looked_at()]);
    assert_snapshot!(lines(&text::plan(&document, &WIDE)), @r"
    acme/delegation/desk is left out: IDM-5: it is inherited: it can be taken out
    Active users: 12 (seen 3 days ago by tom)
    Licences: 25 (old: seen 31 days ago by tom)
    Technicians: 2 (seen today)
    ");
    assert_snapshot!(lines(&html::page(&document)), @r#"
    <p class="dim">acme/delegation/desk is left out: IDM-5: it is inherited: it can be taken out</p>
    <p class="dim">Active users: 12 (seen 3 days ago by tom)</p>
    <p class="dim">Licences: 25 (old: seen 31 days ago by tom)</p>
    <p class="dim">Technicians: 2 (seen today)</p>
    "#);
}

#[test]
fn a_pull_request_is_not_told_who_read_it() {
    let comment = markdown::comments(&document(vec![looked_at()]), "default", None).concat();
    assert_snapshot!(lines(&comment), @r"
    # acme/delegation/desk is left out: IDM-5: it is inherited: it can be taken out
    # Active users: 12 (seen 3 days ago)
    # Licences: 25 (old: seen 31 days ago)
    # Technicians: 2 (seen today)
    ");
    assert!(!comment.contains("by tom") && !comment.contains("by <"), "{comment}");
}

#[test]
fn the_json_plan_has_it_by_name_and_reads_what_an_older_version_wrote() {
    let document = document(vec![looked_at()]);
    let mut plan = serde_json::to_value(&document).unwrap();
    assert_eq!(
        plan["tenants"][0]["observed"]["licences"],
        json!({"title": "Licences", "value": "25", "at": "2026-01-29T11:00:00Z", "by": "tom", "age_days": 31, "old": true})
    );
    assert_eq!(plan["tenants"][0]["left_out"][0]["rule"], "IDM-5");
    assert_eq!(plan["summary"]["refused"], 1, "what is left out is not refused");
    plan["format_version"] = json!("1.0");
    let tenant = plan["tenants"][0].as_object_mut().unwrap();
    tenant.remove("observed");
    tenant.remove("left_out");
    let older: PlanDocument = serde_json::from_value(plan).unwrap();
    assert!(older.tenants[0].observed.is_empty() && older.tenants[0].left_out.is_empty());
}

#[test]
fn a_value_is_old_from_the_hour_in_which_records_are_no_longer_believed() {
    let now = "2026-03-31T12:00:00Z".parse().unwrap();
    let old = |at: &str| seen("1", at, None).is_old(now, 30);
    assert_eq!((old("2026-03-01T12:00:00Z"), old("2026-03-01T10:59:00Z"), old("2026-04-02T00:00:00Z")), (false, true, false));
    assert_eq!(seen("1", "2026-04-02T00:00:00Z", None).age_days(now), 0, "a clock that is ahead makes nothing younger than today");
}

#[test]
fn show_tells_what_is_old() {
    let mut ledger = LedgerState::default();
    ledger.observed.insert("licences".into(), seen("25", "2026-01-29T11:00:00Z", Some("tom")));
    ledger.observed.insert("activeUsers".into(), seen("12", "2026-02-26T08:00:00Z", Some("tom")));
    let titles = [("licences", "Licences"), ("activeUsers", "Active users")].map(|(n, t)| (n.to_owned(), t.to_owned())).into();
    let by_hand = ByHand::new(&ledger, None, &titles, 30, "2026-03-01T12:00:00Z".parse().unwrap());
    let page = TenantState::new(&name("grid"), &name("acme"), None, None, Some(&ledger)).with(by_hand);
    assert_snapshot!(lines(&page.text(&WIDE)), @r"
    Active users: 12 (seen 3 days ago by tom)
    Licences: 25 (old: seen 31 days ago by tom)
    ");
    let json: serde_json::Value = serde_json::from_str(&page.json()).unwrap();
    assert_eq!(json["by_hand"]["observed"][1]["old"], json!(true));
}
