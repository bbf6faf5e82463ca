//! What a technician sees and does in a portal, compiled: its menu, the screens of each action, its tables, and what it shows beside.
//!
//! Comes in: the shapes of [`super::screens`]. Goes out: values that the `runbook` driver turns into work orders, that `runbook observe` reads
//! tables by, and that the sandbox plays. Nothing is looked up by a text here any more: places, fields and expressions are what they name.

mod compile;
mod steps;
mod tables;

use super::Profile;
use super::cel::{EvalError, Expression, ItemScope, Scope};
use super::document::Action;
use super::paths;
use super::template::Template;
use crate::model::work_order::Provenance;
use crate::model::{FieldId, Kind, LiveObject};

pub(super) use compile::{Technician, compile};

/// A place of the vendor's menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuPlace {
    /// The labels from the menu's root to it.
    pub path: Vec<String>,
    /// Which page says so.
    pub source: Provenance,
    /// The kind whose objects its table lists.
    pub lists: Option<Kind>,
}

/// What a technician does for one action of one kind.
#[derive(Debug)]
pub struct CompiledScreens {
    /// What it is called in an order; `None`: the driver's own words.
    pub title: Option<Text>,
    /// Screens in the order in which they are visited.
    pub screens: Vec<CompiledScreen>,
    /// What the technician brings back.
    pub evidence: Vec<CompiledEvidence>,
}

/// One screen.
#[derive(Debug)]
pub struct CompiledScreen {
    /// Its place in [`Profile::menu`]; `None`: the screen before goes on, or no page says where it is.
    pub menu: Option<usize>,
    /// Which page documents it.
    pub source: Provenance,
    /// Whether it is visited.
    pub when: Option<Condition>,
    /// Visited once for each item that this field gains.
    pub each: Option<FieldId>,
    /// What is done, in order.
    pub steps: Vec<CompiledStep>,
}

/// One step.
#[derive(Debug)]
pub struct CompiledStep {
    /// What is done.
    pub verb: Verb,
    /// Whether it is done.
    pub when: Option<Condition>,
    /// Which page documents it.
    pub source: Provenance,
}

/// What is done in a step. Labels are the portal's own.
#[derive(Debug)]
pub enum Verb {
    /// Press a button, a tab or a link.
    Press {
        /// Its label.
        label: String,
    },
    /// Find a row.
    Row {
        /// What it shows.
        shows: Text,
        /// The entry of its menu; `None`: the row is opened.
        entry: Option<String>,
    },
    /// Look, and go on only if it is so.
    Look {
        /// What must be so.
        text: Text,
    },
    /// Type, pick or tick.
    Set(Setting),
}

/// A value that goes into a screen.
#[derive(Debug)]
pub struct Setting {
    /// How.
    pub input: Input,
    /// The label of the field, list or box.
    pub label: String,
    /// The kind whose object it is about: the action's own, or that of what is made with it.
    pub of: Kind,
    /// What it sets; `None`: nothing that is declared.
    pub target: Option<Target>,
    /// What is typed or picked; `None`: the target's value as it is.
    pub value: Option<Text>,
    /// The fields that `value` takes: they are done with it too.
    pub takes: Vec<FieldId>,
}

/// How a value goes into a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Typed.
    Fill,
    /// Picked.
    Choose,
    /// Ticked or cleared.
    Tick,
    /// Typed, and never written down.
    Secret,
}

/// What a value is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The resource's name.
    Name,
    /// A field.
    Field(FieldId),
    /// One entry of a map.
    Entry(FieldId, String),
}

/// Something that a technician brings back.
#[derive(Debug)]
pub struct CompiledEvidence {
    /// Its name.
    pub name: String,
    /// What to read off.
    pub ask: String,
    /// What it must be.
    pub expect: Option<Text>,
    /// The words that it may be; none: any.
    pub words: Vec<String>,
    /// Whether it is asked for.
    pub when: Option<Condition>,
    /// True: it may be left out.
    pub optional: bool,
    /// True: it is the portal's id of the object.
    pub id: bool,
}

