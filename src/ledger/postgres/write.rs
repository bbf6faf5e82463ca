//! Writes the tables. Comes in: a session, and what to write. Goes out: nothing, or why not. Each piece of work is one transaction that may be
//! tried again after a lost answer: it finds out by itself whether it happened already.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::GenericClient;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::session::{Failure, Session};
use super::{listen, read};
use crate::ledger::locking::{self, Lease};
use crate::ledger::writes::{self, Param, Step};
use crate::ledger::{Holder, LedgerError, LockId, PortalName, TenantName, Write, codec};

const LAST_COMMIT: &str = "SELECT last_commit FROM tenantry_locks WHERE id = $1";
const COVERED: &str = "SELECT u.portal, u.tenant FROM tenantry_lock_units u
    JOIN unnest($1::text[], $2::text[]) AS wanted (portal, tenant) ON u.portal = wanted.portal AND u.tenant = wanted.tenant WHERE u.lock = $3";
const KNOWN: &str = "SELECT 1 FROM tenantry_locks WHERE id = $1";
/// `FOR UPDATE`: a commit under one of these locks ends first, and a renewal is seen.
const IN_THE_WAY: &str = "SELECT u.portal, u.tenant, l.id, l.who, l.operation, l.host, l.process, l.started, l.since, l.until
    FROM tenantry_lock_units u JOIN tenantry_locks l ON l.id = u.lock
    JOIN unnest($1::text[], $2::text[]) AS wanted (portal, tenant) ON u.portal = wanted.portal AND u.tenant = wanted.tenant
    ORDER BY l.id FOR UPDATE OF l";
const TAKE: &str = "INSERT INTO tenantry_locks (id, who, operation, host, process, started, since, until)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const TAKE_UNITS: &str = "INSERT INTO tenantry_lock_units (portal, tenant, lock)
    SELECT portal, tenant, $3 FROM unnest($1::text[], $2::text[]) AS wanted (portal, tenant)";
/// Those who take locks do so one after the other: two that want the same ones in another order would wait for each other.
const ONE_BY_ONE: &str = "SELECT pg_advisory_xact_lock(hashtext('tenantry locks'), hashtext(current_schema()))";
/// Not `now()`, which is the time at which the transaction began, before it waited.
const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
const RENEW: &str = "UPDATE tenantry_locks SET until = $1 WHERE id = $2";

/// One commit under a lock, known by its id.
pub(super) async fn commit(session: &mut Session, lock: &LockId, commit: &LockId, writes: &[Write]) -> Result<(), Failure> {
    let mark = session.prepare(writes::MARK).await?;
    let covered = session.prepare(COVERED).await?;
    let count = session.prepare(writes::COUNT).await?;
    let tell = session.prepare(listen::TELL).await?;
    let steps = writes::steps(writes)?;
    let mut statements = Vec::with_capacity(steps.len());
    for step in &steps {
        statements.push(session.prepare(step.sql).await?);
    }
    let tx = session.client.transaction().await?;
    if tx.execute(&mark, &[&commit.0, &lock.0]).await? == 0 {
        let row = tx.query_opt(LAST_COMMIT, &[&lock.0]).await?.ok_or_else(|| LedgerError::LockLost(lock.clone()))?;
        let last: Option<&str> = read::column(&row, 0)?;
        // It happened, and only its answer was lost.
        return if last == Some(&*commit.0) { Ok(()) } else { Err(LedgerError::LockLost(lock.clone()).into()) };
    }
    let wanted = writes::units(writes);
    let (portals, tenants): (Vec<&str>, Vec<&str>) = wanted.iter().map(|(p, t)| (p.as_str(), t.as_str())).unzip();
    let held = tx.query(&covered, &[&portals, &tenants, &lock.0]).await?;
    let held = held.iter().map(|r| Ok((read::column(r, 0)?, read::column(r, 1)?))).collect::<Result<BTreeSet<(&str, &str)>, Failure>>()?;
    if let Some((portal, tenant)) = wanted.into_iter().find(|(p, t)| !held.contains(&(p.as_str(), t.as_str()))) {
        return Err(writes::not_covered(portal, tenant).into());
    }
    let params: Vec<Vec<&(dyn ToSql + Sync)>> = steps.iter().map(|s| s.params.iter().map(param).collect()).collect();
    let calls = statements.iter().zip(&params).map(|(statement, params)| tx.execute(statement, params)).collect();
    for (step, touched) in steps.iter().zip(in_order(calls).await) {
        judge(step, touched)?;
    }
    tx.query(&tell, &[&portals, &tenants]).await?;
    // The last statement, because every other commit waits for this row.
    tx.execute(&count, &[]).await?;
    tx.commit().await?;
    Ok(())
}

