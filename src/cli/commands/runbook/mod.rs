//! `runbook`: where technicians meet their work orders. What they answer goes through `engine::runbook`; nothing here decides what an answer means.

mod answers;
mod list;
mod observe;
mod tell;
mod walk;

pub(super) use list::flags;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::cli::Face;
use crate::cli::args::{ConfirmArgs, Places, RunbookAction, RunbookCommand, WhyArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::{ask, session};
use crate::engine::Scope;
use crate::engine::runbook::{self, Answer, Evidence, Refusal, Why, comes_after};
use crate::ledger::{Holder, Ledger, LedgerError, LedgerLocation, LedgerRead, LockId, WorkWanted};
use crate::model::{IntentAction, PortalName, TenantName, WorkItem, WorkState};
use crate::report::work_order::order_items;
use tell::Teller;

/// Longest time that recording one answer takes.
const LEASE: Duration = Duration::from_secs(60);

/// Runs `runbook`.
pub(super) async fn run(face: &Face<'_>, command: &RunbookCommand) -> Result<Exit, Failure> {
    let location = session::location(face, &command.places)?;
    session::there_in_cluster(&location).await?;
    match &command.action {
        RunbookAction::List(args) => {
            if let Some(file) = missing(&location) {
                face.output
                    .note(&format!("There is no ledger at {}: -f, --state-dir and --ledger say where an apply keeps it.", file.display()));
            }
            list::list(face, location.open_read_only().await?.as_ref(), &Looked::of(&command.places, &location), args).await
        }
        RunbookAction::Show(args) => {
            let ledger = there(&location)?.open_read_only().await?;
            list::show(face, ledger.as_ref(), &Looked::of(&command.places, &location), args).await
        }
        RunbookAction::Confirm(args) => {
            let nothing_said = !face.interactive && args.items.is_empty() && args.answers.is_none();
            if nothing_said {
                return Err(nobody_there("name the items, or give --answers FILE"));
            }
            let ledger = there(&location)?.open().await?;
            let mut answers = asked_for(face, ledger.as_ref(), args).await?;
            if args.anyway {
                answers.iter_mut().for_each(|(_, answer)| knowingly(answer));
            }
            Teller::new(face, &Looked::of(&command.places, &location), &args.talk, args.note.clone())?.tell(ledger.as_ref(), answers).await
        }
        RunbookAction::Fail(args) => because(face, &command.places, args, Answer::Failed).await,
        RunbookAction::Skip(args) => because(face, &command.places, args, Answer::Skipped).await,
        RunbookAction::Reopen(args) => because(face, &command.places, args, Answer::Reopened).await,
        RunbookAction::Observe(args) => observe::run(face, &command.places, &location, args).await,
    }
}

/// A ledger that is there: nothing waits in one that would be made for the answer.
fn there(location: &LedgerLocation) -> Result<&LedgerLocation, Failure> {
    let help =
        "say where the apply that gave the work order out keeps it: -f, --state-dir or --ledger, as the order's own command lines do";
    match missing(location) {
        Some(file) => Err(Failure::new(Exit::Error, format!("there is no ledger at {}", file.display())).help(help)),
        None => Ok(location),
    }
}

/// The file of a ledger that is not there. One that nobody lets us see may well be: opening it says so.
fn missing(location: &LedgerLocation) -> Option<&Path> {
    match location {
        LedgerLocation::Sqlite(file) => file.try_exists().is_ok_and(|there| !there).then_some(file.as_path()),
        _ => None,
    }
}

/// An answer, or what is wrong with it before the ledger is asked.
type Given = (String, Result<Answer, Refusal>);

async fn because(face: &Face<'_>, places: &Places, args: &WhyArgs, answer: impl Fn(String) -> Answer) -> Result<Exit, Failure> {
    let why = match &args.why {
        Some(why) => why.clone(),
        None if face.interactive => ask::line(face, "Why?").unwrap_or_default(),
        None => return Err(nobody_there("give --why TEXT")),
    };
    let location = session::location(face, places)?;
    let ledger = there(&location)?.open().await?;
    let given = vec![(args.item.clone(), Ok(answer(why)))];
    Teller::new(face, &Looked::of(places, &location), &args.talk, None)?.tell(ledger.as_ref(), given).await
}

/// Who confirms what somebody else could not do says so.
fn knowingly(answer: &mut Result<Answer, Refusal>) {
    if let Ok(Answer::Done(evidence)) = answer {
        *answer = Ok(Answer::DoneAnyway(std::mem::take(evidence)));
    }
}

/// For items that others come before, by their intents: the references of those.
type Before = BTreeMap<Box<str>, Vec<Box<str>>>;

/// An item and its portal.
type Item = (PortalName, WorkItem);

/// What the command line, a file or a person says of items.
async fn asked_for(face: &Face<'_>, ledger: &dyn LedgerRead, args: &ConfirmArgs) -> Result<Vec<Given>, Failure> {
    if let Some(file) = &args.answers {
        return answers::read(file);
    }
    let all = match args.items.as_slice() {
        [] => ledger.work(WorkWanted::Waiting).await?,
        named => called(ledger, named).await?,
    };
    let order = match args.items.as_slice() {
        [] => Some(of_assignee(&all, args.assignee.as_deref())),
        [one] if !all.iter().any(|(_, i)| is_named(i, one)) => of_order(&all, one)?,
        _ => None,
    };
    match order {
        Some(items) if args.all => everything(&items),
        Some(items) if face.interactive => walk::through(face, &items, &comes_after(&ledger.work(WorkWanted::Waiting).await?)),
        Some(_) => {
            Err(nobody_there("name the items with what was brought back, give --answers FILE, or --all for an order that asks for nothing"))
        }
        None if args.all => Err(Failure::usage("--all goes with the name of one work order").help("`tenantry runbook list` shows them")),
        None => named(face, &all, args, &comes_after(&ledger.work(WorkWanted::Waiting).await?)),
    }
}

/// Items by their references.
fn named(face: &Face<'_>, all: &[Item], args: &ConfirmArgs, after: &Before) -> Result<Vec<Given>, Failure> {
    if args.items.len() > 1 && !args.evidence.is_empty() {
        return Err(Failure::usage("--evidence goes with one item: two customers never have the same")
            .help("confirm them one by one, or give --answers FILE"));
    }
    let mut evidence = Evidence::new();
    for (name, value) in &args.evidence {
        if evidence.insert(name.clone(), value.clone()).is_some() {
            return Err(Failure::usage(format!("--evidence {name} is given twice")));
        }
    }
    let open = |item: &WorkItem| item.state.keeps_intent();
    let items = || all.iter().filter(|(_, i)| args.items.iter().any(|r| i.is_called(r)));
    let refused: Vec<_> = items().filter(|(_, i)| open(i)).filter_map(|(_, i)| runbook::check(i, &evidence).err()).collect();
    let incomplete: Vec<_> = refused.into_iter().filter(|r| r.why == Why::Incomplete).flat_map(|r| r.lines).collect();
    if incomplete.is_empty() {
        return Ok(args.items.iter().map(|r| (r.clone(), Ok(Answer::Done(evidence.clone())))).collect());
    }
    if face.interactive && args.evidence.is_empty() {
        return walk::through(face, &items().filter(|(_, i)| open(i)).collect::<Vec<_>>(), after);
    }
    let failure = Failure::usage("nothing was recorded: what was brought back is not what is asked for")
        .help("give --evidence NAME=VALUE for each piece of it");
    Err(Failure { items: incomplete, ..failure })
}

/// Every open item of an order. Where something is to be read off the screen, nobody can have read it by saying `--all`.
fn everything(items: &[&Item]) -> Result<Vec<Given>, Failure> {
    let open = || items.iter().map(|(_, i)| i).filter(|i| matches!(i.state, WorkState::Open));
    // What takes something away is looked at one by one, whatever it asks for.
    let asks = |item: &WorkItem| item.action == IntentAction::Delete || item.instructions.evidence.iter().any(|e| !e.optional);
    let wanting: Vec<_> = open().filter(|i| asks(i)).map(|i| format!("{} {}", i.reference, i.instructions.title)).collect();
    if !wanting.is_empty() {
        let failure = Failure::usage(
            "--all is for orders that ask for nothing, and these items have something to be read off the screen, or take something away:",
        );
        return Err(Failure { items: wanting, ..failure.help("confirm them one by one, or give --answers FILE; nothing was recorded") });
    }
    Ok(open().map(|i| (i.reference.to_string(), Ok(Answer::Done(Evidence::new())))).collect())
}

fn of_assignee<'a>(all: &'a [Item], assignee: Option<&str>) -> Vec<&'a Item> {
    let theirs = |i: &WorkItem| assignee.is_none_or(|a| i.assignee.as_deref().is_some_and(|b| b.eq_ignore_ascii_case(a)));
    in_order(all.iter().filter(|(_, i)| matches!(i.state, WorkState::Open) && theirs(i)).collect())
}

