//! The JSON plan: a published form of a plan, in Terraform's words, which reports render and `apply` reads back.
//!
//! Comes in: a [`Plan`] in any stage. Goes out: a [`PlanDocument`], which holds no secret: secret values are [`SENSITIVE`], and
//! beside them stands where they are kept. Its optional `desired` section (see [`write_desired`]) is for saved plans alone, and holds secrets as references.
//! Never judges a plan, never reads a file.
//!
//! `format_version` follows Terraform's rule: a minor version adds, and readers pass over what they don't know; a major version is refused.

mod beside;
mod desired;
mod json;
mod saved;
mod stale;
mod summary;
mod tally;

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use beside::{LeftOutResource, ObservedValue, RetainedResource, UnmanagedObject, WaitingResource};
pub use desired::{refused_references, write_desired};
pub use json::{SENSITIVE, lookup, masked_fields};
pub use saved::{MAX_SAVED_BYTES, SavedPlan, read_saved};
pub use stale::stale;
pub use summary::{ByAction, HeldChanges, Summary};
pub use tally::HeldBack;
use tally::Tally;

use super::{Action, Body, Cause, Change, Consequences, Drift, DriftKind, Inputs, Mode, Plan, Refusal, Source, Unit};
use crate::diagnostic::Diagnostic;
use crate::model::rule::Effect;
use crate::model::{Address, Kind, Performer, PortalName, TenantName};

/// The version of the format that this program writes.
pub const FORMAT_VERSION: &str = "1.2";

/// A plan as a document. Fields are only ever added within a major version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanDocument {
    /// `1.2`; a reader refuses another major version.
    pub format_version: String,
    /// The program that made it.
    pub tool_version: String,
    /// Digest over what the plan does: `sha256:` and 64 hex digits.
    pub plan_digest: String,
    /// When it was made.
    #[schemars(with = "String")]
    pub timestamp: Timestamp,
    /// True if there are errors: the plan is not whole.
    pub errored: bool,
    /// True if there is something to do and nothing refuses all of it.
    pub applyable: bool,
    /// True if applying it brings everything in step: nothing is refused, nothing waits.
    pub complete: bool,
    /// What kind of plan it is.
    pub mode: Mode,
    /// What it was made from.
    pub inputs: Inputs,
    /// What refuses the whole run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked_by: Vec<Refusal>,
    /// One for each portal and tenant that has anything to say, sorted by portal and tenant.
    pub tenants: Vec<TenantPlan>,
    /// Problems of the run and of single resources.
    pub diagnostics: Vec<Diagnostic>,
    /// Counts over all tenants.
    pub summary: Summary,
    /// Invitations that went out and are not accepted yet: a state, no change.
    #[serde(default)]
    pub awaiting_acceptance: u64,
    /// What the run was narrowed to; in saved plans only, in the form the command line gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<serde_json::Value>,
    /// The desired state of the plan's scope; in saved plans only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<serde_json::Value>,
}

/// The plan for one tenant in one portal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TenantPlan {
    /// The portal.
    #[schemars(with = "String")]
    pub portal: PortalName,
    /// The tenant; `msp` is the MSP's own.
    #[schemars(with = "String")]
    pub tenant: TenantName,
    /// The tenant's id in the portal, if it exists there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Digest over what is done in this tenant.
    pub digest: String,
    /// What refuses this tenant as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked_by: Vec<Refusal>,
    /// In the order in which they are applied.
    pub resource_changes: Vec<ResourceChange>,
    /// What somebody changed in the portal, apart from what is intended; sorted by address.
    pub resource_drift: Vec<ResourceDrift>,
    /// What the portal has and nobody declared: reported, never touched.
    pub unmanaged: Vec<UnmanagedObject>,
    /// What is no longer declared and stays all the same.
    pub retained: Vec<RetainedResource>,
    /// What is declared and not made, because the portal brings it about by itself. Since 1.1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOutResource>,
    /// What waits and is no change.
    pub waiting: Vec<WaitingResource>,
    /// What the portal shows of the tenant beside what is declared, by name. Since 1.1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub observed: BTreeMap<String, ObservedValue>,
    /// What it means to people.
    pub consequences: Consequences,
    /// Counts in this tenant.
    pub summary: Summary,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceChange {
    /// `<tenant>/<kind>/<name>`.
    #[schemars(with = "String")]
    pub address: Address,
    /// Its address before, where it was renamed.
    #[schemars(with = "Option<String>")]
    pub previous_address: Option<Address>,
    /// Its kind.
    #[schemars(with = "String")]
    pub kind: Kind,
    /// Its natural key, such as an e-mail address.
    pub natural_key: String,
    /// The portal's id of it, if it exists.
    pub remote_id: Option<String>,
    /// What is done.
    pub change: ChangeBody,
    /// Why this is done, one sentence.
    pub action_reason: String,
    /// Why it differs.
    pub cause: Cause,
    /// Where it was declared; `null` for what is no longer declared.
    pub source: Option<Source>,
    /// What it brings about beyond the change.
    pub effects: Vec<Effect>,
    /// The same in words, where the portal's profile has some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects_said: Vec<String>,
    /// What refuses it.
    pub blocked_by: Vec<Refusal>,
    /// Changes of this plan that come first.
    #[schemars(with = "Vec<String>")]
    pub depends_on: Vec<Address>,
    /// The change whose call makes this one too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub carried_by: Option<Address>,
}

