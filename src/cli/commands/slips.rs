//! Slips of the hand that would make a plan mean something else than what was meant. Comes in: what was said on the command line, the manifests and
//! the ledger. Goes out: a refusal with the remedy. Only reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::cli::args::{Places, Select};
use crate::cli::failure::Failure;
use crate::cli::session::{self, Session};
use crate::cli::{Face, forgotten};
use crate::engine::{Pattern, Scope};
use crate::ledger::{LedgerError, LedgerLocation, LedgerRead, Lock};
use crate::model::{PortalName, TenantName};

/// A selection that selects nothing is a slip of the hand, and "No changes" would be a lie about it. A name counts if it is declared or recorded.
pub(super) async fn selection(select: &Select, session: &Session, scope: &Scope, ledger: &dyn LedgerRead) -> Result<(), Failure> {
    let selects = |flag: &str, text: &str| {
        Failure::usage(format!("--{flag} {text} selects nothing that is declared or in the ledger"))
            .help("`tenantry ledger list` and the manifests have the names")
    };
    // What `--changed-since` leaves is no name that a person wrote.
    if !select.tenant.is_empty() {
        let recorded = ledger.tenants().await?;
        let tenants: BTreeSet<&TenantName> = session.desired.tenants.keys().chain(recorded.iter().map(|(_, tenant)| tenant)).collect();
        for text in &select.tenant {
            let one = Scope { tenants: vec![Pattern::new(text).map_err(Failure::usage)?], ..Scope::default() };
            if !tenants.iter().any(|t| one.tenant(t)) {
                return Err(selects("tenant", text));
            }
        }
    }
    for (text, pattern) in select.target.iter().zip(&scope.targets) {
        let one = Scope { targets: vec![pattern.clone()], ..Scope::default() };
        let declared = session.desired.resources().any(|r| one.address(&r.address));
        if !declared && !recorded(&one, ledger).await? {
            return Err(selects("target", text));
        }
    }
    for (text, pattern) in select.exclude.iter().zip(&scope.excludes) {
        let one = Scope { targets: vec![pattern.clone()], ..Scope::default() };
        let declared = session.desired.resources().any(|r| one.address(&r.address));
        if !declared && !recorded(&one, ledger).await? {
            return Err(Failure::usage(format!("--exclude {text} excludes nothing that is declared or in the ledger"))
                .help("what you meant to spare would not be spared; `tenantry ledger list` and the manifests have the names"));
        }
    }
    // That no file changed since a revision is no slip.
    let narrowed = select.changed_since.is_none() && !(select.tenant.is_empty() && select.target.is_empty() && select.kind.is_empty());
    let declared = session.desired.resources().any(|r| scope.address(&r.address));
    if narrowed && !declared && !recorded(scope, ledger).await? {
        return Err(Failure::usage("the selection as a whole selects nothing that is declared or in the ledger")
            .help("--tenant, --target and --kind hold together, and --exclude takes away from them; `tenantry ledger list` and the manifests have the names"));
    }
    Ok(())
}

