//! A rule's message with places for values: `"{email} is not under {tenant}'s domain"`.
//!
//! Comes in: the text and the kinds it is for; then a subject. Goes out: a sentence. A secret is never put in.

use crate::model::rule::Subject;
use crate::model::{Fields, Kind, Value};

/// Longest value put into a message, in characters: a message is one line.
const MAX_VALUE: usize = 120;

/// A message, taken apart.
#[derive(Debug)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Name,
    Tenant,
    Field(String),
}

impl Template {
    /// Takes a text apart. `{name}` is the resource's name, `{tenant}` its tenant's, any other `{…}` a field of every one of the kinds;
    /// `{{` and `}}` are braces.
    pub(super) fn parse(text: &str, kinds: &[Kind]) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '{' | '}' if chars.peek() == Some(&c) => {
                    chars.next();
                    plain.push(c);
                }
                '{' => {
                    let path: String = chars.by_ref().take_while(|c| *c != '}').collect();
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    parts.push(place(&path, kinds)?);
                }
                '}' => return Err("a `}` has no `{`; write `}}` for a brace".to_owned()),
                c => plain.push(c),
            }
        }
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }

    /// The message for a subject.
    pub(super) fn render(&self, subject: &Subject<'_>) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Name => out.push_str(subject.declared.map_or("?", |r| r.address.name.as_str())),
                Part::Tenant => out.push_str(subject.tenant.as_str()),
                Part::Field(path) => out.push_str(&shown(field(subject.kind, subject.after.or(subject.before), path))),
            }
        }
        out
    }
}

fn place(path: &str, kinds: &[Kind]) -> Result<Part, String> {
    match path {
        "name" => Ok(Part::Name),
        "tenant" => Ok(Part::Tenant),
        _ => match kinds.iter().find(|k| k.def().field_named(path).is_none()) {
            Some(kind) => Err(format!("`{{{path}}}` is no field of {kind}; write `{{{{` for a brace")),
            None => Ok(Part::Field(path.to_owned())),
        },
    }
}

fn field<'a>(kind: Kind, fields: Option<&'a Fields>, path: &str) -> Option<&'a Value> {
    let (id, _) = kind.def().field_named(path)?;
    fields?.get(id)
}

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None => "(not set)".to_owned(),
        Some(Value::Text(text)) => text.to_string(),
        Some(Value::Bool(b)) => b.to_string(),
        Some(Value::Integer(i)) => i.to_string(),
        Some(Value::Secret(_)) => "(sensitive)".to_owned(),
        Some(Value::List(items)) => items.iter().map(|v| shown(Some(v))).collect::<Vec<_>>().join(", "),
        Some(Value::Map(entries)) => entries.iter().map(|(k, v)| format!("{k}: {}", shown(Some(v)))).collect::<Vec<_>>().join(", "),
    };
    if text.chars().count() <= MAX_VALUE { text } else { text.chars().take(MAX_VALUE).chain(['…']).collect() }
}
