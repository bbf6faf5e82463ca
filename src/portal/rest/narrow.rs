//! Lists of the whole portal, read of a few tenants and of no other: whoever acts on one tenant after another does not read all the others each
//! time.
//!
//! Comes in: the tenants that are wanted, by the ids under which they were known last. Goes out: which lists are read so, and those lists, each of
//! one tenant. That a tenant is not there is never found here: the whole list of organizations alone proves it. What is read so is nobody's to
//! keep, for it tells of those tenants alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt, stream};

use super::collect::{In, Items};
use super::read::{Read, Reader, There};
use crate::model::kind::Placement;
use crate::model::{Kind, Name};
use crate::portal::TenantKey;
use crate::portal::profile::http::compiled::{Http, List};
use crate::portal::profile::http::document::Within;

/// Most tenants that are read one by one: their lists are held side by side.
const MOST: usize = 16;
/// One by one is worth it where it asks for a quarter of the pages at most: a tenant may have more than one page itself.
const PART: usize = 4;

/// How many pages each list of the whole portal had when it was last read to its end.
pub(super) struct Lengths(BTreeMap<(Kind, Box<str>), AtomicUsize>);

impl Lengths {
    /// None is known.
    pub(super) fn of(http: &Http) -> Self {
        let lists = http.kinds.iter().flat_map(|(kind, calls)| calls.lists.iter().map(|list| (*kind, list)));
        let narrow = lists.filter(|(_, list)| list.of_tenant.is_some());
        Self(narrow.map(|(kind, list)| ((kind, list.name.clone()), AtomicUsize::new(0))).collect())
    }

    /// Remembers a list that was read whole.
    pub(super) fn note(&self, kind: Kind, list: &str, items: &Items) {
        if let (None, Some(pages)) = (&items.incomplete, self.0.get(&(kind, list.into()))) {
            pages.store(items.pages, Ordering::Relaxed);
        }
    }

    /// Whether so many tenants are few beside a list's pages. Where nobody has seen those, one is.
    fn is_long_beside(&self, kind: Kind, list: &List, tenants: usize) -> bool {
        let pages = self.0.get(&(kind, list.name.clone())).map_or(0, |pages| pages.load(Ordering::Relaxed));
        tenants == 1 || tenants <= MOST && tenants.saturating_mul(PART) <= pages
    }
}

/// What is read of a few tenants alone.
#[derive(Default)]
pub(super) struct Narrow {
    /// The lists.
    pub(super) lists: BTreeSet<(Kind, Box<str>)>,
    /// Those of organizations, where they show every wanted tenant by its id; with `None` the whole lists tell who is there.
    pub(super) found: Option<Read>,
}

impl Reader {
    /// Finds out which of the wanted lists are read of these tenants alone, and reads those of organizations.
    pub(super) async fn narrow(&self, tenants: &[TenantKey], wanted: &(dyn Fn(Kind) -> bool + Sync)) -> Narrow {
        let msp = self.0.tenant_id(true, None);
        let known = |key: &TenantKey| !key.name.is_msp() && key.id.is_some() && key.id.as_deref() != msp;
        if tenants.is_empty() || !tenants.iter().all(known) {
            return Narrow::default();
        }
        let mut lists = self.worth_it(tenants.len(), wanted).await;
        let organizations = |kind: Kind| kind.def().placement == Placement::Tenant;
        let all: Vec<_> = self.lists().filter(|(kind, list)| organizations(*kind) && list.within == Within::Portal).collect();
        // Whether one is there is known from all of their lists, or from none.
        let found = if !all.is_empty() && all.iter().all(|(kind, list)| lists.contains(&(*kind, list.name.clone()))) {
            let asked: Vec<_> = tenants.iter().map(|key| There { name: &key.name, id: key.id.as_deref() }).collect();
            let read = self.of_few(&asked, &lists, &organizations).await;
            asked.iter().all(|tenant| self.is_there(tenant, &read)).then_some(read)
        } else {
            None
        };
        if found.is_none() {
            lists.retain(|(kind, _)| !organizations(*kind));
        }
        Narrow { lists, found }
    }

    /// Wanted lists that may be read of so many tenants one by one, and are not known whole already.
    async fn worth_it(&self, tenants: usize, wanted: &(dyn Fn(Kind) -> bool + Sync)) -> BTreeSet<(Kind, Box<str>)> {
        let seen = match &self.1 {
            Some(seen) => Some(seen.lists().await),
            None => None,
        };
        let is_known = |kind: Kind, list: &List| seen.as_ref().is_some_and(|seen| seen.contains_key(&(kind, list.name.clone())));
        let lists = self.lists().filter(|(kind, list)| list.of_tenant.is_some() && wanted(*kind) && !is_known(*kind, list));
        let worth_it = lists.filter(|(kind, list)| self.0.lengths.is_long_beside(*kind, list, tenants));
        worth_it.map(|(kind, list)| (kind, list.name.clone())).collect()
    }

    /// Some of the narrow lists, each of each of these tenants.
    pub(super) async fn of_few(
        &self,
        tenants: &[There<'_>],
        narrow: &BTreeSet<(Kind, Box<str>)>,
        wanted: &(dyn Fn(Kind) -> bool + Sync),
    ) -> Read {
        let lists = self.lists().filter(|(kind, list)| wanted(*kind) && narrow.contains(&(*kind, list.name.clone())));
        let asked = lists.flat_map(|(kind, list)| {
            let of = list.of_tenant.as_ref();
            tenants.iter().filter_map(move |tenant| Some((kind, list, of?, tenant.name, tenant.id?)))
        });
        let reads: Vec<_> = asked
            .map(|(kind, list, reading, tenant, id)| async move {
                let at = In { tenant, id: Some(id), inside: false };
                (kind, list, id, self.0.list(list, reading, at).await)
            })
            .collect();
        let mut read = Read::new();
        let mut done = stream::iter(reads).buffer_unordered(self.0.parallelism);
        while let Some((kind, list, id, items)) = done.next().await {
            let sorted = self.sorted(kind, &list.name, items);
            read.extend(sorted.map(|sorted| ((kind, list.name.clone(), Some(id.to_owned())), sorted)));
        }
        read
    }

    /// Whether the narrow lists of organizations show a tenant, under its id and whole.
    fn is_there(&self, tenant: &There<'_>, read: &Read) -> bool {
        let nobody = Name::msp();
        let by_id = There { name: &nobody, id: tenant.id };
        Self::tenant_kind().is_some_and(|kind| {
            let made = self.objects(kind, &by_id, read);
            made.incomplete.is_none() && !made.objects.is_empty()
        })
    }
}
