//! Whether the portal takes a value: the limits that its forms have. Comes in: a field and a value. Goes out: why not.

use crate::model::{FieldDef, FieldType, Value};

/// Why a value is not taken.
pub(super) fn wrong(field: &FieldDef, value: &Value) -> Option<String> {
    (!fits(&field.ty, value)).then(|| format!("{} must be {}", field.path, field.ty))
}

fn fits(ty: &FieldType, value: &Value) -> bool {
    match (ty, value) {
        (FieldType::Text(most), Value::Text(text)) => text.chars().count() <= usize::from(*most),
        (FieldType::Bool, Value::Bool(_)) => true,
        (FieldType::Integer(least, most), Value::Integer(n)) => (*least..=*most).contains(n),
        (FieldType::Enum(words), Value::Text(text)) => words.contains(&&**text),
        (FieldType::Email, Value::Text(text)) => is_email(text),
        (FieldType::DomainName, Value::Text(text)) => is_domain(text),
        (FieldType::Date, Value::Text(text)) => text.parse::<jiff::civil::Date>().is_ok(),
        (FieldType::Time, Value::Text(text)) => text.parse::<jiff::civil::Time>().is_ok(),
        (FieldType::Duration, Value::Text(text)) => crate::model::value::duration(text).is_some(),
        (FieldType::Url, Value::Text(text)) => ["http://", "https://"].iter().any(|s| text.starts_with(s)),
        (FieldType::Ref(_), Value::Text(text)) => !text.is_empty(),
        (FieldType::Organizations, Value::List(items)) => items.iter().all(|i| i.as_text().is_some()),
        (FieldType::List(of) | FieldType::Set(of), Value::List(items)) => items.iter().all(|i| fits(of, i)),
        (FieldType::Record(fields), Value::Map(entries)) => {
            entries.iter().all(|(key, v)| fields.iter().any(|f| *f.path == **key && fits(&f.ty, v)))
        }
        (FieldType::Map(of), Value::Map(entries)) => entries.iter().all(|(_, v)| fits(of, v)),
        (FieldType::Secret, Value::Secret(_)) => true,
        _ => false,
    }
}

fn is_email(text: &str) -> bool {
    let mut parts = text.splitn(2, '@');
    let (Some(local), Some(domain)) = (parts.next(), parts.next()) else { return false };
    !local.is_empty() && !domain.contains('@') && is_host(domain) && !text.chars().any(char::is_whitespace)
}

fn is_domain(text: &str) -> bool {
    text.contains('.') && is_host(text)
}

/// Labels of letters, digits and hyphens. Letters of any script: what a browser shows is what a person types.
fn is_host(text: &str) -> bool {
    text.len() <= 253
        && text
            .split('.')
            .all(|l| !l.is_empty() && l.len() <= 63 && l.chars().all(|c| c.is_alphanumeric() || c == '-') && !l.starts_with('-'))
}
