//! Whom a TLS connection believes. Comes in: the certificates that this machine trusts (the system's, or those that `SSL_CERT_FILE` and
//! `SSL_CERT_DIR` name), or some that a caller gives. Goes out: a configuration that verifies a server's certificate and its host name.
//!
//! Never makes one that encrypts and does not verify: it would look safe, and whoever sits in between could read it all.

use std::sync::{Arc, LazyLock};

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

/// Whom a connection believes.
#[derive(Debug, Clone)]
pub struct Trust {
    config: ClientConfig,
    /// What else it might trust, had it been readable.
    unread: Option<String>,
}

/// Read once: a fleet's run connects anew whenever a connection was lost.
static MACHINE: LazyLock<Result<Trust, String>> = LazyLock::new(machine);

impl Trust {
    /// Whom this machine believes; read once in the life of the process.
    ///
    /// # Errors
    /// When what it names cannot be read at all, with the reason.
    pub fn of_this_machine() -> Result<&'static Self, &'static str> {
        MACHINE.as_ref().map_err(String::as_str)
    }

    /// Believes these authorities and nobody else.
    ///
    /// # Errors
    /// When the provider of cryptography cannot speak TLS 1.2 or 1.3.
    pub fn in_authorities(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates);
        // Ring by name: where another crate brings another provider, none is the default and building would fail at run time.
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?;
        Ok(Self { config: config.with_root_certificates(roots).with_no_client_auth(), unread: None })
    }

    /// A configuration that verifies.
    pub fn config(&self) -> ClientConfig {
        self.config.clone()
    }

    /// What a certificate that was refused must be, for the end of a message.
    pub fn remedy(&self) -> String {
        let unread = self.unread.as_ref().map(|why| format!(" (not read: {why})")).unwrap_or_default();
        format!(
            "its certificate must be for the host that the URL names, and of an authority that this machine trusts or that SSL_CERT_FILE \
             names{unread}"
        )
    }
}

fn machine() -> Result<Trust, String> {
    let found = rustls_native_certs::load_native_certs();
    // One file of many that is no certificate does no harm, unless the server's was in it.
    let unread = found.errors.first().map(ToString::to_string);
    if let (true, Some(why)) = (found.certs.is_empty(), &unread) {
        return Err(format!("the certificates to trust cannot be read: {why}"));
    }
    Ok(Trust { unread, ..Trust::in_authorities(found.certs)? })
}
