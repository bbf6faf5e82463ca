//! Who we are: the object `installation`, made once. Comes in: the ledger's objects. Goes out: the installation's id. Never makes a second one.

use serde::{Deserialize, Serialize};

use super::changes::Placed;
use super::client::{Failure, Shards};
use super::read;
use super::shard::{self, Shard};
use crate::ledger::{AuditRecord, LedgerError, codec, locking};

/// Its body.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body {
    pub(super) installation: String,
    /// Commits of no portal and tenant: claims.
    #[serde(default)]
    pub(super) serial: u64,
    #[serde(default)]
    pub(super) audit: Vec<Placed<AuditRecord>>,
}

pub(super) async fn read(shards: &Shards) -> Result<Option<Body>, Failure> {
    let shard = shards.get(shard::INSTALLATION).await?;
    Ok(shard.map(|shard| codec::from_json(&shard.spec.body, "the installation")).transpose()?)
}

/// Refuses where there is none: it was there when the ledger was opened.
pub(super) async fn is_there(shards: &Shards) -> Result<(), Failure> {
    let lost = "the ledger's object `installation` is gone, and maybe all of the ledger: restore it from a backup; if there is none, start this \
        program again, and then `tenantry ledger claim` (docs/ledger.md)";
    match shards.get_metadata(shard::INSTALLATION).await? {
        Some(_) => Ok(()),
        None => Err(LedgerError::Unavailable(lost.to_owned()).into()),
    }
}

/// Makes it where there is none. Of two who do so at once one is faster, and the other takes its word.
pub(super) async fn make(shards: &Shards) -> Result<(), Failure> {
    let mut last = Failure::Conflict;
    for attempt in 0..5 {
        if shards.get(shard::INSTALLATION).await?.is_some() {
            return Ok(());
        }
        let body = Body { installation: locking::new_installation()?, serial: 0, audit: Vec::new() };
        match shards.create(&Shard::new("installation", shard::INSTALLATION.to_owned(), codec::json(&body)?)).await {
            Ok(_) => return Ok(()),
            Err(failure @ (Failure::Conflict | Failure::Unknown(_))) => last = super::after(failure, attempt).await,
            Err(failure) => return Err(failure),
        }
    }
    Err(last)
}

/// Takes the id of a lost ledger's installation.
pub(super) async fn claim(shards: &Shards, installation: &str, record: &AuditRecord) -> Result<(), Failure> {
    let mut last = Failure::Conflict;
    for attempt in 0..5 {
        let lost = || LedgerError::Unavailable("the object `installation` of the ledger was taken away".to_owned());
        let mut shard = shards.get(shard::INSTALLATION).await?.ok_or_else(lost)?;
        let mut body: Body = codec::from_json(&shard.spec.body, "the installation")?;
        if body.installation == installation {
            return Ok(());
        }
        let something = read::summaries(shards).await?.iter().any(|(_, summary)| summary.has_something());
        if something || !super::locks::all(shards).await?.is_empty() {
            return Err(locking::not_empty().into());
        }
        installation.clone_into(&mut body.installation);
        body.serial += 1;
        body.audit.push(Placed { seq: locking::new_id().0.into(), value: record.clone() });
        shard.spec.body = codec::json(&body)?;
        match shards.replace(&shard).await {
            Ok(_) => return Ok(()),
            Err(failure @ (Failure::Conflict | Failure::Unknown(_))) => last = super::after(failure, attempt).await,
            Err(failure) => return Err(failure),
        }
    }
    Err(last)
}
