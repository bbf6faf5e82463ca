//! What stands in a custom resource's status.
//!
//! Comes in: what a visit says of resources, and the status that is there. Goes out: the status that should be there, or nothing where it is
//! already. Pure. A condition keeps the time at which it last changed; nothing else in a status tells the time of a visit, so that a visit which
//! finds all as it was writes nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::known::Object;
use crate::controller::status::{Condition, ConditionType, Holds, ResourceStatus};
use crate::model::Address;

/// The longest text of a plan in a status: a custom resource as a whole has about a megabyte.
const LONGEST_TEXT: usize = 200_000;
/// The longest message of a condition, as Kubernetes has it.
const LONGEST_MESSAGE: usize = 32_768;

/// What is known of a custom resource over all portals.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// What each portal says of it.
    pub(crate) portals: BTreeMap<String, Vec<Condition>>,
    /// What each portal calls it.
    pub(crate) ids: BTreeMap<String, String>,
    /// When something of it was last applied.
    pub(crate) applied: Option<Timestamp>,
    /// Inline children, of an organization alone.
    pub(crate) children: Vec<ResourceStatus>,
    /// Plans that wait: of an organization its own; of a portal those of tenants that have no organization here.
    pub(crate) plans: Vec<PendingPlan>,
}

/// A plan that waits for approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PendingPlan {
    pub(crate) portal: String,
    pub(crate) tenant: String,
    pub(crate) digest: String,
    pub(crate) summary: String,
    pub(crate) text: String,
}

/// The status that a custom resource should have; `None`: it has it.
pub(crate) fn of(object: &Object, told: &Told, now: Timestamp) -> Option<Json> {
    let conditions: Vec<Json> = merged(&told.portals).into_iter().map(|c| condition(c, object, now)).collect();
    let ready = told.portals.values().flatten().find(|c| c.ty == ConditionType::Ready && c.holds != Holds::True);
    let message = ready.map_or("live is as declared", |c| &c.message);
    let mut status = json!({
        "observedGeneration": object.generation,
        "conditions": conditions,
        "message": shortened(message, LONGEST_MESSAGE),
        "portals": told.ids.iter().map(|(portal, id)| json!({ "name": portal, "externalId": id })).collect::<Vec<_>>(),
    });
    let mut set = |key: &str, value: Json| drop(status.as_object_mut().map(|s| s.insert(key.to_owned(), value)));
    if let Some(id) = told.ids.values().next() {
        set("externalId", id.as_str().into());
    }
    let applied = told.applied.map(|at| Json::from(seconds(at))).or_else(|| object.status.get("lastAppliedTime").cloned());
    if let Some(applied) = applied {
        set("lastAppliedTime", applied);
    }
    if let Some(asked) = &object.asks.reconcile_requested {
        set("lastHandledReconcileAt", asked.as_str().into());
    }
    if !told.children.is_empty() {
        set("children", told.children.iter().map(child).collect());
    }
    set("plans", told.plans.iter().map(plan).collect());
    (status != object.status).then_some(status)
}

/// What several portals say together: the one that is worst off speaks.
pub(crate) fn merged(portals: &BTreeMap<String, Vec<Condition>>) -> Vec<Condition> {
    let mut merged: BTreeMap<ConditionType, (u8, Condition)> = BTreeMap::new();
    for (portal, condition) in portals.iter().flat_map(|(portal, all)| all.iter().map(move |c| (portal, c))) {
        let worse = gravity(condition);
        if merged.get(&condition.ty).is_none_or(|(known, _)| worse > *known) {
            let message = if portals.len() > 1 { format!("{portal}: {}", condition.message) } else { condition.message.clone() };
            merged.insert(condition.ty, (worse, Condition { message, ..condition.clone() }));
        }
    }
    merged.into_values().map(|(_, condition)| condition).collect()
}

/// How bad a condition is: for some types true is the bad end, for others false.
fn gravity(condition: &Condition) -> u8 {
    let good = match condition.ty {
        ConditionType::Ready | ConditionType::Synced => Holds::True,
        ConditionType::Reconciling | ConditionType::Stalled | ConditionType::Drifted | ConditionType::PlanPending => Holds::False,
    };
    match condition.holds {
        holds if holds == good => 0,
        Holds::Unknown => 1,
        Holds::True | Holds::False => 2,
    }
}

fn condition(condition: Condition, object: &Object, now: Timestamp) -> Json {
    let Condition { ty, holds, reason, message } = condition;
    let before = object.status.get("conditions").and_then(Json::as_array).into_iter().flatten();
    let same =
        |c: &&Json| c.get("type").and_then(Json::as_str) == Some(ty.word()) && c.get("status").and_then(Json::as_str) == Some(holds.word());
    let since = before.into_iter().find(same).and_then(|c| c.get("lastTransitionTime")).cloned();
    json!({
        "type": ty.word(),
        "status": holds.word(),
        "reason": reason,
        "message": shortened(&message, LONGEST_MESSAGE),
        "observedGeneration": object.generation,
        "lastTransitionTime": since.unwrap_or_else(|| seconds(now).into()),
    })
}

fn child(status: &ResourceStatus) -> Json {
    let ready = status.conditions.iter().find(|c| c.ty == ConditionType::Ready);
    let mut child = Map::new();
    child.insert("address".to_owned(), address(&status.address).into());
    if let Some(ready) = ready {
        child.insert("ready".to_owned(), ready.holds.word().into());
        child.insert("reason".to_owned(), ready.reason.into());
        child.insert("message".to_owned(), shortened(&ready.message, 1024).into());
    }
    child.into()
}

fn address(address: &Address) -> String {
    format!("{}/{}", address.kind.def().slug, address.name)
}

fn plan(plan: &PendingPlan) -> Json {
    let PendingPlan { portal, tenant, digest, summary, text } = plan;
    json!({ "portal": portal, "tenant": tenant, "digest": digest, "summary": summary, "text": shortened(text, LONGEST_TEXT) })
}

/// A text that is too long, cut where a character ends.
fn shortened(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let end = (0..=longest.saturating_sub(4)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    format!("{} …", text.get(..end).unwrap_or_default())
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
