//! Reads the tables. Comes in: a session. Goes out: the ledger's values. Never writes.

use std::collections::HashMap;

use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{IsolationLevel, Row};

use super::session::{Failure, Session};
use crate::ledger::{AuditRecord, CALLED, Holder, Identity, Lock, LockId, WorkWanted, beginning, codec};
use crate::model::ledger::{Intent, LedgerRow, LedgerState, Tombstone};
use crate::model::work_order::WorkItem;
use crate::model::{Address, PortalName, TenantName};

const META: &str = "SELECT installation, serial FROM tenantry_meta";
const OBJECTS: &str = "SELECT tenant, kind, name, id, natural_key, owner, adopted, released, protected, applied, secrets
    FROM tenantry_objects WHERE portal = $1 AND tenant = ANY ($2)";
const INTENTS: &str = "SELECT tenant, kind, name, id, natural_key, action, object, at, plan, unknown, fate
    FROM tenantry_intents WHERE portal = $1 AND tenant = ANY ($2) ORDER BY at, seq";
const INTENTS_BEFORE_FATE: &str = "SELECT tenant, kind, name, id, natural_key, action, object, at, plan, unknown, NULL::text
    FROM tenantry_intents WHERE portal = $1 AND tenant = ANY ($2) ORDER BY at, seq";
const ATTESTATIONS: &str = "SELECT tenant, kind, name, body FROM tenantry_attestations WHERE portal = $1 AND tenant = ANY ($2)";
const TOMBSTONES: &str = "SELECT tenant, kind, name, id, at
    FROM tenantry_tombstones WHERE portal = $1 AND tenant = ANY ($2) ORDER BY at DESC, seq DESC";
const WORK: &str = "SELECT w.tenant, w.kind, w.name, w.body
    FROM tenantry_work w WHERE w.portal = $1 AND w.tenant = ANY ($2) AND (w.waits OR w.follows)
    AND (w.waits OR EXISTS (SELECT 1 FROM tenantry_intents i WHERE i.portal = w.portal AND i.tenant = w.tenant AND i.id = w.intent))";
const OBSERVED: &str = "SELECT tenant, name, body FROM tenantry_observed WHERE portal = $1 AND tenant = ANY ($2)";
const TENANTS: &str = "SELECT DISTINCT portal, tenant FROM tenantry_objects
    UNION SELECT DISTINCT portal, tenant FROM tenantry_intents UNION SELECT DISTINCT portal, tenant FROM tenantry_attestations";
const LOCKS: &str = "SELECT u.portal, u.tenant, l.id, l.who, l.operation, l.host, l.process, l.started, l.since, l.until
    FROM tenantry_lock_units u JOIN tenantry_locks l ON l.id = u.lock";
const AUDIT: &str = "SELECT body FROM tenantry_audit ORDER BY seq DESC LIMIT $1";
const HOLDS_SECRETS: &str = "SELECT EXISTS (SELECT 1 FROM tenantry_objects WHERE secrets IS NOT NULL)";

/// Tenants asked for at once: the answer is held in memory as the server sent it before it becomes states.
const AT_ONCE: usize = 500;

pub(super) async fn identity(session: &mut Session) -> Result<Identity, Failure> {
    if session.is_empty() {
        return Ok(Identity { installation: "".into(), serial: 0 });
    }
    let sql = session.prepare(META).await?;
    let row = session.client.query_opt(&sql, &[]).await?.ok_or_else(|| codec::damaged("the installation's id"))?;
    Ok(Identity { installation: column(&row, 0)?, serial: u64::try_from(column::<i64>(&row, 1)?).unwrap_or(0) })
}

