//! What a portal makes by itself: system users beside a new customer, for example. Said in data, so that the sandbox does as the portal does.
//!
//! Comes in: a profile's `plays`, then the creation that the portal has been asked for. Goes out: the objects that it makes beside it. A plan
//! never asks: what it needs to know stands under `effects` and `portalsOwn`.

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
    /// The kinds whose creation brings it about.
    #[schemars(with = "Vec<String>")]
    pub kinds: Vec<Spanned<String>>,
    /// CEL: whether it happens; default always.
    #[schemars(with = "Option<String>")]
    pub when: Option<Spanned<String>>,
    /// What is made, in the same tenant.
    #[schemars(with = "Vec<MadeSection>")]
    pub makes: Vec<Spanned<MadeSection>>,
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
    kinds: Vec<Kind>,
    when: Option<Expression>,
    makes: Vec<Object>,
}

#[derive(Debug)]
struct Object {
    kind: Kind,
    fields: Vec<(FieldId, Template)>,
    portals_own: bool,
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
}

impl Profile {
    /// What the portal makes by itself beside a creation.
    ///
    /// # Errors
    /// When an expression has no value, or gives one that the field does not take.
    pub fn made_beside(&self, subject: &Subject<'_>) -> Result<Vec<Made>, EvalError> {
        let mut made = Vec::new();
        if subject.action != IntentAction::Create {
            return Ok(made);
        }
        let scope = SubjectScope { subject };
        let of = |play: &Play, error: EvalError| EvalError(format!("{}: {error}", play.id));
        for play in self.plays.iter().filter(|p| p.kinds.contains(&subject.kind)) {
            if let Some(when) = &play.when
                && !when.holds(&scope).map_err(|e| of(play, e))?
            {
                continue;
            }
            for Object { kind, fields: templates, portals_own } in &play.makes {
                let mut fields = Fields::new();
                for (id, template) in templates {
                    let text = template.render(&scope).map_err(|e| of(play, e))?;
                    let field = kind.def().field(*id);
                    let value = typed(&field.ty, &text).and_then(|v| field.ty.normalise(v));
                    let wrong = || EvalError(format!("{}: `{text}` does not fit {} of a {}", play.id, field.path, kind.def().noun));
                    fields.set(*id, value.ok_or_else(wrong)?);
                }
                made.push(Made { row: play.id.clone(), kind: *kind, fields, portals_own: *portals_own });
            }
        }
        Ok(made)
    }
}

/// A text as a value of a type.
fn typed(ty: &FieldType, text: &str) -> Option<Value> {
    match ty {
        FieldType::Bool => text.parse().ok().map(Value::Bool),
        FieldType::Integer(..) => text.parse().ok().map(Value::Integer),
        _ => Some(Value::text(text)),
    }
}

/// Compiles `plays`; what is wrong goes to `problems`.
pub(super) fn compile(document: &Document, problems: &mut Problems<'_>) -> Vec<Play> {
    let mut plays = Vec::new();
    for section in &document.plays {
        let PlaySection { id, source: _, kinds, when, makes } = &section.value;
        if kinds.is_empty() || makes.is_empty() {
            problems.add(
                codes::PROFILE_CONTRADICTION,
                section.referenced,
                format!("{id} names no kind or makes nothing, and would never apply"),
            );
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
        plays.push(Play { id: id.as_str().into(), kinds, when, makes });
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
    Some(Object { kind, fields, portals_own: section.portals_own })
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
