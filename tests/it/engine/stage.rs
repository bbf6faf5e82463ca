//! A bench with one scripted portal, `main`, and the shorthand of these tests.

use std::sync::Arc;

use tenantry::model::{Capabilities, Desired, PortalSpec};
use tenantry::plan::Body;

use super::scripted::{Manners, Scripted, capable};
use crate::support::bench::{Applied, Bench, changes};
use crate::support::{address, name};

/// A bench with one portal.
pub(super) struct Stage {
    pub(super) bench: Bench,
    pub(super) portal: Arc<Scripted>,
}

/// An ordinary portal: shows what it has, at once; takes no idempotency key.
pub(super) fn stage() -> Stage {
    Stage::new(capable(), Manners::default())
}

impl Stage {
    pub(super) fn new(capabilities: Capabilities, manners: Manners) -> Self {
        let mut bench = Bench::new();
        let portal = Arc::new(Scripted::new(capabilities, manners, Arc::clone(&bench.clock), Arc::clone(&bench.fuse)));
        let spec = PortalSpec { name: name("main"), parallelism: 2, ..PortalSpec::embedded() };
        bench.portals.push((spec, Arc::clone(&portal) as _));
        Self { bench, portal }
    }

    /// Changes the portal's document.
    pub(super) fn spec(mut self, change: impl FnOnce(&mut PortalSpec)) -> Self {
        change(&mut self.bench.portals[0].0);
        self
    }

    /// Brings the portal in step with this, and forgets that it was called.
    pub(super) async fn given(self, desired: &Desired) -> Self {
        let applied = self.bench.apply(desired).await;
        assert!(applied.report.final_plan_empty, "{:?}", applied.outcomes());
        self.portal.took();
        self.bench.events.lock().unwrap().clear();
        self
    }

    /// The judged plan.
    pub(super) async fn plan(&self, desired: &Desired) -> Body {
        self.bench.judged(desired).await.body
    }

    /// What would be done, line by line; nothing was called.
    #[track_caller]
    pub(super) fn check_plan(&self, body: &Body, expected: &[&str]) {
        assert_eq!(changes(body), expected);
        assert_eq!(self.portal.took(), [""; 0], "a plan calls nothing");
    }

    /// Applies, and everything was done: these calls, and nothing else.
    pub(super) async fn done(&self, desired: &Desired, calls: &[&str]) -> Applied {
        let applied = self.bench.apply(desired).await;
        assert_eq!(self.portal.took(), calls, "{:?}", applied.outcomes());
        applied
    }
}

/// The codes that refuse an address (its change, or its tenant as a whole).
pub(super) fn codes(body: &Body, at: &str) -> Vec<String> {
    let at = address(at);
    let unit = body.units.iter().find(|u| u.tenant == at.tenant);
    let held = unit.into_iter().flat_map(|u| u.refused()).filter(|h| h.change.is_none_or(|c| c.address == at));
    held.map(|h| h.refusal.code.clone()).collect()
}

/// Why an address stays though nothing declares it.
pub(super) fn retained(body: &Body, at: &str) -> Option<String> {
    body.units.iter().flat_map(|u| &u.retained).find(|r| r.address == address(at)).map(|r| r.why.clone())
}

/// What an address waits for.
pub(super) fn waits_for(body: &Body, at: &str) -> Option<String> {
    body.units.iter().flat_map(|u| &u.waiting).find(|w| w.address == address(at)).map(|w| w.waits_for.clone())
}

/// What nobody declared, by key.
pub(super) fn unmanaged(body: &Body) -> Vec<String> {
    body.units.iter().flat_map(|u| u.unmanaged.iter().map(|o| format!("{} {}", o.kind, o.key))).collect()
}

/// What drifted, as `address what field`.
pub(super) fn drift(body: &Body) -> Vec<String> {
    let line = |d: &tenantry::plan::Drift| {
        let def = d.address.kind.def();
        let fields: Vec<_> = d.fields.iter().map(|(id, _)| def.field(*id).path).collect();
        format!("{} {:?} {}", d.address, d.what, fields.join(",")).trim_end().to_lowercase()
    };
    body.units.iter().flat_map(|u| u.drift.iter().map(line)).collect()
}
