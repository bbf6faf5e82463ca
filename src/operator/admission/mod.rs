//! The admission webhook: what a change of a custom resource would do, told as warnings before it is made.
//!
//! Comes in: `AdmissionReview`s of API servers, and what the operator knows: what is declared, portals, the ledger. Goes out: warnings. It allows
//! every change: the guards of the engine are the authority, and the schema of the kinds refuses what no manifest may say. It only reads, so that a
//! dry run has no effects, and whether this instance leads does not matter.
//!
//! ```text
//! tls ─► server ─► review ─► declared (before, after) ─► glimpse ─► preview, twice ─► effects ─► review
//!                              board: what bears on it      portal and ledger, read a moment ago
//! ```
//!
//! Reading order: `review` (what is asked and answered), here (how an answer comes about), `board` and `declared`, `glimpse`, `effects`, `portals`
//! (changes of a portal's own document), `elsewhere` (what others share with an organization), `tls` and `server`.

mod board;
mod declared;
mod effects;
mod elsewhere;
mod glimpse;
mod portals;
mod review;
mod server;
mod tls;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use declared::Declared;
use effects::{Sentence, Weight, customer};
use glimpse::Glimpses;
use review::Change;

use super::secrets::ClusterSecrets;
use super::store::{Store, is_portal};
use super::watch::Namespace;
use crate::controller::preview::{Foreseen, Question, Unforeseen, preview};
use crate::controller::{Controller, Fleet, Open, UnitKey};
use crate::engine::Served;
use crate::ledger::Ledger;
use crate::model::{Digest, Name, PortalName, PortalSpec, SecretRef, Tenant, TenantName};
use crate::operator::fleet::Gathered;
use crate::portal::Observe;
use crate::secrets::{MacKey, SecretError, SecretReader};

/// Changes that are lowered at the same time: that takes a processor, which the controller needs, too.
const AT_ONCE: usize = 4;
/// How long the last answers may take: as long as any.
const LAST_ANSWERS: Duration = Duration::from_secs(4);
/// What is said when time is up.
const TOO_LONG: &str = "the plan took too long to preview: what else this does is not known";

/// The webhook, as it is started: it listens, and answers nobody yet.
pub struct Webhook {
    listener: TcpListener,
    address: SocketAddr,
    certificates: tls::Certificates,
}

impl Webhook {
    /// Listens, with the certificate in `tls.crt` and `tls.key` of a folder; port 0 takes a free one.
    ///
    /// # Errors
    /// When the certificate cannot be used or the address cannot be had, in words.
    pub async fn bind(address: SocketAddr, folder: &Path) -> Result<Self, String> {
        let certificates = tls::Certificates::open(folder)?;
        let failed = |e: std::io::Error| format!("cannot listen on {address}: {e}");
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, certificates })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins to answer.
    pub(crate) fn begin(self, admission: Admission) -> Answering {
        let (ends, end) = oneshot::channel::<()>();
        let stop = async {
            // Whoever would say so is gone: that is the end, too.
            let _said = end.await;
        };
        let task = tokio::spawn(async move {
            let connections = tls::Connections::new(self.listener, self.address, self.certificates);
            server::serve(connections, Arc::new(admission), stop).await
        });
        Answering { ends, task }
    }
}

