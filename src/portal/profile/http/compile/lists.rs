//! Lists, and how an item becomes an object.

use std::sync::Arc;

use serde_saphyr::Spanned;

use super::super::compiled::{Ask, Content, Get, Item, List, Nested, Reading};
use super::super::connection::Method;
use super::super::connection::compiled::Paging;
use super::super::document::{GetSection, ItemSection, KindHttp, ListSection, OfTenantSection, Within};
use super::connection::paging;
use super::parts::Parts;
use crate::diagnostic::codes::portal as codes;
use crate::model::kind::Placement;
use crate::portal::profile::cel::Expression;
use crate::portal::profile::document::Document;

/// What a list's path and query may name.
const LIST: [&str; 2] = ["tenant", "account"];
const ITEM: [&str; 1] = ["item"];
/// What the mapping of an item may name.
const MAPPING: [&str; 6] = ["item", "rows", "joined", "list", "tenant", "account"];
const RESPONSE: [&str; 1] = ["response"];
const GET: [&str; 4] = ["id", "tenant", "account", "self"];

pub(super) fn compile(http: &KindHttp, default: &Arc<Paging>, parts: &mut Parts<'_, '_>) -> Vec<List> {
    for (name, section) in &http.lists {
        let Some(other) = &section.value.unless else { continue };
        let of_objects = |l: &Spanned<ListSection>| l.value.join.is_none() && l.value.unless.is_none();
        if section.value.join.is_some() || other.value == *name || !http.lists.get(&other.value).is_some_and(of_objects) {
            let what = "`unless` names another list of the kind that has objects of its own, and no `unless`";
            parts.contradiction(other.referenced, what);
        }
    }
    for list in http.lists.values().map(|section| &section.value) {
        let Some(of) = &list.of_tenant else { continue };
        if list.within != Within::Portal {
            let what = "`ofTenant` is for a list `within: portal` alone: take it out";
            parts.contradiction(of.referenced, what);
        } else if parts.kind.def().placement == Placement::MspOnly {
            parts.contradiction(of.referenced, "what it lists is the MSP's own, and no other tenant has any: take `ofTenant` out");
        }
    }
    let asked = http.lists.iter().filter(|(_, section)| section.value.within != Within::Organizations);
    asked.filter_map(|(name, section)| list(name, section, default, parts)).collect()
}

