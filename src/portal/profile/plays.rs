//! What a portal makes by itself: system users beside a new customer, or a guest who wrote a ticket. Said in data, so that the sandbox does as
//! the portal does.
//!
//! Comes in: a profile's `plays`, then the creation that the portal has been asked for, or what somebody outside does. Goes out: the objects that
//! it makes of it. A plan never asks: what it needs to know stands under `effects` and `portalsOwn`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::cel::{CompileError, EvalError, Expression, SubjectScope, VARIABLES};
use super::compile::{Problems, reconciled};
use super::document::Document;
use super::template::Template;
use super::{Profile, paths};
use crate::diagnostic::codes::portal as codes;
use crate::model::rule::Subject;
use crate::model::work_order::Provenance;
use crate::model::{FieldId, FieldType, Fields, IntentAction, Kind, Value};

/// What the portal makes by itself when something is created.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PlaySection {
    /// Its row in `docs/portals/`, such as `ITA-4`.
    pub id: String,
    /// Which page says so.
    pub source: Provenance,
    /// What somebody outside does that brings it about, such as writing a ticket. Default: the creation itself.
    pub event: Option<EventSection>,
    /// The kinds whose creation brings it about; with `event`, the one kind as which it is told who does it.
    #[schemars(with = "Vec<String>")]
    pub kinds: Vec<Spanned<String>>,
    /// CEL: whether it happens; default always.
    #[schemars(with = "Option<String>")]
    pub when: Option<Spanned<String>>,
    /// What is made, in the same tenant.
    #[schemars(with = "Vec<MadeSection>")]
    pub makes: Vec<Spanned<MadeSection>>,
}

/// What somebody outside does, of which no manifest and no work order tells. The sandbox plays it by hand.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EventSection {
    /// Its name, as addresses have it, such as `ticket`.
    pub name: String,
    /// What happens, for people.
    pub title: String,
}

/// One object that the portal makes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MadeSection {
    /// Its kind.
    #[schemars(with = "String")]
    pub kind: Spanned<String>,
    /// Its fields by dotted path; `${…}` is CEL.
    #[schemars(with = "BTreeMap<String, String>")]
    pub fields: BTreeMap<String, Spanned<String>>,
    /// What the portal's tables show of it beside, by dotted path, and nobody can set: the word `Guest` as a role, say.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub shows: BTreeMap<String, Spanned<String>>,
    /// Whether it is the portal's own (a system user, say), which is never drift, never pruned and never invited. False: it is the customer's,
    /// and like any other from then on. Default true.
    #[serde(default = "yes")]
    pub portals_own: bool,
}

const fn yes() -> bool {
    true
}

/// One of `plays`, compiled.
#[derive(Debug)]
pub(super) struct Play {
    id: Box<str>,
    event: Option<EventSection>,
    kinds: Vec<Kind>,
    when: Option<Expression>,
    makes: Vec<Object>,
}

#[derive(Debug)]
struct Object {
    kind: Kind,
    fields: Vec<(FieldId, Template)>,
    shows: Fields,
    portals_own: bool,
}

/// Something that somebody outside may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its name.
    pub name: &'a str,
    /// What happens, for people.
    pub title: &'a str,
    /// As what it is told who does it.
    pub kind: Kind,
    /// What is told of them: the fields that the profile looks at, the key first.
    pub told: Vec<FieldId>,
}

/// An object that the portal makes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The row that says so.
    pub row: Box<str>,
    /// Its kind.
    pub kind: Kind,
    /// Its fields.
    pub fields: Fields,
    /// Whether it is the portal's own.
    pub portals_own: bool,
    /// The e-mail that it gets; `None`: none is announced.
    pub mail: Option<Announced>,
}

/// An e-mail that the profile announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announced {
    /// An invitation.
    Invitation,
    /// What else it is.
    Other(Box<str>),
}

