//! Word of what is recorded, whoever records it: a watch of heads, without their bodies. Comes in: the ledger's objects. Goes out: which portal and tenant
//! is other than it was, and how many intents are open there. Never ends by itself: a watch that breaks is begun again, and then tells of every head.

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use kube::Api;
use kube::runtime::watcher::{Config, Event};
use kube::runtime::{WatchStreamExt as _, watcher};

use super::client::{Metadata, Shards};
use super::shard;
use super::unit::Summary;
use crate::ledger::Recorded;

/// What is recorded from now on, after word of every head that is there.
pub(super) fn recorded(shards: &Shards) -> BoxStream<'static, Recorded> {
    let config = Config::default().labels(&shard::selector("head", None, None));
    let heads: Api<Metadata> = Api::namespaced(shards.client.clone(), &shards.namespace);
    let events = watcher(heads, config).default_backoff();
    let told = events.filter_map(|event| async move {
        match event {
            Ok(Event::Apply(head) | Event::InitApply(head)) => of(&head),
            Ok(Event::Init | Event::InitDone | Event::Delete(_)) => None,
            Err(error) => {
                tracing::warn!(%error, "the watch of the ledger broke; it is begun again");
                None
            }
        }
    });
    told.boxed()
}

fn of(head: &Metadata) -> Option<Recorded> {
    let (portal, tenant) = shard::unit(&head.metadata)?;
    // A summary that cannot be read is told where the ledger is read.
    let open = Summary::read(head).map_or(0, |summary| summary.intents);
    Some(Recorded { portal, tenant, open })
}
