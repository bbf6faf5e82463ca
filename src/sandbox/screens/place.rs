//! A place of the menu: its table, its buttons, the menus of its rows, and what comes after them until a form begins.
//!
//! Comes in: a place and the gestures made there. Goes out: what the profile documents as the next gestures, and nothing else.

use axum::extract::{Path, RawQuery};
use axum::response::Response;
use maud::{Markup, html};

use super::fill::row_of;
use super::flow::{Flow, Gesture, flows};
use super::form::form;
use super::object::details;
use super::page::{self, carried, leads};
use super::session::{Draft, Session};
use super::table::{Search, Table, table};
use crate::model::kind::Placement;
use crate::model::{IntentAction, Kind, MSP};
use crate::portal::profile::technician::Verb;
use crate::sandbox::change::Refusal;
use crate::sandbox::names::title_of;
use crate::sandbox::sight::Sight;

/// The first page.
pub(super) async fn home(session: Session) -> Response {
    let profile = session.app.shared.world.profile();
    let nowhere = profile.menu().len();
    let hidden = flows(profile).iter().any(|f| f.place.is_none());
    // What is documented for some of them only is offered as well.
    let documented = |k: &Kind| profile.screens(*k, CREATE).is_some_and(|s| s.screens.iter().any(|screen| screen.when.is_none()));
    let undocumented: Vec<Kind> = profile.capabilities().kinds.keys().copied().filter(|k| !documented(k)).collect();
    let content = html! {
        p { "This sandbox plays " (profile.title) ". Nothing that is done here reaches the portal itself." }
        @if hidden { p { a href={ "/screens/place/" (nowhere) } { "Screens of which no page says where they are in the menu" } } }
        @if !undocumented.is_empty() {
            h2 { "What no page documents" }
            p { "The sandbox offers it so that a rehearsal can go on." }
            ul {
                @for kind in undocumented.iter().filter(|k| k.def().placement != Placement::Tenant) {
                    li { a href={ "/screens/settings/" (kind.def().slug) "/" (home_of(&session, *kind)) "/new" } { "New " (kind.def().noun) } }
                }
            }
        }
    };
    page::page(&session, &profile.title, content).await
}

/// The tenant in which an object of a kind is made from here.
fn home_of(session: &Session, kind: Kind) -> String {
    if kind.def().placement == Placement::MspOnly { MSP.to_owned() } else { session.tenant() }
}

const CREATE: crate::portal::profile::document::Action = crate::portal::profile::document::Action::Create;

/// A place, after some gestures.
pub(super) async fn show(session: Session, Path(place): Path<usize>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let gestures: Option<Vec<_>> = pairs.iter().filter(|(n, _)| n == "at").map(|(_, v)| Gesture::parse(v)).collect();
    let first = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).unwrap_or_default();
    let search = Search { text: first("q").to_owned(), page: first("page").parse().unwrap_or(1) };
    let shown = match gestures {
        Some(gestures) => view(&session, place, &gestures, &search).await,
        None => Err(Refusal::NotFound("there is no such page".to_owned())),
    };
    match shown {
        Ok((heading, Some(customer), content)) => page::framed(&session, &heading, &customer, content),
        Ok((heading, None, content)) => page::page(&session, &heading, content).await,
        Err(refusal) => page::refusal(&session, &refusal).await,
    }
}

