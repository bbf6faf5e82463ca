//! Where what was heard becomes what is driven: custom resources are gathered, sorted out, opened and declared to the controller.
//!
//! Comes in: [`Heard`]. Goes out: fleets and wake-ups, to the controller; the index by which the reporter finds custom resources. Declares
//! nothing before every kind was listed once: what was not seen yet would be read as "no longer declared".

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::consent::approved;
use super::fleet::{self, Gathered};
use super::going::Going;
use super::known::{Object, ObjectKey};
use super::secrets::{self, ClusterSecrets, SecretKey};
use super::shown::Shown;
use super::store::{Objects, Store, is_portal};
use super::tell::Teller;
use super::watch::{Heard, Namespace};
use crate::controller::backoff::after_failures;
use crate::controller::{Controller, Fleet, Open, Why, changed};
use crate::diagnostic::Diagnostic;
use crate::engine::{Served, own_names};
use crate::model::{Desired, Kind, Name, PortalName, PortalSpec, TenantName};
use crate::portal::gated::Gated;
use crate::portal::{Drivers, Execute, Observe, OpenContext, PortalError, Profile, load_profile};

/// What is heard within so short a time is gathered together.
const GATHER: Duration = Duration::from_millis(200);
/// However much is heard, it is declared after this long.
const AT_LATEST: Duration = Duration::from_secs(2);
/// The first pause before a Secret that could not be read is asked for again, and the longest.
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(300);

/// A loop that waits says that it waits, so that whoever asks knows that it does not hang.
const TURN: Duration = Duration::from_secs(10);
/// How many turns it waits for the ledger before it is taken for one that hangs: each request of the ledger's has an end of its own, and much
/// sooner.
const TURNS: usize = 60;

/// What the hub works with.
pub(crate) struct Hub {
    pub(crate) client: Client,
    pub(crate) controller: Arc<Controller>,
    pub(crate) teller: Arc<Teller>,
    pub(crate) secrets: Arc<ClusterSecrets>,
    pub(crate) drivers: Drivers,
    /// The namespace of the MSP's own documents.
    pub(crate) home: String,
    /// Where profiles lie that are not shipped.
    pub(crate) profiles: Option<PathBuf>,
    pub(crate) state_dir: PathBuf,
    /// What is to be listed once before anything is declared.
    pub(crate) unheard: BTreeSet<(Kind, Namespace)>,
    pub(crate) store: Arc<Store>,
    /// Namespaces and kinds that the cluster takes away as a whole.
    pub(crate) going: Going,
    pub(crate) opened: BTreeMap<PortalName, Opened>,
    /// Documents that are new, that somebody deleted, asked for a look at, or gave another generation, since the last declaration: whoever did waits for a
    /// visit, whatever else is the same. Who is woken is known once it is known which documents count.
    pub(crate) touched: BTreeMap<ObjectKey, Why>,
    /// Our term as a leader that was heard of last and not declared since.
    pub(crate) term: Option<u64>,
    /// Secrets that say something else since the last declaration that was taken in.
    pub(crate) rotated: BTreeSet<SecretKey>,
    /// How often in a row a Secret could not be read.
    pub(crate) unread: u32,
    pub(crate) shown: Arc<Shown>,
    /// What was declared is told of beside the loop: an API server that is slow to take it keeps nothing that is declared waiting.
    pub(crate) telling: JoinSet<()>,
}

/// A portal that is open, and what it was opened by.
pub(crate) struct Opened {
    spec: PortalSpec,
    observe: Arc<dyn Observe>,
    execute: Arc<dyn Execute>,
}

