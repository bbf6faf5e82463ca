//! One value: a node becomes a [`Value`] of its field's type, or a problem.

use super::super::problem::{Place, did_you_mean, shown};
use super::super::tree::{Data, Entry, Node};
use super::{Cx, format, secret, secret_words};
use crate::diagnostic::codes::manifest as codes;
use crate::model::kind::{FieldDef, FieldType};
use crate::model::{Name, Value};

/// Longest key of a free map, in characters.
pub(crate) const KEY_MAX: usize = 200;

/// Lowers the value of an entry; `path` names its field in messages.
pub(crate) fn entry(cx: &mut Cx<'_, '_>, ty: &'static FieldType, entry: &Entry<'_>, path: &str) -> Option<Value> {
    if matches!(entry.value.data, Data::Null) {
        let help = match ty {
            FieldType::List(_) | FieldType::Set(_) => "write `[]` for none, or take the line out so that the field is not managed",
            _ => "give it a value, or take the line out so that the field is not managed",
        };
        cx.problems.error(codes::WRONG_TYPE, entry.key_place, format!("`{path}` has no value")).help(help);
        return None;
    }
    value(cx, ty, &entry.value, entry.place(), path)
}

fn value(cx: &mut Cx<'_, '_>, ty: &'static FieldType, node: &Node<'_>, place: Place, path: &str) -> Option<Value> {
    let lowered = match (ty, &node.data) {
        (_, Data::Broken) => return None,
        (FieldType::Secret, _) => return secret::reference(cx, node, place, path),
        (FieldType::Map(inner), Data::Map(entries)) => return map(cx, inner, entries, path),
        (FieldType::Map(_), other) if ty.is_secret() => {
            if !matches!(other, Data::Null) {
                cx.problems.hide(node.place);
            }
            return wrong_type(cx, ty, node, place, path);
        }
        (FieldType::Record(fields), Data::Map(entries)) => return record(cx, fields, entries, place, path),
        (FieldType::List(inner) | FieldType::Set(inner), Data::List(items)) => {
            // All items are looked at, so that all problems are found.
            let lowered: Vec<_> = items.iter().map(|i| value(cx, inner, i, item_place(i, place), path)).collect();
            if matches!(ty, FieldType::Set(_)) && items.len() > 1 {
                repeated(cx, items, place, path)?;
            }
            Value::List(lowered.into_iter().collect::<Option<_>>()?)
        }
        (FieldType::Bool, Data::Bool(b)) => Value::Bool(*b),
        (FieldType::Integer(min, max), Data::Integer(i)) => {
            if !(*min..=*max).contains(i) {
                cx.problems.error(codes::BAD_VALUE, place, format!("`{path}` must be {ty}, not {i}"));
                return None;
            }
            Value::Integer(*i)
        }
        (
            FieldType::Text(_)
            | FieldType::Enum(_)
            | FieldType::Email
            | FieldType::DomainName
            | FieldType::Date
            | FieldType::Time
            | FieldType::Duration
            | FieldType::Url,
            Data::Text(t),
        ) => text(cx, ty, t, place, path)?,
        (FieldType::Ref(_), Data::Text(t)) => text(cx, &FieldType::Text(200), t, place, path)?,
        _ => return wrong_type(cx, ty, node, place, path),
    };
    ty.normalise(lowered)
}

