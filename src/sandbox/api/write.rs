//! How a write goes: one at a time, answered again under the same idempotency key, refused where the object is another than was read, then done
//! by the world.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::Api;
use super::once::{Answer, Print};
use super::problem::Problem;
use super::shape;
use crate::model::{IntentAction, LiveObject};
use crate::sandbox::{Caller, Change, Performed};

/// The header of idempotency keys.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A request that writes.
pub(super) struct Asked {
    method: Method,
    path: String,
    headers: HeaderMap,
    pub(super) body: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Asked {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (method, path, headers) = (request.method().clone(), request.uri().path().to_owned(), request.headers().clone());
        let body = Bytes::from_request(request, state).await.map_err(|e| Problem::malformed(e.to_string()))?;
        Ok(Self { method, path, headers, body })
    }
}

impl Api {
    /// Who sent a request that writes.
    pub(super) fn writer(&self, asked: &Asked) -> Result<Caller, Problem> {
        self.caller(&asked.headers)
    }

    /// Does a write.
    pub(super) async fn write(&self, caller: &Caller, asked: &Asked, mut change: Change) -> Result<Response, Problem> {
        let text = |name| asked.headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
        let who = match caller {
            Caller::Msp => String::new(),
            Caller::Tenant(id) => format!("{id}/"),
        };
        let print = Print::of(&asked.method, &asked.path, &asked.body);
        let mut given = self.given.lock().await;
        if let Some(key) = text(IDEMPOTENCY_KEY) {
            if let Some(answer) = given.find(&who, key, &print)? {
                return Ok(answer.into_response());
            }
            change.intent = Some(format!("{who}{key}").into());
        }
        if let Some(tags) = text(header::IF_MATCH.as_str()) {
            self.is_still(caller, &change, tags).await?;
        }
        let action = change.action;
        let answer = answer(action, &asked.path, &self.world.perform(caller, change).await?);
        if let Some(key) = text(IDEMPOTENCY_KEY) {
            given.keep(&who, key, print, &answer);
        }
        Ok(answer.into_response())
    }

    /// Refuses a write to an object that is another than was read.
    async fn is_still(&self, caller: &Caller, change: &Change, tags: &str) -> Result<(), Problem> {
        let Some(id) = &change.object else { return Err(Problem::malformed("`If-Match` has no meaning for what is not there yet")) };
        let tag = shape::etag(&shape::shown(&self.object(caller, &change.tenant, change.kind, id).await?));
        let same = tags.split(',').any(|t| t.trim() == tag || t.trim() == "*");
        if same { Ok(()) } else { Err(Problem::changed_meanwhile()) }
    }
}

fn answer(action: IntentAction, path: &str, done: &Performed) -> Answer {
    let mut headers = HeaderMap::new();
    let Some(object) = &done.object else { return Answer { status: StatusCode::NO_CONTENT, headers, body: None } };
    let mut body = shape::shown(object);
    if let Ok(tag) = HeaderValue::from_str(&shape::etag(&body)) {
        headers.insert(header::ETAG, tag);
    }
    let created = action == IntentAction::Create;
    if let (true, Ok(place)) = (created, HeaderValue::from_str(&format!("{path}/{}", object.id))) {
        headers.insert(header::LOCATION, place);
    }
    let objects = |objects: &[LiveObject]| Value::Array(objects.iter().map(shape::shown_with_kind).collect());
    let warnings: Vec<Value> = done.warnings.iter().map(|w| json!({ "rule": w.rule, "message": w.message })).collect();
    for (name, value) in [("with", objects(&done.with)), ("beside", objects(&done.beside)), ("warnings", Value::Array(warnings))] {
        if let (Some(body), false) = (body.as_object_mut(), value.as_array().is_none_or(Vec::is_empty)) {
            body.insert(name.to_owned(), value);
        }
    }
    Answer { status: if created { StatusCode::CREATED } else { StatusCode::OK }, headers, body: Some(body) }
}
