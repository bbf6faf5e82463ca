//! Arguments of `operator`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::sandbox::address;

/// `operator`.
#[derive(Debug, Args)]
pub struct OperatorArgs {
    /// The namespace of the MSP's own documents, the lease and the ledger [default: the service account's, or the context's]
    #[arg(long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Watch custom resources and Secrets of this namespace alone; repeatable, or separated by commas [default: all]
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',')]
    pub watch_namespace: Vec<String>,
    /// The kubeconfig [default: the service account, else what kubectl takes]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context [default: the current one]
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// The ledger: `kubernetes://NAMESPACE` or `postgres://…` [default: in the operator's namespace]
    #[arg(long, value_name = "LOCATION", hide_env_values = true)]
    pub ledger: Option<String>,
    /// Where profiles lie that are not shipped
    #[arg(long, value_name = "DIR")]
    pub profiles: Option<PathBuf>,
    /// Where the embedded portal keeps its file [default: .tenantry]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Where /healthz, /readyz and /metrics are; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:9464", value_parser = address)]
    pub listen: SocketAddr,
    /// Answer admission reviews here, over TLS: what a change would do is shown by `kubectl apply`
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address, requires = "webhook_cert_dir")]
    pub webhook_listen: Option<SocketAddr>,
    /// The folder of its certificate: tls.crt and tls.key, read again when they change
    #[arg(long, value_name = "DIR", requires = "webhook_listen")]
    pub webhook_cert_dir: Option<PathBuf>,
    /// Leave the customers' names out of the metrics
    #[arg(long)]
    pub no_tenant_label: bool,
}