impl Hub {
    /// Works until nothing is heard any more.
    pub(crate) async fn run(mut self, mut heard: UnboundedReceiver<Heard>) {
        let (mut first, mut newest): (Option<Instant>, Instant) = (None, Instant::now());
        loop {
            self.shown.turned();
            let due = first.filter(|_| self.unheard.is_empty()).map(|first| (newest + GATHER).min(first + AT_LATEST));
            let wait = async {
                match due {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                word = heard.recv() => match word {
                    None => return,
                    Some(word) => if self.hear(word) {
                        newest = Instant::now();
                        first.get_or_insert(newest);
                    },
                },
                () = tokio::time::sleep(TURN) => if self.going.is_due(&self.store) {
                    newest = Instant::now();
                    first.get_or_insert(newest);
                },
                () = wait => {
                    first = None;
                    if let Some(pause) = self.declare().await {
                        // What could not be declared is declared anew: the ledger was away, say.
                        newest = Instant::now() + pause;
                        first = Some(newest);
                    }
                }
            }
        }
    }

    /// Takes in a word; true if it changes what is declared.
    fn hear(&mut self, word: Heard) -> bool {
        match word {
            Heard::All(kind, place, objects) => {
                let news = self.unheard.remove(&(kind, place.clone())) || self.going.unread().contains(&kind);
                self.going.listed(kind, &place);
                let listed: BTreeMap<_, _> = objects.into_iter().collect();
                let known = self.store.keys(kind, place.as_deref()).into_iter();
                // Each is taken in, whatever the others say.
                let gone = known.filter(|key| !listed.contains_key(key)).filter(|key| self.forget(key)).count();
                let other = listed.into_iter().map(|(key, object)| self.keep(key, object)).filter(|is_news| *is_news).count();
                news || gone + other > 0
            }
            Heard::Applied(key, object) => self.keep(key, *object),
            Heard::Gone(key) => self.forget(&key),
            Heard::Leading(term) => {
                self.term = Some(term);
                true
            }
            Heard::Secret(key) => self.secrets.changed(&key),
        }
    }

    fn forget(&mut self, key: &ObjectKey) -> bool {
        self.teller.forget(key);
        self.going.touched(&key.namespace);
        self.store.forget(key)
    }

    /// Keeps an object; true if it says something else than before. A status that we wrote says nothing, but which
    /// approvals were used: another replica may have written that.
    fn keep(&mut self, key: ObjectKey, object: Object) -> bool {
        let before = self.store.keep(key.clone(), object);
        let now = self.store.get(&key);
        if before.as_ref().zip(now.as_ref()).is_some_and(|(before, now)| before.uid != now.uid) {
            // It went and came back under its name before anybody told us: nothing that was said of it is true of this one.
            self.teller.forget(&key);
        }
        let requested = |object: &Arc<Object>| object.asks.reconcile_requested.clone();
        let asked = before.as_ref().zip(now.as_ref()).is_some_and(|(b, n)| requested(n).is_some() && requested(b) != requested(n));
        if now.as_ref().is_some_and(|now| now.deleting) && before.as_ref().is_none_or(|b| !b.deleting) {
            self.going.touched(&key.namespace);
            self.touched.insert(key, Why::Changed);
        } else if asked {
            self.touched.entry(key).or_insert(Why::Asked);
        } else if !is_portal(key.kind) && before.as_ref().map(|b| b.generation) != now.as_ref().map(|n| n.generation) {
            self.touched.entry(key).or_insert(Why::Changed);
        }
        !before.zip(now).is_some_and(|(before, now)| before.says_the_same(&now))
    }

    /// Wakes whom documents that count belong to: those of others wake nobody.
    fn wake(&self, touched: &BTreeMap<ObjectKey, Why>, all: &Objects, left_out: &BTreeMap<ObjectKey, String>) {
        let mut changed = BTreeSet::new();
        for (key, why) in touched.iter().filter(|(key, _)| !left_out.contains_key(*key)) {
            let Some(object) = all.get(key) else { continue };
            match (object.tenant_name(), Name::new(&object.called)) {
                (Some(tenant), _) if *why == Why::Changed => drop(changed.insert(tenant)),
                (Some(tenant), _) => self.controller.wake_tenant(&tenant, *why),
                (None, Ok(portal)) if is_portal(key.kind) => self.controller.wake_portal(&portal, *why),
                (None, _) => {}
            }
        }
        self.controller.wake_tenants(&changed, Why::Changed);
    }

    /// Declares what is known; after how long it is to be tried again, if it is.
    async fn declare(&mut self) -> Option<Duration> {
        if let Err(error) = self.look_for_what_goes().await {
            tracing::warn!(namespace = self.home, %error, "nobody says whether namespaces or kinds are being removed; it is asked again");
            return Some(AT_LATEST);
        }
        let (all, edition) = self.store.declare(self.going.kinds());
        self.let_go(&all);
        let profiles = std::sync::Mutex::new((BTreeSet::new(), BTreeMap::new()));
        let names = |specs: &[PortalSpec], tenant: &TenantName, kind: Kind| {
            let mut profiles = profiles.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let (asked, loaded) = &mut *profiles;
            for spec in specs {
                // Once a declaration: this is asked for each tenant and kind, and a profile of one's own is a file to read and to compile.
                if asked.insert(spec.name.clone())
                    && let Ok(profile) = load_profile(&spec.profile, self.profiles.as_deref())
                {
                    loaded.insert(spec.name.clone(), profile);
                }
            }
            own_names::of_tenant(specs, loaded, tenant, kind)
        };
        let declared = self.going.declared(&all);
        let Gathered { mut desired, invalid, left_out, leaving, counted } = fleet::gather(&declared, &self.home, &names);
        self.store.take_in(&left_out);
        self.keep_what_goes(&mut desired);
        desired.builtins = own_names::of_any(&profiles.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).1);
        let mut rotated = std::mem::take(&mut self.rotated);
        let (other, all_read) = self.secrets.hold(&self.client, &secrets::named(&desired), &|| self.shown.turned()).await;
        rotated.extend(other);
        self.unread = if all_read { 0 } else { self.unread.saturating_add(1) };
        let (portals, closed) = self.open(&desired, &rotated);
        let (touched, term) = (std::mem::take(&mut self.touched), self.term.take());
        let naming = tenants_naming(&desired, &rotated);
        let reopened: Vec<_> = desired.portals.iter().filter(|spec| names_any(spec, &rotated)).map(|spec| spec.name.clone()).collect();
        let approved = approved(&declared, &left_out, &desired);
        let refused = left_out.len() + invalid.len();
        let fleet = Fleet { edition, desired, portals, closed, approved, invalid, leaving };
        let before = self.controller.fleet();
        if let Err(error) = self.turning(self.controller.declare(fleet)).await {
            self.shown.silence.not_taken_in(&self.home, &error);
            self.rotated.extend(rotated);
            self.touched.extend(touched);
            self.term = term;
            return Some(AT_LATEST);
        }
        self.controller.wake_tenants(&naming, Why::Changed);
        self.wake(&touched, &all, &left_out);
        reopened.iter().for_each(|portal| self.controller.wake_portal(portal, Why::Changed));
        self.shown.declared(refused);
        self.store.counted(counted);
        if let Some(term) = term {
            self.controller.begin_term(term);
        }
        if let Some(fleet) = self.controller.fleet() {
            let alike = before.map(|before| changed::portals(&before, &fleet)).unwrap_or_default();
            self.tell(&fleet, &alike, &all, &left_out);
        }
        (self.unread > 0).then(|| after_failures(self.unread, FIRST, 0.5).min(LONGEST))
    }

