//! Fields as they stand in the file: one flat JSON object, keyed by field path, so that it outlives a change of the tables.
//!
//! Reading is by far the most frequent thing done here: it goes from text to [`Fields`] with no tree in between.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::model::{FieldId, Fields, KindDef, Value};

/// The text of fields.
pub(super) fn encode(def: &KindDef, fields: &Fields) -> String {
    let entries = fields.iter().map(|(id, value)| (def.field(id).path.to_owned(), value.to_json()));
    serde_json::Value::Object(entries.collect()).to_string()
}

/// The fields of a text. What the tables no longer have is left out.
pub(super) fn decode(def: &'static KindDef, text: &str) -> Result<Fields, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut fields = FieldsSeed(def).deserialize(&mut reader)?;
    reader.end()?;
    fields.shrink();
    Ok(fields)
}

struct FieldsSeed(&'static KindDef);

impl<'de> DeserializeSeed<'de> for FieldsSeed {
    type Value = Fields;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Fields, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FieldsSeed {
    type Value = Fields;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of fields")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::new();
        while let Some(id) = map.next_key_seed(PathSeed(self.0))? {
            match id {
                Some(id) => fields.set(id, map.next_value_seed(ValueSeed)?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(fields)
    }
}

struct PathSeed(&'static KindDef);

impl<'de> DeserializeSeed<'de> for PathSeed {
    type Value = Option<FieldId>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for PathSeed {
    type Value = Option<FieldId>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field path")
    }
    fn visit_str<E>(self, path: &str) -> Result<Self::Value, E> {
        Ok(self.0.field_named(path).map(|(id, _)| id))
    }
}

struct ValueSeed;

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's value")
    }
    fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
        Ok(Value::Bool(b))
    }
    fn visit_i64<E>(self, i: i64) -> Result<Value, E> {
        Ok(Value::Integer(i))
    }
    fn visit_u64<E: serde::de::Error>(self, i: u64) -> Result<Value, E> {
        i64::try_from(i).map(Value::Integer).map_err(E::custom)
    }
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::text(text))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Self)? {
            items.push(item);
        }
        Ok(Value::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(Box<str>, Value)> = Vec::new();
        while let Some(key) = map.next_key::<Box<str>>()? {
            entries.push((key, map.next_value_seed(Self)?));
        }
        entries.sort();
        Ok(Value::Map(entries))
    }
}
