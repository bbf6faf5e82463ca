//! The portal's screens as HTML: the vendor's own menu on every page, its tables, its forms, its labels, and nothing that its profile does not
//! document. Where no page documents an action, a page of the sandbox's own says so and offers it, so that a rehearsal can go on.
//!
//! Comes in: requests of a browser. Goes out: pages. Everything that is done goes through [`World::perform`](super::World::perform).
//!
//! Reading order: [`flow`] (ways through the screens), `session` (who is there), `place` (tables and buttons), `form` (fields), `fill` (what was
//! typed becomes a change), `act` (what comes of it), `object` (what is read off), `aside` and `outside` (what the
//! sandbox adds).

mod act;
mod aside;
mod fill;
mod flow;
mod form;
mod object;
mod outside;
mod page;
mod place;
mod session;
mod table;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::server::Shared;
use session::{Drafts, Session, cookie_name};

/// What the screens have at hand.
#[derive(Clone)]
pub(super) struct App {
    shared: Shared,
    drafts: Drafts,
}

/// The routes of the screens.
pub(super) fn routes(shared: Shared) -> Router {
    Router::new()
        .route("/", get(enter))
        .route("/screens", get(place::home))
        .route("/screens/place/{place}", get(place::show))
        .route("/screens/do", post(act::submit))
        .route("/screens/draft/{id}", get(act::draft))
        .route("/screens/object/{kind}/{tenant}/{id}", get(object::show))
        .route("/screens/settings/{kind}/{tenant}/{id}", get(aside::settings).post(aside::set))
        .route("/screens/customers", get(aside::customers).post(aside::choose))
        .route("/screens/outbox", get(aside::outbox).post(aside::accept))
        .route("/screens/outside", get(outside::show))
        .route("/screens/outside/{event}", post(outside::happens))
        .with_state(App { shared, drafts: Drafts::default() })
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
}

/// The way in: a token in the address becomes a cookie, so that it stands in no further address.
async fn enter(State(app): State<App>, Query(asked): Query<Token>, session: Result<Session, Response>) -> Response {
    let Some(token) = asked.token else {
        return session.map_or_else(|sign_in| sign_in, |_| Redirect::to("/screens").into_response());
    };
    if app.shared.world.access().caller(&token).is_none() {
        return page::sign_in(&app, Some("This token opens nothing here."));
    }
    let mut response = Redirect::to("/screens").into_response();
    set_cookie(&mut response, &cookie_name("token", &app), &token);
    // Whoever comes in anew has chosen no customer yet.
    set_cookie(&mut response, &cookie_name("customer", &app), "");
    response
}

fn set_cookie(response: &mut Response, name: &str, value: &str) {
    if let Ok(cookie) = HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict")) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
