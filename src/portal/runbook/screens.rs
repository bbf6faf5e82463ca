//! The profile's screens for one call: which are visited, which steps are done there, and with which values.
//!
//! Comes in: compiled screens and the objects of a call. Goes out: screens with texts in them, and what they covered. Steps about what is not
//! declared (or, for an update, not changed) are left out, and a run of screens in which nothing is left to set is left out whole.

use super::cover::{Covered, Object, entry};
use super::values::{item, secret, typed};
use crate::model::work_order::{Act, Screen, Step};
use crate::model::{FieldId, IntentAction, Kind, Value};
use crate::portal::profile::cel::{CallScope, EvalError};
use crate::portal::profile::technician::{CompiledScreen, CompiledStep, Condition, Input, MenuPlace, Setting, Target, Verb};

/// One object of the call with its scope and what was covered of it; the call's own first, then what is made with it.
pub(super) struct Part<'a> {
    pub(super) object: Object<'a>,
    pub(super) scope: CallScope<'a>,
    pub(super) covered: Covered,
}

/// See the module.
pub(super) fn visit(screens: &[CompiledScreen], menu: &[MenuPlace], parts: &mut [Part<'_>]) -> Result<Vec<Screen>, EvalError> {
    let Some(action) = parts.first().map(|p| p.object.action) else { return Ok(Vec::new()) };
    let mut visited = Vec::new();
    let mut sets_any = false;
    // A screen without a menu path goes on from the one before: such a run stands or falls together.
    for (at, run) in screens.chunk_by(|_, next| next.menu.is_none()).enumerate() {
        let mut found = Run::default();
        for screen in run {
            found.screen(screen, menu, parts)?;
        }
        // The first screens of a creation are what makes it.
        let needed = found.sets || !run.iter().any(sets) || (at == 0 && action == IntentAction::Create);
        if needed && found.screens.iter().any(|s| !s.steps.is_empty()) {
            sets_any |= found.sets;
            visited.extend(found.screens);
            for (part, field) in found.covers {
                let covered = parts.get_mut(part).map(|p| &mut p.covered);
                match (covered, field) {
                    (Some(covered), Cover::Field(field)) => covered.field(field),
                    (Some(covered), Cover::Entry(field, key)) => covered.entry(field, &key),
                    (Some(covered), Cover::Gained(field)) => covered.gained(field),
                    (Some(covered), Cover::Touched) => covered.touched = true,
                    (None, _) => {}
                }
            }
        }
    }
    if action == IntentAction::Update && !sets_any {
        visited.clear();
    }
    Ok(visited)
}

/// Whether a screen can set anything that is declared.
fn sets(screen: &CompiledScreen) -> bool {
    let targets = |step: &CompiledStep| matches!(&step.verb, Verb::Set(Setting { target: Some(_), .. }));
    screen.each.is_some() || screen.steps.iter().any(targets)
}

enum Cover {
    Field(FieldId),
    Entry(FieldId, String),
    Gained(FieldId),
    Touched,
}

#[derive(Default)]
struct Run {
    screens: Vec<Screen>,
    sets: bool,
    /// By part of the call.
    covers: Vec<(usize, Cover)>,
}

impl Run {
    fn screen(&mut self, screen: &CompiledScreen, menu: &[MenuPlace], parts: &[Part<'_>]) -> Result<(), EvalError> {
        let Some(own) = parts.first() else { return Ok(()) };
        let Some(field) = screen.each else { return self.once(screen, menu, parts, None) };
        let def = own.object.address.kind.def().field(field);
        if own.object.sets(field) {
            self.covers.push((0, Cover::Gained(field)));
        }
        for gained in own.object.gains(field) {
            let called = item(def, gained, own.object.around);
            self.once(screen, menu, parts, Some((field, &called)))?;
        }
        Ok(())
    }

    /// One visit; for an item of a field, if the screen is visited item by item.
    fn once(
        &mut self,
        screen: &CompiledScreen,
        menu: &[MenuPlace],
        parts: &[Part<'_>],
        visit: Option<(FieldId, &str)>,
    ) -> Result<(), EvalError> {
        let Some(own) = parts.first() else { return Ok(()) };
        let item = visit.map(|(_, item)| item);
        if !holds(screen.when.as_ref(), &CallScope { item, ..own.scope })? {
            return Ok(());
        }
        self.sets |= visit.is_some();
        let path = screen.menu.and_then(|at| menu.get(at)).map(|p| p.path.clone()).unwrap_or_default();
        let mut steps = Vec::new();
        for step in &screen.steps {
            let of = if let Verb::Set(setting) = &step.verb { setting.of } else { own.object.address.kind };
            let Some((at, part)) = part_of(parts, of) else { continue };
            let scope = CallScope { item, ..part.scope };
            // Asked first: a condition about what is not declared has no value.
            let left_out = matches!(&step.verb, Verb::Set(setting) if !wanted(setting, &part.object, visit));
            if left_out || !holds(step.when.as_ref(), &scope)? {
                continue;
            }
            let act = match &step.verb {
                Verb::Press { label } => Some(Act::Press { label: label.clone() }),
                Verb::Row { shows, entry } => {
                    // What is made out of a row has what the row shows. An update may look for it by what it had.
                    if own.object.action == IntentAction::Create {
                        self.covers.extend(shows.takes(of).into_iter().map(|field| (at, Cover::Field(field))));
                    }
                    Some(Act::Row { shows: shows.render(&scope)?, entry: entry.clone() })
                }
                Verb::Look { text } => {
                    // What is seen to be so is reached.
                    if own.object.action == IntentAction::Create {
                        self.covers.extend(text.takes(of).into_iter().map(|field| (at, Cover::Field(field))));
                    }
                    Some(Act::Look { text: text.render(&scope)? })
                }
                Verb::Set(setting) => self.setting(setting, at, &part.object, &scope, visit)?,
            };
            steps.extend(act.map(|act| Step { act, source: Some(step.source) }));
        }
        if !steps.is_empty() || !path.is_empty() {
            self.screens.push(Screen { menu: path, steps });
        }
        Ok(())
    }

    /// A value into a screen; `None`: there is nothing to set, or no way to set it here.
    fn setting(
        &mut self,
        setting: &Setting,
        at: usize,
        object: &Object<'_>,
        scope: &CallScope<'_>,
        visit: Option<(FieldId, &str)>,
    ) -> Result<Option<Act>, EvalError> {
        let Setting { input, label, of: _, target, value, takes } = setting;
        let item = visited_for(target.as_ref(), visit);
        let label = label.clone();
        let text = || match (value, item) {
            (Some(value), _) => value.render(scope),
            (None, Some(item)) => Ok(item.to_owned()),
            (None, None) => Ok(as_declared(target.as_ref(), object)),
        };
        let act = match input {
            Input::Fill => Act::Fill { label, value: text()? },
            Input::Choose => match text()? {
                // No list has an entry for nothing.
                empty if empty.is_empty() => return Ok(None),
                value => Act::Choose { label, value },
            },
            Input::Tick => match value {
                Some(value) => Act::Tick { label, on: value.truth(scope)? },
                None => Act::Tick { label, on: declared(target.as_ref(), object).is_some_and(Value::is_true) },
            },
            Input::Secret => match declared(target.as_ref(), object) {
                Some(Value::Secret(reference)) => Act::Secret { label, reference: secret(reference) },
                _ => return Ok(None),
            },
        };
        let (cover, sets) = match target {
            Some(Target::Field(_)) if item.is_some() => (Cover::Touched, true),
            Some(Target::Field(field)) => (Cover::Field(*field), true),
            Some(Target::Entry(field, key)) => (Cover::Entry(*field, key.clone()), true),
            Some(Target::Name) => (Cover::Touched, true),
            None => (Cover::Touched, false),
        };
        self.sets |= sets;
        self.covers.push((at, cover));
        self.covers.extend(takes.iter().map(|field| (at, Cover::Field(*field))));
        Ok(Some(act))
    }
}

/// The item that a screen is visited for, if the step sets the field that has it.
fn visited_for<'i>(target: Option<&Target>, visit: Option<(FieldId, &'i str)>) -> Option<&'i str> {
    visit.filter(|(field, _)| target == Some(&Target::Field(*field))).map(|(_, item)| item)
}

