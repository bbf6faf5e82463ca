//! What is answered where something is not done: `{"error": {"code", "message", "rule"}}`, with the status that says what to do about it.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::sandbox::Refusal;

/// Why something is not done.
#[derive(Debug)]
pub(in crate::sandbox) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    rule: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), rule: None }
    }

    /// The request is no request of this API: 400.
    pub(in crate::sandbox) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    /// Nobody knows who asks: 401.
    pub(super) fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "send a token that this sandbox gave out, as `Authorization: Bearer TOKEN`")
    }

    /// The caller may not: 403.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// There is no such thing, for this caller: 404.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "notFound", message)
    }

    /// The path is there, and this is not done to it: 405.
    pub(super) fn method(message: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", message)
    }

    /// The object is not the one that was read: 412.
    pub(super) fn changed_meanwhile() -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "changedMeanwhile", "the object has changed since its ETag was given out: read it again")
    }

    /// An idempotency key was used for something else: 422.
    pub(super) fn key_reused() -> Self {
        let message = "this Idempotency-Key was used for another request: use a new one";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotencyKeyReused", message)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Rule { rule, message } => Self { rule: Some(rule), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "rule", message) },
            Refusal::Invalid(message) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message),
            Refusal::Taken(message) => Self::new(StatusCode::CONFLICT, "taken", message),
            Refusal::NotFound(message) => Self::not_found(message),
            Refusal::Forbidden(message) => Self::forbidden(message),
            Refusal::Storage(message) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "storage", message),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, code, message, rule } = self;
        let mut answer = (status, Json(json!({ "error": { "code": code, "message": message, "rule": rule } }))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        answer
    }
}
