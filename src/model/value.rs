//! Field values: what manifests declare, portals show and plans compare. All three in one form, so that equality means equality.

use serde_json::{Map, Number};

use super::kind::{FieldId, KindDef};
use super::secret::SecretRef;

/// The value of one field. Sets are lists kept sorted without duplicates; see [`super::kind::FieldType::normalise`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(Box<str>),
    /// A list, or a set kept sorted.
    List(Vec<Value>),
    /// A map, sorted by key without duplicates.
    Map(Vec<(Box<str>, Value)>),
    /// A reference to a secret; the secret itself is never a value.
    Secret(Box<SecretRef>),
}

impl Value {
    /// A text value.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(text.as_ref().into())
    }

    /// A list of texts, in the order given.
    pub fn texts<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(items.into_iter().map(Self::text).collect())
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(t) => Some(t),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(l) => Some(l),
            _ => None,
        }
    }

    /// True for `Bool(true)`.
    pub fn is_true(&self) -> bool {
        *self == Self::Bool(true)
    }

    /// True for `false`, an empty text, list or map: what a portal may leave out.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Bool(b) => !b,
            Self::Text(t) => t.is_empty(),
            Self::List(l) => l.is_empty(),
            Self::Map(m) => m.is_empty(),
            Self::Integer(_) | Self::Secret(_) => false,
        }
    }

    /// Every secret reference within.
    pub fn secrets(&self) -> Vec<&SecretRef> {
        match self {
            Self::Secret(s) => vec![s],
            Self::List(l) => l.iter().flat_map(Self::secrets).collect(),
            Self::Map(m) => m.iter().flat_map(|(_, v)| v.secrets()).collect(),
            Self::Bool(_) | Self::Integer(_) | Self::Text(_) => Vec::new(),
        }
    }

    /// The JSON form, secrets as their references.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Bool(b) => serde_json::Value::Bool(*b),
            Self::Integer(i) => serde_json::Value::Number(Number::from(*i)),
            Self::Text(t) => serde_json::Value::String(t.to_string()),
            Self::List(l) => serde_json::Value::Array(l.iter().map(Self::to_json).collect()),
            Self::Map(m) => serde_json::Value::Object(m.iter().map(|(k, v)| (k.to_string(), v.to_json())).collect::<Map<_, _>>()),
            Self::Secret(s) => s.to_json(),
        }
    }

    /// A value from JSON; `null` and fractions have none. Secrets stay what they are in JSON: only
    /// [`super::kind::FieldType::normalise`] knows where a reference to a secret may stand.
    pub fn from_json(json: &serde_json::Value) -> Option<Self> {
        Some(match json {
            serde_json::Value::Null => return None,
            serde_json::Value::Bool(b) => Self::Bool(*b),
            serde_json::Value::Number(n) => Self::Integer(n.as_i64()?),
            serde_json::Value::String(s) => Self::text(s),
            serde_json::Value::Array(a) => Self::List(a.iter().filter_map(Self::from_json).collect()),
            serde_json::Value::Object(o) => {
                let mut map: Vec<_> = o.iter().filter_map(|(k, v)| Some((k.as_str().into(), Self::from_json(v)?))).collect();
                map.sort();
                Self::Map(map)
            }
        })
    }
}

/// The fields of a resource or a live object, sorted by field. A field that is absent is not managed (desired) or not shown (live).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Fields(Vec<(FieldId, Value)>);

impl Fields {
    /// No fields.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Sets a field; the value must be normalised already.
    pub fn set(&mut self, field: FieldId, value: Value) {
        match self.0.binary_search_by_key(&field, |(id, _)| *id) {
            Ok(at) => {
                if let Some(slot) = self.0.get_mut(at) {
                    slot.1 = value;
                }
            }
            Err(at) => self.0.insert(at, (field, value)),
        }
    }

    /// The value of a field.
    pub fn get(&self, field: FieldId) -> Option<&Value> {
        let at = self.0.binary_search_by_key(&field, |(id, _)| *id).ok()?;
        self.0.get(at).map(|(_, v)| v)
    }

