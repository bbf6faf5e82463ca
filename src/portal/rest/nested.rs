//! Objects that stand in the items of organizations: one list tells of the tenants and of what is in them, and is read once for both.
//!
//! Comes in: the organizations' lists as they were read. Goes out: a kind's objects in one tenant. What is not of the shape that the profile says
//! leaves the tenant's collection incomplete, and no other tenant's.

use serde_json::Value as Json;

use super::object::{self, Raw, Unread};
use super::read::{Objects, Read, Reader, There};
use super::sorted::Rows;
use crate::model::{Kind, LiveObject};
use crate::portal::profile::cel::JsonScope;
use crate::portal::profile::http::compiled::{Item, Nested};

impl Reader {
    /// Adds what the items of organizations hold of a kind in a tenant.
    pub(super) fn nested(&self, kind: Kind, tenant: &There<'_>, read: &Read, made: &mut Objects) {
        let Some(http) = self.0.http() else { return };
        let Some((calls, item)) = http.kinds.get(&kind).and_then(|calls| Some((calls, calls.item.as_ref()?))) else { return };
        let (Some(organizations), Some(id)) = (Self::tenant_kind(), tenant.id) else { return };
        let lists = self.lists().filter(|(k, list)| *k == organizations && list.join.is_none());
        let sorted: Vec<_> = lists.filter_map(|(_, list)| tenant.found(read, organizations, list)).collect();
        for list in &calls.nested {
            for whole in &sorted {
                made.incomplete = made.incomplete.take().or_else(|| whole.incomplete.clone());
                let rows: Vec<_> = whole.rows.get(id).into_iter().flatten().flat_map(Rows::items).collect();
                for organization in &rows {
                    let found = elements(list, organization).and_then(|elements| {
                        elements.into_iter().map(|element| self.one(kind, list, item, tenant, element)).collect::<Result<Vec<_>, _>>()
                    });
                    match found {
                        Ok(objects) => made.objects.extend(objects),
                        Err(why) => made.incomplete = made.incomplete.take().or(Some(why)),
                    }
                }
            }
        }
        let mut ids: Vec<&str> = made.objects.iter().map(|o| &*o.id).collect();
        ids.sort_unstable();
        if let Some([id, _]) = ids.array_windows().find(|[a, b]| a == b) {
            made.incomplete = made.incomplete.take().or(Some(format!("the portal shows the id {id} twice among its {}", kind.def().nouns)));
        }
        made.objects.iter_mut().for_each(|object| object.portals_own |= self.0.profile.is_portals_own(object));
    }

    fn one(&self, kind: Kind, list: &Nested, item: &Item, tenant: &There<'_>, element: Json) -> Result<LiveObject, String> {
        let rows = [element];
        let (joined, account) = (object::joined(&[], None), &self.0.account);
        let raw = Raw { list: &list.name, rows: &rows, joined, unread: &Unread::NOTHING, tenant: (tenant.name, tenant.id), account };
        object::object(kind, item, &raw)
    }
}

/// What an organization's item holds, as far as it counts.
fn elements(list: &Nested, organization: &Json) -> Result<Vec<Json>, String> {
    let wrong = |why: String| format!("the list `{}` in the item of an organization: {why}", list.name);
    let found = list.items.json(&JsonScope::new([("item", organization)])).map_err(|e| wrong(format!("`items` has no value: {e}")))?;
    let Some(Json::Array(mut elements)) = found else { return Err(wrong("there is no list where `items` looks".to_owned())) };
    let mut wrongly = None;
    elements.retain(|element| match list.filter.as_ref().map(|filter| filter.holds(&JsonScope::new([("item", element)]))) {
        None => true,
        Some(Ok(holds)) => holds,
        Some(Err(error)) => {
            wrongly.get_or_insert(format!("`where` has no value for an item: {error}"));
            false
        }
    });
    wrongly.map_or(Ok(elements), |why| Err(wrong(why)))
}
