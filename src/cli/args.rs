//! Arguments, as `clap` reads them. Every long flag is also an environment variable, `TENANTRY_<FLAG>`; `settings` adds that.

mod ledger;
mod operator;
mod papers;
mod run;
mod runbook;
mod sandbox;

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

pub use ledger::{LedgerAction, LedgerCommand, ReleaseArgs, RowArgs, StepWas, UnlockArgs};
pub use operator::OperatorArgs;
pub use papers::{CapabilitiesArgs, CompletionsArgs, CrdsArgs, ManArgs, ProfileAction, ProfileCommand, SchemaArgs, SchemaName};
pub use run::{ApproveArgs, RunArgs};
pub use runbook::{
    AnswerTalk, ConfirmArgs, ItemState, ListArgs, ObserveArgs, OrderFormat, RunbookAction, RunbookCommand, ShowOrderArgs, WhyArgs,
};
pub use sandbox::{AccountArgs, SandboxArgs};

use crate::guard::CountOrPercent;

/// Tenants as code for managed service providers.
#[derive(Debug, Parser)]
#[command(name = "tenantry", version, about, propagate_version = true, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to talk.
    #[command(flatten)]
    pub talk: Talk,
}

/// The command line. What says where the ledger is may stand behind `ledger list` as well as before it; behind `runbook list` too.
pub fn command() -> clap::Command {
    let everywhere = |command: clap::Command| command.mut_args(|arg| arg.global(true));
    Cli::command().mut_subcommand("ledger", everywhere).mut_subcommand("runbook", everywhere)
}

/// How to talk.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct Talk {
    /// No colour, even on a terminal (also `NO_COLOR`)
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Say only what matters
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more: whole lists, unmanaged objects, log lines
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Never ask; where an answer is needed, fail
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Refuse every command that could write to a portal or the ledger
    #[arg(long, global = true)]
    pub require_read_only: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a first manifest to start from
    Init(InitArgs),
    /// Check manifests; needs no portal and no network
    Validate(ValidateArgs),
    /// Show what would change
    Plan(PlanCommand),
    /// Show what would change, ask, and change it
    Apply(ApplyCommand),
    /// Keep portals in step with a folder of manifests, until it is stopped
    Run(RunArgs),
    /// Keep portals in step with the custom resources of a Kubernetes cluster, until it is stopped
    Operator(OperatorArgs),
    /// Let `run` apply a plan that waits for approval, once
    Approve(ApproveArgs),
    /// Show what differs from what was last applied
    Drift(DriftArgs),
    /// Write manifests for what a portal has, and record it as adopted
    Import(ImportArgs),
    /// Show a saved plan, or what is declared and recorded of a tenant
    Show(ShowArgs),
    /// Show who may enter which customer, and by which grant
    Access(AccessArgs),
    /// Look at and correct the record of what is ours
    Ledger(LedgerCommand),
    /// Break a lock that its holder left behind
    Unlock(UnlockArgs),
    /// Play a portal on this machine, to rehearse, to train and to test
    Sandbox(SandboxArgs),
    /// Look at work orders, and record what technicians did and what they see
    Runbook(RunbookCommand),
    /// Show what a portal can do, field by field
    Capabilities(CapabilitiesArgs),
    /// List and check portal profiles
    Profile(ProfileCommand),
    /// Print JSON Schemas for editors and programs
    Schema(SchemaArgs),
    /// Print or write the custom resource definitions for Kubernetes
    Crds(CrdsArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page of a command
    Man(ManArgs),
}

/// Where things are.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Where things are")]
pub struct Places {
    /// Manifests: files, directories, or `-` for standard input; repeatable [default: .]
    #[arg(short = 'f', long = "file", value_name = "PATH")]
    pub file: Vec<PathBuf>,
    /// The trusted root: Portal documents and profiles are taken from here alone, and customers name TENANT_SECRET_… variables only
    #[arg(long, value_name = "DIR")]
    pub portals: Option<PathBuf>,
    /// Where the ledger and the embedded portal are kept [default: .tenantry beside the first manifest path, or in it if that is the current directory]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// The ledger: a file, `postgres://…`, or `kubernetes://NAMESPACE?context=NAME&kubeconfig=FILE` [default: ledger.db in the state directory]
    #[arg(long, value_name = "LOCATION", hide_env_values = true)]
    pub ledger: Option<String>,
}

/// What is selected.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Selection")]
pub struct Select {
    /// Only these addresses, as globs: `acme/user/*`; repeatable
    #[arg(long, value_name = "GLOB")]
    pub target: Vec<String>,
    /// Not these addresses, as globs; repeatable
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Only these tenants, as globs; repeatable
    #[arg(long, value_name = "GLOB")]
    pub tenant: Vec<String>,
    /// Only these kinds, such as `User`; repeatable
    #[arg(long, value_name = "KIND")]
    pub kind: Vec<String>,
    /// Only these portals; repeatable
    #[arg(long, value_name = "NAME")]
    pub portal: Vec<String>,
    /// Only tenants whose files changed since this git revision
    #[arg(long, value_name = "REV")]
    pub changed_since: Option<String>,
}

