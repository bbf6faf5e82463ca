//! What stands in a custom resource's status.
//!
//! Comes in: what a visit says of resources, and the status that is there. Goes out: the status that should be there, or nothing where it is
//! already. Pure. A condition keeps the time at which it last changed; nothing else in a status tells the time of a visit, so that a visit which
//! finds all as it was writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::known::Object;
use crate::controller::status::{AS_DECLARED, Condition, ConditionType, Holds, ResourceStatus};
use crate::model::Address;

/// The longest texts of plans in a status together: a custom resource as a whole has about a megabyte.
const LONGEST_TEXT: usize = 200_000;
/// The longest message of a condition: Kubernetes has room for more, and nobody reads it.
const LONGEST_MESSAGE: usize = 4096;
/// The longest message of an inline child.
const LONGEST_CHILD: usize = 512;
/// No status lists more inline children: API servers keep a line of their own for each.
const MOST_CHILDREN: usize = 500;

/// No status lists more plans.
const MOST_PLANS: usize = 64;

/// What is known of a custom resource over all portals.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// What each portal says of it. Boxed, for a map keeps room for eleven where there is mostly one.
    pub(crate) portals: BTreeMap<String, Box<Said>>,
    /// When something of it was last applied.
    pub(crate) applied: Option<Timestamp>,
    /// The newest request to look that a visit came after.
    pub(crate) handled: Option<String>,
    /// It counts for nothing: what portals called it stays, for what it declared before is not absent.
    pub(crate) refused: bool,
    /// Approved plans that were applied, newest first.
    pub(crate) spent: Vec<String>,
    /// Of a portal: the plans that wait of tenants that have no organization here, such as the MSP, by tenant.
    pub(crate) others: BTreeMap<String, PendingPlan>,
    /// Portals in which nothing is left to be done about it once it is deleted.
    pub(crate) seen_to: BTreeSet<String>,
}

/// What one portal says of a custom resource.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    /// The generation that was looked at; `None`: none that stands there now.
    pub(crate) generation: Option<i64>,
    pub(crate) conditions: Vec<Condition>,
    /// What the portal calls it.
    pub(crate) id: Option<String>,
    /// Inline children, of an organization alone.
    pub(crate) children: Vec<Child>,
    /// The plan that waits, of an organization alone.
    pub(crate) plan: Option<PendingPlan>,
}

/// What is said of a resource that has no custom resource of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Child {
    pub(crate) address: String,
    pub(crate) id: Option<String>,
    ready: Holds,
    reason: &'static str,
    message: String,
}

/// A plan that waits for approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PendingPlan {
    pub(crate) tenant: String,
    pub(crate) digest: String,
    pub(crate) summary: String,
    pub(crate) text: String,
}

impl Child {
    pub(crate) fn of(status: &ResourceStatus) -> Self {
        let ready = status.conditions.iter().find(|c| c.ty == ConditionType::Ready);
        Self {
            address: child_address(&status.address),
            id: None,
            ready: ready.map_or(Holds::Unknown, |c| c.holds),
            reason: ready.map_or("Progressing", |c| c.reason),
            message: ready.map(|c| shortened(&c.message, LONGEST_CHILD)).unwrap_or_default(),
        }
    }

    fn json(&self) -> Json {
        let mut child = Map::new();
        child.insert("address".to_owned(), self.address.as_str().into());
        child.insert("ready".to_owned(), self.ready.word().into());
        child.insert("reason".to_owned(), self.reason.into());
        if self.ready != Holds::True {
            child.insert("message".to_owned(), self.message.as_str().into());
        }
        if let Some(id) = &self.id {
            child.insert("externalId".to_owned(), shortened(id, 500).into());
        }
        child.into()
    }
}

/// A child's kind and name, as in `user/alice`.
pub(crate) fn child_address(address: &Address) -> String {
    format!("{}/{}", address.kind.def().slug, address.name)
}