    /// Finds out what the cluster takes away as a whole.
    async fn look_for_what_goes(&mut self) -> Result<(), kube::Error> {
        let mut going = std::mem::take(&mut self.going);
        let looked = self.turning(going.look(&self.client, &self.store)).await;
        self.going = going;
        looked
    }

    /// Keeps what nobody deleted: all of a kind whose definition goes, and, while our own namespace goes, what is the MSP's own.
    fn keep_what_goes(&self, desired: &mut Desired) {
        if self.going.takes(&self.home) {
            desired.portals.iter_mut().for_each(|portal| portal.serves_msp = false);
        }
        let unread = self.going.unread();
        if unread.is_empty() {
            return;
        }
        // Its last document may have gone with its kind.
        if self.controller.fleet().is_some_and(|before| before.desired.tenants.contains_key(&Name::msp())) {
            desired.tenants.entry(Name::msp()).or_default();
        }
        desired.tenants.values_mut().for_each(|tenant| tenant.unread_kinds.clone_from(&unread));
    }

    /// Begins to let go of what a namespace waits for that goes.
    fn let_go(&mut self, all: &Objects) {
        let held = self.going.waited_for(all);
        if !held.is_empty() {
            let teller = Arc::clone(&self.teller);
            self.telling.spawn(async move { teller.let_go_of(held).await });
        }
    }

