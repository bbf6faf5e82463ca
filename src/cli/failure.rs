//! How a command ends early: what to print, and with which code.

use super::exit::Exit;
use crate::diagnostic::Diagnostic;
use crate::engine::EngineError;
use crate::ledger::LedgerError;
use crate::portal::PortalError;

/// A command that ended early.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// One line for a person; empty if the diagnostics say it all.
    pub(crate) message: String,
    /// What the message speaks of, one a line.
    pub(crate) items: Vec<String>,
    /// What to do; may be empty.
    pub(crate) help: String,
    /// Problems with places.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Failure {
    /// With a message.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), items: Vec::new(), help: String::new(), diagnostics: Vec::new() }
    }

    /// Says what to do.
    #[must_use]
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: help.into(), ..self }
    }

    /// A wrong use of the command line.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Problems that speak for themselves.
    pub(crate) fn of_diagnostics(exit: Exit, diagnostics: Vec<Diagnostic>) -> Self {
        Self { exit, message: String::new(), items: Vec::new(), help: String::new(), diagnostics }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let text = error.to_string();
        match error {
            LedgerError::Locked(lock) => {
                let help = format!("wait for it to end; if it never will, break it with `tenantry unlock {}`", lock.id.0);
                Self::new(Exit::Locked, text).help(help)
            }
            LedgerError::Denied(_) => Self::new(Exit::Denied, text).help("check the credentials and rights of the ledger's location"),
            LedgerError::TooNew { .. } => Self::new(Exit::Error, text).help("upgrade tenantry; nothing was changed"),
            LedgerError::LockLost(_) => Self::new(Exit::Error, text).help("run again: what was begun is found out first"),
            LedgerError::Unavailable(_) => Self::new(Exit::Error, text).help("see docs/ledger.md; nothing was changed"),
            LedgerError::Conflict(_) => Self::new(Exit::Error, text),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Ledger(error) => error.into(),
        }
    }
}

impl From<crate::secrets::MacKeyError> for Failure {
    fn from(error: crate::secrets::MacKeyError) -> Self {
        Self::new(Exit::Error, error.to_string())
    }
}

/// The exit code of a portal that cannot be read.
pub(crate) fn exit_of(error: &PortalError) -> Exit {
    match error {
        PortalError::Denied(_) | PortalError::NoCredential(_) => Exit::Denied,
        PortalError::Unavailable(_) | PortalError::Misconfigured(_) => Exit::Error,
    }
}
