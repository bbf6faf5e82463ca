//! What is under way. Comes in: visits, as tasks. Goes out: how each ended, and of one that panicked what it was about, so that none of its units
//! is forgotten.

use std::collections::HashMap;

use tokio::task::{Id, JoinError, JoinSet};

use super::visit::Group;
use crate::model::{PortalName, TenantName};

/// What ended in the loop.
pub(super) enum Ended {
    /// A look, with what may be applied.
    Look { portal: PortalName, groups: Vec<Group> },
    /// Acting on a group.
    Act,
}

/// See the module.
#[derive(Default)]
pub(super) struct Tasks {
    set: JoinSet<Ended>,
    /// What each task is about, for one that ends without a word.
    about: HashMap<Id, About>,
}

/// What a task is about.
pub(super) struct About {
    pub(super) portal: PortalName,
    pub(super) tenants: Vec<TenantName>,
    pub(super) is_look: bool,
}

impl Tasks {
    pub(super) fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Begins one.
    pub(super) fn spawn(&mut self, about: About, task: impl Future<Output = Ended> + Send + 'static) {
        let id = self.set.spawn(task).id();
        self.about.insert(id, about);
    }

    /// The next end; of a task that panicked what it was about.
    pub(super) async fn next(&mut self) -> Option<Result<Ended, (About, JoinError)>> {
        match self.set.join_next_with_id().await? {
            Ok((id, ended)) => {
                self.about.remove(&id);
                Some(Ok(ended))
            }
            Err(error) => self.about.remove(&error.id()).map(|about| Err((about, error))),
        }
    }
}
