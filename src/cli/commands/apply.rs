//! `apply`: what would change is shown, judged, approved and changed; then the plan is made again.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::plan::{self, JudgedPlan, document, show};
use super::{runbook, slips};
use crate::apply::{Event, OutcomeResult, Run, RunReport, World};
use crate::cli::args::{ApplyCommand, Format};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, exit_of};
use crate::cli::selection::Selection;
use crate::cli::session::{Session, mac_with};
use crate::cli::stops::Stops;
use crate::cli::watch::Watch;
use crate::cli::{Face, ask};
use crate::engine::{self, Purpose, Scope, View};
use crate::guard::{self, Approvals, Unused};
use crate::ledger::{Holder, Ledger, LedgerError, LockId};
use crate::plan::document::{PlanDocument, SavedPlan, read_saved, refused_references, stale};
use crate::plan::{Approved, Judged, Plan};
use crate::report;
use crate::secrets::MacKey;

/// How long a lock is held without word from us. A minute bridges a slow disk and a lost packet, and is short enough to wait for.
const LEASE: Duration = Duration::from_secs(60);
/// The first pause before a call is repeated.
const BACKOFF: Duration = Duration::from_millis(500);

/// Runs `apply`.
pub(super) async fn run(face: &Face<'_>, args: &ApplyCommand) -> Result<Exit, Failure> {
    let approved_already = args.auto_approve || !args.approve_digest.is_empty() || args.plan.is_some();
    if !approved_already && !face.interactive {
        return Err(Failure::usage("nobody is there to approve this: standard input is no terminal, or --no-input or CI is set").help(
            "give --auto-approve, or --approve-digest with the digest of a plan that somebody read, or a plan saved with `plan --out`",
        ));
    }
    check(args)?;
    let stop = Arc::new(Stops::default());
    let output = face.output.clone();
    stop.listen(args.planning.automation.timeout, move |line| output.error(line));
    let (session, scope, purpose, saved) = prepare(face, args)?;
    look(face, args, &session).await?;
    let ledger = session.ledger_for_writing().await?;
    let lock = lock(face, args, &session, &scope, ledger.as_ref(), &stop).await?;
    let renewing = renew(Arc::clone(&ledger), lock.clone(), Arc::clone(&stop));
    let at = Locked { session, scope, purpose, saved, ledger: ledger.as_ref(), lock: &lock, stop: &stop };
    let result = tokio::select! {
        result = locked(face, args, &at) => result,
        () = stop.at_once.notified() => Err(Failure::new(Exit::Cancelled, "stopped at once: what became of the calls under way is not known")
            .help("run again: what was begun is found out first")),
    };
    renewing.abort();
    let unlocked = ledger.unlock(&lock).await;
    let exit = result?;
    unlocked?;
    Ok(exit)
}

/// A ledger or portals that were probably not meant are told before anything is written.
async fn look(face: &Face<'_>, args: &ApplyCommand, session: &Session) -> Result<(), Failure> {
    let ledger = session.ledger().await?;
    slips::ledger(&args.planning.places, session, ledger.as_ref()).await?;
    // A saved plan says itself which portals it is about.
    match args.plan {
        Some(_) => Ok(()),
        None => slips::embedded(face, &args.planning.places, session, &ledger.tenants().await?),
    }
}

/// A slip of the hand is told before anything is read.
fn check(args: &ApplyCommand) -> Result<(), Failure> {
    if let Format::Html | Format::Gitlab = args.planning.show.output {
        return Err(Failure::usage("apply says what it did as text, json or markdown").help("`plan -o` has the other formats"));
    }
    match args.allow.iter().find(|(code, _)| !guard::GUARDS.iter().any(|g| g.code == *code)) {
        Some((code, _)) => Err(Failure::usage(Unused::Code(code.clone()).to_string())),
        None => Ok(()),
    }
}

/// What is at hand while the lock is held.
struct Locked<'a> {
    session: Session,
    scope: Scope,
    purpose: Purpose,
    saved: Option<PlanDocument>,
    ledger: &'a dyn Ledger,
    lock: &'a LockId,
    stop: &'a Stops,
}

