//! Pages of a listing: `?limit=&cursor=`, with the total, where the next page begins, and the same as a `Link` header (RFC 8288).
//!
//! A cursor names the last object that was shown, not a number of objects, so that what is made or deleted between two pages moves no other.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::problem::Problem;
use super::shape;
use crate::model::LiveObject;
use crate::model::live::normalise_key;

/// Objects on a page where nobody asks for a number: few, as a portal's default is.
const USUAL: usize = 50;
/// Objects on a page at most.
const MOST: usize = 200;

/// What is asked of a listing.
pub(super) struct Asked {
    limit: usize,
    cursor: Option<String>,
    key: Option<Box<str>>,
}

impl Asked {
    /// What a query asks.
    pub(super) fn of(uri: &Uri) -> Result<Self, Problem> {
        let mut asked = Self { limit: USUAL, cursor: None, key: None };
        for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            match &*name {
                "limit" => match value.parse::<usize>() {
                    Ok(limit) if limit > 0 => asked.limit = limit.min(MOST),
                    _ => return Err(Problem::malformed("`limit` must be a whole number above 0")),
                },
                "cursor" => asked.cursor = Some(unwrapped(&value)?),
                "key" => asked.key = Some(normalise_key(&value)),
                other => return Err(Problem::malformed(format!("a listing has no parameter `{other}`"))),
            }
        }
        Ok(asked)
    }

    /// The page of these objects, each with its tenant's id.
    pub(super) fn page(self, path: &str, mut objects: Vec<(Box<str>, LiveObject)>) -> Response {
        objects.retain(|(_, o)| self.key.as_ref().is_none_or(|key| o.key == *key));
        // Ids are made in the order of time.
        objects.sort_by(|(_, a), (_, b)| a.id.cmp(&b.id));
        let total = objects.len();
        let after = self.cursor.as_deref().map_or(0, |last| objects.partition_point(|(_, o)| &*o.id <= last));
        let page: Vec<_> = objects.iter().skip(after).take(self.limit).collect();
        let more = after + page.len() < total;
        let next = page.last().filter(|_| more).map(|(_, o)| wrapped(&o.id));
        let items: Vec<_> = page.iter().map(|(tenant, o)| shape::shown_in(tenant, o)).collect();
        let link = next.as_ref().and_then(|cursor| self.link(path, cursor));
        let headers: HeaderMap = link.into_iter().map(|link| (header::LINK, link)).collect();
        (headers, Json(json!({ "items": items, "total": total, "next": next }))).into_response()
    }

    fn link(&self, path: &str, cursor: &str) -> Option<HeaderValue> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &self.limit.to_string()).append_pair("cursor", cursor);
        if let Some(key) = &self.key {
            query.append_pair("key", key);
        }
        HeaderValue::from_str(&format!("<{path}?{}>; rel=\"next\"", query.finish())).ok()
    }
}

/// A cursor does not look like an id, so that nobody makes one up.
fn wrapped(id: &str) -> String {
    id.bytes().map(|b| format!("{b:02x}")).collect()
}

fn unwrapped(cursor: &str) -> Result<String, Problem> {
    let wrong = || Problem::malformed("`cursor` is none that this listing gave out");
    let digits: Vec<u8> =
        cursor.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>().ok_or_else(wrong)?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(wrong());
    }
    String::from_utf8(pairs.iter().map(|[high, low]| high * 16 + low).collect()).map_err(|_| wrong())
}