async fn view(session: &Session, place: usize, gestures: &[Gesture], search: &Search) -> Result<(String, Option<String>, Markup), Refusal> {
    let profile = session.app.shared.world.profile();
    let menu = profile.menu().get(place);
    if menu.is_none() && place != profile.menu().len() {
        return Err(Refusal::NotFound("the menu has no such place".to_owned()));
    }
    let all = flows(profile);
    let here = |f: &&Flow<'_>| f.place == menu.map(|_| place) && f.follows(gestures);
    let flows: Vec<&Flow<'_>> = all.iter().filter(here).collect();
    let dialog = flows.iter().find_map(|f| f.dialog(gestures.len()));
    let heading = match gestures.last() {
        _ if dialog.is_some() => dialog.unwrap_or_default().to_owned(),
        Some(Gesture::Press(label)) => label.clone(),
        Some(Gesture::Row { entry: Some(entry), .. }) => entry.clone(),
        Some(Gesture::Row { kind, tenant, id, entry: None }) => {
            let sight = Sight::of(&session.app.shared.world, &session.caller, tenant).await?;
            sight.object(*kind, id).map_or_else(String::new, |o| title_of(o).to_owned())
        }
        None => menu.map_or_else(|| "No place in the menu".to_owned(), |m| m.path.join(" › ")),
    };
    let opened = row_of(gestures, Kind::Organization).map(|(_, id)| id);
    let mut content = html! { (buttons(session, place, gestures, &flows)) (forms(session, place, gestures, &flows).await?) };
    let listed = listed(gestures, menu.and_then(|m| m.lists), &flows);
    if let Some(kind) = listed {
        let within = opened.filter(|_| matches!(kind.def().placement, Placement::Member { .. }));
        let rows = table(session, place, kind, within, search).await?;
        let at = Listing { session, place, gestures, flows: &flows, kind, search };
        content = html! { (content) (at.markup(&rows)) };
    }
    let mut customer = None;
    if let Some(tenant) = opened {
        let sight = Sight::of(&session.app.shared.world, &session.caller, tenant).await?;
        customer = Some(sight.title());
        for kind in beneath(session, place, gestures).into_iter().filter(|k| Some(*k) != listed) {
            let rows = table(session, place, kind, Some(tenant), search).await?;
            let at = Listing { session, place, gestures, flows: &[], kind, search };
            content = html! { (content) h2 { (kind.def().nouns) } (at.markup(&rows)) };
        }
    }
    if let Some(Gesture::Row { kind, tenant, id, entry: None }) = gestures.last() {
        let sight = Sight::of(&session.app.shared.world, &session.caller, tenant).await?;
        let gone = || Refusal::NotFound(format!("there is no {} {id}", kind.def().noun));
        content = html! { (content) (details(session, &sight, tenant, sight.object(*kind, id).ok_or_else(gone)?)) };
    }
    Ok((heading, customer, content))
}

