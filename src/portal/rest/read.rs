//! Reads a portal: each list page by page, lists of the whole portal once, lists of a tenant for each tenant, side by side.
//!
//! Comes in: tenants. Goes out: their live state. It decides nothing: what could not be read is incomplete, and only a tenant that the whole list
//! of organizations does not have is absent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::Portal;
use super::collect::{In, Items};
use super::index::{Index, Place};
use super::narrow::Narrow;
use super::object::{self, Raw, Unread};
use super::seen::{Lists, Seen};
use super::sorted::{By, Sorted, by, sorted};
use super::transport::SendError;
use crate::model::kind::Placement;
use crate::model::live::{KeyHolder, normalise_key};
use crate::model::rule::Conduct;
use crate::model::work_order::Observation;
use crate::model::{
    Capabilities, Collection, Completeness, FieldId, KeyScope, Kind, LiveObject, LiveTenant, Name, Readability, TenantName,
};
use crate::portal::profile::document::Action;
use crate::portal::profile::http::compiled::List;
use crate::portal::profile::http::document::Within;
use crate::portal::{Observe, PortalError, TenantKey};

/// A portal opened to read; for one plan, with what that has read already.
pub(super) struct Reader(pub(super) Arc<Portal>, pub(super) Option<Seen>);

/// Lists as they were read, by kind, name of the list, and tenant where it was read of one: by its name, and by its id where the list is one of the
/// whole portal.
pub(super) type Read = BTreeMap<(Kind, Box<str>, Option<String>), Arc<Sorted>>;

/// A tenant that is there.
pub(super) struct There<'a> {
    pub(super) name: &'a TenantName,
    pub(super) id: Option<&'a str>,
}

impl There<'_> {
    /// A list of its own is read inside it.
    fn inside(&self) -> In<'_> {
        In { tenant: self.name, id: self.id, inside: true }
    }

    /// A list as far as it may tell of this tenant: as it was read of it alone, else as it was read whole.
    pub(super) fn found<'r>(&self, read: &'r Read, kind: Kind, list: &List) -> Option<&'r Arc<Sorted>> {
        let key = |of: Option<String>| (kind, list.name.clone(), of);
        if list.within == Within::Tenant {
            return read.get(&key(Some(self.name.to_string())));
        }
        self.id.and_then(|id| read.get(&key(Some(id.to_owned())))).or_else(|| read.get(&key(None)))
    }
}

/// Objects of a kind in a tenant.
#[derive(Default)]
pub(super) struct Objects {
    pub(super) objects: Vec<LiveObject>,
    /// What they show of their tenant.
    observed: object::Shown,
    /// Fields of theirs that nobody can tell, by their ids.
    unknown: BTreeMap<Box<str>, BTreeSet<FieldId>>,
    /// Why there may be more.
    pub(super) incomplete: Option<String>,
}

impl Reader {
    pub(super) fn lists(&self) -> impl Iterator<Item = (Kind, &List)> {
        let kinds = self.0.http().into_iter().flat_map(|http| &http.kinds);
        kinds.filter(|(kind, _)| self.is_read(**kind)).flat_map(|(kind, calls)| calls.lists.iter().map(|list| (*kind, list)))
    }

    fn is_read(&self, kind: Kind) -> bool {
        let listed = self.capabilities().kind(kind).is_some_and(|c| c.read == Readability::Listed);
        listed && self.0.profile.driver(kind, Action::Read) == "rest"
    }

    pub(super) fn tenant_kind() -> Option<Kind> {
        Kind::reconciled().find(|k| k.def().placement == Placement::Tenant)
    }

