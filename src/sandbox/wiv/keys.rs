//! API keys: whose they are, and that they expire.
//!
//! A key is a user's. The operator's token is the key of a user with the role MSP-Admin until keys expire. `POST /sandbox/wiv/keys {"role"}`
//! gives out a key of a user with another role; `DELETE` lets every key that there is expire, the operator's included.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::Wiv;
use crate::sandbox::api::Problem;
use crate::sandbox::{Access, Caller};

/// The role that manages customers (WIV-1).
pub(super) const MSP_ADMIN: &str = "MSP-Admin";

/// The keys of one sandbox, in memory: a sandbox that starts again has none but the operator's.
#[derive(Clone, Default)]
pub(super) struct Keys(Arc<Mutex<Given>>);

#[derive(Default)]
struct Given {
    /// The role of each key's user.
    roles: HashMap<String, String>,
    /// True: the operator's token is no key any more.
    operators_expired: bool,
}

impl Keys {
    /// The role of a key's user; `None`: no key, or one that has expired.
    pub(super) fn role(&self, key: &str, access: &Access) -> Option<String> {
        let given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let operators = || !given.operators_expired && access.caller(key) == Some(Caller::Msp);
        given.roles.get(key).cloned().or_else(|| operators().then(|| MSP_ADMIN.to_owned()))
    }
}

/// `POST /sandbox/wiv/keys`.
pub(super) async fn give_out(State(wiv): State<Wiv>, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    wiv.api.operator(&headers)?;
    let asked: Value = serde_json::from_slice(&body).map_err(|e| Problem::malformed(format!("the body is no JSON: {e}")))?;
    let Some(role) = asked.get("role").and_then(Value::as_str) else { return Err(Problem::malformed("name the `role` of the key's user")) };
    let key = format!("wiv-{}", uuid::Uuid::now_v7());
    wiv.keys.0.lock().unwrap_or_else(PoisonError::into_inner).roles.insert(key.clone(), role.to_owned());
    Ok((StatusCode::CREATED, Json(json!({ "key": key, "role": role }))).into_response())
}

/// `DELETE /sandbox/wiv/keys`.
pub(super) async fn expire(State(wiv): State<Wiv>, headers: HeaderMap) -> Result<Response, Problem> {
    wiv.api.operator(&headers)?;
    *wiv.keys.0.lock().unwrap_or_else(PoisonError::into_inner) = Given { roles: HashMap::new(), operators_expired: true };
    Ok(StatusCode::NO_CONTENT.into_response())
}
