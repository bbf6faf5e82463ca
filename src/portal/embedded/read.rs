//! Reads a directory: whole tenants, each by one query, all from one moment.
//!
//! Comes in: tenants. Goes out: their live state. A file that is not there reads as an empty directory, and is not made.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::objects::{COLUMNS, MSP, from_row, tenant_kind, tenant_named};
use super::{Clock, store};
use crate::model::live::{KeyHolder, normalise_key};
use crate::model::rule::Conduct;
use crate::model::{Capabilities, Collection, Completeness, KeyScope, Kind, LiveObject, LiveTenant, Name, Readability};
use crate::portal::{Observe, PortalError, Profile, TenantKey};

/// A directory opened to read. Cheap to clone: clones share the file and its open connections.
#[derive(Clone)]
pub(super) struct Reader {
    file: Arc<PathBuf>,
    profile: Arc<Profile>,
    capabilities: Arc<Capabilities>,
    clock: Clock,
    /// Connections that nobody uses now: tenants are read side by side, each reader on its own.
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Reader {
    pub(super) fn new(file: PathBuf, profile: Arc<Profile>, capabilities: Arc<Capabilities>, clock: Clock) -> Self {
        Self { file: Arc::new(file), profile, capabilities, clock, idle: Arc::default() }
    }

    /// Does something with one moment's state of the file, off the runtime's threads; `None` where there is no file.
    async fn within<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reader, Option<&Connection>) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, PortalError> {
        let reader = self.clone();
        let done = tokio::task::spawn_blocking(move || reader.now_within(work)).await;
        done.map_err(|e| PortalError::Unavailable(format!("the read was cut short: {e}")))?
    }

    fn now_within<T>(&self, work: impl FnOnce(&Reader, Option<&Connection>) -> Result<T, rusqlite::Error>) -> Result<T, PortalError> {
        let failed = |e: rusqlite::Error| store::unavailable(&self.file, &e);
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => Some(connection),
            None => store::open_to_read(&self.file)?,
        };
        let Some(mut connection) = connection else { return work(self, None).map_err(failed) };
        let moment = connection.transaction().map_err(failed)?;
        let answer = work(self, Some(&moment)).map_err(failed)?;
        moment.finish().map_err(failed)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(answer)
    }

    fn tenant(&self, connection: &Connection, key: &TenantKey, now: Timestamp) -> rusqlite::Result<LiveTenant> {
        let mut tenant = self.empty();
        let Some(id) = tenant_id(connection, key)? else { return Ok(tenant) };
        let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM object WHERE tenant = ?1"))?;
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()? {
            let Some(object) = from_row(row)? else { continue };
            if let Some(collection) = tenant.collections.get_mut(&object.kind)
                && collection.completeness == Completeness::Complete
            {
                collection.objects.push(object.shown(now));
            }
        }
        for collection in tenant.collections.values_mut() {
            collection.objects.shrink_to_fit();
        }
        Ok(tenant)
    }

    /// Every object of a kind, each with its tenant's id, sorted by key.
    pub(super) async fn every(&self, kind: Kind) -> Result<Vec<(Box<str>, LiveObject)>, PortalError> {
        self.within(move |reader, connection| {
            let now = (reader.clock)();
            let Some(connection) = connection else { return Ok(Vec::new()) };
            let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM object WHERE kind = ?1 ORDER BY key, id"))?;
            let rows = statement.query_map([kind.def().slug], from_row)?.collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(rows.into_iter().flatten().map(|o| (o.tenant.as_str().into(), o.shown(now))).collect())
        })
        .await
    }

    /// A tenant that is not there: every kind that can be listed is proven absent.
    fn empty(&self) -> LiveTenant {
        let collections = self.capabilities().kinds.iter().map(|(kind, capability)| {
            let completeness = match capability.read {
                Readability::Listed => Completeness::Complete,
                Readability::Unreadable => Completeness::Unreadable,
            };
            (*kind, Collection { completeness, objects: Vec::new() })
        });
        LiveTenant { collections: collections.collect::<BTreeMap<_, _>>(), ..LiveTenant::default() }
    }
}

#[async_trait]
impl Observe for Reader {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn conduct(&self) -> &dyn Conduct {
        &*self.profile
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        let tenants = tenants.to_vec();
        self.within(move |reader, connection| {
            let now = (reader.clock)();
            tenants.iter().map(|key| connection.map_or_else(|| Ok(reader.empty()), |c| reader.tenant(c, key, now))).collect()
        })
        .await
    }

    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        self.within(|_, connection| {
            let mut tenants = vec![TenantKey { name: Name::msp(), id: None }];
            if let Some(connection) = connection {
                let mut statement =
                    connection.prepare_cached("SELECT key, id FROM object WHERE kind = ?1 AND tenant <> ?2 ORDER BY key")?;
                let rows =
                    statement.query_map([tenant_kind().def().slug, MSP], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))?;
                for row in rows {
                    let (key, id) = row?;
                    tenants.push(TenantKey { name: Name::slugify(&key), id: Some(id.into()) });
                }
            }
            Ok(tenants)
        })
        .await
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        if self.capabilities().kind(kind).is_none_or(|c| c.key_scope == KeyScope::Tenant) {
            let why = format!("the keys of {} are unique within a tenant only", kind.def().nouns);
            return Ok(keys.iter().map(|_| KeyHolder::Unknown { why: why.clone() }).collect());
        }
        let keys: Vec<_> = keys.iter().map(|k| normalise_key(k)).collect();
        self.within(move |_, connection| {
            let holder = |key: &str| connection.map_or(Ok(KeyHolder::Free), |c| holder(c, kind, key));
            keys.iter().map(|k| holder(k)).collect()
        })
        .await
    }
}

fn tenant_id(connection: &Connection, key: &TenantKey) -> rusqlite::Result<Option<String>> {
    if let Some(id) = &key.id
        && !key.name.is_msp()
    {
        let mut statement = connection.prepare_cached("SELECT tenant FROM object WHERE id = ?1 AND kind = ?2")?;
        let found = statement.query_row([id, tenant_kind().def().slug], |row| row.get(0)).optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    tenant_named(connection, key.name.as_str())
}

fn holder(connection: &Connection, kind: Kind, key: &str) -> rusqlite::Result<KeyHolder> {
    let sql = "SELECT o.id, t.key FROM object o LEFT JOIN object t ON t.id = o.tenant WHERE o.kind = ?1 AND o.key = ?2 LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row([kind.def().slug, key], |row| {
        // The MSP's tenant need not have an organization of its own.
        let tenant: Option<String> = row.get(1)?;
        Ok(KeyHolder::Held { tenant: Some(tenant.unwrap_or_else(|| MSP.to_owned())), id: Some(row.get(0)?) })
    });
    Ok(found.optional()?.unwrap_or(KeyHolder::Free))
}
