//! What a portal can do, as data. A profile says it; diff, plan and guards read it and never ask which portal it is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::kind::{FieldId, Kind, KindDef};
use super::ledger::IntentAction;

/// Whether a kind's objects can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readability {
    /// Its collection is read to the end: absence can be proven.
    Listed,
    /// Nothing can be read: only a technician's record speaks.
    Unreadable,
}

/// Who performs an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Performer {
    /// A driver, by a call.
    Call,
    /// A technician, by a work order.
    Technician,
    /// Nobody: the portal has no such action.
    Unsupported,
}

/// What a portal does with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldSupport {
    /// Reads and writes it.
    Full,
    /// Writes it and never shows it.
    WriteOnly,
    /// Takes it at creation, shows it, never changes it: another value needs a replacement.
    Immutable,
    /// Has it, and no call sets it: a technician does, after whatever else makes the object. Never shown by a call.
    Technician,
    /// Has no such field.
    Unsupported,
}

/// Within what a natural key is unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyScope {
    /// Within one tenant.
    Tenant,
    /// Within the whole portal.
    Portal,
}

/// What a portal does with a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindCapability {
    /// Whether it can be listed.
    pub read: Readability,
    /// Who makes one.
    pub create: Performer,
    /// Who changes one.
    pub update: Performer,
    /// Who deletes one.
    pub delete: Performer,
    /// Who sends an invitation again.
    pub resend: Performer,
    /// Where its natural key is unique.
    pub key_scope: KeyScope,
    /// The kind whose creation makes the tenant's first one of this kind in the same call.
    pub carried_by: Option<Kind>,
    /// Natural keys that the portal has by itself, and that may be referred to without being declared.
    pub builtin: BTreeSet<String>,
    /// Fields that are not [`FieldSupport::Full`].
    pub fields: BTreeMap<FieldId, FieldSupport>,
    /// Its objects have no name there but the one that people see: a natural key is a name made of that.
    pub titled: bool,
    /// Its creation goes on once its object is there: to find that is not to find it done.
    pub goes_on: bool,
    /// Its creation asks a person, who looks first, before it calls anything that may not be called again.
    pub looks_first: bool,
    /// A call of it finds the organization by the name that people see: it asks a person, or looks that name up.
    pub by_name: bool,
}

impl KindCapability {
    /// A kind that the portal fully supports by calls.
    pub fn full() -> Self {
        Self {
            read: Readability::Listed,
            create: Performer::Call,
            update: Performer::Call,
            delete: Performer::Call,
            resend: Performer::Call,
            key_scope: KeyScope::Tenant,
            carried_by: None,
            builtin: BTreeSet::new(),
            fields: BTreeMap::new(),
            titled: false,
            goes_on: false,
            looks_first: false,
            by_name: false,
        }
    }

    /// True where the portal has those of its own and no others: nothing of the kind is made there, nor read.
    pub fn only_builtin(&self) -> bool {
        !self.builtin.is_empty() && self.create == Performer::Unsupported && self.read == Readability::Unreadable
    }

    /// What it does with a field.
    pub fn field(&self, field: FieldId) -> FieldSupport {
        self.fields.get(&field).copied().unwrap_or(FieldSupport::Full)
    }

    /// Who performs an action.
    pub const fn performer(&self, action: IntentAction) -> Performer {
        match action {
            IntentAction::Create => self.create,
            IntentAction::Update => self.update,
            IntentAction::Delete => self.delete,
            IntentAction::Resend => self.resend,
        }
    }

    /// True for a field that an action leaves to a technician, though no technician performs the action itself.
    pub fn leaves_by_hand(&self, action: IntentAction, field: FieldId) -> bool {
        self.performer(action) != Performer::Technician && self.field(field) == FieldSupport::Technician
    }

    /// True for a field that it lacks. Of what the MSP says to itself ([`super::kind::Sense::is_own`]) no portal lacks anything.
    pub fn lacks(&self, def: &KindDef, field: FieldId) -> bool {
        self.field(field) == FieldSupport::Unsupported && !def.field(field).sense.is_own()
    }
}

/// What a portal can do. A kind without an entry does not exist there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// By kind.
    pub kinds: BTreeMap<Kind, KindCapability>,
    /// Whether its calls take an idempotency key: a call repeated with the same key has one effect.
    pub idempotent: bool,
    /// How long after a write a listing may not show it yet.
    pub consistency_window: Duration,
    /// Most changes that one request carries.
    pub batch: usize,
    /// Whether its calls need to know what is around them: true for drivers that follow a profile's mappings and screens.
    pub context: bool,
}

impl Capabilities {
    /// What it does with a kind, if it has it.
    pub fn kind(&self, kind: Kind) -> Option<&KindCapability> {
        self.kinds.get(&kind)
    }

    /// The same, if it can have what is declared of the kind.
    pub fn declarable(&self, kind: Kind) -> Option<&KindCapability> {
        self.kind(kind).filter(|can| !can.only_builtin())
    }
}
