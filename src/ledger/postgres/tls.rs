//! TLS to the server. Comes in: what this machine trusts (the system's certificates, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name).
//! Goes out: a connector that verifies the server's certificate and its host name. Never makes a connection that is encrypted and not verified:
//! it would look safe, and whoever sits in between could read it all.

use std::sync::{Arc, LazyLock};

use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::ledger::LedgerError;

/// What this machine trusts.
struct Trust {
    config: ClientConfig,
    /// What else it might trust, had it been readable.
    unread: Option<String>,
}

/// Read once: a fleet's run connects anew whenever a connection was lost.
static TRUST: LazyLock<Result<Trust, String>> = LazyLock::new(trust);

/// What to do about a certificate that was refused.
pub(super) fn remedy() -> String {
    let unread = TRUST.as_ref().ok().and_then(|trust| trust.unread.as_ref()).map(|why| format!(" (not read: {why})")).unwrap_or_default();
    format!(
        "its certificate must be for the host that the URL names, and of an authority that this machine trusts or that SSL_CERT_FILE \
         names{unread}; sslmode=disable does without TLS"
    )
}

/// A connector that verifies.
pub(super) fn connector() -> Result<MakeRustlsConnect, LedgerError> {
    match &*TRUST {
        Ok(trust) => Ok(MakeRustlsConnect::new(trust.config.clone())),
        Err(why) => Err(LedgerError::Unavailable(format!("TLS to the PostgreSQL server: {why}; sslmode=disable does without TLS"))),
    }
}

fn trust() -> Result<Trust, String> {
    let found = rustls_native_certs::load_native_certs();
    // One file of many that is no certificate does no harm, unless the server's was in it.
    let unread = found.errors.first().map(ToString::to_string);
    if let (true, Some(why)) = (found.certs.is_empty(), &unread) {
        return Err(format!("the certificates to trust cannot be read: {why}"));
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    // Ring by name: where another crate brings another provider, none is the default and building would fail at run time.
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    Ok(Trust { config: config.with_root_certificates(roots).with_no_client_auth(), unread })
}
