//! What commands share: manifests loaded, portals and the ledger opened. Comes in: [`Places`] and a scope. Goes out: a [`Session`].
//! Reads files; opens portals and the ledger for reading, and for writing only through [`Session::writers`] and [`Session::ledger_for_writing`].

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;

use super::Face;
use super::args::{Places, Select};
use super::exit::Exit;
use super::failure::Failure;
use super::forgotten;
use super::secrets::Secrets;
use crate::diagnostic::Diagnostic;
use crate::engine::{Pattern, Scope, Served, own_names};
use crate::ledger::{Ledger, LedgerError, LedgerLocation, LedgerRead};
use crate::manifest::{self, Builtins};
use crate::model::{Address, Desired, Digest, Kind, Name, PortalName, PortalSpec};
use crate::portal::gated::Gated;
use crate::portal::{Execute, OpenContext, PortalError, Profile, load_profile};
use crate::secrets::{MacKey, MacKeySource, SecretReader};

/// Manifests loaded and portals opened.
pub(crate) struct Session {
    /// What is declared.
    pub(crate) desired: Desired,
    /// Warnings about the manifests.
    pub(crate) warnings: Vec<Diagnostic>,
    /// The portals, open for reading.
    pub(crate) portals: Vec<Served>,
    /// Portals that could not be opened.
    pub(crate) closed: Vec<(PortalName, PortalError)>,
    /// Where the ledger is.
    pub(crate) location: LedgerLocation,
    /// Reads secrets.
    pub(crate) secrets: Secrets,
    /// Where the key of the MACs is.
    pub(crate) key: MacKeySource,
    profiles: BTreeMap<PortalName, Arc<Profile>>,
    state_dir: PathBuf,
}

/// Portals open for writing, each with how many requests it takes at once.
pub(crate) type Writers = BTreeMap<PortalName, (Arc<dyn Execute>, usize)>;

impl Session {
    /// Loads manifests and opens portals for reading.
    ///
    /// # Errors
    /// With exit code 65 and every diagnostic if the manifests have errors.
    pub(crate) async fn open(face: &Face<'_>, places: &Places, scope: &Scope) -> Result<Self, Failure> {
        let Declared { desired, warnings, specs, profiles } = declared(places, scope)?;
        Self::of_desired(face, places, desired, warnings, specs, profiles).await
    }

    /// A session for a desired state that was saved.
    ///
    /// # Errors
    /// When a profile that it names is not there.
    pub(crate) async fn of_saved(face: &Face<'_>, places: &Places, mut desired: Desired) -> Result<Self, Failure> {
        if let Some(root) = &places.portals {
            // Whoever names a trusted root does not take a plan file's word for where credentials go.
            let request = manifest::Request { roots: &[], stdin: None, portals_root: Some(root), only: None, builtins: Builtins::Unknown };
            let trusted = manifest::load(&request);
            if trusted.has_errors() {
                return Err(Failure::of_diagnostics(Exit::Invalid, trusted.diagnostics));
            }
            desired.portals = trusted.desired.portals;
        }
        let specs = if desired.portals.is_empty() { vec![PortalSpec::embedded()] } else { desired.portals.clone() };
        let profiles = profiles(&specs, places)?;
        desired.builtins = own_names::of_any(&profiles);
        Self::of_desired(face, places, desired, Vec::new(), specs, profiles).await
    }

    async fn of_desired(
        face: &Face<'_>,
        places: &Places,
        desired: Desired,
        warnings: Vec<Diagnostic>,
        specs: Vec<PortalSpec>,
        profiles: BTreeMap<PortalName, Arc<Profile>>,
    ) -> Result<Self, Failure> {
        let (state_dir, location) = (state_dir(places), location(face, places)?);
        let key = location.mac_key(face.settings.mac_key.clone());
        let named = desired.resources().flat_map(|r| r.fields.iter()).flat_map(|(_, value)| value.secrets());
        let named = named.chain(specs.iter().flat_map(|spec| spec.credentials.iter().map(|(_, reference)| reference))).collect();
        let secrets = Secrets::of(&location, named).await?;
        let mut session = Self { desired, warnings, portals: Vec::new(), closed: Vec::new(), location, secrets, key, profiles, state_dir };
        for spec in specs {
            let opened = session.context(&spec).and_then(|context| face.drivers.open_reader(&context));
            match opened {
                Ok(observe) => session.portals.push(Served { spec, observe }),
                Err(error) => session.closed.push((spec.name, error)),
            }
        }
        Ok(session)
    }

