//! The operator: the controller in Kubernetes.
//!
//! Comes in: custom resources and Secrets, by watches. Goes out: what the controller does about them, and statuses, events and finalizers.
//! Never makes custom resources but the ledger's, and reads no Secret that nothing declared names.
//!
//! ```text
//! watch ─► hub (known ─► fleet ─► Fleet) ─► controller ─► tell (status, events, finalizers)
//!            secrets, portals opened                 └──► ledger, by compare-and-swap
//! ```
//!
//! Reading order: `known` (what is kept of an object), `store` (all of them), `watch` (with `silence` and `rights`: what it does not hear), `fleet` (which
//! documents count), `places` (who may stand where, and who serves whom), `going` (what the cluster takes away as a whole), `consent` (what annotations
//! approve), `secrets`, `hub` (the wiring), `status`, `say`, `answer` and `tell` (what people are told), `hand` (writes it), `unspoken` (what it could not write), `shown` (what the server
//! answers), `admission` (what a change would do, told before it is made), `start` (how it begins).

mod admission;
mod answer;
mod consent;
mod fleet;
mod going;
mod hand;
mod hub;
mod known;
mod places;
mod rights;
mod say;
mod secrets;
mod shown;
mod silence;
mod start;
mod status;
mod store;
mod tell;
mod unspoken;
mod watch;

pub use admission::Webhook;
pub use shown::Shown;
pub use start::InCluster;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use kube::Client;

use crate::apply::Stop;
use crate::controller::fence::Fence;
use crate::controller::{Controller, Tools, lead};
use crate::ledger::{Holder, Ledger};
use crate::model::Kind;
use crate::portal::Drivers;
use crate::secrets::MacKey;

/// What the operator is told by whoever starts it.
pub struct Settings {
    /// The cluster.
    pub client: Client,
    /// What is ours.
    pub ledger: Arc<dyn Ledger>,
    /// The key of the secrets' MACs.
    pub key: MacKey,
    /// The drivers there are.
    pub drivers: Drivers,
    /// The namespaces that are watched; empty: all.
    pub namespaces: Vec<String>,
    /// The namespace of the MSP's own documents.
    pub home: String,
    /// Where profiles lie that are not shipped.
    pub profiles: Option<PathBuf>,
    /// Where the embedded portal keeps its file.
    pub state_dir: PathBuf,
    /// Who we are, for leadership, locks and audit records.
    pub holder: Holder,
    /// Lets no call begin while we do not lead.
    pub fence: Fence,
    /// Set to stop: calls under way finish, no new one starts.
    pub stop: Arc<Stop>,
    /// What the server beside it answers.
    pub shown: Arc<Shown>,
    /// Tells what a change would do before it is made; `None`: nobody asks.
    pub webhook: Option<Webhook>,
}

/// Works until it is told to stop; `led` hears when leadership is won and lost.
pub async fn run(settings: Settings, led: &(dyn Fn(bool) + Sync)) {
    let Settings { client, ledger, key, drivers, namespaces, home, profiles, state_dir, holder, fence, stop, shown, webhook } = settings;
    let secrets = Arc::new(secrets::ClusterSecrets::default());
    let store = Arc::new(store::Store::default());
    let read = Arc::clone(&ledger) as _;
    let teller = tell::Teller::new(client.clone(), read, fence.clone(), &holder.host, Arc::clone(&shown), Arc::clone(&store));
    let teller = Arc::new(teller);
    let key = Arc::new(OnceLock::from(key));
    let tools = Tools {
        ledger: Arc::clone(&ledger),
        secrets: Arc::clone(&secrets) as _,
        key: Arc::clone(&key),
        who: holder.who.clone(),
        fence: fence.clone(),
        stop: Arc::clone(&stop),
    };
    let controller = Controller::new(tools, Arc::clone(&teller) as _);
    shown.works(Arc::clone(&controller), Arc::clone(&stop));
    let places: Vec<watch::Namespace> = if namespaces.is_empty() { vec![None] } else { namespaces.into_iter().map(Some).collect() };
    let unheard: BTreeSet<_> = places.iter().flat_map(|place| Kind::ALL.map(|kind| (kind, place.clone()))).collect();
    let (tell, heard) = tokio::sync::mpsc::unbounded_channel();
    // Dropped with this function: nothing is heard after it.
    shown.silence.begins(&unheard);
    let mut watches = watch::watch(&client, &places, &tell, &shown);
    if let Some(words) = ledger.recorded() {
        watches.spawn(Arc::clone(&controller).hear(words));
    }
    let webhook = webhook.map(|webhook| {
        let (store, controller, ledger) = (Arc::clone(&store), Arc::clone(&controller), Arc::clone(&ledger));
        let (secrets, home, places, memory) = (Arc::clone(&secrets), home.clone(), places.clone(), admission::Memory::default());
        webhook.begin(admission::Admission { store, controller, ledger, secrets, key, home, places, memory })
    });
    watches.spawn(Arc::clone(&teller).try_again());
    let namespace = home.clone();
    let last = going::Last { client: client.clone(), store: Arc::clone(&store), teller: Arc::clone(&teller), home: home.clone() };
    // All goes on whether we lead or not, so that whoever takes over knows already what is declared; only a leader acts and tells.
    let hub = hub::Hub {
        client,
        controller: Arc::clone(&controller),
        teller,
        secrets,
        drivers,
        home,
        profiles,
        state_dir,
        unheard,
        store,
        going: going::Going::default(),
        touched: BTreeMap::new(),
        term: None,
        opened: BTreeMap::new(),
        rotated: BTreeSet::new(),
        unread: 0,
        shown,
        telling: tokio::task::JoinSet::new(),
    };
    let hub = tokio::spawn(hub.run(heard));
    let running = tokio::spawn({
        let controller = Arc::clone(&controller);
        async move { controller.run().await }
    });
    // What a former leader did may have been told and not taken in yet: each term begins with what is declared then.
    controller.hold();
    let told = |leads: bool| {
        let term = controller.hold();
        if leads && tell.send(watch::Heard::Leading(term)).is_err() {
            tracing::error!(namespace, "nothing is heard any more");
        }
        led(leads);
    };
    lead::lead(ledger, holder, fence, stop, ended(running, &namespace), &told).await;
    hub.abort();
    last.leave().await;
    if let Some(webhook) = webhook {
        webhook.end().await;
    }
}

/// Waits until a task has ended, which it does not by itself.
async fn ended(task: tokio::task::JoinHandle<()>, namespace: &str) {
    if let Err(error) = task.await {
        tracing::error!(namespace, %error, "the controller ended without a word");
    }
}
