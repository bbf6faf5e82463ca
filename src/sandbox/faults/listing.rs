//! A page of a listing, as JSON: `items` (or `data`), and `total` where the API has it.
//!
//! Comes in: a response body. Goes out: the same with items changed. What is no listing stays as it is.

use serde_json::Value;

/// A page.
pub(super) struct Page {
    body: Value,
    under: &'static str,
}

/// The id of an object, by whatever name an API gives it.
pub(super) fn id_of(object: &Value) -> Option<&str> {
    ["id", "customer_id"].iter().find_map(|name| object.get(name)?.as_str())
}

/// The id in the answer to a creation.
pub(super) fn created_id(bytes: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(bytes).ok()?;
    id_of(&body).or_else(|| id_of(body.get("data")?)).map(str::to_owned)
}

impl Page {
    /// The page in a body, if it is one.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(bytes).ok()?;
        let under = ["items", "data"].into_iter().find(|name| body.get(name).is_some_and(Value::is_array))?;
        Some(Self { body, under })
    }

    pub(super) fn items(&self) -> &[Value] {
        self.body.get(self.under).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(super) fn set(&mut self, items: Vec<Value>) {
        if let Some(slot) = self.body.get_mut(self.under) {
            *slot = Value::Array(items);
        }
    }

    /// True where no page follows.
    pub(super) fn is_last(&self) -> bool {
        self.body.get("next").is_none_or(Value::is_null)
    }

    /// Says that there are so many more in all, or fewer.
    pub(super) fn add_to_total(&mut self, more: i64) {
        if let Some(total) = self.body.get_mut("total")
            && let Some(count) = total.as_i64()
        {
            *total = (count + more).max(0).into();
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.body.to_string().into_bytes()
    }
}
