//! What stands between the engine and a driver: it passes calls on, and lets one of them go wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tenantry::model::live::KeyHolder;
use tenantry::model::rule::Conduct;
use tenantry::model::{Capabilities, Completeness, Kind, LiveTenant};
use tenantry::portal::{Call, CallError, Done, Execute, Observe, PortalError, TenantKey};

use crate::support::fuse::Fuse;

/// What becomes of a call to the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not done, and may be tried again.
    NotNow,
    /// It is done, and nobody hears of it.
    Lost,
    /// It is not done, and nobody knows that.
    LostBefore,
    /// Lists are not read to their end; a write is refused for want of rights.
    Short,
    /// The process ends right before it.
    KilledBefore,
    /// The process ends right after it.
    KilledAfter,
}

impl Fault {
    pub(super) const ALL: [Self; 6] = [Self::NotNow, Self::Lost, Self::LostBefore, Self::Short, Self::KilledBefore, Self::KilledAfter];
}

/// See the module.
pub(super) struct Between {
    driver: Arc<dyn Execute>,
    at: usize,
    fault: Fault,
    called: AtomicUsize,
    fuse: Fuse,
}

impl Between {
    /// Lets call `at` go wrong, counted from 1; with `usize::MAX` none.
    pub(super) fn new(driver: Arc<dyn Execute>, at: usize, fault: Fault) -> Arc<Self> {
        Arc::new(Self { driver, at, fault, called: AtomicUsize::new(0), fuse: Fuse::new() })
    }

    /// How many calls there were.
    pub(super) fn called(&self) -> usize {
        self.called.load(Ordering::SeqCst)
    }

    /// Runs to the end, or until the process ends; `None`: killed.
    pub(super) async fn or_killed<T>(&self, run: impl Future<Output = T>) -> Option<T> {
        self.fuse.or_killed(run).await
    }

    /// What becomes of this call. A process that ends before it never comes back.
    async fn begins(&self) -> Option<Fault> {
        self.fuse.alive().await;
        let number = self.called.fetch_add(1, Ordering::SeqCst) + 1;
        let fault = (number == self.at).then_some(self.fault);
        if fault == Some(Fault::KilledBefore) {
            self.dies().await;
        }
        fault
    }

    async fn dies(&self) {
        self.fuse.blow_after(1);
        self.fuse.effect(|| ()).await;
    }

    async fn asked<T>(&self, answer: impl Future<Output = Result<T, PortalError>>) -> Result<T, PortalError> {
        let fault = self.begins().await;
        let answer = answer.await;
        match fault {
            Some(Fault::KilledAfter) => self.dies().await,
            Some(Fault::NotNow | Fault::Lost | Fault::LostBefore) => return Err(PortalError::Unavailable("no answer".to_owned())),
            Some(Fault::Short | Fault::KilledBefore) | None => {}
        }
        answer
    }

    fn is_short(&self) -> bool {
        self.fault == Fault::Short && self.called() == self.at
    }
}

#[async_trait]
impl Observe for Between {
    fn capabilities(&self) -> &Capabilities {
        self.driver.capabilities()
    }

    fn conduct(&self) -> &dyn Conduct {
        self.driver.conduct()
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        let mut live = self.asked(self.driver.read(tenants)).await?;
        if self.is_short() {
            for collection in live.iter_mut().flat_map(|t| t.collections.values_mut()).filter(|c| c.completeness == Completeness::Complete)
            {
                collection.objects.pop();
                collection.completeness = Completeness::Incomplete { why: "the list ended too soon".to_owned() };
            }
        }
        Ok(live)
    }

    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        self.asked(self.driver.tenants()).await
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        self.asked(self.driver.holders(kind, keys)).await
    }
}

#[async_trait]
impl Execute for Between {
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>> {
        let instead = |error: CallError| vec![Err(error); calls.len()];
        match self.begins().await {
            Some(Fault::NotNow) => instead(CallError::Retry { message: "not now".to_owned(), after: None }),
            Some(Fault::LostBefore) => instead(CallError::Uncertain("the connection was lost".to_owned())),
            Some(Fault::Short) => instead(CallError::Denied("not yours".to_owned())),
            Some(Fault::Lost) => {
                self.driver.perform(calls).await;
                instead(CallError::Uncertain("the connection was lost".to_owned()))
            }
            Some(Fault::KilledAfter) => {
                let answers = self.driver.perform(calls).await;
                self.dies().await;
                answers
            }
            Some(Fault::KilledBefore) | None => self.driver.perform(calls).await,
        }
    }
}
