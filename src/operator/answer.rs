//! What people are answered whose annotations come to nothing: approvals that fit no plan that waits, and what is none of ours or says what cannot be meant.
//! And the plans that wait, where no condition of the object itself tells of them.
//!
//! Comes in: a custom resource, and what is told of it. Goes out: its conditions, with the answers. Pure. It blocks nothing, and answers nothing
//! before it is known what waits: what was approved may be what a portal that was not looked at yet has.

use kube::core::ObjectMeta;

use super::known::Object;
use super::status::{PendingPlan, Said, Told};
use crate::controller::status::{Condition, ConditionType, Holds, OTHER_PLAN};
use crate::manifest::ours;
use crate::model::Kind;

/// The annotation that approves.
const APPROVES: &str = "`tenantry.dev/approved-plan`";
/// No message names more digests than this.
const NAMED: usize = 3;

/// What is wrong with the annotations and labels of ours that an object has, each in a sentence.
pub(super) fn doubts(kind: Kind, metadata: &ObjectMeta) -> Vec<String> {
    let annotations = metadata.annotations.iter().flatten().filter_map(|(key, text)| {
        let other = |own: &&String| *key == "tenantry.dev/deletion-approved" && text != *own;
        ours::annotation(kind, key, text).or_else(|| {
            let own = metadata.uid.as_ref().filter(other)?;
            Some((format!("the annotation `{key}` has another object's uid and approves nothing"), format!("this one's is {own}")))
        })
    });
    let labels = metadata.labels.iter().flatten().filter_map(|(key, _)| ours::label(key));
    let sentence = |(what, help): ours::Doubt| if help.is_empty() { what } else { format!("{what}: {help}") };
    annotations.chain(labels).map(sentence).collect()
}

impl Told {
    /// Takes in what is wrong with an object's annotations; true if that is news.
    pub(super) fn doubted(&mut self, object: &Object) -> bool {
        let is_news = *self.doubts != *object.asks.doubts;
        self.doubts = object.asks.doubts.clone();
        is_news
    }
}

/// Adds the answers. `spent` are the approvals of the annotation that were used.
pub(super) fn answered(conditions: &mut Vec<Condition>, object: &Object, told: &Told, spent: &[String]) {
    let waiting = waiting(told);
    let mut words = Vec::new();
    if let Some(first) = waiting.first() {
        let shown = listed(&waiting);
        // What is in step stays ready while a plan of its members waits; a portal, which is read, says it all the same.
        if object.tenant.is_none() {
            let whose = format!("a plan of {} waits", first.1.tenant);
            words.push(if waiting.len() == 1 { format!("{whose}: {shown}") } else { format!("plans wait: {shown}") });
        }
        if holds(conditions, ConditionType::PlanPending) != Some(Holds::True) {
            let message = format!("`status.plans` shows what waits: {shown}");
            put(conditions, ConditionType::PlanPending, Holds::True, "PlannedWithChanges", message);
        }
    }
    let unfit = if told.refused { Vec::new() } else { unfit(object, told, spent) };
    if !unfit.is_empty() {
        let named = some(unfit);
        let all = in_question(object, told);
        let before = conditions.iter().find(|c| c.ty == ConditionType::PlanPending).map(|c| format!("{}; ", c.message));
        if !all.is_empty() {
            let message = format!("{APPROVES} names {named}, which is another plan than what waits: {}", some(all));
            if !conditions.iter().any(|c| c.ty == ConditionType::Ready && c.message.contains(OTHER_PLAN)) {
                words.push(message.clone());
            }
            put(conditions, ConditionType::PlanPending, Holds::True, "PlanStale", message);
        } else if before.is_some() || object.tenant.is_none() {
            let message = format!("{}{APPROVES} names {named}, and no such plan waits", before.unwrap_or_default());
            put(conditions, ConditionType::PlanPending, Holds::False, "PlannedNoChanges", message);
        }
    }
    words.extend(object.asks.doubts.iter().cloned());
    if let Some(ready) = conditions.iter_mut().find(|c| c.ty == ConditionType::Ready) {
        words.iter().for_each(|more| ready.message.push_str(&format!("; {more}")));
    }
}

/// The plans that wait, each with where.
fn waiting(told: &Told) -> Vec<(String, &PendingPlan)> {
    let own = told.portals.iter().filter_map(|(portal, said)| Some((portal.clone(), said.plan.as_ref()?)));
    own.chain(told.others.iter().map(|(tenant, plan)| (tenant.clone(), plan))).collect()
}

fn listed(waiting: &[(String, &PendingPlan)]) -> String {
    let plan = |(whose, PendingPlan { digest, summary, .. }): &(String, &PendingPlan)| match waiting.len() {
        1 => format!("{digest} ({summary})"),
        _ => format!("{digest} ({whose}: {summary})"),
    };
    some(waiting.iter().map(plan).collect())
}

/// The approvals that fit no plan; none where it is not known yet what waits.
fn unfit(object: &Object, told: &Told, spent: &[String]) -> Vec<String> {
    let current = |said: &Said| said.generation == Some(object.generation) && (object.tenant.is_none() || said.digest.is_some());
    let is_known = !told.portals.is_empty() && told.portals.iter().all(|(portal, said)| !portal.is_empty() && current(said));
    if !is_known || (object.tenant.is_none() && told.plans.is_none()) {
        return Vec::new();
    }
    let fits = |digest: &String| {
        let own = told.portals.values().any(|said| said.digest.as_ref() == Some(digest));
        own || told.plans.iter().flatten().any(|plan| plan.digest == *digest)
    };
    object.asks.approved.iter().filter(|digest| !spent.contains(digest) && !fits(digest)).cloned().collect()
}

/// The digests of the plans that wait and that the object's annotation could approve, and whose they are.
fn in_question(object: &Object, told: &Told) -> Vec<String> {
    let all: Vec<_> = match object.tenant {
        Some(_) => waiting(told).into_iter().map(|(whose, plan)| (whose, plan.digest.clone())).collect(),
        None => told.plans.iter().flatten().filter(|plan| plan.waits).map(|plan| (plan.tenant.clone(), plan.digest.clone())).collect(),
    };
    let is_one = all.len() == 1;
    all.into_iter().map(|(whose, digest)| if is_one { digest } else { format!("{digest} ({whose})") }).collect()
}

/// A few of many.
fn some(all: Vec<String>) -> String {
    let more = all.len().saturating_sub(NAMED);
    let named = all.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

fn holds(conditions: &[Condition], ty: ConditionType) -> Option<Holds> {
    conditions.iter().find(|c| c.ty == ty).map(|c| c.holds)
}

/// Says something else of a type; types keep their order.
fn put(conditions: &mut Vec<Condition>, ty: ConditionType, holds: Holds, reason: &'static str, message: String) {
    conditions.retain(|c| c.ty != ty);
    conditions.push(Condition { ty, holds, reason, message });
    conditions.sort_by_key(|c| c.ty);
}