/// Whether the ledger has an address in a scope.
async fn recorded(scope: &Scope, ledger: &dyn LedgerRead) -> Result<bool, Failure> {
    for (portal, tenant) in ledger.tenants().await?.into_iter().filter(|(_, tenant)| scope.tenant(tenant)) {
        let states = ledger.read(&portal, &[tenant]).await?;
        if states.iter().flat_map(|s| s.rows.keys()).any(|a| scope.address(a)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The portals that are named exist.
pub(super) fn portals(session: &Session, scope: &Scope) -> Result<(), Failure> {
    for portal in &scope.portals {
        if !session.portals.iter().any(|s| s.spec.name == *portal) && !session.closed.iter().any(|(name, _)| name == portal) {
            let known: Vec<_> = session.portals.iter().map(|s| s.spec.name.to_string()).collect();
            return Err(
                Failure::usage(format!("--portal {portal}: there is no such portal")).help(format!("the portals are {}", known.join(", ")))
            );
        }
    }
    Ok(())
}

/// A ledger that does not know what another one knows, or portals that the ledger does not know: with either, everybody would be made, and invited,
/// a second time.
pub(super) async fn ledger(places: &Places, session: &Session, ledger: &dyn LedgerRead) -> Result<(), Failure> {
    let known = ledger.tenants().await?;
    let ours = |portal: &str| {
        session.portals.iter().any(|s| s.spec.name.as_str() == portal) || session.closed.iter().any(|(p, _)| p.as_str() == portal)
    };
    let unknown: BTreeSet<&str> = known.iter().map(|(portal, _)| portal.as_str()).filter(|p| !ours(p)).collect();
    let is_ours = |t: &&TenantName| !t.is_msp() && session.desired.tenants.contains_key(*t);
    let elsewhere: BTreeSet<_> =
        known.iter().filter(|(portal, _)| unknown.contains(portal.as_str())).map(|(_, tenant)| tenant.clone()).collect();
    let shared: Vec<_> = elsewhere.iter().filter(is_ours).map(|t| t.as_str()).collect();
    if session.desired.portals.is_empty() && !shared.is_empty() {
        let names: Vec<_> = unknown.into_iter().collect();
        let message = format!("the ledger has {} in portal {}, which this run does not know", first(&shared), names.join(", "));
        return Err(Failure::usage(message).help("give --portals DIR as before, or declare the portal in the manifests"));
    }
    if !known.is_empty() || places.state_dir.is_some() {
        return Ok(());
    }
    let LedgerLocation::Sqlite(own) = &session.location else { return Ok(()) };
    for other in others(places, own) {
        let tenants: Vec<_> = match LedgerLocation::Sqlite(other.clone()).open_read_only().await {
            Ok(ledger) => ledger.tenants().await?.into_iter().map(|(_, tenant)| tenant).collect(),
            Err(_) => continue,
        };
        if tenants.iter().any(|t| is_ours(&t)) {
            let state = other.parent().unwrap_or(&other).display();
            let message = format!("{} would be a new ledger, and the one in {state} knows these tenants already", own.display());
            return Err(Failure::usage(message)
                .help(format!("give the same -f as before, or --state-dir {state}; with another --state-dir you start anew")));
        }
    }
    Ok(())
}

/// Some names of many.
fn first(names: &[&str]) -> String {
    const NAMED: usize = 3;
    match names.get(..NAMED) {
        Some(few) if names.len() > NAMED => format!("{} and {} more", few.join(", "), names.len() - NAMED),
        _ => names.join(", "),
    }
}

/// Where no `Portal` is declared everything goes to a file of ours: said the first time, and refused where portals lie beside the manifests.
pub(super) fn embedded(face: &Face<'_>, places: &Places, session: &Session, known: &[(PortalName, TenantName)]) -> Result<(), Failure> {
    if !session.desired.portals.is_empty() {
        return Ok(());
    }
    if let (None, Some(folder)) = (&places.portals, forgotten::portals_beside(places)) {
        let message = format!("no Portal is declared, and {} declares some: nothing of this would reach them", folder.display());
        let help = format!("give --portals {}; to use the embedded portal, declare a Portal with `profile: embedded`", folder.display());
        return Err(Failure::usage(message).help(help));
    }
    if known.is_empty() {
        let (given, remedy) = match &places.portals {
            Some(root) => (format!("{} declares no Portal", root.display()), "is it the right folder?"),
            None => ("No Portal is declared".to_owned(), "for a real one give --portals DIR."),
        };
        let state = session::state_dir(places);
        face.output.note(&format!("{given}: this is about the embedded portal, a file in {}; {remedy}", state.display()));
    }
    Ok(())
}

/// Says who is at work in what is selected: a plan that is read meanwhile shows their work half done.
pub(super) async fn locks(face: &Face<'_>, session: &Session, scope: &Scope, ledger: &dyn LedgerRead) -> Result<(), Failure> {
    let now = jiff::Timestamp::now();
    let serves = |lock: &Lock| session.portals.iter().any(|s| s.spec.name == lock.portal);
    let held = |lock: &Lock| lock.until > now && !lock.holder.proven_dead() && scope.portal(&lock.portal) && scope.tenant(&lock.tenant);
    let mut by_holder: BTreeMap<Box<str>, (Lock, usize)> = BTreeMap::new();
    for lock in ledger.locks().await?.into_iter().filter(|lock| held(lock) && serves(lock)) {
        by_holder.entry(lock.id.0.clone()).and_modify(|(_, count)| *count += 1).or_insert((lock, 1));
    }
    for (lock, count) in by_holder.into_values() {
        let more = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
        let text = LedgerError::Locked(Box::new(lock));
        face.output.error(&format!("{text}{more}: what is under way there is not known yet, and this plan may show it half done"));
    }
    Ok(())
}

/// Ledgers that another way to write the same root would have led to: one folder up, and in the root itself.
fn others(places: &Places, own: &std::path::Path) -> Vec<PathBuf> {
    let beside = own.parent().and_then(std::path::Path::parent).unwrap_or(own);
    let up = beside.file_name().and(beside.parent()).map_or_else(|| beside.join(".."), std::path::Path::to_path_buf);
    let below = session::roots(places).into_iter().filter(|r| r.is_dir());
    let all = std::iter::once(up).chain(below).map(|folder| folder.join(".tenantry").join("ledger.db"));
    let same = |path: &PathBuf| path.canonicalize().ok() == own.canonicalize().ok();
    all.filter(|path| path.is_file() && !same(path)).collect()
}
