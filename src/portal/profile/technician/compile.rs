//! The menu, screens and evidence of a profile, compiled; everything that is wrong with them is gathered.
//!
//! Comes in: the parsed profile and the capabilities made of it. Goes out: a [`Technician`]. What did not compile is in `problems`, and then
//! there is no profile.

use std::collections::{BTreeMap, BTreeSet};

use serde_saphyr::{Location, Spanned};

use super::steps::step;
use super::tables::{observed, portals_own, tables};
use super::{CompiledEvidence, CompiledScreen, CompiledScreens, CompiledTable, Condition, MenuPlace, ObservedValue, Text};
use crate::diagnostic::codes::portal as codes;
use crate::model::{FieldId, FieldSupport, FieldType, Kind, KindCapability, Performer};
use crate::portal::profile::cel::{CALL_VARIABLES, CompileError, Expression, Path, VISIT_VARIABLES};
use crate::portal::profile::compile::{Problems, reconciled};
use crate::portal::profile::document::{Action, Document};
use crate::portal::profile::paths;
use crate::portal::profile::screens::{ActionScreens, EvidenceSection, Place, ScreenSection};
use crate::portal::profile::template::Template;

/// Everything that a profile says for technicians.
#[derive(Debug, Default)]
pub(in crate::portal::profile) struct Technician {
    pub(super) menu: Vec<MenuPlace>,
    pub(super) screens: BTreeMap<(Kind, Action), CompiledScreens>,
    pub(super) tables: Vec<CompiledTable>,
    pub(super) observed: Vec<ObservedValue>,
    pub(super) portals_own: BTreeMap<Kind, Expression>,
}

/// See the module.
pub(in crate::portal::profile) fn compile(
    document: &Document,
    kinds: &BTreeMap<Kind, KindCapability>,
    problems: &mut Problems<'_>,
) -> Technician {
    let menu = menu(document, kinds, problems);
    let observed = observed(document, problems);
    let tables = tables(document, kinds, &menu, &observed, problems);
    let mut technician = Technician { menu, observed, tables, ..Technician::default() };
    for (name, section) in &document.kinds {
        let Some((kind, capability)) = Kind::from_name(name).and_then(|k| Some((k, kinds.get(&k)?))) else { continue };
        if let Some(own) = &section.value.portals_own {
            technician.portals_own.extend(portals_own(kind, own, problems).map(|own| (kind, own)));
        }
        technicians_fields(kind, capability, section.referenced, problems);
        for (action, screens) in &section.value.screens {
            may_have_screens(kind, *action, capability, screens.referenced, problems);
            let mut at = At { kind, action: *action, menu: &technician.menu, kinds, problems };
            let compiled = at.action_screens(&screens.value);
            technician.screens.insert((kind, *action), compiled);
        }
    }
    technician
}

fn menu(document: &Document, kinds: &BTreeMap<Kind, KindCapability>, problems: &mut Problems<'_>) -> Vec<MenuPlace> {
    let mut menu: Vec<MenuPlace> = Vec::new();
    for Place { path, source, lists } in &document.screens.menu {
        let at = path.first().map_or(Location::UNKNOWN, |p| p.referenced);
        let path: Vec<_> = path.iter().map(|p| p.value.clone()).collect();
        if path.is_empty() || path.iter().any(|label| label.trim().is_empty()) {
            problems.add(codes::PROFILE_SYNTAX, at, "a place of the menu has no label");
        } else if menu.iter().any(|place| place.path == path) {
            problems.add(codes::PROFILE_CONTRADICTION, at, format!("the menu has two places {}", path.join(" › ")));
        }
        let lists = lists.as_ref().and_then(|kind| had(&kind.value, kind.referenced, kinds, problems));
        menu.push(MenuPlace { path, source: *source, lists });
    }
    menu
}

/// A kind that the portal has.
pub(super) fn had(name: &str, at: Location, kinds: &BTreeMap<Kind, KindCapability>, problems: &mut Problems<'_>) -> Option<Kind> {
    let kind = reconciled(name, at, problems)?;
    if !kinds.contains_key(&kind) {
        problems.add(
            codes::PROFILE_CONTRADICTION,
            at,
            format!("{kind} is named, and the portal has none: add it under `kinds`, or take this out"),
        );
    }
    Some(kind)
}