    /// Opens portals for writing. One that does not let us fails every call with the reason, so that the others go on.
    pub(crate) fn writers(&self, face: &Face<'_>, portals: &BTreeSet<&PortalName>, parallelism: Option<u16>) -> Writers {
        let served = self.portals.iter().filter(|s| portals.contains(&s.spec.name));
        let writer = |served: &Served| {
            let opened = self.context(&served.spec).and_then(|context| face.drivers.open_writer(&context));
            let writer = opened.unwrap_or_else(|error| Gated::unopened(Arc::clone(&served.observe), error));
            let most = parallelism.map_or(served.spec.parallelism, |n| usize::from(n).min(served.spec.parallelism));
            (served.spec.name.clone(), (writer, most))
        };
        served.map(writer).collect()
    }

    /// Opens the ledger for reading; leaves no trace.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn ledger(&self) -> Result<Arc<dyn LedgerRead>, Failure> {
        self.location.open_read_only().await.map_err(|error| not_had(&self.location, error))
    }

    /// Opens the ledger for writing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) async fn ledger_for_writing(&self) -> Result<Arc<dyn Ledger>, Failure> {
        self.location.open().await.map_err(|error| not_had(&self.location, error))
    }

    /// The key of the MACs for looking: without one, nothing was recorded and every secret is new.
    ///
    /// # Errors
    /// When the ledger has MACs and their key is gone.
    pub(crate) async fn key_for_looking(&self, ledger: &dyn LedgerRead) -> Result<Option<MacKey>, Failure> {
        match self.key.find(false).await? {
            Some(key) => Ok(Some(key)),
            None => Ok(self.key.find(ledger.holds_secrets().await?).await?),
        }
    }

    /// The key of the MACs for writing: made if secrets are declared and there is none yet.
    ///
    /// # Errors
    /// When it cannot be made, or the ledger has MACs and their key is gone.
    pub(crate) async fn key_for_writing(&self, ledger: &dyn LedgerRead) -> Result<Option<MacKey>, Failure> {
        let declared = self.desired.resources().any(|r| r.fields.iter().any(|(id, _)| r.def().field(id).ty.is_secret()));
        match self.key_for_looking(ledger).await? {
            None if declared => Ok(Some(self.key.find_or_make(false).await?)),
            key => Ok(key),
        }
    }

    /// The profile of a portal.
    pub(crate) fn profile(&self, portal: &PortalName) -> Option<&Profile> {
        self.profiles.get(portal).map(AsRef::as_ref)
    }

    /// What values that a portal shows beside what is declared are called by people, by name.
    pub(crate) fn titles(&self, portal: &PortalName) -> BTreeMap<String, String> {
        let observed = self.profiles.get(portal).into_iter().flat_map(|p| p.observed());
        observed.map(|o| (o.name.clone(), o.title.clone())).collect()
    }

    fn context<'a>(&'a self, spec: &'a PortalSpec) -> Result<OpenContext<'a>, PortalError> {
        let profile = self.profiles.get(&spec.name).ok_or_else(|| PortalError::Misconfigured("it has no profile".to_owned()))?;
        Ok(OpenContext { spec, profile: Arc::clone(profile), state_dir: &self.state_dir, secrets: &self.secrets as &dyn SecretReader })
    }
}

/// Manifests and profiles, with no portal opened.
pub(crate) struct Declared {
    /// What is declared.
    pub(crate) desired: Desired,
    /// Warnings about the manifests.
    pub(crate) warnings: Vec<Diagnostic>,
    /// The portals; the embedded one if none is declared.
    pub(crate) specs: Vec<PortalSpec>,
    /// The profile of each.
    pub(crate) profiles: BTreeMap<PortalName, Arc<Profile>>,
}

