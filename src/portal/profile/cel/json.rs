//! JSON as CEL sees it, and the values of CEL as JSON.
//!
//! Comes in: JSON that somebody else wrote, of any size up to what a response may have. Goes out: views that borrow it and copy nothing; a list
//! pays for its elements when an expression asks for it. Fractions are doubles, whole numbers are integers.

use std::collections::BTreeMap;

use cel::ExecutionError;
use cel::common::traits::{Container, Indexer, Sizer};
use cel::common::types::{self, CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt, Type};
use cel::common::value::{CowVal, Val};
use serde_json::{Map, Number, Value as Json};

use super::{Meter, Scope};

/// Variables that are JSON, over those of another scope.
pub struct JsonScope<'a> {
    /// Variables by name.
    pub values: BTreeMap<&'a str, &'a Json>,
    /// Where all others are.
    pub beyond: Option<&'a dyn Scope>,
}

impl<'a> JsonScope<'a> {
    /// Variables over nothing.
    pub fn new(values: impl IntoIterator<Item = (&'a str, &'a Json)>) -> Self {
        Self { values: values.into_iter().collect(), beyond: None }
    }

    /// The same over another scope.
    #[must_use]
    pub fn over(self, beyond: &'a dyn Scope) -> Self {
        Self { beyond: Some(beyond), ..self }
    }
}

impl Scope for JsonScope<'_> {
    fn variable<'v>(&'v self, name: &str, meter: &'v Meter) -> Option<Box<dyn Val + 'v>> {
        match self.values.get(name) {
            // A list that the budget cannot pay for is no variable: the expression then fails, and says that it takes too many steps.
            Some(json) => view(json, meter).ok(),
            None => self.beyond?.variable(name, meter),
        }
    }
}

/// What an object answers with when it is asked for itself: no API has a field of this name.
const ITSELF: &str = "@json";

#[derive(Debug, Clone, Copy)]
struct Object<'v> {
    map: &'v Map<String, Json>,
    meter: &'v Meter,
}

fn view<'v>(json: &'v Json, meter: &'v Meter) -> Result<Box<dyn Val + 'v>, ExecutionError> {
    Ok(match json {
        Json::Null => Box::new(CelNull),
        Json::Bool(truth) => Box::new(CelBool::from(*truth)),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Box::new(CelInt::from(whole)),
            None => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Json::String(text) => Box::new(CelString::from(text.as_str())),
        Json::Array(items) => {
            meter.charge(1 + items.len() as u64)?;
            let items = items.iter().map(|item| view(item, meter)).collect::<Result<Vec<_>, _>>()?;
            Box::new(CelList::from(items))
        }
        Json::Object(map) => Box::new(Object { map, meter }),
    })
}

/// A value of CEL as JSON; `None` for what JSON cannot say.
pub(super) fn to_json(value: &dyn Val) -> Option<Json> {
    if let Some(text) = value.downcast_ref::<CelString>() {
        return Some(Json::String(text.inner().to_owned()));
    }
    if let Some(truth) = value.downcast_ref::<CelBool>() {
        return Some(Json::Bool(*truth.inner()));
    }
    if let Some(whole) = value.downcast_ref::<CelInt>() {
        return Some(Json::from(*whole.inner()));
    }
    if let Some(whole) = value.downcast_ref::<CelUInt>() {
        return Some(Json::from(*whole.inner()));
    }
    if let Some(fraction) = value.downcast_ref::<CelDouble>() {
        return Number::from_f64(*fraction.inner()).map(Json::Number);
    }
    if value.downcast_ref::<CelNull>().is_some() {
        return Some(Json::Null);
    }
    if let Some(list) = value.downcast_ref::<CelList>() {
        return list.inner().iter().map(|item| to_json(item.as_ref())).collect::<Option<Vec<_>>>().map(Json::Array);
    }
    if let Some(map) = value.downcast_ref::<CelMap>() {
        let mut object = Map::new();
        for (key, value) in map.inner() {
            let CelMapKey::String(key) = key else { return None };
            object.insert(key.inner().to_owned(), to_json(value.as_ref())?);
        }
        return Some(Json::Object(object));
    }
    itself(value).and_then(|text| serde_json::from_str(&text).ok())
}

fn itself(value: &dyn Val) -> Option<String> {
    let found = value.as_indexer()?.get(&CelString::from(ITSELF)).ok()?;
    found.downcast_ref::<CelString>().map(|text| text.inner().to_owned())
}

impl Val for Object<'_> {
    fn get_type(&self) -> &Type {
        &types::MAP_TYPE
    }
    fn cel_type() -> &'static Type {
        &types::MAP_TYPE
    }
    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }
    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }
    fn equals(&self, other: &dyn Val) -> bool {
        to_json(other).is_some_and(|other| other.as_object() == Some(self.map))
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(*self)
    }
}

impl Indexer for Object<'_> {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let field = index
            .downcast_ref::<CelString>()
            .ok_or_else(|| ExecutionError::UnexpectedType { got: index.get_type().name().to_owned(), want: "string".to_owned() })?;
        if field.inner() == ITSELF {
            let text = serde_json::to_string(self.map).map_err(|e| ExecutionError::function_error("json", e.to_string()))?;
            return Ok(CowVal::owned(CelString::from(text)));
        }
        let found = self.map.get(field.inner()).ok_or_else(|| ExecutionError::no_such_key(field.inner()))?;
        view(found, self.meter).map(CowVal::Owned)
    }
    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(index).map(CowVal::into_owned)
    }
}

impl Container for Object<'_> {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(value.downcast_ref::<CelString>().is_some_and(|key| self.map.contains_key(key.inner())))
    }
}

impl Sizer for Object<'_> {
    fn size(&self) -> CelInt {
        i64::try_from(self.map.len()).unwrap_or(i64::MAX).into()
    }
}
