//! The calls of a profile, compiled: what the `rest` driver performs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::connection::Method;
use super::connection::compiled::{Connection, Paging};
use super::document::{UpdateStyle, Within};
use super::tree::Tree;
use crate::model::work_order::Provenance;
use crate::model::{FieldId, IntentAction, Kind};
use crate::portal::profile::cel::{Expression, Path};
use crate::portal::profile::template::Template;

/// An API, as a profile describes it.
#[derive(Debug)]
pub struct Http {
    /// How it is reached.
    pub connection: Arc<Connection>,
    /// The id of the MSP's own tenant, where the API has one.
    pub msp: Option<Box<str>>,
    /// Its kinds.
    pub kinds: BTreeMap<Kind, KindCalls>,
}

/// One kind in the API.
#[derive(Debug, Default)]
pub struct KindCalls {
    /// Where its objects are listed.
    pub lists: Vec<List>,
    /// Where they stand in the items of organizations.
    pub nested: Vec<Nested>,
    /// How an item becomes an object; there is one wherever there are lists.
    pub item: Option<Item>,
    /// How one object is read again.
    pub get: Option<Get>,
    /// The steps of each action.
    pub actions: Vec<(IntentAction, Vec<Step>)>,
}

impl KindCalls {
    /// The steps of an action; none where it has none.
    pub fn steps(&self, action: IntentAction) -> &[Step] {
        self.actions.iter().find(|(a, _)| *a == action).map_or(&[], |(_, steps)| steps)
    }
}

/// What is asked: a path, a query and perhaps a body.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: Template,
    /// Query parameters.
    pub query: Vec<(String, Template)>,
    /// Headers.
    pub headers: Vec<(String, Template)>,
    /// What is sent.
    pub content: Content,
}

impl Ask {
    /// Whether it says which tenant it is about: without an id of that it must not be asked, for an API may then think of another one.
    pub fn names_tenant(&self) -> bool {
        self.paths().any(|p| p.root == "tenant" && p.fields.first().is_some_and(|f| f == "id"))
    }

    /// The field paths it names.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let sent: Vec<&Template> = match &self.content {
            Content::None => Vec::new(),
            Content::Json(tree) => tree.templates(),
            Content::Form(fields) => fields.iter().map(|(_, value)| value).collect(),
        };
        let beside = self.query.iter().chain(&self.headers).map(|(_, value)| value);
        sent.into_iter().chain(std::iter::once(&self.path)).chain(beside).flat_map(Template::paths)
    }
}

/// What is sent.
#[derive(Debug, Clone)]
pub enum Content {
    /// Nothing.
    None,
    /// JSON.
    Json(Tree),
    /// A form.
    Form(Vec<(String, Template)>),
}

/// A list of the API.
#[derive(Debug)]
pub struct List {
    /// Its name in the profile.
    pub name: Box<str>,
    /// What it spans.
    pub within: Within,
    /// How it is read.
    pub reading: Reading,
    /// How it is read of one tenant, where it is one of the whole portal and few tenants are wanted.
    pub of_tenant: Option<Reading>,
    /// Which items count.
    pub filter: Option<Expression>,
    /// Whose an item is.
    pub tenant: Option<Expression>,
    /// Items of one value are one object.
    pub group: Option<Expression>,
    /// The object that an item tells more about.
    pub join: Option<Expression>,
    /// The list whose objects stand in for its own of the same id.
    pub unless: Option<Box<str>>,
    /// A list of so many items or more may have been cut.
    pub cut_at: Option<usize>,
}

/// How a list is read.
#[derive(Debug)]
pub struct Reading {
    /// What is asked for a page.
    pub ask: Ask,
    /// A page's items; `None`: the body.
    pub items: Option<Expression>,
    /// How one page follows another.
    pub paging: Arc<Paging>,
    /// Whether "not there" means that it is empty.
    pub absent_is_empty: bool,
}

/// A list in the items of organizations.
#[derive(Debug)]
pub struct Nested {
    /// Its name in the profile.
    pub name: Box<str>,
    /// Its items, of an organization's.
    pub items: Expression,
    /// Which items count.
    pub filter: Option<Expression>,
}

