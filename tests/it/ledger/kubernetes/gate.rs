//! A gate before the API server: some requests of one client wait there until they are let through.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::extract::Request;
use axum::http::{HeaderValue, Method, header};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use tokio::sync::Semaphore;

/// Which requests wait.
pub(super) type Held = fn(&Method, &str) -> bool;

/// See the module.
pub(super) struct Gate {
    held: Held,
    came: Semaphore,
    open: Semaphore,
    /// By how much the API server's clock is ahead, in seconds.
    ahead: AtomicI64,
}

impl Gate {
    pub(super) fn new(held: Held) -> Arc<Self> {
        Arc::new(Self { held, came: Semaphore::new(0), open: Semaphore::new(0), ahead: AtomicI64::new(0) })
    }

    /// A client whose requests go through here.
    pub(super) fn client(self: &Arc<Self>, behind: &Client) -> Client {
        let (this, behind) = (Arc::clone(self), behind.clone());
        let pass = move |request: Request| {
            let (this, behind) = (Arc::clone(&this), behind.clone());
            async move { this.pass(request, &behind).await }
        };
        Client::new(axum::Router::new().fallback(pass), "default")
    }

    async fn pass(&self, request: Request, behind: &Client) -> Response {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        if (self.held)(&parts.method, &parts.uri.to_string()) {
            self.came.add_permits(1);
            self.open.acquire().await.unwrap().forget();
        }
        let answer = behind.send(Request::from_parts(parts, kube::client::Body::from(body.to_vec()))).await.unwrap();
        let mut answer = answer.map(axum::body::Body::new);
        let ahead = SignedDuration::from_secs(self.ahead.load(Ordering::SeqCst));
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&(Timestamp::now() + ahead)).unwrap();
        answer.headers_mut().insert(header::DATE, HeaderValue::from_str(&date).unwrap());
        answer
    }

    /// Waits until a request waits.
    pub(super) async fn came(&self) {
        self.came.acquire().await.unwrap().forget();
    }

    /// Lets one request through.
    pub(super) fn let_through(&self) {
        self.open.add_permits(1);
    }

    /// The API server's clock goes on by so much.
    pub(super) fn later(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::SeqCst);
    }
}
