//! `import`: live to manifests. With `--into DIR` the manifests are written and what they declare is recorded as adopted, so that the plan
//! afterwards is empty; printed to standard output, nothing is recorded.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{plan, slips};
use crate::cli::Face;
use crate::cli::args::{ImportArgs, Places, Select};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, exit_of};
use crate::cli::output::counted;
use crate::cli::session::{self, Session};
use crate::engine::import::{self, Imported};
use crate::engine::{Scope, Served};
use crate::ledger::{Holder, Ledger, LedgerRead, Write};
use crate::manifest;
use crate::model::{PortalName, TenantName};
use crate::portal::{PortalError, TenantKey};

/// Longest time that writing one ledger commit takes.
const LEASE: Duration = Duration::from_secs(60);

/// Runs `import`.
pub(super) async fn run(face: &Face<'_>, args: &ImportArgs) -> Result<Exit, Failure> {
    let wanted =
        session::scope(&Select { tenant: args.tenant.clone(), portal: args.portal.iter().cloned().collect(), ..Select::default() })?;
    let session = Session::open(face, &args.places, &Scope::default()).await?;
    slips::portals(&session, &wanted)?;
    // One listing tells which tenants there are and what is in them.
    let served = one_portal(&session, &wanted)?.for_one_plan();
    let unread = |e: PortalError| Failure::new(exit_of(&e), format!("portal {} cannot be read: {e}", served.spec.name));
    let all = served.observe.tenants().await.map_err(unread)?;
    for text in &args.tenant {
        let one = session::scope(&Select { tenant: vec![text.clone()], ..Select::default() })?;
        if !all.iter().any(|t| one.tenant(&t.name)) {
            return Err(Failure::usage(format!("--tenant {text}: portal {} has no such tenant", served.spec.name)));
        }
    }
    let chosen: Vec<_> = all.iter().filter(|t| wanted.tenant(&t.name)).cloned().collect();
    let live = served.observe.read(&chosen).await.map_err(unread)?;
    let to_stdout = args.into == Path::new("-");
    // Opened for writing, the ledger has an identity, which says whose marks are ours.
    let writing = if to_stdout { None } else { Some(session.ledger_for_writing().await?) };
    let ledger: Arc<dyn LedgerRead> = match &writing {
        Some(ledger) => Arc::clone(ledger) as Arc<dyn LedgerRead>,
        None => session.ledger().await?,
    };
    let identity = ledger.identity().await?;
    let names: Vec<_> = chosen.iter().map(|t| t.name.clone()).collect();
    let states = ledger.read(&served.spec.name, &names).await?;
    let organizations: BTreeMap<Box<str>, TenantName> = all.iter().filter_map(|t| Some((t.id.clone()?, t.name.clone()))).collect();
    let mut imported = Vec::new();
    for ((key, live), state) in chosen.iter().zip(&live).zip(&states) {
        let one = import::tenant(&key.name, live, served.observe.capabilities(), &identity.installation, &organizations, state);
        one.left_out.iter().for_each(|why| face.output.note(&format!("left out: {why}")));
        imported.push((key, one));
    }
    imported.retain(|(_, one)| !one.resources.is_empty());
    let Some(writing) = writing else {
        for (at, (key, one)) in imported.iter().enumerate() {
            let separator = if at == 0 { "" } else { "---\n" };
            face.output.data(&format!("{separator}{}", manifest::write_tenant(&key.name, &one.resources)));
        }
        return Ok(Exit::Success);
    };
    let written = imported.len();
    if written == 0 {
        face.output.note("The portal has nothing that could be imported: nothing was written.");
        return Ok(Exit::Success);
    }
    write_files(args, &imported)?;
    record(writing.as_ref(), &served.spec.name, imported).await?;
    let files = counted(written, "file");
    face.output.note(&format!("Wrote {files} to {}; what they declare is recorded as adopted.", args.into.display()));
    face.output.note(&format!("Now read them, then: {}", next(args)));
    Ok(Exit::Success)
}

/// The command line of a plan with nothing to do: the same portal and ledger, the new manifests.
fn next(args: &ImportArgs) -> String {
    let mut words = vec!["tenantry".to_owned(), "plan".to_owned(), "-f".to_owned(), args.into.display().to_string()];
    let ImportArgs { places, .. } = args;
    words.extend(places.portals.iter().flat_map(|dir| ["--portals".to_owned(), dir.display().to_string()]));
    let there = Places { file: vec![args.into.clone()], ..places.clone() };
    if session::state_dir(&there) != session::state_dir(places) || places.state_dir.is_some() {
        words.extend(["--state-dir".to_owned(), session::state_dir(places).display().to_string()]);
    }
    words.join(" ")
}

fn one_portal<'a>(session: &'a Session, wanted: &Scope) -> Result<&'a Served, Failure> {
    let mut portals = session.portals.iter().filter(|s| wanted.portal(&s.spec.name));
    match (portals.next(), portals.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(Failure::new(Exit::Error, "no portal can be opened")),
        (Some(_), Some(_)) => Err(Failure::usage("there are several portals: say which with --portal NAME")),
    }
}

fn write_files(args: &ImportArgs, imported: &[(&TenantKey, Imported)]) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::new(Exit::Error, format!("{} cannot be written: {e}", args.into.display()));
    std::fs::create_dir_all(&args.into).map_err(failed)?;
    let file = |key: &TenantKey| args.into.join(format!("{}.yaml", key.name));
    if let Some((key, _)) = imported.iter().find(|(key, _)| file(key).exists()) {
        let message = format!("{} exists already; nothing was written", file(key).display());
        return Err(Failure::new(Exit::Error, message).help("import into an empty directory, or select other tenants"));
    }
    for (key, one) in imported {
        plan::write(&file(key), &manifest::write_tenant(&key.name, &one.resources))?;
    }
    Ok(())
}

/// Records what is not ours yet; what is ours stays as it is.
async fn record(ledger: &dyn Ledger, portal: &PortalName, imported: Vec<(&TenantKey, Imported)>) -> Result<(), Failure> {
    let tenants: Vec<_> = imported.iter().map(|(key, _)| key.name.clone()).collect();
    let units: Vec<_> = tenants.iter().map(|t| (portal.clone(), t.clone())).collect();
    let lock = ledger.lock(&units, &Holder::current("import"), Timestamp::now(), LEASE).await?;
    let states = LedgerRead::read(ledger, portal, &tenants).await?;
    let mut writes = Vec::new();
    for ((_, one), state) in imported.into_iter().zip(&states) {
        let known = |id: &Option<Box<str>>| state.rows.values().any(|r| r.id == *id);
        let new = one.rows.into_iter().filter(|r| !known(&r.id) && !state.rows.contains_key(&r.address));
        writes.extend(new.map(|row| Write::Put(portal.clone(), Box::new(row))));
    }
    let written = ledger.commit(&lock, writes).await;
    ledger.unlock(&lock).await?;
    Ok(written?)
}
