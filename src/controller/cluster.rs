//! How the command line starts the controller in a cluster without knowing it: the two faces never meet, so that each can be read alone.
//!
//! Comes in: what a person said. Goes out: whatever implements [`ClusterFace`] is given it; `main` puts the two together.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::apply::Stop;
use crate::ledger::{LedgerError, LedgerLocation};
use crate::portal::Drivers;
use crate::secrets::MacKeyError;

/// What a person said to the operator.
pub struct Wanted {
    /// The kubeconfig; `None`: a pod's own account, or what kubectl would take.
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context; `None`: the current one.
    pub context: Option<String>,
    /// The namespace of the MSP's own documents, the lease and the ledger; `None`: the account's, or the context's.
    pub namespace: Option<String>,
    /// The namespaces that are watched; none: all.
    pub watched: Vec<String>,
    /// Where the ledger is; `None`: in `namespace`.
    pub ledger: Option<LedgerLocation>,
    /// The key of the secrets' MACs; `None`: it is kept beside the ledger.
    pub mac_key: Option<SecretString>,
    /// Where profiles lie that are not shipped.
    pub profiles: Option<PathBuf>,
    /// Where the embedded portal keeps its file.
    pub state_dir: PathBuf,
    /// Where health, readiness and metrics are.
    pub listen: SocketAddr,
    /// Where admission reviews are answered, and the folder of `tls.crt` and `tls.key`; `None`: they are not.
    pub webhook: Option<(SocketAddr, PathBuf)>,
    /// Whether metrics have the tenants' names.
    pub with_tenant: bool,
    /// The drivers there are.
    pub drivers: Drivers,
    /// Set to stop: calls under way finish, no new one starts.
    pub stop: Arc<Stop>,
}

/// Why the operator could not begin, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// The ledger, or the cluster that it is in.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The key of the secrets' MACs.
    #[error(transparent)]
    MacKey(#[from] MacKeyError),
    /// An address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, String),
    /// The admission webhook.
    #[error("the admission webhook cannot begin: {0}")]
    Webhook(String),
    /// A loop ended that never should.
    #[error("{0} ended by itself, which is a bug; start it again")]
    Broke(&'static str),
}

/// The controller in a cluster.
#[async_trait]
pub trait ClusterFace: Send + Sync {
    /// Works until it is told to stop.
    ///
    /// # Errors
    /// When it cannot begin.
    async fn run(&self, wanted: Wanted) -> Result<(), NotStarted>;
}
