//! What somebody outside does, played by hand: a guest who writes a ticket. The portal has no screen of it, and this page says so.
//!
//! Comes in: an event of the profile and who does it, from a form. Goes out: what the portal made of it, and in which customer.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::session::{Posted, Session};
use super::{fill, page};
use crate::model::Fields;
use crate::portal::profile::plays::Event;
use crate::sandbox::Happened;
use crate::sandbox::change::Refusal;
use crate::sandbox::names::title_of;
use crate::sandbox::sight::Sight;

/// Every event of the profile, each with its form.
pub(super) async fn show(session: Session) -> Response {
    let content = html! {
        p { "What people outside do, and no technician: the portal has no screen of it. The sandbox offers it so that what comes of it can be seen." }
        @for event in session.app.shared.world.events() { (form(&session, &event, None)) }
    };
    page::page(&session, HEADING, content).await
}

/// Somebody outside does something.
pub(super) async fn happens(Path(name): Path<String>, posted: Posted) -> Response {
    let session = &posted.session;
    let world = &session.app.shared.world;
    let Some(event) = world.events().into_iter().find(|e| e.name == name) else {
        return page::refusal(session, &Refusal::NotFound("nothing of that name happens here".to_owned())).await;
    };
    match done(&posted, &event).await {
        Ok(content) => page::page(session, event.title, content).await,
        Err(refusal) => {
            let mut response = page::page(session, HEADING, form(session, &event, Some(&refusal))).await;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            response
        }
    }
}

const HEADING: &str = "What people outside do";

async fn done(posted: &Posted, event: &Event<'_>) -> Result<Markup, Refusal> {
    let session = &posted.session;
    let mut who = Fields::new();
    for id in &event.told {
        let field = event.kind.def().field(*id);
        if let Some(text) = posted.get(field.path).map(str::trim).filter(|text| !text.is_empty()) {
            who.set(*id, fill::read(field.path, field, text)?);
        }
    }
    let world = &session.app.shared.world;
    let Happened { tenant, made } = world.happens(&session.caller, event.name, who).await?;
    let customer = Sight::of(world, &session.caller, &tenant).await?.title();
    Ok(html! {
        div.done role="status" {
            @if made.is_empty() { p { "They are in " strong { (customer) } " already: the portal made nothing." } }
            @for object in &made {
                p {
                    "The portal made the " (object.def().noun) " "
                    a href={ "/screens/object/" (object.def().slug) "/" (tenant) "/" (object.id) } { (title_of(object)) }
                    " in " strong { (customer) } "."
                }
            }
        }
        (form(session, event, None))
    })
}

fn form(session: &Session, event: &Event<'_>, no: Option<&Refusal>) -> Markup {
    html! {
        h2 { (event.title) }
        @if let Some(no) = no { (page::refused(no)) }
        form method="post" action={ "/screens/outside/" (event.name) } autocomplete="off" {
            input type="hidden" name="proof" value=(session.form_proof());
            @for field in event.told.iter().map(|id| event.kind.def().field(*id)) {
                label for=(field.path) { (field.path) }
                input id=(field.path) name=(field.path) type="text" size="40";
                span.note { " " (field.doc) }
            }
            p { button { "It happens" } }
        }
    }
}
