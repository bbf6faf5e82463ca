//! What steers a sandbox, with the operator's token alone: faults, counts of requests, the audit trail, tokens of tenants,
//! the outbox, invitations that are accepted, what somebody outside does.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::Api;
use super::problem::Problem;
use super::shape;
use crate::model::Fields;
use crate::portal::embedded::Mail;
use crate::portal::profile::plays::Event;
use crate::sandbox::Happened;
use crate::sandbox::faults::Plan;

type Answered = Result<Response, Problem>;

pub(super) fn routes(api: Api) -> Router {
    Router::new()
        .route("/sandbox/faults", get(faults).put(set_faults).delete(clear_faults))
        .route("/sandbox/requests", get(requests).delete(clear_requests))
        .route("/sandbox/audit", get(audit))
        .route("/sandbox/outbox", get(outbox))
        .route("/sandbox/tokens", get(tokens))
        .route("/sandbox/accept", post(accept))
        .route("/sandbox/events", get(events))
        .route("/sandbox/events/{name}", post(happens))
        .route("/sandbox/{*rest}", any(super::nowhere))
        .method_not_allowed_fallback(super::not_so)
        .with_state(api)
}

async fn faults(State(api): State<Api>, headers: HeaderMap) -> Answered {
    api.operator(&headers)?;
    Ok(Json(api.faults.report()).into_response())
}

async fn set_faults(State(api): State<Api>, headers: HeaderMap, body: Bytes) -> Answered {
    api.operator(&headers)?;
    let json: Value = serde_json::from_slice(&body).map_err(|e| Problem::malformed(format!("the body is no JSON: {e}")))?;
    let plan = Plan::from_json(json).map_err(Problem::malformed)?;
    api.faults.set(plan).map_err(Problem::malformed)?;
    Ok(Json(api.faults.report()).into_response())
}

async fn clear_faults(State(api): State<Api>, headers: HeaderMap) -> Answered {
    api.operator(&headers)?;
    api.faults.set(Plan::default()).map_err(Problem::malformed)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn requests(State(api): State<Api>, headers: HeaderMap) -> Answered {
    api.operator(&headers)?;
    Ok(Json(api.requests.report()).into_response())
}

async fn clear_requests(State(api): State<Api>, headers: HeaderMap) -> Answered {
    api.operator(&headers)?;
    api.requests.clear();
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn audit(State(api): State<Api>, headers: HeaderMap) -> Answered {
    let lines = api.world.audit(&api.operator(&headers)?).await?;
    let line = |l: &crate::portal::embedded::AuditLine| json!({ "at": l.at, "idempotencyKey": l.intent, "address": l.address, "action": l.action, "result": l.result });
    Ok(Json(json!({ "lines": lines.iter().map(line).collect::<Vec<_>>() })).into_response())
}

/// The mail that the portal would have sent, oldest first.
async fn outbox(State(api): State<Api>, headers: HeaderMap) -> Answered {
    let mail = api.world.outbox(&api.operator(&headers)?).await?;
    let one = |m: &Mail| json!({ "at": m.at, "user": m.user, "recipient": m.recipient, "subject": m.subject });
    Ok(Json(mail.iter().map(one).collect::<Vec<_>>()).into_response())
}

async fn tokens(State(api): State<Api>, headers: HeaderMap) -> Answered {
    let customers = api.world.customers(&api.operator(&headers)?).await?;
    let line = |c: &crate::sandbox::Customer| json!({ "tenant": c.id, "key": c.name, "token": api.world.access().tenant(&c.id) });
    Ok(Json(json!({ "tokens": customers.iter().map(line).collect::<Vec<_>>() })).into_response())
}

/// A person accepts their invitation: `{"user": ID}`.
async fn accept(State(api): State<Api>, headers: HeaderMap, body: Bytes) -> Answered {
    let operator = api.operator(&headers)?;
    let Some(Value::String(user)) = shape::object(&body)?.remove("user") else {
        return Err(Problem::malformed("name the `user` who accepts, by id"));
    };
    api.world.accept(&operator, &user).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn events(State(api): State<Api>, headers: HeaderMap) -> Answered {
    api.operator(&headers)?;
    let fields = |e: &Event<'_>| e.told.iter().map(|id| e.kind.def().field(*id).path).collect::<Vec<_>>();
    let line = |e: &Event<'_>| json!({ "name": e.name, "title": e.title, "fields": fields(e) });
    Ok(Json(json!({ "events": api.world.events().iter().map(line).collect::<Vec<_>>() })).into_response())
}

/// Somebody outside does something: `{"email": …}`, the fields that `GET /sandbox/events` names.
async fn happens(State(api): State<Api>, Path(name): Path<String>, headers: HeaderMap, body: Bytes) -> Answered {
    let operator = api.operator(&headers)?;
    let kind = api.world.events().into_iter().find(|e| e.name == name).map(|e| e.kind);
    let kind = kind.ok_or_else(|| Problem::not_found(format!("{} has no event `{name}`", api.world.profile().title)))?;
    let who =
        Fields::from_json(kind.def(), &Value::Object(shape::object(&body)?)).map_err(|errors| Problem::malformed(errors.join("; ")))?;
    let Happened { tenant, made } = api.world.happens(&operator, &name, who).await?;
    Ok(Json(json!({ "tenant": tenant, "made": made.iter().map(shape::shown_with_kind).collect::<Vec<_>>() })).into_response())
}
