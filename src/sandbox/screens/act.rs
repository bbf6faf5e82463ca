//! A form was sent: the wizard goes on, or the portal does what was asked and says what came of it.
//!
//! Comes in: a posted form. Goes out: a redirect to the draft, whose page shows the next form or the outcome, so that loading a page again does
//! nothing again. A refusal is shown in the form, in the portal's own words, with what was typed.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;
use secrecy::SecretString;

use super::fill::{change, row_of};
use super::flow::{Flow, Gesture, flows};
use super::form::form;
use super::object::{all_items, customer_before, details, evidence_of, read_off};
use super::page;
use super::place::past;
use super::session::{Done, Draft, Posted, Session};
use crate::model::{FieldSupport, IntentAction, Kind, LiveObject};
use crate::portal::profile::technician::{Input, Verb};
use crate::sandbox::change::{Change, Performed, Refusal};
use crate::sandbox::names::title_of;
use crate::sandbox::sight::Sight;

/// A form, or a button that needs none.
pub(super) async fn submit(posted: Posted) -> Response {
    let session = &posted.session;
    let profile = std::sync::Arc::clone(session.app.shared.world.profile());
    let all = flows(&profile);
    let kept = posted.get("draft").and_then(|id| Some((id.to_owned(), session.app.drafts.get(id, &session.token)?)));
    let (id, mut draft) = match kept {
        Some((id, draft)) => (Some(id), draft),
        None => (None, begun(&posted)),
    };
    let Some(flow) = all.iter().find(|f| f.id() == draft.flow && f.follows(&draft.gestures)) else {
        return page::refusal(session, &Refusal::NotFound("there is no such form".to_owned())).await;
    };
    let shown = flow.form(draft.next);
    for (at, setting) in shown.fields {
        let text = posted.get(&format!("v{at}")).unwrap_or_default();
        match setting.input {
            Input::Secret if text.is_empty() => {}
            Input::Secret => drop(draft.secrets.insert(at, SecretString::from(text.to_owned()))),
            Input::Tick => drop(draft.typed.insert(at, (text == "true").to_string())),
            Input::Fill | Input::Choose => drop(draft.typed.insert(at, text.to_owned())),
        }
    }
    let more = flow.steps.iter().skip(shown.next).any(|s| matches!(s.verb, Verb::Set(_) | Verb::Press { .. }));
    if more {
        draft.next = shown.next;
    } else {
        match finish(session, flow, &draft).await {
            Ok(done) => draft.done = Some(done),
            Err(refusal) => return again(session, flow, draft, id, &refusal).await,
        }
    }
    let id = session.app.drafts.keep(id.as_deref(), draft);
    Redirect::to(&format!("/screens/draft/{id}")).into_response()
}

fn begun(posted: &Posted) -> Draft {
    let gestures: Vec<_> = posted.all("at").filter_map(Gesture::parse).collect();
    Draft {
        token: posted.session.token.clone(),
        flow: posted.get("flow").unwrap_or_default().to_owned(),
        place: posted.get("place").and_then(|p| p.parse().ok()).unwrap_or_default(),
        next: gestures.len(),
        gestures,
        ..Draft::default()
    }
}

/// The form once more, with the portal's no.
async fn again(session: &Session, flow: &Flow<'_>, draft: Draft, id: Option<String>, refusal: &Refusal) -> Response {
    if flow.form(draft.next).fields.is_empty() {
        return page::refusal(session, refusal).await;
    }
    match form(session, flow, &draft, id.as_deref(), Some(refusal)).await {
        Ok(content) => {
            let mut response = on_the_way(session, &draft, content).await;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            response
        }
        Err(refusal) => page::refusal(session, &refusal).await,
    }
}

/// A page of a flow, under the name of the customer that was opened on the way.
async fn on_the_way(session: &Session, draft: &Draft, content: maud::Markup) -> Response {
    let heading = draft.gestures.iter().rev().find_map(|g| match g {
        Gesture::Press(label) => Some(label.clone()),
        Gesture::Row { entry, .. } => entry.clone(),
    });
    let heading = heading.unwrap_or_default();
    if let Some((_, id)) = row_of(&draft.gestures, Kind::Organization)
        && let Ok(sight) = Sight::of(&session.app.shared.world, &session.caller, id).await
    {
        return page::framed(session, &heading, &sight.title(), content);
    }
    page::page(session, &heading, content).await
}

/// Where a draft is: its next form, or what came of it.
pub(super) async fn draft(session: Session, Path(id): Path<String>) -> Response {
    let Some(draft) = session.app.drafts.get(&id, &session.token) else {
        let gone = Refusal::NotFound("what was begun here is forgotten: begin again from the menu".to_owned());
        return page::refusal(&session, &gone).await;
    };
    if let Some(done) = &draft.done {
        return outcome(&session, done).await;
    }
    let profile = std::sync::Arc::clone(session.app.shared.world.profile());
    let all = flows(&profile);
    let Some(flow) = all.iter().find(|f| f.id() == draft.flow) else {
        return page::refusal(&session, &Refusal::NotFound("there is no such form".to_owned())).await;
    };
    match form(&session, flow, &draft, Some(&id), None).await {
        Ok(content) => on_the_way(&session, &draft, content).await,
        Err(refusal) => page::refusal(&session, &refusal).await,
    }
}

