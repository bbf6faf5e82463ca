//! Writes the tables. Comes in: an open transaction, and what to write. Goes out: nothing, or why not; the caller commits or lets go.

use std::collections::BTreeSet;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{ErrorCode, ToSql, Transaction};

use super::open::Failure;
use super::read;
use crate::ledger::locking::{self, Lease};
use crate::ledger::writes::{self, Param, Step};
use crate::ledger::{AuditRecord, Holder, LedgerError, Lock, LockId, PortalName, TenantName, Write, codec};

/// One commit under a lock.
pub(super) fn commit(tx: &Transaction<'_>, lock: &LockId, writes: &[Write]) -> Result<(), Failure> {
    let commit = locking::new_id();
    if tx.prepare_cached(writes::MARK)?.execute([&commit.0, &lock.0])? == 0 {
        return Err(LedgerError::LockLost(lock.clone()).into());
    }
    for (portal, tenant) in writes::units(writes) {
        const COVERED: &str = "SELECT 1 FROM tenantry_lock_units WHERE portal = $1 AND tenant = $2 AND lock = $3";
        if !tx.prepare_cached(COVERED)?.exists([portal.as_str(), tenant.as_str(), &lock.0])? {
            return Err(writes::not_covered(portal, tenant).into());
        }
    }
    for step in writes::steps(writes)? {
        run(tx, &step)?;
    }
    tx.prepare_cached(writes::COUNT)?.execute([])?;
    Ok(())
}

fn run(tx: &Transaction<'_>, step: &Step<'_>) -> Result<(), Failure> {
    let touched = tx.prepare_cached(step.sql)?.execute(rusqlite::params_from_iter(&step.params));
    match (touched, &step.on_none, &step.on_duplicate) {
        (Ok(0), Some(why), _) => Err(LedgerError::Conflict(why.clone()).into()),
        (Ok(_), _, _) => Ok(()),
        (Err(e), _, Some(why)) if e.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(LedgerError::Conflict(why.clone()).into())
        }
        (Err(e), _, _) => Err(e.into()),
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::MaybeText(Some(text)) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Bytes(Some(bytes)) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::MaybeText(None) | Self::Bytes(None) => ToSqlOutput::Owned(Value::Null),
            Self::Integer(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Self::Bool(yes) => ToSqlOutput::Owned(Value::Integer(i64::from(*yes))),
        })
    }
}

/// Takes locks, all or none.
pub(super) fn lock(
    tx: &Transaction<'_>,
    units: &BTreeSet<(PortalName, TenantName)>,
    id: &LockId,
    holder: &Holder,
    lease: &Lease,
) -> Result<(), Failure> {
    let mut in_the_way: Vec<Lock> = Vec::new();
    for (portal, tenant) in units {
        in_the_way.extend(read::lock_of(tx, portal, tenant)?);
    }
    for over in locking::take_over(in_the_way, lease.since).map_err(LedgerError::Locked)? {
        unlock(tx, &LockId(over))?;
    }
    let Holder { who, operation, host, process, started } = holder;
    tx.prepare_cached(
        "INSERT INTO tenantry_locks (id, who, operation, host, process, started, since, until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )?
    .execute((&id.0, who, operation, host, process, started, codec::nanos(lease.since), codec::nanos(lease.until)))?;
    for (portal, tenant) in units {
        tx.prepare_cached("INSERT INTO tenantry_lock_units (portal, tenant, lock) VALUES ($1, $2, $3)")?.execute([
            portal.as_str(),
            tenant.as_str(),
            &id.0,
        ])?;
    }
    Ok(())
}

/// Lets go of everything held under an id; how much that was.
pub(super) fn unlock(tx: &Transaction<'_>, id: &LockId) -> Result<usize, Failure> {
    let held: i64 = tx.prepare_cached("SELECT count(*) FROM tenantry_lock_units WHERE lock = $1")?.query_row([&id.0], |row| row.get(0))?;
    tx.prepare_cached("DELETE FROM tenantry_locks WHERE id = $1")?.execute([&id.0])?;
    Ok(usize::try_from(held).unwrap_or(0))
}

/// Takes the id of a lost ledger's installation.
pub(super) fn claim(tx: &Transaction<'_>, installation: &str, record: &AuditRecord) -> Result<(), Failure> {
    if *read::identity(tx)?.installation == *installation {
        return Ok(());
    }
    if tx.execute(writes::CLAIM, [installation])? == 0 {
        return Err(locking::not_empty().into());
    }
    tx.execute(writes::AUDIT, [codec::json(record)?])?;
    Ok(())
}
