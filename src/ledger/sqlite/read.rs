//! Reads the tables. Comes in: a connection. Goes out: the ledger's values. Never writes.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::open::{Failure, Opened};
use crate::ledger::{AuditRecord, CALLED, Holder, Identity, Lock, LockId, WorkWanted, beginning, codec};
use crate::model::ledger::{Attestation, Intent, LedgerRow, LedgerState, Tombstone};
use crate::model::work_order::{Observation, WorkItem};
use crate::model::{PortalName, TenantName};

pub(super) fn identity(connection: &Connection) -> Result<Identity, Failure> {
    let (installation, serial) = connection
        .prepare_cached("SELECT installation, serial FROM tenantry_meta")?
        .query_row([], |row| Ok((row.get::<_, Box<str>>(0)?, row.get::<_, i64>(1)?)))?;
    Ok(Identity { installation, serial: u64::try_from(serial).unwrap_or(0) })
}

/// The states of these tenants, in order, all of one moment.
pub(super) fn states(opened: &mut Opened, portal: &PortalName, tenants: &[TenantName]) -> Result<Vec<LedgerState>, Failure> {
    let (has_work, has_fate) = (opened.has_work(), opened.has_fate());
    let tx = opened.connection.transaction()?;
    let installation = identity(&tx)?.installation;
    let mut states = Vec::with_capacity(tenants.len());
    for tenant in tenants {
        states.push(LedgerState {
            rows: rows(&tx, portal, tenant, &installation)?.into_iter().map(|row| (row.address.clone(), row)).collect(),
            intents: intents(&tx, portal, tenant, has_fate)?,
            attestations: attestations(&tx, portal, tenant)?.into_iter().map(|a| (a.address.clone(), a)).collect(),
            tombstones: tombstones(&tx, portal, tenant)?,
            work: if has_work { items(&tx, portal, tenant)?.into_iter().map(|i| (i.intent.clone(), i)).collect() } else { BTreeMap::new() },
            observed: if has_work { observed(&tx, portal, tenant)?.into_iter().collect() } else { BTreeMap::new() },
        });
    }
    tx.finish()?;
    Ok(states)
}

fn rows(connection: &Connection, portal: &PortalName, tenant: &TenantName, installation: &str) -> Result<Vec<LedgerRow>, Failure> {
    const SQL: &str = "SELECT kind, name, id, natural_key, owner, adopted, released, protected, applied, secrets
        FROM tenantry_objects WHERE portal = $1 AND tenant = $2 ORDER BY kind, name";
    select(connection, SQL, [portal.as_str(), tenant.as_str()], |row| {
        Ok(LedgerRow {
            address: codec::address(tenant, text(row, 0)?, text(row, 1)?)?,
            id: maybe_text(row, 2)?.map(Into::into),
            key: text(row, 3)?.into(),
            owner: maybe_text(row, 4)?.unwrap_or(installation).into(),
            origin: codec::origin(row.get(5)?),
            released: row.get(6)?,
            protected: row.get(7)?,
            applied: codec::unpack(maybe_bytes(row, 8)?)?,
            secrets: codec::unpack(maybe_bytes(row, 9)?)?,
        })
    })
}

fn intents(connection: &Connection, portal: &PortalName, tenant: &TenantName, has_fate: bool) -> Result<Vec<Intent>, Failure> {
    const SQL: &str = "SELECT id, kind, name, natural_key, action, object, at, plan, unknown, fate
        FROM tenantry_intents WHERE portal = $1 AND tenant = $2 ORDER BY at, seq";
    const BEFORE_FATE: &str = "SELECT id, kind, name, natural_key, action, object, at, plan, unknown, NULL
        FROM tenantry_intents WHERE portal = $1 AND tenant = $2 ORDER BY at, seq";
    select(connection, if has_fate { SQL } else { BEFORE_FATE }, [portal.as_str(), tenant.as_str()], |row| {
        Ok(Intent {
            id: text(row, 0)?.into(),
            address: codec::address(tenant, text(row, 1)?, text(row, 2)?)?,
            key: text(row, 3)?.into(),
            action: codec::action(text(row, 4)?)?,
            object: maybe_text(row, 5)?.map(Into::into),
            at: codec::timestamp(row.get(6)?)?,
            plan: text(row, 7)?.into(),
            unknown: row.get(8)?,
            fate: codec::fate(maybe_text(row, 9)?)?,
        })
    })
}

