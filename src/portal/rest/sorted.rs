//! The items of a list, sorted once by whose they are: a list of the whole portal is not walked through again for each tenant.
//!
//! Comes in: a list as it was read. Goes out: the rows of each object, by tenant, or by the object that they tell more about.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::collect::Items;
use super::object::{self, Raw, Unread, text_of};
use crate::model::kind::Placement;
use crate::model::portal_spec::Account;
use crate::model::{Kind, Name};
use crate::portal::profile::cel::{Expression, JsonScope};
use crate::portal::profile::http::compiled::{Item, List};
use crate::portal::profile::http::document::Within;

/// The items that one object is made of; one, unless they are grouped. As text: a reading of a whole portal has ten thousand of them, whose values
/// would take several times the memory, and a visit of one tenant asks for few.
#[derive(Debug)]
pub(super) struct Rows(Box<[u8]>);

impl Rows {
    fn of(items: &[Json]) -> Self {
        // Every value has a text, and that text is a value again.
        Self(serde_json::to_vec(items).unwrap_or_default().into())
    }

    /// The items.
    pub(super) fn items(&self) -> Vec<Json> {
        serde_json::from_slice(&self.0).unwrap_or_default()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// By what [`by`] says.
    pub(super) rows: BTreeMap<String, Vec<Rows>>,
    /// Why they may not be all.
    pub(super) incomplete: Option<String>,
}

/// What the rows of a list are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// By the tenant's id.
    Tenant,
    /// By the id of the object that they tell more about.
    Object,
    /// All are of one tenant, under an empty text.
    Nothing,
}

/// What a list's rows are sorted by.
pub(super) fn by(kind: Kind, list: &List) -> By {
    match (list.join.is_some(), list.within, kind.def().placement) {
        (true, ..) => By::Object,
        (false, Within::Portal, Placement::MspOnly) | (false, Within::Tenant | Within::Msp | Within::Organizations, _) => By::Nothing,
        (false, Within::Portal, _) => By::Tenant,
    }
}

/// Sorts a list.
pub(super) fn sorted(kind: Kind, list: &List, item: Option<&Item>, read: Items, account: &Account) -> Sorted {
    let Items { items, incomplete, pages: _, error: _ } = read;
    let mut sorted = Sorted { incomplete, ..Sorted::default() };
    let groups = match &list.group {
        None => items.into_iter().map(|item| vec![item]).collect(),
        Some(group) => grouped(list, group, items, &mut sorted),
    };
    for rows in groups {
        let key = match by(kind, list) {
            By::Nothing => Ok(Some(String::new())),
            By::Object => list.join.as_ref().map_or(Ok(None), |join| value_of("join", join, list, &rows)),
            By::Tenant => whose(kind, list, item, &rows, account),
        };
        match key {
            Ok(Some(key)) => sorted.rows.entry(key).or_default().push(Rows::of(&rows)),
            // It tells of something else than an object of this kind.
            Ok(None) => {}
            Err(why) => {
                sorted.incomplete.get_or_insert(why);
            }
        }
    }
    sorted
}

fn grouped(list: &List, group: &Expression, items: Vec<Json>, sorted: &mut Sorted) -> Vec<Vec<Json>> {
    let mut groups: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for item in items {
        let rows = vec![item];
        let of = value_of("group", group, list, &rows)
            .and_then(|of| of.ok_or_else(|| format!("the list `{}`: an item is of no group", list.name)));
        match of {
            Ok(of) => groups.entry(of).or_default().extend(rows),
            Err(why) => {
                sorted.incomplete.get_or_insert(why);
            }
        }
    }
    groups.into_values().collect()
}

/// Whose an item of the whole portal is: an organization is its own tenant.
fn whose(kind: Kind, list: &List, item: Option<&Item>, rows: &[Json], account: &Account) -> Result<Option<String>, String> {
    if let Some(tenant) = &list.tenant {
        let of = value_of("tenant", tenant, list, rows)?;
        return of.map(Some).ok_or_else(|| format!("the list `{}`: an item does not say whose it is", list.name));
    }
    let nobody = Name::msp();
    let joined = Json::Object(serde_json::Map::new());
    let raw = Raw { list: &list.name, rows, joined, unread: &Unread::NOTHING, tenant: (&nobody, None), account };
    item.map(|item| object::id_of(item, &raw)).transpose().map_err(|why| format!("{why} (among {})", kind.def().nouns))
}

fn value_of(what: &str, expression: &Expression, list: &List, rows: &[Json]) -> Result<Option<String>, String> {
    let Some(item) = rows.first() else { return Ok(None) };
    let found = expression.json(&JsonScope::new([("item", item)]));
    let found = found.map_err(|e| format!("the list `{}`: `{what}` has no value for an item: {e}", list.name))?;
    Ok(found.as_ref().and_then(text_of))
}