/// The kind of the table of this page, if it has one.
fn listed(gestures: &[Gesture], lists: Option<Kind>, flows: &[&Flow<'_>]) -> Option<Kind> {
    if gestures.is_empty() && lists.is_some() {
        return lists;
    }
    let next = |f: &&&Flow<'_>| matches!(f.steps.get(gestures.len()).map(|s| &s.verb), Some(Verb::Row { .. }));
    flows.iter().find(next).map(|f| f.kind)
}

/// Kinds whose tables within a customer are shown here.
fn beneath(session: &Session, place: usize, gestures: &[Gesture]) -> Vec<Kind> {
    let pressed = gestures.last().is_some_and(|g| matches!(g, Gesture::Press(_)));
    let tables = session.app.shared.world.profile().tables().iter().filter(|t| t.menu == place && t.within_tenant);
    if pressed { tables.map(|t| t.kind).collect() } else { Vec::new() }
}

/// The buttons of this page: one for each label.
fn buttons(session: &Session, place: usize, gestures: &[Gesture], flows: &[&Flow<'_>]) -> Markup {
    let mut labels: Vec<(&str, &Flow<'_>)> = Vec::new();
    for flow in flows {
        if let Some(Verb::Press { label }) = flow.steps.get(gestures.len()).map(|s| &s.verb)
            && !labels.iter().any(|(l, _)| l == label)
        {
            labels.push((label, flow));
        }
    }
    html! { @for (label, flow) in labels { (goes_on(session, flow, place, gestures, label, Gesture::Press(label.to_owned()))) } }
}

/// A button that leads on, or does what the flow is for if nothing comes after it.
fn goes_on(session: &Session, flow: &Flow<'_>, place: usize, gestures: &[Gesture], label: &str, next: Gesture) -> Markup {
    if gestures.len() + 1 < flow.steps.len() {
        return leads(label, place, gestures, &next);
    }
    let mut all = gestures.to_vec();
    all.push(next);
    html! { form.inline method="post" action="/screens/do" { (carried(session, &flow.id(), place, &all)) button { (label) } } }
}

/// The forms that begin here; two actions with the same fields have one.
async fn forms(session: &Session, place: usize, gestures: &[Gesture], flows: &[&Flow<'_>]) -> Result<Markup, Refusal> {
    let mut seen: Vec<Vec<&str>> = Vec::new();
    let mut markup = html! {};
    for flow in flows.iter().filter(|f| matches!(f.steps.get(gestures.len()).map(|s| &s.verb), Some(Verb::Set(_)))) {
        let labels: Vec<&str> = flow.form(gestures.len()).fields.iter().map(|(_, s)| s.label.as_str()).collect();
        if seen.contains(&labels) {
            continue;
        }
        seen.push(labels);
        let draft = Draft { place, gestures: gestures.to_vec(), next: gestures.len(), ..Draft::default() };
        markup = html! { (markup) (form(session, flow, &draft, None, None).await?) };
    }
    Ok(markup)
}

/// A table and what its rows offer.
struct Listing<'a> {
    session: &'a Session,
    place: usize,
    gestures: &'a [Gesture],
    flows: &'a [&'a Flow<'a>],
    kind: Kind,
    search: &'a Search,
}

impl Listing<'_> {
    fn markup(&self, table: &Table) -> Markup {
        let path = format!("/screens/place/{}", self.place);
        let mut pairs: Vec<_> = self.gestures.iter().map(|g| ("at".to_owned(), g.to_string())).collect();
        pairs.push(("q".to_owned(), self.search.text.clone()));
        html! {
            form method="get" action=(path) role="search" {
                @for gesture in self.gestures { input type="hidden" name="at" value=(gesture); }
                label for={ "q-" (self.kind.def().slug) } { "Search" }
                input id={ "q-" (self.kind.def().slug) } name="q" type="search" value=(self.search.text);
                button { "Search" }
            }
            table {
                thead { tr { @for column in &table.columns { th { (column) } } @if self.has_menu() { th { "Menu" } } } }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (at, cell) in row.cells.iter().enumerate() {
                                td { @if at == 0 { a href=(self.opens(&row.tenant, &row.object.id)) { (cell) } } @else { (cell) } }
                            }
                            @if self.has_menu() { td { (self.menu(&row.tenant, &row.object.id)) } }
                        }
                    }
                }
            }
            @if table.rows.is_empty() { p.note { "Nothing is listed." } }
            (page::pager(&path, &pairs, table.page, table.pages))
        }
    }

    /// Where a row leads: on, if a page documents that; else to the object.
    fn opens(&self, tenant: &str, id: &str) -> String {
        let next = Gesture::Row { kind: self.kind, tenant: tenant.to_owned(), id: id.to_owned(), entry: None };
        let documented = |f: &&Flow<'_>| matches!(f.steps.get(self.gestures.len()).map(|s| &s.verb), Some(Verb::Row { entry: None, .. }));
        if !self.flows.iter().any(documented) {
            return format!("/screens/object/{}/{tenant}/{id}", self.kind.def().slug);
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for gesture in self.gestures.iter().chain([&next]) {
            query.append_pair("at", &gesture.to_string());
        }
        format!("/screens/place/{}?{}", self.place, query.finish())
    }

    /// The entries of the rows' menus, each with the flow that begins with it.
    fn entries(&self) -> Vec<(&str, &Flow<'_>)> {
        let mut entries: Vec<(&str, &Flow<'_>)> = Vec::new();
        for flow in self.flows {
            if let Some(Verb::Row { entry: Some(entry), .. }) = flow.steps.get(self.gestures.len()).map(|s| &s.verb)
                && !entries.iter().any(|(e, _)| e == entry)
            {
                entries.push((entry, flow));
            }
        }
        entries
    }

    fn has_menu(&self) -> bool {
        !self.entries().is_empty()
    }

    fn menu(&self, tenant: &str, id: &str) -> Markup {
        let gesture =
            |entry: &str| Gesture::Row { kind: self.kind, tenant: tenant.to_owned(), id: id.to_owned(), entry: Some(entry.to_owned()) };
        html! { @for (entry, flow) in self.entries() { (goes_on(self.session, flow, self.place, self.gestures, entry, gesture(entry))) } }
    }
}

/// The words for what was done.
pub(super) const fn past(action: IntentAction) -> &'static str {
    match action {
        IntentAction::Create => "Created",
        IntentAction::Update => "Changed",
        IntentAction::Delete => "Deleted",
        IntentAction::Resend => "Sent again:",
    }
}