/// The states of these tenants, in order, all of one moment.
pub(super) async fn states(session: &mut Session, portal: &PortalName, tenants: &[TenantName]) -> Result<Vec<LedgerState>, Failure> {
    let mut states = vec![LedgerState::default(); tenants.len()];
    if session.is_empty() {
        return Ok(states);
    }
    let installation = identity(session).await?.installation;
    let objects = session.prepare(OBJECTS).await?;
    let intents = session.prepare(if session.has_fate() { INTENTS } else { INTENTS_BEFORE_FATE }).await?;
    let attestations = session.prepare(ATTESTATIONS).await?;
    let tombstones = session.prepare(TOMBSTONES).await?;
    let since_work = if session.has_work() { Some((session.prepare(WORK).await?, session.prepare(OBSERVED).await?)) } else { None };
    let snapshot = session.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?;
    for (names, states) in tenants.chunks(AT_ONCE).zip(states.chunks_mut(AT_ONCE)) {
        let portal = portal.as_str();
        let wanted: Vec<&str> = names.iter().map(TenantName::as_str).collect();
        let mut scope = Scope { at: names.iter().enumerate().map(|(at, name)| (name.as_str(), (at, name))).collect(), states };
        let about: [&(dyn ToSql + Sync); 2] = [&portal, &wanted];
        let (objects, intents, attestations, tombstones) = tokio::try_join!(
            snapshot.query(&objects, &about),
            snapshot.query(&intents, &about),
            snapshot.query(&attestations, &about),
            snapshot.query(&tombstones, &about),
        )?;
        scope.fill(&objects, |state, address, row| {
            state.rows.insert(address.clone(), object(address, row, &installation)?);
            Ok(())
        })?;
        scope.fill(&intents, |state, address, row| {
            state.intents.push(intent(address, row)?);
            Ok(())
        })?;
        scope.fill(&attestations, |state, address, row| {
            state.attestations.insert(address.clone(), codec::attestation(address, column(row, 3)?)?);
            Ok(())
        })?;
        scope.fill(&tombstones, |state, address, row| {
            state.tombstones.push(tombstone(address, row)?);
            Ok(())
        })?;
        if let Some((work, observed)) = &since_work {
            let (work, observed) = tokio::try_join!(snapshot.query(work, &about), snapshot.query(observed, &about))?;
            scope.fill_work(&work, &observed)?;
        }
        scope.repeat(names);
    }
    snapshot.commit().await?;
    Ok(states)
}

/// The tenants of one question, and where the answer about each goes.
struct Scope<'a> {
    /// A tenant that was asked for twice is answered at its last place.
    at: HashMap<&'a str, (usize, &'a TenantName)>,
    states: &'a mut [LedgerState],
}

impl Scope<'_> {
    fn fill(&mut self, rows: &[Row], mut add: impl FnMut(&mut LedgerState, Address, &Row) -> Result<(), Failure>) -> Result<(), Failure> {
        for row in rows {
            let (tenant, state) = self.state(column(row, 0)?)?;
            let address = codec::address(tenant, column(row, 1)?, column(row, 2)?)?;
            add(state, address, row)?;
        }
        Ok(())
    }

    /// Items of work orders, and what was observed.
    fn fill_work(&mut self, work: &[Row], observed: &[Row]) -> Result<(), Failure> {
        self.fill(work, |state, address, row| {
            let item = codec::work(address, column(row, 3)?)?;
            state.work.insert(item.intent.clone(), item);
            Ok(())
        })?;
        for row in observed {
            let seen = codec::from_json(column(row, 2)?, "an observation")?;
            self.state(column(row, 0)?)?.1.observed.insert(column(row, 1)?, seen);
        }
        Ok(())
    }

    /// Where the answer about a tenant goes.
    fn state(&mut self, tenant: &str) -> Result<(&TenantName, &mut LedgerState), Failure> {
        let (at, name) = self.at.get(tenant).ok_or_else(|| codec::damaged("a tenant"))?;
        Ok((*name, self.states.get_mut(*at).ok_or_else(|| codec::damaged("a tenant"))?))
    }

    /// Gives a tenant that was asked for twice its answer in each place.
    fn repeat(&mut self, names: &[TenantName]) {
        for (place, name) in names.iter().enumerate() {
            let Some((at, _)) = self.at.get(name.as_str()) else { continue };
            if *at != place
                && let Some(answer) = self.states.get(*at).cloned()
                && let Some(state) = self.states.get_mut(place)
            {
                *state = answer;
            }
        }
    }
}

fn object(address: Address, row: &Row, installation: &str) -> Result<LedgerRow, Failure> {
    Ok(LedgerRow {
        address,
        id: column(row, 3)?,
        key: column(row, 4)?,
        owner: column::<Option<&str>>(row, 5)?.unwrap_or(installation).into(),
        origin: codec::origin(column(row, 6)?),
        released: column(row, 7)?,
        protected: column(row, 8)?,
        applied: codec::unpack(column(row, 9)?)?,
        secrets: codec::unpack(column(row, 10)?)?,
    })
}

fn intent(address: Address, row: &Row) -> Result<Intent, Failure> {
    Ok(Intent {
        id: column(row, 3)?,
        address,
        key: column(row, 4)?,
        action: codec::action(column(row, 5)?)?,
        object: column(row, 6)?,
        at: codec::timestamp(column(row, 7)?)?,
        plan: column(row, 8)?,
        unknown: column(row, 9)?,
        fate: codec::fate(column(row, 10)?)?,
    })
}

