//! The commands, one file each.

mod access;
mod apply;
mod approve;
mod crds;
mod drift;
mod import;
mod init;
mod ledger;
mod operator;
mod papers;
mod plan;
mod run;
mod runbook;
mod sandbox;
mod show;
mod slips;
mod validate;

pub(super) use plan::write as write_whole;

use super::Face;
use super::args::Command;
use super::exit::Exit;
use super::failure::Failure;

/// Runs a command. Those that wait for portals and ledgers get a runtime of their own.
pub(super) fn run(face: &Face<'_>, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Init(args) => init::run(face, &args),
        Command::Validate(args) => validate::run(face, &args),
        Command::Plan(args) => block_on(plan::run(face, &args)),
        Command::Apply(args) => block_on(apply::run(face, &args)),
        Command::Run(args) => block_on(run::run(face, &args)),
        Command::Operator(args) => block_on(operator::run(face, &args)),
        Command::Approve(args) => approve::run(face, &args),
        Command::Drift(args) => block_on(drift::run(face, &args)),
        Command::Import(args) => block_on(import::run(face, &args)),
        Command::Show(args) => block_on(show::run(face, &args)),
        Command::Access(args) => block_on(access::run(face, &args)),
        Command::Ledger(args) => block_on(ledger::run(face, args)),
        Command::Unlock(args) => block_on(ledger::unlock(face, &args)),
        Command::Sandbox(args) => block_on(sandbox::run(face, &args)),
        Command::Runbook(args) => block_on(runbook::run(face, &args)),
        Command::Capabilities(args) => papers::capabilities(face, &args),
        Command::Profile(args) => papers::profile(face, &args),
        Command::Schema(args) => papers::schema(face, &args),
        Command::Crds(args) => crds::run(face, &args),
        Command::Completions(args) => papers::completions(face, &args),
        Command::Man(args) => papers::man(face, &args),
    }
}

fn block_on(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|e| Failure::new(Exit::Error, format!("the runtime cannot be started: {e}")))?.block_on(work)
}