async fn locked(face: &Face<'_>, args: &ApplyCommand, at: &Locked<'_>) -> Result<Exit, Failure> {
    if at.saved.is_none() {
        slips::selection(&args.planning.select, &at.session, &at.scope, at.ledger).await?;
    }
    let key = at.session.key_for_writing(at.ledger).await?;
    let planned = plan::plan(&at.session, at.ledger, &at.scope, at.purpose, key.as_ref(), &args.planning.limits).await?;
    let document = document(&planned.plan);
    if let Some(saved) = &at.saved {
        let differences = stale(&document, saved);
        if !differences.is_empty() {
            let message = "the saved plan is stale; nothing was changed. What would be done now is not in it:";
            let help = "plan again with `plan --out`, and read it";
            return Err(Failure { items: differences, ..Failure::new(Exit::Stale, message).help(help) });
        }
        compare(face, &document, saved);
    }
    tell(face, args, &with_what_is_allowed(args, &planned.plan, &document))?;
    face.output.diagnostics(&at.session.warnings);
    let mut exits: Vec<_> = planned.unreachable.iter().map(|(_, error)| exit_of(error)).collect();
    // Nothing more is known of a portal that could not be read to begin with, and its own exit says so.
    let unread: Vec<_> = planned.unreachable.iter().map(|(portal, _)| portal.clone()).collect();
    let Some((approved, approval)) = approve(face, args, planned, &document)? else {
        return Ok(Exit::Refused);
    };
    if at.stop.stop.requested() {
        face.output.error("The run was stopped before anything was begun: nothing was changed.");
        return Ok(at.stop.exit().unwrap_or(Exit::Cancelled));
    }
    if approved.body.refused().next().is_some() {
        exits.push(Exit::Refused);
    }
    // What an earlier run gave out and nobody has confirmed is no more done than what this one gives out.
    if document.tenants.iter().flat_map(|t| &t.waiting).any(|w| w.technician) {
        exits.push(Exit::Technician);
    }
    if document.is_empty() && approved.body.units.iter().all(|u| u.settled.is_empty()) {
        if args.planning.show.output == Format::Json && !args.planning.show.json {
            face.output.data(&report::outcome::json(&nothing_done(&document, at.session.closed.is_empty() && exits.is_empty())));
        }
        return Ok(Exit::first(exits));
    }
    let report = carry_out(face, args, at, &approved, approval, key.as_ref()).await?;
    print(face, args, &report);
    // What went well fills the screen by now; what never began is said once more.
    for portal in &unread {
        face.output.error(&format!(
            "error: nothing was done in portal {portal}, which could not be read\n  help: what was said at the beginning has the reason; run again when it is mended"
        ));
    }
    exits.extend(at.stop.exit());
    exits.extend(exits_of(&report, unread.is_empty()));
    Ok(Exit::first(exits))
}

/// Says whether what would be done is what the saved plan says of itself: its digest is only claimed, this one is computed.
fn compare(face: &Face<'_>, now: &PlanDocument, saved: &PlanDocument) {
    if now.plan_digest == saved.plan_digest {
        face.output.note("The digest of what would be done now is the saved plan's.");
        return;
    }
    face.output.error(&format!(
        "The digest of what would be done now, {}, is not the {} that the saved plan claims: less is left to do, other limits hold, or the file was edited.",
        now.plan_digest, saved.plan_digest
    ));
}

/// The plan as it is carried out: what a person has allowed with it is refused no more.
fn with_what_is_allowed<'d>(args: &ApplyCommand, plan: &Plan<Judged>, document: &'d PlanDocument) -> Cow<'d, PlanDocument> {
    if args.allow.is_empty() && args.approve_digest.is_empty() {
        return Cow::Borrowed(document);
    }
    Cow::Owned(PlanDocument::from_plan(&guard::approve(plan.clone(), &approvals(args)).plan, &document.tool_version))
}

fn approvals(args: &ApplyCommand) -> Approvals {
    Approvals { digests: args.approve_digest.clone(), allow: args.allow.clone() }
}

/// Shows the plan. As JSON there is one document, the result; `--json-into` has the plan, and a person who is asked reads it as text.
fn tell(face: &Face<'_>, args: &ApplyCommand, document: &PlanDocument) -> Result<(), Failure> {
    if args.planning.show.output != Format::Json || args.planning.show.json {
        return show(face, &args.planning.show, document, "default", None);
    }
    if let Some(file) = &args.planning.show.json_into {
        plan::write(file, &document.to_json())?;
    }
    face.output.note(&report::text::plan(document, &face.output.notes));
    Ok(())
}

