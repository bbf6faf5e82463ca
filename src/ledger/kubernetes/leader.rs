//! Leadership: the one lock that is not ours alone to understand, and therefore a `Lease` of coordination.k8s.io, which cluster tools show.
//!
//! Comes in: who wants to lead. Goes out: a lock, or who leads. Times are the API server's, as those of locks.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};

use super::client::{Failure, Shards};
use super::locks::MARGIN;
use super::shard::{LOCK, annotation};
use crate::ledger::{Holder, LedgerError, Lock, LockId, codec, locking};

/// The lease's name.
const NAME: &str = "tenantry-controller";
/// What the id of a leader's lock has in front.
const PREFIX: &str = "leader-";
const HOLDER: &str = "tenantry.dev/holder";

/// True of the id of a leader's lock.
pub(super) fn is_leaders(id: &LockId) -> bool {
    id.0.starts_with(PREFIX)
}

fn api(shards: &Shards) -> Api<Lease> {
    Api::namespaced(shards.client.clone(), &shards.namespace)
}

async fn get(shards: &Shards) -> Result<Option<Lease>, Failure> {
    shards.found(shards.wait(api(shards).get(NAME)).await)
}

async fn replace(shards: &Shards, lease: &Lease) -> Result<(), Failure> {
    let replaced = shards.wait(api(shards).replace(NAME, &PostParams::default(), lease)).await;
    replaced.map(drop).map_err(|error| shards.failure(error))
}

/// The lock that a lease is; `None`: nobody leads.
fn lock_of(lease: &Lease) -> Option<Lock> {
    let spec = lease.spec.as_ref()?;
    let who = spec.holder_identity.clone().filter(|who| !who.is_empty())?;
    let (since, renewed) = (spec.acquire_time.as_ref(), spec.renew_time.as_ref()?.0);
    let length = SignedDuration::from_secs(spec.lease_duration_seconds.unwrap_or(0).into());
    // Of another program's lease only this is known.
    let stranger = || Holder { who, operation: "lead".to_owned(), host: String::new(), process: 0, started: String::new() };
    let holder = annotation(&lease.metadata, HOLDER).and_then(|text| serde_json::from_str(text).ok());
    let (portal, tenant) = crate::ledger::leadership();
    Some(Lock {
        id: LockId(annotation(&lease.metadata, LOCK).unwrap_or(PREFIX).into()),
        portal,
        tenant,
        holder: holder.unwrap_or_else(stranger),
        since: since.map_or(renewed, |since| since.0),
        until: renewed.checked_add(length).unwrap_or(Timestamp::MAX),
    })
}

/// Who leads, if anybody.
pub(super) async fn read(shards: &Shards) -> Result<Option<Lock>, Failure> {
    Ok(get(shards).await?.as_ref().and_then(lock_of))
}

/// Takes leadership where nobody has it.
pub(super) async fn take(shards: &Shards, holder: &Holder, lease: Duration) -> Result<LockId, Failure> {
    let id = LockId(format!("{PREFIX}{}", locking::new_id().0).into());
    let mut last = Failure::Conflict;
    for attempt in 0..5 {
        let (known, now) = shards.get_at::<Lease>(NAME).await?;
        let leads = known.as_ref().and_then(lock_of);
        let written = match (known, leads) {
            (_, Some(lock)) if lock.id == id => return Ok(id),
            (_, Some(lock)) if lock.until.checked_add(MARGIN).is_ok_and(|until| until > now) && !lock.holder.proven_dead() => {
                return Err(LedgerError::Locked(Box::new(lock)).into());
            }
            (None, _) => {
                let new = Lease { metadata: ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() }, spec: None };
                let created = shards.wait(api(shards).create(&PostParams::default(), &led(new, &id, holder, lease, now)?)).await;
                created.map(drop).map_err(|error| shards.failure(error))
            }
            (Some(known), _) => replace(shards, &led(known, &id, holder, lease, now)?).await,
        };
        match written {
            Ok(()) => return Ok(id),
            Err(failure @ (Failure::Conflict | Failure::Unknown(_))) => last = super::after(failure, attempt).await,
            Err(failure) => return Err(failure),
        }
    }
    Err(last)
}

fn led(mut lease: Lease, id: &LockId, holder: &Holder, length: Duration, now: Timestamp) -> Result<Lease, LedgerError> {
    let former = lease.spec.take().unwrap_or_default();
    let annotations: &mut BTreeMap<String, String> = lease.metadata.annotations.get_or_insert_default();
    annotations.insert(LOCK.to_owned(), id.0.to_string());
    annotations.insert(HOLDER.to_owned(), codec::json(holder)?);
    lease.spec = Some(LeaseSpec {
        holder_identity: Some(holder.who.clone()),
        acquire_time: Some(MicroTime(now)),
        renew_time: Some(MicroTime(now)),
        lease_duration_seconds: Some(seconds(length)),
        lease_transitions: Some(former.lease_transitions.unwrap_or(0).saturating_add(1)),
        ..former
    });
    Ok(lease)
}

/// A lease has whole seconds, and at least one.
fn seconds(length: Duration) -> i32 {
    i32::try_from(length.as_secs()).unwrap_or(i32::MAX).max(1)
}

/// The lease, if that lock still holds it.
async fn held(shards: &Shards, id: &LockId) -> Result<Option<(Lease, LeaseSpec)>, Failure> {
    Ok(held_by(get(shards).await?, id))
}

fn held_by(lease: Option<Lease>, id: &LockId) -> Option<(Lease, LeaseSpec)> {
    let lease = lease.filter(|lease| lock_of(lease).is_some_and(|lock| lock.id == *id));
    lease.and_then(|mut lease| lease.spec.take().map(|spec| (lease, spec)))
}

pub(super) async fn renew(shards: &Shards, id: &LockId, length: Duration) -> Result<(), Failure> {
    let lost = || LedgerError::LockLost(id.clone());
    for attempt in 0..5 {
        let (lease, now) = shards.get_at(NAME).await?;
        let (mut lease, spec) = held_by(lease, id).ok_or_else(lost)?;
        lease.spec = Some(LeaseSpec { renew_time: Some(MicroTime(now)), lease_duration_seconds: Some(seconds(length)), ..spec });
        match replace(shards, &lease).await {
            Err(Failure::Conflict) => tokio::time::sleep(super::pause(attempt)).await,
            renewed => return renewed,
        }
    }
    Err(Failure::Conflict)
}

/// Gives leadership back; how many locks that were.
pub(super) async fn release(shards: &Shards, id: &LockId) -> Result<usize, Failure> {
    for attempt in 0..5 {
        let Some((mut lease, spec)) = held(shards, id).await? else { return Ok(0) };
        // Nobody: the next one need not wait for the lease to end. The object stays, and counts who led.
        lease.spec = Some(LeaseSpec { holder_identity: None, ..spec });
        match replace(shards, &lease).await {
            Ok(()) => return Ok(1),
            Err(Failure::Conflict) => tokio::time::sleep(super::pause(attempt)).await,
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::Conflict)
}