impl Profile {
    /// What the portal makes by itself beside a creation.
    ///
    /// # Errors
    /// When an expression has no value, or gives one that the field does not take.
    pub fn made_beside(&self, subject: &Subject<'_>) -> Result<Vec<Made>, EvalError> {
        if subject.action != IntentAction::Create {
            return Ok(Vec::new());
        }
        self.made(self.plays.iter().filter(|p| p.event.is_none()), subject)
    }

    /// What the portal makes in a tenant when somebody outside does something: `subject` tells who, as if they were created there.
    ///
    /// # Errors
    /// As [`Profile::made_beside`].
    pub fn made_of(&self, event: &str, subject: &Subject<'_>) -> Result<Vec<Made>, EvalError> {
        self.made(self.plays.iter().filter(|p| p.event.as_ref().is_some_and(|e| e.name == event)), subject)
    }

    /// What somebody outside may do, in the profile's order.
    pub fn events(&self) -> Vec<Event<'_>> {
        let mut events: Vec<Event<'_>> = Vec::new();
        for play in &self.plays {
            let (Some(event), Some(kind)) = (&play.event, play.kinds.first()) else { continue };
            if events.iter().all(|e| e.name != event.name) {
                events.push(Event { name: &event.name, title: &event.title, kind: *kind, told: play.told(*kind) });
            }
        }
        events
    }

    /// What the portal's tables show of an object that a row made, beside its fields.
    pub fn shows(&self, row: &str, kind: Kind) -> Option<&Fields> {
        let made = self.plays.iter().filter(|p| *p.id == *row).flat_map(|p| &p.makes);
        made.filter(|o| o.kind == kind).map(|o| &o.shows).next()
    }

    /// True if the portal makes something by this row.
    pub fn makes(&self, row: &str) -> bool {
        self.plays.iter().any(|p| *p.id == *row)
    }

    fn made<'p>(&self, plays: impl Iterator<Item = &'p Play>, subject: &Subject<'_>) -> Result<Vec<Made>, EvalError> {
        let mut made = Vec::new();
        let scope = SubjectScope { subject };
        let of = |play: &Play, error: EvalError| EvalError(format!("{}: {error}", play.id));
        for play in plays.filter(|p| p.kinds.contains(&subject.kind)) {
            if let Some(when) = &play.when
                && !when.holds(&scope).map_err(|e| of(play, e))?
            {
                continue;
            }
            for Object { kind, fields: templates, shows: _, portals_own } in &play.makes {
                let mut fields = Fields::new();
                for (id, template) in templates {
                    let text = template.render(&scope).map_err(|e| of(play, e))?;
                    if text.is_empty() {
                        continue;
                    }
                    let wrong =
                        || EvalError(format!("{}: `{text}` does not fit {} of a {}", play.id, kind.def().field(*id).path, kind.def().noun));
                    fields.set(*id, typed(&kind.def().field(*id).ty, &text).ok_or_else(wrong)?);
                }
                let address = kind.def().key_field().and_then(|id| fields.get(id)).and_then(Value::as_text);
                let mail = address.and_then(|address| self.mail_to(subject, address));
                made.push(Made { row: play.id.clone(), kind: *kind, fields, portals_own: *portals_own, mail });
            }
        }
        Ok(made)
    }
}

impl Play {
    /// The fields of `self` that its objects are made of, the key first.
    fn told(&self, kind: Kind) -> Vec<FieldId> {
        let templates = self.makes.iter().flat_map(|o| &o.fields).flat_map(|(_, template)| template.paths());
        let key = kind.def().key_field();
        let named = paths::fields_of_self(templates, kind).into_iter().filter(|id| Some(*id) != key);
        key.into_iter().chain(named).collect()
    }
}

/// A text as a value of a type; `None`: it does not fit.
fn typed(ty: &FieldType, text: &str) -> Option<Value> {
    let value = match ty {
        FieldType::Bool => Value::Bool(text.parse().ok()?),
        FieldType::Integer(..) => Value::Integer(text.parse().ok()?),
        FieldType::List(_) | FieldType::Set(_) => Value::List(vec![Value::text(text)]),
        _ => Value::text(text),
    };
    ty.normalise(value)
}