/// Sends every call before it waits for the first answer: tokio-postgres sends a request when its future is first polled, so that five hundred
/// writes cost one round trip and not five hundred.
async fn in_order<F: Future>(calls: Vec<F>) -> Vec<F::Output> {
    let mut calls: Vec<Pin<Box<F>>> = calls.into_iter().map(Box::pin).collect();
    let mut answers: Vec<Option<F::Output>> = Vec::with_capacity(calls.len());
    std::future::poll_fn(|context| {
        answers.extend(calls.iter_mut().map(|call| match call.as_mut().poll(context) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }));
        Poll::Ready(())
    })
    .await;
    let mut all = Vec::with_capacity(calls.len());
    for (call, answer) in calls.into_iter().zip(answers) {
        all.push(match answer {
            Some(answer) => answer,
            None => call.await,
        });
    }
    all
}

fn judge(step: &Step<'_>, touched: Result<u64, tokio_postgres::Error>) -> Result<(), Failure> {
    match (touched, &step.on_none, &step.on_duplicate) {
        (Ok(0), Some(why), _) => Err(LedgerError::Conflict(why.clone()).into()),
        (Ok(_), _, _) => Ok(()),
        (Err(e), _, Some(why)) if e.code() == Some(&SqlState::UNIQUE_VIOLATION) => Err(LedgerError::Conflict(why.clone()).into()),
        (Err(e), _, _) => Err(e.into()),
    }
}

fn param<'a>(param: &'a Param<'a>) -> &'a (dyn ToSql + Sync) {
    match param {
        Param::Text(text) => text,
        Param::MaybeText(text) => text,
        Param::Integer(number) => number,
        Param::Bool(yes) => yes,
        Param::Bytes(bytes) => bytes,
    }
}

/// Takes locks, all or none.
pub(super) async fn lock(
    session: &mut Session,
    units: &BTreeSet<(PortalName, TenantName)>,
    id: &LockId,
    holder: &Holder,
    lease: Duration,
) -> Result<(), Failure> {
    let (portals, tenants): (Vec<&str>, Vec<&str>) = units.iter().map(|(p, t)| (p.as_str(), t.as_str())).unzip();
    let tx = session.client.transaction().await?;
    tx.batch_execute(ONE_BY_ONE).await?;
    if tx.query_opt(KNOWN, &[&id.0]).await?.is_some() {
        return Ok(());
    }
    let in_the_way = read::sorted_locks(&tx.query(IN_THE_WAY, &[&portals, &tenants]).await?)?;
    // Asked for after the waiting.
    let Lease { since, until } = Lease::new(clock(&tx).await?, lease);
    let over: Vec<Box<str>> = locking::take_over(in_the_way, since).map_err(LedgerError::Locked)?.into_iter().collect();
    tx.execute("DELETE FROM tenantry_locks WHERE id = ANY ($1)", &[&over]).await?;
    let Holder { who, operation, host, process, started } = holder;
    let (since, until) = (codec::nanos(since), codec::nanos(until));
    tx.execute(TAKE, &[&id.0, who, operation, host, &i64::from(*process), started, &since, &until]).await?;
    tx.execute(TAKE_UNITS, &[&portals, &tenants, &id.0]).await?;
    tx.commit().await?;
    Ok(())
}

/// Extends the lease of everything held under an id.
pub(super) async fn renew(session: &mut Session, id: &LockId, lease: Duration) -> Result<(), Failure> {
    let until = codec::nanos(Lease::new(clock(&session.client).await?, lease).until);
    let renewed = session.client.execute(RENEW, &[&until, &id.0]).await?;
    if renewed == 0 { Err(LedgerError::LockLost(id.clone()).into()) } else { Ok(()) }
}

/// What time it is by the server's clock, which is the same for every runner.
async fn clock(client: &impl GenericClient) -> Result<Timestamp, Failure> {
    let micros: i64 = client.query_one(CLOCK, &[]).await?.try_get(0)?;
    Ok(Timestamp::from_microsecond(micros).map_err(|_| LedgerError::Unavailable("the PostgreSQL server's clock is wrong".to_owned()))?)
}

/// Takes the id of a lost ledger's installation.
pub(super) async fn claim(session: &mut Session, installation: &str, record: &str) -> Result<(), Failure> {
    let tx = session.client.transaction().await?;
    // Nobody takes a lock, which everybody who writes has to, until this has ended.
    tx.batch_execute(ONE_BY_ONE).await?;
    let row = tx.query_one("SELECT installation FROM tenantry_meta", &[]).await?;
    if read::column::<&str>(&row, 0)? == installation {
        return Ok(());
    }
    if tx.execute(writes::CLAIM, &[&installation]).await? == 0 {
        return Err(locking::not_empty().into());
    }
    tx.execute(writes::AUDIT, &[&record]).await?;
    tx.commit().await?;
    Ok(())
}

/// Lets go of everything held under an id; how much that was.
pub(super) async fn unlock(session: &mut Session, id: &LockId) -> Result<usize, Failure> {
    let tx = session.client.transaction().await?;
    let row = tx.query_one("SELECT count(*) FROM tenantry_lock_units WHERE lock = $1", &[&id.0]).await?;
    let held: i64 = read::column(&row, 0)?;
    tx.execute("DELETE FROM tenantry_locks WHERE id = $1", &[&id.0]).await?;
    tx.commit().await?;
    Ok(usize::try_from(held).unwrap_or(0))
}
