//! Drivers: what performs a profile. A table that is a value, so that whoever opens a portal says which drivers there are.
//!
//! Comes in: a `Portal` document's [`PortalSpec`], its compiled [`Profile`], a folder for state and a reader of secrets. Goes out: an
//! [`Observe`] for a plan or an [`Execute`] for an apply, and nothing that could write where only a reader was asked for.

use std::path::Path;
use std::sync::Arc;

use super::meter::Meter;
use super::routed::Routed;
use super::{Execute, Observe, PortalError, Profile};
use crate::diagnostic::{Diagnostic, codes::portal as codes};
use crate::model::PortalSpec;
use crate::secrets::SecretReader;

/// Opens portals of one sort.
pub trait Driver: Send + Sync {
    /// Its name, as profiles write it.
    fn name(&self) -> &'static str;

    /// Opens a portal to read it. Creates nothing and leaves no trace.
    ///
    /// # Errors
    /// When it cannot be reached, or the `Portal` document does not fit the driver.
    fn open_reader(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Observe>, PortalError>;

    /// Opens a portal to read and change it.
    ///
    /// # Errors
    /// When it cannot be reached, or the `Portal` document does not fit the driver.
    fn open_writer(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Execute>, PortalError>;

    /// Tells a meter of every request from here on; said once, before anything is opened. A driver that sends none has nothing to tell.
    fn metered(&self, _meter: &Arc<dyn Meter>) {}
}

/// What a driver opens a portal with.
#[derive(Clone)]
pub struct OpenContext<'a> {
    /// The `Portal` document.
    pub spec: &'a PortalSpec,
    /// Its profile.
    pub profile: Arc<Profile>,
    /// The folder for state, which may not exist yet.
    pub state_dir: &'a Path,
    /// Reads credentials.
    pub secrets: &'a dyn SecretReader,
}

/// The drivers there are.
#[derive(Clone)]
pub struct Drivers(Vec<Arc<dyn Driver>>);

impl Default for Drivers {
    /// The drivers that the program ships.
    fn default() -> Self {
        let embedded: Arc<dyn Driver> = Arc::new(super::embedded::Embedded::default());
        Self(vec![embedded, Arc::new(super::rest::Rest::default()), Arc::new(super::runbook::Runbook)])
    }
}

impl Drivers {
    /// A table of these drivers.
    pub fn new(drivers: Vec<Arc<dyn Driver>>) -> Self {
        Self(drivers)
    }

    /// Adds a driver; one of the same name is replaced.
    #[must_use]
    pub fn with(mut self, driver: Arc<dyn Driver>) -> Self {
        self.0.retain(|d| d.name() != driver.name());
        self.0.push(driver);
        self
    }

    /// Has every driver tell a meter of its requests.
    pub fn metered(&self, meter: &Arc<dyn Meter>) {
        self.0.iter().for_each(|driver| driver.metered(meter));
    }

    /// One error for each driver that a profile names and that is not here.
    pub fn check(&self, profile: &Profile) -> Vec<Diagnostic> {
        let unknown = profile.driver_names().into_iter().filter(|name| self.get(name).is_none());
        let has = self.0.iter().map(|d| d.name()).collect::<Vec<_>>().join(", ");
        unknown
            .map(|name| {
                let what = format!("profile {} names the driver `{name}`, which this program does not have", profile.name);
                Diagnostic::error(codes::PROFILE_DRIVER, what).help(format!("name one that it has: {has}"))
            })
            .collect()
    }

    /// Opens a portal to read it, with every driver that its profile names.
    ///
    /// # Errors
    /// When a driver is missing, or cannot open it.
    pub fn open_reader(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Observe>, PortalError> {
        let mut opened = self.open(ctx, |driver| driver.open_reader(ctx))?;
        if opened.len() == 1 {
            return opened.pop().map(|(_, reader)| reader).ok_or_else(nothing);
        }
        Ok(Arc::new(Routed::new(Arc::clone(&ctx.profile), opened)))
    }

    /// Opens a portal to read and change it, with every driver that its profile names.
    ///
    /// # Errors
    /// When a driver is missing, or cannot open it.
    pub fn open_writer(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Execute>, PortalError> {
        let mut opened = self.open(ctx, |driver| driver.open_writer(ctx))?;
        if opened.len() == 1 {
            return opened.pop().map(|(_, writer)| writer).ok_or_else(nothing);
        }
        Ok(Arc::new(Routed::new(Arc::clone(&ctx.profile), opened)))
    }

    fn get(&self, name: &str) -> Option<&Arc<dyn Driver>> {
        self.0.iter().find(|d| d.name() == name)
    }

    fn open<T>(
        &self,
        ctx: &OpenContext<'_>,
        open: impl Fn(&dyn Driver) -> Result<T, PortalError>,
    ) -> Result<Vec<(Box<str>, T)>, PortalError> {
        if let Some(problem) = self.check(&ctx.profile).into_iter().next() {
            return Err(PortalError::Misconfigured(format!("{}: {}", problem.summary, problem.help)));
        }
        let names = ctx.profile.driver_names().into_iter();
        names.filter_map(|n| self.get(n).map(|d| Ok((n.into(), open(d.as_ref())?)))).collect()
    }
}

fn nothing() -> PortalError {
    PortalError::Misconfigured("the profile names no driver".to_owned())
}
