//! Arguments of `run` and `approve`.

use std::net::SocketAddr;

use clap::Args;

use super::Places;
use super::sandbox::address;

/// `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Where things are.
    #[command(flatten)]
    pub places: Places,
    /// Where /healthz, /readyz, /metrics and /status are; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9464", value_parser = address)]
    pub listen: SocketAddr,
    /// Leave the customers' names out of the metrics
    #[arg(long)]
    pub no_tenant_label: bool,
}

/// `approve`.
#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// The digest of a plan that waits, as its file in `pending/` and the log have it
    #[arg(value_name = "sha256:…")]
    pub digest: String,
    /// Where things are, as `run` was told.
    #[command(flatten)]
    pub places: Places,
    /// Ticket, for the audit record
    #[arg(long, value_name = "ID")]
    pub ticket: Option<String>,
}
