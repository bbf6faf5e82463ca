//! Where a run's secrets are: variables and files of this machine, and Secrets of the cluster that the ledger is in. Comes in: references. Goes out: secrets.

use std::sync::Arc;

use secrecy::SecretString;

use crate::ledger::{LedgerError, LedgerLocation};
use crate::model::{SecretRef, SecretSource};
use crate::secrets::{LocalSecrets, SecretError, SecretReader};

/// Reads all of them.
pub(crate) struct Secrets {
    local: LocalSecrets,
    cluster: Option<Arc<dyn SecretReader>>,
}

impl Secrets {
    /// Of this machine, and of the cluster those that are named here.
    ///
    /// # Errors
    /// When the ledger is in a cluster and none is known.
    pub(crate) async fn of(location: &LedgerLocation, named: Vec<&SecretRef>) -> Result<Self, LedgerError> {
        let local = LocalSecrets::new(super::settings::variable, std::env::current_dir().unwrap_or_default());
        Ok(Self { local, cluster: location.secrets(named).await? })
    }
}

impl SecretReader for Secrets {
    fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        match (&reference.source, &self.cluster) {
            (SecretSource::SecretKeyRef { .. }, Some(cluster)) => cluster.read(reference),
            _ => self.local.read(reference),
        }
    }
}
