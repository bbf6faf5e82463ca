//! What is read off a screen: an object's id, its address in the sandbox, its customer, its fields, and what a work order asks to bring back.
//!
//! Evidence is worked out from what is really there, never from what was typed: whoever picked the wrong customer reads the wrong name.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};

use super::page;
use super::session::Session;
use crate::model::{FieldType, Kind, LiveObject, MSP, ObjectState, Value};
use crate::portal::profile::document::Action;
use crate::portal::profile::technician::CompiledEvidence;
use crate::portal::runbook::{ASK_FOR_CUSTOMER, ASK_FOR_CUSTOMER_BEFORE, ask_for_all, ask_for_name, item_by_item};
use crate::sandbox::access::Caller;
use crate::sandbox::change::Refusal;
use crate::sandbox::names::{Known, title_of};
use crate::sandbox::sight::Sight;

/// An object's own page.
pub(super) async fn show(session: Session, Path((kind, tenant, id)): Path<(String, String, String)>) -> Response {
    match find(&session, &kind, &tenant, &id).await {
        Ok((sight, object)) => {
            let mut evidence = all_evidence(&session, &sight, &object);
            // A customer's own page shows what it is called now, which is not what it was called before somebody renamed it.
            evidence.extend(customer_before(&sight, &tenant).filter(|_| object.kind != Kind::Organization));
            let content = html! { (read_off(&evidence)) (details(&session, &sight, &tenant, &object)) };
            page::framed(&session, title_of(&object), &sight.title(), content)
        }
        Err(refusal) => page::refusal(&session, &refusal).await,
    }
}

/// An object that the caller sees.
pub(super) async fn find(session: &Session, kind: &str, tenant: &str, id: &str) -> Result<(Sight, LiveObject), Refusal> {
    let nothing = || Refusal::NotFound(format!("there is no {kind} {id}"));
    let kind = Kind::from_slug(kind).ok_or_else(nothing)?;
    let sight = Sight::of(&session.app.shared.world, &session.caller, tenant).await?;
    let object = sight.object(kind, id).cloned().ok_or_else(nothing)?;
    Ok((sight, object))
}

/// What the work orders about an object ask to bring back.
pub(super) fn all_evidence(session: &Session, sight: &Sight, object: &LiveObject) -> Vec<(String, String)> {
    let profile = session.app.shared.world.profile();
    let actions = [Action::Create, Action::Update, Action::Resend];
    let mut evidence: Vec<(String, String)> = Vec::new();
    for wanted in actions.iter().filter_map(|a| profile.screens(object.kind, *a)).flat_map(|s| &s.evidence) {
        if !evidence.iter().any(|(ask, _)| *ask == wanted.ask) {
            evidence.push((wanted.ask.clone(), evidence_of(sight, object, wanted)));
        }
    }
    if evidence.is_empty() {
        evidence.push((ask_for_name(object.kind), title_of(object).to_owned()));
        evidence.push((ASK_FOR_CUSTOMER.to_owned(), sight.title()));
    }
    evidence.extend(all_items(session, sight, object));
    evidence
}

/// What tells the right customer where something was there before; `sight`: as it was then. The MSP's own tenant is no customer.
pub(super) fn customer_before(sight: &Sight, tenant: &str) -> Option<(String, String)> {
    (tenant != MSP).then(|| (ASK_FOR_CUSTOMER_BEFORE.to_owned(), sight.title()))
}

/// The items that screens are visited for one by one, as they are now.
pub(super) fn all_items(session: &Session, sight: &Sight, object: &LiveObject) -> Vec<(String, String)> {
    let ty = |field| &object.def().field(field).ty;
    let names = |field| {
        let items = object.fields.get(field).and_then(Value::as_list).unwrap_or_default();
        let one = |item: &Value| said(ty(field), &Value::List(vec![item.clone()]), &sight.known());
        let mut names: Vec<_> = items.iter().map(one).collect();
        names.sort_by_cached_key(|name| name.to_lowercase());
        names.join(", ")
    };
    let fields = item_by_item(session.app.shared.world.profile(), object.kind).into_iter();
    fields.map(|field| (ask_for_all(object.kind, field), names(field))).collect()
}

