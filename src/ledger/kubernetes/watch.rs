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
use crate::ledger::seldom::Seldom;

/// What is recorded from now on, after word of every head that is there.
pub(super) fn recorded(shards: &Shards) -> BoxStream<'static, Recorded> {
    let heads: Api<Metadata> = Api::namespaced(shards.client.clone(), &shards.namespace);
    let config = Config::default().labels(&shard::selector("head", None, None));
    // As each head was when word of it was given: listed again as it was, it is no news.
    let mut told: BTreeMap<Key, String> = BTreeMap::new();
    let troubles = Seldom::default();
    let words = watcher(heads, config).default_backoff().filter_map(move |event| {
        let word = match event {
            Ok(Event::Apply(head) | Event::InitApply(head)) => unit(&head.metadata).and_then(|key| {
                let version = head.metadata.resource_version.unwrap_or_default();
                let before = told.insert(key.clone(), version.clone());
                (before.as_ref() != Some(&version)).then_some(Recorded { portal: key.0, tenant: key.1 })
            }),
            Ok(Event::Init | Event::InitDone | Event::Delete(_)) => None,
            Err(error) => {
                if troubles.is_due("watch") {
                    tracing::warn!("the watch of the ledger broke; it is begun again: {}", why(&error));
                }
                None
            }
        };
        std::future::ready(word)
    });
    words.boxed()
}

/// What a watch met, in words.
fn why(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => match status.code {
            403 => format!("{}: its role there needs list and watch of ledgershards.tenantry.dev", status.message.trim()),
            code => format!("the Kubernetes API server answers {code}: {}", status.message.trim()),
        },
        watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error) | watcher::Error::WatchFailed(error) => {
            format!("the Kubernetes API server: {}", super::client::root(error))
        }
        watcher::Error::NoResourceVersion => error.to_string(),
    }
}