/// Everything with one of these names.
async fn called(ledger: &dyn LedgerRead, names: &[String]) -> Result<Vec<Item>, LedgerError> {
    let mut all: Vec<Item> = Vec::new();
    for name in names {
        let more = ledger.called(name).await?;
        all.extend(more.into_iter().filter(|(p, i)| !all.iter().any(|(q, j)| p == q && i.intent == j.intent)).collect::<Vec<_>>());
    }
    Ok(all)
}

/// The open items of a work order; `None`: there is no such order.
fn of_order<'a>(all: &'a [Item], order: &str) -> Result<Option<Vec<&'a Item>>, Failure> {
    let of_it: Vec<_> = all.iter().filter(|(_, i)| i.is_in(order)).collect();
    one_order(&of_it, order)?;
    Ok((!of_it.is_empty()).then(|| in_order(of_it.into_iter().filter(|(_, i)| matches!(i.state, WorkState::Open)).collect())))
}

/// Refuses the beginning of several orders' names.
pub(super) fn one_order(items: &[&Item], order: &str) -> Result<(), Failure> {
    let mut names: Vec<_> = items.iter().map(|(portal, i)| format!("{} in portal {portal}", i.order)).collect();
    names.sort();
    names.dedup();
    if names.len() < 2 {
        return Ok(());
    }
    Err(Failure {
        items: names,
        ..Failure::usage(format!("{order} is the name of several work orders: give more of the one that is meant"))
    })
}

