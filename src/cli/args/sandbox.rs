//! Arguments of `sandbox`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args};

/// `sandbox`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("played").args(["portal", "profile"]).required(true).multiple(true))]
pub struct SandboxArgs {
    /// The Portal document to play by: its profile and its account; where it points to does not matter
    #[arg(long, value_name = "NAME")]
    pub portal: Option<String>,
    /// The profile to play, where there is no Portal document or another than its own: a name, or a path below the trusted root
    #[arg(long, value_name = "NAME|PATH")]
    pub profile: Option<String>,
    /// The trusted root: the Portal document and the profile are taken from here alone [default: the current directory]
    #[arg(long, value_name = "DIR")]
    pub portals: Option<PathBuf>,
    /// Manifests to find the Portal document in, where no trusted root is named; repeatable [default: .]
    #[arg(short = 'f', long = "file", value_name = "PATH")]
    pub file: Vec<PathBuf>,
    /// Where to listen, on this machine alone; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0", value_parser = address)]
    pub listen: SocketAddr,
    /// Where the sandbox keeps what it is told [default: .tenantry/sandbox]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// A fault to play, such as `error status=503 when=after nth=3`; repeatable (docs/sandbox.md)
    #[arg(long, value_name = "FAULT")]
    pub fault: Vec<String>,
    /// Print the addresses and tokens as JSON
    #[arg(long)]
    pub json: bool,
    /// The MSP's own account there.
    #[command(flatten)]
    pub account: AccountArgs,
}

/// An address to listen on: a plain one, or `localhost`.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let plain = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    plain.parse().map_err(|_| "it is no ADDRESS:PORT: write one such as 127.0.0.1:7700".to_owned())
}

/// The MSP's own account in the portal that is played: what a `Portal` document says under `account`. A flag stands above the document.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The MSP's own account")]
pub struct AccountArgs {
    /// Its name there
    #[arg(long, value_name = "NAME")]
    pub account_name: Option<String>,
    /// The MSP's own domain there
    #[arg(long, value_name = "DOMAIN")]
    pub account_domain: Option<String>,
    /// The user whose credentials these are
    #[arg(long, value_name = "ADDRESS")]
    pub account_email: Option<String>,
    /// Kind of account, in the portal's own word
    #[arg(long, value_name = "KIND")]
    pub account_kind: Option<String>,
    /// A licensed add-on; repeatable
    #[arg(long, value_name = "NAME")]
    pub account_add_on: Vec<String>,
}
