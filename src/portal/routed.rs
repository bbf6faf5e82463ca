//! One portal behind several drivers: each kind's reading and each action goes to the driver that the profile names for it.
//!
//! Comes in: the opened drivers, the default first. Goes out: one [`Observe`] or [`Execute`] that answers as if there were one. It merges and
//! sorts; it knows no kind and retries nothing.

use std::sync::Arc;

use async_trait::async_trait;

use super::profile::document::Action;
use super::{Call, CallError, Done, Execute, Observe, PortalError, Profile, TenantKey};
use crate::model::live::KeyHolder;
use crate::model::rule::Conduct;
use crate::model::{Capabilities, Kind, LiveTenant};

/// See the module. `T` is `dyn Observe` or `dyn Execute`.
pub(super) struct Routed<T: ?Sized> {
    profile: Arc<Profile>,
    drivers: Vec<(Box<str>, Arc<T>)>,
    /// Those of the drivers that read for one plan, in their own form for it.
    for_one_plan: Vec<(Box<str>, Arc<dyn Observe>)>,
}

impl<T: ?Sized> Routed<T> {
    pub(super) fn new(profile: Arc<Profile>, drivers: Vec<(Box<str>, Arc<T>)>) -> Self {
        Self { profile, drivers, for_one_plan: Vec::new() }
    }

    fn of(&self, kind: Kind, action: Action) -> Result<&Arc<T>, PortalError> {
        self.named(self.profile.driver(kind, action))
    }

    /// Who reads for one plan in a driver's place.
    fn reads(&self, driver: &str) -> Option<&Arc<dyn Observe>> {
        self.for_one_plan.iter().find(|(name, _)| **name == *driver).map(|(_, reader)| reader)
    }

    fn named(&self, name: &str) -> Result<&Arc<T>, PortalError> {
        let found = self.drivers.iter().find(|(n, _)| **n == *name);
        found.map(|(_, d)| d).ok_or_else(|| PortalError::Misconfigured(format!("no driver `{name}` was opened")))
    }
}

#[async_trait]
impl<T: Observe + ?Sized + 'static> Observe for Routed<T> {
    fn capabilities(&self) -> &Capabilities {
        self.profile.capabilities()
    }

    fn conduct(&self) -> &dyn Conduct {
        &*self.profile
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        let all: Vec<Kind> = self.capabilities().kinds.keys().copied().collect();
        self.merged(tenants, &all, false).await
    }

    async fn look(&self, tenants: &[TenantKey], kinds: &[Kind]) -> Result<Vec<LiveTenant>, PortalError> {
        self.merged(tenants, kinds, true).await
    }

    fn for_one_plan(&self) -> Option<Arc<dyn Observe>> {
        let for_one_plan: Vec<_> = self.drivers.iter().filter_map(|(name, driver)| Some((name.clone(), driver.for_one_plan()?))).collect();
        let drivers = self.drivers.iter().map(|(name, driver)| (name.clone(), Arc::clone(driver))).collect();
        let any = !for_one_plan.is_empty();
        any.then(|| Arc::new(Self { profile: Arc::clone(&self.profile), drivers, for_one_plan }) as Arc<dyn Observe>)
    }

    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        match self.reads(self.profile.driver(Kind::Organization, Action::Read)) {
            Some(reader) => reader.tenants().await,
            None => self.of(Kind::Organization, Action::Read)?.tenants().await,
        }
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        match self.reads(self.profile.driver(kind, Action::Read)) {
            Some(reader) => reader.holders(kind, keys).await,
            None => self.of(kind, Action::Read)?.holders(kind, keys).await,
        }
    }
}

impl<T: Observe + ?Sized> Routed<T> {
    /// What each driver reads of its kinds among these.
    async fn merged(&self, tenants: &[TenantKey], wanted: &[Kind], looks: bool) -> Result<Vec<LiveTenant>, PortalError> {
        let mut merged = vec![LiveTenant::default(); tenants.len()];
        for (name, driver) in &self.drivers {
            let kinds: Vec<Kind> = wanted.iter().copied().filter(|k| self.profile.driver(*k, Action::Read) == &**name).collect();
            if kinds.is_empty() {
                continue;
            }
            let answers = match self.reads(name).filter(|_| !looks) {
                Some(reader) => reader.read(tenants).await?,
                None if looks => driver.look(tenants, &kinds).await?,
                None => driver.read(tenants).await?,
            };
            for (into, mut from) in merged.iter_mut().zip(answers) {
                into.observed.append(&mut from.observed);
                from.unknown.retain(|(kind, _), _| kinds.contains(kind));
                into.unknown.append(&mut from.unknown);
                into.collections.extend(kinds.iter().filter_map(|k| from.collections.remove_entry(k)));
            }
        }
        Ok(merged)
    }
}

#[async_trait]
impl Execute for Routed<dyn Execute> {
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>> {
        let mut answers = Vec::with_capacity(calls.len());
        // The order of the calls is the plan's: only neighbours go together.
        for run in calls.chunk_by(|a, b| self.name_of(a) == self.name_of(b)) {
            let Some(first) = run.first() else { continue };
            match self.named(self.name_of(first)) {
                Ok(driver) => answers.extend(driver.perform(run).await),
                Err(error) => answers.extend(run.iter().map(|_| Err(CallError::Refused(error.to_string())))),
            }
        }
        answers
    }
}

impl Routed<dyn Execute> {
    /// The driver of a call: an update of nothing but a technician's fields is a technician's, whoever makes the other updates.
    fn name_of(&self, call: &Call) -> &str {
        self.profile.driver_of(call.address.kind, call.action.into(), &call.changed)
    }
}
