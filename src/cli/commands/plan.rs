//! `plan`: what would change. Opens everything for reading alone.

use std::path::Path;

use jiff::Timestamp;

use super::slips;
use crate::cli::Face;
use crate::cli::args::{Automation, Format, LimitArgs, PlanCommand, Select, Show};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, exit_of};
use crate::cli::selection::Selection;
use crate::cli::session::{self, Session, mac_with};
use crate::engine::{self, Planned, Purpose, Scope, View};
use crate::guard::{self, Policy, Tighten};
use crate::ledger::{LedgerLocation, LedgerRead};
use crate::model::PortalName;
use crate::plan::document::{PlanDocument, refused_references, write_desired};
use crate::plan::{Inputs, Judged, Plan};
use crate::portal::PortalError;
use crate::report;
use crate::secrets::MacKey;

/// Runs `plan`.
pub(super) async fn run(face: &Face<'_>, args: &PlanCommand) -> Result<Exit, Failure> {
    let scope = scope(&args.planning.select, &args.planning.places)?;
    let session = Session::open(face, &args.planning.places, &scope).await?;
    slips::portals(&session, &scope)?;
    let ledger = session.ledger().await?;
    if let LedgerLocation::Kubernetes(place) = &session.location
        && !session.location.is_there().await?
    {
        face.output.note(&format!("There is no ledger in namespace {} yet: the plan is made as if nothing were ours.", place.namespace()));
    }
    slips::selection(&args.planning.select, &session, &scope, ledger.as_ref()).await?;
    slips::ledger(&args.planning.places, &session, ledger.as_ref()).await?;
    slips::embedded(face, &args.planning.places, &session, &ledger.tenants().await?)?;
    slips::locks(face, &session, &scope, ledger.as_ref()).await?;
    let purpose = if args.planning.destroy { Purpose::Destroy } else { Purpose::Converge };
    let key = session.key_for_looking(ledger.as_ref()).await?;
    let planned = plan(&session, ledger.as_ref(), &scope, purpose, key.as_ref(), &args.planning.limits).await?;
    let document = document(&planned.plan);
    let base = args.base.as_deref().map(read_document).transpose()?;
    if let Some(file) = &args.out {
        save(file, &document, &session, args, &scope)?;
    }
    show(face, &args.planning.show, &document, &args.comment, base.as_ref())?;
    face.output.diagnostics(&session.warnings);
    Ok(Exit::first(exits(&planned, &document, &args.planning.automation)))
}

/// A judged plan, and the portals that are missing from it.
pub(super) struct JudgedPlan {
    /// The plan.
    pub(super) plan: Plan<Judged>,
    /// Portals that could not be read.
    pub(super) unreachable: Vec<(PortalName, PortalError)>,
}

/// Plans and judges.
pub(super) async fn plan(
    session: &Session,
    ledger: &dyn LedgerRead,
    scope: &Scope,
    purpose: Purpose,
    key: Option<&MacKey>,
    limits: &LimitArgs,
) -> Result<JudgedPlan, Failure> {
    let identity = ledger.identity().await?;
    let mac = mac_with(key);
    let inputs = Inputs { manifests_digest: session.desired.manifests_digest.clone(), ledger_serial: identity.serial, ..git() };
    let view = View {
        desired: &session.desired,
        portals: &session.portals,
        ledger,
        installation: &identity.installation,
        secrets: &session.secrets,
        mac: &mac,
        now: Timestamp::now(),
        scope,
        purpose,
        inputs,
    };
    let Planned { mut plan, mut unreachable } = engine::plan(&view).await?;
    for (portal, error) in session.closed.iter().filter(|(portal, _)| scope.portal(portal)) {
        plan.body.diagnostics.push(engine::cannot_read(portal, error));
        unreachable.push((portal.clone(), error.clone()));
    }
    Ok(JudgedPlan { plan: guard::judge(plan, &policy(session, limits)), unreachable })
}

/// The portals' limits, tightened by flags.
pub(super) fn policy(session: &Session, limits: &LimitArgs) -> Policy {
    Policy::new(session.portals.iter().map(|s| &s.spec), Tighten { max_delete: limits.max_delete, min_admins: limits.min_admins })
}

/// The JSON plan.
pub(super) fn document(plan: &Plan<Judged>) -> PlanDocument {
    PlanDocument::from_plan(plan, env!("CARGO_PKG_VERSION"))
}

/// Prints a plan as asked, and writes it where asked.
pub(super) fn show(
    face: &Face<'_>,
    show: &Show,
    document: &PlanDocument,
    comment: &str,
    base: Option<&PlanDocument>,
) -> Result<(), Failure> {
    if let Some(file) = &show.json_into {
        write(file, &document.to_json())?;
    }
    if show.json {
        let now = Timestamp::now();
        face.output.data(&report::stream::version(env!("CARGO_PKG_VERSION"), now));
        report::stream::plan(document, now).iter().for_each(|line| face.output.data(line));
        return Ok(());
    }
    let text = match show.output {
        Format::Text => report::text::plan(document, &face.output.data),
        Format::Json => document.to_json(),
        Format::Markdown => report::markdown::comments(document, comment, base).join("\n"),
        Format::Html => report::html::page(document),
        Format::Gitlab => report::gitlab::report(document),
    };
    face.output.data(&text);
    Ok(())
}

/// Everything that the end of a plan has to say to scripts.
fn exits(planned: &JudgedPlan, document: &PlanDocument, automation: &Automation) -> Vec<Exit> {
    let mut exits: Vec<_> = planned.unreachable.iter().map(|(_, error)| exit_of(error)).collect();
    if planned.plan.body.refused().next().is_some() {
        exits.push(Exit::Refused);
    }
    if !document.is_empty() {
        exits.extend(automation.detailed_exitcode.then_some(Exit::Changes));
        exits.extend(automation.expect_no_changes.then_some(Exit::Unexpected));
    }
    exits
}

/// The selection, `--changed-since` worked out.
pub(super) fn scope(select: &Select, places: &crate::cli::args::Places) -> Result<Scope, Failure> {
    let mut scope = session::scope(select)?;
    if let Some(revision) = &select.changed_since {
        crate::cli::git::narrow(&mut scope, revision, places)?;
    }
    Ok(scope)
}

/// A saved plan knows what was selected and where its state is kept, so that `apply FILE` needs no flags to find them.
fn save(file: &Path, document: &PlanDocument, session: &Session, args: &PlanCommand, scope: &Scope) -> Result<(), Failure> {
    let refused = refused_references(&session.desired, args.planning.places.portals.is_some());
    if !refused.is_empty() {
        let failure = Failure::usage("this plan cannot be saved, because a saved plan may not refer to these secrets:");
        return Err(Failure { items: refused, ..failure }.help("give -f as a relative path below the current folder"));
    }
    let mut saved = document.clone();
    saved.desired = Some(write_desired(&session.desired, |tenant| scope.tenant(tenant)));
    saved.selection = Some(Selection::of(&args.planning, scope).to_json());
    write(file, &saved.to_json())
}

/// Writes a file whole or not at all.
pub(crate) fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::new(Exit::Error, format!("{} cannot be written: {e}", file.display()));
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = file.with_file_name(name);
    std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, file)).map_err(failed)
}

fn read_document(file: &Path) -> Result<PlanDocument, Failure> {
    let wrong = |why: String| Failure::new(Exit::Error, format!("{} is no JSON plan: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|e| wrong(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))
}

fn git() -> Inputs {
    crate::cli::git::inputs()
}
