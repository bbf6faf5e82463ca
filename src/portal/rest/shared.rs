//! One client for each portal of a process: whoever opens a portal that is open already gets the client that there is, so that a plan and the
//! apply after it have one budget of requests, one pool of connections and one token between them.
//!
//! Comes in: a `Portal` document, its connection, its credentials. Goes out: a client. Another document, another description or another
//! credential makes another client, and one that nobody has open any more is forgotten.

use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

use super::transport::{Client, WeakClient};
use crate::model::PortalSpec;
use crate::portal::PortalError;
use crate::portal::profile::http::connection::compiled::Connection;
use crate::secrets::SecretReader;

/// See the module.
#[derive(Default)]
pub(super) struct Shared(Mutex<Vec<Opened>>);

struct Opened {
    spec: PortalSpec,
    /// Tells its credentials from others; they themselves are kept by the client alone.
    credentials: [u8; 32],
    client: WeakClient,
}

impl Shared {
    /// The client of a portal: the one that is open, or a new one.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn client(
        &self,
        spec: &PortalSpec,
        connection: &Arc<Connection>,
        secrets: &dyn SecretReader,
        open: impl FnOnce() -> Result<Client, PortalError>,
    ) -> Result<Client, PortalError> {
        let credentials = digest(spec, secrets);
        let mut opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        opened.retain(|o| o.client.client().is_some());
        let same = |o: &&Opened| o.spec == *spec && o.credentials == credentials;
        let known = opened.iter().filter(same).find_map(|o| o.client.client().filter(|client| client.is_by(connection)));
        if let Some(client) = known {
            return Ok(client);
        }
        let client = open()?;
        opened.push(Opened { spec: spec.clone(), credentials, client: client.weak() });
        Ok(client)
    }
}

/// A credential that cannot be read is as good as none here: opening says what is wrong with it.
fn digest(spec: &PortalSpec, secrets: &dyn SecretReader) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (name, reference) in &spec.credentials {
        let secret = secrets.read(reference).unwrap_or_else(|_| SecretString::default());
        for part in [name.as_bytes(), secret.expose_secret().as_bytes()] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
    }
    hash.finalize().into()
}
