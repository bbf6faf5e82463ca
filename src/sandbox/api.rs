//! The sandbox's own HTTP API, the same for every profile: tenants and what is in them, as JSON. It is nobody's vendor API, and says so in
//! `docs/sandbox.md`; a vendor's documented API stands beside it where there is one ([`super::wiv`]).
//!
//! Comes in: requests with a bearer token. Goes out: what the world answers, by page; refusals with the status that says what to do. Steers the
//! sandbox itself below `/sandbox/`: faults, counts, the audit trail. Keeps nothing of its own but counts, faults and given
//! answers.
//!
//! A tenant's token sees its own tenant alone; every other is not there for it (ITC-11).

mod objects;
mod once;
mod page;
mod problem;
mod requests;
mod shape;
mod steer;
mod write;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::routing::{any, get, post};
use tokio::sync::Mutex;

use self::once::Given;
use super::faults::Faults;
use super::{Caller, World, wiv};

pub(super) use problem::Problem;
pub use requests::Requests;

/// Where the API begins: its routes below say it, and whoever starts a sandbox is told it.
pub(super) const BASE: &str = "/api/v1";

/// The profile that has a documented API of its own here.
const WIV: &str = "wiv";

/// The HTTP API of one sandbox.
#[derive(Clone)]
pub struct Api {
    pub(super) world: Arc<World>,
    faults: Faults,
    requests: Requests,
    /// Writes take turns, so that nothing changes between an `If-Match` and its write.
    given: Arc<Mutex<Given>>,
}

impl Api {
    /// The API of a world, with the faults it begins with.
    pub fn new(world: Arc<World>, faults: Faults) -> Self {
        Self { world, faults, requests: Requests::default(), given: Arc::default() }
    }

    /// Everything that a sandbox serves: this API, the vendor's documented one, and these screens. Faults strike all of it, and all of it is
    /// counted.
    pub fn over(self, screens: Router) -> Router {
        let (faults, requests) = (self.faults.clone(), self.requests.clone());
        let mut routes = objects_routes(self.clone()).merge(steer::routes(self.clone()));
        if *self.world.profile().name == *WIV {
            routes = routes.merge(wiv::routes(self.clone()));
        }
        requests.over(faults.over(routes.merge(screens).fallback(no_page)))
    }

    /// Who asks.
    fn caller(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let header = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let token = header.and_then(|h| h.strip_prefix("Bearer "));
        token.and_then(|t| self.world.access().caller(t.trim())).ok_or_else(Problem::unauthenticated)
    }

    /// Who asks, where only the operator may.
    pub(super) fn operator(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        match self.caller(headers)? {
            Caller::Msp => Ok(Caller::Msp),
            Caller::Tenant(_) => Err(Problem::forbidden("the sandbox is steered with the operator's token alone")),
        }
    }
}

fn objects_routes(api: Api) -> Router {
    Router::new()
        .route("/api/v1/tenants", get(objects::tenants).post(objects::create_tenant))
        .route("/api/v1/tenants/{tenant}", get(objects::tenant).patch(objects::change_tenant).delete(objects::delete_tenant))
        .route("/api/v1/tenants/{tenant}/{collection}", get(objects::list).post(objects::create))
        .route("/api/v1/tenants/{tenant}/{collection}/{object}", get(objects::show).patch(objects::change).delete(objects::delete))
        .route("/api/v1/tenants/{tenant}/{collection}/{object}/resend", post(objects::resend))
        .route("/api/v1/{collection}", get(objects::everywhere))
        .route("/api/{*rest}", any(nowhere))
        .method_not_allowed_fallback(not_so)
        .with_state(api)
}

/// What is neither a page nor of the API.
async fn no_page() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "There is no such page. The screens begin at /screens, the API at /api/v1.\n")
}

async fn nowhere(uri: Uri) -> Problem {
    Problem::not_found(format!("this API has no {}", uri.path()))
}

async fn not_so(method: Method, uri: Uri) -> Problem {
    Problem::method(format!("{} takes no {method}", uri.path()))
}
