//! TLS to the server. Comes in: whom this machine trusts. Goes out: a connector that verifies the server's certificate and its host name, and
//! what to do where one was refused. Never makes a connection that is encrypted and not verified.

use tokio_postgres_rustls::MakeRustlsConnect;

use crate::ledger::LedgerError;
use crate::trust::Trust;

/// What to do about a certificate that was refused.
pub(super) fn remedy() -> String {
    let trusted = Trust::of_this_machine().map(Trust::remedy).unwrap_or_default();
    format!("{trusted}; sslmode=disable does without TLS")
}

/// A connector that verifies.
pub(super) fn connector() -> Result<MakeRustlsConnect, LedgerError> {
    match Trust::of_this_machine() {
        Ok(trust) => Ok(MakeRustlsConnect::new(trust.config())),
        Err(why) => Err(LedgerError::Unavailable(format!("TLS to the PostgreSQL server: {why}; sslmode=disable does without TLS"))),
    }
}