/// Fields before and after, nested as in a manifest's `spec`. Only fields that differ are there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeBody {
    /// What is done, the main thing first. Empty: nothing can be done until what blocks it is dealt with.
    pub actions: Vec<Action>,
    /// As live; `null` as a whole for what is made, `null` in a field that is not set or not shown.
    pub before: Option<serde_json::Map<String, serde_json::Value>>,
    /// As declared; `null` as a whole for what is deleted, `null` in a field that is taken away.
    pub after: Option<serde_json::Map<String, serde_json::Value>>,
    /// `{"remote_id": true}` where the portal gives the id only when the change is made.
    pub after_unknown: serde_json::Map<String, serde_json::Value>,
    /// `true` at the fields of `before` that hold secrets.
    pub before_sensitive: serde_json::Map<String, serde_json::Value>,
    /// `true` at the fields of `after` that hold secrets.
    pub after_sensitive: serde_json::Map<String, serde_json::Value>,
    /// Where the secrets of `after` are kept, in words, nested as they are: `{"secrets": {"token": "environment variable TOKEN"}}`.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub sensitive_references: serde_json::Map<String, serde_json::Value>,
    /// Field paths whose cause is another than the change's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub field_causes: BTreeMap<String, Cause>,
}

/// What somebody changed in the portal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceDrift {
    /// What differs.
    #[schemars(with = "String")]
    pub address: Address,
    /// Its kind.
    #[schemars(with = "String")]
    pub kind: Kind,
    /// `update` or `delete`: what was done to it. `after` is as live; what was last applied is not kept, so that `before` has no values.
    pub change: ChangeBody,
}

impl PlanDocument {
    /// The document of a plan. `desired` and `selection` are left for who saves it.
    pub fn from_plan<S>(plan: &Plan<S>, tool_version: &str) -> Self {
        let Body { mode, now, inputs, units, diagnostics, refusals, awaiting_acceptance, digest } = &plan.body;
        let mut document = Self {
            format_version: FORMAT_VERSION.to_owned(),
            tool_version: tool_version.to_owned(),
            plan_digest: digest.clone(),
            timestamp: *now,
            errored: diagnostics.iter().any(Diagnostic::is_error),
            applyable: false,
            complete: false,
            mode: *mode,
            inputs: inputs.clone(),
            blocked_by: refusals.clone(),
            tenants: units.iter().map(TenantPlan::from_unit).collect(),
            diagnostics: diagnostics.clone(),
            summary: Summary::default(),
            awaiting_acceptance: *awaiting_acceptance,
            selection: None,
            desired: None,
        };
        document.recount();
        document
    }

    /// The document of one tenant's plan by itself, made at a moment.
    pub fn of_tenant(tenant: TenantPlan, at: Timestamp, tool_version: &str) -> Self {
        let mut document = Self {
            format_version: FORMAT_VERSION.to_owned(),
            tool_version: tool_version.to_owned(),
            plan_digest: tenant.digest.clone(),
            timestamp: at,
            errored: false,
            applyable: false,
            complete: false,
            mode: Mode::Normal,
            inputs: Inputs::default(),
            blocked_by: Vec::new(),
            tenants: vec![tenant],
            diagnostics: Vec::new(),
            summary: Summary::default(),
            awaiting_acceptance: 0,
            selection: None,
            desired: None,
        };
        document.recount();
        document
    }

    /// True if nothing is to be done: no change in any tenant.
    pub fn is_empty(&self) -> bool {
        self.tenants.iter().all(|t| t.resource_changes.is_empty())
    }

