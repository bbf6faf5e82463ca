//! The custom resources that are known, kept once for whoever asks: the hub, which gathers, and the teller, which tells.
//!
//! Comes in: objects as they are heard of, and what was written to them. Goes out: each of them, those of a tenant, those that declare a portal,
//! and all as they are at one moment. Never asks the cluster. What is asked for again and again is found without walking through all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::known::{Declared, Object, ObjectKey};
use crate::model::kind::Placement;
use crate::model::{Address, Kind};

/// Objects by their keys. Whoever holds one shares it.
pub(crate) type Objects = BTreeMap<ObjectKey, Arc<Object>>;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Store(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    objects: Objects,
    of_tenant: HashMap<String, BTreeSet<ObjectKey>>,
    portals: HashMap<Box<str>, BTreeSet<ObjectKey>>,
    /// How often all was declared.
    edition: u64,
}

impl Store {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        // What is kept is whole after each of its few changes, whatever a panic elsewhere left.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an object as it was heard of; what was there before.
    pub(crate) fn keep(&self, key: ObjectKey, mut object: Object) -> Option<Arc<Object>> {
        let mut kept = self.kept();
        let before = kept.take(&key);
        let same = before.as_ref().filter(|b| b.uid == object.uid);
        object.declared = same.map(|b| b.declared).unwrap_or_default();
        object.taken_in = same.map_or_else(|| object.is_told_to_count(), |b| b.taken_in);
        object.counted = same.map(|b| Arc::clone(&b.counted)).unwrap_or_default();
        let asked_before = same.filter(|b| b.asks.reconcile_requested == object.asks.reconcile_requested);
        object.asked = asked_before.map_or_else(|| Some(Instant::now()), |b| b.asked);
        kept.put(key, object);
        before
    }

    /// Forgets an object that is gone; true if it was known.
    pub(crate) fn forget(&self, key: &ObjectKey) -> bool {
        self.kept().take(key).is_some()
    }

    /// Notes what was written to an object, if it is known still.
    pub(crate) fn note(&self, key: &ObjectKey, change: impl FnOnce(&mut Object)) {
        if let Some(object) = self.kept().objects.get_mut(key) {
            change(Arc::make_mut(object));
        }
    }

    /// Notes what documents declare that count.
    pub(crate) fn counted(&self, counted: BTreeMap<ObjectKey, Vec<Address>>) {
        let mut kept = self.kept();
        for (key, addresses) in counted {
            if let Some(object) = kept.objects.get_mut(&key).filter(|o| *o.counted != *addresses) {
                Arc::make_mut(object).counted = addresses.into();
            }
        }
    }

    /// An object.
    pub(crate) fn get(&self, key: &ObjectKey) -> Option<Arc<Object>> {
        self.kept().objects.get(key).cloned()
    }

    /// The keys of a kind in a namespace, or everywhere.
    pub(crate) fn keys(&self, kind: Kind, namespace: Option<&str>) -> Vec<ObjectKey> {
        let here = |key: &&ObjectKey| key.kind == kind && namespace.is_none_or(|n| n == key.namespace);
        self.kept().objects.keys().filter(here).cloned().collect()
    }

    /// The objects of some kinds.
    pub(crate) fn of_kinds(&self, which: fn(Kind) -> bool) -> Objects {
        let kept = self.kept();
        kept.objects.iter().filter(|(key, _)| which(key.kind)).map(|(key, object)| (key.clone(), Arc::clone(object))).collect()
    }

    /// The objects that say that they belong to a tenant, sorted.
    pub(crate) fn of_tenant(&self, tenant: &str) -> Vec<(ObjectKey, Arc<Object>)> {
        let kept = self.kept();
        let keys = kept.of_tenant.get(tenant).into_iter().flatten();
        keys.filter_map(|key| Some((key.clone(), Arc::clone(kept.objects.get(key)?)))).collect()
    }

    /// The objects that declare a portal of this name, sorted: more than one is a mistake.
    pub(crate) fn of_portal(&self, name: &str) -> Vec<(ObjectKey, Arc<Object>)> {
        let kept = self.kept();
        let keys = kept.portals.get(name).into_iter().flatten();
        keys.filter_map(|key| Some((key.clone(), Arc::clone(kept.objects.get(key)?)))).collect()
    }

    /// Notes which of the objects that keep names counted for something, and which did not.
    pub(crate) fn take_in(&self, left_out: &BTreeMap<ObjectKey, String>) {
        let mut kept = self.kept();
        for (key, object) in kept.objects.iter_mut().filter(|(key, _)| is_tenant(key.kind) || is_portal(key.kind)) {
            let counts = !left_out.contains_key(key);
            if object.taken_in != counts {
                Arc::make_mut(object).taken_in = counts;
            }
        }
    }

    /// The namespaces in which something is, each with whether something there was deleted and waits.
    pub(crate) fn places(&self) -> BTreeMap<String, bool> {
        let mut places = BTreeMap::new();
        for (key, object) in &self.kept().objects {
            match places.get_mut(&key.namespace) {
                Some(waits) => *waits |= object.deleting,
                None => drop(places.insert(key.namespace.clone(), object.deleting)),
            }
        }
        places
    }

    /// The objects of a namespace that are held by our finalizer.
    pub(crate) fn held(&self, namespace: &str) -> Vec<ObjectKey> {
        let kept = self.kept();
        let held = kept.objects.iter().filter(|(key, object)| key.namespace == namespace && object.finalized);
        held.map(|(key, _)| key.clone()).collect()
    }

    /// Everything as it is now, which is about to be declared, and the number of that declaration, counted from 1. What is deleted because the
    /// definition of its kind goes counts as before.
    pub(crate) fn declare(&self, going: &BTreeSet<Kind>) -> (Objects, u64) {
        let mut kept = self.kept();
        kept.edition += 1;
        let edition = kept.edition;
        for (key, object) in &mut kept.objects {
            let Declared { generation, deleting, edition: before } = object.declared;
            let goes = object.deleting && !going.contains(&key.kind);
            if before == 0 || generation != object.generation || deleting != goes {
                let object = Arc::make_mut(object);
                object.declared = Declared { edition, generation: object.generation, deleting: goes };
            }
        }
        (kept.objects.clone(), edition)
    }
}

impl Kept {
    fn put(&mut self, key: ObjectKey, object: Object) {
        if let Some(tenant) = &object.tenant {
            self.of_tenant.entry(tenant.clone()).or_default().insert(key.clone());
        }
        if is_portal(key.kind) {
            self.portals.entry(object.called.clone()).or_default().insert(key.clone());
        }
        self.objects.insert(key, Arc::new(object));
    }

    fn take(&mut self, key: &ObjectKey) -> Option<Arc<Object>> {
        let object = self.objects.remove(key)?;
        if let Some(tenant) = &object.tenant
            && let Some(keys) = self.of_tenant.get_mut(tenant)
        {
            keys.remove(key);
            if keys.is_empty() {
                self.of_tenant.remove(tenant);
            }
        }
        if let Some(keys) = self.portals.get_mut(&object.called).filter(|_| is_portal(key.kind)) {
            keys.remove(key);
            if keys.is_empty() {
                self.portals.remove(&object.called);
            }
        }
        Some(object)
    }
}

/// True for what declares a portal.
pub(crate) fn is_portal(kind: Kind) -> bool {
    kind.def().placement == Placement::Configuration
}

/// True for what declares a tenant.
pub(crate) fn is_tenant(kind: Kind) -> bool {
    kind.def().placement == Placement::Tenant
}
