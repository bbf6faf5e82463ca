//! Checks the field paths that expressions name against the tables of the kinds, so that a misspelt field is an error of the profile and
//! not a rule that never holds.

use super::cel::{ACCOUNT_FIELDS, HEAD_NAMES, OBSERVED, Path, TENANT_FIELDS, collection_name};
use crate::model::{FieldId, FieldType, Kind};

/// What is wrong with a path in an expression about these kinds, if anything.
pub(super) fn problem(path: &Path, kinds: &[Kind]) -> Option<String> {
    let fields: Vec<&str> = path.fields.iter().map(String::as_str).collect();
    match path.root.as_str() {
        "self" => kinds.iter().find_map(|k| in_record(*k, &fields, &["name", "key"], path)),
        "oldSelf" => kinds.iter().find_map(|k| in_record(*k, &fields, &[], path)),
        "live" if fields.first() == Some(&OBSERVED) => {
            fields.get(2).map(|name| format!("`live.observed` has texts, which have no `{name}`"))
        }
        "desired" | "live" => match fields.first() {
            Some(name) if !Kind::reconciled().any(|k| collection_name(k) == *name) => {
                let names: Vec<_> = Kind::reconciled().map(collection_name).collect();
                Some(format!("`{}` has no `{name}`; it has {}", path.root, names.join(", ")))
            }
            _ => None,
        },
        "tenant" => match fields.split_first() {
            Some((&"organization", rest)) => in_record(Kind::Organization, rest, &HEAD_NAMES, path),
            Some((name, _)) => not_one_of("tenant", name, &TENANT_FIELDS),
            None => None,
        },
        "account" => fields.first().and_then(|name| not_one_of("account", name, &ACCOUNT_FIELDS)),
        _ => fields.first().map(|name| format!("`{}` is a text and has no `{name}`", path.root)),
    }
}

/// The name in `live.observed` that a path is about, if it is.
pub(super) fn observed(path: &Path) -> Option<&str> {
    match path.fields.as_slice() {
        [group, name, ..] if path.root == "live" && group == OBSERVED => Some(name),
        _ => None,
    }
}

/// What is wrong with a path in an expression over one object of a kind as the portal shows it, if anything.
pub(super) fn problem_of_item(path: &Path, kind: Kind) -> Option<String> {
    let fields: Vec<&str> = path.fields.iter().map(String::as_str).collect();
    in_record(kind, &fields, &["id", "key", "state"], path)
}

/// The fields of `self` whose values an expression about this kind takes; what it only asks for with `has` is none of them.
pub(super) fn fields_of_self<'a>(paths: impl Iterator<Item = &'a Path>, kind: Kind) -> Vec<FieldId> {
    let taken = paths.filter(|p| p.root == "self" && !p.test);
    let mut found: Vec<_> =
        taken.filter_map(|p| (1..=p.fields.len()).find_map(|n| Some(kind.def().field_named(&p.fields.get(..n)?.join("."))?.0))).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn not_one_of(root: &str, name: &str, all: &[&str]) -> Option<String> {
    (!all.contains(&name)).then(|| format!("`{root}` has no `{name}`; it has {}", all.join(", ")))
}

/// Fields are flat, with dotted names: `contact` is a group and no field.
fn in_record(kind: Kind, fields: &[&str], head: &[&str], path: &Path) -> Option<String> {
    let def = kind.def();
    if head.contains(fields.first()?) {
        return None;
    }
    let mut dotted = String::new();
    for (i, part) in fields.iter().enumerate() {
        if !dotted.is_empty() {
            dotted.push('.');
        }
        dotted.push_str(part);
        if let Some((_, field)) = def.field_named(&dotted) {
            let below = i + 1 < fields.len();
            return (below && !matches!(field.ty, FieldType::Map(_)))
                .then(|| format!("`{dotted}` of {kind} is {} and has no `{}`", field.ty, fields.get(i + 1).unwrap_or(&"")));
        }
        let group = format!("{dotted}.");
        if !def.fields.iter().any(|f| f.path.starts_with(&group)) {
            return Some(format!("{kind} has no field `{dotted}`"));
        }
    }
    path.test.then(|| format!("`{dotted}` of {kind} is a group of fields and always there: ask `has` for one of its fields"))
}