/// The status that a custom resource should have; `None`: it has it.
pub(crate) fn of(object: &Object, told: &Told, now: Timestamp) -> Option<Json> {
    let before = object.status();
    let generation = generation(&before, told);
    let by_portal = told.portals.iter().map(|(portal, said)| (portal.as_str(), said.conditions.as_slice()));
    let merged = merged(by_portal);
    let ready = merged.iter().find(|c| c.ty == ConditionType::Ready);
    let message = ready.map_or(AS_DECLARED, |c| &c.message);
    let ids = || told.portals.iter().filter_map(|(portal, said)| Some((portal, said.id.as_ref()?)));
    let mut status = json!({
        "observedGeneration": generation,
        "message": shortened(message, LONGEST_MESSAGE),
        "conditions": merged.iter().map(|c| condition(c, &before, generation, now)).collect::<Vec<_>>(),
        "portals": ids().map(|(portal, id)| json!({ "name": portal, "externalId": shortened(id, 500) })).collect::<Vec<_>>(),
        "plans": plans(told),
    });
    let mut set = |key: &str, value: Option<Json>| {
        if let (Some(status), Some(value)) = (status.as_object_mut(), value) {
            status.insert(key.to_owned(), value);
        }
    };
    set("externalId", ids().next().map(|(_, id)| shortened(id, 500).into()));
    set("lastAppliedTime", told.applied.map(|at| Json::from(seconds(at))).or_else(|| before.get("lastAppliedTime").cloned()));
    let handled = told.handled.as_deref().map(Json::from);
    set("lastHandledReconcileAt", handled.or_else(|| before.get("lastHandledReconcileAt").cloned()));
    let spent = spent(object, &before, told);
    set("appliedPlans", (!spent.is_empty()).then(|| spent.into()));
    if told.refused {
        set("portals", before.get("portals").cloned());
        set("externalId", before.get("externalId").cloned());
    }
    let (children, more) = children(told);
    set("children", (!children.is_empty()).then(|| children.into()));
    set("childrenNotListed", (more > 0).then(|| more.into()));
    (status != before).then_some(status)
}

/// The generation that every portal looked at; where one did not, the one that was told before.
fn generation(before: &Json, told: &Told) -> i64 {
    let earlier = || before.get("observedGeneration").and_then(Json::as_i64).unwrap_or_default();
    let looked_at = told.portals.values().map(|said| said.generation).collect::<Option<Vec<_>>>();
    looked_at.and_then(|all| all.into_iter().min()).unwrap_or_else(earlier)
}

/// The plans that a status says were applied by an approval.
pub(crate) fn applied_plans(status: &Json) -> Vec<String> {
    let said = status.get("appliedPlans").and_then(Json::as_array).into_iter().flatten();
    said.filter_map(Json::as_str).map(str::to_owned).collect()
}

/// What portals call what a document declares, or declared when it counted last.
pub(crate) fn external_ids(status: &Json) -> BTreeSet<Box<str>> {
    let portals = status.get("portals").and_then(Json::as_array).into_iter().flatten();
    portals.filter_map(|portal| portal.get("externalId").and_then(Json::as_str)).map(Into::into).collect()
}

/// An approval that was used passes nothing for as long as the annotation names it; given again it is a new one.
fn spent(object: &Object, before: &Json, told: &Told) -> Vec<String> {
    let mut spent = told.spent.clone();
    spent.extend(applied_plans(before).into_iter().filter(|digest| !told.spent.contains(digest)));
    spent.retain(|digest| object.asks.approved.contains(digest));
    spent
}

