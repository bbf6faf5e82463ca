//! What a profile asks becomes a request: paths, queries, headers and bodies with their values filled in.
//!
//! Comes in: a compiled [`Ask`] and a scope. Goes out: a [`Request`]. No value leaves its place: what stands in a path is one segment of it or
//! part of one, never a way up, a query or another host.

use serde_json::Value as Json;

use super::transport::{Content as Sent, Request, segment};
use crate::portal::profile::cel::{EvalError, Scope};
use crate::portal::profile::http::compiled::{Ask, Content};

/// The request, its body included.
///
/// # Errors
/// When an expression has no value, or a value cannot stand in a path.
pub(super) fn request(ask: &Ask, scope: &dyn Scope) -> Result<Request, EvalError> {
    let mut request = Request::new(ask.method, path(ask, scope)?);
    for (name, value) in &ask.query {
        if let Some(value) = value.text(scope)? {
            request = request.query(name, value);
        }
    }
    for (name, value) in &ask.headers {
        if let Some(value) = value.text(scope)? {
            request = request.header(name, value);
        }
    }
    match &ask.content {
        Content::None => {}
        Content::Json(tree) => request = request.content(Sent::Json(tree.render(scope)?)),
        Content::Form(fields) => {
            let mut form = Vec::new();
            for (name, value) in fields {
                if let Some(value) = value.text(scope)? {
                    form.push((name.clone(), value));
                }
            }
            request = request.content(Sent::Form(form));
        }
    }
    Ok(request)
}

/// The path alone.
///
/// # Errors
/// As [`request`].
pub(super) fn path(ask: &Ask, scope: &dyn Scope) -> Result<String, EvalError> {
    ask.path.render_with(scope, |value| segment(value).map_err(|e| e.to_string()))
}

/// Whether an `ETag` names one version (RFC 9110, section 8.8.3). In `If-Match` a `*` means any, and several mean any of them: a write that is
/// meant for one would go over whatever is there.
pub(super) fn is_version(etag: &str) -> bool {
    let opaque = etag.strip_prefix("W/").unwrap_or(etag);
    match opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => !inner.contains('"'),
        // Some servers forget the quotes.
        None => !opaque.is_empty() && opaque != "*" && !opaque.contains(['"', ',', ' ']),
    }
}

/// What is sent, put over what is there: objects entry by entry, all else as a whole.
pub(super) fn put_over(there: &mut Json, sent: Json) {
    match (there, sent) {
        (Json::Object(there), Json::Object(sent)) => {
            for (key, value) in sent {
                put_over(there.entry(key).or_insert(Json::Null), value);
            }
        }
        (there, sent) => *there = sent,
    }
}