/// The place of a menu path.
pub(super) fn place_of(path: &[String], menu: &[MenuPlace], at: Location, problems: &mut Problems<'_>) -> Option<usize> {
    let found = menu.iter().position(|place| place.path == path);
    if found.is_none() {
        let what = format!("`screens.menu` has no place {}: add it there, or correct the labels", path.join(" › "));
        problems.add(codes::PROFILE_NAME, at, what);
    }
    found
}

/// A field that only a technician sets is set by an update of the object.
fn technicians_fields(kind: Kind, capability: &KindCapability, at: Location, problems: &mut Problems<'_>) {
    let by_hand = || capability.fields.iter().filter(|(_, support)| **support == FieldSupport::Technician);
    if capability.update != Performer::Unsupported {
        return;
    }
    for (field, _) in by_hand() {
        let path = kind.def().field(*field).path;
        let what = format!("a technician sets `{path}` once the {kind} is there, and nobody updates one: write `update: technician`");
        problems.add(codes::PROFILE_CONTRADICTION, at, what);
    }
}

/// Screens are for what a technician does, wholly or for some fields.
fn may_have_screens(kind: Kind, action: Action, capability: &KindCapability, at: Location, problems: &mut Problems<'_>) {
    let performer = match action {
        Action::Read => Performer::Unsupported,
        Action::Create => capability.create,
        Action::Update => capability.update,
        Action::Delete => capability.delete,
        Action::Resend => capability.resend,
    };
    let some_fields = capability.fields.values().any(|support| *support == FieldSupport::Technician);
    let fine = match performer {
        Performer::Technician => true,
        Performer::Call => some_fields,
        Performer::Unsupported => false,
    };
    if !fine {
        let what =
            format!("{kind} has screens for an action that no technician performs: write `technician` for it, or take the screens out");
        problems.add(codes::PROFILE_CONTRADICTION, at, what);
    }
}

/// What compiling the screens of one action needs.
pub(super) struct At<'a, 'p, 'l> {
    pub(super) kind: Kind,
    pub(super) action: Action,
    pub(super) menu: &'a [MenuPlace],
    pub(super) kinds: &'a BTreeMap<Kind, KindCapability>,
    pub(super) problems: &'p mut Problems<'l>,
}