    /// Takes a field out.
    pub fn remove(&mut self, field: FieldId) -> Option<Value> {
        let at = self.0.binary_search_by_key(&field, |(id, _)| *id).ok()?;
        Some(self.0.remove(at).1)
    }

    /// All fields, by field id.
    pub fn iter(&self) -> impl Iterator<Item = (FieldId, &Value)> {
        self.0.iter().map(|(id, v)| (*id, v))
    }

    /// How many fields are set.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when no field is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives back spare memory; called once a resource is complete, because fleets hold a million of them.
    pub fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    /// The JSON form with dotted paths nested: `contact.phone` becomes `{"contact":{"phone":…}}`.
    pub fn to_json(&self, def: &KindDef) -> serde_json::Value {
        let mut root = Map::new();
        for (id, value) in self.iter() {
            insert_path(&mut root, def.field(id).path, value.to_json());
        }
        serde_json::Value::Object(root)
    }

    /// Reads the JSON form that [`Fields::to_json`] writes; unknown paths and values of a wrong type are returned as errors.
    ///
    /// # Errors
    /// With one text for each path that the kind does not have or whose value does not fit.
    pub fn from_json(def: &'static KindDef, json: &serde_json::Value) -> Result<Self, Vec<String>> {
        let mut fields = Self::new();
        let mut errors = Vec::new();
        let empty = Map::new();
        let object = json.as_object().unwrap_or(&empty);
        for (id, field) in def.fields() {
            if let Some(found) = lookup_path(object, field.path) {
                match Value::from_json(found).and_then(|v| field.ty.normalise(v)) {
                    Some(value) => fields.set(id, value),
                    None => errors.push(format!("{}.{}: {} does not fit {}", def.name, field.path, found, field.ty)),
                }
            }
        }
        unknown_paths(def, object, "", &mut errors);
        if errors.is_empty() { Ok(fields) } else { Err(errors) }
    }
}

fn insert_path(map: &mut Map<String, serde_json::Value>, path: &str, value: serde_json::Value) {
    match path.split_once('.') {
        None => {
            map.insert(path.to_owned(), value);
        }
        Some((head, rest)) => {
            let entry = map.entry(head.to_owned()).or_insert_with(|| serde_json::Value::Object(Map::new()));
            if let serde_json::Value::Object(inner) = entry {
                insert_path(inner, rest, value);
            }
        }
    }
}

fn lookup_path<'a>(map: &'a Map<String, serde_json::Value>, path: &str) -> Option<&'a serde_json::Value> {
    match path.split_once('.') {
        None => map.get(path).filter(|v| !v.is_null()),
        Some((head, rest)) => lookup_path(map.get(head)?.as_object()?, rest),
    }
}

fn unknown_paths(def: &KindDef, map: &Map<String, serde_json::Value>, prefix: &str, errors: &mut Vec<String>) {
    for (key, value) in map {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        if def.field_named(&path).is_some() {
            continue;
        }
        let below = format!("{path}.");
        match value.as_object() {
            Some(inner) if def.fields().any(|(_, f)| f.path.starts_with(&below)) => unknown_paths(def, inner, &path, errors),
            _ => errors.push(format!("{} has no field `{path}`", def.name)),
        }
    }
}

/// A span of time such as `30s`, `10m` or `1h30m`: hours, minutes and seconds in this order, at most 999 hours and never nothing.
pub fn duration(text: &str) -> Option<std::time::Duration> {
    let mut rest = text;
    let mut seconds = 0_u64;
    for (unit, each) in [('h', 3600), ('m', 60), ('s', 1)] {
        let Some((number, after)) = rest.split_once(unit) else { continue };
        if number.is_empty() || number.len() > 7 || !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        seconds += number.parse::<u64>().ok()? * each;
        rest = after;
    }
    let fine = rest.is_empty() && (1..=999 * 3600).contains(&seconds);
    fine.then(|| std::time::Duration::from_secs(seconds))
}