/// A table that a screen shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledTable {
    /// Its name.
    pub name: String,
    /// Its place in [`Profile::menu`].
    pub menu: usize,
    /// Which page documents it.
    pub source: Provenance,
    /// What its rows are.
    pub kind: Kind,
    /// True: it shows one tenant, which the technician names.
    pub within_tenant: bool,
    /// Its columns by title, sorted.
    pub columns: Vec<(String, Shows)>,
}

/// What a column shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shows {
    /// A field.
    Field(FieldId),
    /// The natural key.
    Key,
    /// The portal's id.
    Id,
    /// The name of the tenant, as people see it.
    Tenant,
    /// Something of [`Profile::observed`], by its name.
    Observed(String),
}

/// Something that the portal shows of a tenant beside what is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedValue {
    /// Its row in `docs/portals/`.
    pub id: String,
    /// Which page documents it.
    pub source: Provenance,
    /// Its name in expressions and JSON.
    pub name: String,
    /// Its name for people.
    pub title: String,
}

/// A text of the profile with expressions in it, and where it stands.
#[derive(Debug)]
pub struct Text {
    template: Template,
    place: String,
}

impl Text {
    /// The text for a call.
    ///
    /// # Errors
    /// When an expression has no value; the place in the profile is in it.
    pub fn render(&self, scope: &dyn Scope) -> Result<String, EvalError> {
        self.template.render(scope).map_err(|e| EvalError(format!("{} has no value: {e}", self.place)))
    }

    /// Itself, if it has no expressions.
    pub fn literal(&self) -> Option<&str> {
        self.template.literal()
    }

    /// The fields of `self` that it takes, for a text about this kind.
    pub fn takes(&self, of: Kind) -> Vec<FieldId> {
        paths::fields_of_self(self.template.paths(), of)
    }

    /// Whether it comes to `true`, for a box that is ticked.
    ///
    /// # Errors
    /// When it has no value, or one that is neither `true` nor `false`; the place in the profile is in it.
    pub fn truth(&self, scope: &dyn Scope) -> Result<bool, EvalError> {
        match self.render(scope)?.as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(EvalError(format!("{} is neither `true` nor `false`", self.place))),
        }
    }
}

/// A condition of the profile, and where it stands.
#[derive(Debug)]
pub struct Condition {
    expression: Expression,
    place: String,
}

impl Condition {
    /// Whether it holds for a call.
    ///
    /// # Errors
    /// When it cannot be evaluated; the place in the profile is in it.
    pub fn holds(&self, scope: &dyn Scope) -> Result<bool, EvalError> {
        self.expression.holds(scope).map_err(|e| EvalError(format!("{} has no value: {e}", self.place)))
    }
}

impl Profile {
    /// The vendor's own menu, in its order.
    pub fn menu(&self) -> &[MenuPlace] {
        &self.technician.menu
    }

    /// What a technician does for an action; `None`: no page that we know documents it.
    pub fn screens(&self, kind: Kind, action: Action) -> Option<&CompiledScreens> {
        self.technician.screens.get(&(kind, action))
    }

    /// Tables that its screens show.
    pub fn tables(&self) -> &[CompiledTable] {
        &self.technician.tables
    }

    /// What it shows of a tenant beside what is declared.
    pub fn observed(&self) -> &[ObservedValue] {
        &self.technician.observed
    }

    /// Whether an object is the portal's own. Where that cannot be told it is not: then a person sees it as unmanaged, and nothing that the
    /// ledger does not have is ever deleted.
    pub fn is_portals_own(&self, object: &LiveObject) -> bool {
        let own = self.technician.portals_own.get(&object.kind);
        own.is_some_and(|own| own.holds(&ItemScope(object)).unwrap_or(false))
    }
}
