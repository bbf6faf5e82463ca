//! A document as a tree with places: what lowering reads. It borrows from the text, and is dropped as soon as its document is lowered.

use std::borrow::Cow;

use super::problem::Place;

/// One node of a document.
#[derive(Debug, Clone)]
pub(crate) struct Node<'t> {
    pub(crate) data: Data<'t>,
    pub(crate) place: Place,
}

/// What a node is, by the core schema of YAML 1.2.
#[derive(Debug, Clone)]
pub(crate) enum Data<'t> {
    Null,
    Bool(bool),
    Integer(i64),
    /// A fraction, an infinity, or a whole number beyond 64 bits.
    Number,
    Text(Cow<'t, str>),
    List(Vec<Node<'t>>),
    Map(Vec<Entry<'t>>),
    /// An alias that leads nowhere; reported already.
    Broken,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'t> {
    pub(crate) key: Cow<'t, str>,
    pub(crate) key_place: Place,
    pub(crate) value: Node<'t>,
}

impl<'t> Node<'t> {
    /// The text, if it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(t) => Some(t),
            _ => None,
        }
    }

    /// The entries, if it is a map.
    pub(crate) fn as_map(&self) -> Option<&[Entry<'t>]> {
        match &self.data {
            Data::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key, if this is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry<'t>> {
        self.as_map()?.iter().find(|e| e.key == key)
    }

    /// What it is, in words.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.data {
            Data::Null => "nothing",
            Data::Bool(_) => "true or false",
            Data::Integer(_) => "a whole number",
            Data::Number => "a number",
            Data::Text(_) => "a text",
            Data::List(_) => "a list",
            Data::Map(_) => "a map",
            Data::Broken => "a broken alias",
        }
    }

    /// What an alias of it costs: its nodes, and long texts as more of them.
    pub(crate) fn weight(&self) -> usize {
        1 + match &self.data {
            Data::Null | Data::Bool(_) | Data::Integer(_) | Data::Number | Data::Broken => 0,
            Data::Text(t) => t.len() / 64,
            Data::List(items) => items.iter().map(Self::weight).sum(),
            Data::Map(entries) => entries.iter().map(|e| e.key.len() / 64 + e.value.weight()).sum(),
        }
    }
}

impl Entry<'_> {
    /// Where a problem with the value is shown: at a scalar, else at its key, because a map has no place of its own that helps.
    pub(crate) fn place(&self) -> Place {
        match self.value.data {
            Data::Null | Data::List(_) | Data::Map(_) => self.key_place,
            Data::Bool(_) | Data::Integer(_) | Data::Number | Data::Text(_) | Data::Broken => self.value.place,
        }
    }
}

/// What a plain scalar is, by the core schema of YAML 1.2 (section 10.3.2).
pub(crate) fn resolve_plain(text: Cow<'_, str>) -> Data<'_> {
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => return Data::Null,
        "true" | "True" | "TRUE" => return Data::Bool(true),
        "false" | "False" | "FALSE" => return Data::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" | ".nan" | ".NaN" | ".NAN" => {
            return Data::Number;
        }
        _ => {}
    }
    match number(&text) {
        Some(data) => data,
        None => Data::Text(text),
    }
}

fn number(text: &str) -> Option<Data<'static>> {
    let first = text.bytes().next()?;
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
        return None;
    }
    let radix = |digits: &str, radix| {
        let fits = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        fits.then(|| i64::from_str_radix(digits, radix).map_or(Data::Number, Data::Integer))
    };
    if let Some(octal) = text.strip_prefix("0o") {
        return radix(octal, 8);
    }
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        return radix(hexadecimal, 16);
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Some(text.parse().map_or(Data::Number, Data::Integer));
    }
    // A whole number may be written with a fraction: readers of JSON make no difference between 5.0 and 5.
    is_float(digits).then(|| whole(text).map_or(Data::Number, Data::Integer))
}

/// The whole number that is written as a fraction, such as `5.0`, if it is one that a fraction can hold.
fn whole(text: &str) -> Option<i64> {
    let value: f64 = text.parse().ok()?;
    #[allow(clippy::cast_possible_truncation)] // It is whole, and within bounds.
    (value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_991.0).then_some(value as i64)
}

/// `[0-9]* (\. [0-9]*)? ([eE] [-+]? [0-9]+)?` with a digit before the exponent.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent.is_none_or(|e| !e.is_empty() && digits(e))
}
