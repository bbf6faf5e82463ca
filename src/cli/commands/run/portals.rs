//! The portals, kept open: their connections and tokens outlive a reload. Comes in: the portals that are declared. Goes out: the same open ones as
//! before, and new ones for those whose document, credentials or trusted root became another.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use crate::controller::Open;
use crate::engine::Served;
use crate::model::{PortalName, PortalSpec};
use crate::portal::gated::Gated;
use crate::portal::{Drivers, Execute, Observe, OpenContext, PortalError, Profile};
use crate::secrets::SecretReader;

/// See the module.
pub(super) struct Portals {
    drivers: Drivers,
    secrets: Arc<dyn SecretReader>,
    state_dir: PathBuf,
    open: BTreeMap<PortalName, Kept>,
    closed: BTreeMap<PortalName, PortalError>,
    /// What was declared last: what could not be opened is tried again with it.
    declared: Vec<(PortalSpec, Option<Arc<Profile>>)>,
    trusted: String,
}

struct Kept {
    spec: PortalSpec,
    /// Of its credentials and the trusted root.
    mark: [u8; 32],
    observe: Arc<dyn Observe>,
    execute: Arc<dyn Execute>,
    /// It could not be opened for writing: it is tried again.
    half: bool,
}

/// A reader, a writer, and whether that one only stands in for one that could not be opened.
type Opened = (Arc<dyn Observe>, Arc<dyn Execute>, bool);

impl Portals {
    pub(super) fn new(drivers: Drivers, secrets: Arc<dyn SecretReader>, state_dir: PathBuf) -> Self {
        let (open, closed) = (BTreeMap::new(), BTreeMap::new());
        Self { drivers, secrets, state_dir, open, closed, declared: Vec::new(), trusted: String::new() }
    }

    /// Takes in what is declared now; the portals that were open before and were opened anew.
    pub(super) fn declare(
        &mut self,
        specs: Vec<PortalSpec>,
        profiles: &BTreeMap<PortalName, Arc<Profile>>,
        trusted: String,
    ) -> Vec<PortalName> {
        self.trusted = trusted;
        self.declared = specs.into_iter().map(|spec| (spec.clone(), profiles.get(&spec.name).cloned())).collect();
        let names: Vec<_> = self.declared.iter().map(|(spec, _)| spec.name.clone()).collect();
        self.open.retain(|name, _| names.contains(name));
        self.closed.retain(|name, _| names.contains(name));
        self.refresh()
    }

    /// Opens what is not open, and anew what has other credentials now; the portals that were open before and were opened anew.
    pub(super) fn refresh(&mut self) -> Vec<PortalName> {
        let mut anew = Vec::new();
        for (spec, profile) in self.declared.clone() {
            let mark = self.mark(&spec);
            let same = |kept: &&mut Kept| kept.mark == mark && !kept.half && without_place(&kept.spec) == without_place(&spec);
            if let Some(kept) = self.open.get_mut(&spec.name).filter(|kept| same(kept)) {
                // Where it stands may be another line by now.
                kept.spec = spec;
                continue;
            }
            let before = self.open.remove(&spec.name);
            match self.open(&spec, profile.as_ref()) {
                Ok((observe, execute, half)) => {
                    // What is still half open is no news.
                    anew.extend(before.filter(|before| !(before.half && half && before.mark == mark)).map(|_| spec.name.clone()));
                    self.closed.remove(&spec.name);
                    self.open.insert(spec.name.clone(), Kept { spec, mark, observe, execute, half });
                }
                Err(error) => drop(self.closed.insert(spec.name, error)),
            }
        }
        anew
    }

    fn open(&self, spec: &PortalSpec, profile: Option<&Arc<Profile>>) -> Result<Opened, PortalError> {
        let profile = profile.ok_or_else(|| PortalError::Misconfigured("it has no profile".to_owned()))?;
        let context = OpenContext { spec, profile: Arc::clone(profile), state_dir: &self.state_dir, secrets: self.secrets.as_ref() };
        let observe = self.drivers.open_reader(&context)?;
        // One that cannot be written is looked at all the same, and every call gets the reason.
        Ok(match self.drivers.open_writer(&context) {
            Ok(execute) => (observe, execute, false),
            Err(error) => (Arc::clone(&observe), Gated::unopened(observe, error), true),
        })
    }

    /// The portals for a fleet.
    pub(super) fn opened(&self) -> BTreeMap<PortalName, Open> {
        let open = |kept: &Kept| Open {
            served: Served { spec: kept.spec.clone(), observe: Arc::clone(&kept.observe) },
            execute: Arc::clone(&kept.execute),
        };
        self.open.iter().map(|(name, kept)| (name.clone(), open(kept))).collect()
    }

    /// Portals that cannot be opened, and why.
    pub(super) fn closed(&self) -> &BTreeMap<PortalName, PortalError> {
        &self.closed
    }

    /// Tells credentials and the trusted root from others; the credentials themselves are kept by the drivers alone.
    fn mark(&self, spec: &PortalSpec) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(&self.trusted);
        for (name, reference) in &spec.credentials {
            let secret = self.secrets.read(reference).unwrap_or_default();
            for part in [name.as_bytes(), secret.expose_secret().as_bytes()] {
                hash.update(part.len().to_le_bytes());
                hash.update(part);
            }
        }
        hash.finalize().into()
    }
}

fn without_place(spec: &PortalSpec) -> PortalSpec {
    PortalSpec { source: None, ..spec.clone() }
}
