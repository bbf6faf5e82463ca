//! An item of a list becomes an object, or it is said why it does not.
//!
//! Comes in: JSON that an API gave. Goes out: a [`LiveObject`], its values normalised. A value of a wrong type makes no object: to leave out the
//! field would read as "not set", and an apply would write it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use crate::model::live::{ObjectState, normalise_key};
use crate::model::portal_spec::Account;
use crate::model::{FieldId, Fields, Kind, LiveObject, Name, TenantName, Value};
use crate::portal::profile::cel::{Expression, JsonScope};
use crate::portal::profile::http::compiled::Item;

use super::scope::{account_json, tenant_alone};
use super::sorted::{Rows, Sorted};

/// Longest id and key that is taken in, in bytes: what a ledger's row holds.
const MAX_ID: usize = 500;

/// An item, and what is known beside it.
pub(super) struct Raw<'a> {
    /// The name of its list.
    pub(super) list: &'a str,
    /// The items that it is made of; the first stands for all.
    pub(super) rows: &'a [Json],
    /// What other lists tell of it, by their names.
    pub(super) joined: Json,
    /// What of that is not all there.
    pub(super) unread: &'a Unread<'a>,
    /// The tenant that it is in.
    pub(super) tenant: (&'a TenantName, Option<&'a str>),
    /// The MSP's own account.
    pub(super) account: &'a Account,
}

/// What was not read to its end of what an object is made of. What names it has no value: what is missing there is not known to be empty.
#[derive(Debug, Default)]
pub(super) struct Unread<'a> {
    /// Lists that tell more about objects.
    pub(super) joined: BTreeSet<&'a str>,
    /// The object's own list, of which several items make one object.
    pub(super) rows: bool,
}

impl Unread<'_> {
    /// All was read.
    pub(super) const NOTHING: Unread<'static> = Unread { joined: BTreeSet::new(), rows: false };

    fn hides(&self, expression: &Expression) -> bool {
        expression.paths().iter().any(|path| match (path.root.as_str(), path.fields.first()) {
            ("joined", Some(list)) => self.joined.contains(list.as_str()),
            ("joined", None) => !self.joined.is_empty(),
            ("rows", _) => self.rows,
            _ => false,
        })
    }

    /// The fields that nobody can tell.
    pub(super) fn fields(&self, item: &Item) -> BTreeSet<FieldId> {
        item.fields.iter().filter(|(_, expression)| self.hides(expression)).map(|(field, _)| *field).collect()
    }
}

/// What an object shows of its tenant.
pub(super) type Shown = BTreeMap<Box<str>, String>;

struct Mapping<'a> {
    values: BTreeMap<&'static str, Json>,
    unread: &'a Unread<'a>,
    id: &'a str,
}

/// The id of an item.
///
/// # Errors
/// When it has none.
pub(super) fn id_of(item: &Item, raw: &Raw<'_>) -> Result<String, String> {
    let mapping = Mapping { values: values(raw), unread: raw.unread, id: "" };
    let found = item.id.json(&mapping.scope()).map_err(|e| format!("an item of the list `{}` has no id: {e}", raw.list))?;
    found.as_ref().and_then(text_of).ok_or_else(|| format!("an item of the list `{}` has no id", raw.list))
}

/// An item as an object, without the fields that nobody can tell.
///
/// # Errors
/// In words for a person: what it lacks or has of a wrong type.
pub(super) fn object(kind: Kind, item: &Item, raw: &Raw<'_>) -> Result<LiveObject, String> {
    let id = id_of(item, raw)?;
    let mapping = Mapping { values: values(raw), unread: raw.unread, id: &id };
    let title = || item.fields.iter().find(|(id, _)| kind.def().field(*id).path == "displayName").map(|(_, title)| title);
    let found = item.key.as_ref().or_else(title).map(|key| mapping.value("key", key)).transpose()?.flatten();
    let key = found.as_ref().and_then(text_of).ok_or_else(|| mapping.wrong("has no natural key"))?;
    let key = if kind.def().key.is_none() { Name::slugify(&key).as_str().into() } else { normalise_key(&key) };
    let mut fields = Fields::new();
    for (field, expression) in item.fields.iter().filter(|(_, expression)| !raw.unread.hides(expression)) {
        let def = kind.def().field(*field);
        let Some(json) = mapping.value(def.path, expression)? else { continue };
        let value = whole(&json).then(|| Value::from_json(&json)).flatten().and_then(|v| def.ty.normalise(v));
        fields.set(*field, value.ok_or_else(|| mapping.wrong(&format!("has something else in `{}` than {}", def.path, def.ty)))?);
    }
    fields.shrink();
    let state = match &item.state {
        None => ObjectState::Active,
        Some(expression) => state(&mapping, expression)?,
    };
    let state = match (&item.expires, state) {
        // Where the newest invitation may be missing, none has run out for certain.
        (Some(expires), ObjectState::Invited) if !raw.unread.hides(expires) && expired(&mapping, expires)? => {
            ObjectState::InvitationExpired
        }
        (_, state) => state,
    };
    let optional = |what: &str, expression: Option<&Expression>| match expression {
        None => Ok(None),
        Some(expression) => mapping.value(what, expression).map(|found| found.as_ref().and_then(text_of).map(Into::into)),
    };
    let portals_own = match &item.portals_own {
        None => false,
        Some(expression) => {
            mapping.told("portalsOwn", expression)?;
            expression.holds(&mapping.scope()).map_err(|e| mapping.wrong(&format!("does not say whose it is: {e}")))?
        }
    };
    Ok(LiveObject {
        kind,
        owner: optional("owner", item.owner.as_ref())?,
        created_by: optional("createdBy", item.created_by.as_ref())?,
        id: id.as_str().into(),
        key,
        fields,
        state,
        portals_own,
    })
}

