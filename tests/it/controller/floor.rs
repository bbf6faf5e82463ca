//! A controller on one scripted portal, `main`, with a ledger in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tenantry::apply::Stop;
use tenantry::controller::fence::{Fence, Term};
use tenantry::controller::{Approved, Controller, End, Fleet, Open, Reporter, Tools, UnitKey, Visit};
use tenantry::diagnostic::Diagnostic;
use tenantry::engine::Served;
use tenantry::model::{Desired, PortalSpec, TenantName};
use tenantry::portal::{Execute, Observe};
use tokio::time::Instant;

use crate::engine::scripted::{Manners, Scripted, capable};
use crate::support::bench::Secrets;
use crate::support::fuse::Fuse;
use crate::support::ledger::MemoryLedger;
use crate::support::{Clock, name};

/// A controller that runs.
pub(super) struct Floor {
    pub(super) portal: Arc<Scripted>,
    pub(super) controller: Arc<Controller>,
    pub(super) fence: Fence,
    pub(super) spec: PortalSpec,
    pub(super) approved: Approved,
    /// Tenants whose declarations have errors.
    pub(super) invalid: BTreeMap<TenantName, Vec<Diagnostic>>,
    /// What changes the portal; the portal itself unless a test puts something in between.
    pub(super) execute: Arc<dyn Execute>,
    /// What reads it, likewise.
    pub(super) observe: Arc<dyn Observe>,
    stop: Arc<Stop>,
    ends: Arc<Ends>,
    running: tokio::task::JoinHandle<()>,
}

/// What visits came to and when, as `tenant end`; and the newest of each unit, as it was told.
#[derive(Default)]
struct Ends(Mutex<Vec<(Instant, String)>>, Mutex<BTreeMap<UnitKey, Visit>>);

#[async_trait]
impl Reporter for Ends {
    async fn visited(&self, _: &Fleet, visit: &Visit) {
        let end = match &visit.end {
            End::Applying => return,
            End::AwaitingApproval { stale: true, .. } => "AwaitingApproval (stale)".to_owned(),
            end => format!("{end:?}").split([' ', '{', '(']).next().unwrap().to_owned(),
        };
        self.1.lock().unwrap().insert(visit.key.clone(), visit.clone());
        self.0.lock().unwrap().push((Instant::now(), format!("{} {end}", visit.key.tenant)));
    }
}

impl Floor {
    pub(super) fn new() -> Self {
        let (clock, fuse) = (Arc::new(Clock::new()), Arc::new(Fuse::new()));
        let portal = Arc::new(Scripted::new(capable(), Manners::default(), clock, Arc::clone(&fuse)));
        let ledger = Arc::new(MemoryLedger::new(fuse));
        let (fence, stop, ends) = (Fence::closed(), Arc::new(Stop::default()), Arc::new(Ends::default()));
        fence.set(Term::Unlimited);
        let tools = Tools {
            ledger: Arc::clone(&ledger) as _,
            secrets: Arc::new(Secrets::default()),
            key: Arc::default(),
            who: "controller".to_owned(),
            fence: fence.clone(),
            stop: Arc::clone(&stop),
        };
        let controller = Controller::new(tools, Arc::clone(&ends) as _);
        let running = tokio::spawn({
            let controller = Arc::clone(&controller);
            async move { controller.run().await }
        });
        let spec = PortalSpec { name: name("main"), parallelism: 2, ..PortalSpec::embedded() };
        let (execute, observe) = (Arc::clone(&portal) as _, Arc::clone(&portal) as _);
        Self {
            portal,
            controller,
            fence,
            spec,
            approved: Approved::default(),
            invalid: BTreeMap::new(),
            execute,
            observe,
            stop,
            ends,
            running,
        }
    }

    /// Declares this and waits until it is quiet; what visits came to, in their order.
    pub(super) async fn declare(&self, desired: &Desired) -> Vec<String> {
        let served = Served { spec: self.spec.clone(), observe: Arc::clone(&self.observe) };
        let open = Open { served, execute: Arc::clone(&self.execute) };
        let fleet = Fleet {
            edition: 0,
            desired: desired.clone(),
            portals: BTreeMap::from([(self.spec.name.clone(), open)]),
            closed: BTreeMap::new(),
            approved: self.approved.clone(),
            invalid: self.invalid.clone(),
            leaving: Default::default(),
        };
        self.controller.declare(fleet).await.unwrap();
        self.after(Duration::from_secs(2)).await
    }

    /// What visits came to within a time.
    pub(super) async fn after(&self, time: Duration) -> Vec<String> {
        self.times_after(time).await.into_iter().map(|(_, end)| end).collect()
    }

    /// The same, with when.
    pub(super) async fn times_after(&self, time: Duration) -> Vec<(Instant, String)> {
        tokio::time::sleep(time).await;
        std::mem::take(&mut *self.ends.0.lock().unwrap())
    }

    /// The newest visit of a tenant.
    #[track_caller]
    pub(super) fn visit(&self, tenant: &str) -> Visit {
        let visits = self.controller.visits();
        let visit = visits.iter().find(|v| v.key.tenant.as_str() == tenant);
        visit.map(|visit| Visit::clone(visit)).unwrap_or_else(|| panic!("{tenant} was not visited"))
    }

    /// The newest visit of each unit, as it was told.
    pub(super) fn told(&self) -> Vec<Visit> {
        self.ends.1.lock().unwrap().values().cloned().collect()
    }

    /// The digest of the plan that waits for a tenant.
    #[track_caller]
    pub(super) fn pending(&self, tenant: &str) -> String {
        match self.visit(tenant).end {
            End::AwaitingApproval { digest, .. } => digest,
            end => panic!("{tenant} waits for no approval: {end:?}"),
        }
    }

    /// Somebody approves a digest for a tenant.
    pub(super) fn approve(&mut self, tenant: &str, digest: &str) {
        let unit = UnitKey { portal: self.spec.name.clone(), tenant: name(tenant) };
        self.approved.units.entry(unit).or_default().insert(digest.to_owned());
    }

    /// Tells it to stop, and waits until it has.
    pub(super) async fn end(self) {
        self.stop.request();
        self.running.await.unwrap();
    }
}
