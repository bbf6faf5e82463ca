//! What the cluster takes away as a whole: a namespace, or the definition of a kind. Each object in it is then deleted one by one, as if somebody had
//! deleted every one of them, and that is not what was meant: customers are not offboarded so.
//!
//! Comes in: where something was deleted, and what was listed. Goes out: [`Going`], which says what of all that is known is declared. Asks only where
//! something was deleted, and once a minute while something there waits. A refusal never says that anything stays: the right to ask may have gone first.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::{Api, Client};
use tokio::time::Instant;

use super::hand::within;
use super::known::ObjectKey;
use super::store::{Objects, Store, is_tenant};
use super::tell::Teller;
use super::watch::{self, api};
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
    namespaces: BTreeMap<String, Word>,
    /// Kinds whose definitions go, or went.
    kinds: BTreeSet<Kind>,
    /// Kinds whose definitions go or went, with where they were not listed since.
    unlisted: BTreeSet<(Kind, watch::Namespace)>,
    /// Where it is listened.
    listens: BTreeSet<watch::Namespace>,
    /// Something was listed since it was asked last about kinds, and one of them went.
    listed: bool,
    /// Where something was deleted since it was asked last.
    touched: BTreeSet<String>,
    /// When it was asked last about kinds.
    asked: Option<Instant>,
}

/// What was heard of a namespace.
#[derive(Debug, Clone, Copy)]
struct Word {
    goes: bool,
    /// Whether it was ever answered: then the right to ask was there.
    answered: bool,
    asked: Instant,
}

impl Going {
    /// All that there is of a kind was listed in a place.
    pub(crate) fn listed(&mut self, kind: Kind, place: &watch::Namespace) {
        self.listens.insert(place.clone());
        self.unlisted.remove(&(kind, place.clone()));
        self.listed |= self.kinds.contains(&kind);
    }

    /// Something was deleted in a namespace.
    pub(crate) fn touched(&mut self, namespace: &str) {
        self.touched.insert(namespace.to_owned());
    }

    /// Whether it is to be asked again, though nothing was heard.
    pub(crate) fn is_due(&self, store: &Store) -> bool {
        self.asked.is_some_and(|at| at.elapsed() >= AGAIN) && (!self.is_empty() || store.places().values().any(|waits| *waits))
    }

    fn is_empty(&self) -> bool {
        self.kinds.is_empty() && !self.namespaces.values().any(|word| word.goes)
    }

    /// The kinds whose definitions go, or went.
    pub(crate) const fn kinds(&self) -> &BTreeSet<Kind> {
        &self.kinds
    }

    /// The kinds of which it is not known what is declared: their definitions go, or went and were not listed everywhere since.
    pub(crate) fn unread(&self) -> BTreeSet<Kind> {
        self.kinds.iter().copied().chain(self.unlisted.iter().map(|(kind, _)| *kind)).collect()
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
            Some(word) => (word.goes || waits) && old(&word.asked),
            None => waits,
        };
        let due: Vec<String> = places.iter().filter(|(namespace, waits)| is_due(namespace, **waits)).map(|(n, _)| n.clone()).collect();
        // The last object of a namespace may be gone with its kind: then nothing there is known any more, and kinds are asked about all the same.
        if self.touched.is_empty() && due.is_empty() && !self.listed && (self.kinds.is_empty() || !self.asked.as_ref().is_some_and(old)) {
            return Ok(());
        }
        let ask = |namespace: String| {
            let before = self.namespaces.get(&namespace).copied();
            async move {
                let word = word_of(client, &namespace, before).await?;
                Ok::<_, kube::Error>((namespace, word))
            }
        };
        let heard: Vec<_> = stream::iter(due).map(ask).buffer_unordered(AT_ONCE).try_collect().await?;
        if let Some(found) = kinds_that_go(client).await? {
            self.takes_in(found);
        }
        self.namespaces.extend(heard);
        self.touched.clear();
        self.listed = false;
        self.asked = Some(Instant::now());
        Ok(())
    }

    fn takes_in(&mut self, Found { going, missing }: Found) {
        for kind in going.union(&missing).filter(|kind| !self.kinds.contains(*kind)) {
            tracing::warn!(
                kind = kind.def().name,
                "its definition is being removed, or gone: that deletes nothing in portals; its objects are held until the portals are suspended or deleted"
            );
        }
        // What is listed of a kind while it goes, or was listed before it went, does not say what people declare.
        for kind in going.iter().chain(missing.difference(&self.kinds)) {
            self.unlisted.extend(self.listens.iter().map(|place| (*kind, place.clone())));
        }
        self.kinds = going.union(&missing).copied().collect();
    }

    /// Whether a namespace goes, as far as is known.
    pub(crate) fn takes(&self, namespace: &str) -> bool {
        self.namespaces.get(namespace).is_some_and(|word| word.goes)
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
        if let Ok(Ok(Some(true))) = tokio::time::timeout(AT_THE_END, namespace_goes(&client, &home)).await {
            tracing::info!(namespace = home, objects = held.len(), "it is being deleted, and nobody is left there: its objects are let go");
            teller.let_go_of(held).await;
        }
    }
}

