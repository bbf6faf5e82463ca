//! What was seen a moment ago of one tenant in one portal. Comes in: portals and the ledger, to read. Goes out: both again, remembered for a few
//! seconds: whoever applies twenty documents of a customer asks its portal once, and what would be declared is compared with what is declared
//! against the very same live state. Only reads, and few tenants of a portal at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{OnceCell, Semaphore};

use crate::controller::{Controller, UnitKey};
use crate::ledger::{AuditRecord, Identity, Ledger, LedgerError, LedgerRead, Lock, WorkWanted};
use crate::model::ledger::LedgerState;
use crate::model::live::KeyHolder;
use crate::model::rule::Conduct;
use crate::model::work_order::WorkItem;
use crate::model::{Capabilities, Kind, LiveTenant, PortalName, TenantName};
use crate::portal::{Observe, PortalError, TenantKey};

/// How long it is remembered: about as long as a person's `kubectl apply` of a customer takes. What a visit finds later counts at once.
const FRESH: Duration = Duration::from_secs(10);
/// Most tenants that are remembered.
const MOST: usize = 256;
/// Tenants of a portal that are read at the same time: the portal's calls are the controller's, before all.
const READ_AT_ONCE: usize = 2;
/// A reading that takes longer is given up. It goes on when nobody waits any more: who asks next has it.
const GIVEN_UP: Duration = Duration::from_secs(30);

/// What was seen of some tenants.
#[derive(Default)]
pub(super) struct Glimpses {
    seen: Mutex<BTreeMap<UnitKey, (Timestamp, Arc<Glimpse>)>>,
    places: Mutex<BTreeMap<PortalName, Arc<Semaphore>>>,
}

impl Glimpses {
    /// What was seen of a unit, or is to be seen.
    pub(super) fn of(&self, unit: &UnitKey, observe: &Arc<dyn Observe>, ledger: &Arc<dyn Ledger>, controller: &Controller) -> Arc<Glimpse> {
        let now = Timestamp::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, (at, _)| now.duration_since(*at).unsigned_abs() < FRESH);
        let known = seen.get(unit).filter(|(at, glimpse)| {
            // A portal that was opened anew is another, and after a visit much may be other than it was.
            Arc::ptr_eq(&glimpse.inner, observe) && controller.visited(unit).is_none_or(|visited| visited < *at)
        });
        if let Some((_, glimpse)) = known {
            return Arc::clone(glimpse);
        }
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let places = Arc::clone(places.entry(unit.portal.clone()).or_insert_with(|| Arc::new(Semaphore::new(READ_AT_ONCE))));
        let glimpse = Arc::new(Glimpse::new(unit.clone(), Arc::clone(observe), Arc::clone(ledger), places));
        if seen.len() >= MOST
            && let Some(oldest) = seen.iter().min_by_key(|(_, (at, _))| *at).map(|(unit, _)| unit.clone())
        {
            seen.remove(&oldest);
        }
        seen.insert(unit.clone(), (now, Arc::clone(&glimpse)));
        glimpse
    }
}

type Once<T> = Arc<OnceCell<Result<T, PortalError>>>;

/// One tenant in one portal, as it was a moment ago.
pub(super) struct Glimpse {
    unit: UnitKey,
    inner: Arc<dyn Observe>,
    ledger: Arc<dyn Ledger>,
    places: Arc<Semaphore>,
    identity: OnceCell<Identity>,
    recorded: OnceCell<LedgerState>,
    live: Mutex<BTreeMap<TenantKey, Once<LiveTenant>>>,
    listed: Once<Vec<TenantKey>>,
    holders: Mutex<BTreeMap<(Kind, Box<str>), KeyHolder>>,
}

impl Glimpse {
    fn new(unit: UnitKey, inner: Arc<dyn Observe>, ledger: Arc<dyn Ledger>, places: Arc<Semaphore>) -> Self {
        Self {
            unit,
            inner,
            ledger,
            places,
            identity: OnceCell::new(),
            recorded: OnceCell::new(),
            live: Mutex::default(),
            listed: Once::default(),
            holders: Mutex::default(),
        }
    }

