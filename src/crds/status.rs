//! What the operator says of a resource: the schema of `status`, and the columns of `kubectl get` that are read from it.

use serde_json::{Value as Json, json};

use crate::controller::status::ConditionType;
use crate::model::Name;
use crate::model::kind::{KindDef, Placement};

/// Longest message of a condition, as everywhere in Kubernetes.
const MESSAGE_MAX: usize = 32_768;
/// Longest text of a plan; the operator cuts what is longer.
const PLAN_MAX: usize = 200_000;
/// Most portals that are told of.
const PORTALS_MAX: usize = 64;
/// Longest id of an object in a portal.
const ID_MAX: usize = 500;
/// Most resources that an organization's status tells about.
const CHILDREN_MAX: usize = 50_000;
/// Most approvals that are remembered: as many as an annotation may give.
const APPROVALS_MAX: usize = 64;

/// The columns, in their order.
pub(super) fn columns() -> Json {
    let condition = |name: &str, ty: ConditionType, doc: &str| {
        let path = format!(".status.conditions[?(@.type==\"{}\")].status", ty.word());
        json!({ "name": name, "type": "string", "jsonPath": path, "description": doc })
    };
    json!([
        condition("READY", ConditionType::Ready, "Whether live is as declared."),
        condition("SYNCED", ConditionType::Synced, "Whether what is declared was brought to the portal."),
        condition("DRIFT", ConditionType::Drifted, "Whether somebody changed what is live."),
        condition("PLAN", ConditionType::PlanPending, "Whether a plan waits for approval."),
        { "name": "EXTERNAL-ID", "type": "string", "jsonPath": ".status.externalId", "description": "The portal's id of the object." },
        { "name": "AGE", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
        { "name": "MESSAGE", "type": "string", "jsonPath": ".status.message", "priority": 1, "description": "What matters most about it." },
    ])
}

/// The schema of a kind's `status`.
pub(super) fn schema(def: &KindDef) -> Json {
    let mut schema = json!({
        "type": "object",
        "description": "What the operator says of this document; nobody writes it by hand.",
        "properties": {
            "observedGeneration": { "type": "integer", "format": "int64", "minimum": 0, "description": "The generation of the document that this is about." },
            "conditions": conditions(),
            "externalId": id(),
            "lastAppliedTime": time("When something of this was last applied to a portal."),
            "lastHandledReconcileAt": text(253, "The last request to reconcile that was heeded, as the annotation `tenantry.dev/reconcile-requested-at` gave it."),
            "message": text(MESSAGE_MAX, "What matters most about it, in a sentence."),
            "portals": portals(),
            "plans": plans(),
        },
    });
    let Some(Json::Object(properties)) = schema.get_mut("properties") else { return schema };
    if def.placement == Placement::Tenant {
        properties.insert("children".to_owned(), children());
        let more = json!({ "type": "integer", "format": "int64", "minimum": 0, "description": "How many more resources stand inline than `children` lists." });
        properties.insert("childrenNotListed".to_owned(), more);
    }
    if matches!(def.placement, Placement::Tenant | Placement::Configuration) {
        properties.insert("appliedPlans".to_owned(), applied_plans());
    }
    schema
}

fn conditions() -> Json {
    json!({
        "type": "array",
        "description": "What holds, one of each type: Ready always; Synced, Drifted and PlanPending where there is something to say; Reconciling and Stalled while they are true.",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "properties": {
                "type": text(316, "What the condition is about: Ready, Reconciling, Stalled, Synced, Drifted or PlanPending."),
                "status": { "type": "string", "enum": ["True", "False", "Unknown"], "description": "Whether the condition holds." },
                "reason": text(1024, "Why it holds or not, in a word from a closed set."),
                "message": text(MESSAGE_MAX, "Why it holds or not, in a sentence."),
                "lastTransitionTime": time("Since when it holds or not."),
                "observedGeneration": { "type": "integer", "format": "int64", "minimum": 0, "description": "The generation of the document that this is about." },
            },
            "required": ["type", "status", "reason", "message", "lastTransitionTime"],
        },
    })
}

/// An object has another id in each portal.
fn portals() -> Json {
    json!({
        "type": "array",
        "description": "What each portal that has it calls it.",
        "maxItems": PORTALS_MAX,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {
            "type": "object",
            "properties": { "name": text(Name::MAX, "The name of the portal."), "externalId": id() },
            "required": ["name"],
        },
    })
}

/// Without it an approval that stays in a repository would pass the same plan again and again.
fn applied_plans() -> Json {
    json!({
        "type": "array",
        "description": "The digests of the annotation `tenantry.dev/approved-plan` whose plans were applied, newest first; they approve nothing any more.",
        "maxItems": APPROVALS_MAX,
        "items": text(80, "The digest of a plan that was applied."),
    })
}

fn plans() -> Json {
    json!({
        "type": "array",
        "description": "The plans that wait for approval, one for each portal and tenant.",
        "maxItems": PORTALS_MAX,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["portal", "tenant"],
        "items": {
            "type": "object",
            "properties": {
                "portal": text(Name::MAX, "The name of the portal."),
                "tenant": text(Name::MAX, "The tenant: the organization itself; in a Portal's status one that has no Organization here, such as `msp`."),
                "digest": text(80, "Its digest, which the annotation `tenantry.dev/approved-plan` approves."),
                "summary": text(1024, "How much it does, in a line."),
                "text": text(PLAN_MAX, "What it does, as `tenantry plan` shows it, cut at 200,000 characters."),
            },
            "required": ["portal", "tenant", "digest"],
        },
    })
}

/// Resources that stand inline have no objects of their own that could tell about them.
fn children() -> Json {
    json!({
        "type": "array",
        "description": "What is said of the resources that stand inline, which have no status of their own.",
        "maxItems": CHILDREN_MAX,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["address"],
        "items": {
            "type": "object",
            "properties": {
                "address": text(200, "The kind and the name of the resource, as in user/alice."),
                "externalId": id(),
                "ready": { "type": "string", "enum": ["True", "False", "Unknown"], "description": "Whether live is as declared." },
                "reason": text(1024, "Why it holds or not, in a word from a closed set."),
                "message": text(MESSAGE_MAX, "Why it holds or not, in a sentence."),
            },
            "required": ["address"],
        },
    })
}

fn id() -> Json {
    text(ID_MAX, "The portal's own id of the object.")
}

fn text(max: usize, doc: &str) -> Json {
    json!({ "type": "string", "maxLength": max, "description": doc })
}

fn time(doc: &str) -> Json {
    json!({ "type": "string", "format": "date-time", "maxLength": 64, "description": doc })
}
