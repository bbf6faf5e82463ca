//! What every page has: the vendor's own menu, the customer's name at the top, and the pieces that pages are made of.
//!
//! Everything that somebody typed is escaped where it is written. A page loads nothing and runs nothing.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, html};

use super::App;
use super::flow::Gesture;
use super::session::Session;
use crate::sandbox::access::Caller;
use crate::sandbox::change::Refusal;
use crate::sandbox::sight::Sight;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0;display:grid;grid-template-columns:15rem 1fr;min-height:100vh}\
nav{background:#f1f3f5;padding:1rem}nav ul{list-style:none;padding:0;margin:0 0 1.5rem}nav li{margin:.2rem 0}main{padding:1rem 2rem;max-width:70rem}\
header{border-bottom:1px solid #ccc;margin-bottom:1rem;padding-bottom:.5rem}table{border-collapse:collapse;width:100%}\
th,td{border-bottom:1px solid #ddd;padding:.4rem .6rem;text-align:left;vertical-align:top}label{display:block;margin-top:.6rem}\
form.inline{display:inline-block;margin:0 .4rem .2rem 0}.refused{color:#b00020;border:1px solid #b00020;padding:.5rem 1rem}\
.done{border:1px solid #2b8a3e;padding:.5rem 1rem}.note{color:#555}dt{font-weight:600}";

/// A page inside the portal.
pub(super) async fn page(session: &Session, heading: &str, content: Markup) -> Response {
    let customer = customer(session).await;
    framed(session, heading, &customer, content)
}

/// The same, about a customer that was opened on the way.
pub(super) fn framed(session: &Session, heading: &str, customer: &str, content: Markup) -> Response {
    let profile = session.app.shared.world.profile();
    let places = profile.menu().iter().enumerate();
    let body = html! {
        nav {
            p { a href="/screens" { (profile.title) } }
            @if let Some(domain) = &session.app.shared.world.account().domain { p.note { (domain) } }
            ul { @for (at, place) in places { li { a href={ "/screens/place/" (at) } { (place.path.join(" › ")) } } } }
            p.note { "Sandbox" }
            ul {
                li { a href="/screens/customers" { "Customer selector" } }
                @if session.caller == Caller::Msp {
                    li { a href="/screens/outbox" { "Outbox" } }
                    @if !session.app.shared.world.events().is_empty() { li { a href="/screens/outside" { "What people outside do" } } }
                }
            }
        }
        main {
            header { span.note { "Customer: " } strong #customer { (customer) } }
            h1 { (heading) }
            (content)
        }
    };
    Html(document(heading, &body)).into_response()
}

/// What people call the customer that the screens are set to.
async fn customer(session: &Session) -> String {
    let tenant = session.tenant();
    let sight = Sight::of(&session.app.shared.world, &session.caller, &tenant).await;
    sight.map_or_else(|_| "none".to_owned(), |s| s.title())
}

fn document(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; meta name="viewport" content="width=device-width"; title { (title) } style { (STYLE) } }
            body { (body) }
        }
    };
    page.into_string()
}

/// Asks for a token.
pub(super) fn sign_in(app: &App, wrong: Option<&str>) -> Response {
    let body = html! {
        main {
            h1 { "Sign in to " (app.shared.world.profile().title) }
            @if let Some(wrong) = wrong { p.refused { (wrong) } }
            form method="get" action="/" {
                label for="token" { "Token" }
                input id="token" name="token" type="password" autocomplete="off" required;
                button { "Sign in" }
            }
            p.note { "This is a sandbox. Its tokens are printed where it was started." }
        }
    };
    (StatusCode::UNAUTHORIZED, Html(document("Sign in", &body))).into_response()
}

/// The portal's no, in its own words.
pub(super) fn refused(refusal: &Refusal) -> Markup {
    html! { p.refused role="alert" { (refusal.to_string()) } }
}

/// A page that is nothing but a refusal.
pub(super) async fn refusal(session: &Session, refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::NotFound(_) => StatusCode::NOT_FOUND,
        Refusal::Forbidden(_) => StatusCode::FORBIDDEN,
        Refusal::Rule { .. } | Refusal::Invalid(_) | Refusal::Taken(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::Storage(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut response = page(session, "Not done", refused(refusal)).await;
    *response.status_mut() = status;
    response
}

/// A button that leads on.
pub(super) fn leads(label: &str, place: usize, gestures: &[Gesture], next: &Gesture) -> Markup {
    html! {
        form.inline method="get" action={ "/screens/place/" (place) } {
            @for gesture in gestures.iter().chain([next]) { input type="hidden" name="at" value=(gesture); }
            button { (label) }
        }
    }
}

/// What a form that changes something carries beside its fields.
pub(super) fn carried(session: &Session, flow: &str, place: usize, gestures: &[Gesture]) -> Markup {
    html! {
        input type="hidden" name="proof" value=(session.form_proof());
        input type="hidden" name="flow" value=(flow);
        input type="hidden" name="place" value=(place);
        @for gesture in gestures { input type="hidden" name="at" value=(gesture); }
    }
}

/// Links to the pages of a list; nothing where there is one.
pub(super) fn pager(path: &str, pairs: &[(String, String)], current: usize, pages: usize) -> Markup {
    let to = |page: usize| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs).append_pair("page", &page.to_string());
        format!("{path}?{}", query.finish())
    };
    html! {
        @if pages > 1 {
            p {
                "Page " (current) " of " (pages) " "
                @if current > 1 { a href=(to(current - 1)) { "Previous page" } " " }
                @if current < pages { a href=(to(current + 1)) { "Next page" } }
            }
        }
    }
}
