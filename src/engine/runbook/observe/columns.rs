//! Which column of a table is which. Comes in: the titles of a file and what a profile says that they show. Goes out: the cells of a row by
//! what they show, or the titles that are wanted. A title that the profile does not know is named and not looked at.

use std::collections::BTreeSet;

use super::known::Resource;
use super::look::Shown;
use super::{Against, cells};
use crate::engine::runbook::table::{Row, Table};
use crate::model::kind::Placement;
use crate::model::{FieldId, Fields, Kind, Value};
use crate::portal::profile::technician::Shows;

/// The columns of a table that the profile knows.
pub(super) struct Columns<'a> {
    kind: Kind,
    found: Vec<(usize, &'a str, &'a Shows)>,
    strange: Vec<String>,
    /// Members only: which tenant a row is of stands in the row.
    pub(super) tenant_in_row: bool,
    references: cells::References<'a>,
}

impl<'a> Columns<'a> {
    /// Matches the titles, without regard to case and outer spaces.
    pub(super) fn of(against: &Against<'a>, table: &Table) -> Result<Self, Vec<String>> {
        let kind = against.table.kind;
        let same = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
        let mut wrong = Vec::new();
        let mut found = Vec::new();
        for (title, shows) in &against.table.columns {
            let mut at = table.titles.iter().enumerate().filter(|(_, t)| same(t, title)).map(|(at, _)| at);
            found.extend(at.next().map(|at| (at, title.as_str(), shows)));
            if at.next().is_some() {
                wrong.push(format!("two columns are called {title}: take one of them out"));
            }
        }
        let known: BTreeSet<usize> = found.iter().map(|(at, ..)| *at).collect();
        let strange =
            table.titles.iter().enumerate().filter(|(at, t)| !known.contains(at) && !t.is_empty()).map(|(_, t)| t.clone()).collect();
        let placement = kind.def().placement;
        let member = matches!(placement, Placement::Member { .. }) && !against.table.within_tenant;
        let has_tenant = found.iter().any(|(.., s)| **s == Shows::Tenant);
        let columns = Self { kind, found, strange, tenant_in_row: member && has_tenant, references: cells::References::of(against) };
        let titles = |wanted: &dyn Fn(&Shows) -> bool| {
            let titles: Vec<_> = against.table.columns.iter().filter(|(_, s)| wanted(s)).map(|(t, _)| format!("`{t}`")).collect();
            titles.join(", ")
        };
        let one_tenant = against.table.within_tenant && placement == Placement::Tenant;
        if !one_tenant && !columns.found.iter().any(|(.., s)| columns.identifies(s)) {
            let wanted = titles(&|s| columns.identifies(s));
            let noun = kind.def().noun;
            let first = table.titles.join(", ");
            wrong.push(format!("no column tells which {noun} a row is: one of {wanted} is wanted, in the first row, which has: {first}"));
        }
        if member && !has_tenant && against.tenant.is_none() {
            let wanted = titles(&|s| *s == Shows::Tenant);
            wrong.push(format!("no column tells whose a row is: {wanted} is wanted, or name the tenant with --tenant"));
        }
        if wrong.is_empty() { Ok(columns) } else { Err(wrong) }
    }

    /// Titles that the profile does not know.
    pub(super) fn warnings(&self) -> Vec<String> {
        let names = self.strange.join("`, `");
        let warning = || format!("the profile does not know the columns `{names}`: they were not looked at");
        (!self.strange.is_empty()).then(warning).into_iter().collect()
    }

