//! Counts of a plan. Each change is counted here once, so that every report gives the same numbers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::Action;

/// Counts. Each change counts once, by its main action; what is refused counts again in `refused`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Summary {
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

impl Summary {
    pub(super) fn count(&mut self, action: Option<Action>) {
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

    pub(super) fn add(&mut self, other: &Self) {
        let Self { create, update, replace, delete, adopt, forget, moved, resend, protect, refused, drift, unmanaged, retained, waiting } =
            other;
        self.create += create;
        self.update += update;
        self.replace += replace;
        self.delete += delete;
        self.adopt += adopt;
        self.forget += forget;
        self.moved += moved;
        self.resend += resend;
        self.protect += protect;
        self.refused += refused;
        self.drift += drift;
        self.unmanaged += unmanaged;
        self.retained += retained;
        self.waiting += waiting;
    }
}