    /// The same document with only some of its changes, counted anew.
    #[must_use]
    pub fn with_changes(&self, keep: impl Fn(&PortalName, &ResourceChange) -> bool) -> Self {
        let mut document = self.clone();
        for TenantPlan { portal, resource_changes, .. } in &mut document.tenants {
            resource_changes.retain(|change| keep(portal, change));
        }
        document.recount();
        document
    }

    /// The document as JSON, indented, with a newline at its end.
    pub fn to_json(&self) -> String {
        // Strings, numbers and maps with string keys: there is nothing here that JSON cannot say.
        serde_json::to_string_pretty(self).map(|json| json + "\n").unwrap_or_default()
    }

    /// Writes the counts, `applyable` and `complete`, which follow from the rest.
    fn recount(&mut self) {
        let Tally { tenants, total, applyable, complete } = Tally::of(self);
        for (tenant, summary) in self.tenants.iter_mut().zip(tenants) {
            tenant.summary = summary;
        }
        self.summary = total;
        self.applyable = applyable;
        self.complete = complete;
    }
}

impl TenantPlan {
    fn from_unit(unit: &Unit) -> Self {
        // `facts` are the guards' to count and no part of what a reader needs.
        let Unit {
            portal,
            tenant,
            tenant_id,
            changes,
            drift,
            unmanaged,
            retained,
            left_out,
            waiting,
            settled: _,
            observed,
            consequences,
            facts: _,
            refusals,
            digest,
        } = unit;
        Self {
            portal: portal.clone(),
            tenant: tenant.clone(),
            tenant_id: tenant_id.as_deref().map(str::to_owned),
            digest: digest.clone(),
            blocked_by: refusals.clone(),
            resource_changes: changes.iter().filter(|c| !c.is_left_out()).map(ResourceChange::from_change).collect(),
            resource_drift: drift.iter().map(ResourceDrift::from_drift).collect(),
            unmanaged: unmanaged.iter().map(UnmanagedObject::from_unmanaged).collect(),
            retained: retained.iter().map(RetainedResource::from_retained).collect(),
            left_out: left_out.iter().map(LeftOutResource::from_left_out).collect(),
            observed: observed.iter().map(|o| (o.name.to_string(), ObservedValue::from_observed(o))).collect(),
            waiting: waiting.iter().map(WaitingResource::from_waiting).collect(),
            consequences: consequences.clone(),
            summary: Summary::default(),
        }
    }
}

impl ResourceChange {
    fn from_change(change: &Change) -> Self {
        // `findings` become `blocked_by` when the guard judges. `desired` is in the plan's own section, `protect` is among the actions, and
        // `resumes` is the ledger's business.
        let Change {
            address,
            previous,
            key,
            id,
            actions,
            fields,
            cause,
            reason,
            source,
            effects,
            depends_on,
            carried_by,
            effects_said,
            ..
        } = change;
        let mut effects = effects.clone();
        if change.performer == Performer::Technician && !effects.contains(&Effect::Technician) {
            effects.push(Effect::Technician);
        }
        Self {
            address: address.clone(),
            previous_address: previous.clone(),
            kind: address.kind,
            natural_key: key.to_string(),
            remote_id: id.as_deref().map(str::to_owned),
            change: json::change_body(address.kind.def(), actions, fields, *cause),
            action_reason: reason.clone(),
            cause: *cause,
            source: source.clone(),
            effects,
            effects_said: effects_said.clone(),
            blocked_by: change.blocked_by.clone(),
            depends_on: depends_on.clone(),
            carried_by: carried_by.clone(),
        }
    }

    /// True if it will not be made, for its own sake: something stands in its way, or there is no way to make it.
    pub fn is_refused(&self) -> bool {
        self.change.actions.is_empty() || self.blocked_by.iter().any(Refusal::stands)
    }
}

impl ResourceDrift {
    fn from_drift(drift: &Drift) -> Self {
        let Drift { address, what, fields } = drift;
        let action = match what {
            DriftKind::Changed => Action::Update,
            DriftKind::Deleted => Action::Delete,
        };
        Self { address: address.clone(), kind: address.kind, change: json::drift_body(address.kind.def(), action, fields) }
    }
}

fn length(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// The published schema of the JSON plan.
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(PlanDocument);
    schema.insert("$id".to_owned(), "https://tenantry.dev/schema/plan/v1.json".into());
    schema.to_value()
}
