//! The embedded portal through a driver that counts what is asked of it, and takes its time where a test says so.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tenantry::model::live::KeyHolder;
use tenantry::model::rule::Conduct;
use tenantry::model::{Capabilities, Kind, LiveTenant, PortalName};
use tenantry::portal::driver::{Driver, OpenContext};
use tenantry::portal::embedded::Embedded;
use tenantry::portal::meter::Meter;
use tenantry::portal::{Call, CallError, Done, Execute, Observe, PortalError, TenantKey};

/// What was asked of embedded portals.
#[derive(Default)]
pub(super) struct Portal {
    reads: AtomicUsize,
    performed: Mutex<Vec<String>>,
    slow: Duration,
}

impl Portal {
    /// One that takes so long for each call, and takes one at a time.
    pub(super) fn slow(slow: Duration) -> Self {
        Self { slow, ..Self::default() }
    }

    /// How often it was read.
    pub(super) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    /// What was performed, each as `create acme/user/ann`, sorted.
    pub(super) fn performed(&self) -> Vec<String> {
        let mut performed = self.performed.lock().unwrap().clone();
        performed.sort();
        performed
    }

    /// The same, and forgets it.
    pub(super) fn took(&self) -> Vec<String> {
        let mut performed = std::mem::take(&mut *self.performed.lock().unwrap());
        performed.sort();
        performed
    }
}

/// What was asked of portals over HTTP.
#[derive(Default)]
pub(super) struct Requests(Mutex<BTreeMap<&'static str, usize>>);

impl Requests {
    /// How many requests with this method were sent.
    pub(super) fn count(&self, method: &str) -> usize {
        self.0.lock().unwrap().get(method).copied().unwrap_or_default()
    }

    /// How many requests were sent that change something.
    pub(super) fn writes(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|(method, _)| **method != "GET").map(|(_, count)| count).sum()
    }
}

impl Meter for Requests {
    fn answered(&self, _: &PortalName, method: &'static str, _: Option<u16>, _: Duration) {
        *self.0.lock().unwrap().entry(method).or_default() += 1;
    }

    fn throttled(&self, _: &PortalName) {}
}

/// The driver.
pub(super) struct Counted {
    inner: Embedded,
    portal: Arc<Portal>,
}

impl Counted {
    pub(super) fn new(portal: Arc<Portal>) -> Self {
        Self { inner: Embedded::default(), portal }
    }
}

impl Driver for Counted {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn open_reader(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Observe>, PortalError> {
        Ok(Arc::new(Opened::new(self.inner.open_reader(ctx)?, &self.portal)))
    }

    fn open_writer(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Execute>, PortalError> {
        Ok(Arc::new(Opened::new(self.inner.open_writer(ctx)?, &self.portal)))
    }
}

struct Opened<T: ?Sized> {
    inner: Arc<T>,
    portal: Arc<Portal>,
    capabilities: Capabilities,
}

impl<T: Observe + ?Sized> Opened<T> {
    fn new(inner: Arc<T>, portal: &Arc<Portal>) -> Self {
        let mut capabilities = inner.capabilities().clone();
        if !portal.slow.is_zero() {
            // One that takes its time is asked for one thing at a time.
            capabilities.batch = 1;
        }
        Self { inner, portal: Arc::clone(portal), capabilities }
    }
}

#[async_trait]
impl<T: Observe + ?Sized> Observe for Opened<T> {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn conduct(&self) -> &dyn Conduct {
        self.inner.conduct()
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        self.portal.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.read(tenants).await
    }

    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        self.inner.tenants().await
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        self.inner.holders(kind, keys).await
    }
}

#[async_trait]
impl<T: Execute + ?Sized> Execute for Opened<T> {
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>> {
        // Noted as it is sent, whatever comes of it.
        let note = |call: &Call| self.portal.performed.lock().unwrap().push(format!("{} {}", call.action.word(), call.address));
        calls.iter().for_each(note);
        tokio::time::sleep(self.portal.slow).await;
        self.inner.perform(calls).await
    }
}