/// A webhook that answers.
pub(crate) struct Answering {
    ends: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Answering {
    /// Ends once what was asked is answered.
    pub(crate) async fn end(mut self) {
        drop(self.ends);
        if tokio::time::timeout(LAST_ANSWERS, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

/// What answers are made from.
pub(crate) struct Admission {
    pub(crate) store: Arc<Store>,
    pub(crate) controller: Arc<Controller>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) secrets: Arc<ClusterSecrets>,
    pub(crate) key: Arc<OnceLock<MacKey>>,
    /// The namespace of the MSP's own documents.
    pub(crate) home: String,
    pub(crate) places: Vec<Namespace>,
    pub(crate) memory: Memory,
}

/// What is remembered between two answers.
pub(crate) struct Memory {
    glimpses: Glimpses,
    at_once: Arc<Semaphore>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { glimpses: Glimpses::default(), at_once: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

/// What is to be said; what was found out by the deadline counts.
#[derive(Default)]
struct Said {
    /// By sentence: the portals that it is about; none: it is about no portal.
    sentences: BTreeMap<Sentence, Vec<PortalName>>,
}

impl Said {
    fn add(&mut self, weight: Weight, text: impl Into<String>) {
        self.sentences.entry((weight, text.into())).or_default();
    }

    fn in_portal(&mut self, portal: &PortalName, sentence: Sentence) {
        self.sentences.entry(sentence).or_default().push(portal.clone());
    }

    fn lines(self) -> Vec<String> {
        let line = |((_, text), portals): (Sentence, Vec<PortalName>)| match portals.as_slice() {
            [] => text,
            [portal] => format!("{text} in portal {portal}"),
            [_, _] | [_, _, _] => {
                let names = effects::listed(&portals.iter().map(ToString::to_string).collect::<Vec<_>>());
                format!("{text} in portals {}", names.unwrap_or_default())
            }
            many => format!("{text} in {} portals", many.len()),
        };
        self.sentences.into_iter().map(line).collect()
    }
}

impl Admission {
    /// What a change would do, the most important first; what is not known by the deadline is not waited for.
    async fn warnings(self: &Arc<Self>, change: &Arc<Change>, deadline: Instant) -> Vec<String> {
        let watched = self.places.iter().any(|place| place.as_ref().is_none_or(|place| *place == change.key.namespace));
        if !watched || change.says_nothing_new() {
            return Vec::new();
        }
        let mut said = Said::default();
        if tokio::time::timeout_at(deadline, self.find_out(change, &mut said)).await.is_err() {
            said.add(Weight::Held, TOO_LONG);
        }
        said.lines()
    }

    async fn find_out(self: &Arc<Self>, change: &Arc<Change>, said: &mut Said) {
        let Some(fleet) = self.controller.fleet() else {
            return said.add(Weight::Held, "the operator has just begun: what this does is not known yet");
        };
        let Ok(place) = Arc::clone(&self.memory.at_once).acquire_owned().await else { return };
        // Lowering keeps a processor busy, and its place until it is done: whoever waits for it may go before. A portal that is slow keeps none.
        let (admission, about, known) = (Arc::clone(self), Arc::clone(change), Arc::clone(&fleet));
        let lowering = tokio::task::spawn_blocking(move || {
            let declared = declared::declared(&admission.store, &about, &admission.home, &known);
            let wrong = declared::wrong(&admission.store, &about, &declared, &admission.home, &known);
            let elsewhere = elsewhere::of(&admission.store, &about, &admission.home, &known);
            drop(place);
            (declared, wrong, elsewhere)
        });
        let Ok((declared, wrong, elsewhere)) = lowering.await else { return };
        elsewhere.into_iter().for_each(|(weight, text)| said.add(weight, text));
        let is_wrong = !wrong.is_empty();
        wrong.into_iter().for_each(|text| said.add(Weight::Wrong, text));
        if is_portal(change.key.kind) {
            return portals::of(change, &declared, said);
        }
        let Some(tenant) = declared::tenant_of(change).and_then(|t| Name::new(t).ok()) else { return };
        if declared.after.invalid.contains_key(&tenant) {
            let customer = customer(&tenant);
            let text = format!("nothing is done for {customer} until the errors in what is declared for it are mended");
            return said.add(Weight::Held, text);
        }
        if is_wrong || same(&declared, &tenant) {
            return;
        }
        let serving = declared.after.desired.portals.iter().filter(|spec| serves(&declared, spec, &tenant));
        let serving: Vec<_> = serving.collect();
        if serving.is_empty() {
            return said.add(Weight::Held, format!("no portal serves {}: nothing is done for it", customer(&tenant)));
        }
        let all = serving.into_iter().map(|spec| self.in_portal(&fleet, &declared, &tenant, spec));
        let mut found = futures_util::stream::FuturesUnordered::from_iter(all);
        while let Some((portal, sentences)) = futures_util::StreamExt::next(&mut found).await {
            sentences.into_iter().for_each(|sentence| said.in_portal(&portal, sentence));
        }
    }

    /// What a change would do in one portal.
    async fn in_portal(&self, fleet: &Fleet, declared: &Declared, tenant: &TenantName, spec: &PortalSpec) -> (PortalName, Vec<Sentence>) {
        let portal = spec.name.clone();
        let customer = customer(tenant);
        let after = declared.after.desired.tenants.get(tenant).map(Tenant::control).unwrap_or_default().over(spec.control);
        if after.suspend == Some(true) {
            return (portal, vec![(Weight::Held, format!("{customer} is suspended: nothing is done for it"))]);
        }
        let unknown = || vec![(Weight::Held, format!("what this does for {customer} is not known: nothing can be read"))];
        let Some(open) = fleet.portals.get(&portal) else { return (portal, unknown()) };
        match self.foresee(open, declared, tenant, spec).await {
            Ok((before, after)) => (portal, effects::of(tenant, &declared.after.desired, before.as_ref(), &after)),
            Err(error) => {
                // Why it cannot be read stands in the portal's status: it may hold addresses that are nobody's business here.
                tracing::debug!(%portal, %tenant, %error, "a change could not be previewed");
                (portal, unknown())
            }
        }
    }

    /// What would be done without the change, and with it.
    async fn foresee(
        &self,
        open: &Open,
        declared: &Declared,
        tenant: &TenantName,
        spec: &PortalSpec,
    ) -> Result<(Option<Foreseen>, Foreseen), Unforeseen> {
        let unit = UnitKey { portal: spec.name.clone(), tenant: tenant.clone() };
        let glimpse = self.memory.glimpses.of(&unit, &open.served.observe, &self.ledger, &self.controller);
        let observe: Arc<dyn Observe> = Arc::clone(&glimpse) as _;
        let mac = |parts: &[(&str, &SecretString)]| self.key.get().map_or(Digest([0xff; 16]), |key| key.mac(parts));
        let secrets = AsHeld(&self.secrets);
        let ask = async |side: &Gathered, spec: &PortalSpec| {
            let (desired, leaving) = (&side.desired, side.leaving.contains(tenant));
            let portal = &Served { spec: spec.clone(), observe: Arc::clone(&observe) };
            preview(&Question { desired, portal, tenant, leaving, ledger: glimpse.as_ref(), secrets: &secrets, mac: &mac }).await
        };
        let former = declared.before.desired.portals.iter().find(|former| former.name == spec.name);
        let before = match former.filter(|_| !declared.before.invalid.contains_key(tenant)) {
            Some(former) => Some(ask(&declared.before, former).await?),
            None => None,
        };
        Ok((before, ask(&declared.after, spec).await?))
    }
}

/// True if a tenant has anything to do with a portal, before the change or after it.
fn serves(declared: &Declared, spec: &PortalSpec, tenant: &TenantName) -> bool {
    let before = declared.before.desired.portals.iter().find(|former| former.name == spec.name);
    spec.serves(tenant) || before.is_some_and(|former| former.serves(tenant))
}

/// True if the change says nothing else of the tenant than what is said already, such as one of a label or a finalizer.
fn same(declared: &Declared, tenant: &TenantName) -> bool {
    let (before, after) = (&declared.before, &declared.after);
    let known = before.invalid.contains_key(tenant) == after.invalid.contains_key(tenant);
    let served = |spec: &&PortalSpec| serves(declared, spec, tenant);
    let portals = |spec: &PortalSpec| {
        let former = before.desired.portals.iter().find(|former| former.name == spec.name);
        former.is_some_and(|former| former.serves(tenant) == spec.serves(tenant))
    };
    let alike = match (before.desired.tenants.get(tenant), after.desired.tenants.get(tenant)) {
        (None, None) => true,
        (Some(a), Some(b)) => {
            a.resources.len() == b.resources.len()
                && a.resources.iter().zip(&b.resources).all(|(a, b)| a.address == b.address && a.fields == b.fields && a.meta == b.meta)
        }
        (Some(_), None) | (None, Some(_)) => false,
    };
    known && alike && after.desired.portals.iter().filter(served).all(portals)
}

/// Secrets as far as the operator holds them. One that nothing declared names yet is not read for whoever asks: it counts as another one.
struct AsHeld<'a>(&'a ClusterSecrets);

impl SecretReader for AsHeld<'_> {
    fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        Ok(self.0.read(reference).unwrap_or_else(|_| SecretString::from("not read")))
    }
}
