//! Arguments of `ledger` and `unlock`.

use clap::{Args, Subcommand, ValueEnum};

use super::{Data, Places};

/// `ledger`.
#[derive(Debug, Args)]
pub struct LedgerCommand {
    /// Where things are.
    #[command(flatten)]
    pub places: Places,
    /// What to do.
    #[command(subcommand)]
    pub action: LedgerAction,
}

/// What to do with the ledger.
#[derive(Debug, Subcommand)]
pub enum LedgerAction {
    /// List what is ours, and the locks that are held
    List {
        /// Only these tenants, as globs; repeatable
        #[arg(long, value_name = "GLOB")]
        tenant: Vec<String>,
        /// Format of the result
        #[arg(short, long, value_enum, default_value_t = Data::Text, value_name = "FORMAT")]
        output: Data,
    },
    /// Show one row with its open intents, attestation and tombstones
    Show(RowArgs),
    /// Give a row another address
    Move {
        /// Its address now.
        from: String,
        /// Its address then.
        to: String,
        /// The portal [default: the only one that has it]
        #[arg(long, value_name = "NAME")]
        portal: Option<String>,
    },
    /// Drop a row: the object stays in the portal and is no longer ours, until it is declared again
    Forget(RowArgs),
    /// Let adopted objects be deleted when they are no longer declared
    Release(ReleaseArgs),
    /// Make a new, empty ledger that of an installation whose ledger was lost
    Claim {
        /// The lost installation's id, as G010 or a backup names it.
        #[arg(value_name = "INSTALLATION-ID")]
        installation: String,
    },
    /// Decide about a call whose outcome is unknown: it had no effect, so it may be made again; or one step of it had, or had none
    Settle {
        /// The intent's id, as `ledger show` prints it.
        intent: String,
        /// What it is about.
        address: String,
        /// Of a call that was done in part: what became of the step of which nobody knows
        #[arg(value_enum)]
        step: Option<StepWas>,
        /// The portal [default: the only one that has it]
        #[arg(long, value_name = "NAME")]
        portal: Option<String>,
    },
    /// Show what was done, by whom and with what result
    Audit {
        /// How many records, newest first
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Format of the result
        #[arg(short, long, value_enum, default_value_t = Data::Text, value_name = "FORMAT")]
        output: Data,
    },
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StepWas {
    /// It is done, and the call goes on after it
    Done,
    /// It is not done, and the call goes on with it
    NotDone,
}

/// One row of the ledger.
#[derive(Debug, Args)]
pub struct RowArgs {
    /// Its address, such as `acme/user/alice`.
    pub address: String,
    /// The portal [default: the only one that has it]
    #[arg(long, value_name = "NAME")]
    pub portal: Option<String>,
}

/// Which adopted objects to release: one, or many together.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("released").required(true))]
pub struct ReleaseArgs {
    /// Its address, such as `acme/user/alice`.
    #[arg(group = "released")]
    pub address: Option<String>,
    /// Every adopted object of these tenants, as globs; repeatable
    #[arg(long, value_name = "GLOB", group = "released")]
    pub tenant: Vec<String>,
    /// Every adopted object
    #[arg(long, group = "released")]
    pub all: bool,
    /// The portal [default: the only one that has the address; every portal]
    #[arg(long, value_name = "NAME")]
    pub portal: Option<String>,
}

/// `unlock`.
#[derive(Debug, Args)]
pub struct UnlockArgs {
    /// The lock's id, as the message that named its holder prints it
    pub id: String,
    /// Where things are.
    #[command(flatten)]
    pub places: Places,
}