fn nothing_done(document: &PlanDocument, in_step: bool) -> RunReport {
    RunReport {
        plan_digest: document.plan_digest.clone(),
        timestamp: Timestamp::now(),
        outcomes: Vec::new(),
        orders: Vec::new(),
        planned_again: true,
        final_plan_empty: in_step,
        stopped: None,
        remaining: Vec::new(),
    }
}

/// The plan with what a person said about it; `None`: they said no, or may not say yes.
fn approve(
    face: &Face<'_>,
    args: &ApplyCommand,
    planned: JudgedPlan,
    document: &PlanDocument,
) -> Result<Option<(Plan<Approved>, String)>, Failure> {
    let approvals = approvals(args);
    let by_digest = !args.approve_digest.is_empty();
    // A digest alone is consent to what it is the digest of, and to nothing else.
    let only = by_digest && !args.auto_approve && args.plan.is_none();
    let approval = if only { guard::approve_by_digest(planned.plan, &approvals) } else { guard::approve(planned.plan, &approvals) };
    if let Some(unused) = approval.unused.first() {
        return Err(Failure::new(Exit::Refused, unused.to_string()));
    }
    let mut how = Vec::new();
    how.extend(args.plan.as_ref().map(|file| format!("saved plan {}", file.display())));
    how.extend(args.approve_digest.iter().map(|d| format!("digest {d}")));
    how.extend(args.allow.iter().map(|(code, reason)| format!("{code}={reason}")));
    how.extend(args.auto_approve.then(|| "--auto-approve".to_owned()));
    let nothing = document.is_empty() || approval.plan.released().all(|u| u.changes.is_empty());
    if nothing || args.auto_approve || by_digest || args.plan.is_some() {
        return Ok(Some((approval.plan, how.join(", "))));
    }
    if ask::yes(face, "Apply these changes?") {
        how.push("asked on the terminal".to_owned());
        return Ok(Some((approval.plan, how.join(", "))));
    }
    face.output.error("Nothing was changed.");
    Ok(None)
}

async fn carry_out(
    face: &Face<'_>,
    args: &ApplyCommand,
    at: &Locked<'_>,
    approved: &Plan<Approved>,
    approval: String,
    key: Option<&MacKey>,
) -> Result<RunReport, Failure> {
    let busy: BTreeSet<_> = approved.released().filter(|u| !u.changes.is_empty()).map(|u| &u.portal).collect();
    let writers = at.session.writers(face, &busy, args.planning.automation.parallelism);
    let identity = at.ledger.identity().await?;
    let mac = mac_with(key);
    let run = Run { who: Holder::current("apply").who, ticket: args.ticket.clone(), approval };
    let watch = Watch::new(&face.output, args.planning.show.json, approved);
    let world = World {
        desired: &at.session.desired,
        portals: &writers,
        ledger: at.ledger,
        lock: at.lock,
        installation: &identity.installation,
        secrets: &at.session.secrets,
        mac: &mac,
        clock: &Timestamp::now,
        new_id: &|| uuid::Uuid::now_v7().to_string().into(),
        run: &run,
        stop: &at.stop.stop,
        watch: &|event: Event<'_>| watch.event(event),
        backoff: BACKOFF,
    };
    let again = View {
        desired: &at.session.desired,
        portals: &at.session.portals,
        ledger: at.ledger,
        installation: &identity.installation,
        secrets: &at.session.secrets,
        mac: &mac,
        now: Timestamp::now(),
        scope: &at.scope,
        purpose: at.purpose,
        inputs: approved.body.inputs.clone(),
    };
    let report = engine::apply(approved, &world, &again).await;
    watch.end();
    Ok(report)
}

fn print(face: &Face<'_>, args: &ApplyCommand, report: &RunReport) {
    let flags = runbook::flags(&args.planning.places);
    let text = || report::outcome::text(report, &face.output.data, &flags);
    // Indented text is code in Markdown whatever it says.
    let indented = || text().lines().map(|line| format!("    {line}\n")).collect::<String>();
    face.output.data(&match args.planning.show.output {
        _ if args.planning.show.json => report::stream::apply_summary(report, Timestamp::now()),
        Format::Json => report::outcome::json(report),
        Format::Markdown => format!("\n{}", indented()),
        Format::Text | Format::Html | Format::Gitlab => text(),
    });
    if let Some(why) = &report.stopped {
        face.output.error(&format!("error: the run stopped before its end: {why}\n  help: run again; what was begun is found out first"));
    }
}