/// What an item shows of its tenant; what has no value is not shown.
pub(super) fn observed(item: &Item, raw: &Raw<'_>) -> Shown {
    let mapping = Mapping { values: values(raw), unread: raw.unread, id: "" };
    let told = item.observed.iter().filter(|(_, expression)| !raw.unread.hides(expression));
    let shown = told.filter_map(|(name, expression)| {
        let text = expression.shown_or_absent(&mapping.scope()).ok().flatten()?;
        Some((name.clone(), text))
    });
    shown.collect()
}

fn values(raw: &Raw<'_>) -> BTreeMap<&'static str, Json> {
    let (tenant, id) = raw.tenant;
    BTreeMap::from([
        ("item", raw.rows.first().cloned().unwrap_or(Json::Null)),
        ("rows", Json::Array(raw.rows.to_vec())),
        ("joined", raw.joined.clone()),
        ("list", raw.list.into()),
        ("tenant", tenant_alone(tenant, id)),
        ("account", account_json(raw.account)),
    ])
}

impl Mapping<'_> {
    fn scope(&self) -> JsonScope<'_> {
        JsonScope::new(self.values.iter().map(|(name, value)| (*name, value)))
    }

    /// The value of an expression; `None`: absent or null.
    fn value(&self, what: &str, expression: &Expression) -> Result<Option<Json>, String> {
        self.told(what, expression)?;
        let found = expression.json(&self.scope()).map_err(|e| self.wrong(&format!("has no `{what}`: {e}")))?;
        Ok(found.filter(|json| !json.is_null()))
    }

    /// Refuses what hangs on a list that was not read to its end.
    fn told(&self, what: &str, expression: &Expression) -> Result<(), String> {
        if self.unread.hides(expression) {
            return Err(self.wrong(&format!("has no `{what}` for now: a list that tells it was not read to its end")));
        }
        Ok(())
    }

    fn wrong(&self, what: &str) -> String {
        format!("the item with id {} {what}", self.id)
    }
}

fn state(mapping: &Mapping<'_>, expression: &Expression) -> Result<ObjectState, String> {
    match mapping.value("state", expression)?.as_ref().and_then(Json::as_str) {
        None | Some("active") => Ok(ObjectState::Active),
        Some("invited") => Ok(ObjectState::Invited),
        Some("invitationExpired") => Ok(ObjectState::InvitationExpired),
        Some("pending") => Ok(ObjectState::Pending),
        Some(_) => Err(mapping.wrong("is in a state other than active, invited, invitationExpired and pending")),
    }
}

/// Whether an invitation no longer holds; one without an end does.
fn expired(mapping: &Mapping<'_>, expression: &Expression) -> Result<bool, String> {
    let Some(until) = mapping.value("expires", expression)? else { return Ok(false) };
    let at = match &until {
        Json::String(text) => text.parse().ok(),
        Json::Number(seconds) => seconds.as_i64().and_then(|seconds| Timestamp::from_second(seconds).ok()),
        _ => None,
    };
    let at: Timestamp = at.ok_or_else(|| mapping.wrong("has something else in `expires` than a time"))?;
    Ok(at <= Timestamp::now())
}

/// A text or a whole number as a text; not empty, and no longer than an id may be.
pub(super) fn text_of(json: &Json) -> Option<String> {
    let text = match json {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.as_i64()?.to_string(),
        _ => return None,
    };
    (!text.is_empty() && text.len() <= MAX_ID && !text.contains(char::is_control)).then_some(text)
}

/// True if nothing in it would be dropped silently: no null and no fraction within.
fn whole(json: &Json) -> bool {
    match json {
        Json::Null => false,
        Json::Number(number) => number.as_i64().is_some(),
        Json::Bool(_) | Json::String(_) => true,
        Json::Array(items) => items.iter().all(whole),
        Json::Object(entries) => entries.values().all(whole),
    }
}

/// `joined` of an object: what each list tells of it; `None`: its id is not known yet.
pub(super) fn joined(lists: &[(&str, Option<&Sorted>)], id: Option<&str>) -> Json {
    let entry = |(name, sorted): &(&str, Option<&Sorted>)| {
        let rows = id.zip(*sorted).and_then(|(id, sorted)| sorted.rows.get(id));
        ((*name).to_owned(), Json::Array(rows.into_iter().flatten().flat_map(Rows::items).collect()))
    };
    Json::Object(lists.iter().map(entry).collect::<Map<_, _>>())
}
