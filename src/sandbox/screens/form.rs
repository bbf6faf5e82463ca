//! One form of a flow: its fields under the profile's own labels, and the button that ends it.
//!
//! Comes in: a flow, how far it has come and what was typed. Goes out: HTML. A secret is never shown again.

use maud::{Markup, html};

use super::fill::row_of;
use super::flow::Flow;
use super::object::said;
use super::page::{carried, refused};
use super::session::{Draft, Session};
use crate::model::kind::Placement;
use crate::model::{FieldType, IntentAction, Kind, LiveObject, MSP};
use crate::portal::profile::technician::{Input, Setting, Target};
use crate::sandbox::change::Refusal;
use crate::sandbox::names::title_of;
use crate::sandbox::sight::Sight;

/// A text of more characters than this gets several lines.
const LINE: u16 = 400;

/// See the module. `id`: of the draft, where one is kept.
pub(super) async fn form(
    session: &Session,
    flow: &Flow<'_>,
    draft: &Draft,
    id: Option<&str>,
    no: Option<&Refusal>,
) -> Result<Markup, Refusal> {
    let form = flow.form(draft.next);
    let world = &session.app.shared.world;
    let row = row_of(&draft.gestures, flow.kind);
    let tenant = match (row, flow.kind.def().placement) {
        (Some((tenant, _)), _) => tenant.to_owned(),
        (None, Placement::MspOnly) => MSP.to_owned(),
        (None, _) => row_of(&draft.gestures, Kind::Organization).map_or_else(|| session.tenant(), |(_, id)| id.to_owned()),
    };
    let sight = Sight::of(world, &session.caller, &tenant).await?;
    let current = row.and_then(|(_, id)| sight.object(flow.kind, id)).filter(|_| flow.action != IntentAction::Create);
    Ok(html! {
        @if let Some(no) = no { (refused(no)) }
        form method="post" action="/screens/do" autocomplete="off" {
            (carried(session, &flow.id(), draft.place, &draft.gestures))
            @if let Some(id) = id { input type="hidden" name="draft" value=(id); }
            @for (at, setting) in &form.fields {
                (field(&sight, setting, *at, &format!("{}-{at}", flow.id()), draft.typed.get(at).map(String::as_str), current))
            }
            p {
                button { (form.button.unwrap_or("Save")) }
                @if form.button.is_none() { span.note { " No page names the button that ends this form." } }
            }
        }
    })
}

fn field(sight: &Sight, setting: &Setting, at: usize, id: &str, typed: Option<&str>, current: Option<&LiveObject>) -> Markup {
    let def = setting.of.def();
    let ty = match &setting.target {
        Some(Target::Field(id)) => Some(&def.field(*id).ty),
        Some(Target::Name | Target::Entry(..)) | None => None,
    };
    let there = match &setting.target {
        Some(Target::Field(id)) => current.filter(|o| o.kind == setting.of && setting.value.is_none()).and_then(|o| o.fields.get(*id)),
        Some(Target::Name | Target::Entry(..)) | None => None,
    };
    let there = ty.zip(there).map(|(ty, value)| said(ty, value, &sight.known()));
    let value = typed.map(str::to_owned).or(there).unwrap_or_default();
    let name = format!("v{at}");
    let (list, several) = choices(sight, setting, ty);
    html! {
        @match setting.input {
            Input::Tick => {
                label for=(id) { input id=(id) name=(name) type="checkbox" value="true" checked[value == "true"]; " " (setting.label) }
            }
            Input::Secret => {
                label for=(id) { (setting.label) }
                input id=(id) name=(name) type="password" autocomplete="new-password";
            }
            Input::Choose if !list.is_empty() && !several => {
                label for=(id) { (setting.label) }
                select id=(id) name=(name) {
                    option value="" {}
                    @for (key, shown) in &list { option value=(key) selected[*key == value || *shown == value] { (shown) } }
                }
            }
            Input::Fill if matches!(ty, Some(FieldType::Text(most)) if *most > LINE) || matches!(ty, Some(FieldType::List(_))) => {
                label for=(id) { (setting.label) }
                textarea id=(id) name=(name) rows="4" cols="60" { (value) }
            }
            Input::Fill | Input::Choose => {
                label for=(id) { (setting.label) }
                input id=(id) name=(name) type="text" size="40" value=(value) list=[(!list.is_empty()).then(|| format!("{id}-list"))];
                @if !list.is_empty() {
                    datalist id={ (id) "-list" } { @for (_, shown) in &list { option value=(shown) {} } }
                }
            }
        }
    }
}

/// What can be picked, by what is sent and what is shown; and whether several can.
fn choices(sight: &Sight, setting: &Setting, ty: Option<&FieldType>) -> (Vec<(String, String)>, bool) {
    if setting.input != Input::Choose {
        return (Vec::new(), false);
    }
    let objects = |kind: Kind| {
        let mut all: Vec<_> = sight.known().objects(kind).iter().map(|o| (o.id.to_string(), title_of(o).to_owned())).collect();
        all.sort_by(|a, b| a.1.cmp(&b.1));
        all
    };
    let words = |words: &[&str]| words.iter().map(|w| ((*w).to_owned(), (*w).to_owned())).collect();
    match ty {
        // A list with no field of its own is of the portal's customers.
        None if setting.target.is_none() => (objects(Kind::Organization), false),
        Some(FieldType::Ref(kind)) => (objects(*kind), false),
        Some(FieldType::Enum(all)) => (words(all), false),
        // One visit picks one of them.
        Some(FieldType::Organizations) => (objects(Kind::Organization), false),
        Some(FieldType::List(inner) | FieldType::Set(inner)) => match inner {
            FieldType::Ref(kind) => (objects(*kind), true),
            FieldType::Enum(all) => (words(all), true),
            _ => (Vec::new(), true),
        },
        Some(_) | None => (Vec::new(), false),
    }
}
