//! The JSON plan.

use insta::assert_snapshot;
use tenantry::model::{SecretRef, SecretSource, Value};
use tenantry::plan::document::{ByAction, HeldChanges, PlanDocument};
use tenantry::plan::{Action, Cause, Plan, Waiting};

use super::world::*;

fn json(units: Vec<tenantry::plan::Unit>) -> serde_json::Value {
    serde_json::to_value(document(units)).unwrap()
}

#[test]
fn a_change_has_terraforms_shape() {
    let plan = json(vec![acme()]);
    assert_eq!(plan["format_version"], "1.2");
    assert_snapshot!(serde_json::to_string_pretty(&plan["tenants"][0]["resource_changes"][1]).unwrap(), @r#"
{
  "action_reason": "the manifest changed",
  "address": "acme/organization/acme",
  "blocked_by": [],
  "cause": "manifest",
  "change": {
    "actions": [
      "update"
    ],
    "after": {
      "contact": {
        "phone": "+49 2"
      },
      "displayName": "Acme"
    },
    "after_sensitive": {},
    "after_unknown": {},
    "before": {
      "contact": {
        "phone": "+49 1"
      },
      "displayName": null
    },
    "before_sensitive": {}
  },
  "depends_on": [],
  "effects": [],
  "kind": "Organization",
  "natural_key": "acme",
  "previous_address": null,
  "remote_id": "id-1",
  "source": {
    "column": 3,
    "file": "customers/acme.yaml",
    "layer": "organization",
    "line": 14
  }
}
"#);
}

#[test]
fn what_is_made_has_no_before_and_what_is_deleted_no_after() {
    let plan = json(vec![acme()]);
    let change = |n: usize| plan["tenants"][0]["resource_changes"][n]["change"].clone();
    assert_eq!(change(0)["before"], serde_json::Value::Null);
    assert_eq!(change(0)["after"]["roles"], serde_json::json!(["admin", "support"]));
    assert_eq!(change(0)["after_unknown"], serde_json::json!({ "remote_id": true }));
    assert_eq!(change(2)["after"], serde_json::Value::Null);
}

#[test]
fn a_secret_is_its_key_and_where_it_is_kept() {
    let secret = Value::Secret(Box::new(SecretRef { source: SecretSource::Env("API_TOKEN".into()) }));
    let integration = change(Action::Update, "acme/integration/aws", "aws");
    let integration = field(integration, "secrets", None, Some(Value::Map(vec![("token".into(), secret)])));
    let plan = json(vec![unit("acme", vec![integration])]);
    let change = &plan["tenants"][0]["resource_changes"][0]["change"];
    assert_eq!(change["after"], serde_json::json!({ "secrets": { "token": "(sensitive)" } }));
    assert_eq!(change["before"], serde_json::json!({ "secrets": null }));
    assert_eq!(change["sensitive_references"], serde_json::json!({ "secrets": { "token": "environment variable API_TOKEN" } }));
    assert_eq!(
        (&change["before_sensitive"], &change["after_sensitive"]),
        (&serde_json::json!({ "secrets": true }), &serde_json::json!({ "secrets": true }))
    );
}

#[test]
fn counts_add_up_and_what_is_refused_is_not_applyable() {
    let document = document(vec![acme()]);
    let s = document.summary;
    let planned = ByAction { create: 1, update: 1, delete: 1, ..ByAction::default() };
    assert_eq!((s.planned, s.refused), (planned, 1));
    assert_eq!((s.held, s.made()), (HeldChanges { changes: 3, planned }, ByAction::default()));
    assert!(!document.applyable && !document.complete && !document.errored, "one refusal holds its tenant whole");

    let mut refused = acme();
    refused.refusals.push(refusal("G001", "too many deletions", "split it"));
    let document = super::world::document(vec![refused]);
    assert_eq!(document.summary.refused, 3);
    assert!(!document.applyable);
}

#[test]
fn a_passed_refusal_holds_nothing_back() {
    let mut unit = acme();
    unit.changes[2].blocked_by[0].passed = Some("digest".into());
    let document = document(vec![unit]);
    assert_eq!((document.summary.refused, document.summary.held), (0, HeldChanges::default()));
    assert!(document.applyable && document.complete);
}

#[test]
fn what_needs_something_held_in_another_tenant_is_held_with_it() {
    let mut delegation = change(Action::Create, "msp/delegation/support", "support");
    delegation.depends_on = vec![address("acme/organization/acme")];
    let mut rider = change(Action::Update, "msp/group/staff", "staff");
    rider.depends_on = vec![address("msp/delegation/support")];
    let free = change(Action::Create, "msp/user/eve", "eve@msp.example");
    let document = document(vec![acme(), unit("msp", vec![delegation, rider, free])]);
    let msp = document.tenants[1].summary;
    let held = ByAction { create: 1, update: 1, ..ByAction::default() };
    assert_eq!(msp.held, HeldChanges { changes: 2, planned: held });
    assert_eq!((msp.made(), msp.refused), (ByAction { create: 1, ..ByAction::default() }, 0));
    assert_eq!(document.summary.held.changes, 5);
    assert!(document.applyable, "the user is made");
    let json = serde_json::to_value(&document).unwrap();
    assert_eq!(json["summary"]["create"], 3, "what is counted since 1.0 counts what is planned");
    assert_eq!((&json["summary"]["held"]["changes"], &json["summary"]["held"]["create"]), (&5.into(), &2.into()));
}

#[test]
fn nothing_held_says_nothing_of_it() {
    let plan = json(vec![unit("acme", vec![change(Action::Create, "acme/user/alice", "alice@acme.example")])]);
    assert!(plan["summary"].get("held").is_none(), "{}", plan["summary"]);
}

#[test]
fn what_waits_keeps_a_plan_from_being_complete() {
    let mut unit = unit("acme", Vec::new());
    unit.waiting.push(Waiting { address: address("acme/user/dora"), waits_for: "acceptance".into(), technician: false, failed: false });
    let document = document(vec![unit]);
    assert!(document.is_empty() && !document.complete && !document.applyable);
}

#[test]
fn a_fields_own_cause_is_kept_only_where_it_is_another() {
    let mut organization = field(change(Action::Update, "acme/organization/acme", "acme"), "contact.phone", text("1"), text("2"));
    organization = field(organization, "displayName", text("A"), text("B"));
    organization.fields[0].cause = Cause::Drift;
    let plan = json(vec![unit("acme", vec![organization])]);
    assert_eq!(plan["tenants"][0]["resource_changes"][0]["change"]["field_causes"], serde_json::json!({ "displayName": "drift" }));
}

#[test]
fn what_a_technician_does_is_an_effect() {
    let mut user = change(Action::Create, "acme/user/alice", "alice@acme.example");
    user.performer = tenantry::model::Performer::Technician;
    let plan = json(vec![unit("acme", vec![user])]);
    assert_eq!(plan["tenants"][0]["resource_changes"][0]["effects"], serde_json::json!(["technician"]));
}

#[test]
fn the_same_plan_gives_the_same_bytes_in_every_stage() {
    let one = PlanDocument::from_plan(&plan(vec![acme(), hostile()]), "0.1.0").to_json();
    let two = PlanDocument::from_plan(&Plan::unchecked(body(vec![acme(), hostile()])), "0.1.0").to_json();
    assert_eq!(one, two);
}
