//! How often each path was asked for, so that a test can say "one call for each page of each collection, and nothing else".

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use serde_json::{Value, json};

use crate::sandbox::faults::OWN_PATHS;

/// Counts of requests by path and method. What a fault strikes is counted too: it was asked for.
#[derive(Clone, Default)]
pub struct Requests(Arc<Mutex<BTreeMap<(String, String), u64>>>);

impl Requests {
    /// Counts everything that a router is asked, but for what steers the sandbox itself.
    pub fn over(&self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(self.clone(), count))
    }

    /// The counts.
    pub fn report(&self) -> Value {
        let counts = self.counts();
        let total: u64 = counts.values().sum();
        let lines: Vec<Value> = counts.iter().map(|((path, method), n)| json!({ "method": method, "path": path, "count": n })).collect();
        json!({ "total": total, "requests": lines })
    }

    /// Counts from zero again.
    pub fn clear(&self) {
        self.counts().clear();
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<(String, String), u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn count(State(requests): State<Requests>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !path.starts_with(OWN_PATHS) {
        *requests.counts().entry((path.to_owned(), request.method().to_string())).or_default() += 1;
    }
    next.run(request).await
}
