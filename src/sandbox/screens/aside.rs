//! What the sandbox adds to the portal's own screens: the customer selector, the outbox, and settings for what no page documents. Each says so.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use secrecy::SecretString;
use serde::Deserialize;

use super::object::{all_evidence, find, said};
use super::session::{Posted, Session, cookie_name};
use super::{act, fill, page, set_cookie};
use crate::model::{FieldId, FieldSupport, FieldType, Fields, IntentAction, Kind, LiveObject, Value};
use crate::sandbox::access::Caller;
use crate::sandbox::change::{Change, Refusal};
use crate::sandbox::names::title_of;
use crate::sandbox::sight::Sight;

/// A text of so many characters has several lines.
const LINE: u16 = 401;

/// Customers on a page of the selector.
const PAGE: usize = 25;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: usize,
}

/// The customer selector: with search and pages.
pub(super) async fn customers(session: Session, Query(asked): Query<Asked>) -> Response {
    let customers = match session.app.shared.world.customers(&session.caller).await {
        Ok(customers) => customers,
        Err(refusal) => return page::refusal(&session, &refusal).await,
    };
    let wanted = asked.q.trim().to_lowercase();
    let mut found: Vec<_> = customers.iter().filter(|c| c.title.to_lowercase().contains(&wanted)).collect();
    found.sort_by_cached_key(|c| (c.title.to_lowercase(), c.name.clone()));
    let pages = found.len().div_ceil(PAGE).max(1);
    let current = asked.page.clamp(1, pages);
    let button = |id: &str, title: &str| {
        html! {
            form.inline method="post" action="/screens/customers" {
                input type="hidden" name="proof" value=(session.form_proof());
                input type="hidden" name="customer" value=(id);
                button { (title) }
            }
        }
    };
    let content = html! {
        form method="get" action="/screens/customers" role="search" {
            label for="q" { "Search" }
            input id="q" name="q" type="search" value=(asked.q);
            button { "Search" }
        }
        @if session.caller == Caller::Msp { p { (button("", "Back to the MSP's own")) } }
        ul { @for c in found.iter().skip((current - 1) * PAGE).take(PAGE) { li { (button(&c.id, &c.title)) span.note { (c.name) } } } }
        (page::pager("/screens/customers", &[("q".to_owned(), asked.q.clone())], current, pages))
    };
    page::page(&session, "Customer selector", content).await
}

/// A customer is selected: it stands at the top of every screen from now on.
pub(super) async fn choose(posted: Posted) -> Response {
    let session = &posted.session;
    let customer = posted.get("customer").unwrap_or_default();
    if !customer.is_empty()
        && let Err(refusal) = session.app.shared.world.tenant(&session.caller, customer).await
    {
        return page::refusal(session, &refusal).await;
    }
    let mut response = Redirect::to("/screens").into_response();
    set_cookie(&mut response, &cookie_name("customer", &session.app), customer);
    response
}