    /// Lists that are read once: for a plan, once in all.
    ///
    /// # Errors
    /// When organizations cannot be listed for want of access or of a connection: then nothing can be read.
    async fn spanning(&self, wanted: impl Fn(Kind, &List) -> bool) -> Result<Read, PortalError> {
        let msp = Name::msp();
        let id = self.0.tenant_id(true, None);
        let lists: Vec<_> = self.lists().filter(|(kind, list)| list.within != Within::Tenant && wanted(*kind, list)).collect();
        let mut kept = match &self.1 {
            Some(seen) => Some(seen.lists().await),
            None => None,
        };
        let known = |kind: Kind, list: &List| kept.as_ref().and_then(|kept| kept.get(&(kind, list.name.clone()))).cloned();
        let (mut read, mut new) = (Read::new(), Lists::new());
        let mut missing = Vec::new();
        for (kind, list) in lists {
            match known(kind, list) {
                Some(sorted) => drop(read.insert((kind, list.name.clone(), None), sorted)),
                None => missing.push((kind, list)),
            }
        }
        let at = In { tenant: &msp, id, inside: false };
        let reads: Vec<_> = missing
            .into_iter()
            .map(|(kind, list)| async move { (kind, list.name.clone(), self.0.list(list, &list.reading, at).await) })
            .collect();
        let gathered: Vec<(Kind, Box<str>, Items)> = stream::iter(reads).buffer_unordered(self.0.parallelism).collect().await;
        for (kind, name, items) in gathered {
            self.0.lengths.note(kind, &name, &items);
            if let (Placement::Tenant, Some(SendError::Denied(_) | SendError::NotSent(_) | SendError::Unsendable(_))) =
                (kind.def().placement, &items.error)
                && let Some(error) = items.error
            {
                return Err(error.into());
            }
            new.extend(self.sorted(kind, &name, items).map(|sorted| ((kind, name), sorted)));
        }
        read.extend(new.iter().map(|((kind, name), sorted)| ((*kind, name.clone(), None), Arc::clone(sorted))));
        if let Some(kept) = &mut kept {
            kept.append(&mut new);
        }
        Ok(read)
    }