fn attestations(connection: &Connection, portal: &PortalName, tenant: &TenantName) -> Result<Vec<Attestation>, Failure> {
    const SQL: &str = "SELECT kind, name, body FROM tenantry_attestations WHERE portal = $1 AND tenant = $2";
    select(connection, SQL, [portal.as_str(), tenant.as_str()], |row| {
        Ok(codec::attestation(codec::address(tenant, text(row, 0)?, text(row, 1)?)?, text(row, 2)?)?)
    })
}

fn tombstones(connection: &Connection, portal: &PortalName, tenant: &TenantName) -> Result<Vec<Tombstone>, Failure> {
    const SQL: &str = "SELECT kind, name, id, at FROM tenantry_tombstones WHERE portal = $1 AND tenant = $2 ORDER BY at DESC, seq DESC";
    select(connection, SQL, [portal.as_str(), tenant.as_str()], |row| {
        Ok(Tombstone {
            address: codec::address(tenant, text(row, 0)?, text(row, 1)?)?,
            id: maybe_text(row, 2)?.map(Into::into),
            at: codec::timestamp(row.get(3)?)?,
        })
    })
}

fn items(connection: &Connection, portal: &PortalName, tenant: &TenantName) -> Result<Vec<WorkItem>, Failure> {
    const SQL: &str = "SELECT w.kind, w.name, w.body FROM tenantry_work w WHERE w.portal = $1 AND w.tenant = $2 AND (w.waits OR w.follows)
        AND (w.waits OR EXISTS (SELECT 1 FROM tenantry_intents i WHERE (i.portal, i.tenant, i.id) = (w.portal, w.tenant, w.intent)))";
    select(connection, SQL, [portal.as_str(), tenant.as_str()], |row| {
        Ok(codec::work(codec::address(tenant, text(row, 0)?, text(row, 1)?)?, text(row, 2)?)?)
    })
}

fn observed(connection: &Connection, portal: &PortalName, tenant: &TenantName) -> Result<Vec<(Box<str>, Observation)>, Failure> {
    const SQL: &str = "SELECT name, body FROM tenantry_observed WHERE portal = $1 AND tenant = $2";
    select(connection, SQL, [portal.as_str(), tenant.as_str()], |row| {
        Ok((text(row, 0)?.into(), codec::from_json(text(row, 1)?, "an observation")?))
    })
}

/// Items of all portals and tenants, given out last first.
pub(super) fn work(opened: &Opened, wanted: WorkWanted) -> Result<Vec<(PortalName, WorkItem)>, Failure> {
    if !opened.has_work() {
        return Ok(Vec::new());
    }
    select(&opened.connection, wanted.sql(), [], item_of_row)
}

/// Items with a name.
pub(super) fn called(opened: &Opened, name: &str) -> Result<Vec<(PortalName, WorkItem)>, Failure> {
    let items =
        if opened.has_names() { select(&opened.connection, CALLED, beginning(name), item_of_row)? } else { work(opened, WorkWanted::All)? };
    Ok(WorkWanted::with_name(items, name))
}

fn item_of_row(row: &Row<'_>) -> Result<(PortalName, WorkItem), Failure> {
    let tenant = codec::name(text(row, 1)?)?;
    let address = codec::address(&tenant, text(row, 2)?, text(row, 3)?)?;
    Ok((codec::name(text(row, 0)?)?, codec::work(address, text(row, 4)?)?))
}

