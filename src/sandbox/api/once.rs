//! Idempotency keys: a request that is repeated under the same key is answered as it was the first time, with no second effect.
//!
//! What was refused is not kept, so that it can be asked again. The answers are in memory; after a restart the directory itself still knows
//! which key made which object.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::problem::Problem;

/// An answer that can be given again.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Value>,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self.body {
            Some(body) => (self.status, self.headers, axum::Json(body)).into_response(),
            None => (self.status, self.headers).into_response(),
        }
    }
}

/// What was asked, so that another request under the same key is told from a repeated one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Print([u8; 32]);

impl Print {
    pub(super) fn of(method: &Method, path: &str, body: &Bytes) -> Self {
        let mut hash = Sha256::new();
        for part in [method.as_str().as_bytes(), path.as_bytes(), body] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// The answers that were given, by who asked and under which key.
#[derive(Default)]
pub(super) struct Given(HashMap<(String, String), (Print, Answer)>);

impl Given {
    /// The answer that was given already.
    pub(super) fn find(&self, caller: &str, key: &str, print: &Print) -> Result<Option<Answer>, Problem> {
        match self.0.get(&(caller.to_owned(), key.to_owned())) {
            None => Ok(None),
            Some((asked, answer)) if asked == print => Ok(Some(answer.clone())),
            Some(_) => Err(Problem::key_reused()),
        }
    }

    pub(super) fn keep(&mut self, caller: &str, key: &str, print: Print, answer: &Answer) {
        self.0.insert((caller.to_owned(), key.to_owned()), (print, answer.clone()));
    }
}