    /// Lists of tenants.
    async fn of_tenants(&self, tenants: &[There<'_>], wanted: &(dyn Fn(Kind) -> bool + Sync)) -> Read {
        let mut read = Read::new();
        let lists: Vec<_> = self.lists().filter(|(kind, list)| list.within == Within::Tenant && wanted(*kind)).collect();
        // One list of all tenants after another: what a page holds is let go of once it is sorted.
        for (kind, list) in lists {
            // Where the MSP's own tenant has no id, a list that asks for one has nothing of it.
            let asked = tenants.iter().filter(|t| t.id.is_some() || !list.reading.ask.names_tenant());
            let reads: Vec<_> = asked.map(|t| async move { (t.name, self.0.list(list, &list.reading, t.inside()).await) }).collect();
            let mut done = stream::iter(reads).buffer_unordered(self.0.parallelism);
            while let Some((tenant, items)) = done.next().await {
                let sorted = self.sorted(kind, &list.name, items);
                read.extend(sorted.map(|sorted| ((kind, list.name.clone(), Some(tenant.to_string())), sorted)));
            }
        }
        read
    }

    /// The objects of a kind in one tenant, where its lists are those of a tenant; what could not be read is not among them.
    pub(super) async fn in_tenant(&self, kind: Kind, name: &TenantName, id: &str) -> Vec<LiveObject> {
        let lists: Vec<_> = self.lists().filter(|(of, _)| *of == kind).collect();
        let mut read = Read::new();
        for (_, list) in lists.iter().filter(|_| lists.iter().all(|(_, list)| list.within == Within::Tenant)) {
            let at = There { name, id: Some(id) };
            let sorted = self.sorted(kind, &list.name, self.0.list(list, &list.reading, at.inside()).await);
            read.extend(sorted.map(|sorted| ((kind, list.name.clone(), Some(name.to_string())), sorted)));
        }
        self.objects(kind, &There { name, id: Some(id) }, &read).objects
    }

    pub(super) fn sorted(&self, kind: Kind, name: &str, items: Items) -> Option<Arc<Sorted>> {
        let calls = self.0.http()?.kinds.get(&kind)?;
        let list = calls.lists.iter().find(|l| *l.name == *name)?;
        Some(Arc::new(sorted(kind, list, calls.item.as_ref(), items, &self.0.account)))
    }

    /// The tenants, by the lists of organizations.
    fn index(&self, read: &Read) -> Index {
        let mut index = Index { msp: self.0.tenant_id(true, None).map(str::to_owned), ..Index::default() };
        let Some(kind) = Self::tenant_kind().filter(|k| self.is_read(*k)) else {
            index.incomplete = Some("the portal does not list its organizations".to_owned());
            return index;
        };
        let ids = self.ids_of(kind, read);
        let nobody = Name::msp();
        // Whether all were listed does not depend on which is looked at.
        index.incomplete = self
            .lists()
            .filter(|(k, _)| *k == kind)
            .find_map(|(_, list)| read.get(&(kind, list.name.clone(), None)).and_then(|sorted| sorted.incomplete.clone()));
        for id in ids {
            let Objects { objects, incomplete, .. } = self.objects(kind, &There { name: &nobody, id: Some(id) }, read);
            index.incomplete = index.incomplete.take().or(incomplete);
            if index.msp.as_ref() != Some(id) {
                index.names.extend(objects.first().map(|object| (id.clone(), Name::slugify(&object.key))));
            }
        }
        index
    }

    /// What the rows of a kind's lists of the whole portal are sorted by.
    fn ids_of<'r>(&self, kind: Kind, read: &'r Read) -> BTreeSet<&'r String> {
        let lists = self.lists().filter(|(k, list)| *k == kind && list.join.is_none());
        let sorted = lists.filter_map(|(_, list)| read.get(&(kind, list.name.clone(), None)));
        sorted.flat_map(|sorted| sorted.rows.keys()).collect()
    }

    /// The objects of a kind in a tenant.
    pub(super) fn objects(&self, kind: Kind, tenant: &There<'_>, read: &Read) -> Objects {
        let mut made = Objects::default();
        let Some(calls) = self.0.http().and_then(|http| http.kinds.get(&kind)) else { return made };
        let Some(item) = &calls.item else { return made };
        let sorted_of = |list: &List| tenant.found(read, kind, list).map(Arc::as_ref);
        let joins: Vec<_> = calls.lists.iter().filter(|l| l.join.is_some()).map(|l| (&*l.name, sorted_of(l))).collect();
        made.incomplete = joins.iter().find_map(|(_, sorted)| sorted.and_then(|s| s.incomplete.clone()));
        let cut = |sorted: Option<&Sorted>| sorted.is_some_and(|s| s.incomplete.is_some());
        let mut unread = Unread { joined: joins.iter().filter(|(_, s)| cut(*s)).map(|(name, _)| *name).collect(), rows: false };
        let mut seen: BTreeMap<Box<str>, &str> = BTreeMap::new();
        let own = |unless: bool| calls.lists.iter().filter(move |l| l.join.is_none() && l.unless.is_some() == unless);
        // What stands back comes after what it stands back for.
        for list in own(false).chain(own(true)).filter(|l| l.within != Within::Msp || tenant.name.is_msp()) {
            let Some(sorted) = sorted_of(list) else { continue };
            made.incomplete = made.incomplete.take().or_else(|| sorted.incomplete.clone());
            let key = match by(kind, list) {
                By::Tenant => tenant.id.unwrap_or_default(),
                By::Object | By::Nothing => "",
            };
            if by(kind, list) == By::Nothing && list.within == Within::Portal && !tenant.name.is_msp() {
                continue;
            }
            unread.rows = list.group.is_some() && sorted.incomplete.is_some();
            let unknown = unread.fields(item);
            // What stands back for a list that is cut may be in the part of it that nobody saw.
            let first = list.unless.as_deref().and_then(|name| calls.lists.iter().find(|l| *l.name == *name));
            let covered = first.is_some_and(|first| cut(sorted_of(first)));
            for rows in sorted.rows.get(key).into_iter().flatten() {
                let items = rows.items();
                let mut raw = Raw {
                    list: &list.name,
                    rows: &items,
                    joined: object::joined(&joins, None),
                    unread: &unread,
                    tenant: (tenant.name, tenant.id),
                    account: &self.0.account,
                };
                let object = object::id_of(item, &raw).and_then(|id| {
                    raw.joined = object::joined(&joins, Some(&id));
                    object::object(kind, item, &raw)
                });
                let object = object.and_then(|object| {
                    let twice = || format!("the portal shows the id {} twice among its {}", object.id, kind.def().nouns);
                    match seen.get(&object.id) {
                        Some(other) if list.unless.as_deref() == Some(*other) => Ok(None),
                        Some(_) => Err(twice()),
                        None if covered => Ok(None),
                        None => {
                            seen.insert(object.id.clone(), &list.name);
                            Ok(Some(object))
                        }
                    }
                });
                match object {
                    Ok(None) => {}
                    Ok(Some(mut object)) => {
                        object.portals_own |= self.0.profile.is_portals_own(&object);
                        made.observed.extend(object::observed(item, &raw));
                        if !unknown.is_empty() {
                            made.unknown.insert(object.id.clone(), unknown.clone());
                        }
                        made.objects.push(object);
                    }
                    Err(why) => made.incomplete = made.incomplete.take().or(Some(why)),
                }
            }
        }
        self.nested(kind, tenant, read, &mut made);
        made
    }

    /// True where the items of organizations alone tell of a kind: they tell nothing of the MSP's own tenant.
    fn is_held_by_organizations(&self, kind: Kind) -> bool {
        self.0.http().and_then(|http| http.kinds.get(&kind)).is_some_and(|calls| calls.lists.is_empty() && !calls.nested.is_empty())
    }

    /// What is read of these kinds; of organizations always, for they say who is there.
    async fn read_of(&self, tenants: &[TenantKey], wanted: impl Fn(Kind) -> bool + Sync) -> Result<Vec<LiveTenant>, PortalError> {
        let now = Timestamp::now();
        let wanted = |kind: Kind| kind.def().placement == Placement::Tenant || wanted(kind);
        let msp = tenants.iter().any(|key| key.name.is_msp());
        let Narrow { lists: narrow, found } = self.narrow(tenants, &wanted).await;
        // What only the MSP has is empty in every other tenant, whoever lists it.
        let tells = |kind: Kind, list: &List| msp || list.within == Within::Portal && kind.def().placement != Placement::MspOnly;
        let whole = |kind: Kind, list: &List| wanted(kind) && tells(kind, list) && !narrow.contains(&(kind, list.name.clone()));
        let mut read = self.spanning(whole).await?;
        let places: Vec<_> = match found {
            Some(found) => {
                read.extend(found);
                tenants.iter().map(|key| (key, Place::There(key.id.as_deref().map(str::to_owned)))).collect()
            }
            None => {
                let index = self.index(&read);
                tenants.iter().map(|key| (key, index.place(key))).collect()
            }
        };
        let there: Vec<_> = places
            .iter()
            .filter_map(|(key, place)| match place {
                Place::There(id) => Some(There { name: &key.name, id: id.as_deref() }),
                Place::Absent | Place::Unknown(_) => None,
            })
            .collect();
        read.extend(self.of_few(&there, &narrow, &|kind| kind.def().placement != Placement::Tenant).await);
        read.extend(self.of_tenants(&there, &wanted).await);
        let live = places.iter().map(|(key, place)| match place {
            Place::There(id) => self.tenant(&There { name: &key.name, id: id.as_deref() }, &read, now),
            Place::Absent => self.empty(None),
            Place::Unknown(why) => self.empty(Some(why)),
        });
        let mut live: Vec<LiveTenant> = live.collect();
        live.iter_mut().for_each(|live| live.collections.retain(|kind, _| wanted(*kind)));
        Ok(live)
    }

    /// What is read of a tenant that is there.
    fn tenant(&self, tenant: &There<'_>, read: &Read, now: Timestamp) -> LiveTenant {
        let mut live = LiveTenant::default();
        for (kind, capability) in &self.capabilities().kinds {
            if capability.read == Readability::Unreadable {
                live.collections.insert(*kind, Collection { completeness: Completeness::Unreadable, objects: Vec::new() });
            }
            if !self.is_read(*kind) {
                continue;
            }
            if tenant.name.is_msp() && self.is_held_by_organizations(*kind) {
                live.collections.insert(*kind, Collection { completeness: Completeness::Unreadable, objects: Vec::new() });
                continue;
            }
            let Objects { objects, observed, unknown, incomplete } = self.objects(*kind, tenant, read);
            live.unknown.extend(unknown.into_iter().map(|(id, fields)| ((*kind, id), fields)));
            let completeness = incomplete.map_or(Completeness::Complete, |why| Completeness::Incomplete { why });
            live.collections.insert(*kind, Collection { completeness, objects });
            let seen = observed.into_iter().map(|(name, value)| (name, Observation { value, at: now, by: None }));
            live.observed.extend(seen);
        }
        live
    }

    /// A tenant of which nothing is read: proven absent, or not known.
    fn empty(&self, why: Option<&str>) -> LiveTenant {
        let mut live = LiveTenant::default();
        for (kind, capability) in &self.capabilities().kinds {
            let completeness = match (capability.read, why) {
                (Readability::Unreadable, _) => Completeness::Unreadable,
                (Readability::Listed, None) => Completeness::Complete,
                (Readability::Listed, Some(why)) => Completeness::Incomplete { why: why.to_owned() },
            };
            live.collections.insert(*kind, Collection { completeness, objects: Vec::new() });
        }
        live
    }
}

