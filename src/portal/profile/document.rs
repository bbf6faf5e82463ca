//! The profile's format, as serde and JSON Schema read it. Only shapes: what a text may say, and where it said it.
//!
//! What it means is `compile`'s. An unknown field is refused here, so that a misspelt limit never passes for an absent one.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::http::document::{HttpSection, KindHttp};
use super::inherited::InheritedSection;
use super::plays::PlaySection;
use super::screens::{ActionScreens, Observed, Screens, Table};
use crate::model::rule::Effect;
use crate::model::work_order::Provenance;
use crate::model::{FieldSupport, IntentAction, KeyScope, Performer, Readability};

/// A profile: what one portal can do, what it demands, and who performs it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(title = "Profile")]
pub struct Document {
    /// `tenantry.dev/v1alpha1`.
    #[schemars(with = "String")]
    pub api_version: Spanned<String>,
    /// `Profile`.
    #[schemars(with = "String")]
    pub kind: Spanned<String>,
    /// Its name, a slug: what a `Portal` names.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// The portal in a few words, for people.
    pub title: String,
    /// The driver that performs whatever names no other.
    #[schemars(with = "String")]
    pub driver: Spanned<String>,
    /// Numbers of the portal as a whole.
    #[serde(default)]
    pub limits: Limits,
    /// What the portal does with each kind. A kind that is not here does not exist there.
    #[schemars(with = "BTreeMap<String, KindSection>")]
    pub kinds: BTreeMap<String, Spanned<KindSection>>,
    /// What the portal demands before a write.
    #[serde(default)]
    #[schemars(with = "Vec<RuleSection>")]
    pub rules: Vec<Spanned<RuleSection>>,
    /// What a write brings about beyond itself.
    #[serde(default)]
    #[schemars(with = "Vec<EffectSection>")]
    pub effects: Vec<Spanned<EffectSection>>,
    /// What the portal makes by itself beside what is asked for. The sandbox does it; a plan does not.
    #[serde(default)]
    #[schemars(with = "Vec<PlaySection>")]
    pub plays: Vec<Spanned<PlaySection>>,
    /// Who of the MSP's own enters every customer without a grant in any.
    #[serde(default)]
    #[schemars(with = "Vec<InheritedSection>")]
    pub inherited: Vec<Spanned<InheritedSection>>,
    /// The vendor's own menu, for technicians.
    #[serde(default)]
    pub screens: Screens,
    /// Tables that its screens show, for `runbook observe`.
    #[serde(default)]
    #[schemars(with = "Vec<Table>")]
    pub tables: Vec<Spanned<Table>>,
    /// What it shows of a tenant beside what is declared.
    #[serde(default)]
    #[schemars(with = "Vec<Observed>")]
    pub observed: Vec<Spanned<Observed>>,
    /// Its API, for the driver `rest`.
    #[schemars(with = "Option<HttpSection>")]
    pub http: Option<Spanned<HttpSection>>,
}

/// Numbers of the portal as a whole.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Limits {
    /// How long after a write a listing may not show it yet, such as `30s`; default `0s`.
    #[schemars(with = "Option<String>")]
    pub consistency_window: Option<Spanned<String>>,
    /// Most changes that one request carries; default 1.
    #[schemars(with = "Option<usize>")]
    pub batch: Option<Spanned<usize>>,
    /// True: a call repeated with the same idempotency key has one effect; default false.
    #[serde(default)]
    pub idempotent: bool,
}

/// What the portal does with one kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KindSection {
    /// Whether its objects can be listed.
    pub read: Read,
    /// Who makes one; default `unsupported`.
    #[serde(default)]
    pub create: Perform,
    /// Who changes one; default `unsupported`.
    #[serde(default)]
    pub update: Perform,
    /// Who deletes one; default `unsupported`.
    #[serde(default)]
    pub delete: Perform,
    /// Who sends an invitation again; default `unsupported`.
    #[serde(default)]
    pub resend: Perform,
    /// Drivers other than the profile's, by action.
    #[serde(default)]
    #[schemars(with = "BTreeMap<Action, String>")]
    pub drivers: BTreeMap<Action, Spanned<String>>,
    /// Where its natural key is unique; default `tenant`.
    #[serde(default)]
    pub key_scope: Scope,
    /// The kind whose creation makes the tenant's first one of this kind in the same call.
    #[schemars(with = "Option<String>")]
    pub carried_by: Option<Spanned<String>>,
    /// Natural keys that the portal has by itself, and that may be referred to without being declared.
    #[serde(default)]
    pub builtin: Vec<String>,
    /// Fields that are not `full`, by dotted path; `*` stands for all that have no entry of their own, but the natural key.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Support>")]
    pub fields: BTreeMap<String, Spanned<Support>>,
    /// Screens by action, for what a technician does.
    #[serde(default)]
    #[schemars(with = "BTreeMap<Action, ActionScreens>")]
    pub screens: BTreeMap<Action, Spanned<ActionScreens>>,
    /// CEL over `item` (an object as the portal shows it): whether it is the portal's own, never drift and never pruned.
    #[schemars(with = "Option<String>")]
    pub portals_own: Option<Spanned<String>>,
    /// Its lists and calls in the API, for the driver `rest`.
    #[schemars(with = "Option<KindHttp>")]
    pub http: Option<Spanned<KindHttp>>,
}

