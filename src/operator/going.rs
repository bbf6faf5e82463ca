//! What the cluster takes away as a whole: a namespace, or the definition of a kind. Each object in it is then deleted one by one, as if somebody had
//! deleted every one of them, and that is not what was meant: customers are not offboarded so.
//!
//! Comes in: where something was deleted. Goes out: [`Going`], which says what of all that is known is declared. Asks only where something was
//! deleted, and once a minute while something there waits. Who may not be asked about is taken for one that stays.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use tokio::time::Instant;

use super::hand::within;
use super::known::ObjectKey;
use super::store::{Objects, Store, is_tenant};
use super::tell::Teller;
use crate::model::Kind;

/// After this long it is asked again about what goes, and about what somebody deleted there and that still waits.
const AGAIN: Duration = Duration::from_secs(60);
/// Namespaces that are asked about at the same time.
const AT_ONCE: usize = 8;
/// How long an operator that ends waits to hear whether its namespace goes with it.
const AT_THE_END: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Going {
    /// What was heard of namespaces, and when it was asked.
    namespaces: BTreeMap<String, (bool, Instant)>,
    kinds: BTreeSet<Kind>,
    /// Where something was deleted since it was asked last.
    touched: BTreeSet<String>,
    /// When it was asked last about kinds.
    asked: Option<Instant>,
}

impl Going {
    /// Something was deleted in a namespace.
    pub(crate) fn touched(&mut self, namespace: &str) {
        self.touched.insert(namespace.to_owned());
    }

    /// Whether it is to be asked again, though nothing was heard.
    pub(crate) fn is_due(&self, store: &Store) -> bool {
        self.asked.is_some_and(|at| at.elapsed() >= AGAIN) && (!self.is_empty() || store.places().values().any(|waits| *waits))
    }

    fn is_empty(&self) -> bool {
        self.kinds.is_empty() && !self.namespaces.values().any(|(goes, _)| *goes)
    }

    /// The kinds whose definitions go.
    pub(crate) const fn kinds(&self) -> &BTreeSet<Kind> {
        &self.kinds
    }

    /// Asks what goes, where that may be.
    ///
    /// # Errors
    /// When the cluster does not say. What was touched stays so.
    pub(crate) async fn look(&mut self, client: &Client, store: &Store) -> Result<(), kube::Error> {
        let places = store.places();
        self.namespaces.retain(|namespace, _| places.contains_key(namespace));
        let old = |at: &Instant| at.elapsed() >= AGAIN;
        let is_due = |namespace: &String, waits: bool| match self.namespaces.get(namespace) {
            _ if self.touched.contains(namespace) => true,
            Some((goes, at)) => (*goes || waits) && old(at),
            None => waits,
        };
        let due: Vec<String> = places.iter().filter(|(namespace, waits)| is_due(namespace, **waits)).map(|(n, _)| n.clone()).collect();
        if due.is_empty() && (self.kinds.is_empty() || !self.asked.as_ref().is_some_and(old)) {
            self.touched.clear();
            return Ok(());
        }
        let ask = |namespace: String| async move {
            let goes = namespace_goes(client, &namespace).await?;
            Ok::<_, kube::Error>((namespace, goes))
        };
        let heard: Vec<_> = stream::iter(due).map(ask).buffer_unordered(AT_ONCE).try_collect().await?;
        let kinds = kinds_that_go(client).await?;
        for kind in kinds.difference(&self.kinds) {
            tracing::warn!(
                kind = kind.def().name,
                "its definition is being removed: that deletes nothing in portals; its objects are held until the portals are suspended or deleted"
            );
        }
        self.kinds = kinds;
        for (namespace, goes) in heard {
            if goes && !self.namespaces.get(&namespace).is_some_and(|(went, _)| *went) {
                tracing::info!(namespace, "it is being deleted: its organizations are let go, and stay in the portals");
            }
            self.namespaces.insert(namespace, (goes, Instant::now()));
        }
        self.touched.clear();
        self.asked = Some(Instant::now());
        Ok(())
    }

    fn takes(&self, namespace: &str) -> bool {
        self.namespaces.get(namespace).is_some_and(|(goes, _)| *goes)
    }

    /// What of all objects is declared: no organization of a namespace that goes, so that its customer stays as it is; and of a kind whose
    /// definition goes, everything as before.
    pub(crate) fn declared<'a>(&self, all: &'a Objects) -> Cow<'a, Objects> {
        if self.is_empty() {
            return Cow::Borrowed(all);
        }
        let stays = all.iter().filter(|(key, _)| !(is_tenant(key.kind) && self.takes(&key.namespace)));
        let as_before = stays.map(|(key, object)| {
            let mut object = Arc::clone(object);
            if object.deleting && self.kinds.contains(&key.kind) {
                Arc::make_mut(&mut object).deleting = false;
            }
            (key.clone(), object)
        });
        Cow::Owned(as_before.collect())
    }

    /// The objects that a namespace which goes waits for: whatever becomes of them, nobody waits for it there.
    pub(crate) fn waited_for(&self, all: &Objects) -> Vec<ObjectKey> {
        let held = all.iter().filter(|(key, object)| object.deleting && object.finalized && self.takes(&key.namespace));
        held.map(|(key, _)| key.clone()).collect()
    }
}

/// What is done last of all.
pub(crate) struct Last {
    pub(crate) client: Client,
    pub(crate) store: Arc<Store>,
    pub(crate) teller: Arc<Teller>,
    /// Our own namespace.
    pub(crate) home: String,
}

impl Last {
    /// Lets go of everything in our own namespace, where that goes: the programs in it go first, and nobody would do it after us.
    pub(crate) async fn leave(self) {
        let Self { client, store, teller, home } = self;
        let held = store.held(&home);
        if held.is_empty() {
            return;
        }
        if let Ok(Ok(true)) = tokio::time::timeout(AT_THE_END, namespace_goes(&client, &home)).await {
            tracing::info!(namespace = home, objects = held.len(), "it is being deleted, and nobody is left there: its objects are let go");
            teller.let_go_of(held).await;
        }
    }
}

/// Whether a namespace is being deleted, or gone.
async fn namespace_goes(client: &Client, name: &str) -> Result<bool, kube::Error> {
    match within(Api::<Namespace>::all(client.clone()).get_opt(name)).await {
        Ok(namespace) => Ok(namespace.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some())),
        // An older chart's rights, say.
        Err(kube::Error::Api(answer)) if answer.code == 403 => Ok(false),
        Err(error) => Err(error),
    }
}

/// The kinds whose definitions are being removed: nobody may make any of them any more.
async fn kinds_that_go(client: &Client) -> Result<BTreeSet<Kind>, kube::Error> {
    let listed = match within(client.list_api_group_resources("tenantry.dev/v1alpha1")).await {
        Ok(listed) => listed.resources,
        // There are none at all any more.
        Err(kube::Error::Api(answer)) if answer.code == 404 || answer.code == 403 => Vec::new(),
        Err(error) => return Err(error),
    };
    let goes = |kind: &Kind| {
        let of_kind = listed.iter().find(|r| r.kind == kind.def().name && !r.name.contains('/'));
        of_kind.is_some_and(|resource| !resource.verbs.iter().any(|verb| verb == "create"))
    };
    Ok(Kind::ALL.into_iter().filter(goes).collect())
}