/// Lists in the items of organizations.
pub(super) fn nested(http: &KindHttp, parts: &mut Parts<'_, '_>) -> Vec<Nested> {
    let held = http.lists.iter().filter(|(_, section)| section.value.within == Within::Organizations);
    held.filter_map(|(name, section)| {
        let list = &section.value;
        let asks = list.path.is_some() || list.method.is_some() || !list.query.is_empty() || list.body.is_some() || list.paging.is_some();
        if asks || list.tenant.is_some() || list.group.is_some() || list.join.is_some() || list.unless.is_some() || list.absent_is_empty {
            parts.contradiction(section.referenced, "what stands in the items of organizations has `items` and `where`, and asks nothing");
        }
        let Some(items) = &list.items else {
            parts.contradiction(section.referenced, "what stands in the items of organizations needs `items`: where in an item it is");
            return None;
        };
        let filter = parts.optional(list.r#where.as_ref(), &ITEM);
        Some(Nested { name: name.as_str().into(), items: parts.expression(items, &ITEM)?, filter })
    })
    .collect()
}

fn list(name: &str, section: &Spanned<ListSection>, default: &Arc<Paging>, parts: &mut Parts<'_, '_>) -> Option<List> {
    let list = &section.value;
    let tenant_itself = parts.kind.def().placement == Placement::Tenant;
    let spread = list.within == Within::Portal && list.join.is_none() && !tenant_itself && parts.kind.def().placement != Placement::MspOnly;
    if spread && list.tenant.is_none() {
        parts.contradiction(section.referenced, "a list of the whole portal needs `tenant`: whose an item is");
    }
    if let (false, Some(tenant)) = (spread, &list.tenant) {
        parts.contradiction(tenant.referenced, "whose its items are is known without `tenant`");
    }
    if let (Some(group), Some(_)) = (&list.group, &list.join) {
        parts.contradiction(group.referenced, "items of a list with `join` are no objects, and cannot be grouped");
    }
    if list.path.is_none() {
        parts.contradiction(section.referenced, "a list needs a `path`");
    }
    let path = list.path.as_ref().and_then(|path| parts.path(path, &LIST));
    let query = parts.templates(&list.query, &LIST);
    let content = parts.content(list.body.as_ref(), None, &LIST);
    let method = list.method.unwrap_or(Method::Get);
    let ask = path.map(|path| Ask { method, path, query, headers: Vec::new(), content });
    let items = parts.optional(list.items.as_ref(), &RESPONSE);
    let paging = list.paging.as_ref().map_or_else(|| Arc::clone(default), |own| paging(Some(own), parts.problems));
    let reading = ask.map(|ask| Reading { ask, items, paging, absent_is_empty: list.absent_is_empty });
    let of_tenant = list.of_tenant.as_ref().and_then(|of| of_tenant(of, reading.as_ref(), parts));
    let filter = parts.optional(list.r#where.as_ref(), &ITEM);
    let tenant = parts.optional(list.tenant.as_ref(), &ITEM);
    let group = parts.optional(list.group.as_ref(), &ITEM);
    let join = parts.optional(list.join.as_ref(), &ITEM);
    Some(List {
        name: name.into(),
        within: list.within,
        reading: reading?,
        of_tenant,
        filter,
        tenant,
        group,
        join,
        unless: list.unless.as_ref().map(|other| other.value.as_str().into()),
        cut_at: list.cut_at.and_then(|most| usize::try_from(most).ok()),
    })
}

/// How a list of the whole portal is read of one tenant; `whole`: how it is read of all.
fn of_tenant(section: &Spanned<OfTenantSection>, whole: Option<&Reading>, parts: &mut Parts<'_, '_>) -> Option<Reading> {
    let of = &section.value;
    if of.path.is_none() && of.query.is_none() {
        parts.contradiction(section.referenced, "`ofTenant` needs a `path`, a `query` or both: what is asked of one tenant");
        return None;
    }
    let path = of.path.as_ref().map(|path| parts.path(path, &LIST));
    let query = of.query.as_ref().map(|query| parts.templates(query, &LIST));
    let items = of.items.as_ref().map(|items| parts.expression(items, &RESPONSE));
    let paging = of.paging.as_ref().map(|own| paging(Some(own), parts.problems));
    let whole = whole?;
    let path = match path {
        Some(path) => path?,
        None => whole.ask.path.clone(),
    };
    let query = query.unwrap_or_else(|| whole.ask.query.clone());
    let ask = Ask { path, query, ..whole.ask.clone() };
    // By a name that a tenant has no more it would be found empty, and all that is in it would be made again.
    if !ask.names_tenant() {
        let what = "`ofTenant` asks for the same of every tenant: put `${tenant.id}` into its path or its query";
        parts.contradiction(section.referenced, what);
    }
    let items = items.unwrap_or_else(|| whole.items.clone());
    let paging = paging.unwrap_or_else(|| Arc::clone(&whole.paging));
    // What is said of the whole list says nothing of one tenant's: all of its users would be gone for a call that is denied so.
    Some(Reading { ask, items, paging, absent_is_empty: false })
}

pub(super) fn item(section: &Spanned<ItemSection>, document: &Document, parts: &mut Parts<'_, '_>) -> Option<Item> {
    let ItemSection { id, key, fields, state, expires, owner, created_by, portals_own, observed } = &section.value;
    let mut mapped = Vec::new();
    for (path, source) in fields {
        let Some((field, ty)) = parts.field(path, source.referenced) else { continue };
        if ty.is_secret() {
            parts.contradiction(source.referenced, &format!("`{path}` holds secrets, which are never read"));
        }
        mapped.extend(parts.expression(source, &MAPPING).map(|expression| (field, expression)));
    }
    let mut shown = Vec::new();
    for (name, source) in observed {
        if parts.kind.def().placement != Placement::Tenant {
            parts.contradiction(source.referenced, "only an organization shows something of its tenant");
        }
        if !document.observed.iter().any(|o| o.value.name == *name) {
            let what = format!("`observed` of the profile has no `{name}`");
            parts.problems.add(codes::PROFILE_NAME, source.referenced, what);
        }
        shown.extend(parts.expression(source, &MAPPING).map(|expression| (name.as_str().into(), expression)));
    }
    let at = id.referenced;
    let id = parts.expression(id, &MAPPING);
    if id.as_ref().is_some_and(|id| !names(id, &["item", "rows", "joined", "tenant"])) {
        parts.contradiction(at, "its `id` is the same of every item: take it from `item`");
    }
    let titled = || parts.kind.def().key.is_none() && fields.contains_key("displayName");
    if key.is_none() && !titled() {
        parts.contradiction(section.referenced, "an item without a `key` goes by its name that people see: map `displayName` in `fields`");
    }
    let at = key.as_ref().map(|key| key.referenced);
    let key = key.as_ref().map(|key| parts.expression(key, &MAPPING));
    // A tenant's only role may well have a constant name.
    let tells_apart = parts.kind.def().key.is_some() || parts.kind.def().placement == Placement::Tenant;
    if let (Some(at), Some(Some(key))) = (at, &key)
        && tells_apart
        && !names(key, &["item", "rows", "joined"])
    {
        parts.contradiction(at, "its `key` is the same of every item, and so no natural key: take it from `item`");
    }
    Some(Item {
        state: parts.optional(state.as_ref(), &MAPPING),
        expires: parts.optional(expires.as_ref(), &MAPPING),
        owner: parts.optional(owner.as_ref(), &MAPPING),
        created_by: parts.optional(created_by.as_ref(), &MAPPING),
        portals_own: parts.optional(portals_own.as_ref(), &MAPPING),
        id: id?,
        key: match key {
            Some(key) => Some(key?),
            None => None,
        },
        fields: mapped,
        observed: shown,
    })
}

fn names(expression: &Expression, roots: &[&str]) -> bool {
    expression.paths().iter().any(|path| roots.contains(&path.root.as_str()))
}

pub(super) fn get(section: &Spanned<GetSection>, http: &KindHttp, parts: &mut Parts<'_, '_>) -> Option<Get> {
    let GetSection { path, query, item, list } = &section.value;
    let objects: Vec<&String> = http.lists.iter().filter(|(_, l)| l.value.join.is_none()).map(|(name, _)| name).collect();
    let list = match (list, objects.as_slice()) {
        (Some(named), _) => {
            if !objects.contains(&&named.value) {
                parts.problems.add(codes::PROFILE_NAME, named.referenced, format!("there is no list `{}`", named.value));
            }
            Some(named.value.as_str().into())
        }
        (None, []) => Some("".into()),
        (None, [one]) => Some(one.as_str().into()),
        (None, _) => {
            parts.contradiction(section.referenced, "there are several lists: name one in `list` of `get`");
            None
        }
    };
    let path = parts.path(path, &GET);
    let query = parts.templates(query, &GET);
    let item = parts.optional(item.as_ref(), &RESPONSE);
    Some(Get { ask: Ask { method: Method::Get, path: path?, query, headers: Vec::new(), content: Content::None }, item, list: list? })
}
