//! What one plan has read of the whole portal: it asks for the same lists for its tenants, for each batch of them, and for who holds a key.
//!
//! Comes in: lists as they were read. Goes out: the same, once more. It lives as long as one plan looks and no longer; whoever writes, or reads
//! after a write, has none.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

use super::sorted::Sorted;
use crate::model::Kind;

/// Lists by kind and name.
pub(super) type Lists = BTreeMap<(Kind, Box<str>), Arc<Sorted>>;

/// See the module.
#[derive(Default)]
pub(super) struct Seen(Mutex<Lists>);

impl Seen {
    /// What was read so far. Held while more is read, so that two who want the same list at once ask for it once.
    pub(super) async fn lists(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().await
    }
}