/// Reports the first text that a set has twice; what is meant by that is not what is written.
fn repeated(cx: &mut Cx<'_, '_>, items: &[Node<'_>], set: Place, path: &str) -> Option<()> {
    let mut texts: Vec<_> = items.iter().enumerate().filter_map(|(at, item)| Some((item.as_text()?, at, item))).collect();
    texts.sort_unstable_by_key(|(text, at, _)| (*text, *at));
    let twice = texts.windows(2).find_map(|pair| if let [(a, ..), (b, _, item)] = pair { (a == b).then_some((*b, *item)) } else { None });
    let Some((text, item)) = twice else { return Some(()) };
    let text = format!("`{path}` has `{}` twice", shown(text));
    cx.problems.error(codes::BAD_VALUE, item_place(item, set), text).help("take one of the two out");
    None
}

/// An item stands where its list does, unless it is a scalar.
fn item_place(item: &Node<'_>, list: Place) -> Place {
    if matches!(item.data, Data::Map(_) | Data::List(_)) && item.place.line == 0 { list } else { item.place }
}

fn wrong_type(cx: &mut Cx<'_, '_>, ty: &FieldType, node: &Node<'_>, place: Place, path: &str) -> Option<Value> {
    let textual = matches!(
        ty,
        FieldType::Text(_)
            | FieldType::Enum(_)
            | FieldType::Email
            | FieldType::DomainName
            | FieldType::Date
            | FieldType::Time
            | FieldType::Duration
            | FieldType::Url
            | FieldType::Ref(_)
    );
    let problem = cx.problems.error(codes::WRONG_TYPE, place, format!("`{path}` must be {ty}, not {}", node.describe()));
    if textual && matches!(node.data, Data::Bool(_) | Data::Integer(_) | Data::Number) {
        problem.help("put it in quotes, so that YAML reads it as a text");
    } else if matches!(ty, FieldType::List(_) | FieldType::Set(_)) {
        problem.help("write a list: `[a, b]`, or one item a line, each after `- `");
    } else if matches!(ty, FieldType::Bool) && matches!(node.data, Data::Text(_)) {
        problem.help("write true or false, without quotes");
    }
    None
}

fn text(cx: &mut Cx<'_, '_>, ty: &FieldType, text: &str, place: Place, path: &str) -> Option<Value> {
    if format::url_has_password(text) {
        cx.problems.hide(place);
        cx.problems
            .error(codes::INLINE_SECRET, place, format!("`{path}`: an address carries a password"))
            .help("write the address without it, change the password where it is used, and put it under `secrets` by reference");
        return None;
    }
    let why = match ty {
        FieldType::Text(max) if text.chars().count() > usize::from(*max) => {
            Some(format!("has {} characters, and at most {max} are allowed", text.chars().count()))
        }
        FieldType::Text(_) => format::control_character(text),
        FieldType::Enum(words) if !words.contains(&text) => {
            let help = did_you_mean(text, words.iter().copied(), &format!("use {ty}"));
            cx.problems.error(codes::BAD_VALUE, place, format!("`{path}` must be {ty}, not `{}`", shown(text))).help(help);
            return None;
        }
        FieldType::Email => format::email(text),
        FieldType::DomainName => format::domain_name(text),
        FieldType::Date => format::date(text),
        FieldType::Time => format::time(text),
        FieldType::Duration => format::duration(text),
        FieldType::Url if format::url_has_credentials(text) => {
            cx.problems.hide(place);
            cx.problems
                .error(codes::INLINE_SECRET, place, format!("`{path}` carries a user name or a password"))
                .help("write the address without them");
            return None;
        }
        FieldType::Url => format::url(text),
        _ => None,
    };
    match why {
        None => Some(Value::text(text)),
        Some(why) => {
            cx.problems.error(codes::BAD_VALUE, place, format!("`{path}`: {why}")).help(format!("write {ty}"));
            None
        }
    }
}

fn map(cx: &mut Cx<'_, '_>, inner: &'static FieldType, entries: &[Entry<'_>], path: &str) -> Option<Value> {
    let mut lowered = Vec::with_capacity(entries.len());
    let mut complete = true;
    for e in entries {
        let name = format!("{path}.{}", shown(&e.key));
        if matches!(inner, FieldType::Text(_)) && secret_words::names_a_secret(&e.key) {
            cx.problems.hide(e.value.place);
            cx.problems
                .error(codes::INLINE_SECRET, e.key_place, format!("`{name}`: a secret is written here in the manifest, by the name of its key"))
                .help("take it out, change the secret where it is used, and put it under `secrets` by reference: `{env: NAME}`, `{file: PATH}` or `{secretKeyRef: {name: …, key: …}}`");
            complete = false;
            continue;
        }
        let long = e.key.is_empty() || e.key.chars().count() > KEY_MAX || format::control_character(&e.key).is_some();
        if long {
            cx.problems.error(
                codes::BAD_VALUE,
                e.key_place,
                format!("a key of `{path}` has 1 to {KEY_MAX} characters and no control character"),
            );
        }
        match entry(cx, inner, e, &name) {
            Some(value) if !long => lowered.push((Box::from(&*e.key), value)),
            _ => complete = false,
        }
    }
    lowered.sort();
    complete.then_some(Value::Map(lowered))
}