/// Whether a step has something to set in this call.
fn wanted(setting: &Setting, object: &Object<'_>, visit: Option<(FieldId, &str)>) -> bool {
    let Setting { target, takes, .. } = setting;
    if visited_for(target.as_ref(), visit).is_some() {
        return true;
    }
    match target {
        None => true,
        Some(Target::Name) => object.action != IntentAction::Update,
        Some(Target::Field(field)) => object.sets(*field) || (object.named.get(*field).is_some() && takes.iter().any(|f| object.sets(*f))),
        Some(Target::Entry(field, key)) => {
            let now = object.named.get(*field).and_then(|v| entry(v, key));
            let had = object.before.get(*field).and_then(|v| entry(v, key));
            // What a secret was nobody knows.
            object.sets(*field) && now.is_some_and(|now| matches!(now, Value::Secret(_)) || had != Some(now))
        }
    }
}

fn declared<'a>(target: Option<&Target>, object: &Object<'a>) -> Option<&'a Value> {
    match target? {
        Target::Name => None,
        Target::Field(field) => object.named.get(*field),
        Target::Entry(field, key) => object.named.get(*field).and_then(|v| entry(v, key)),
    }
}

/// A target's value as it is typed.
fn as_declared(target: Option<&Target>, object: &Object<'_>) -> String {
    let def = object.address.kind.def();
    match target {
        None => String::new(),
        Some(Target::Name) => object.address.name.to_string(),
        Some(Target::Field(field)) => {
            object.named.get(*field).map_or_else(String::new, |value| typed(def.field(*field), value, object.around))
        }
        Some(Target::Entry(..)) => match declared(target, object).map(Value::to_json) {
            Some(serde_json::Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => String::new(),
        },
    }
}

fn holds(when: Option<&Condition>, scope: &CallScope<'_>) -> Result<bool, EvalError> {
    when.map_or(Ok(true), |when| when.holds(scope))
}

fn part_of<'p, 'a>(parts: &'p [Part<'a>], of: Kind) -> Option<(usize, &'p Part<'a>)> {
    parts.iter().enumerate().find(|(_, part)| part.object.address.kind == of)
}
