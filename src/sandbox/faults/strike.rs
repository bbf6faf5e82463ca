//! The answers of faults: refusals, errors and cut connections.
//!
//! Comes in: what strikes, and the true answer where the effect has happened. Goes out: what the client gets.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::{Json, body};
use futures_util::stream;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use serde_json::json;

use super::plan::Told;

/// Bodies here are the sandbox's own: pages of a listing, or a screen.
pub(super) const LARGEST_BODY: usize = 16 * 1024 * 1024;
/// Long enough that what was sent before a cut has left the machine's buffers for the client.
const BEFORE_CUT: Duration = Duration::from_millis(20);

/// 429.
pub(super) fn rate_limit(seconds: u64, told: Told) -> Response {
    let mut headers = HeaderMap::new();
    let mut say = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    match told {
        Told::Seconds => say(header::RETRY_AFTER, seconds.to_string()),
        Told::Date => say(header::RETRY_AFTER, http_date(seconds)),
        Told::XRetryAfter => say(HeaderName::from_static("x-retry-after"), seconds.to_string()),
        Told::Nothing => {}
    }
    (StatusCode::TOO_MANY_REQUESTS, headers, message("rateLimit", "too many requests: come back later")).into_response()
}

/// 5xx; a gateway answers in HTML, as they do.
pub(super) fn error(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status == StatusCode::BAD_GATEWAY || status == StatusCode::GATEWAY_TIMEOUT {
        return (status, Html(format!("<html><body><h1>{status}</h1></body></html>"))).into_response();
    }
    (status, message("unavailable", "the server could not answer this request")).into_response()
}

/// 401.
pub(super) fn expired_token() -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\", error_description=\"the token has expired\"")];
    (StatusCode::UNAUTHORIZED, challenge, message("unauthenticated", "the token has expired")).into_response()
}

/// 200, and no answer to what was asked.
pub(super) fn html() -> Response {
    Html("<!DOCTYPE html><html><body><h1>Sign in</h1><form method=\"post\"></form></body></html>").into_response()
}

/// 202.
pub(super) fn queued() -> Response {
    (StatusCode::ACCEPTED, Json(json!({ "status": "queued" }))).into_response()
}

fn message(code: &str, text: &str) -> Json<serde_json::Value> {
    Json(json!({ "error": { "code": code, "message": text, "rule": null } }))
}

fn http_date(seconds: u64) -> String {
    let after = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    let then = Timestamp::now().saturating_add(after).unwrap_or(Timestamp::MAX);
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&then).unwrap_or_default()
}

/// No byte of an answer: a body that fails at once makes the server close the connection before it has sent the head.
pub(super) fn cut() -> Response {
    Response::new(Body::from_stream(stream::once(async { Err::<Bytes, _>(broken()) })))
}

/// The head and the first half of the body, then nothing.
pub(super) async fn cut_in_body(answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let Ok(bytes) = body::to_bytes(body, LARGEST_BODY).await else { return cut() };
    let half = bytes.slice(..bytes.len() / 2);
    // The length of the whole, so that the client knows what is missing.
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let end = async {
        tokio::time::sleep(BEFORE_CUT).await;
        Err(broken())
    };
    let stream = stream::StreamExt::chain(stream::once(async { Ok(half) }), stream::once(end));
    Response::from_parts(parts, Body::from_stream(stream))
}

fn broken() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the connection is cut, as a fault asks")
}
