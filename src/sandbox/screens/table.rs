//! A table of the portal: the rows that a caller sees, searched and cut into pages, with the columns that the profile documents.
//!
//! Comes in: a place, a kind, perhaps a tenant, and what was searched for. Goes out: one page of rows. Customers of similar names stand side by
//! side, as they do in the portal.

use super::object::{evidence_of, said};
use super::session::Session;
use crate::model::{Kind, LiveObject, ObjectState};
use crate::portal::profile::document::Action;
use crate::portal::profile::technician::Shows;
use crate::sandbox::change::Refusal;
use crate::sandbox::names::{made_by, name_of, title_of};
use crate::sandbox::sight::Sight;

/// Rows of a page, as many as portals show.
const PAGE: usize = 25;

/// One page of a table.
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
    /// This page and how many there are, from 1.
    pub(super) page: usize,
    pub(super) pages: usize,
}

/// One row.
pub(super) struct Row {
    pub(super) tenant: String,
    pub(super) object: LiveObject,
    pub(super) cells: Vec<String>,
}

/// What is looked for.
#[derive(Default)]
pub(super) struct Search {
    pub(super) text: String,
    pub(super) page: usize,
}

/// See the module. `tenant`: the one that was opened on the way; `None`: every one that the caller sees.
pub(super) async fn table(session: &Session, place: usize, kind: Kind, tenant: Option<&str>, search: &Search) -> Result<Table, Refusal> {
    let world = &session.app.shared.world;
    let mut found = world.every(&session.caller, kind).await?;
    let wanted = search.text.trim().to_lowercase();
    found.retain(|(of, o)| {
        tenant.is_none_or(|t| **of == *t) && (title_of(o).to_lowercase().contains(&wanted) || o.key.contains(&*wanted) || *o.id == *wanted)
    });
    found.sort_by_cached_key(|(_, o)| (title_of(o).to_lowercase(), o.key.clone()));
    let pages = found.len().div_ceil(PAGE).max(1);
    let page = search.page.clamp(1, pages);
    let columns = columns(session, place, kind, tenant.is_some());
    let mut rows = Vec::new();
    for (of, object) in found.into_iter().skip((page - 1) * PAGE).take(PAGE) {
        let sight = Sight::of(world, &session.caller, &of).await?;
        let cells = columns.iter().map(|(_, shows)| cell(session, &sight, &object, shows)).collect();
        rows.push(Row { tenant: of.into(), object, cells });
    }
    Ok(Table { columns: columns.into_iter().map(|(title, _)| title).collect(), rows, page, pages })
}

/// What a column shows: something that the profile documents, or what people call the object.
enum Cell {
    Documented(Shows),
    Title,
    Customer,
}

fn columns(session: &Session, place: usize, kind: Kind, within: bool) -> Vec<(String, Cell)> {
    let profile = session.app.shared.world.profile();
    let mut columns: Vec<(String, Cell)> = Vec::new();
    for table in profile.tables().iter().filter(|t| t.menu == place && t.kind == kind) {
        for (title, shows) in &table.columns {
            if !columns.iter().any(|(t, _)| t == title) {
                columns.push((title.clone(), Cell::Documented(shows.clone())));
            }
        }
    }
    if columns.is_empty() {
        // No page documents a table: it shows what every object of the kind has, for rows are found by that too.
        let needed = kind.def().fields().filter(|(id, f)| f.required && f.ty.refers_to().is_none() && kind.def().key_field() != Some(*id));
        let needed = needed.filter(|(_, f)| f.path != "displayName");
        columns.extend(needed.map(|(id, f)| (f.path.to_owned(), Cell::Documented(Shows::Field(id)))));
    }
    let names = |cell: &Cell| match cell {
        Cell::Documented(Shows::Tenant) => kind == Kind::Organization,
        Cell::Documented(Shows::Key) => kind.def().key.is_some(),
        Cell::Documented(Shows::Field(id)) => kind.def().field(*id).path == "displayName",
        Cell::Documented(Shows::Id | Shows::Observed(_)) => false,
        Cell::Title | Cell::Customer => true,
    };
    // A row is found by what people call its object, so that comes first.
    match columns.iter().position(|(_, cell)| names(cell)) {
        Some(at) => columns.swap(0, at),
        None => columns.insert(0, ("Name".to_owned(), Cell::Title)),
    }
    let names_customer = columns.iter().any(|(_, cell)| matches!(cell, Cell::Documented(Shows::Tenant)));
    if kind != Kind::Organization && !within && !names_customer {
        columns.push(("Customer".to_owned(), Cell::Customer));
    }
    columns
}

fn cell(session: &Session, sight: &Sight, object: &LiveObject, cell: &Cell) -> String {
    match cell {
        Cell::Title => title_of(object).to_owned(),
        Cell::Customer | Cell::Documented(Shows::Tenant) => sight.title(),
        Cell::Documented(Shows::Key) => object.key.to_string(),
        Cell::Documented(Shows::Id) => object.id.to_string(),
        Cell::Documented(Shows::Field(id)) => {
            let field = object.def().field(*id);
            object.fields.get(*id).map_or_else(String::new, |value| said(&field.ty, value, &sight.known()))
        }
        Cell::Documented(Shows::Observed(name)) => observed(session, sight, object, name),
    }
}

/// What the portal shows beside what is declared: evidence of that name, a field, or a count: of what the portal made by the same row, or of
/// what the name speaks of.
pub(super) fn observed(session: &Session, sight: &Sight, object: &LiveObject, name: &str) -> String {
    let profile = session.app.shared.world.profile();
    if let Some(wanted) = profile.screens(object.kind, Action::Create).and_then(|s| s.evidence.iter().find(|e| e.name == name))
        && (wanted.expect.is_some() || wanted.id)
    {
        return evidence_of(sight, object, wanted);
    }
    if let Some((id, field)) = object.def().field_named(name) {
        return object.fields.get(id).map_or_else(String::new, |value| said(&field.ty, value, &sight.known()));
    }
    if let Some(row) = profile.observed().iter().find(|o| o.name == name).map(|o| o.id.as_str())
        && profile.makes(row)
    {
        let made = sight.live.collections.values().flat_map(|c| &c.objects).filter(|o| made_by(o) == Some(row));
        return made.count().to_string();
    }
    let lower = name.to_lowercase();
    let counted = Kind::reconciled().find(|k| lower.ends_with(&k.def().nouns.replace(' ', "")));
    let counts = |o: &&LiveObject| !lower.starts_with("active") || o.state == ObjectState::Active;
    let own = object.kind == Kind::Organization && name_of(object) == sight.name;
    counted.filter(|_| own).map_or_else(|| "–".to_owned(), |kind| sight.live.objects(kind).iter().filter(counts).count().to_string())
}
