//! The server beside a controller: does it run, may it be counted on, what does it count, how is each unit. For both faces.
//!
//! Comes in: an address and an [`Answers`], which is asked each time. Goes out: `/healthz`, `/readyz`, `/metrics`, `/status`. It only answers
//! `GET`, changes nothing, and asks nobody who they are: on loopback it answers only what was sent to this very machine (DNS rebinding), and
//! whoever gives it another address says who may reach that one.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::Controller;
use super::metrics::MEDIA_TYPE;

/// A loop that has not turned for so long hangs.
const HANGS: Duration = Duration::from_secs(60);

/// Whether the loops turn: the face's own, which `own` says when it turned last and `what` names, and the controller's. One that has not begun does not
/// hang.
///
/// # Errors
/// With what hangs.
pub fn turning(own: Option<Instant>, what: &str, controller: Option<&Controller>) -> Result<(), String> {
    if own.is_some_and(|at| at.elapsed() > HANGS) {
        return Err(format!("{what} hangs"));
    }
    let turned = controller.and_then(Controller::turned);
    if turned.is_some_and(|ago| ago > HANGS) { Err("the loop that looks at portals hangs".to_owned()) } else { Ok(()) }
}

/// What a face answers.
pub trait Answers: Send + Sync {
    /// Whether the loop turns; else what hangs.
    ///
    /// # Errors
    /// With what hangs.
    fn healthy(&self) -> Result<(), String>;

    /// Whether there is something declared to work on: `leading`, or `standing by`.
    ///
    /// # Errors
    /// With what is missing.
    fn ready(&self) -> Result<&'static str, String>;

    /// Metrics, as [`super::metrics::Metrics::text`] writes them.
    fn metrics(&self) -> String;

    /// How everything is, as JSON; `None`: this face shows it elsewhere.
    fn status(&self) -> Option<String>;
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Listens; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` ends.
    ///
    /// # Errors
    /// When it stops by itself.
    pub async fn run(self, answers: Arc<dyn Answers>, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        let routes = Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .route("/status", get(status))
            .with_state(answers)
            .layer(middleware::from_fn_with_state(self.address, door));
        axum::serve(self.listener, routes).with_graceful_shutdown(stop).await
    }
}

type Asked = State<Arc<dyn Answers>>;

async fn healthz(State(answers): Asked) -> Response {
    match answers.healthy() {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn readyz(State(answers): Asked) -> Response {
    match answers.ready() {
        Ok(how) => format!("{how}\n").into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn metrics(State(answers): Asked) -> Response {
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], answers.metrics()).into_response()
}

async fn status(State(answers): Asked) -> Response {
    match answers.status() {
        Some(json) => ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], json).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// On loopback: lets in what was sent to loopback, so that no page that another name leads to can read it.
async fn door(State(address): State<SocketAddr>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    if address.ip().is_loopback() && !names_loopback(host) {
        return (StatusCode::MISDIRECTED_REQUEST, format!("This server answers at {address} alone.\n")).into_response();
    }
    next.run(request).await
}

fn names_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).unwrap_or(name);
    name == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
