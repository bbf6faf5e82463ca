//! The ledger's errors as diagnostics: what to do about each, in words for a person.

use super::{LedgerError, LocationError};
use crate::diagnostic::{Diagnostic, codes::ledger as codes};

impl From<&LedgerError> for Diagnostic {
    fn from(error: &LedgerError) -> Self {
        let code = match error {
            LedgerError::Locked(_) => codes::LOCKED,
            LedgerError::LockLost(_) => codes::LOCK_LOST,
            LedgerError::TooNew { .. } => codes::TOO_NEW,
            LedgerError::Denied(_) => codes::DENIED,
            LedgerError::Unavailable(_) => codes::UNAVAILABLE,
            LedgerError::Conflict(_) => codes::CONFLICT,
        };
        let diagnostic = Self::error(code, error.to_string());
        match error {
            LedgerError::Locked(lock) => diagnostic
                .detail(format!("held by process {} on {} since {}", lock.holder.process, lock.holder.host, lock.since))
                .help(format!("wait for it; only if that run is surely dead: `tenantry unlock {}`", lock.id.0)),
            _ => diagnostic,
        }
    }
}

impl From<&LocationError> for Diagnostic {
    fn from(error: &LocationError) -> Self {
        Self::error(codes::LOCATION, error.to_string())
    }
}
