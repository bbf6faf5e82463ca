//! What the cluster tells. Comes in: a client and the namespaces that are watched. Goes out: [`Heard`], in the order in which it was heard.
//! Never writes. A watch that breaks or expires is begun again by listing, and what was deleted meanwhile is found out by that.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, PartialObjectMeta};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::sync::mpsc::UnboundedSender;

use super::known::{Object, ObjectKey};
use super::secrets::SecretKey;
use super::shown::Shown;
use crate::model::Kind;

/// Where a watch listens: a namespace, or everywhere.
pub(crate) type Namespace = Option<String>;

/// What was heard.
#[derive(Debug)]
pub(crate) enum Heard {
    /// All custom resources of a kind in a place; any other is gone.
    All(Kind, Namespace, Vec<(ObjectKey, Object)>),
    /// One is there, or other than it was.
    Applied(ObjectKey, Box<Object>),
    /// One is gone.
    Gone(ObjectKey),
    /// We lead now, for a term of the controller's: what others told is told anew, and nobody is visited before what is declared was taken in.
    Leading(u64),
    /// A Secret is there, other than it was, or gone.
    Secret(SecretKey),
}

/// How the cluster's API names a kind.
pub(crate) fn resource(kind: Kind) -> ApiResource {
    let name = kind.def().name;
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("tenantry.dev", "v1alpha1", name), &format!("{}s", name.to_lowercase()))
}

/// Custom resources of a kind, in a place.
pub(crate) fn api(client: &Client, kind: Kind, namespace: Option<&str>) -> Api<DynamicObject> {
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource(kind)),
        None => Api::all_with(client.clone(), &resource(kind)),
    }
}

/// Watches everything that is declared in these places, and word of Secrets that change.
pub(crate) fn watch(client: &Client, places: &[Namespace], heard: &UnboundedSender<Heard>, shown: &Arc<Shown>) -> tokio::task::JoinSet<()> {
    let mut tasks = tokio::task::JoinSet::new();
    for place in places {
        for kind in Kind::ALL {
            tasks.spawn(of_kind(api(client, kind, place.as_deref()), kind, place.clone(), heard.clone(), Arc::clone(shown)));
        }
        let secrets: Api<PartialObjectMeta<Secret>> =
            place.as_deref().map_or_else(|| Api::all(client.clone()), |n| Api::namespaced(client.clone(), n));
        tasks.spawn(of_secrets(secrets, place.clone(), heard.clone(), Arc::clone(shown)));
    }
    tasks
}

async fn of_kind(api: Api<DynamicObject>, kind: Kind, place: Namespace, heard: UnboundedSender<Heard>, shown: Arc<Shown>) {
    let named = format!("{}.tenantry.dev", resource(kind).plural);
    let mut events = std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff());
    let mut listed = Vec::new();
    while let Some(event) = events.next().await {
        if matches!(event, Ok(watcher::Event::InitDone)) {
            shown.silence.hears(Some(kind), &named, &place);
        }
        let told = match event {
            Ok(watcher::Event::Init) => {
                listed.clear();
                continue;
            }
            Ok(watcher::Event::InitApply(object)) => {
                listed.extend(Object::of(kind, &object));
                continue;
            }
            Ok(watcher::Event::InitDone) => Some(Heard::All(kind, place.clone(), std::mem::take(&mut listed))),
            Ok(watcher::Event::Apply(object)) => Object::of(kind, &object).map(|(key, object)| Heard::Applied(key, Box::new(object))),
            Ok(watcher::Event::Delete(object)) => Object::of(kind, &object).map(|(key, _)| Heard::Gone(key)),
            Err(error) => {
                shown.silence.broke(Some(kind), &named, &place, &error);
                continue;
            }
        };
        if told.is_some_and(|told| heard.send(told).is_err()) {
            return;
        }
    }
}

/// Of Secrets only their names come over the wire: most are nobody's business here.
async fn of_secrets(api: Api<PartialObjectMeta<Secret>>, place: Namespace, heard: UnboundedSender<Heard>, shown: Arc<Shown>) {
    let mut events = std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff());
    let (mut there, mut listed) = (BTreeSet::new(), BTreeSet::new());
    while let Some(event) = events.next().await {
        let told: Vec<SecretKey> = match event {
            Ok(watcher::Event::Init) => {
                listed.clear();
                Vec::new()
            }
            Ok(watcher::Event::InitApply(object)) => {
                let key = object.metadata.namespace.zip(object.metadata.name);
                listed.extend(key.clone());
                key.into_iter().collect()
            }
            // What is not listed any more went while nobody watched.
            Ok(watcher::Event::InitDone) => {
                shown.silence.hears(None, "secrets", &place);
                let before = std::mem::replace(&mut there, std::mem::take(&mut listed));
                before.into_iter().filter(|key| !there.contains(key)).collect()
            }
            Ok(watcher::Event::Apply(object)) => {
                let key = object.metadata.namespace.zip(object.metadata.name);
                there.extend(key.clone());
                key.into_iter().collect()
            }
            Ok(watcher::Event::Delete(object)) => {
                let key = object.metadata.namespace.zip(object.metadata.name);
                key.into_iter().inspect(|key| _ = there.remove(key)).collect()
            }
            Err(error) => {
                shown.silence.broke(None, "secrets", &place, &error);
                continue;
            }
        };
        if told.into_iter().any(|key| heard.send(Heard::Secret(key)).is_err()) {
            return;
        }
    }
}
