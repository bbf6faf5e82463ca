//! What is visited when: one place in the queue for each portal and tenant.
//!
//! Comes in: what wakes a unit, and the time, as an argument. Goes out: the units of a portal that are due. A unit is visited by one visit at a
//! time; what wakes it meanwhile is kept for afterwards. Pure: waits for nothing, asks for no time.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::{UnitKey, Why};
use crate::model::{PortalName, TenantName};

/// The queue.
#[derive(Debug, Default)]
pub struct Queue {
    portals: BTreeMap<PortalName, OfPortal>,
}

#[derive(Debug, Default)]
struct OfPortal {
    /// When each tenant is due and why, and whether it is visited right now.
    places: BTreeMap<TenantName, Place>,
    /// The same by time, without those that are being visited.
    due: BTreeSet<(Instant, TenantName)>,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Waits(Instant, Why),
    /// With what woke it meanwhile.
    Visited(Option<(Instant, Why)>),
}

impl Queue {
    /// Wakes a unit at a time: the earliest time and the weightiest reason of several hold.
    pub fn wake(&mut self, key: &UnitKey, why: Why, at: Instant) {
        let OfPortal { places, due } = self.portals.entry(key.portal.clone()).or_default();
        let sooner = |known: Option<(Instant, Why)>| known.map_or((at, why), |(then, before)| (then.min(at), before.min(why)));
        match places.get_mut(&key.tenant) {
            Some(Place::Visited(meanwhile)) => *meanwhile = Some(sooner(*meanwhile)),
            Some(Place::Waits(then, before)) => {
                due.remove(&(*then, key.tenant.clone()));
                (*then, *before) = sooner(Some((*then, *before)));
                due.insert((*then, key.tenant.clone()));
            }
            None => {
                places.insert(key.tenant.clone(), Place::Waits(at, why));
                due.insert((at, key.tenant.clone()));
            }
        }
    }

    /// Takes the units of a portal that are due: they are being visited until [`Self::done`] says otherwise.
    pub fn take(&mut self, portal: &PortalName, now: Instant) -> Vec<(TenantName, Why)> {
        let Some(OfPortal { places, due }) = self.portals.get_mut(portal) else { return Vec::new() };
        let mut taken = Vec::new();
        while due.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, tenant)) = due.pop_first() else { break };
            if let Some(place @ Place::Waits(..)) = places.get_mut(&tenant)
                && let Place::Waits(_, why) = std::mem::replace(place, Place::Visited(None))
            {
                taken.push((tenant, why));
            }
        }
        taken
    }

    /// A visit has ended: the unit is due again at a time, or earlier if something woke it meanwhile. One that is not is left as it is.
    pub fn done(&mut self, key: &UnitKey, again: Instant, why: Why) {
        let Some(of_portal) = self.portals.get_mut(&key.portal) else { return };
        if let Some(Place::Visited(meanwhile)) = of_portal.places.get(&key.tenant).copied() {
            of_portal.places.remove(&key.tenant);
            if let Some((at, why)) = meanwhile {
                self.wake(key, why, at);
            }
            self.wake(key, why, again);
        }
    }

    /// Drops a unit that is nobody's any more. One that is being visited goes when its visit has ended and it is dropped again.
    pub fn forget(&mut self, key: &UnitKey) {
        let Some(OfPortal { places, due }) = self.portals.get_mut(&key.portal) else { return };
        if let Some(Place::Waits(at, _)) = places.get(&key.tenant).copied() {
            due.remove(&(at, key.tenant.clone()));
            places.remove(&key.tenant);
        }
    }

    /// Every unit that has a place.
    pub fn units(&self) -> impl Iterator<Item = UnitKey> + '_ {
        let unit = |portal: &PortalName, tenant: &TenantName| UnitKey { portal: portal.clone(), tenant: tenant.clone() };
        self.portals.iter().flat_map(move |(portal, of)| of.places.keys().map(move |tenant| unit(portal, tenant)))
    }

    /// The portals that have units, and when the next of each is due; `None`: all are being visited.
    pub fn next(&self) -> impl Iterator<Item = (&PortalName, Option<Instant>)> {
        self.portals.iter().map(|(portal, of)| (portal, of.due.first().map(|(at, _)| *at)))
    }

    /// How many units are due and wait for a visit.
    pub fn depth(&self, now: Instant) -> usize {
        self.portals.values().map(|of| of.due.iter().take_while(|(at, _)| *at <= now).count()).sum()
    }
}