/// Every portal and tenant with anything, sorted. Steps from one to the next through the primary key: the rows between are not looked at.
pub(super) fn tenants(connection: &Connection) -> Result<Vec<(PortalName, TenantName)>, Failure> {
    const NEXT: [&str; 3] = [
        "SELECT portal, tenant FROM tenantry_objects WHERE (portal, tenant) > ($1, $2) ORDER BY portal, tenant LIMIT 1",
        "SELECT portal, tenant FROM tenantry_intents WHERE (portal, tenant) > ($1, $2) ORDER BY portal, tenant LIMIT 1",
        "SELECT portal, tenant FROM tenantry_attestations WHERE (portal, tenant) > ($1, $2) ORDER BY portal, tenant LIMIT 1",
    ];
    let mut units = BTreeSet::new();
    for sql in NEXT {
        let mut at = (String::new(), String::new());
        loop {
            let mut next: Vec<(String, String)> = select(connection, sql, [&at.0, &at.1], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let Some(unit) = next.pop() else { break };
            units.insert((codec::name(&unit.0)?, codec::name(&unit.1)?));
            at = unit;
        }
    }
    Ok(units.into_iter().collect())
}

/// The locks that are held, sorted by portal and tenant.
pub(super) fn locks(connection: &Connection) -> Result<Vec<Lock>, Failure> {
    const SQL: &str = "SELECT u.portal, u.tenant, l.id, l.who, l.operation, l.host, l.process, l.started, l.since, l.until
        FROM tenantry_lock_units u JOIN tenantry_locks l ON l.id = u.lock ORDER BY u.portal, u.tenant";
    select(connection, SQL, [], lock)
}

/// The lock of one portal and tenant, if it is held.
pub(super) fn lock_of(connection: &Connection, portal: &PortalName, tenant: &TenantName) -> Result<Option<Lock>, Failure> {
    const SQL: &str = "SELECT u.portal, u.tenant, l.id, l.who, l.operation, l.host, l.process, l.started, l.since, l.until
        FROM tenantry_lock_units u JOIN tenantry_locks l ON l.id = u.lock WHERE u.portal = $1 AND u.tenant = $2";
    Ok(select(connection, SQL, [portal.as_str(), tenant.as_str()], lock)?.pop())
}

fn lock(row: &Row<'_>) -> Result<Lock, Failure> {
    Ok(Lock {
        portal: codec::name(text(row, 0)?)?,
        tenant: codec::name(text(row, 1)?)?,
        id: LockId(text(row, 2)?.into()),
        holder: Holder { who: row.get(3)?, operation: row.get(4)?, host: row.get(5)?, process: row.get(6)?, started: row.get(7)? },
        since: codec::timestamp(row.get(8)?)?,
        until: codec::timestamp(row.get(9)?)?,
    })
}

/// The newest audit records, newest first.
pub(super) fn audit(connection: &Connection, limit: usize) -> Result<Vec<AuditRecord>, Failure> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    select(connection, "SELECT body FROM tenantry_audit ORDER BY seq DESC LIMIT $1", [limit], |row| {
        Ok(codec::from_json(text(row, 0)?, "an audit record")?)
    })
}

/// True if a row has the MAC of a secret.
pub(super) fn holds_secrets(connection: &Connection) -> Result<bool, Failure> {
    Ok(connection.query_row("SELECT EXISTS (SELECT 1 FROM tenantry_objects WHERE secrets IS NOT NULL)", [], |row| row.get(0))?)
}

fn select<T>(
    connection: &Connection,
    sql: &'static str,
    params: impl rusqlite::Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn text<'a>(row: &'a Row<'_>, at: usize) -> Result<&'a str, Failure> {
    match maybe_text(row, at)? {
        Some(text) => Ok(text),
        None => Err(codec::damaged("a text").into()),
    }
}

fn maybe_text<'a>(row: &'a Row<'_>, at: usize) -> Result<Option<&'a str>, Failure> {
    match row.get_ref(at)? {
        ValueRef::Null => Ok(None),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).map(Some).map_err(|_| codec::damaged("a text").into()),
        ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => Err(codec::damaged("a text").into()),
    }
}

fn maybe_bytes<'a>(row: &'a Row<'_>, at: usize) -> Result<Option<&'a [u8]>, Failure> {
    match row.get_ref(at)? {
        ValueRef::Null => Ok(None),
        ValueRef::Blob(bytes) => Ok(Some(bytes)),
        ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Text(_) => Err(codec::damaged("a digest").into()),
    }
}
