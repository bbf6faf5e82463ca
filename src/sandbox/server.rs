//! HTTP on loopback. Comes in: a world and an address to listen on. Goes out: the routes of the screens and the API, behind one door that looks
//! at where a request was sent. Never listens to another machine, and answers no page that another name leads to (DNS rebinding).

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;

use super::access::Caller;
use super::api::{Api, BASE};
use super::change::Refusal;
use super::faults::Faults;
use super::screens;
use super::world::World;

/// What every request has at hand.
#[derive(Clone)]
pub struct Shared {
    /// The portal that is played.
    pub world: Arc<World>,
    /// Where it is played.
    pub address: SocketAddr,
}

/// A sandbox that listens.
pub struct Server {
    listener: TcpListener,
    shared: Shared,
    faults: Faults,
}

/// Why a sandbox cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is not this machine's own.
    #[error("a sandbox listens on this machine alone, and {0} can be reached from others: use 127.0.0.1 or [::1]")]
    NotLoopback(SocketAddr),
    /// The address cannot be used.
    #[error("cannot listen on {address}: {error}; give another address with --listen, or leave it out and take a port that is free")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// It stopped by itself.
    #[error("the server stopped: {0}")]
    Stopped(std::io::Error),
}

/// Where a sandbox is, and how to come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// The screens, for a browser; the token is in it.
    pub screens: String,
    /// The base of the HTTP API: what stands before `/tenants`.
    pub api: String,
    /// The operator's token.
    pub operator: String,
    /// Each tenant's name and token.
    pub tenants: Vec<(String, String)>,
}

impl Server {
    /// Listens on a loopback address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address is another machine's to reach, or cannot be had.
    pub async fn bind(world: Arc<World>, address: SocketAddr) -> Result<Self, ServerError> {
        if !address.ip().is_loopback() {
            return Err(ServerError::NotLoopback(address));
        }
        let listen = |error| ServerError::Listen { address, error };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self { listener, shared: Shared { world, address }, faults: Faults::default() })
    }

    /// With faults from the first request on.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// Where it is, and how to come in.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn addresses(&self) -> Result<Addresses, Refusal> {
        let Shared { world, address } = &self.shared;
        let operator = world.access().operator();
        let tenants = world.customers(&Caller::Msp).await?;
        Ok(Addresses {
            screens: format!("http://{address}/?token={operator}"),
            api: format!("http://{address}{BASE}"),
            tenants: tenants.into_iter().map(|c| (c.name.to_string(), world.access().tenant(&c.id))).collect(),
            operator,
        })
    }

    /// Answers requests until `stop` ends; those under way are finished.
    ///
    /// # Errors
    /// When it stops by itself.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), ServerError> {
        let routes = routes(self.shared, self.faults);
        axum::serve(self.listener, routes).with_graceful_shutdown(stop).await.map_err(ServerError::Stopped)
    }
}

fn routes(shared: Shared, faults: Faults) -> Router {
    let api = Api::new(Arc::clone(&shared.world), faults);
    api.over(screens::routes(shared.clone())).layer(middleware::from_fn_with_state(shared, door))
}

/// Lets in what was sent to this very address, and says what browsers may do with the answer.
async fn door(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let port = shared.address.port();
    if host != shared.address.to_string() && host != format!("localhost:{port}") {
        let say = format!("This sandbox answers at {} alone.\n", shared.address);
        return (StatusCode::MISDIRECTED_REQUEST, say).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // Pages run nothing and load nothing but what is in them.
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
