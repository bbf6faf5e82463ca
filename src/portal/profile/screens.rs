//! The screens of a portal, as a profile writes them down: the vendor's own menu, and for each action what a technician does there. Shapes only.
//!
//! Labels are the portal's own words. Where no page documents an action, there is no entry: a work order then says what is to be reached and
//! that no page says how. A screen is never made up. The sandbox plays the same text.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::model::work_order::Provenance;

/// The vendor's own menu.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Screens {
    /// Its places, in the menu's own order.
    #[serde(default)]
    pub menu: Vec<Place>,
}

/// One place of the menu.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Place {
    /// The labels from the menu's root to it.
    #[schemars(with = "Vec<String>")]
    pub path: Vec<Spanned<String>>,
    /// Which page says so.
    pub source: Provenance,
    /// The kind whose objects its table lists.
    #[schemars(with = "Option<String>")]
    pub lists: Option<Spanned<String>>,
}

/// What a technician does for one action of one kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ActionScreens {
    /// What it is called in the order; `${…}` is CEL.
    #[schemars(with = "Option<String>")]
    pub title: Option<Spanned<String>>,
    /// Screens in the order in which they are visited.
    #[schemars(with = "Vec<ScreenSection>")]
    pub screens: Vec<Spanned<ScreenSection>>,
    /// What the technician brings back.
    #[serde(default)]
    #[schemars(with = "Vec<EvidenceSection>")]
    pub evidence: Vec<Spanned<EvidenceSection>>,
}

/// One screen and what is done there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ScreenSection {
    /// The way to it through the menu; one of `screens.menu`. Absent: the screen before goes on.
    #[serde(default)]
    pub menu: Vec<String>,
    /// Which page documents it; each step may say otherwise.
    pub source: Provenance,
    /// CEL: whether it is visited; default always.
    #[schemars(with = "Option<String>")]
    pub when: Option<Spanned<String>>,
    /// Visited once for each item that this field gains (`item` in expressions is what a person calls it). What the field loses is no part of it.
    #[schemars(with = "Option<String>")]
    pub each: Option<Spanned<String>>,
    /// What is done, in order.
    #[schemars(with = "Vec<StepSection>")]
    pub steps: Vec<Spanned<StepSection>>,
}

/// One step: exactly one of `press`, `row`, `fill`, `choose`, `tick`, `secret`, `look`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StepSection {
    /// Press the button, tab or link of this label.
    pub press: Option<String>,
    /// Find the row that shows this; `${…}` is CEL. With `entry`, press that entry of the row's menu; without, open the row.
    #[schemars(with = "Option<String>")]
    pub row: Option<Spanned<String>>,
    /// The entry of a row's menu.
    pub entry: Option<String>,
    /// Type into the field of this label.
    pub fill: Option<String>,
    /// Pick from the list of this label.
    pub choose: Option<String>,
    /// Set the check box of this label, if the value is true; else clear it.
    pub tick: Option<String>,
    /// Type a secret into the field of this label.
    pub secret: Option<String>,
    /// Look whether this is so, and stop if it is not; `${…}` is CEL.
    #[schemars(with = "Option<String>")]
    pub look: Option<Spanned<String>>,
    /// The field that a `fill`, `choose`, `tick` or `secret` sets: a dotted path, or `name` for the resource's name. A step whose field is not
    /// declared is left out. For an entry of a map of secrets: `secrets.KEY`.
    #[schemars(with = "Option<String>")]
    pub field: Option<Spanned<String>>,
    /// The kind whose field it is, where this action makes another object as well; default the action's own.
    #[schemars(with = "Option<String>")]
    pub of: Option<Spanned<String>>,
    /// What is typed or picked, where it is not the field as it is; `${…}` is CEL.
    #[schemars(with = "Option<String>")]
    pub value: Option<Spanned<String>>,
    /// CEL: whether the step is done; default always.
    #[schemars(with = "Option<String>")]
    pub when: Option<Spanned<String>>,
    /// Which page documents it; default the screen's.
    pub source: Option<Provenance>,
}

/// Something that a technician brings back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EvidenceSection {
    /// Its name.
    pub name: String,
    /// What to read off, for a person.
    pub ask: String,
    /// What it must be; `${…}` is CEL. Where that names the customer, another value means that another customer was picked.
    #[schemars(with = "Option<String>")]
    pub expect: Option<Spanned<String>>,
    /// The words that it may be; default any.
    #[serde(default)]
    pub words: Vec<String>,
    /// CEL: whether it is asked for; default always.
    #[schemars(with = "Option<String>")]
    pub when: Option<Spanned<String>>,
    /// True: it may be left out; default false.
    #[serde(default)]
    pub optional: bool,
    /// True: it is the portal's id of the object; default false.
    #[serde(default)]
    pub id: bool,
}

/// A table that a screen shows, and that a technician pastes or exports for `runbook observe`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Table {
    /// Its name, a slug.
    pub name: String,
    /// Where it is in the menu; one of `screens.menu`.
    pub menu: Vec<String>,
    /// Which page documents it.
    pub source: Provenance,
    /// What its rows are.
    #[schemars(with = "String")]
    pub kind: Spanned<String>,
    /// True: it shows one tenant, which the technician names; false: rows of all tenants.
    #[serde(default)]
    pub within_tenant: bool,
    /// Its columns by title.
    #[schemars(with = "BTreeMap<String, Column>")]
    pub columns: BTreeMap<String, Spanned<Column>>,
}

/// What a column shows: exactly one of `field`, `key`, `id`, `tenant`, `observed`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Column {
    /// A field, by dotted path.
    #[schemars(with = "Option<String>")]
    pub field: Option<Spanned<String>>,
    /// True: the natural key.
    #[serde(default)]
    pub key: bool,
    /// True: the portal's id.
    #[serde(default)]
    pub id: bool,
    /// True: the name of the tenant, as people see it.
    #[serde(default)]
    pub tenant: bool,
    /// One of `observed`.
    #[schemars(with = "Option<String>")]
    pub observed: Option<Spanned<String>>,
}

/// Something that the portal shows of a tenant beside what is declared.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Observed {
    /// Its row in `docs/portals/`, such as `IDM-3`.
    pub id: String,
    /// Which page documents it.
    pub source: Provenance,
    /// Its name, as expressions and JSON have it, such as `activeUsers`.
    pub name: String,
    /// Its name for people.
    pub title: String,
}