/// What is to be thought of a namespace, from what was thought of it before. Its deletion may take our rights there away before it deletes anything else:
/// where all of them are gone, or the right to ask was there before, a refusal counts as a namespace that goes.
async fn word_of(client: &Client, namespace: &str, before: Option<Word>) -> Result<Word, kube::Error> {
    let word = |goes, answered| Word { goes, answered, asked: Instant::now() };
    let went = before.is_some_and(|before| before.goes);
    if let Some(goes) = namespace_goes(client, namespace).await? {
        if goes && !went {
            tracing::info!(namespace, "it is being deleted: its organizations are let go, and stay in the portals");
        }
        return Ok(word(goes, true));
    }
    let answered = before.is_some_and(|before| before.answered);
    if went {
        return Ok(word(true, answered));
    }
    let goes = answered || !may_list(client, namespace).await?;
    if goes {
        tracing::warn!(
            namespace,
            "something there was deleted, and the operator's account may not ask any more whether the namespace is: its organizations count as let go, and \
             nothing is deleted in portals for them; if it stays, give the operator's role there `get` of `namespaces` (docs/kubernetes/behaviour.md)"
        );
    } else if before.is_none() {
        tracing::warn!(
            namespace,
            "the operator's account may not ask whether it is being deleted, and takes it for one that stays: give its role there `get` of `namespaces` \
             (docs/kubernetes/behaviour.md)"
        );
    }
    Ok(word(goes, false))
}

/// Whether a namespace is being deleted, or gone; `None`: we may not ask.
async fn namespace_goes(client: &Client, name: &str) -> Result<Option<bool>, kube::Error> {
    match within(Api::<Namespace>::all(client.clone()).get_opt(name)).await {
        Ok(namespace) => Ok(Some(namespace.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some()))),
        Err(kube::Error::Api(answer)) if answer.code == 403 => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether we have the right there without which nothing of it would be known.
async fn may_list(client: &Client, namespace: &str) -> Result<bool, kube::Error> {
    let users = api(client, Kind::User, Some(namespace));
    match within(users.list_metadata(&ListParams::default().limit(1))).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(answer)) if answer.code == 403 => Ok(false),
        // Whoever is told that there is no such kind may ask.
        Err(kube::Error::Api(answer)) if answer.code == 404 => Ok(true),
        Err(error) => Err(error),
    }
}

/// Kinds that are not as they were.
struct Found {
    /// Nobody may make any of them any more: their definitions are being removed.
    going: BTreeSet<Kind>,
    /// They have no definitions. Each was listed once, or nothing would be declared.
    missing: BTreeSet<Kind>,
}

/// The kinds whose definitions are being removed, or are gone; `None`: we may not ask, and all is as before.
async fn kinds_that_go(client: &Client) -> Result<Option<Found>, kube::Error> {
    let listed = match within(client.list_api_group_resources("tenantry.dev/v1alpha1")).await {
        Ok(listed) => listed.resources,
        // There are none at all any more.
        Err(kube::Error::Api(answer)) if answer.code == 404 => Vec::new(),
        Err(kube::Error::Api(answer)) if answer.code == 403 => return Ok(None),
        Err(error) => return Err(error),
    };
    let verbs = |kind: Kind| listed.iter().find(|r| r.kind == kind.def().name && !r.name.contains('/')).map(|r| &r.verbs);
    let goes = |kind: &Kind| verbs(*kind).is_some_and(|verbs| !verbs.iter().any(|verb| verb == "create"));
    let missing = Kind::ALL.into_iter().filter(|kind| verbs(*kind).is_none()).collect();
    Ok(Some(Found { going: Kind::ALL.into_iter().filter(goes).collect(), missing }))
}
