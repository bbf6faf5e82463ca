//! What a controller keeps in memory, and how much it takes in at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tenantry::controller::End;
use tenantry::model::live::KeyHolder;
use tenantry::model::rule::Conduct;
use tenantry::model::{Capabilities, Kind, LiveTenant};
use tenantry::portal::{Observe, PortalError, TenantKey};

use super::floor::Floor;
use crate::support::declared::{admin, desired, org, shared};

#[tokio::test(start_paused = true)]
async fn of_tenants_that_are_applied_together_each_visit_tells_of_its_own() {
    let floor = Floor::new();
    let names = ["acme", "beta", "gamma"];
    let mut fleet: Vec<_> = names.iter().flat_map(|name| [org(name), admin(name, "ann")]).collect();
    fleet.push(shared("cloud", &names));
    floor.declare(&desired(fleet)).await;
    let told = floor.told();
    assert_eq!(told.len(), 4);
    for visit in told {
        let report = visit.report.as_ref().unwrap_or_else(|| panic!("{} was applied", visit.key.tenant));
        let about: BTreeSet<_> = report.outcomes.iter().map(|o| &o.address.tenant).collect();
        assert_eq!(about, BTreeSet::from([&visit.key.tenant]));
    }
    floor.end().await;
}

#[tokio::test(start_paused = true)]
async fn of_what_is_in_step_neither_plan_nor_report_is_kept() {
    let floor = Floor::new();
    floor.declare(&desired([org("acme"), admin("acme", "ann")])).await;
    let visit = floor.visit("acme");
    assert_eq!((&visit.end, visit.plan.is_some(), visit.report.is_some()), (&End::Applied, false, false));
    floor.after(Duration::from_secs(3600)).await;
    let visit = floor.visit("acme");
    assert_eq!((&visit.end, visit.plan.is_some(), visit.report.is_some()), (&End::InStep, false, false));
    floor.end().await;
}

/// A portal that is read whole, and slowly.
struct Whole {
    portal: Arc<dyn Observe>,
    /// Readings under way, and the most at one time.
    under_way: AtomicUsize,
    most: AtomicUsize,
}

/// It for one plan.
struct Reading(Arc<Whole>);

#[async_trait]
impl Observe for Reading {
    fn capabilities(&self) -> &Capabilities {
        self.0.portal.capabilities()
    }

    fn conduct(&self) -> &dyn Conduct {
        self.0.portal.conduct()
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        let now = self.0.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
        self.0.portal.read(tenants).await
    }

    fn for_one_plan(&self) -> Option<Arc<dyn Observe>> {
        Some(Arc::new(Self(Arc::clone(&self.0))))
    }

    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        self.0.portal.tenants().await
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        self.0.portal.holders(kind, keys).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_portal_that_is_read_whole_is_read_for_a_few_at_once() {
    let mut floor = Floor::new();
    let (under_way, most) = (AtomicUsize::default(), AtomicUsize::default());
    let whole = Arc::new(Whole { portal: Arc::clone(&floor.observe), under_way, most });
    floor.observe = Arc::new(Reading(Arc::clone(&whole)));
    let names: Vec<_> = (0..40).map(|n| format!("customer-{n}")).collect();
    floor.declare(&desired(names.iter().flat_map(|name| [org(name), admin(name, "ann")]))).await;
    floor.after(Duration::from_secs(300)).await;
    assert!(floor.told().iter().filter(|visit| matches!(visit.end, End::Applied | End::InStep)).count() == 40);
    assert_eq!(whole.most.load(Ordering::SeqCst), 8);
    floor.end().await;
}
