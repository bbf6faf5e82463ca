//! Arguments of `runbook`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Data, Places};

/// `runbook`.
#[derive(Debug, Args)]
pub struct RunbookCommand {
    /// Where things are.
    #[command(flatten)]
    pub places: Places,
    /// What to do.
    #[command(subcommand)]
    pub action: RunbookAction,
}

/// What to do with work orders.
#[derive(Debug, Subcommand)]
pub enum RunbookAction {
    /// List work orders with their items; without --state those that wait
    List(ListArgs),
    /// Show a work order, or one of its items, with every step
    Show(ShowOrderArgs),
    /// Record that items were done; on a terminal, walk through those that wait
    Confirm(ConfirmArgs),
    /// Record that an item could not be done: the plan then says why it waits
    Fail(WhyArgs),
    /// Give an item back to the plan: the next apply gives it out anew if it is still needed
    Skip(WhyArgs),
    /// Take back what was said of an item: what its confirmation recorded goes, and the item is open again
    Reopen(WhyArgs),
    /// Hold a table that a screen shows against what is recorded, and record what was seen
    Observe(ObserveArgs),
}

/// `runbook list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those of this technician
    #[arg(long, value_name = "NAME")]
    pub assignee: Option<String>,
    /// Only those of this portal
    #[arg(long, value_name = "NAME")]
    pub portal: Option<String>,
    /// Only these tenants, as globs; repeatable
    #[arg(long, value_name = "GLOB")]
    pub tenant: Vec<String>,
    /// Only items of which this became [default: open and failed]
    #[arg(long, value_enum, value_name = "STATE")]
    pub state: Option<ItemState>,
    /// Format of the result
    #[arg(short, long, value_enum, default_value_t = Data::Text, value_name = "FORMAT")]
    pub output: Data,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ItemState {
    /// It waits for its technician.
    Open,
    /// It could not be done, and waits.
    Failed,
    /// It was done.
    Confirmed,
    /// It went back to the plan.
    Skipped,
    /// Whatever became of it.
    All,
}

/// `runbook show`.
#[derive(Debug, Args)]
pub struct ShowOrderArgs {
    /// A work order's name, or an item's reference.
    #[arg(value_name = "ORDER|ITEM")]
    pub what: String,
    /// Format of the result
    #[arg(short, long, value_enum, default_value_t = OrderFormat::Text, value_name = "FORMAT")]
    pub output: OrderFormat,
    /// Write it to this file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Formats of a work order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OrderFormat {
    /// For a terminal.
    Text,
    /// For a ticket.
    Markdown,
    /// One page, self-contained.
    Html,
    /// For programs.
    Json,
}

/// How an answer is given and told.
#[derive(Debug, Clone, Args)]
pub struct AnswerTalk {
    /// Who did it [default: the user at this host]
    #[arg(long, value_name = "NAME", value_parser = said)]
    pub by: Option<String>,
    /// One JSON object a line, one an item
    #[arg(long)]
    pub json: bool,
    /// How long to wait for a lock, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub lock_timeout: u64,
}

/// `runbook confirm`.
#[derive(Debug, Args)]
pub struct ConfirmArgs {
    /// References of items; a work order's name to walk through it, or with --all
    #[arg(value_name = "ITEM|ORDER", conflicts_with = "answers")]
    pub items: Vec<String>,
    /// What was brought back for the one item given; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub evidence: Vec<(String, String)>,
    /// Every open item of the work order; refused if one of them has something to be read off the screen
    #[arg(long, conflicts_with_all = ["anyway", "evidence", "answers"])]
    pub all: bool,
    /// Answers for many items, as JSON: {"REF": {"result": "done|failed|skipped", "evidence": {…}, "why": "…"}}; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "evidence")]
    pub answers: Option<PathBuf>,
    /// Whoever said that it could not be done: it was; and what was brought back is right, though the portal displays it otherwise
    #[arg(long)]
    pub anyway: bool,
    /// On a terminal: walk through the open items of this technician
    #[arg(long, value_name = "NAME")]
    pub assignee: Option<String>,
    /// A remark for the audit record
    #[arg(long, value_name = "TEXT", value_parser = said)]
    pub note: Option<String>,
    /// How it is told.
    #[command(flatten)]
    pub talk: AnswerTalk,
}

/// `runbook fail`, `runbook skip` and `runbook reopen`.
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// The item's reference.
    pub item: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// How it is told.
    #[command(flatten)]
    pub talk: AnswerTalk,
}

/// `runbook observe`.
#[derive(Debug, Args)]
pub struct ObserveArgs {
    /// The table: CSV, TSV or JSON with its titles first; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub table_file: PathBuf,
    /// The portal [default: the only one with tables]
    #[arg(long, value_name = "NAME")]
    pub portal: Option<String>,
    /// Which of the profile's tables it is [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub table: Option<String>,
    /// The tenant that it shows; of a table of all tenants, the only one looked at
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
    /// The whole table was exported: what is recorded and not in it is gone
    #[arg(long)]
    pub complete: bool,
    /// Who looked [default: the user at this host]
    #[arg(long, value_name = "NAME", value_parser = said)]
    pub by: Option<String>,
    /// Format of the result
    #[arg(short, long, value_enum, default_value_t = Data::Text, value_name = "FORMAT")]
    pub output: Data,
    /// How long to wait for a lock, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub lock_timeout: u64,
}

/// Something that goes into the audit record.
fn said(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_alphanumeric) { Ok(text.trim().to_owned()) } else { Err("it has no letter and no digit".to_owned()) }
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err(format!("`{text}` is no NAME=VALUE")),
    }
}