/// A rule that a change must keep.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RuleSection {
    /// Its ID, such as `ITC-3`; unique in the profile.
    pub id: String,
    /// How we know it.
    pub source: Provenance,
    /// The kinds it looks at.
    #[schemars(with = "Vec<String>")]
    pub kinds: Vec<Spanned<String>>,
    /// The actions it looks at; default `[create, update]`.
    pub actions: Option<Vec<Action>>,
    /// CEL: whether it applies; default always.
    #[schemars(with = "Option<String>")]
    pub when: Option<Spanned<String>>,
    /// CEL: what must be true.
    #[schemars(with = "String")]
    pub expr: Spanned<String>,
    /// Whether a change that breaks it is refused; default `error`.
    #[serde(default)]
    pub severity: Severity,
    /// What is wrong and what to do; `{field}` stands for the field's value.
    #[schemars(with = "Option<String>")]
    pub message: Option<Spanned<String>>,
    /// CEL that makes the message instead.
    #[schemars(with = "Option<String>")]
    pub message_expr: Option<Spanned<String>>,
}

/// What a change brings about beyond itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EffectSection {
    /// The kinds it is about.
    #[schemars(with = "Vec<String>")]
    pub kinds: Vec<Spanned<String>>,
    /// The actions it is about.
    pub actions: Vec<Action>,
    /// CEL: whether it happens; default always.
    #[schemars(with = "Option<String>")]
    pub when: Option<Spanned<String>>,
    /// What happens.
    pub effects: Vec<Effect>,
    /// CEL: the address that its e-mail goes to; default whom the natural key of what changes names.
    #[schemars(with = "Option<String>")]
    pub to: Option<Spanned<String>>,
    /// What its e-mail is, for people, such as `login credentials`; default an invitation, or whatever the portal sends.
    #[schemars(with = "Option<String>")]
    pub mail: Option<Spanned<String>>,
    /// Of an e-mail: true if it holds credentials, and whoever gets it may enter the tenant from then on.
    #[serde(default)]
    pub admits: bool,
    /// What happens, in words for whoever reads the plan.
    pub says: Option<String>,
}

/// Whether a kind's objects can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Read {
    /// Its collection is read to the end.
    Listed,
    /// Nothing can be read.
    Unreadable,
}

/// Who performs an action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Perform {
    /// A driver.
    Call,
    /// A technician.
    Technician,
    /// Nobody.
    #[default]
    Unsupported,
}

/// What the portal does with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Support {
    /// Reads and writes it.
    Full,
    /// Writes it and never shows it.
    WriteOnly,
    /// Takes it at creation, shows it, never changes it.
    Immutable,
    /// Has it, and no call sets it: a technician does, once the object is there.
    Technician,
    /// Has no such field.
    Unsupported,
}

/// Within what a natural key is unique.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Within one tenant.
    #[default]
    Tenant,
    /// Within the portal.
    Portal,
}

/// What may be done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// List it.
    Read,
    /// Make it.
    Create,
    /// Change it.
    Update,
    /// Delete it.
    Delete,
    /// Send its invitation again.
    Resend,
}

/// Whether a broken rule refuses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// The change is refused.
    #[default]
    Error,
    /// A person is told.
    Warning,
    /// The change is left out, and a person is told why: the portal brings it about by itself.
    LeaveOut,
}

impl From<IntentAction> for Action {
    fn from(action: IntentAction) -> Self {
        match action {
            IntentAction::Create => Self::Create,
            IntentAction::Update => Self::Update,
            IntentAction::Delete => Self::Delete,
            IntentAction::Resend => Self::Resend,
        }
    }
}

impl From<Read> for Readability {
    fn from(read: Read) -> Self {
        match read {
            Read::Listed => Self::Listed,
            Read::Unreadable => Self::Unreadable,
        }
    }
}

impl From<Perform> for Performer {
    fn from(perform: Perform) -> Self {
        match perform {
            Perform::Call => Self::Call,
            Perform::Technician => Self::Technician,
            Perform::Unsupported => Self::Unsupported,
        }
    }
}

impl From<Support> for FieldSupport {
    fn from(support: Support) -> Self {
        match support {
            Support::Full => Self::Full,
            Support::WriteOnly => Self::WriteOnly,
            Support::Immutable => Self::Immutable,
            Support::Technician => Self::Technician,
            Support::Unsupported => Self::Unsupported,
        }
    }
}

impl From<Scope> for KeyScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Tenant => Self::Tenant,
            Scope::Portal => Self::Portal,
        }
    }
}