fn tombstone(address: Address, row: &Row) -> Result<Tombstone, Failure> {
    Ok(Tombstone { address, id: column(row, 3)?, at: codec::timestamp(column(row, 4)?)? })
}

/// Every portal and tenant with anything, sorted (here and not there: a database sorts by its own language).
pub(super) async fn tenants(session: &mut Session) -> Result<Vec<(PortalName, TenantName)>, Failure> {
    if session.is_empty() {
        return Ok(Vec::new());
    }
    let sql = session.prepare(TENANTS).await?;
    let rows = session.client.query(&sql, &[]).await?;
    let mut units: Vec<_> =
        rows.iter().map(|r| Ok((codec::name(column(r, 0)?)?, codec::name(column(r, 1)?)?))).collect::<Result<_, Failure>>()?;
    units.sort();
    Ok(units)
}

/// The locks that are held, sorted by portal and tenant.
pub(super) async fn locks(session: &mut Session) -> Result<Vec<Lock>, Failure> {
    if session.is_empty() {
        return Ok(Vec::new());
    }
    let sql = session.prepare(LOCKS).await?;
    sorted_locks(&session.client.query(&sql, &[]).await?)
}

/// Locks in rows of [`LOCKS`]' columns, sorted by portal and tenant.
pub(super) fn sorted_locks(rows: &[Row]) -> Result<Vec<Lock>, Failure> {
    let mut locks = rows.iter().map(lock).collect::<Result<Vec<_>, _>>()?;
    locks.sort_by(|a, b| (&a.portal, &a.tenant).cmp(&(&b.portal, &b.tenant)));
    Ok(locks)
}

fn lock(row: &Row) -> Result<Lock, Failure> {
    Ok(Lock {
        portal: codec::name(column(row, 0)?)?,
        tenant: codec::name(column(row, 1)?)?,
        id: LockId(column(row, 2)?),
        holder: Holder {
            who: column(row, 3)?,
            operation: column(row, 4)?,
            host: column(row, 5)?,
            process: u32::try_from(column::<i64>(row, 6)?).map_err(|_| codec::damaged("a process id"))?,
            started: column(row, 7)?,
        },
        since: codec::timestamp(column(row, 8)?)?,
        until: codec::timestamp(column(row, 9)?)?,
    })
}

/// The newest audit records, newest first.
pub(super) async fn audit(session: &mut Session, limit: usize) -> Result<Vec<AuditRecord>, Failure> {
    if session.is_empty() {
        return Ok(Vec::new());
    }
    let sql = session.prepare(AUDIT).await?;
    let rows = session.client.query(&sql, &[&i64::try_from(limit).unwrap_or(i64::MAX)]).await?;
    rows.iter().map(|row| Ok(codec::from_json(column(row, 0)?, "an audit record")?)).collect()
}

/// Items of all portals and tenants, given out last first.
pub(super) async fn work(session: &mut Session, wanted: WorkWanted) -> Result<Vec<(PortalName, WorkItem)>, Failure> {
    if !session.has_work() {
        return Ok(Vec::new());
    }
    let sql = session.prepare(wanted.sql()).await?;
    session.client.query(&sql, &[]).await?.iter().map(item).collect()
}

/// Items with a name.
pub(super) async fn called(session: &mut Session, name: String) -> Result<Vec<(PortalName, WorkItem)>, Failure> {
    let items = if session.has_names() {
        let sql = session.prepare(CALLED).await?;
        let [from, to] = beginning(&name);
        session.client.query(&sql, &[&from, &to]).await?.iter().map(item).collect::<Result<_, _>>()?
    } else {
        work(session, WorkWanted::All).await?
    };
    Ok(WorkWanted::with_name(items, &name))
}

fn item(row: &Row) -> Result<(PortalName, WorkItem), Failure> {
    let tenant = codec::name(column(row, 1)?)?;
    let address = codec::address(&tenant, column(row, 2)?, column(row, 3)?)?;
    Ok((codec::name(column(row, 0)?)?, codec::work(address, column(row, 4)?)?))
}

/// True if a row has the MAC of a secret.
pub(super) async fn holds_secrets(session: &mut Session) -> Result<bool, Failure> {
    if session.is_empty() {
        return Ok(false);
    }
    let sql = session.prepare(HOLDS_SECRETS).await?;
    column(&session.client.query_one(&sql, &[]).await?, 0)
}

/// A column; one of another type than ours means that somebody else wrote the tables.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, Failure> {
    row.try_get(at).map_err(|_| codec::damaged("a column").into())
}
