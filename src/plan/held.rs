//! What a plan's refusals hold back. Comes in: a plan that guards have judged. Goes out: answers; nothing is changed.
//!
//! A refusal of a change or of a tenant holds that tenant; a refusal of the run holds every tenant.

use super::{Approved, Body, Change, Plan, Refusal, Unit};

/// A refusal that stands, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold<'a> {
    /// The tenant that it holds; `None`: all of them.
    pub unit: Option<&'a Unit>,
    /// The change that it is about; `None`: the tenant or the run as a whole.
    pub change: Option<&'a Change>,
    /// The refusal.
    pub refusal: &'a Refusal,
}

impl Refusal {
    /// True unless somebody passed it. A refusal of fact stands whatever it says of itself.
    pub fn stands(&self) -> bool {
        self.fact || self.passed.is_none()
    }
}

impl Unit {
    /// What refuses this tenant or one of its changes, and stands. The run's refusals hold it too: ask [`Body::held`] whether it may be applied.
    pub fn refused(&self) -> impl Iterator<Item = Hold<'_>> {
        let tenant = self.refusals.iter().map(|refusal| Hold { unit: Some(self), change: None, refusal });
        let changes = self
            .changes
            .iter()
            .flat_map(move |change| change.blocked_by.iter().map(move |refusal| Hold { unit: Some(self), change: Some(change), refusal }));
        tenant.chain(changes).filter(|hold| hold.refusal.stands())
    }
}

impl Body {
    /// Every refusal that stands: the run's first, then each tenant's own and those of its changes.
    pub fn refused(&self) -> impl Iterator<Item = Hold<'_>> {
        let run = self.refusals.iter().filter(|r| r.stands()).map(|refusal| Hold { unit: None, change: None, refusal });
        run.chain(self.units.iter().flat_map(Unit::refused))
    }

    /// True if nothing of this unit may be applied: a refusal of the run, of the tenant or of one of its changes stands.
    pub fn held(&self, unit: &Unit) -> bool {
        self.refusals.iter().any(Refusal::stands) || unit.refused().next().is_some()
    }
}

impl Plan<Approved> {
    /// The units that may be applied: nothing that stands holds them. The only ones that `apply` may look at.
    pub fn released(&self) -> impl Iterator<Item = &Unit> {
        self.body.units.iter().filter(|unit| !self.body.held(unit))
    }
}
