//! `ledger` and `unlock`: looking at and correcting the record of what is ours. Corrections take the tenant's lock like any run.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::cli::Face;
use crate::cli::args::{Data, LedgerAction, LedgerCommand, ReleaseArgs, RowArgs, Select, StepWas, UnlockArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::counted;
use crate::cli::session;
use crate::engine::Scope;
use crate::ledger::{AuditRecord, Holder, Ledger, LedgerLocation, LedgerRead, Lock, LockId, Write};
use crate::model::{Address, Fate, Intent, Kind, LedgerRow, LedgerState, Name, Origin, PortalName, TenantName};
use crate::report::style::table;

/// Longest time that one correction takes.
const LEASE: Duration = Duration::from_secs(60);

/// Runs `ledger`.
pub(super) async fn run(face: &Face<'_>, command: LedgerCommand) -> Result<Exit, Failure> {
    let location = session::location(face, &command.places)?;
    // Claiming begins where nothing is yet.
    if !matches!(command.action, LedgerAction::Claim { .. }) {
        session::there_in_cluster(&location).await?;
    }
    match command.action {
        LedgerAction::List { tenant, output } => {
            let scope = session::scope(&Select { tenant, ..Select::default() })?;
            list(face, &location, &scope, output).await
        }
        LedgerAction::Show(row) => show(face, &location, &row).await,
        LedgerAction::Audit { limit, output } => audit(face, &location, limit, output).await,
        LedgerAction::Move { from, to, portal } => {
            let to = address(&to)?;
            let moved = |row: &LedgerRow, at: &PortalName| Write::Move(at.clone(), row.address.clone(), to.clone());
            correct(face, &location, &RowArgs { address: from, portal }, "move", moved).await
        }
        LedgerAction::Forget(row) => {
            // No tombstone: the object may be alive, and a tombstone says that it was deleted.
            let forgotten = |row: &LedgerRow, at: &PortalName| Write::Remove(at.clone(), row.address.clone(), None);
            correct(face, &location, &row, "forget", forgotten).await
        }
        LedgerAction::Release(ReleaseArgs { address: Some(address), portal, .. }) => {
            correct(face, &location, &RowArgs { address, portal }, "release", released).await
        }
        LedgerAction::Release(many) => release_many(face, &location, many).await,
        LedgerAction::Claim { installation } => claim(face, &location, &installation).await,
        LedgerAction::Settle { intent, address, step, portal } => {
            let step = step.map(|step| step == StepWas::Done);
            settle(face, &location, &intent, step, &RowArgs { address, portal }).await
        }
    }
}

/// Runs `unlock`.
pub(super) async fn unlock(face: &Face<'_>, args: &UnlockArgs) -> Result<Exit, Failure> {
    let location = session::location(face, &args.places)?;
    session::there_in_cluster(&location).await?;
    let broken = location.open().await?.unlock(&LockId(args.id.as_str().into())).await?;
    if broken == 0 {
        return Err(Failure::new(Exit::Error, format!("no lock has the id {}", args.id))
            .help("`tenantry ledger list` shows the locks that are held"));
    }
    let tenants = counted(broken, "tenant");
    face.output.note(&format!("Broken: the lock {} on {tenants}. Make sure that its holder has really stopped.", args.id));
    Ok(Exit::Success)
}

async fn list(face: &Face<'_>, location: &LedgerLocation, scope: &Scope, output: Data) -> Result<Exit, Failure> {
    let ledger = location.open_read_only().await?;
    let mut rows = vec![["PORTAL", "ADDRESS", "ID", "NATURAL KEY", "ORIGIN", "PROTECTED"].map(str::to_owned).to_vec()];
    let mut json = Vec::new();
    for (portal, tenant) in ledger.tenants().await?.into_iter().filter(|(_, t)| scope.tenant(t)) {
        for row in ledger.read(&portal, &[tenant]).await?.iter().flat_map(|s| s.rows.values()) {
            let protected = if row.protected { "protected" } else { "" };
            let columns = [portal.as_str(), &row.address.to_string(), row.id.as_deref().unwrap_or("-"), &row.key, origin(row), protected];
            rows.push(columns.map(str::to_owned).to_vec());
            json.push(row_json(&portal, row));
        }
    }
    let locks = ledger.locks().await?;
    if output == Data::Json {
        let locks: Vec<_> = locks
            .iter()
            .map(|l| serde_json::json!({ "id": l.id, "portal": l.portal, "tenant": l.tenant, "holder": l.holder, "until": l.until }))
            .collect();
        face.output.data(&pretty(&serde_json::json!({ "rows": json, "locks": locks })));
        return Ok(Exit::Success);
    }
    if rows.len() == 1 {
        face.output.note("The ledger has no rows: nothing is ours yet.");
    } else {
        face.output.data(&table(&rows, 0));
    }
    face.output.data(&held(&locks));
    Ok(Exit::Success)
}

/// The locks, one line each: a run holds one on all of its tenants.
fn held(locks: &[Lock]) -> String {
    let mut by_id: BTreeMap<&str, Vec<&Lock>> = BTreeMap::new();
    locks.iter().for_each(|l| by_id.entry(&l.id.0).or_default().push(l));
    let line = |(id, locks): (&str, Vec<&Lock>)| {
        let first = locks.first()?;
        let more = if locks.len() > 1 { format!(" and {}", counted(locks.len() - 1, "more tenant")) } else { String::new() };
        let Lock { tenant, portal, holder, until, .. } = first;
        Some(format!("locked: {tenant}{more} in portal {portal} by {} ({}) until {until:.0}, id {id}\n", holder.who, holder.operation))
    };
    by_id.into_iter().filter_map(line).collect()
}

async fn show(face: &Face<'_>, location: &LedgerLocation, args: &RowArgs) -> Result<Exit, Failure> {
    let ledger = location.open_read_only().await?;
    let (portal, state, address) = find(ledger.as_ref(), args).await?;
    let intents: Vec<_> = state.intents.iter().filter(|i| i.address == address).collect();
    let open = intents.iter().map(|i| {
        let next = i.fate.reached.as_ref().map(|reached| &reached.next);
        serde_json::json!({ "id": i.id, "action": i.action, "at": i.at, "plan": i.plan, "unknown": i.unknown, "goesOnWith": next })
    });
    let gone = state.tombstones.iter().filter(|t| t.address == address).map(|t| serde_json::json!({ "id": t.id, "at": t.at }));
    let page = serde_json::json!({
        "row": state.rows.get(&address).map(|row| row_json(&portal, row)),
        "intents": open.collect::<Vec<_>>(),
        "attestation": state.attestations.get(&address),
        "tombstones": gone.collect::<Vec<_>>(),
    });
    face.output.data(&pretty(&page));
    Ok(Exit::Success)
}

async fn audit(face: &Face<'_>, location: &LedgerLocation, limit: usize, output: Data) -> Result<Exit, Failure> {
    let records = location.open_read_only().await?.audit(limit).await?;
    if output == Data::Json {
        face.output.data(&pretty(&serde_json::json!(records)));
        return Ok(Exit::Success);
    }
    if records.is_empty() {
        face.output.note("The audit record is empty: nothing was changed yet.");
        return Ok(Exit::Success);
    }
    let head = ["WHEN", "WHO", "TICKET", "APPROVAL", "ADDRESS", "REQUEST", "RESULT"].map(str::to_owned).to_vec();
    let line = |r: &AuditRecord| {
        vec![
            format!("{:.0}", r.at),
            r.who.clone(),
            r.ticket.clone().unwrap_or_default(),
            r.approval.clone(),
            r.address.to_string(),
            r.request.clone(),
            r.result.clone(),
        ]
    };
    face.output.data(&table(&std::iter::once(head).chain(records.iter().map(line)).collect::<Vec<_>>(), 0));
    Ok(Exit::Success)
}

/// Corrects one row under its tenant's lock, and says so in the audit trail.
async fn correct(
    face: &Face<'_>,
    location: &LedgerLocation,
    args: &RowArgs,
    verb: &str,
    write: impl Fn(&LedgerRow, &PortalName) -> Write,
) -> Result<Exit, Failure> {
    let ledger = location.open().await?;
    let (portal, _, address) = find(ledger.as_ref(), args).await?;
    let lock = lock(ledger.as_ref(), &[(portal.clone(), address.tenant.clone())], verb).await?;
    let done = corrected(ledger.as_ref(), &lock, &portal, &address, verb, write).await;
    ledger.unlock(&lock).await?;
    face.output.note(&format!("{address} in portal {portal} {}.", done?));
    Ok(Exit::Success)
}

/// Reads the row anew: what was read before the lock was held may have changed since. Goes out: what was done, in words.
async fn corrected(
    ledger: &dyn Ledger,
    lock: &LockId,
    portal: &PortalName,
    address: &Address,
    verb: &str,
    write: impl Fn(&LedgerRow, &PortalName) -> Write,
) -> Result<String, Failure> {
    let state = ledger.read(portal, std::slice::from_ref(&address.tenant)).await?.pop().unwrap_or_default();
    let row = state.rows.get(address).ok_or_else(|| Failure::new(Exit::Error, format!("the ledger has no row for {address}")))?;
    let done = write(row, portal);
    if row.origin == Origin::Created && matches!(done, Write::Put(..)) {
        return Err(Failure::usage(format!(
            "{address} was created by tenantry: it needs no release to be deleted once it is not declared"
        )));
    }
    if let Write::Move(_, _, to) = &done {
        if to.tenant != address.tenant {
            return Err(Failure::usage("a row moves within its tenant: in another tenant it would be another object"));
        }
        if to.kind != address.kind {
            return Err(Failure::usage(format!("a row keeps its kind: {address} is a {}", address.kind.def().noun)));
        }
        if state.rows.contains_key(to) {
            return Err(Failure::usage(format!("the ledger has a row for {to} already"))
                .help("forget that row first, if its object is not to be ours any more"));
        }
    }
    let words = in_words(&done);
    ledger.commit(lock, vec![done, noted(portal, address, verb)]).await?;
    Ok(words)
}

fn released(row: &LedgerRow, at: &PortalName) -> Write {
    Write::Put(at.clone(), Box::new(LedgerRow { released: true, ..row.clone() }))
}

/// Releases every adopted object of some tenants: one lock and one commit for each tenant, so that a fleet is never locked as a whole.
async fn release_many(face: &Face<'_>, location: &LedgerLocation, args: ReleaseArgs) -> Result<Exit, Failure> {
    let portal = args.portal.into_iter().collect();
    let scope = session::scope(&Select { tenant: args.tenant, portal, ..Select::default() })?;
    let ledger = location.open().await?;
    let (mut objects, mut tenants) = (0, 0);
    for (portal, tenant) in ledger.tenants().await?.into_iter().filter(|(p, t)| scope.portal(p) && scope.tenant(t)) {
        let unit = [(portal.clone(), tenant.clone())];
        let lock = lock(ledger.as_ref(), &unit, "release").await?;
        let done = release_all_of(ledger.as_ref(), &lock, &portal, &tenant).await;
        ledger.unlock(&lock).await?;
        let released = done?;
        objects += released;
        tenants += usize::from(released > 0);
    }
    face.output.note(&match objects {
        0 => "Nothing to release: no adopted object there that is not released already.".to_owned(),
        _ => format!(
            "Released: {} of {}. What is no longer declared of them may be deleted.",
            counted(objects, "adopted object"),
            counted(tenants, "tenant")
        ),
    });
    Ok(Exit::Success)
}

async fn release_all_of(ledger: &dyn Ledger, lock: &LockId, portal: &PortalName, tenant: &TenantName) -> Result<usize, Failure> {
    let states = ledger.read(portal, std::slice::from_ref(tenant)).await?;
    let adopted: Vec<_> = states.iter().flat_map(|s| s.rows.values()).filter(|r| r.origin == Origin::Adopted && !r.released).collect();
    let writes = adopted.iter().flat_map(|row| [released(row, portal), noted(portal, &row.address, "release")]).collect();
    ledger.commit(lock, writes).await?;
    Ok(adopted.len())
}

/// Makes a new ledger that of an installation whose ledger was lost.
async fn claim(face: &Face<'_>, location: &LedgerLocation, installation: &str) -> Result<Exit, Failure> {
    let ledger = location.open().await?;
    let before = ledger.identity().await?.installation;
    // An audit record is about an address. The ledger is nobody's object: it stands under the MSP's own name.
    let name = Name::slugify("ledger");
    let about = Address::new(Name::msp(), Kind::Portal, name.clone());
    let record = AuditRecord { request: format!("ledger claim {installation}, was {before}"), ..record(&name, &about, "claim") };
    ledger.claim(installation, record).await?;
    face.output.note(&format!(
        "This ledger is that of installation {installation} now. `tenantry plan` shows what is marked with it; apply takes it over as adopted."
    ));
    Ok(Exit::Success)
}

/// What a correction came to, for a person.
fn in_words(write: &Write) -> String {
    match write {
        Write::Move(_, _, to) => format!("is {to} from now on"),
        Write::Remove(..) => "is forgotten: the portal keeps it, and it is ours no more; declaring it takes it back".to_owned(),
        _ => "is released: it may be deleted once it is no longer declared".to_owned(),
    }
}

/// `step`: of a call that was done in part, whether its next step is done.
async fn settle(face: &Face<'_>, location: &LedgerLocation, intent: &str, step: Option<bool>, args: &RowArgs) -> Result<Exit, Failure> {
    let ledger = location.open().await?;
    let (portal, state, address) = find(ledger.as_ref(), args).await?;
    let Some(open) = state.intents.iter().find(|i| *i.id == *intent && i.address == address) else {
        return Err(
            Failure::new(Exit::Error, format!("{address} has no open intent {intent}")).help("`tenantry ledger show ADDRESS` lists them")
        );
    };
    let (decided, told) = decided(&portal, open, step)?;
    let units = [(portal.clone(), address.tenant.clone())];
    under_lock(ledger.as_ref(), &units, "settle", vec![decided, noted(&portal, &address, "settle")]).await?;
    face.output.note(&format!("{address} in portal {portal}: settled. {told}"));
    Ok(Exit::Success)
}

/// What a person's word about a call comes to.
fn decided(portal: &PortalName, open: &Intent, step: Option<bool>) -> Result<(Write, String), Failure> {
    let fate = open.fate.clone();
    let went_on = |fate: Fate, told: String| (Write::Intend(portal.clone(), Intent { fate, unknown: false, ..open.clone() }), told);
    match (fate.reached.clone(), step) {
        (Some(reached), Some(true)) => {
            let told = format!("{} counts as done, and the next apply goes on after it.", reached.next);
            Ok(went_on(fate.at(reached.advanced()), told))
        }
        (Some(reached), Some(false)) => Ok(went_on(fate.cleared(), format!("The next apply goes on with {}.", reached.next))),
        (Some(reached), None) => {
            let why = format!("a part of {} is done already, and what nobody knows of is {}", open.address, reached.next);
            Err(Failure::new(Exit::Error, why)
                .help("look in the portal whether that is done, and say `done` or `not-done` behind the address"))
        }
        (None, Some(true)) => {
            let why = format!("of {} no step is known to be done: if it is there, the next plan finds it", open.address);
            Err(Failure::new(Exit::Error, why).help("`not-done`, or nothing, says that it had no effect"))
        }
        (None, Some(false) | None) => {
            let settled = Write::Settle(portal.clone(), open.address.tenant.clone(), open.id.clone());
            Ok((settled, "The next plan takes it as not done, unless the portal shows it.".to_owned()))
        }
    }
}

async fn lock(ledger: &dyn Ledger, units: &[(PortalName, TenantName)], verb: &str) -> Result<LockId, Failure> {
    Ok(ledger.lock(units, &Holder::current(&format!("ledger {verb}")), Timestamp::now(), LEASE).await?)
}

async fn under_lock(ledger: &dyn Ledger, units: &[(PortalName, TenantName)], verb: &str, writes: Vec<Write>) -> Result<(), Failure> {
    let lock = lock(ledger, units, verb).await?;
    let written = ledger.commit(&lock, writes).await;
    ledger.unlock(&lock).await?;
    Ok(written?)
}

fn noted(portal: &PortalName, address: &Address, verb: &str) -> Write {
    Write::Audit(record(portal, address, verb))
}

fn record(portal: &PortalName, address: &Address, verb: &str) -> AuditRecord {
    AuditRecord {
        at: Timestamp::now(),
        who: Holder::current("ledger").who,
        ticket: None,
        plan: String::new(),
        approval: "by hand".to_owned(),
        portal: portal.clone(),
        address: address.clone(),
        request: format!("ledger {verb}"),
        result: "done".to_owned(),
    }
}

/// The one portal in which the ledger knows an address.
async fn find(ledger: &(impl LedgerRead + ?Sized), args: &RowArgs) -> Result<(PortalName, LedgerState, Address), Failure> {
    let address = address(&args.address)?;
    let mut found = Vec::new();
    for (portal, tenant) in ledger.tenants().await? {
        if tenant != address.tenant || args.portal.as_ref().is_some_and(|p| *p != *portal.as_str()) {
            continue;
        }
        if let Some(state) = ledger.read(&portal, &[tenant]).await?.pop() {
            let known = state.rows.contains_key(&address)
                || state.intents.iter().any(|i| i.address == address)
                || state.attestations.contains_key(&address);
            found.extend(known.then_some((portal, state)));
        }
    }
    match (found.pop(), found.pop()) {
        (Some((portal, state)), None) => Ok((portal, state, address)),
        (None, _) => {
            Err(Failure::new(Exit::Error, format!("the ledger knows nothing of {address}"))
                .help("`tenantry ledger list` shows what it knows"))
        }
        (Some(_), Some(_)) => Err(Failure::usage(format!("{address} is in several portals: say which with --portal NAME"))),
    }
}

fn address(text: &str) -> Result<Address, Failure> {
    text.parse().map_err(|e: crate::model::name::AddressError| Failure::usage(e.to_string()))
}

const fn origin(row: &LedgerRow) -> &'static str {
    match (row.origin, row.released) {
        (Origin::Created, _) => "created",
        (Origin::Adopted, false) => "adopted",
        (Origin::Adopted, true) => "adopted, released",
    }
}

/// Digests and MACs are nobody's business outside the store: only the paths are shown.
fn row_json(portal: &PortalName, row: &LedgerRow) -> serde_json::Value {
    let paths = |list: &crate::model::ledger::Applied| list.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>();
    serde_json::json!({
        "portal": portal, "address": row.address, "id": row.id, "natural_key": row.key, "owner": row.owner, "origin": row.origin,
        "released": row.released, "protected": row.protected, "applied": paths(&row.applied), "secrets": paths(&row.secrets),
    })
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