    /// The id, where it is shown.
    pub(super) fn id<'r>(&self, row: &'r Row) -> Option<&'r str> {
        self.cell(row, |s| *s == Shows::Id)
    }

    /// The natural key, where it is shown.
    pub(super) fn key<'r>(&self, row: &'r Row) -> Option<&'r str> {
        self.cell(row, |s| self.is_key(s))
    }

    /// The name that people see, where it is shown.
    pub(super) fn shown_name<'r>(&self, row: &'r Row) -> Option<&'r str> {
        self.cell(row, |s| self.is_shown_name(s))
    }

    /// The tenant that the row is of, as people see it.
    pub(super) fn tenant<'r>(&self, row: &'r Row) -> Option<&'r str> {
        self.cell(row, |s| *s == Shows::Tenant)
    }

    /// What identifies the row, as shown.
    pub(super) fn identity(&self, row: &Row) -> String {
        let cells = self.found.iter().filter(|(.., s)| self.identifies(s)).filter_map(|(at, ..)| row.cells.get(*at));
        let mut shown: Vec<_> = cells.filter(|c| !c.is_empty()).cloned().collect();
        shown.dedup();
        shown.join(", ")
    }

    /// What the row shows of its tenant beside what is declared.
    pub(super) fn observed<'r>(&'r self, row: &'r Row) -> impl Iterator<Item = (&'r str, &'r str)> {
        self.found.iter().filter_map(|(at, _, shows)| match shows {
            Shows::Observed(name) => Some((name.as_str(), row.cells.get(*at)?.as_str())),
            Shows::Field(_) | Shows::Key | Shows::Id | Shows::Tenant => None,
        })
    }

    /// What a row shows of the object that it is.
    pub(super) fn shown(&self, row: &Row, resource: &Resource<'_>, fields: &Fields) -> Shown {
        let of_column = |shows: &&Shows| match shows {
            Shows::Field(id) => Some(*id),
            // An empty or unfit key is no key: whatever matched the row was something else.
            Shows::Key => self.kind.def().key_field().filter(|id| fields.get(*id).is_some()),
            Shows::Id | Shows::Tenant | Shows::Observed(_) => None,
        };
        let mut shown = Shown {
            speaks_of: self.found.iter().filter_map(|(.., shows)| of_column(shows)).collect(),
            fields: fields.clone(),
            id: self.id(row).map(str::to_owned),
        };
        if let Some((id, title)) = self.title(row, resource) {
            shown.speaks_of.push(id);
            shown.fields.set(id, title);
        }
        shown
    }

    /// The name that a table of tenants shows in its column of the tenant, unless that may be the name that we call it by.
    fn title(&self, row: &Row, resource: &Resource<'_>) -> Option<(FieldId, Value)> {
        let def = self.kind.def();
        let (id, _) = def.field_named("displayName").filter(|_| def.placement == Placement::Tenant)?;
        let has_own = self.found.iter().any(|(.., s)| **s == Shows::Field(id));
        let title = Value::text(self.tenant(row).filter(|_| !has_own)?);
        let declared = resource.declared.is_some_and(|d| d.fields.get(id) == Some(&title));
        let slug = title.as_text().is_some_and(|t| t.eq_ignore_ascii_case(resource.address.name.as_str()));
        (declared || !slug).then_some((id, title))
    }

    /// The values of the fields that the row shows.
    pub(super) fn fields(&self, row: &Row) -> Result<Fields, Vec<String>> {
        let def = self.kind.def();
        let mut fields = Fields::new();
        let mut wrong = Vec::new();
        for (at, title, shows) in &self.found {
            let Some(cell) = row.cells.get(*at).filter(|c| !c.is_empty()) else { continue };
            let (id, is_key) = match (shows, def.key_field()) {
                (Shows::Field(id), _) => (*id, false),
                (Shows::Key, Some(id)) => (id, true),
                (Shows::Key | Shows::Id | Shows::Tenant | Shows::Observed(_), _) => continue,
            };
            match cells::value(&def.field(id).ty, cell, &self.references) {
                Some(value) => fields.set(id, value),
                None if is_key => {}
                None => wrong.push(format!("row {}, column {title}: `{cell}` is not {}", row.number, def.field(id).ty)),
            }
        }
        if wrong.is_empty() { Ok(fields) } else { Err(wrong) }
    }

    fn cell<'r>(&self, row: &'r Row, wanted: impl Fn(&Shows) -> bool) -> Option<&'r str> {
        let (at, ..) = self.found.iter().find(|(.., s)| wanted(s))?;
        row.cells.get(*at).map(String::as_str).filter(|c| !c.is_empty())
    }

    fn identifies(&self, shows: &Shows) -> bool {
        *shows == Shows::Id || self.is_key(shows) || self.is_shown_name(shows)
    }

    fn is_key(&self, shows: &Shows) -> bool {
        *shows == Shows::Key || self.kind.def().key_field().is_some_and(|id| *shows == Shows::Field(id))
    }

    /// Whoever reads the column of a tenant reads its name in a table of tenants.
    fn is_shown_name(&self, shows: &Shows) -> bool {
        let def = self.kind.def();
        let is_tenant = def.placement == Placement::Tenant;
        def.field_named("displayName").is_some_and(|(id, _)| *shows == Shows::Field(id)) || (is_tenant && *shows == Shows::Tenant)
    }
}
