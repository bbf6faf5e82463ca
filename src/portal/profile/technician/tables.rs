//! Tables, observed values and the portal's own objects, compiled.
//!
//! Comes in: the parsed profile. Goes out: which column shows what. A table must tell which object a row is, and in which tenant: one that
//! cannot would be read as something that it is not.

use std::collections::{BTreeMap, BTreeSet};

use serde_saphyr::{Location, Spanned};

use super::compile::{had, place_of, wrong};
use super::{CompiledTable, MenuPlace, ObservedValue, Shows};
use crate::diagnostic::codes::portal as codes;
use crate::model::kind::Placement;
use crate::model::{Kind, KindCapability, Name};
use crate::portal::profile::cel::Expression;
use crate::portal::profile::compile::Problems;
use crate::portal::profile::document::Document;
use crate::portal::profile::paths;
use crate::portal::profile::screens::{Column, Observed, Table};

pub(super) fn observed(document: &Document, problems: &mut Problems<'_>) -> Vec<ObservedValue> {
    let mut found: Vec<ObservedValue> = Vec::new();
    for section in &document.observed {
        let Observed { id, source, name, title } = &section.value;
        let word = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric());
        if !word {
            let what = format!("observed `{name}`: a name has letters and digits alone and begins with a letter");
            problems.add(codes::PROFILE_SYNTAX, section.referenced, what);
        }
        if found.iter().any(|o| o.name == *name) {
            problems.add(codes::PROFILE_CONTRADICTION, section.referenced, format!("two observed are called `{name}`"));
        }
        found.push(ObservedValue { id: id.clone(), source: *source, name: name.clone(), title: title.clone() });
    }
    found
}

pub(super) fn tables(
    document: &Document,
    kinds: &BTreeMap<Kind, KindCapability>,
    menu: &[MenuPlace],
    observed: &[ObservedValue],
    problems: &mut Problems<'_>,
) -> Vec<CompiledTable> {
    let mut names = BTreeSet::new();
    let mut compiled = Vec::new();
    for section in &document.tables {
        let Table { name, menu: path, source, kind, within_tenant, columns } = &section.value;
        let at = section.referenced;
        if let Err(error) = Name::new(name) {
            problems.add(codes::PROFILE_SYNTAX, at, error.to_string());
        }
        if !names.insert(name) {
            problems.add(codes::PROFILE_CONTRADICTION, at, format!("two tables are called {name}"));
        }
        let place = place_of(path, menu, at, problems);
        let Some(kind) = had(&kind.value, kind.referenced, kinds, problems) else { continue };
        let mut shown = Vec::new();
        for (title, spanned) in columns {
            let Some(shows) = column(kind, title, spanned, observed, problems) else { continue };
            if shown.iter().any(|(_, other)| *other == shows) {
                let what = format!("table {name}: two columns show the same: take out one of them");
                problems.add(codes::PROFILE_CONTRADICTION, spanned.referenced, what);
            }
            shown.push((title.clone(), shows));
        }
        // A column that is wrong may be the one that is missed: what is wrong with it is said already.
        if shown.len() == columns.len() {
            tells(name, kind, *within_tenant, &shown, at, problems);
        }
        compiled.extend(place.map(|menu| CompiledTable {
            name: name.clone(),
            menu,
            source: *source,
            kind,
            within_tenant: *within_tenant,
            columns: shown,
        }));
    }
    compiled
}

/// Whether its rows can be told apart, and their tenants.
fn tells(name: &str, kind: Kind, within: bool, shown: &[(String, Shows)], at: Location, problems: &mut Problems<'_>) {
    let shows = |what: &Shows| shown.iter().any(|(_, s)| s == what);
    let is_tenant = kind.def().placement == Placement::Tenant;
    let key = kind.def().key_field().is_some_and(|id| shows(&Shows::Field(id))) || shows(&Shows::Key);
    if !key && !shows(&Shows::Id) && !(is_tenant && (shows(&Shows::Tenant) || within)) {
        let what = format!("table {name} does not tell which {} a row is: a column needs `key: true` or `id: true`", kind.def().noun);
        problems.add(codes::PROFILE_CONTRADICTION, at, what);
    }
    if within && shows(&Shows::Tenant) {
        let what =
            format!("table {name} shows one tenant, which the technician names: take `withinTenant` or the column of the tenant out");
        problems.add(codes::PROFILE_CONTRADICTION, at, what);
    }
    let of_msp = kind.def().placement == Placement::MspOnly;
    if !within && !is_tenant && !of_msp && !shows(&Shows::Tenant) {
        let what = format!("table {name} does not tell whose a row is: write `withinTenant: true`, or a column with `tenant: true`");
        problems.add(codes::PROFILE_CONTRADICTION, at, what);
    }
}

fn column(kind: Kind, title: &str, section: &Spanned<Column>, observed: &[ObservedValue], problems: &mut Problems<'_>) -> Option<Shows> {
    let Column { field, key, id, tenant, observed: value } = &section.value;
    let at = section.referenced;
    let named = [(*key, Shows::Key), (*id, Shows::Id), (*tenant, Shows::Tenant)];
    let mut shows: Vec<_> = named.into_iter().filter(|(yes, _)| *yes).map(|(_, shows)| shows).collect();
    let mut wrong = false;
    if let Some(path) = field {
        match kind.def().field_named(&path.value) {
            Some((_, def)) if def.ty.is_secret() => {
                let what = format!("column {title}: `{}` is a secret, which no table shows", path.value);
                problems.add(codes::PROFILE_CONTRADICTION, path.referenced, what);
                wrong = true;
            }
            Some((id, _)) => shows.push(Shows::Field(id)),
            None => {
                problems.add(codes::PROFILE_NAME, path.referenced, format!("{kind} has no field `{}`", path.value));
                wrong = true;
            }
        }
    }
    if let Some(name) = value {
        if !observed.iter().any(|o| o.name == name.value) {
            let what = format!("column {title}: `observed` declares no `{}`", name.value);
            problems.add(codes::PROFILE_NAME, name.referenced, what);
            wrong = true;
        }
        shows.push(Shows::Observed(name.value.clone()));
    }
    let one = shows.len() + usize::from(wrong && value.is_none());
    if one != 1 {
        let has = if one == 0 { "nothing" } else { "two things" };
        let what = format!("column {title} shows {has}: write exactly one of field, key, id, tenant, observed");
        problems.add(codes::PROFILE_CONTRADICTION, at, what);
        return None;
    }
    shows.pop().filter(|_| !wrong)
}

/// Whether an object is the portal's own.
pub(super) fn portals_own(kind: Kind, source: &Spanned<String>, problems: &mut Problems<'_>) -> Option<Expression> {
    match Expression::compile(&[&source.value], &["item"]).pop()? {
        Ok(expression) => {
            for problem in expression.paths().iter().filter_map(|p| paths::problem_of_item(p, kind)) {
                problems.add(codes::PROFILE_NAME, source.referenced, problem);
            }
            Some(expression)
        }
        Err(error) => {
            wrong(source.referenced, error, problems);
            None
        }
    }
}