/// Does what a flow is for.
async fn finish(session: &Session, flow: &Flow<'_>, draft: &Draft) -> Result<Done, Refusal> {
    let asked = change(session, flow, draft).await?;
    // What is deleted is read off before it goes.
    let before = match asked.action {
        IntentAction::Delete => evidence(session, flow, &asked.tenant, asked.object.as_deref(), &asked).await?,
        IntentAction::Create | IntentAction::Update | IntentAction::Resend => Vec::new(),
    };
    let customer = customer_as_it_was(session, &asked).await?;
    let (performed, tenant) = perform(session, asked.clone()).await?;
    let object = performed.object.as_ref();
    let mut evidence = match object {
        Some(object) => evidence(session, flow, &tenant, Some(&object.id), &asked).await?,
        None => before,
    };
    evidence.extend(customer);
    Ok(Done { evidence, ..done(&asked, &performed, &tenant) })
}

/// What the customer is called before a change is made to what is there; nothing for something new, which asks for the name as it is then.
pub(super) async fn customer_as_it_was(session: &Session, asked: &Change) -> Result<Option<(String, String)>, Refusal> {
    if asked.action == IntentAction::Create {
        return Ok(None);
    }
    let sight = Sight::of(&session.app.shared.world, &session.caller, &asked.tenant).await?;
    Ok(customer_before(&sight, &asked.tenant))
}

/// Performs a change; what came of it, and the tenant that it is in.
pub(super) async fn perform(session: &Session, asked: Change) -> Result<(Performed, String), Refusal> {
    let (kind, tenant) = (asked.kind, asked.tenant.to_string());
    let performed = session.app.shared.world.perform(&session.caller, asked).await?;
    let made = performed.object.as_ref().filter(|_| kind == Kind::Organization && tenant.is_empty()).map(|o| o.id.to_string());
    Ok((performed, made.unwrap_or(tenant)))
}

/// What is said of a change that was made.
pub(super) fn done(asked: &Change, performed: &Performed, tenant: &str) -> Done {
    let called = |o: &LiveObject| format!("{} {}", o.def().noun, title_of(o));
    let mut says =
        format!("{} {}.", past(asked.action), performed.object.as_ref().map_or_else(|| asked.kind.def().noun.to_owned(), called));
    for object in &performed.with {
        says.push_str(&format!(" {} {}.", past(IntentAction::Create), called(object)));
    }
    for object in &performed.beside {
        says.push_str(&format!(" The portal made {} by itself.", called(object)));
    }
    Done {
        says,
        warnings: performed.warnings.iter().map(|w| format!("{}: {}", w.rule, w.message)).collect(),
        evidence: Vec::new(),
        object: performed.object.as_ref().map(|o| (o.kind, tenant.to_owned(), o.id.to_string())),
    }
}

/// What the flow's work order asks to bring back, read off what is there now. What the portal takes and does not show again (to whom it sent
/// credentials, say) it shows this once.
async fn evidence(
    session: &Session,
    flow: &Flow<'_>,
    tenant: &str,
    id: Option<&str>,
    asked: &Change,
) -> Result<Vec<(String, String)>, Refusal> {
    let world = &session.app.shared.world;
    let sight = Sight::of(world, &session.caller, tenant).await?;
    let Some(mut object) = id.and_then(|id| sight.object(flow.kind, id)).cloned() else { return Ok(Vec::new()) };
    let capability = world.profile().capabilities().kind(flow.kind);
    for (field, value) in asked.fields.iter() {
        if capability.is_some_and(|c| c.field(field) == FieldSupport::WriteOnly) && object.fields.get(field).is_none() {
            object.fields.set(field, value.clone());
        }
    }
    let mut evidence: Vec<_> = flow.evidence.iter().map(|e| (e.ask.clone(), evidence_of(&sight, &object, e))).collect();
    evidence.extend(all_items(session, &sight, &object));
    Ok(evidence)
}

/// The page of an outcome.
pub(super) async fn outcome(session: &Session, done: &Done) -> Response {
    let banner = html! {
        p.done role="status" { (done.says) }
        @for warning in &done.warnings { p.note { (warning) } }
    };
    let Some((kind, tenant, id)) = &done.object else {
        return page::page(session, "Done", html! { (banner) (read_off(&done.evidence)) }).await;
    };
    let seen = Sight::of(&session.app.shared.world, &session.caller, tenant).await;
    match seen.as_ref().map(|sight| (sight, sight.object(*kind, id))) {
        Ok((sight, Some(object))) => {
            let content = html! { (banner) (read_off(&done.evidence)) (details(session, sight, tenant, object)) };
            page::framed(session, title_of(object), &sight.title(), content)
        }
        Ok((_, None)) | Err(_) => page::page(session, "Done", html! { (banner) p.note { "It is not there any more." } }).await,
    }
}