fn record(cx: &mut Cx<'_, '_>, fields: &'static [FieldDef], entries: &[Entry<'_>], place: Place, path: &str) -> Option<Value> {
    let mut lowered = Vec::with_capacity(entries.len());
    let mut complete = true;
    for e in entries {
        let Some(field) = fields.iter().find(|f| f.path == e.key) else {
            let known = fields.iter().map(|f| f.path);
            let help = did_you_mean(&e.key, known.clone(), &format!("its fields are {}", known.collect::<Vec<_>>().join(", ")));
            cx.problems.unknown_field(e, format!("`{path}` has no field `{}`", shown(&e.key))).help(help);
            complete = false;
            continue;
        };
        match entry(cx, &field.ty, e, &format!("{path}.{}", field.path)) {
            Some(value) => lowered.push((Box::from(field.path), value)),
            None => complete = false,
        }
    }
    for field in fields.iter().filter(|f| f.required && !entries.iter().any(|e| e.key == f.path)) {
        cx.problems
            .error(codes::MISSING_FIELD, place, format!("`{path}` needs `{}`", field.path))
            .help(format!("add `{}: …`: {}", field.path, field.doc));
        complete = false;
    }
    lowered.sort();
    complete.then_some(Value::Map(lowered))
}

/// What a field of organizations says, before selectors are worked out.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// By name.
    pub(crate) names: Vec<Name>,
    /// By label; empty: every organization.
    pub(crate) labels: Option<Vec<(Box<str>, Box<str>)>>,
}

/// Lowers `{names: […]}`, `{selector: {matchLabels: {…}}}`, or both.
pub(crate) fn organizations(cx: &mut Cx<'_, '_>, e: &Entry<'_>, path: &str) -> Option<Selection> {
    const FORM: &str = "write `{names: [acme]}`, `{selector: {matchLabels: {tier: gold}}}`, or both";
    let Data::Map(entries) = &e.value.data else {
        let text = format!("`{path}` must be {}, not {}", FieldType::Organizations, e.value.describe());
        cx.problems.error(codes::WRONG_TYPE, e.place(), text).help(FORM);
        return None;
    };
    let mut selection = Selection::default();
    let before = cx.problems.len();
    for inner in entries {
        match &*inner.key {
            "names" => {
                let texts = entry(cx, &FieldType::Set(&FieldType::Text(200)), inner, &format!("{path}.names"));
                for text in texts.iter().flat_map(|v| v.as_list().unwrap_or_default()).filter_map(Value::as_text) {
                    match Name::new(text) {
                        Ok(name) => selection.names.push(name),
                        Err(error) => {
                            cx.problems.error(codes::BAD_NAME, inner.place(), error.to_string());
                        }
                    }
                }
            }
            "selector" => selection.labels = selector(cx, inner, path),
            other => {
                let text = format!("`{path}` has no field `{}`", shown(other));
                cx.problems.unknown_field(inner, text).help(FORM);
            }
        }
    }
    if entries.is_empty() {
        cx.problems.error(codes::MISSING_FIELD, e.place(), format!("`{path}` says neither `names` nor `selector`")).help(FORM);
    }
    (cx.problems.len() == before).then_some(selection)
}

fn selector(cx: &mut Cx<'_, '_>, e: &Entry<'_>, path: &str) -> Option<Vec<(Box<str>, Box<str>)>> {
    const FORM: &str = "write `{matchLabels: {tier: gold}}`; `{matchLabels: {}}` picks every organization";
    let Data::Map(entries) = &e.value.data else {
        let text = format!("`{path}.selector` must be a map, not {}", e.value.describe());
        cx.problems.error(codes::WRONG_TYPE, e.place(), text).help(FORM);
        return None;
    };
    let mut labels = None;
    for inner in entries {
        if inner.key == "matchLabels" {
            let map = entry(cx, &FieldType::Map(&FieldType::Text(200)), inner, &format!("{path}.selector.matchLabels"))?;
            let Value::Map(pairs) = map else { return None };
            let text = |(k, v)| if let Value::Text(t) = v { Some((k, t)) } else { None };
            labels = Some(pairs.into_iter().filter_map(text).collect());
        } else {
            let text = format!("`{path}.selector` has no field `{}`", shown(&inner.key));
            cx.problems.unknown_field(inner, text).help(FORM);
        }
    }
    if labels.is_none() && entries.is_empty() {
        cx.problems.error(codes::MISSING_FIELD, e.place(), format!("`{path}.selector` has no `matchLabels`")).help(FORM);
    }
    labels
}
