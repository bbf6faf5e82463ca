//! Saved plans: what is refused.

use serde_json::{Value as Json, json};
use tenantry::model::{Desired, PortalSpec};
use tenantry::plan::document::{read_saved, write_desired};

use super::world::*;

fn saved() -> Json {
    let mut document = document(vec![acme()]);
    let desired = Desired { portals: vec![PortalSpec::embedded()], ..Desired::default() };
    document.desired = Some(write_desired(&desired, |_| true));
    serde_json::to_value(document).unwrap()
}

/// Reads a saved plan in which one thing was changed, and checks that it is refused with this code and these words.
fn check_refused(edit: impl FnOnce(&mut Json), code: &str, words: &str) {
    let mut json = saved();
    edit(&mut json);
    let errors = read_saved(&json.to_string()).expect_err("it was read");
    let said: Vec<_> = errors.iter().map(|e| format!("{} {} {}", e.code, e.summary, e.detail)).collect();
    assert!(said.iter().any(|s| s.starts_with(code) && s.contains(words)), "{said:#?}");
    assert!(errors.iter().all(|e| e.is_error() && !e.help.is_empty()), "{errors:#?}");
}

#[test]
fn an_untouched_one_is_read() {
    let read = read_saved(&saved().to_string()).unwrap();
    assert_eq!(read.document, document(vec![acme()]));
    assert_eq!(read.desired.portals, [PortalSpec::embedded()]);
    assert_eq!(read.selection, Json::Null);
}

#[test]
fn another_major_version_is_refused_even_in_another_shape() {
    check_refused(|p| *p = json!({ "format_version": "2.0", "tool_version": "9.9" }), "R041", "version 2.0");
    check_refused(|p| p["format_version"] = json!("one"), "R041", "version one");
}

#[test]
fn a_minor_version_adds_and_is_read() {
    let mut json = saved();
    json["format_version"] = json!("1.7");
    json["something_new"] = json!({ "x": 1 });
    json["tenants"][0]["resource_changes"][0]["something_new"] = json!([1]);
    assert!(read_saved(&json.to_string()).is_ok());
}

#[test]
fn one_saved_before_the_counts_of_what_is_held_is_read() {
    let mut json = saved();
    for summary in ["/summary", "/tenants/0/summary"] {
        let held = json.pointer_mut(summary).and_then(Json::as_object_mut).and_then(|s| s.remove("held"));
        assert!(held.is_some(), "{summary}");
    }
    json["format_version"] = json!("1.1");
    assert!(read_saved(&json.to_string()).is_ok());
    json["format_version"] = json!("1.2");
    assert_eq!(read_saved(&json.to_string()).expect_err("it was read")[0].code, "R042");
}

#[test]
fn what_is_no_plan_is_refused() {
    for text in ["", "null", "[]", "{}", "{\"format_version\":1}", "\u{0}", &"[".repeat(100_000)] {
        assert_eq!(read_saved(text).expect_err("it was read")[0].code, "R040", "{text:.20}");
    }
}

#[test]
fn a_plan_that_was_only_printed_is_refused() {
    check_refused(|p| drop(p.as_object_mut().unwrap().remove("desired")), "R040", "no desired state");
}

#[test]
fn what_contradicts_itself_is_refused() {
    check_refused(|p| p["plan_digest"] = json!("sha256:abc"), "R042", "no digest");
    check_refused(|p| p["summary"]["delete"] = json!(0), "R042", "counts");
    check_refused(|p| p["summary"]["held"]["delete"] = json!(7), "R042", "counts");
    check_refused(|p| p["applyable"] = json!(true), "R042", "counts");
    check_refused(|p| p["tenants"][0]["resource_changes"][2]["blocked_by"] = json!([]), "R042", "counts");
    check_refused(|p| p["tenants"][0]["resource_changes"][0]["address"] = json!("globex/user/alice"), "R042", "another tenant");
    check_refused(|p| p["tenants"][0]["resource_changes"][0]["kind"] = json!("Role"), "R042", "is no Role");
    check_refused(
        |p| {
            let tenant = p["tenants"][0].clone();
            p["tenants"].as_array_mut().unwrap().push(tenant);
        },
        "R042",
        "there twice",
    );
}

#[test]
fn a_desired_state_that_fits_no_kind_is_refused() {
    let resource = |address: &str, fields: Json| json!({ "address": address, "fields": fields, "source": 0, "at": [1, 1], "marks": [] });
    let with = move |edit: fn(&mut Json), resources: Json| {
        move |p: &mut Json| {
            p["desired"]["sources"] = json!(["a.yaml"]);
            p["desired"]["tenants"] = json!({ "acme": resources });
            edit(&mut p["desired"]);
        }
    };
    let none = |_: &mut Json| {};
    check_refused(with(none, json!([resource("acme/user/a", json!({ "emial": "x" }))])), "R042", "no field `emial`");
    check_refused(with(none, json!([resource("acme/user/a", json!({ "administrator": "yes" }))])), "R042", "does not fit");
    check_refused(with(none, json!([resource("acme/portal/p", json!({}))])), "R042", "belongs to no tenant");
    check_refused(with(none, json!([resource("globex/user/a", json!({}))])), "R042", "stands under tenant acme");
    check_refused(with(none, json!([resource("acme/user/a", json!({})), resource("acme/user/a", json!({}))])), "R042", "there twice");
    check_refused(with(|d| d["sources"] = json!([]), json!([resource("acme/user/a", json!({}))])), "R042", "file number 0 of 0");
    check_refused(
        with(|d| d["tenants"]["acme"][0]["marks"] = json!([[1, 1]]), json!([resource("acme/user/a", json!({}))])),
        "R042",
        "1 places for 0",
    );
    check_refused(with(none, json!([resource("not an address", json!({}))])), "R042", "not an address");
    check_refused(
        with(none, json!([resource("acme/integration/i", json!({ "secrets": { "token": "plain text" } }))])),
        "R042",
        "does not fit",
    );
}

#[test]
fn many_contradictions_are_counted() {
    let resources: Vec<_> = (0..100)
        .map(|n| json!({ "address": format!("acme/user/u{n}"), "fields": { "x": 1 }, "source": 9, "at": [1, 1], "marks": [] }))
        .collect();
    check_refused(|p| p["desired"]["tenants"] = json!({ "acme": resources }), "R042", "more contradictions");
}
