//! The steps of a screen, compiled.
//!
//! Comes in: a step as written. Goes out: a [`CompiledStep`], or what is wrong with it: none or two verbs, a field that the kind has not, a
//! word that does not go with the verb.

use serde_saphyr::{Location, Spanned};

use super::compile::At;
use super::{CompiledStep, Input, Setting, Target, Verb};
use crate::diagnostic::codes::portal as codes;
use crate::model::work_order::Provenance;
use crate::model::{FieldType, Kind};
use crate::portal::profile::screens::StepSection;

/// See the module. `visits`: its screen is visited item by item.
pub(super) fn step(at: &mut At<'_, '_, '_>, section: &Spanned<StepSection>, screens: Provenance, visits: bool) -> Option<CompiledStep> {
    let StepSection { press, row, entry, fill, choose, tick, secret, look, field, of, value, when, source } = &section.value;
    let place = section.referenced;
    let inputs = [(Input::Fill, fill), (Input::Choose, choose), (Input::Tick, tick), (Input::Secret, secret)];
    let mut set = inputs.into_iter().filter_map(|(input, label)| Some((input, label.as_deref()?)));
    let verbs = [press.is_some(), row.is_some(), look.is_some()].into_iter().filter(|v| *v).count() + set.clone().count();
    if verbs != 1 {
        let has = if verbs == 0 { "no verb" } else { "two verbs" };
        let what = format!("a step has {has}: write exactly one of press, row, fill, choose, tick, secret, look");
        at.problems.add(codes::PROFILE_CONTRADICTION, place, what);
        return None;
    }
    if entry.is_some() && row.is_none() {
        at.problems.add(codes::PROFILE_CONTRADICTION, place, "`entry` is an entry of a row's menu: it goes with `row` alone");
    }
    let setting = set.next();
    if setting.is_none() && (field.is_some() || of.is_some() || value.is_some()) {
        let what = "`field`, `of` and `value` say what is set: they go with fill, choose, tick and secret alone";
        at.problems.add(codes::PROFILE_CONTRADICTION, place, what);
    }
    let about = of.as_ref().map_or(Some(at.kind), |of| carried(at, of))?;
    let when = when.as_ref().map(|w| at.condition(w, about, visits));
    let verb = match (setting, row, look, press) {
        (Some((input, label)), ..) => setting_of(at, section, input, label, about, visits)?,
        (None, Some(shows), ..) => Verb::Row { shows: at.text(shows, "`row`", about, visits)?, entry: entry.clone() },
        (None, None, Some(look), _) => Verb::Look { text: at.text(look, "`look`", about, visits)? },
        (None, None, None, press) => Verb::Press { label: press.clone().unwrap_or_default() },
    };
    let labels = [press, entry, fill, choose, tick, secret].into_iter().flatten();
    if labels.clone().any(|label| label.trim().is_empty() || label.contains('\n')) {
        at.problems.add(codes::PROFILE_SYNTAX, place, "a label is one line, and not empty");
    }
    Some(CompiledStep { verb, when: when.flatten(), source: source.unwrap_or(screens) })
}

/// The kind of what this action makes as well.
fn carried(at: &mut At<'_, '_, '_>, of: &Spanned<String>) -> Option<Kind> {
    let kind = super::compile::had(&of.value, of.referenced, at.kinds, at.problems)?;
    let carries = kind == at.kind || at.kinds.get(&kind).is_some_and(|c| c.carried_by == Some(at.kind));
    if !carries {
        let what = format!("{kind} is not made with {}: `of` names a kind that is carried by it (`carriedBy`)", at.kind);
        at.problems.add(codes::PROFILE_CONTRADICTION, of.referenced, what);
    }
    Some(kind)
}

fn setting_of(at: &mut At<'_, '_, '_>, section: &Spanned<StepSection>, input: Input, label: &str, of: Kind, visits: bool) -> Option<Verb> {
    let StepSection { field, value, .. } = &section.value;
    let place = section.referenced;
    if input == Input::Secret && value.is_some() {
        at.problems.add(codes::PROFILE_CONTRADICTION, place, "a secret is named by `field` and never written: take `value` out");
    }
    if field.is_none() && (value.is_none() || input == Input::Secret) {
        at.problems.add(codes::PROFILE_CONTRADICTION, place, "a step says nothing to set: write `field`, or `value`");
        return None;
    }
    let target = match field {
        Some(field) => Some(target(at, field, of)?),
        None => None,
    };
    if let Some(target) = &target {
        fits(at, target, input, of, value.is_some(), place);
    }
    let value = match value {
        Some(value) => Some(at.text(value, "`value`", of, visits)?),
        None => None,
    };
    let takes = value.as_ref().map_or_else(Vec::new, |v| v.takes(of));
    Some(Verb::Set(Setting { input, label: label.to_owned(), of, target, value, takes }))
}

fn target(at: &mut At<'_, '_, '_>, field: &Spanned<String>, of: Kind) -> Option<Target> {
    let path = field.value.as_str();
    if path == "name" {
        return Some(Target::Name);
    }
    if let Some((id, _)) = of.def().field_named(path) {
        return Some(Target::Field(id));
    }
    // A key of a map may have dots of its own: the field is the shortest part that is a map.
    let entry = path.match_indices('.').find_map(|(dot, _)| {
        let (id, def) = of.def().field_named(path.get(..dot)?)?;
        matches!(def.ty, FieldType::Map(_)).then_some(())?;
        Some(Target::Entry(id, path.get(dot + 1..)?.to_owned()))
    });
    if entry.is_none() {
        at.problems.add(codes::PROFILE_NAME, field.referenced, format!("{of} has no field `{path}`"));
    }
    entry
}

/// A secret goes into a `secret` step and nothing else does; a box is ticked by a truth.
fn fits(at: &mut At<'_, '_, '_>, target: &Target, input: Input, of: Kind, given: bool, place: Location) {
    let (path, ty) = match target {
        Target::Name => ("name".to_owned(), None),
        Target::Field(id) => (of.def().field(*id).path.to_owned(), Some(&of.def().field(*id).ty)),
        Target::Entry(id, key) => {
            let def = of.def().field(*id);
            (format!("{}.{key}", def.path), if let FieldType::Map(ty) = &def.ty { Some(*ty) } else { None })
        }
    };
    let secret = ty.is_some_and(FieldType::is_secret);
    let wrong = if secret && input != Input::Secret {
        format!("`{path}` is a secret: use a `secret` step")
    } else if secret && !matches!(ty, Some(FieldType::Secret)) {
        format!("`{path}` holds several secrets: name one, as in `{path}.KEY`")
    } else if !secret && input == Input::Secret {
        format!("`{path}` is no secret: use `fill`")
    } else if input == Input::Tick && !given && !matches!(ty, Some(FieldType::Bool)) {
        format!("`{path}` is not true or false: a `tick` of it needs a `value` that is")
    } else {
        return;
    };
    at.problems.add(codes::PROFILE_CONTRADICTION, place, wrong);
}