    async fn recorded(&self) -> Result<&LedgerState, LedgerError> {
        let read = || async {
            let mut states = self.ledger.read(&self.unit.portal, std::slice::from_ref(&self.unit.tenant)).await?;
            Ok(states.pop().unwrap_or_default())
        };
        self.recorded.get_or_try_init(read).await
    }

    /// Asks once, whoever waits for the answer and however long.
    async fn once<T, F>(&self, cell: Once<T>, ask: impl FnOnce(Arc<dyn Observe>) -> F + Send + 'static) -> Result<T, PortalError>
    where
        T: Clone + Send + Sync + 'static,
        F: Future<Output = Result<T, PortalError>> + Send,
    {
        let (inner, places) = (Arc::clone(&self.inner), Arc::clone(&self.places));
        let asking = tokio::spawn(async move {
            let answer = cell.get_or_init(|| async move {
                let _place = places.acquire().await;
                let late = || PortalError::Unavailable("it takes too long to answer".to_owned());
                tokio::time::timeout(GIVEN_UP, ask(inner)).await.unwrap_or_else(|_| Err(late()))
            });
            answer.await.clone()
        });
        asking.await.unwrap_or_else(|error| Err(PortalError::Unavailable(error.to_string())))
    }
}

#[async_trait]
impl Observe for Glimpse {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn conduct(&self) -> &dyn Conduct {
        self.inner.conduct()
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        let mut all = Vec::with_capacity(tenants.len());
        for key in tenants {
            let cell = Arc::clone(self.live.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default());
            let key = key.clone();
            let read = move |inner: Arc<dyn Observe>| async move {
                let mut live = inner.read(std::slice::from_ref(&key)).await?;
                Ok(live.pop().unwrap_or_default())
            };
            all.push(self.once(cell, read).await?);
        }
        Ok(all)
    }

    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        self.once(Arc::clone(&self.listed), |inner: Arc<dyn Observe>| async move { inner.tenants().await }).await
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        let known = |key: &str| self.holders.lock().unwrap_or_else(PoisonError::into_inner).get(&(kind, key.into())).cloned();
        let missing: Vec<&str> = keys.iter().copied().filter(|key| known(key).is_none()).collect();
        if !missing.is_empty() {
            let _place = self.places.acquire().await;
            let answers = self.inner.holders(kind, &missing).await?;
            let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
            holders.extend(missing.into_iter().map(|key| (kind, key.into())).zip(answers));
        }
        let unknown = || KeyHolder::Unknown { why: "it was not asked".to_owned() };
        Ok(keys.iter().map(|key| known(key).unwrap_or_else(unknown)).collect())
    }
}

#[async_trait]
impl LedgerRead for Glimpse {
    async fn identity(&self) -> Result<Identity, LedgerError> {
        self.identity.get_or_try_init(|| self.ledger.identity()).await.cloned()
    }

    async fn read(&self, portal: &PortalName, tenants: &[TenantName]) -> Result<Vec<LedgerState>, LedgerError> {
        if *portal == self.unit.portal && *tenants == [self.unit.tenant.clone()] {
            return Ok(vec![self.recorded().await?.clone()]);
        }
        self.ledger.read(portal, tenants).await
    }

    /// Of others nothing is asked here, so that nobody is listed.
    async fn tenants(&self) -> Result<Vec<(PortalName, TenantName)>, LedgerError> {
        let LedgerState { rows, intents, attestations, .. } = self.recorded().await?;
        let is_known = !(rows.is_empty() && intents.is_empty() && attestations.is_empty());
        Ok(is_known.then(|| (self.unit.portal.clone(), self.unit.tenant.clone())).into_iter().collect())
    }

    async fn locks(&self) -> Result<Vec<Lock>, LedgerError> {
        self.ledger.locks().await
    }

    async fn audit(&self, limit: usize) -> Result<Vec<AuditRecord>, LedgerError> {
        self.ledger.audit(limit).await
    }

    async fn work(&self, wanted: WorkWanted) -> Result<Vec<(PortalName, WorkItem)>, LedgerError> {
        self.ledger.work(wanted).await
    }
}