/// What a plan may do before somebody has to approve it; flags tighten the portal's limits and never widen them.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits, which only tighten")]
pub struct LimitArgs {
    /// Most deletions, as a number or a percentage
    #[arg(long, value_name = "N|N%")]
    pub max_delete: Option<CountOrPercent>,
    /// Fewest administrators that a tenant keeps
    #[arg(long, value_name = "N")]
    pub min_admins: Option<u64>,
}

/// How a plan is shown.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct Show {
    /// Format of the result
    #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub output: Format,
    /// Also write the JSON plan to this file
    #[arg(long, value_name = "FILE")]
    pub json_into: Option<PathBuf>,
    /// One JSON object a line while it happens
    #[arg(long)]
    pub json: bool,
}

/// How it ends.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Automation")]
pub struct Automation {
    /// Exit with 2 if the plan is not empty
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Exit with 7 if the plan is not empty
    #[arg(long)]
    pub expect_no_changes: bool,
    /// Most requests at once to one portal [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub parallelism: Option<u16>,
    /// How long to wait for a lock, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub lock_timeout: u64,
    /// Stop after so many seconds: calls under way finish, no new one starts
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

/// `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where to write; files that exist are left alone
    #[arg(default_value = ".")]
    pub directory: PathBuf,
    /// Name of the first customer
    #[arg(long, default_value = "acme")]
    pub name: String,
}

/// `validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Where things are.
    #[command(flatten)]
    pub places: Places,
    /// Format of the result
    #[arg(short, long, value_enum, default_value_t = Data::Text, value_name = "FORMAT")]
    pub output: Data,
}

/// What `plan` and `apply` take alike.
#[derive(Debug, Clone, Args)]
pub struct Planning {
    /// Where things are.
    #[command(flatten)]
    pub places: Places,
    /// What is selected.
    #[command(flatten)]
    pub select: Select,
    /// Limits.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// How it is shown.
    #[command(flatten)]
    pub show: Show,
    /// How it ends.
    #[command(flatten)]
    pub automation: Automation,
    /// Take away all that is ours and selected
    #[arg(long)]
    pub destroy: bool,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanCommand {
    /// What `apply` takes, too.
    #[command(flatten)]
    pub planning: Planning,
    /// Save the plan for `apply FILE`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The plan of the base branch, as `--json-into` wrote it: what was out of step already is said apart
    #[arg(long, value_name = "FILE")]
    pub base: Option<PathBuf>,
    /// Name that tells this comment from those of other roots in one pull request
    #[arg(long, value_name = "ROOT", default_value = "default")]
    pub comment: String,
}

/// `apply`.
#[derive(Debug, Args)]
pub struct ApplyCommand {
    /// A plan that `plan --out` saved; takes no planning flags
    pub plan: Option<PathBuf>,
    /// What `plan` takes, too.
    #[command(flatten)]
    pub planning: Planning,
    /// Do not ask; guards still refuse
    #[arg(long)]
    pub auto_approve: bool,
    /// Approve the plan, or one tenant's part and no other, with exactly this digest; repeatable
    #[arg(long, value_name = "sha256:…")]
    pub approve_digest: Vec<String>,
    /// Let one guard's refusals pass, with the reason that goes into the audit record; repeatable
    #[arg(long, value_name = "CODE=REASON", value_parser = code_and_reason)]
    pub allow: Vec<(String, String)>,
    /// Ticket, for the audit record
    #[arg(long, value_name = "ID")]
    pub ticket: Option<String>,
}

/// `drift`.
#[derive(Debug, Args)]
pub struct DriftArgs {
    /// Where things are.
    #[command(flatten)]
    pub places: Places,
    /// What is selected.
    #[command(flatten)]
    pub select: Select,
    /// How it is shown.
    #[command(flatten)]
    pub show: Show,
}

/// `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Where things are.
    #[command(flatten)]
    pub places: Places,
    /// Only these tenants, as globs; repeatable
    #[arg(long, value_name = "GLOB")]
    pub tenant: Vec<String>,
    /// The portal to read [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub portal: Option<String>,
    /// Directory to write one file a tenant into; `-` prints them
    #[arg(long, value_name = "DIR", default_value = "-")]
    pub into: PathBuf,
}

/// `show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// A saved plan, or a tenant's name
    pub what: String,
    /// Where things are.
    #[command(flatten)]
    pub places: Places,
    /// Format of the result
    #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub output: Format,
}

/// `access`.
#[derive(Debug, Args)]
pub struct AccessArgs {
    /// Where things are.
    #[command(flatten)]
    pub places: Places,
    /// Only these tenants, as globs; repeatable
    #[arg(long, value_name = "GLOB")]
    pub tenant: Vec<String>,
    /// Read the portals too: who has access now, and who has only been invited
    #[arg(long)]
    pub live: bool,
    /// Format of the result
    #[arg(short, long, value_enum, default_value_t = Data::Text, value_name = "FORMAT")]
    pub output: Data,
}

/// Formats of what is for people and programs alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Data {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Formats of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For a pull request's comment.
    Markdown,
    /// One page, self-contained.
    Html,
    /// GitLab's report of a plan.
    Gitlab,
}

fn code_and_reason(text: &str) -> Result<(String, String), String> {
    let (code, reason) = text.split_once('=').unwrap_or((text, ""));
    if reason.trim().is_empty() {
        return Err(format!("`{code}` needs a reason, which goes into the audit record: `{code}=REASON`"));
    }
    Ok((code.trim().to_owned(), reason.trim().to_owned()))
}
