//! Writes that listings do not show yet.
//!
//! Comes in: a write that was done, with the object as it was before. Goes out: pages as they were before the write: what was created is missing,
//! what was changed is old, what was deleted is still there. An object asked for by its id is shown as it is.

use serde_json::Value;
use tokio::time::Instant;

use super::listing::{Page, id_of};
use super::queue::Until;

/// Writes that are not shown yet.
#[derive(Default)]
pub(super) struct Lags(Vec<Lag>);

/// One write that is not shown yet.
pub(super) struct Lag {
    /// The path of the listing.
    pub(super) listing: String,
    /// The object.
    pub(super) id: String,
    /// As it was; `None`: it was not there.
    pub(super) before: Option<Value>,
    /// True: the write deleted it.
    pub(super) deleted: bool,
    /// For so long.
    pub(super) until: Until,
}

impl Lags {
    pub(super) fn push(&mut self, lag: Lag) {
        self.0.push(lag);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes a page of a listing back to before the writes; true if that changed anything.
    pub(super) fn take_back(&mut self, listing: &str, page: &mut Page) -> bool {
        let now = Instant::now();
        self.0.retain_mut(|lag| lag.listing != listing || !lag.until.has_come(now));
        let mut changed = false;
        // The latest write first, so that the oldest state is what is left.
        for lag in self.0.iter().rev().filter(|lag| lag.listing == listing) {
            changed |= lag.take_back(page);
        }
        changed
    }
}

impl Lag {
    fn take_back(&self, page: &mut Page) -> bool {
        let (mut items, last) = (page.items().to_vec(), page.is_last());
        let place = items.iter().position(|item| id_of(item) == Some(&self.id));
        match (&self.before, place) {
            (None, at) => {
                at.map(|at| items.remove(at));
                page.add_to_total(-1);
            }
            (Some(before), Some(at)) => {
                if let Some(slot) = items.get_mut(at) {
                    slot.clone_from(before);
                }
            }
            (Some(before), None) if self.deleted => {
                if last {
                    items.push(before.clone());
                }
                page.add_to_total(1);
            }
            (Some(_), None) => return false,
        }
        page.set(items);
        true
    }
}