#[async_trait]
impl Observe for Reader {
    fn capabilities(&self) -> &Capabilities {
        self.0.profile.capabilities()
    }

    fn conduct(&self) -> &dyn Conduct {
        &*self.0.profile
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        self.read_of(tenants, |_| true).await
    }

    async fn look(&self, tenants: &[TenantKey], kinds: &[Kind]) -> Result<Vec<LiveTenant>, PortalError> {
        self.read_of(tenants, |kind| kinds.contains(&kind)).await
    }

    fn for_one_plan(&self) -> Option<Arc<dyn Observe>> {
        Some(Arc::new(Self(Arc::clone(&self.0), Some(Seen::default()))))
    }

    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        let read = self.spanning(|kind, _| kind.def().placement == Placement::Tenant).await?;
        let index = self.index(&read);
        if let Some(why) = index.incomplete {
            return Err(PortalError::Unavailable(format!("the organizations cannot be listed whole: {why}")));
        }
        let listed = index.names.into_iter().map(|(id, name)| TenantKey { name, id: Some(id.into()) });
        Ok(std::iter::once(TenantKey { name: Name::msp(), id: None }).chain(listed).collect())
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        let unknown = |why: String| Ok(keys.iter().map(|_| KeyHolder::Unknown { why: why.clone() }).collect());
        if self.capabilities().kind(kind).is_none_or(|c| c.key_scope == KeyScope::Tenant) {
            return unknown(format!("the keys of {} are unique within a tenant only", kind.def().nouns));
        }
        let whole = self.lists().filter(|(k, l)| *k == kind && l.join.is_none()).all(|(_, l)| l.within == Within::Portal);
        if !self.is_read(kind) || !whole || self.is_held_by_organizations(kind) {
            return unknown(format!("the portal lists {} tenant by tenant, and not those of tenants that we cannot see", kind.def().nouns));
        }
        let wanted = |k: Kind, list: &List| list.within == Within::Portal && (k == kind || k.def().placement == Placement::Tenant);
        let read = self.spanning(wanted).await?;
        let index = self.index(&read);
        let mut holders = BTreeMap::new();
        let mut incomplete = None;
        for id in self.ids_of(kind, &read) {
            let name = index.name(id);
            let nobody = Name::msp();
            let Objects { objects, incomplete: why, .. } =
                self.objects(kind, &There { name: name.as_ref().unwrap_or(&nobody), id: Some(id) }, &read);
            incomplete = incomplete.or(why);
            let tenant = name.map(|name| name.to_string());
            holders.extend(objects.into_iter().map(|o| (o.key, (tenant.clone(), o.id.to_string()))));
        }
        let lists = self.lists().filter(|(k, _)| *k == kind);
        incomplete =
            incomplete.or_else(|| lists.filter_map(|(k, l)| read.get(&(k, l.name.clone(), None))).find_map(|s| s.incomplete.clone()));
        let holder = |key: &&str| match (holders.get(&normalise_key(key)), &incomplete) {
            (Some((tenant, id)), _) => KeyHolder::Held { tenant: tenant.clone(), id: Some(id.clone()) },
            (None, None) => KeyHolder::Free,
            (None, Some(why)) => KeyHolder::Unknown { why: why.clone() },
        };
        Ok(keys.iter().map(holder).collect())
    }
}
