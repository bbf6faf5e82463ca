//! The webhook's server. Comes in: what API servers post to `/validate`. Goes out: an answer, soon. How much is taken in at once, how long a body
//! is, and how long anything takes are bounded: an API server waits for the answer, and a person waits for the API server.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::Admission;
use super::review::{Asked, answer};
use super::tls::Connections;

/// An object of etcd has at most 1.5 MB, and a review two of them, with what JSON adds.
const LARGEST: usize = 6 << 20;
/// Reviews at the same time: a slow portal keeps those of others out only where there are so many.
const AT_ONCE: usize = 32;
/// Of these, how many are read at the same time: at their largest they still fit beside the operator.
const READ_AT_ONCE: usize = 8;
/// When we answer with what is known by then, where nobody says how long they wait: 5 s is what is recommended to API servers.
const DEADLINE: Duration = Duration::from_secs(3);
/// How long a request may wait for others, and its body may take to come.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct Desk {
    admission: Arc<Admission>,
    places: Arc<Semaphore>,
    readers: Arc<Semaphore>,
}

/// Answers until `stop` ends.
pub(super) async fn serve(
    connections: Connections,
    admission: Arc<Admission>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let desk = Desk { admission, places: Arc::new(Semaphore::new(AT_ONCE)), readers: Arc::new(Semaphore::new(READ_AT_ONCE)) };
    let routes = Router::new().route("/validate", post(validate)).with_state(desk);
    axum::serve(connections, routes).with_graceful_shutdown(stop).await
}

async fn validate(State(desk): State<Desk>, request: Request) -> Response {
    let begun = Instant::now();
    let Ok(Ok(_place)) = tokio::time::timeout(PATIENCE, desk.places.acquire()).await else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "too many reviews at once");
    };
    let (head, body) = request.into_parts();
    let media = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if media.split(';').next().unwrap_or_default().trim() != "application/json" {
        return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "an AdmissionReview is application/json");
    }
    let asked = match tokio::time::timeout(PATIENCE, read(&desk.readers, body)).await {
        Ok(Ok(asked)) => asked,
        Ok(Err(refused)) => return refused,
        Err(_) => return refused(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
    };
    let warnings = match &asked.change {
        Some(change) => desk.admission.warnings(change, begun + deadline(&head.uri)).await,
        None => Vec::new(),
    };
    axum::Json(answer(&asked.uid, warnings)).into_response()
}

async fn read(readers: &Semaphore, body: Body) -> Result<Asked, Response> {
    let _place = readers.acquire().await;
    let bytes = axum::body::to_bytes(body, LARGEST)
        .await
        .map_err(|_| refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large, or broke off"))?;
    Asked::read(&bytes).map_err(|why| refused(StatusCode::BAD_REQUEST, &why))
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, format!("{why}\n")).into_response()
}

/// API servers say how long they wait: `?timeout=5s`. We leave them time to hear us.
fn deadline(uri: &Uri) -> Duration {
    let said = uri.query().and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("timeout=")));
    let waits = said.and_then(crate::model::value::duration);
    waits.map_or(DEADLINE, |waits| (waits * 3 / 5).min(DEADLINE))
}