/// Loads manifests and profiles.
///
/// # Errors
/// With exit code 65 and every diagnostic if they have errors.
pub(crate) fn declared(places: &Places, scope: &Scope) -> Result<Declared, Failure> {
    forgotten::trusted_root(places)?;
    let stdin = stdin(places)?;
    let loaded = read(places, scope, stdin.as_deref(), Builtins::NONE);
    let specs = if loaded.desired.portals.is_empty() { vec![PortalSpec::embedded()] } else { loaded.desired.portals.clone() };
    let profiles = match profiles(&specs, places) {
        Err(_) if loaded.has_errors() => return Err(forgotten::explain(places, loaded)),
        profiles => profiles?,
    };
    // What a portal has by itself its profile alone says: until that is read, a reference to it leads nowhere.
    let own = own_names::of_any(&profiles);
    let loaded = if own.is_empty() {
        loaded
    } else {
        let names = |tenant: &_, kind| own_names::of_tenant(&specs, &profiles, tenant, kind);
        read(places, scope, stdin.as_deref(), Builtins::Known(&names))
    };
    if loaded.has_errors() {
        return Err(forgotten::explain(places, loaded));
    }
    let desired = Desired { builtins: own, ..loaded.desired };
    Ok(Declared { desired, warnings: loaded.diagnostics, specs, profiles })
}

/// MACs under a key; without one a digest that nothing equals.
pub(crate) fn mac_with(key: Option<&MacKey>) -> impl Fn(&[(&str, &SecretString)]) -> Digest + Sync {
    move |parts| key.map_or(Digest([0xff; 16]), |key| key.mac(parts))
}

/// The selection that flags name.
///
/// # Errors
/// When a glob, a kind or a name is none.
pub(crate) fn scope(select: &Select) -> Result<Scope, Failure> {
    let globs = |flag: &str, texts: &[String]| -> Result<Vec<Pattern>, Failure> {
        texts.iter().map(|t| Pattern::new(t).map_err(|e| Failure::usage(format!("--{flag} {t}: {e}")))).collect()
    };
    let kind = |text: &String| {
        let found = Kind::from_name(text).or_else(|| Kind::from_slug(text)).filter(|k| *k != Kind::Portal);
        let kinds = || Kind::reconciled().map(|k| k.def().name).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| Failure::usage(format!("--kind {text}: there is no such kind")).help(format!("the kinds are {}", kinds())))
    };
    Ok(Scope {
        only: None,
        portals: select
            .portal
            .iter()
            .map(|t| Name::new(t).map_err(|e| Failure::usage(format!("--portal: {e}"))))
            .collect::<Result<_, _>>()?,
        tenants: globs("tenant", &select.tenant)?,
        kinds: select.kind.iter().map(kind).collect::<Result<_, _>>()?,
        targets: globs("target", &select.target)?,
        excludes: globs("exclude", &select.exclude)?,
    })
}

/// The paths given, or the current directory.
pub(crate) fn roots(places: &Places) -> Vec<PathBuf> {
    if places.file.is_empty() { vec![PathBuf::from(".")] } else { places.file.clone() }
}

/// Where the ledger is.
///
/// # Errors
/// When the location given is none, or git tracks the file.
pub(crate) fn location(face: &Face<'_>, places: &Places) -> Result<LedgerLocation, Failure> {
    let text = places.ledger.clone().or_else(|| face.settings.ledger.clone());
    let location = match text {
        Some(text) => text.parse::<LedgerLocation>().map_err(|e| Failure::usage(e.to_string()))?,
        None => LedgerLocation::Sqlite(state_dir(places).join("ledger.db")),
    };
    if let LedgerLocation::Sqlite(file) = &location {
        super::git::check_untracked(file)?;
    }
    Ok(location)
}

/// Whether this run has manifests to look at. Whoever names a ledger in a cluster and no path means what is declared in that cluster, and not whatever
/// lies in the folder that a shell happens to be in.
pub(crate) fn has_manifests(places: &Places, location: &LedgerLocation) -> bool {
    !matches!(location, LedgerLocation::Kubernetes(_)) || !places.file.is_empty() || places.portals.is_some()
}