/// How an item becomes an object.
#[derive(Debug)]
pub struct Item {
    /// The portal's id.
    pub id: Expression,
    /// The natural key; `None`: a name made of `displayName`.
    pub key: Option<Expression>,
    /// Fields.
    pub fields: Vec<(FieldId, Expression)>,
    /// Its state.
    pub state: Option<Expression>,
    /// Until when its invitation holds.
    pub expires: Option<Expression>,
    /// Whose mark it bears.
    pub owner: Option<Expression>,
    /// The idempotency key that it was made with.
    pub created_by: Option<Expression>,
    /// Whether it is the portal's own.
    pub portals_own: Option<Expression>,
    /// What is shown of the tenant.
    pub observed: Vec<(Box<str>, Expression)>,
}

/// How one object is read.
#[derive(Debug)]
pub struct Get {
    /// What is asked.
    pub ask: Ask,
    /// The item; `None`: the body.
    pub item: Option<Expression>,
    /// The list that it could be of.
    pub list: Box<str>,
}

/// One step of an action.
#[derive(Debug)]
pub struct Step {
    /// Whether it is done.
    pub when: Option<Expression>,
    /// Done once for each of these.
    pub each: Option<Each>,
    /// What is done.
    pub act: StepAct,
}

/// Which items of a field a step is done for.
#[derive(Debug, Clone, Copy)]
pub enum Each {
    /// Those it gains.
    Added(FieldId),
    /// Those it loses.
    Removed(FieldId),
}

/// What a step does.
#[derive(Debug)]
pub enum StepAct {
    /// A call.
    Call(Box<CallStep>),
    /// A person's turn.
    Person(Box<PersonStep>),
    /// A wait.
    Wait(Box<WaitStep>),
}

/// A call.
#[derive(Debug)]
pub struct CallStep {
    /// What is sent.
    pub ask: Ask,
    /// What `self` holds.
    pub update: UpdateStyle,
    /// Whether `If-Match` is sent.
    pub etag: bool,
    /// Whether it may be repeated.
    pub idempotent: bool,
    /// Whether it acts inside the tenant; `None`: as the kind does.
    pub inside: Option<bool>,
    /// The new object's id.
    pub id: Option<Expression>,
    /// The ids of what is made in the same call, by kind.
    pub carried: Vec<(Kind, Expression)>,
    /// Values for later steps.
    pub take: Vec<(Box<str>, Expression)>,
    /// How to tell whether it was made already.
    pub find: Option<Find>,
}

/// How to tell whether a call was made already.
#[derive(Debug)]
pub struct Find {
    /// What is asked.
    pub ask: Ask,
    /// Whether the call was made.
    pub holds: Expression,
}

/// A person's turn.
#[derive(Debug)]
pub struct PersonStep {
    /// What it is called.
    pub title: Template,
    /// What they do, each with which page documents it.
    pub acts: Vec<(PersonAct, Provenance)>,
    /// What they bring back.
    pub evidence: Vec<Evidence>,
}

/// One thing that a person does.
#[derive(Debug)]
pub enum PersonAct {
    /// Open an address.
    Visit(Template),
    /// Press a button.
    Press(Template),
    /// Look whether something is so.
    Look(Template),
    /// See to it that something is so.
    Reach(Template),
}

/// Something that a person brings back.
#[derive(Debug)]
pub struct Evidence {
    /// Its name.
    pub name: Box<str>,
    /// What to read off.
    pub ask: Box<str>,
    /// What it must be.
    pub expect: Option<Template>,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether it is the object's id.
    pub id: bool,
}

/// A wait.
#[derive(Debug)]
pub struct WaitStep {
    /// What is asked.
    pub ask: Ask,
    /// Whether it is done.
    pub until: Expression,
    /// Whether it has failed for good.
    pub failed: Option<Expression>,
    /// How long between two questions.
    pub every: Duration,
    /// How long in all.
    pub at_most: Duration,
}