/// The inline children over all portals, those that need somebody first; and how many more there are.
fn children(told: &Told) -> (Vec<Json>, usize) {
    let mut all: BTreeMap<&str, Child> = BTreeMap::new();
    for (portal, child) in told.portals.iter().flat_map(|(portal, said)| said.children.iter().map(move |c| (portal, c))) {
        let worse = |known: &Child| known.ready == Holds::True && child.ready != Holds::True;
        let known = all.get(child.address.as_str());
        if known.is_none_or(worse) {
            let named = told.portals.len() > 1 && child.ready != Holds::True;
            let message = if named { shortened(&format!("{portal}: {}", child.message), LONGEST_CHILD) } else { child.message.clone() };
            let id = known.and_then(|k| k.id.clone()).or_else(|| child.id.clone());
            all.insert(&child.address, Child { message, id, ..child.clone() });
        }
    }
    let count = all.len();
    let mut all: Vec<Child> = all.into_values().collect();
    all.sort_by_key(|child| child.ready == Holds::True);
    all.truncate(MOST_CHILDREN);
    all.sort_by(|a, b| a.address.cmp(&b.address));
    (all.iter().map(Child::json).collect(), count - all.len())
}

fn plans(told: &Told) -> Vec<Json> {
    let own = told.portals.iter().filter_map(|(portal, said)| Some((portal, said.plan.as_ref()?)));
    // A portal tells of itself alone.
    let others = told.portals.keys().next().into_iter().flat_map(|portal| told.others.values().map(move |plan| (portal, plan)));
    let waiting: Vec<_> = own.chain(others).take(MOST_PLANS).collect();
    let longest = LONGEST_TEXT / waiting.len().max(1);
    let plan = |(portal, plan): (&String, &PendingPlan)| {
        let PendingPlan { tenant, digest, summary, text } = plan;
        json!({ "portal": portal, "tenant": tenant, "digest": digest, "summary": shortened(summary, 1024), "text": shortened(text, longest) })
    };
    waiting.into_iter().map(plan).collect()
}

/// What several portals say together: the one that is worst off speaks.
pub(crate) fn merged<'a>(portals: impl Iterator<Item = (&'a str, &'a [Condition])>) -> Vec<Condition> {
    let portals: Vec<_> = portals.filter(|(_, all)| !all.is_empty()).collect();
    let mut merged: BTreeMap<ConditionType, (u8, Condition)> = BTreeMap::new();
    for (portal, condition) in portals.iter().flat_map(|(portal, all)| all.iter().map(move |c| (portal, c))) {
        let worse = gravity(condition);
        if merged.get(&condition.ty).is_none_or(|(known, _)| worse > *known) {
            let others = portals.iter().flat_map(|(_, all)| all.iter()).filter(|c| c.ty == condition.ty);
            let named = worse > 0 && others.into_iter().any(|other| other.message != condition.message);
            let message = if named { format!("{portal}: {}", condition.message) } else { condition.message.clone() };
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
        // It needs nobody, and is not as declared all the same.
        holds if holds == good && condition.ty == ConditionType::Ready && condition.message != AS_DECLARED => 1,
        holds if holds == good => 0,
        Holds::Unknown => 2,
        Holds::True | Holds::False => 3,
    }
}

fn condition(condition: &Condition, before: &Json, generation: i64, now: Timestamp) -> Json {
    let Condition { ty, holds, reason, message } = condition;
    let known = before.get("conditions").and_then(Json::as_array).into_iter().flatten();
    let same =
        |c: &&Json| c.get("type").and_then(Json::as_str) == Some(ty.word()) && c.get("status").and_then(Json::as_str) == Some(holds.word());
    let since = known.into_iter().find(same).and_then(|c| c.get("lastTransitionTime")).cloned();
    json!({
        "type": ty.word(),
        "status": holds.word(),
        "reason": reason,
        "message": shortened(message, LONGEST_MESSAGE),
        "observedGeneration": generation,
        "lastTransitionTime": since.unwrap_or_else(|| seconds(now).into()),
    })
}

/// A text that is too long, cut where a character ends.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let end = (0..=longest.saturating_sub(4)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    format!("{} …", text.get(..end).unwrap_or_default())
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
