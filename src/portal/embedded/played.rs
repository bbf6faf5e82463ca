//! A directory that plays another portal, for the sandbox.
//!
//! Comes in: calls that belong together. Goes out: all of them done, or none and why. It asks no rule: whoever plays a portal does that first.

use std::time::Duration;

use super::write::Writer;
use crate::model::{Capabilities, FieldSupport, Kind, KindCapability, LiveObject, Performer, Readability};
use crate::portal::{Call, CallError, Done, Observe, PortalError};

/// The most calls of one form: the object, what it carries, and what the portal makes by itself.
const BATCH: usize = 100;

/// See the module.
pub struct Played(Writer);

/// A call, and what goes out with it.
#[derive(Debug, Clone)]
pub struct PlayedCall {
    /// The call.
    pub call: Call,
    /// What goes out.
    pub mail: Goes,
}

/// The mail that goes out with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goes {
    /// None: whoever is made has nothing to accept, unless what is declared asks for an invitation without a mail.
    Nothing,
    /// An invitation, to whom one can go.
    Invitation,
    /// A mail with this subject, to whoever is made, in place of an invitation: they have nothing to accept.
    Other(Box<str>),
}

impl From<Call> for PlayedCall {
    /// Nothing goes out with it.
    fn from(call: Call) -> Self {
        Self { call, mail: Goes::Nothing }
    }
}

impl Played {
    pub(super) fn new(writer: Writer) -> Self {
        Self(writer)
    }

    /// What is there.
    pub fn reader(&self) -> &dyn Observe {
        &self.0
    }

    /// Every object of a kind, each with its tenant's id (`msp`: the MSP's own), sorted by key.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn every(&self, kind: Kind) -> Result<Vec<(Box<str>, LiveObject)>, PortalError> {
        self.0.reader().every(kind).await
    }

    /// Performs all of these calls or, where one is refused, none of them. A creation may name its id in [`Call::object`].
    ///
    /// # Errors
    /// With the first refusal.
    pub async fn together(&self, calls: Vec<PlayedCall>) -> Result<Vec<Done>, CallError> {
        if calls.len() > BATCH {
            return Err(CallError::Refused(format!("{} changes at once are too many: at most {BATCH}", calls.len())));
        }
        self.0.together(calls).await
    }
}

/// What a profile's kinds are where the directory plays them: it does by a call what a technician or another driver does in the portal itself.
/// What the portal does not show, or never changes, stays so.
pub(super) fn capabilities(profile: &Capabilities) -> Capabilities {
    let played = |kind: &KindCapability| KindCapability {
        read: Readability::Listed,
        create: Performer::Call,
        update: Performer::Call,
        delete: Performer::Call,
        resend: Performer::Call,
        key_scope: kind.key_scope,
        carried_by: None,
        builtin: kind.builtin.clone(),
        fields: kind.fields.iter().filter(|(_, s)| **s != FieldSupport::Technician).map(|(id, s)| (*id, *s)).collect(),
        titled: false,
        goes_on: false,
        looks_first: false,
        by_name: false,
    };
    Capabilities {
        kinds: profile.kinds.iter().map(|(kind, capability)| (*kind, played(capability))).collect(),
        idempotent: true,
        consistency_window: Duration::ZERO,
        batch: BATCH,
        context: false,
    }
}
