//! `--json`: one object a line, in the vocabulary of Terraform's machine-readable UI. Comes in: documents, outcomes, and the instant of each
//! line. Goes out: lines of JSON without their newlines.
//!
//! Types: `version`, `planned_change`, `resource_drift`, `change_summary`, `apply_start`, `apply_complete`, `apply_errored`, `diagnostic`. Two
//! are ours, for what Terraform does not know: `apply_pending` (a technician or somebody's acceptance is needed) and `apply_skipped` (skipped,
//! held back by a guard, or not begun). Actions are the JSON plan's own words.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::outcome::OutcomeCounts;
use crate::apply::outcome::{Outcome, OutcomeResult, RunReport};
use crate::diagnostic::{Diagnostic, Severity};
use crate::model::{Address, PortalName};
use crate::plan::document::{ByAction, PlanDocument, Summary};
use crate::plan::{Action, document::FORMAT_VERSION};

/// The first line: who speaks, and in which version of the plan's words.
pub fn version(tool_version: &str, at: Timestamp) -> String {
    line("info", &format!("Tenantry {tool_version}"), at, "version", json!({ "tenantry": tool_version, "ui": FORMAT_VERSION }))
}

/// A plan: its drift, its changes, its diagnostics, its counts.
pub fn plan(document: &PlanDocument, at: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    for tenant in &document.tenants {
        for drift in &tenant.resource_drift {
            let action = drift.change.actions.first().copied();
            let body = json!({ "resource": resource(&tenant.portal, &drift.address), "action": word(action) });
            lines.push(line(
                "info",
                &format!("{}: Drift detected ({})", drift.address, word(action)),
                at,
                "resource_drift",
                json!({ "change": body }),
            ));
        }
        for change in &tenant.resource_changes {
            let action = change.change.actions.first().copied();
            let mut body = json!({
                "resource": resource(&tenant.portal, &change.address),
                "action": word(action),
                "reason": change.action_reason,
                "blocked_by": change.blocked_by.iter().filter(|r| r.stands()).map(|r| &r.code).collect::<Vec<_>>(),
            });
            if let (Some(previous), Some(object)) = (&change.previous_address, body.as_object_mut()) {
                object.insert("previous_resource".to_owned(), resource(&tenant.portal, previous));
            }
            lines.push(line(
                "info",
                &format!("{}: Plan to {}", change.address, word(action)),
                at,
                "planned_change",
                json!({ "change": body }),
            ));
        }
    }
    lines.extend(document.diagnostics.iter().map(|d| diagnostic(d, at)));
    lines.push(change_summary(document, at));
    lines
}

/// The counts of a plan. A replacement is an addition and a removal, as in Terraform.
fn change_summary(document: &PlanDocument, at: Timestamp) -> String {
    // Terraform's five count what is planned, whether it is held or not; `held` says how many of them will not be made.
    let Summary { planned, held, refused, .. } = document.summary;
    let ByAction { create, update, replace, delete, adopt, forget, resend, .. } = planned;
    let changes = json!({
        "add": create + replace, "change": update + resend, "import": adopt, "remove": delete + replace, "forget": forget,
        "refused": refused, "held": held.changes, "operation": "plan",
    });
    line("info", &super::view::headline(document), at, "change_summary", json!({ "changes": changes, "plan_digest": document.plan_digest }))
}

/// A change is about to be made.
pub fn apply_start(portal: &PortalName, address: &Address, action: Action, at: Timestamp) -> String {
    let hook = json!({ "resource": resource(portal, address), "action": word(Some(action)) });
    line("info", &format!("{address}: {} begun", word(Some(action))), at, "apply_start", json!({ "hook": hook }))
}

