//! Counts of a plan. Each change is counted here once, so that every report gives the same numbers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::Action;

/// Counts. Each change counts once, by its main action; what will not be made counts again in `held`, and what is refused in `refused`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Summary {
    /// All changes, by what they do.
    #[serde(flatten)]
    pub planned: ByAction,
    /// Those of them that an apply of this plan does not make; absent: it makes all of them. Since 1.2.
    #[serde(skip_serializing_if = "HeldChanges::is_none")]
    pub held: HeldChanges,
    /// Changes that will not be made: refused by themselves, with their tenant or with the run, or without a way to make them.
    pub refused: u64,
    /// Drifted resources.
    pub drift: u64,
    /// Unmanaged objects.
    pub unmanaged: u64,
    /// Resources that are no longer declared and stay.
    pub retained: u64,
    /// Resources that wait.
    pub waiting: u64,
}

/// Changes, counted by their main action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ByAction {
    /// To create.
    pub create: u64,
    /// To update; suspending and sharing among them.
    pub update: u64,
    /// To delete and make anew.
    pub replace: u64,
    /// To delete.
    pub delete: u64,
    /// To adopt.
    pub adopt: u64,
    /// To drop from the ledger.
    pub forget: u64,
    /// To move to another address in the ledger.
    #[serde(rename = "move")]
    pub moved: u64,
    /// Invitations to send again.
    pub resend: u64,
    /// Protections to record or release in the ledger.
    pub protect: u64,
}

/// Changes that stay undone: what is refused, what is held back with it, and what needs either.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HeldChanges {
    /// How many they are, with those that nobody has a way to make.
    pub changes: u64,
    /// The same by what they would do.
    #[serde(flatten)]
    pub planned: ByAction,
}

impl Summary {
    /// What an apply of this plan makes: all but what is held.
    pub const fn made(&self) -> ByAction {
        self.planned.without(&self.held.planned)
    }

    pub(super) fn count(&mut self, action: Option<Action>, held: bool) {
        self.planned.count(action);
        if held {
            self.held.changes += 1;
            self.held.planned.count(action);
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        let Self { planned, held, refused, drift, unmanaged, retained, waiting } = other;
        self.planned.add(planned);
        self.held.changes += held.changes;
        self.held.planned.add(&held.planned);
        self.refused += refused;
        self.drift += drift;
        self.unmanaged += unmanaged;
        self.retained += retained;
        self.waiting += waiting;
    }
}

impl HeldChanges {
    const fn is_none(&self) -> bool {
        self.changes == 0
    }
}

impl ByAction {
    fn count(&mut self, action: Option<Action>) {
        let slot = match action {
            Some(Action::Create) => &mut self.create,
            Some(Action::Update | Action::Suspend | Action::Share | Action::Unshare) => &mut self.update,
            Some(Action::Replace) => &mut self.replace,
            Some(Action::Delete) => &mut self.delete,
            Some(Action::Adopt | Action::Recover) => &mut self.adopt,
            Some(Action::Forget) => &mut self.forget,
            Some(Action::Move) => &mut self.moved,
            Some(Action::Resend) => &mut self.resend,
            Some(Action::Protect | Action::Unprotect) => &mut self.protect,
            None => return,
        };
        *slot += 1;
    }

    fn add(&mut self, other: &Self) {
        let Self { create, update, replace, delete, adopt, forget, moved, resend, protect } = other;
        self.create += create;
        self.update += update;
        self.replace += replace;
        self.delete += delete;
        self.adopt += adopt;
        self.forget += forget;
        self.moved += moved;
        self.resend += resend;
        self.protect += protect;
    }

    const fn without(&self, other: &Self) -> Self {
        let Self { create, update, replace, delete, adopt, forget, moved, resend, protect } = other;
        Self {
            create: self.create.saturating_sub(*create),
            update: self.update.saturating_sub(*update),
            replace: self.replace.saturating_sub(*replace),
            delete: self.delete.saturating_sub(*delete),
            adopt: self.adopt.saturating_sub(*adopt),
            forget: self.forget.saturating_sub(*forget),
            moved: self.moved.saturating_sub(*moved),
            resend: self.resend.saturating_sub(*resend),
            protect: self.protect.saturating_sub(*protect),
        }
    }
}
