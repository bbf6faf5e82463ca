//! What follows from the changes of a document: its counts, and what an apply of it does not make. Comes in: a document. Goes out: counts and
//! answers; nothing is changed.
//!
//! The same rule as apply's: one refusal holds its whole tenant, a refusal of the run all of them, and what needs something that is not made
//! stays undone as well, in whatever tenant it is.

use std::collections::BTreeSet;

use super::{PlanDocument, ResourceChange, Summary, TenantPlan, length};
use crate::model::{Address, PortalName, TenantName};
use crate::plan::Refusal;

/// What a document's counts and flags have to be.
pub(super) struct Tally {
    pub(super) tenants: Vec<Summary>,
    pub(super) total: Summary,
    pub(super) applyable: bool,
    pub(super) complete: bool,
}

impl Tally {
    pub(super) fn of(document: &PlanDocument) -> Self {
        let held = HeldBack::of(document);
        let tenants: Vec<_> = document.tenants.iter().map(|t| held.count(t)).collect();
        let mut total = Summary::default();
        tenants.iter().for_each(|t| total.add(t));
        let changes = length(document.tenants.iter().map(|t| t.resource_changes.len()).sum());
        let refused = held.run || total.refused > 0 || document.tenants.iter().any(|t| stands(&t.blocked_by));
        // What only needs something that is held may still be applied: it is skipped then, and says for what.
        let with_tenants = length(document.tenants.iter().filter(|t| held.has_tenant(t)).map(|t| t.resource_changes.len()).sum());
        let alone = document.tenants.iter().filter(|t| !held.has_tenant(t)).flat_map(|t| &t.resource_changes);
        let applyable = !document.errored && changes > with_tenants + length(alone.filter(|c| c.is_refused()).count());
        Self { tenants, total, applyable, complete: !document.errored && !refused && total.waiting == 0 }
    }

    /// The same as a version before 1.2 has written it, which did not count what is held.
    pub(super) fn without_held(mut self) -> Self {
        self.tenants.iter_mut().chain([&mut self.total]).for_each(|summary| summary.held = Default::default());
        self
    }
}

/// Which changes of a document an apply does not make.
#[derive(Debug)]
pub struct HeldBack<'a> {
    run: bool,
    tenants: BTreeSet<(&'a PortalName, &'a TenantName)>,
    not_made: BTreeSet<(&'a PortalName, &'a Address)>,
}

impl<'a> HeldBack<'a> {
    /// What is held back in a document.
    pub fn of(document: &'a PlanDocument) -> Self {
        let run = stands(&document.blocked_by);
        let refused = |t: &&TenantPlan| run || stands(&t.blocked_by) || t.resource_changes.iter().any(|c| stands(&c.blocked_by));
        let tenants = document.tenants.iter().filter(refused).map(|t| (&t.portal, &t.tenant)).collect();
        let mut held = Self { run, tenants, not_made: BTreeSet::new() };
        // What needs what is held keeps others waiting in turn; each round finds one more link, and links go from kind to kind.
        loop {
            let changes = document.tenants.iter().flat_map(|t| t.resource_changes.iter().map(move |c| (t, c)));
            let found: Vec<_> = changes.filter(|(t, c)| held.has(t, c)).map(|(t, c)| (&t.portal, &c.address)).collect();
            let before = held.not_made.len();
            held.not_made.extend(found);
            if held.not_made.len() == before {
                return held;
            }
        }
    }

    /// True if a change is not made.
    pub fn has(&self, tenant: &TenantPlan, change: &ResourceChange) -> bool {
        // What rides on a call is made with its carrier, or in its own right.
        let needs = |a: &&Address| change.carried_by.as_ref() != Some(*a);
        self.has_tenant(tenant)
            || change.is_refused()
            || change.depends_on.iter().filter(needs).any(|a| self.not_made.contains(&(&tenant.portal, a)))
    }

    /// True if nothing of a tenant is made, because something in it is refused, or the run.
    pub fn has_tenant(&self, tenant: &TenantPlan) -> bool {
        self.tenants.contains(&(&tenant.portal, &tenant.tenant))
    }

    /// The counts of one tenant, of which the document may hold a part.
    pub fn count(&self, tenant: &TenantPlan) -> Summary {
        let mut summary = Summary {
            drift: length(tenant.resource_drift.len()),
            unmanaged: length(tenant.unmanaged.len()),
            retained: length(tenant.retained.len()),
            waiting: length(tenant.waiting.len()),
            ..Summary::default()
        };
        let all_refused = self.run || stands(&tenant.blocked_by);
        for change in &tenant.resource_changes {
            summary.count(change.change.actions.first().copied(), self.has(tenant, change));
            if all_refused || change.is_refused() {
                summary.refused += 1;
            }
        }
        summary
    }

    /// True if a refusal of the run holds everything.
    pub const fn has_run(&self) -> bool {
        self.run
    }
}

fn stands(refusals: &[Refusal]) -> bool {
    refusals.iter().any(Refusal::stands)
}
