//! Faults on request: a layer over the whole sandbox, API and screens alike, that answers as networks and portals do on a bad day.
//!
//! Comes in: a [`Plan`] and every request. Goes out: the request's true answer, or what a fault makes of it, and a count of every fault that
//! struck. It never invents an object: what a fault shows was true at some moment, or is cut short.
//!
//! Requests below `/sandbox/`, which steer the sandbox itself, are never struck.

mod book;
mod lag;
mod listing;
mod plan;
mod queue;
mod strike;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{self, Body};
use axum::extract::{Request, State};
use axum::http::{Method, header, request};
use axum::middleware::{self, Next};
use axum::response::Response;
use serde_json::Value;

use self::book::{Book, Hit};
use self::lag::Lag;
use self::listing::Page;
use self::queue::Until;

pub use plan::{CutAt, Fault, On, Plan, Random, Told, What, When};

/// Where a sandbox is steered: no fault strikes there.
pub const OWN_PATHS: &str = "/sandbox/";

/// The faults of one server.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Book>>);

impl Faults {
    /// Takes a plan in place of the one there is, with all counts at zero.
    ///
    /// # Errors
    /// When a path of it is no pattern.
    pub fn set(&self, plan: Plan) -> Result<(), String> {
        self.book().arm(plan)
    }

    /// Every fault with how many requests it matched and how many it struck.
    pub fn report(&self) -> Value {
        self.book().report()
    }

    /// Puts the faults over everything that a router serves.
    pub fn over(&self, router: Router) -> Router {
        // Around the router as a whole, and not around each of its routes: a fault may ask for more than the request does.
        Router::new().fallback_service(router).layer(middleware::from_fn_with_state(self.clone(), pass))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn pass(State(faults): State<Faults>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with(OWN_PATHS) {
        return next.run(request).await;
    }
    let due = faults.book().queue.due();
    for (request, next) in due {
        drop(next.run(request).await);
    }
    let hits = faults.book().strike(request.method().as_str(), request.uri().path());
    let mut other = None;
    for hit in hits {
        match hit.what {
            What::Latency { millis } => {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                faults.book().count(&hit);
            }
            _ => other = Some(hit),
        }
    }
    match other {
        Some(hit) => struck(&faults, hit, request, next).await,
        None => faults.shown(request, next, None).await,
    }
}

/// The answer to a request that a fault strikes.
async fn struck(faults: &Faults, hit: Hit, request: Request, next: Next) -> Response {
    let count = || faults.book().count(&hit);
    match hit.what {
        What::RateLimit { seconds, told } => {
            count();
            strike::rate_limit(seconds, told)
        }
        What::ExpiredToken => {
            count();
            strike::expired_token()
        }
        What::Html => {
            count();
            strike::html()
        }
        What::Error { status, when } => {
            if when == When::After {
                drop(next.run(request).await);
            }
            count();
            strike::error(status)
        }
        What::Cut { at } => {
            let answer = if at == CutAt::Before { None } else { Some(next.run(request).await) };
            count();
            match answer {
                Some(answer) if at == CutAt::Body => strike::cut_in_body(answer).await,
                _ => strike::cut(),
            }
        }
        What::Queued { millis, requests } if is_write(request.method()) => {
            count();
            let (parts, body) = request.into_parts();
            let Ok(bytes) = body::to_bytes(body, strike::LARGEST_BODY).await else { return strike::error(500) };
            faults.book().queue.push(Until::after(millis, requests), Request::from_parts(parts, Body::from(bytes)), next);
            strike::queued()
        }
        What::Lag { millis, requests } if is_write(request.method()) => {
            faults.lagging(&hit, || Until::after(millis, requests), request, next).await
        }
        // Only writes lag or wait; delays were waited for.
        What::Queued { .. } | What::Lag { .. } | What::Latency { .. } => faults.shown(request, next, None).await,
        What::ShortPage | What::RepeatedPage | What::ShrinkingList => faults.shown(request, next, Some(&hit)).await,
    }
}

fn is_write(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

impl Faults {
    /// The true answer; a page of a listing as it was before what lags, and as a fault has it.
    async fn shown(&self, request: Request, next: Next, hit: Option<&Hit>) -> Response {
        let looks = request.method() == Method::GET && (hit.is_some() || self.book().watches_listings());
        let path = looks.then(|| request.uri().path().to_owned());
        let answer = next.run(request).await;
        let Some(path) = path.filter(|_| answer.status().is_success() && is_json(&answer)) else { return answer };
        let (mut parts, body) = answer.into_parts();
        let Ok(bytes) = body::to_bytes(body, strike::LARGEST_BODY).await else { return strike::error(500) };
        let Some(mut page) = Page::read(&bytes) else { return Response::from_parts(parts, Body::from(bytes)) };
        let mut book = self.book();
        let mut changed = book.lags.take_back(&path, &mut page);
        let before = book.pages.insert(path, page.items().to_vec());
        if let Some(hit) = hit
            && spoil(&mut page, &hit.what, before)
        {
            book.count(hit);
            changed = true;
        }
        drop(book);
        if !changed {
            return Response::from_parts(parts, Body::from(bytes));
        }
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::ETAG);
        Response::from_parts(parts, Body::from(page.into_bytes()))
    }

    /// Does a write that listings will not show for a while.
    async fn lagging(&self, hit: &Hit, until: impl FnOnce() -> Until, request: Request, next: Next) -> Response {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let (parts, body) = request.into_parts();
        let before = if method == Method::POST { None } else { object_at(&parts, &path, next.clone()).await };
        let answer = next.run(Request::from_parts(parts, body)).await;
        if !answer.status().is_success() {
            return answer;
        }
        let (parts, body) = answer.into_parts();
        let Ok(bytes) = body::to_bytes(body, strike::LARGEST_BODY).await else { return strike::error(500) };
        let place = match method {
            Method::POST => listing::created_id(&bytes).map(|id| (path, id)),
            _ => path.rsplit_once('/').map(|(listing, id)| (listing.to_owned(), id.to_owned())),
        };
        if let Some((listing, id)) = place {
            let mut book = self.book();
            book.lags.push(Lag { listing, id, before, deleted: method == Method::DELETE, until: until() });
            book.count(hit);
        }
        Response::from_parts(parts, Body::from(bytes))
    }
}

/// The object that a write is about to change, as its caller sees it.
async fn object_at(write: &request::Parts, path: &str, next: Next) -> Option<Value> {
    let mut headers = write.headers.clone();
    for name in [header::CONTENT_LENGTH, header::CONTENT_TYPE, header::TRANSFER_ENCODING, header::IF_MATCH] {
        headers.remove(name);
    }
    let mut read = Request::builder().method(Method::GET).uri(path).body(Body::empty()).ok()?;
    *read.headers_mut() = headers;
    let answer = next.run(read).await;
    let bytes = body::to_bytes(answer.into_body(), strike::LARGEST_BODY).await.ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn is_json(answer: &Response) -> bool {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    kind.is_some_and(|k| k.starts_with("application/json"))
}

/// Makes of a page what a fault says; true if that is something else than it was.
fn spoil(page: &mut Page, what: &What, before: Option<Vec<Value>>) -> bool {
    let items = page.items().to_vec();
    match (what, before) {
        (What::ShortPage, _) if !items.is_empty() => {
            let half = items.len() / 2;
            page.set(items.into_iter().take(half).collect());
        }
        (What::RepeatedPage, Some(before)) if before != items => page.set(before),
        (What::ShrinkingList, _) if !items.is_empty() => {
            page.set(items.into_iter().skip(1).collect());
            page.add_to_total(-1);
        }
        _ => return false,
    }
    true
}