    /// Waits for the ledger, and says that it waits.
    async fn turning<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        for _ in 0..TURNS {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep(TURN) => self.shown.turned(),
            }
        }
        work.await
    }

    /// Begins to tell of what no visit tells.
    fn tell(&mut self, fleet: &Fleet, alike: &BTreeSet<PortalName>, all: &Objects, left_out: &BTreeMap<ObjectKey, String>) {
        while let Some(ended) = self.telling.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(namespace = self.home, %error, "what was declared was not told of to its end, which is a bug");
            }
        }
        let (teller, untold) = (Arc::clone(&self.teller), self.teller.declared(fleet, alike, all, left_out));
        self.telling.spawn(async move { teller.tell(untold).await });
    }

    /// Opens portals; one whose document says the same and whose credentials are the same stays open.
    fn open(
        &mut self,
        desired: &Desired,
        rotated: &BTreeSet<SecretKey>,
    ) -> (BTreeMap<PortalName, Open>, BTreeMap<PortalName, PortalError>) {
        let (mut portals, mut closed) = (BTreeMap::new(), BTreeMap::new());
        let mut before = std::mem::take(&mut self.opened);
        for spec in &desired.portals {
            let bare = PortalSpec { source: None, organizations: None, ..spec.clone() };
            let kept = before.remove(&spec.name).filter(|o| o.spec == bare && !names_any(spec, rotated));
            match kept.map_or_else(|| self.open_one(spec, bare), Ok) {
                Ok(opened) => {
                    let served = Served { spec: spec.clone(), observe: Arc::clone(&opened.observe) };
                    portals.insert(spec.name.clone(), Open { served, execute: Arc::clone(&opened.execute) });
                    self.opened.insert(spec.name.clone(), opened);
                }
                Err(error) => drop(closed.insert(spec.name.clone(), error)),
            }
        }
        (portals, closed)
    }

    fn open_one(&self, spec: &PortalSpec, bare: PortalSpec) -> Result<Opened, PortalError> {
        let words =
            |wrong: Vec<Diagnostic>| PortalError::Misconfigured(wrong.iter().map(|d| d.summary.as_str()).collect::<Vec<_>>().join("; "));
        let profile: Arc<Profile> = load_profile(&spec.profile, self.profiles.as_deref()).map_err(words)?;
        let context = OpenContext { spec, profile, state_dir: &self.state_dir, secrets: self.secrets.as_ref() };
        let observe = self.drivers.open_reader(&context)?;
        let execute = self.drivers.open_writer(&context).unwrap_or_else(|error| Gated::unopened(Arc::clone(&observe), error));
        Ok(Opened { spec: bare, observe, execute })
    }
}

fn names_any(spec: &PortalSpec, rotated: &BTreeSet<SecretKey>) -> bool {
    if rotated.is_empty() {
        return false;
    }
    let only = Desired { portals: vec![spec.clone()], ..Desired::default() };
    !rotated.is_disjoint(&secrets::named(&only))
}

/// The tenants in which something names one of these Secrets.
fn tenants_naming(desired: &Desired, rotated: &BTreeSet<SecretKey>) -> BTreeSet<TenantName> {
    if rotated.is_empty() {
        return BTreeSet::new();
    }
    let names = |tenant: &crate::model::Tenant| {
        let one = Desired { tenants: BTreeMap::from([(Name::msp(), tenant.clone())]), ..Desired::default() };
        !rotated.is_disjoint(&secrets::named(&one))
    };
    desired.tenants.iter().filter(|(_, tenant)| names(tenant)).map(|(name, _)| name.clone()).collect()
}