fn exits_of(report: &RunReport, planned_whole: bool) -> Vec<Exit> {
    let mut exits = Vec::new();
    for outcome in &report.outcomes {
        match &outcome.result {
            OutcomeResult::Done => {}
            OutcomeResult::Pending { .. } => exits.push(Exit::Technician),
            OutcomeResult::Failed { denied: true, .. } => exits.extend([Exit::Denied, Exit::Partial]),
            OutcomeResult::DoneDiffers { .. } | OutcomeResult::Failed { denied: false, .. } => exits.push(Exit::Partial),
            OutcomeResult::Uncertain { .. } | OutcomeResult::Skipped { .. } => exits.push(Exit::Partial),
            OutcomeResult::Held { .. } => exits.push(Exit::Refused),
            OutcomeResult::Cancelled => {}
        }
    }
    // What was held, skipped or waits has an exit of its own and is not among what remains.
    let never_read_again = planned_whole && !report.planned_again && report.stopped.is_none();
    exits.extend((!report.remaining.is_empty() || never_read_again).then_some(Exit::Partial));
    exits.extend(report.stopped.is_some().then_some(Exit::Error));
    exits
}

type Prepared = (Session, Scope, Purpose, Option<PlanDocument>);

fn prepare(face: &Face<'_>, args: &ApplyCommand) -> Result<Prepared, Failure> {
    if let Some(file) = &args.plan {
        return prepare_saved(face, args, file);
    }
    let scope = plan::scope(&args.planning.select, &args.planning.places)?;
    let session = Session::open(face, &args.planning.places, &scope)?;
    slips::portals(&session, &scope)?;
    let purpose = if args.planning.destroy { Purpose::Destroy } else { Purpose::Converge };
    Ok((session, scope, purpose, None))
}

fn prepare_saved(face: &Face<'_>, args: &ApplyCommand, file: &Path) -> Result<Prepared, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| Failure::new(Exit::Error, format!("{} cannot be read: {e}", file.display())))?;
    let SavedPlan { document, desired, selection } = read_saved(&text).map_err(|d| Failure::of_diagnostics(Exit::Error, d))?;
    let selection = Selection::read(&selection, file)?;
    let scope = selection.scope(file)?;
    let places = selection.places(&args.planning.places, file)?;
    let refused = refused_references(&desired, places.portals.is_some());
    if !refused.is_empty() {
        let failure = Failure::new(Exit::Error, format!("{} refers to secrets that customers' manifests may not name:", file.display()));
        return Err(Failure { items: refused, ..failure });
    }
    let mut session = Session::of_saved(face, &places, desired)?;
    let tighten = selection.tighten(file)?;
    session.portals.iter_mut().for_each(|served| served.spec.limits = tighten.apply(served.spec.limits));
    if args.planning.places.state_dir.is_none() {
        face.output.note(&format!("State is kept in {}, as {} says.", crate::cli::session::state_dir(&places).display(), file.display()));
    }
    Ok((session, scope, selection.purpose(), Some(document)))
}

/// Takes the lock, waiting for it as long as allowed.
async fn lock(
    face: &Face<'_>,
    args: &ApplyCommand,
    session: &Session,
    scope: &Scope,
    ledger: &dyn Ledger,
    stop: &Stops,
) -> Result<LockId, Failure> {
    let holder = Holder::current("apply");
    let deadline = std::time::Instant::now() + Duration::from_secs(args.planning.automation.lock_timeout);
    let mut said = false;
    loop {
        match engine::lock(ledger, &session.desired, &session.portals, scope, &holder, Timestamp::now(), LEASE).await {
            Ok(lock) => return Ok(lock),
            Err(engine::EngineError::Ledger(LedgerError::Locked(by))) if std::time::Instant::now() < deadline && !stop.stop.requested() => {
                if !said {
                    face.output.note(&format!("waiting: {}", LedgerError::Locked(by)));
                    said = true;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Keeps the lock while we work; without it nothing new begins.
fn renew(ledger: Arc<dyn Ledger>, lock: LockId, stop: Arc<Stops>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        engine::keep(ledger.as_ref(), &lock, LEASE).await;
        stop.stop.request();
    })
}