impl At<'_, '_, '_> {
    fn action_screens(&mut self, section: &ActionScreens) -> CompiledScreens {
        let ActionScreens { title, screens, evidence } = section;
        if screens.is_empty() {
            let at = evidence.first().map_or(Location::UNKNOWN, |e| e.referenced);
            let what = format!("{} has no screen: take the entry out where no page documents it", self.words());
            self.problems.add(codes::PROFILE_CONTRADICTION, at, what);
        }
        let title = title.as_ref().and_then(|t| self.text(t, "title", self.kind, false));
        let screens = screens.iter().map(|s| self.screen(s)).collect();
        let mut names = BTreeSet::new();
        let mut ids = 0;
        let mut compiled = Vec::new();
        for section in evidence {
            let EvidenceSection { name, ask, expect, words, when, optional, id } = &section.value;
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
                let what = format!("evidence `{name}`: a name has letters, digits, `-`, `_` and `.` alone");
                self.problems.add(codes::PROFILE_SYNTAX, section.referenced, what);
            }
            if !names.insert(name.as_str()) {
                self.problems.add(codes::PROFILE_CONTRADICTION, section.referenced, format!("two evidence are called `{name}`"));
            }
            ids += usize::from(*id);
            if *id && ids > 1 {
                self.problems.add(codes::PROFILE_CONTRADICTION, section.referenced, "two evidence are the portal's id of the object");
            }
            let expect = expect.as_ref().and_then(|e| self.text(e, &format!("`expect` of evidence {name}"), self.kind, false));
            let when = when.as_ref().and_then(|when| self.condition(when, self.kind, false));
            let (name, ask, words) = (name.clone(), ask.clone(), words.clone());
            compiled.push(CompiledEvidence { name, ask, expect, words, when, optional: *optional, id: *id });
        }
        CompiledScreens { title, screens, evidence: compiled }
    }

    fn screen(&mut self, section: &Spanned<ScreenSection>) -> CompiledScreen {
        let ScreenSection { menu, source, when, each, steps } = &section.value;
        let place = if menu.is_empty() { None } else { place_of(menu, self.menu, section.referenced, self.problems) };
        if steps.is_empty() {
            self.problems.add(codes::PROFILE_CONTRADICTION, section.referenced, format!("a screen of {} has no step", self.words()));
        }
        let each_field = each.as_ref().and_then(|field| self.each(field));
        let visits = each.is_some();
        let when = when.as_ref().and_then(|w| self.condition(w, self.kind, visits));
        let steps = steps.iter().filter_map(|s| step(self, s, *source, visits)).collect();
        CompiledScreen { menu: place, source: *source, when, each: each_field, steps }
    }

    /// A field whose items are texts or references.
    fn each(&mut self, field: &Spanned<String>) -> Option<FieldId> {
        let kind = self.kind;
        let Some((id, def)) = kind.def().field_named(&field.value) else {
            self.problems.add(codes::PROFILE_NAME, field.referenced, format!("{kind} has no field `{}`", field.value));
            return None;
        };
        let items = match def.ty {
            FieldType::Organizations => true,
            FieldType::List(item) | FieldType::Set(item) => !matches!(item, FieldType::Record(_)) && !item.is_secret(),
            _ => false,
        };
        if !items {
            let what = format!("`{}` of {kind} is {}: only a list or a set of plain items is visited item by item", field.value, def.ty);
            self.problems.add(codes::PROFILE_CONTRADICTION, field.referenced, what);
        }
        items.then_some(id)
    }

    /// `create of User`.
    pub(super) fn words(&self) -> String {
        let action = match self.action {
            Action::Read => "read",
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
            Action::Resend => "resend",
        };
        format!("`{action}` of {}", self.kind)
    }

    pub(super) fn text(&mut self, source: &Spanned<String>, what: &str, of: Kind, visits: bool) -> Option<Text> {
        let template = Template::compile(&source.value, variables(visits)).map_err(|e| self.wrong(source, e)).ok()?;
        self.check(template.paths(), source, of);
        Some(Text { template, place: self.place(what, source) })
    }

    pub(super) fn condition(&mut self, source: &Spanned<String>, of: Kind, visits: bool) -> Option<Condition> {
        let compiled = Expression::compile(&[&source.value], variables(visits)).pop()?;
        let expression = compiled.map_err(|e| self.wrong(source, e)).ok()?;
        self.check(expression.paths().iter(), source, of);
        Some(Condition { expression, place: self.place("`when`", source) })
    }

    /// Where something stands, for a person who sees only the work that could not be written.
    fn place(&self, what: &str, source: &Spanned<String>) -> String {
        format!("{what} in the screens of {} (line {} of the profile)", self.words(), source.referenced.line())
    }

    fn check<'x>(&mut self, found: impl Iterator<Item = &'x Path>, source: &Spanned<String>, of: Kind) {
        for path in found {
            if let Some(problem) = paths::problem(path, &[of]) {
                self.problems.add(codes::PROFILE_NAME, source.referenced, problem);
            }
            let secret = paths::fields_of_self(std::iter::once(path), of).into_iter().find(|id| of.def().field(*id).ty.is_secret());
            if let Some(id) = secret {
                let what = format!("`{}` is a secret, which no text shows: use a `secret` step", of.def().field(id).path);
                self.problems.add(codes::PROFILE_CONTRADICTION, source.referenced, what);
            }
        }
    }

    pub(super) fn wrong(&mut self, source: &Spanned<String>, error: CompileError) {
        wrong(source.referenced, error, self.problems);
    }
}

/// An expression that does not compile.
pub(super) fn wrong(at: Location, error: CompileError, problems: &mut Problems<'_>) {
    match error {
        CompileError::Wrong(why) => problems.add(codes::PROFILE_EXPRESSION, at, why),
        CompileError::TooCostly(why) => problems.add(codes::PROFILE_BUDGET, at, why),
    }
}

const fn variables(visits: bool) -> &'static [&'static str] {
    if visits { &VISIT_VARIABLES } else { &CALL_VARIABLES }
}
