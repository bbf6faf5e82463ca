//! What a diff says, as values. `plan` passes them on; reports render them.

use crate::model::live::normalise_key;
use crate::model::{Address, FieldId, IntentAction, Kind, KindCapability, Performer, Value};

/// What is done. The names are part of the JSON plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Make it.
    Create,
    /// Change it.
    Update,
    /// Delete it and make it anew.
    Replace,
    /// Take it away.
    Delete,
    /// Take it over: it becomes ours.
    Adopt,
    /// Take back what we made: an interrupted run, or a ledger that was lost.
    Recover,
    /// Drop it from the ledger: it is gone already.
    Forget,
    /// Move its ledger row to its new address.
    Move,
    /// Send its invitation again.
    Resend,
    /// Take its access away; said beside `update`.
    Suspend,
    /// Share it with more; said beside `update`.
    Share,
    /// Share it with fewer; said beside `update`.
    Unshare,
    /// Protect it in the ledger.
    Protect,
    /// Release its protection in the ledger.
    Unprotect,
}

impl Action {
    /// True where only the ledger changes and no portal is called.
    pub const fn ledger_only(self) -> bool {
        matches!(self, Self::Adopt | Self::Recover | Self::Forget | Self::Move | Self::Protect | Self::Unprotect)
    }

    /// The word, as in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Adopt => "adopt",
            Self::Recover => "recover",
            Self::Forget => "forget",
            Self::Move => "move",
            Self::Resend => "resend",
            Self::Suspend => "suspend",
            Self::Share => "share",
            Self::Unshare => "unshare",
            Self::Protect => "protect",
            Self::Unprotect => "unprotect",
        }
    }
}

/// The portal calls that actions come to.
pub(crate) fn intents(actions: &[Action]) -> Vec<IntentAction> {
    let mut calls = Vec::new();
    for action in actions {
        match action {
            Action::Create => calls.push(IntentAction::Create),
            Action::Update => calls.push(IntentAction::Update),
            Action::Replace => calls.extend([IntentAction::Delete, IntentAction::Create]),
            Action::Delete => calls.push(IntentAction::Delete),
            Action::Resend => calls.push(IntentAction::Resend),
            Action::Adopt | Action::Recover | Action::Forget | Action::Move | Action::Protect | Action::Unprotect => {}
            Action::Suspend | Action::Share | Action::Unshare => {}
        }
    }
    calls
}

/// Who performs an action, or its first part where a technician only adds fields: an update of nothing but such fields is a technician's.
pub(crate) fn performer(capability: &KindCapability, action: IntentAction, changed: &[FieldId]) -> Performer {
    let only_by_hand = !changed.is_empty() && changed.iter().all(|id| capability.leaves_by_hand(action, *id));
    if action == IntentAction::Update && only_by_hand { Performer::Technician } else { capability.performer(action) }
}

/// Why something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// The manifest changed; the portal is as we left it.
    Manifest,
    /// Somebody changed the portal; the manifest is as we applied it.
    Drift,
    /// Both changed.
    Both,
    /// A baseline changed.
    Baseline,
    /// Something ran out, such as an invitation.
    Expiry,
}

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Which, in the kind's table.
    pub field: FieldId,
    /// As it is live; `None`: not set or not shown. Always `None` for secrets.
    pub before: Option<Value>,
    /// As it is declared; `None`: taken away. For secrets the references, which reports show as `(sensitive)`.
    pub after: Option<Value>,
    /// True where values are secrets.
    pub sensitive: bool,
    /// Why it differs.
    pub cause: Cause,
}

/// The natural key that something gives up for another; `None`: it keeps its key, or has none to begin with.
pub(crate) fn former_key(kind: Kind, fields: &[FieldChange], key: &str) -> Option<Box<str>> {
    let field = kind.def().key_field()?;
    let before = fields.iter().find(|f| f.field == field)?.before.as_ref()?.as_text().map(normalise_key)?;
    Some(before).filter(|before| **before != *key)
}

/// What was noticed about a change. Each is turned into a refusal (or a warning) by the guard that knows its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It exists, another installation has marked it as its own.
    ForeignOwner {
        /// That installation.
        owner: String,
    },
    /// It exists, and the policy does not adopt it.
    AdoptionRefused {
        /// What the policy asks for, in words.
        why: String,
    },
    /// Whether it exists is not known.
    ObservationIncomplete {
        /// Why.
        why: String,
    },
    /// It is there, and what it has in a field that is to change is not known.
    FieldUnknown {
        /// The field.
        field: FieldId,
        /// Why.
        why: String,
    },
    /// Two ways of telling which object it is disagree, or two objects fit.
    AmbiguousIdentity {
        /// Which, in words.
        why: String,
    },
    /// Its natural key, unique over the portal, is held elsewhere.
    KeyTaken {
        /// By whom, in words.
        by: String,
    },
    /// A secret that it needs cannot be read.
    UnreadableSecret {
        /// Which and why, without the secret.
        why: String,
    },
    /// An earlier call's outcome is unknown, and the portal cannot be asked.
    CreationResultUnknown {
        /// What is known, in words.
        why: String,
    },
    /// The portal lacks something that is declared.
    Unsupported {
        /// What, in words.
        what: String,
        /// The field; `None`: the whole kind.
        field: Option<FieldId>,
        /// What the field names and the portal has not; `None`: it lacks the field itself.
        named: Option<Box<str>>,
        /// True if the `Portal` says that this refuses.
        refuses: bool,
    },
    /// A rule of the portal's profile.
    Rule {
        /// The rule's ID.
        rule: String,
        /// In words for a technician.
        message: String,
        /// True if it refuses, false if it warns.
        refuses: bool,
    },
    /// It is protected, and would be deleted.
    Protected,
    /// The tenant is offboarded, and somebody keeps access to it.
    KeepsAccess {
        /// Who, and why, in words.
        who: String,
    },
    /// It is the MSP's own account, and would lose it or its rights.
    OwnAccount,
    /// It depends on something that is not selected or cannot be made.
    Unreachable {
        /// What, in words.
        why: String,
    },
}

/// What somebody changed in the portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// What differs.
    pub address: Address,
    /// How, in a word: `changed`, `deleted`.
    pub what: DriftKind,
    /// The fields that differ from what was last applied: as applied is not known (only its digest is), as live is.
    pub fields: Vec<(FieldId, Option<Value>)>,
}

/// How something drifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DriftKind {
    /// Fields differ from what was last applied.
    Changed,
    /// It is gone.
    Deleted,
}

/// What the portal has and nobody declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmanaged {
    /// Its kind.
    pub kind: Kind,
    /// Its natural key.
    pub key: Box<str>,
    /// The portal's id of it.
    pub id: Box<str>,
    /// True: the portal's own.
    pub portals_own: bool,
}

/// What is no longer declared and stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// What.
    pub address: Address,
    /// Why it stays, one sentence.
    pub why: String,
    /// True: the portal did not show enough to take it away. It stays until it does.
    pub unseen: bool,
}

/// What waits and is no change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// What.
    pub address: Address,
    /// For what, one sentence.
    pub waits_for: String,
    /// True if a technician has to do something.
    pub technician: bool,
    /// True if a technician said that it could not be done.
    pub failed: bool,
}