/// Portal by portal, each in the order in which its items are done.
fn in_order(items: Vec<&Item>) -> Vec<&Item> {
    let mut portals: Vec<_> = items.iter().map(|(portal, _)| portal).collect();
    portals.sort();
    portals.dedup();
    let of = |portal: &PortalName| order_items(items.iter().filter(|(p, _)| p == portal).map(|(_, i)| i).collect());
    let sorted = portals.into_iter().flat_map(|portal| of(portal).into_iter().map(move |item| (portal, item)));
    sorted.filter_map(|(portal, item)| items.iter().copied().find(|(p, i)| p == portal && i.intent == item.intent)).collect()
}

fn is_named(item: &WorkItem, reference: &str) -> bool {
    item.is_called(reference) || item.was_called(reference)
}

fn nobody_there(help: &str) -> Failure {
    Failure::usage("nobody is there to be asked: standard input is no terminal, or --no-input or CI is set").help(help)
}

/// Where things are, and whether manifests are among them. Without a path, a ledger in a cluster is looked at alone: the operator gives a changed
/// resource out again by itself.
struct Looked<'a> {
    places: &'a Places,
    manifests: bool,
}

impl<'a> Looked<'a> {
    fn of(places: &'a Places, location: &LedgerLocation) -> Self {
        Self { places, manifests: session::has_manifests(places, location) }
    }

    /// What is declared; `None`: nothing is looked at, or it is wrong.
    fn declared(&self) -> Option<session::Declared> {
        if self.manifests { session::declared(self.places, &Scope::default()).ok() } else { None }
    }
}

/// Manifests, if they can be read: the ledger alone is enough to answer, and says nothing of what is declared.
fn declared(face: &Face<'_>, Looked { places, manifests }: &Looked<'_>) -> Result<Option<session::Declared>, Failure> {
    if !manifests {
        return Ok(None);
    }
    match session::declared(places, &Scope::default()) {
        Ok(declared) => Ok(Some(declared)),
        Err(failure) if places.file.is_empty() && places.portals.is_none() => {
            face.output.note("There are no manifests to read here: whether what is declared has changed since is not looked at (-f PATH).");
            tracing::debug!(why = %failure.message, "manifests not read");
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// Who answers, unless they say another name.
fn who(by: Option<&str>) -> String {
    by.map_or_else(|| Holder::current("runbook").who, str::to_owned)
}

/// Takes locks, waiting for them as long as allowed.
async fn lock(
    face: &Face<'_>,
    ledger: &dyn Ledger,
    units: &[(PortalName, TenantName)],
    verb: &str,
    seconds: u64,
) -> Result<LockId, LedgerError> {
    let holder = Holder::current(&format!("runbook {verb}"));
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut said = false;
    loop {
        match ledger.lock(units, &holder, Timestamp::now(), LEASE).await {
            Err(LedgerError::Locked(by)) if Instant::now() < deadline => {
                if !said {
                    face.output.note(&format!("waiting: {}", LedgerError::Locked(by)));
                    said = true;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            result => return result,
        }
    }
}