/// The mail that would have gone out.
pub(super) async fn outbox(session: Session) -> Response {
    let mail = match session.app.shared.world.outbox(&session.caller).await {
        Ok(mail) => mail,
        Err(refusal) => return page::refusal(&session, &refusal).await,
    };
    let content = html! {
        p { "Mail that the portal would have sent. The sandbox sends nothing." }
        table {
            thead { tr { th { "When" } th { "To" } th { "Subject" } th { "The recipient" } } }
            tbody {
                @for mail in mail.iter().rev() {
                    tr {
                        td { (mail.at) } td { (mail.recipient) } td { (mail.subject) }
                        td {
                            @if mail.invites() {
                                form.inline method="post" action="/screens/outbox" {
                                    input type="hidden" name="proof" value=(session.form_proof());
                                    input type="hidden" name="user" value=(mail.user);
                                    button { "accepts the invitation" }
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    page::page(&session, "Outbox", content).await
}

/// Somebody accepts an invitation.
pub(super) async fn accept(posted: Posted) -> Response {
    let session = &posted.session;
    match session.app.shared.world.accept(&session.caller, posted.get("user").unwrap_or_default()).await {
        Ok(()) => Redirect::to("/screens/outbox").into_response(),
        Err(refusal) => page::refusal(session, &refusal).await,
    }
}

/// Settings that no page documents; `new` in place of an id makes an object.
pub(super) async fn settings(session: Session, Path((kind, tenant, id)): Path<(String, String, String)>) -> Response {
    match at(&session, &kind, &tenant, &id).await {
        Ok(at) => at.page(&session, None).await,
        Err(refusal) => page::refusal(&session, &refusal).await,
    }
}

/// What a settings page is about.
struct At {
    kind: Kind,
    tenant: String,
    sight: Sight,
    object: Option<LiveObject>,
}

async fn at(session: &Session, kind: &str, tenant: &str, id: &str) -> Result<At, Refusal> {
    if id != "new" {
        let (sight, object) = find(session, kind, tenant, id).await?;
        return Ok(At { kind: object.kind, tenant: tenant.to_owned(), sight, object: Some(object) });
    }
    let none = || Refusal::NotFound(format!("the portal has no {kind}"));
    let kind = Kind::from_slug(kind).filter(|k| session.app.shared.world.profile().capabilities().kind(*k).is_some()).ok_or_else(none)?;
    let sight = Sight::of(&session.app.shared.world, &session.caller, tenant).await?;
    Ok(At { kind, tenant: tenant.to_owned(), sight, object: None })
}

impl At {
    /// The fields that the portal has, as far as one text can say them.
    fn fields(&self, session: &Session) -> Vec<(FieldId, &'static str)> {
        let capabilities = session.app.shared.world.profile().capabilities();
        let has = |id: FieldId| capabilities.kind(self.kind).is_some_and(|c| c.field(id) != FieldSupport::Unsupported);
        self.kind.def().fields().filter(|(id, _)| has(*id)).map(|(id, field)| (id, field.path)).collect()
    }

    async fn page(&self, session: &Session, no: Option<&Refusal>) -> Response {
        let def = self.kind.def();
        let id = self.object.as_ref().map_or("new", |o| &*o.id);
        let action = format!("/screens/settings/{}/{}/{id}", def.slug, self.tenant);
        let content = html! {
            p { strong { "No page of the manual documents this; the sandbox offers it so that a rehearsal can go on." } }
            @if let Some(no) = no { (page::refused(no)) }
            form method="post" action=(action) autocomplete="off" {
                input type="hidden" name="proof" value=(session.form_proof());
                input type="hidden" name="do" value="save";
                @if self.object.is_none() && def.key.is_none() {
                    label for="name" { "name" }
                    input id="name" name="name" type="text" size="40";
                    span.note { " Its name in small letters; empty: made of what people call it" }
                }
                @for (at, path) in self.fields(session) { (self.field(at, path)) }
                p { button { "Save" } }
            }
            @if self.object.is_some() {
                form method="post" action=(action) {
                    input type="hidden" name="proof" value=(session.form_proof());
                    input type="hidden" name="do" value="delete";
                    p { button { "Delete" } }
                }
            }
        };
        let heading = self.object.as_ref().map_or_else(|| format!("New {}", def.noun), |o| format!("Settings of {}", title_of(o)));
        let mut response = page::framed(session, &heading, &self.sight.title(), content);
        if no.is_some() {
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        }
        response
    }

    fn field(&self, id: FieldId, path: &str) -> Markup {
        let field = self.kind.def().field(id);
        let name = format!("f.{path}");
        if field.ty.is_secret() {
            return html! { label for=(name) { (field.words()) } input id=(name) name=(name) type="password" placeholder="KEY: secret"; };
        }
        let shown = self.object.as_ref().and_then(|o| o.fields.get(id)).map(|v| said(&field.ty, v, &self.sight.known()));
        let shown = shown.unwrap_or_default();
        html! {
            label for=(name) { (field.words()) }
            @match field.ty {
                FieldType::List(_) | FieldType::Text(LINE..) => { textarea id=(name) name=(name) rows="3" cols="60" { (shown) } }
                _ => { input id=(name) name=(name) type="text" size="40" value=(shown); }
            }
            span.note { " " (field.doc) }
        }
    }

    /// What was typed, as a change.
    fn change(&self, posted: &Posted) -> Result<Change, Refusal> {
        let mut change = Change::create(&self.tenant, self.kind, Fields::new());
        if let Some(object) = &self.object {
            change = Change::to(&self.tenant, IntentAction::Update, self.kind, &object.id, Fields::new());
        }
        if posted.get("do") == Some("delete") {
            return Ok(Change { action: IntentAction::Delete, ..change });
        }
        change.name = posted.get("name").map(str::trim).filter(|name| !name.is_empty()).map(Into::into);
        for (id, path) in self.fields(&posted.session) {
            let field = self.kind.def().field(id);
            let Some(text) = posted.get(&format!("f.{path}")).map(str::trim) else { continue };
            let there = self.object.as_ref().and_then(|o| o.fields.get(id));
            // What a page shows and nobody touched is not sent: it may be the portal's alone to set.
            let untouched = there.is_some_and(|v: &Value| said(&field.ty, v, &self.sight.known()) == text.replace("\r\n", "\n"));
            match (field.ty.is_secret(), text.is_empty()) {
                (_, true) => change.cleared.extend(there.map(|_| id)),
                (true, false) => {
                    let (key, secret) = text.split_once(':').ok_or_else(|| Refusal::Invalid(format!("{path}: write `KEY: secret`")))?;
                    change.secrets.push((id, key.trim().into(), SecretString::from(secret.trim().to_owned())));
                }
                (false, false) if untouched => {}
                (false, false) => change.fields.set(id, fill::read(path, field, text)?),
            }
        }
        Ok(change)
    }
}

/// A settings page was sent.
pub(super) async fn set(Path((kind, tenant, id)): Path<(String, String, String)>, posted: Posted) -> Response {
    let session = &posted.session;
    let at = match at(session, &kind, &tenant, &id).await {
        Ok(at) => at,
        Err(refusal) => return page::refusal(session, &refusal).await,
    };
    let asked = match at.change(&posted) {
        Ok(asked) => asked,
        Err(refusal) => return at.page(session, Some(&refusal)).await,
    };
    let customer = match act::customer_as_it_was(session, &asked).await {
        Ok(customer) => customer,
        Err(refusal) => return page::refusal(session, &refusal).await,
    };
    match act::perform(session, asked.clone()).await {
        Ok((performed, tenant)) => {
            let mut done = act::done(&asked, &performed, &tenant);
            if let (Some(object), Ok(sight)) = (&performed.object, Sight::of(&session.app.shared.world, &session.caller, &tenant).await) {
                done.evidence = all_evidence(session, &sight, object);
            }
            done.evidence.extend(customer);
            act::outcome(session, &done).await
        }
        Err(refusal) => at.page(session, Some(&refusal)).await,
    }
}
