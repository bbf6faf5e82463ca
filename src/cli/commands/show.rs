//! `show`: a saved plan, or what is declared, live and recorded of a tenant. Only reads.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use crate::cli::Face;
use crate::cli::args::{Format, ShowArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, exit_of};
use crate::cli::session::{self, Session};
use crate::engine::{Pattern, Scope};
use crate::ledger::LedgerLocation;
use crate::model::{LedgerState, LiveTenant, PortalSpec, Tenant, TenantName};
use crate::plan::document::read_saved;
use crate::portal::{TenantKey, titled};
use crate::report;

/// Runs `show`.
pub(super) async fn run(face: &Face<'_>, args: &ShowArgs) -> Result<Exit, Failure> {
    if Path::new(&args.what).is_file() {
        return saved(face, args);
    }
    let no_plan = |_| Failure::usage(format!("`{}` is neither a file nor the name of a tenant", args.what));
    let tenant = TenantName::new(&args.what).map_err(no_plan)?;
    let scope = Scope { tenants: vec![Pattern::new(tenant.as_str()).map_err(Failure::usage)?], ..Scope::default() };
    let location = session::location(face, &args.places)?;
    if !session::has_manifests(&args.places, &location) {
        return recorded(face, args, &location, &tenant).await;
    }
    let session = Session::open(face, &args.places, &scope).await?;
    let ledger = session.ledger().await?;
    let mut exits = Vec::new();
    let mut known = session.desired.tenants.contains_key(&tenant);
    let mut pages = Vec::new();
    for served in &session.portals {
        let state = ledger.read(&served.spec.name, std::slice::from_ref(&tenant)).await?.pop().unwrap_or_default();
        let live = read(served.observe.as_ref(), &tenant, session.desired.tenants.get(&tenant), &state).await;
        if let Err(error) = &live {
            face.output.error(&format!("error: portal {} cannot be read: {error}", served.spec.name));
            exits.push(exit_of(error));
        }
        let recorded = !(state.rows.is_empty() && state.work.is_empty() && state.attestations.is_empty())
            || live.as_ref().is_ok_and(|l| l.collections.values().any(|c| !c.objects.is_empty()));
        known |= recorded;
        let serves = served.spec.serves(&tenant);
        if !serves && !recorded {
            continue;
        }
        // What is declared for other portals is not declared here.
        let desired = Some(&session.desired).filter(|_| serves);
        let page = report::show::TenantState::new(&served.spec.name, &tenant, desired, live.as_ref().ok(), Some(&state));
        let capable = |kind| session.profile(&served.spec.name).is_none_or(|profile| profile.capabilities().kind(kind).is_some());
        let page = page.having(capable);
        // Screens show values beside customers, not beside the MSP.
        let titles = if tenant.is_msp() { BTreeMap::new() } else { session.titles(&served.spec.name) };
        let believed = served.spec.work_orders.believed_for_days;
        let page = page.with(report::show::ByHand::new(&state, live.as_ref().ok(), &titles, believed, Timestamp::now()));
        pages.push(if args.output == Format::Json { page.json() } else { page.text(&face.output.data) });
    }
    if !known {
        return Err(Failure::usage(format!("there is no tenant {tenant}: not in the manifests, nor in the ledger, nor in a portal")));
    }
    pages.iter().for_each(|page| face.output.data(page));
    Ok(Exit::first(exits))
}

/// What the ledger of a cluster alone has of a tenant, where no manifests are named.
async fn recorded(face: &Face<'_>, args: &ShowArgs, location: &LedgerLocation, tenant: &TenantName) -> Result<Exit, Failure> {
    session::there_in_cluster(location).await?;
    let ledger = location.open_read_only().await?;
    let portals: Vec<_> = ledger.tenants().await?.into_iter().filter(|(_, other)| other == tenant).map(|(portal, _)| portal).collect();
    if portals.is_empty() {
        return Err(Failure::usage(format!("there is no tenant {tenant} in the ledger")).help("`tenantry ledger list` has the names"));
    }
    // How long values are believed that a screen showed, its portal's document says; without one it is as long as by default.
    let believed = PortalSpec::embedded().work_orders.believed_for_days;
    for portal in portals {
        let state = ledger.read(&portal, std::slice::from_ref(tenant)).await?.pop().unwrap_or_default();
        let page = report::show::TenantState::new(&portal, tenant, None, None, Some(&state)).without_manifests();
        let page = page.with(report::show::ByHand::new(&state, None, &BTreeMap::new(), believed, Timestamp::now()));
        face.output.data(&if args.output == Format::Json { page.json() } else { page.text(&face.output.data) });
    }
    face.output.note("This is what the ledger has recorded; with -f PATH (and --portals DIR) also what is declared and live.");
    Ok(Exit::Success)
}

async fn read(
    observe: &dyn crate::portal::Observe,
    tenant: &TenantName,
    declared: Option<&Tenant>,
    state: &LedgerState,
) -> Result<LiveTenant, crate::portal::PortalError> {
    let placed = |r: &&crate::model::LedgerRow| r.address.kind.def().placement == crate::model::kind::Placement::Tenant;
    let id = state.rows.values().find(placed).and_then(|r| r.id.clone());
    Ok(titled::read(observe, &[(TenantKey { name: tenant.clone(), id }, declared)]).await?.pop().unwrap_or_default())
}

fn saved(face: &Face<'_>, args: &ShowArgs) -> Result<Exit, Failure> {
    let text = std::fs::read_to_string(&args.what).map_err(|e| Failure::new(Exit::Error, format!("{} cannot be read: {e}", args.what)))?;
    let saved = read_saved(&text).map_err(|d| Failure::of_diagnostics(Exit::Error, d))?;
    let text = match args.output {
        Format::Text => report::show::plan(&saved.document, &face.output.data),
        Format::Json => saved.document.to_json(),
        Format::Markdown => report::markdown::comments(&saved.document, "default", None).join("\n"),
        Format::Html => report::html::page(&saved.document),
        Format::Gitlab => report::gitlab::report(&saved.document),
    };
    face.output.data(&text);
    let digest = &saved.document.plan_digest;
    face.output.note(&format!(
        "This is what {} claims, with the digest {digest}; `apply` works it out anew and says whether it is the same.",
        args.what
    ));
    Ok(Exit::Success)
}
