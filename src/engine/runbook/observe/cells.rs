//! From the text of a cell to the value of a field, and back. Pure. What does not fit has no value: it is never bent until it does.

use std::collections::BTreeMap;

use super::Against;
use crate::model::kind::Placement;
use crate::model::{FieldType, Kind, Name, Value};

/// The names of what fields refer to, by kind and by what people see, in lower case.
pub(super) struct References<'a>(BTreeMap<(Kind, String), &'a Name>);

impl<'a> References<'a> {
    pub(super) fn of(against: &Against<'a>) -> Self {
        let mut names = BTreeMap::new();
        for (tenant, declared) in &against.desired.tenants {
            for resource in &declared.resources {
                // A tenant is named anywhere; all else within its own.
                let address = &resource.address;
                if resource.def().placement != Placement::Tenant && against.tenant.is_some_and(|t| t != tenant) {
                    continue;
                }
                let shown = resource.def().field_named("displayName").and_then(|(id, _)| resource.fields.get(id)).and_then(Value::as_text);
                for text in [Some(resource.natural_key()), Some(address.name.as_str()), shown].into_iter().flatten() {
                    names.entry((address.kind, text.to_lowercase())).or_insert(&address.name);
                }
            }
        }
        Self(names)
    }

    fn name(&self, kind: Kind, shown: &str) -> Value {
        let known = self.0.get(&(kind, shown.to_lowercase()));
        Value::text(known.map_or(shown, |name| name.as_str()))
    }
}

/// The value of a cell that is not empty; `None`: it does not fit.
pub(super) fn value(ty: &FieldType, cell: &str, references: &References<'_>) -> Option<Value> {
    let raw = match ty {
        FieldType::Bool => Value::Bool(truth(cell)?),
        FieldType::Integer(min, max) => Value::Integer(number(cell).filter(|n| (min..=max).contains(&n))?),
        FieldType::Enum(words) => Value::text(words.iter().find(|w| w.eq_ignore_ascii_case(cell))?),
        FieldType::Ref(kind) => references.name(*kind, cell),
        FieldType::List(item) | FieldType::Set(item) => {
            Value::List(items(cell).map(|c| value(item, c, references)).collect::<Option<_>>()?)
        }
        FieldType::Organizations => Value::List(items(cell).map(|c| references.name(Kind::Organization, c)).collect()),
        FieldType::Text(_)
        | FieldType::Email
        | FieldType::DomainName
        | FieldType::Date
        | FieldType::Time
        | FieldType::Duration
        | FieldType::Url => Value::text(cell),
        FieldType::Record(_) | FieldType::Map(_) | FieldType::Secret => return None,
    };
    ty.normalise(raw)
}

/// A value as people read it.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::List(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Integer(_) | Value::Map(_) | Value::Secret(_) => value.to_json().to_string(),
    }
}

/// What tables write for yes and no.
fn truth(cell: &str) -> Option<bool> {
    match cell.to_lowercase().as_str() {
        "true" | "yes" | "y" | "x" | "1" | "on" | "✓" | "✔" | "enabled" => Some(true),
        "false" | "no" | "n" | "0" | "off" | "-" | "–" | "✗" | "✘" | "disabled" => Some(false),
        _ => None,
    }
}

/// A whole number, with or without a mark between thousands.
fn number(cell: &str) -> Option<i64> {
    let plain = |c: char| c.is_ascii_digit() || c == '-';
    if cell.chars().all(plain) {
        return cell.parse().ok();
    }
    let mut groups = cell.split([',', '.', '\u{a0}', '\u{202f}', ' ', '\'']);
    let first = groups.next().filter(|g| (1..=3).contains(&g.len()))?;
    let rest: Vec<_> = groups.collect();
    let grouped = rest.iter().all(|g| g.len() == 3 && g.chars().all(|c| c.is_ascii_digit()));
    if grouped { format!("{first}{}", rest.concat()).parse().ok() } else { None }
}

/// The items of a list: separated by `;`, else by `,`.
pub(super) fn items(cell: &str) -> impl Iterator<Item = &str> {
    let by = if cell.contains(';') { ';' } else { ',' };
    cell.split(by).map(str::trim).filter(|item| !item.is_empty())
}
