//! Face one: the command line. Comes in: arguments and the environment. Goes out: text, and an exit code. Decides nothing that the engine,
//! the guards or a person should; never meets the operator.
//!
//! Reading order: [`args`] (what can be said), [`settings`] (the environment), [`session`] (what commands share), [`commands`] (one file each),
//! [`output`] (the only printer), [`exit`] (which code wins).

pub mod args;
mod ask;
mod commands;
mod consents;
pub mod exit;
mod failure;
mod forgotten;
mod git;
mod logging;
mod output;
mod secrets;
mod selection;
mod session;
mod settings;
mod stops;
mod traces;
mod watch;

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches};

use crate::controller::cluster::ClusterFace;
use crate::portal::Drivers;
use crate::spans;
use args::Cli;
use exit::Exit;
use failure::Failure;
use output::Output;
use settings::Settings;

/// What a command has at hand.
struct Face<'a> {
    drivers: &'a Drivers,
    /// The other face.
    cluster: &'a dyn ClusterFace,
    settings: Settings,
    output: Output,
    /// A person is there to be asked.
    interactive: bool,
}

/// Runs one command line to its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>, drivers: &Drivers, cluster: &dyn ClusterFace) -> u8 {
    let command = settings::with_variables(args::command());
    let plain = Output::new(true, false, false);
    let settings = match Settings::read(&command) {
        Ok(settings) => settings,
        Err(error) => {
            error.0.iter().for_each(|line| plain.error(&format!("error: {line}")));
            return Exit::Usage.code();
        }
    };
    let parsed = command.try_get_matches_from(arguments).and_then(|m| Ok((Cli::from_arg_matches(&m)?, m)));
    let (cli, matches) = match parsed {
        Ok(both) => both,
        Err(error) => return plain.end(said_by_clap(&plain, &error)).code(),
    };
    let output = Output::new(cli.talk.no_color || settings.no_color, cli.talk.quiet, cli.talk.verbose > 0);
    // Whoever runs all the time is heard of by log lines alone.
    let always = matches!(cli.command, args::Command::Run(_) | args::Command::Operator(_));
    let _traces = logging::start(&settings, cli.talk.verbose.max(u8::from(always)));
    let span = spans::command(matches.subcommand_name().unwrap_or_default());
    let interactive = settings.terminal && !cli.talk.no_input && !settings.ci;
    let face = Face { drivers, cluster, settings, output, interactive };
    let result = match writes(&cli.command).filter(|_| cli.talk.require_read_only) {
        Some(name) => Err(Failure::usage(format!("`{name}` could write, and --require-read-only forbids that"))),
        None => beside_a_saved_plan(&matches).map_or_else(|| span.in_scope(|| commands::run(&face, cli.command)), Err),
    };
    let exit = match result {
        Ok(exit) => exit,
        Err(failure) => ended(&face.output, &failure),
    };
    let exit = face.output.end(exit);
    // Changes, drift and open work orders are results.
    let well = matches!(exit, Exit::Success | Exit::Changes | Exit::Drift | Exit::Technician);
    spans::command_ended(&span, exit.code(), well);
    exit.code()
}

/// What a saved plan says already. Variables that say it too were meant for the commands that plan.
const PLANNING: [&str; 8] = ["file", "target", "exclude", "tenant", "kind", "portal", "changed_since", "destroy"];

fn beside_a_saved_plan(matches: &ArgMatches) -> Option<Failure> {
    let apply = matches.subcommand_matches("apply").filter(|apply| apply.value_source("plan").is_some())?;
    let given = PLANNING.iter().find(|flag| apply.value_source(flag) == Some(ValueSource::CommandLine))?;
    Some(Failure::usage(format!("a saved plan says what is selected: take --{} away, or plan again", given.replace('_', "-"))))
}

/// Help and versions are data; all else that `clap` says is a wrong use. (By itself it would exit with 2, which means "changes planned".)
fn said_by_clap(output: &Output, error: &clap::Error) -> Exit {
    if error.use_stderr() {
        output.error(&error.render().to_string());
        Exit::Usage
    } else {
        output.data(&error.render().to_string());
        Exit::Success
    }
}

fn ended(output: &Output, failure: &Failure) -> Exit {
    output.diagnostics(&failure.diagnostics);
    if !failure.message.is_empty() {
        output.error(&format!("error: {}", crate::report::escape::visible(&failure.message)));
    }
    failure.items.iter().for_each(|item| output.error(&format!("  {}", crate::report::escape::visible(item))));
    if !failure.help.is_empty() {
        output.error(&format!("  help: {}", failure.help));
    }
    failure.exit
}

/// The name of a command that writes to a portal or the ledger.
fn writes(command: &args::Command) -> Option<&'static str> {
    use args::{Command, LedgerAction, RunbookAction};
    match command {
        Command::Apply(_) => Some("apply"),
        Command::Run(_) => Some("run"),
        Command::Operator(_) => Some("operator"),
        Command::Approve(_) => Some("approve"),
        Command::Import(_) => Some("import"),
        Command::Unlock(_) => Some("unlock"),
        Command::Ledger(ledger) => match ledger.action {
            LedgerAction::List { .. } | LedgerAction::Show(_) | LedgerAction::Audit { .. } => None,
            LedgerAction::Move { .. } | LedgerAction::Forget(_) | LedgerAction::Release(_) => Some("ledger"),
            LedgerAction::Settle { .. } | LedgerAction::Claim { .. } => Some("ledger"),
        },
        Command::Runbook(runbook) => match runbook.action {
            RunbookAction::List(_) | RunbookAction::Show(_) => None,
            RunbookAction::Confirm(_)
            | RunbookAction::Fail(_)
            | RunbookAction::Skip(_)
            | RunbookAction::Reopen(_)
            | RunbookAction::Observe(_) => Some("runbook"),
        },
        Command::Init(_) | Command::Validate(_) | Command::Plan(_) | Command::Drift(_) | Command::Show(_) | Command::Access(_) => None,
        // A sandbox is no portal, and reaches none.
        Command::Sandbox(_) => None,
        Command::Capabilities(_)
        | Command::Profile(_)
        | Command::Schema(_)
        | Command::Crds(_)
        | Command::Completions(_)
        | Command::Man(_) => None,
    }
}