/// Everything else that can be read off an object.
pub(super) fn details(session: &Session, sight: &Sight, tenant: &str, object: &LiveObject) -> Markup {
    let def = object.def();
    let here = format!("/screens/object/{}/{tenant}/{}", def.slug, object.id);
    let counts: Vec<_> = match object.kind {
        Kind::Organization => sight.live.collections.iter().filter(|(k, c)| **k != Kind::Organization && !c.objects.is_empty()).collect(),
        _ => Vec::new(),
    };
    html! {
        h2 { "Details" }
        dl {
            dt { "ID" } dd { (object.id) }
            dt { "Address" } dd { a href=(here) { (here) } }
            dt { "Key" } dd { (object.key) }
            dt { "State" } dd { (state(object.state)) }
            @if object.portals_own { dt { "Made by" } dd { "the portal itself" } }
            @for (id, value) in object.fields.iter() {
                dt { (def.field(id).path) } dd { (said(&def.field(id).ty, value, &sight.known())) }
            }
            @for (kind, collection) in &counts {
                dt { "Number of " (kind.def().nouns) } dd { (collection.objects.len()) }
            }
            @if object.kind == Kind::Organization && tenant != MSP && session.caller == Caller::Msp {
                dt { "Token of this customer, for a rehearsal" } dd { code { (session.app.shared.world.access().tenant(tenant)) } }
            }
        }
        @for (kind, collection) in &counts {
            h3 { (kind.def().nouns) }
            ul {
                @for one in &collection.objects {
                    li { a href={ "/screens/object/" (kind.def().slug) "/" (tenant) "/" (one.id) } { (title_of(one)) } }
                }
            }
        }
        p { a href={ "/screens/settings/" (def.slug) "/" (tenant) "/" (object.id) } { "Settings that no page documents" } }
    }
}

/// What a work order asks to bring back, under its own words.
pub(super) fn read_off(evidence: &[(String, String)]) -> Markup {
    html! {
        @if !evidence.is_empty() {
            h2 { "To read off" }
            dl #evidence { @for (ask, value) in evidence { dt { (ask) } dd { (value) } } }
        }
    }
}

/// The value of a piece of evidence, as the portal would show it of what is really there.
pub(super) fn evidence_of(sight: &Sight, object: &LiveObject, wanted: &CompiledEvidence) -> String {
    if wanted.id {
        return object.id.to_string();
    }
    let resource = sight.resource(object);
    let rendered = wanted
        .expect
        .as_ref()
        .map(|expect| sight.with(&resource, Some(&object.id), crate::model::IntentAction::Create, |scope| expect.render(scope)));
    match rendered {
        Some(Ok(text)) => text,
        // What the portal does not show any more (a write-only field) is not to be read off it.
        Some(Err(_)) => "not shown".to_owned(),
        None if wanted.optional => "not shown".to_owned(),
        None => state(object.state).to_owned(),
    }
}

const fn state(state: ObjectState) -> &'static str {
    match state {
        ObjectState::Active => "active",
        ObjectState::Invited => "invited",
        ObjectState::InvitationExpired => "invitation expired",
        ObjectState::Pending => "pending",
    }
}

/// A value as the portal shows it: as a technician types it, references as people call what they lead to.
pub(super) fn said(ty: &FieldType, value: &Value, known: &Known<'_>) -> String {
    match (ty, value) {
        (FieldType::Ref(kind), Value::Text(id)) => {
            known.objects(*kind).iter().find(|o| *o.id == **id).map_or_else(|| id.to_string(), |o| title_of(o).to_owned())
        }
        (FieldType::Organizations, Value::List(items)) => {
            items.iter().map(|i| said(&FieldType::Ref(Kind::Organization), i, known)).collect::<Vec<_>>().join(", ")
        }
        (FieldType::List(inner) | FieldType::Set(inner), Value::List(items)) => {
            let between = if matches!(inner, FieldType::Record(_)) { "\n" } else { ", " };
            items.iter().map(|i| said(inner, i, known)).collect::<Vec<_>>().join(between)
        }
        (FieldType::Record(fields), Value::Map(entries)) => {
            let ordered = fields.iter().filter_map(|f| Some((f, entries.iter().find(|(k, _)| **k == *f.path)?)));
            ordered.map(|(f, (key, v))| format!("{key}: {}", said(&f.ty, v, known))).collect::<Vec<_>>().join("; ")
        }
        (FieldType::Map(inner), Value::Map(entries)) => {
            entries.iter().map(|(key, v)| format!("{key}: {}", said(inner, v, known))).collect::<Vec<_>>().join(", ")
        }
        (_, Value::Bool(truth)) => truth.to_string(),
        (_, Value::Integer(number)) => number.to_string(),
        (_, Value::Text(text)) => text.to_string(),
        (_, Value::Secret(_)) => "set".to_owned(),
        (_, Value::List(_) | Value::Map(_)) => value.to_json().to_string(),
    }
}