/// What became of a change.
pub fn outcome(outcome: &Outcome, at: Timestamp) -> String {
    let Outcome { portal, address, actions, result, duration_ms } = outcome;
    let action = word(actions.first().copied());
    let (level, kind, message) = match result {
        OutcomeResult::Done => ("info", "apply_complete", format!("{action} complete")),
        OutcomeResult::DoneDiffers { fields } => {
            ("warn", "apply_complete", format!("{action} complete, but the portal shows other values: {}", fields.join(", ")))
        }
        OutcomeResult::Pending { waits_for, called: _ } => ("info", "apply_pending", format!("{action} waits for {waits_for}")),
        OutcomeResult::Failed { message, denied: _ } => ("error", "apply_errored", format!("{action} failed: {message}")),
        OutcomeResult::Uncertain { message } => ("error", "apply_errored", format!("{action} has no known outcome: {message}")),
        OutcomeResult::Skipped { why } => ("warn", "apply_skipped", format!("{action} skipped: {why}")),
        OutcomeResult::Held { codes, why: _ } => ("warn", "apply_skipped", format!("{action} held back by {}", codes.join(", "))),
        OutcomeResult::Cancelled => ("warn", "apply_skipped", format!("{action} not begun, the run was stopped")),
    };
    let mut hook = json!({ "resource": resource(portal, address), "action": action, "elapsed_seconds": duration_ms / 1000 });
    if let (Ok(Json::Object(result)), Some(hook)) = (serde_json::to_value(result), hook.as_object_mut()) {
        hook.extend(result);
    }
    line(level, &format!("{address}: {message}"), at, kind, json!({ "hook": hook }))
}

/// The last line of an apply: how many changes came to which end.
pub fn apply_summary(report: &RunReport, at: Timestamp) -> String {
    let done = |wanted: &[Action]| {
        let is_done = |o: &&Outcome| matches!(o.result, OutcomeResult::Done | OutcomeResult::DoneDiffers { .. });
        report.outcomes.iter().filter(is_done).filter(|o| o.actions.first().is_some_and(|a| wanted.contains(a))).count()
    };
    let counts = OutcomeCounts::of(report);
    let changes = json!({
        "add": done(&[Action::Create, Action::Replace]),
        "change": done(&[Action::Update, Action::Suspend, Action::Share, Action::Unshare, Action::Resend]),
        "import": done(&[Action::Adopt]),
        "remove": done(&[Action::Delete, Action::Replace]),
        "forget": done(&[Action::Forget]),
        "operation": "apply",
    });
    let message = format!("Apply complete: {} done, {} failed", counts.done, counts.failed);
    line("info", &message, at, "change_summary", json!({ "changes": changes, "outcomes": counts }))
}

/// A diagnostic, its place in Terraform's form.
pub fn diagnostic(diagnostic: &Diagnostic, at: Timestamp) -> String {
    let Diagnostic { code, severity, summary, detail, range, address, help } = diagnostic;
    let (level, word) = match severity {
        Severity::Error => ("error", "Error"),
        Severity::Warning => ("warn", "Warning"),
    };
    let range = range.as_ref().map(|r| {
        let end = r.column.saturating_add(r.length.max(1));
        json!({ "filename": r.file, "start": { "line": r.line, "column": r.column }, "end": { "line": r.line, "column": end } })
    });
    let body = json!({
        "severity": severity, "code": code, "summary": summary, "detail": detail, "address": address, "range": range, "help": help,
    });
    line(level, &format!("{word}: {summary}"), at, "diagnostic", json!({ "diagnostic": body }))
}

fn resource(portal: &PortalName, address: &Address) -> Json {
    json!({
        "addr": address, "module": "", "resource": address, "implied_provider": portal,
        "resource_type": address.kind, "resource_name": address.name, "resource_key": null,
    })
}

/// Terraform's word for "nothing" where there is no action.
fn word(action: Option<Action>) -> &'static str {
    action.map_or("noop", Action::word)
}

fn line(level: &str, message: &str, at: Timestamp, kind: &str, body: Json) -> String {
    let mut object = json!({ "@level": level, "@message": message, "@module": "tenantry.ui", "@timestamp": at, "type": kind });
    if let (Some(object), Json::Object(body)) = (object.as_object_mut(), body) {
        object.extend(body);
    }
    object.to_string()
}
