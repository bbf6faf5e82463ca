//! Word of what is recorded, whoever records it: a watch of heads, without their bodies. Comes in: the ledger's objects. Goes out: which portal and tenant
//! is other than it was. Never ends by itself: a watch that breaks is begun again, and then tells of the heads that changed meanwhile.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use kube::Api;
use kube::runtime::watcher::{Config, Event};
use kube::runtime::{WatchStreamExt as _, watcher};

use super::client::{Metadata, Shards};
use super::shard::{self, unit};
use super::unit::Key;
use crate::ledger::Recorded;

/// What is recorded from now on, after word of every head that is there.
pub(super) fn recorded(shards: &Shards) -> BoxStream<'static, Recorded> {
    let heads: Api<Metadata> = Api::namespaced(shards.client.clone(), &shards.namespace);
    let config = Config::default().labels(&shard::selector("head", None, None));
    // As each head was when word of it was given: listed again as it was, it is no news.
    let mut told: BTreeMap<Key, String> = BTreeMap::new();
    let words = watcher(heads, config).default_backoff().filter_map(move |event| {
        let word = match event {
            Ok(Event::Apply(head) | Event::InitApply(head)) => unit(&head.metadata).and_then(|key| {
                let version = head.metadata.resource_version.unwrap_or_default();
                let before = told.insert(key.clone(), version.clone());
                (before.as_ref() != Some(&version)).then_some(Recorded { portal: key.0, tenant: key.1 })
            }),
            Ok(Event::Init | Event::InitDone | Event::Delete(_)) => None,
            Err(error) => {
                tracing::warn!(%error, "the watch of the ledger broke; it is begun again");
                None
            }
        };
        std::future::ready(word)
    });
    words.boxed()
}
