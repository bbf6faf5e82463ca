//! The documented part of Wiv.ai's public API, over the world that is played. Written from the vendor's pages and not from the profile `wiv`, so
//! that it checks the profile.
//!
//! Documented: the headers `X-API-Key` and `X-Wiv-Impersonated-Tenant-Id`; `POST` and `GET /msp/customers`, its `fields=` and the names
//! `customer_id`, `customer_name`, `users_number`, `num_of_integrations`, `integration_types`, `integrations`; `POST
//! /onboarding/aws/cloudformation-link`; `POST /msp/customers/{customer_id}/integrations`; the errors 400 `Invalid fields requested` and 401
//! `Authentication required`. Nothing else is there: every other path and method is 404.
//!
//! Inferred, for no page shows it: that the list of customers stands under `data`, and what it has without `fields`; what an element of
//! `integrations` looks like; the answer to a new integration; the status 200 of creations; the texts of all other errors; 403 for a key whose
//! user does not have the role MSP-Admin (WIV-1). This server was never compared with Wiv itself.
//!
//! Comes in: requests with a key. Goes out: what the world has, in Wiv's words. The operator's token is the first key; others are given out, and
//! all expire, on request (`/sandbox/wiv/keys`).

mod customers;
mod keys;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use self::keys::Keys;
use super::Refusal;
use super::api::Api;

/// The API of one sandbox.
#[derive(Clone)]
struct Wiv {
    api: Api,
    keys: Keys,
    links: Links,
}

/// The external ids that were handed out, by customer, each with what its link was asked for. One that was handed out for another customer opens
/// nothing.
#[derive(Clone, Default)]
struct Links(Arc<Mutex<HashMap<String, BTreeMap<String, Asked>>>>);

/// What a link was asked for: an account type and the type of its cost report.
type Asked = [String; 2];

impl Links {
    fn hand_out(&self, customer: &str, asked: Asked) -> String {
        let id = uuid::Uuid::now_v7().to_string();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(customer.to_owned()).or_default().insert(id.clone(), asked);
        id
    }

    fn of(&self, customer: &str, id: &str) -> Option<Asked> {
        let links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        links.get(customer)?.get(id).cloned()
    }
}

/// The routes of the API, and of its keys.
pub(super) fn routes(api: Api) -> Router {
    let wiv = Wiv { api, keys: Keys::default(), links: Links::default() };
    let msp = Router::new()
        .route("/customers", get(customers::list).post(customers::create))
        .route("/customers/{customer}/integrations", post(customers::create_integration));
    let onboarding = Router::new().route("/aws/cloudformation-link", post(customers::cloudformation_link));
    Router::new()
        .nest("/msp", msp.fallback(undocumented).method_not_allowed_fallback(undocumented))
        .nest("/onboarding", onboarding.fallback(undocumented).method_not_allowed_fallback(undocumented))
        .route("/sandbox/wiv/keys", post(keys::give_out).delete(keys::expire))
        .with_state(wiv)
}

async fn undocumented() -> Problem {
    Problem(StatusCode::NOT_FOUND, "Not found".to_owned())
}

/// Why something is not done: `{"error": TEXT}`.
#[derive(Debug)]
struct Problem(StatusCode, String);

impl Problem {
    fn bad(text: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, text.into())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::Rule { .. } | Refusal::Invalid(_) | Refusal::Taken(_) => StatusCode::BAD_REQUEST,
            Refusal::NotFound(_) => StatusCode::NOT_FOUND,
            Refusal::Forbidden(_) => StatusCode::FORBIDDEN,
            Refusal::Storage(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, refusal.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl Wiv {
    /// Lets in who manages customers.
    fn admin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let key = headers.get("x-api-key").and_then(|v| v.to_str().ok());
        let role = key.and_then(|key| self.keys.role(key, self.api.world.access()));
        match role.as_deref() {
            Some(keys::MSP_ADMIN) => Ok(()),
            Some(_) => Err(Problem(StatusCode::FORBIDDEN, format!("Only a user with the role {} manages customers", keys::MSP_ADMIN))),
            None => Err(Problem(StatusCode::UNAUTHORIZED, "Authentication required".to_owned())),
        }
    }
}

/// The texts of a body that has these and nothing else.
fn texts<const N: usize>(body: &Map<String, Value>, names: [&str; N], others: &[&str]) -> Result<[String; N], Problem> {
    if let Some(unknown) = body.keys().find(|k| !names.contains(&k.as_str()) && !others.contains(&k.as_str())) {
        return Err(Problem::bad(format!("Unknown field {unknown}")));
    }
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
    if let Some(missing) = names.iter().find(|name| text(name).is_none()) {
        return Err(Problem::bad(format!("Missing field {missing}")));
    }
    Ok(names.map(|name| text(name).unwrap_or_default()))
}