/// Compiles `plays`; what is wrong goes to `problems`.
pub(super) fn compile(document: &Document, problems: &mut Problems<'_>) -> Vec<Play> {
    let mut plays = Vec::new();
    for section in &document.plays {
        let PlaySection { id, source: _, event, kinds, when, makes } = &section.value;
        if kinds.is_empty() || makes.is_empty() {
            problems.add(
                codes::PROFILE_CONTRADICTION,
                section.referenced,
                format!("{id} names no kind or makes nothing, and would never apply"),
            );
        }
        if event.is_some() && kinds.len() > 1 {
            let what = format!("{id} has an `event`, and names more than the one kind as which it is told who does it");
            problems.add(codes::PROFILE_CONTRADICTION, section.referenced, what);
        }
        let kinds: Vec<Kind> = kinds.iter().filter_map(|name| kind_of(name, document, problems)).collect();
        let when = match when {
            None => None,
            Some(text) => match Expression::compile(&[text.value.as_str()], &VARIABLES).pop() {
                Some(Ok(expression)) => {
                    for problem in expression.paths().iter().filter_map(|p| paths::problem(p, &kinds)) {
                        problems.add(codes::PROFILE_NAME, text.referenced, problem);
                    }
                    Some(expression)
                }
                Some(Err(error)) => {
                    refuse(error, text.referenced, problems);
                    continue;
                }
                None => continue,
            },
        };
        let makes = makes.iter().filter_map(|made| object(&made.value, &kinds, document, problems)).collect();
        plays.push(Play { id: id.as_str().into(), event: event.clone(), kinds, when, makes });
    }
    plays
}

fn object(section: &MadeSection, named: &[Kind], document: &Document, problems: &mut Problems<'_>) -> Option<Object> {
    let kind = kind_of(&section.kind, document, problems)?;
    let mut fields = Vec::new();
    for (path, text) in &section.fields {
        let Some((id, _)) = kind.def().field_named(path).filter(|(_, f)| !f.ty.is_secret()) else {
            problems.add(codes::PROFILE_NAME, text.referenced, format!("{kind} has no field `{path}` that the portal could set"));
            continue;
        };
        match Template::compile(&text.value, &VARIABLES) {
            Ok(template) => {
                for problem in template.paths().filter_map(|p| paths::problem(p, named)) {
                    problems.add(codes::PROFILE_NAME, text.referenced, problem);
                }
                fields.push((id, template));
            }
            Err(error) => refuse(error, text.referenced, problems),
        }
    }
    let mut shows = Fields::new();
    for (path, text) in &section.shows {
        let named = kind.def().field_named(path).filter(|(_, f)| !f.ty.is_secret());
        match named.and_then(|(id, field)| Some((id, typed(&field.ty, &text.value)?))) {
            Some((id, value)) => shows.set(id, value),
            None => {
                problems.add(codes::PROFILE_NAME, text.referenced, format!("{kind} has no field `{path}` that could show `{}`", text.value))
            }
        }
    }
    Some(Object { kind, fields, shows, portals_own: section.portals_own })
}

fn kind_of(name: &Spanned<String>, document: &Document, problems: &mut Problems<'_>) -> Option<Kind> {
    let kind = reconciled(&name.value, name.referenced, problems)?;
    if !document.kinds.contains_key(kind.def().name) {
        let what = format!("`plays` is about {kind}, which the portal does not have");
        problems.add(codes::PROFILE_CONTRADICTION, name.referenced, what);
    }
    Some(kind)
}

fn refuse(error: CompileError, at: Location, problems: &mut Problems<'_>) {
    match error {
        CompileError::Wrong(why) => problems.add(codes::PROFILE_EXPRESSION, at, why),
        CompileError::TooCostly(why) => problems.add(codes::PROFILE_BUDGET, at, why),
    }
}