/// Refuses a command that cannot do without manifests where it has none to look at.
///
/// # Errors
/// Says how those of the cluster are given.
pub(crate) fn needs_manifests(places: &Places, location: &LedgerLocation, why: &str, command: &str) -> Result<(), Failure> {
    let LedgerLocation::Kubernetes(place) = location else { return Ok(()) };
    if has_manifests(places, location) {
        return Ok(());
    }
    let namespace = place.namespace();
    Err(Failure::usage(format!(
        "{why}, and no -f says where manifests are: the ledger is in a cluster, so the current folder is not looked at"
    ))
    .help(format!(
        "give the cluster's own: `kubectl get tenantry -n {namespace} -o yaml | tenantry {command} -f -`; or those of a folder: -f PATH"
    )))
}

/// A ledger that cannot be had, with what says where it is.
fn not_had(location: &LedgerLocation, error: LedgerError) -> Failure {
    match (location, error) {
        (LedgerLocation::Kubernetes(place), error @ LedgerError::Unavailable(_)) => {
            let namespace = place.namespace();
            let form = format!("--ledger 'kubernetes://{namespace}?kubeconfig=FILE&context=NAME'");
            Failure::from(error).help(format!("{form} and KUBECONFIG say which cluster it is (docs/ledger.md); nothing was changed"))
        }
        (_, error) => error.into(),
    }
}

/// Refuses a ledger in a cluster that nobody made: the namespace is always named, and a wrong one would read as nothing to do.
///
/// # Errors
/// When there is none, or it cannot be seen.
pub(crate) async fn there_in_cluster(location: &LedgerLocation) -> Result<(), Failure> {
    if let LedgerLocation::Kubernetes(place) = location
        && !location.is_there().await.map_err(|error| not_had(location, error))?
    {
        let why = format!("there is no ledger in namespace {} of the cluster", place.namespace());
        let help = "name the namespace that the operator keeps its ledger in: its own, unless its --ledger says another";
        return Err(Failure::new(Exit::Error, why).help(help));
    }
    Ok(())
}

/// Where state is kept: `.tenantry` beside the first root; in the current directory, if that is the root or nothing is.
pub(crate) fn state_dir(places: &Places) -> PathBuf {
    if let Some(given) = &places.state_dir {
        return given.clone();
    }
    let first = roots(places).into_iter().find(|r| r != Path::new("-")).unwrap_or_default();
    let beside = if first.file_name().is_some() { first.parent().map(Path::to_path_buf) } else { None };
    beside.unwrap_or_default().join(".tenantry")
}

/// What standard input says, if it is one of the roots; read once.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn stdin(places: &Places) -> Result<Option<Vec<u8>>, Failure> {
    if !roots(places).iter().any(|r| r == Path::new("-")) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).map_err(|e| Failure::new(Exit::Error, format!("standard input cannot be read: {e}")))?;
    Ok(Some(bytes))
}

/// Loads manifests whatever is wrong with them.
pub(crate) fn read(places: &Places, scope: &Scope, stdin: Option<&[u8]>, builtins: Builtins<'_>) -> manifest::Loaded {
    let narrowed = !scope.tenants.is_empty() || !scope.targets.is_empty();
    let wanted = |tenant: &str| scope.tenant_named(tenant);
    let request = manifest::Request {
        roots: &roots(places),
        stdin,
        portals_root: places.portals.as_deref(),
        only: if narrowed { Some(&wanted) } else { None },
        builtins,
    };
    manifest::load(&request)
}

/// The profile of each portal.
pub(crate) fn profiles(specs: &[PortalSpec], places: &Places) -> Result<BTreeMap<PortalName, Arc<Profile>>, Failure> {
    let mut profiles = BTreeMap::new();
    let mut wrong = Vec::new();
    let trusted = places.portals.as_deref();
    // That a document names none is told with its place.
    for spec in specs.iter().filter(|spec| !spec.profile.is_empty()) {
        match load_profile(&spec.profile, trusted) {
            Ok(profile) => {
                profiles.insert(spec.name.clone(), profile);
            }
            Err(diagnostics) => wrong.extend(diagnostics.into_iter().map(|d| match d.range {
                // What is wrong within the profile has a place there; what is wrong with its name has not.
                None => d.about(Address::new(Name::msp(), Kind::Portal, spec.name.clone())),
                Some(_) => d,
            })),
        }
    }
    if wrong.is_empty() { Ok(profiles) } else { Err(Failure::of_diagnostics(Exit::Invalid, wrong)) }
}
