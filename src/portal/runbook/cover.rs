//! What the screens of a profile leave uncovered, as steps that say what is to be reached and that no page says how.
//!
//! Comes in: what is declared, and what the steps did. Goes out: `Reach` steps, each with the new value and the old one. A screen is never
//! made up, and nothing that is declared is lost.

use std::collections::BTreeSet;

use super::values::{called, item, secret, typed};
use crate::model::kind::{Bearing, Placement, Sense};
use crate::model::work_order::{Act, Step};
use crate::model::{Address, FieldId, FieldType, Fields, IntentAction, Value};
use crate::portal::Around;

/// What steps did with the fields of one object.
#[derive(Debug, Default)]
pub(super) struct Covered {
    fields: BTreeSet<FieldId>,
    entries: BTreeSet<(FieldId, String)>,
    /// Items that were gained, one by one: what was lost is not covered by that.
    gained: BTreeSet<FieldId>,
    /// True: some step is about this very object.
    pub(super) touched: bool,
}

impl Covered {
    pub(super) fn field(&mut self, field: FieldId) {
        self.touched = true;
        self.fields.insert(field);
    }

    pub(super) fn entry(&mut self, field: FieldId, key: &str) {
        self.touched = true;
        self.entries.insert((field, key.to_owned()));
    }

    pub(super) fn gained(&mut self, field: FieldId) {
        self.touched = true;
        self.gained.insert(field);
    }

    /// What further screens did.
    pub(super) fn absorb(&mut self, other: Self) {
        self.fields.extend(other.fields);
        self.entries.extend(other.entries);
        self.gained.extend(other.gained);
        self.touched |= other.touched;
    }
}

/// One object of a call, with what is around it.
#[derive(Clone, Copy)]
pub(super) struct Object<'a> {
    pub(super) address: &'a Address,
    pub(super) action: IntentAction,
    pub(super) key: &'a str,
    /// Declared, references by name.
    pub(super) named: &'a Fields,
    pub(super) before: &'a Fields,
    pub(super) changed: &'a [FieldId],
    pub(super) around: &'a Around,
}

impl Object<'_> {
    /// What a person calls it.
    pub(super) fn called(&self) -> String {
        // As the portal shows it: what is to be renamed is found by its old name.
        let display = self.address.kind.def().field_named("displayName").map(|(id, _)| id);
        let renamed = display.is_some_and(|id| self.before.get(id).is_some());
        let fields = if renamed || self.named.is_empty() { self.before } else { self.named };
        called(self.address, fields, self.key)
    }

    /// `user al@acme.example`.
    pub(super) fn words(&self) -> String {
        format!("{} {}", self.address.kind.def().noun, self.called())
    }

    /// The same in a sentence that somebody follows: the name to be copied, and whose it is, for a person may be in several customers.
    fn told(&self, of: Option<&str>) -> String {
        let place = of.map(|of| format!(" in {}", quoted(of))).unwrap_or_default();
        format!("{} {}{place}", self.address.kind.def().noun, quoted(&self.called()))
    }

    /// What a technician looks for before the object is made: that it is not there.
    pub(super) fn not_yet(&self, of: Option<&str>) -> String {
        format!("there is no {} yet", self.told(of))
    }

    /// What is so once it is taken away. Who leaves a customer is deleted nowhere: a person may be in several.
    fn gone(&self, of: Option<&str>) -> String {
        let def = self.address.kind.def();
        match (def.bearing, def.placement) {
            (Bearing::Access, Placement::Member { .. }) => {
                let (called, of) = (quoted(&self.called()), of.map_or_else(|| "the MSP".to_owned(), quoted));
                format!("{} {called} is no longer among the {} of {of}; the person's account and other customers stay", def.noun, def.nouns)
            }
            (Bearing::Access, _) => format!("{} does not hold any more; the people and the customers that it names stay", self.told(of)),
            (Bearing::Data | Bearing::Settings, _) => format!("{} does not exist any more", self.told(of)),
        }
    }

    /// What a technician looks for before access is taken away: that it is there.
    pub(super) fn still(&self, of: Option<&str>) -> String {
        format!("{} is there; if it is not, nothing is left to do, and that is confirmed as done", self.told(of))
    }

    /// Whether a field is to be set now: declared and not empty for a creation, changed for an update.
    pub(super) fn sets(&self, field: FieldId) -> bool {
        match self.action {
            IntentAction::Create => self.named.get(field).is_some_and(|v| !v.is_empty() || matches!(v, Value::Bool(_))),
            IntentAction::Update => self.changed.contains(&field),
            IntentAction::Delete | IntentAction::Resend => false,
        }
    }

    /// Items that a field has now and had not before.
    pub(super) fn gains(&self, field: FieldId) -> Vec<&Value> {
        let now = self.named.get(field).and_then(Value::as_list).unwrap_or_default();
        let had = self.had(field);
        now.iter().filter(|item| self.sets(field) && !had.contains(item)).collect()
    }

    fn loses(&self, field: FieldId) -> Vec<&Value> {
        let now = self.named.get(field).and_then(Value::as_list).unwrap_or_default();
        self.had(field).iter().filter(|item| self.sets(field) && !now.contains(item)).collect()
    }

    fn had(&self, field: FieldId) -> &[Value] {
        match self.action {
            IntentAction::Create => &[],
            IntentAction::Update | IntentAction::Delete | IntentAction::Resend => {
                self.before.get(field).and_then(Value::as_list).unwrap_or_default()
            }
        }
    }

    /// What is to be reached beyond what the steps do. `whole`: no screen is about the action at all.
    pub(super) fn uncovered(&self, covered: &Covered, whole: bool, of: Option<&str>) -> Vec<Step> {
        let mut texts = Vec::new();
        if whole {
            let what = self.told(of);
            match self.action {
                IntentAction::Create => texts.push(format!("{what} exists")),
                IntentAction::Delete => texts.push(self.gone(of)),
                IntentAction::Resend => texts.push(format!("the invitation of {what} has been sent again")),
                IntentAction::Update => {}
            }
        }
        for field in self.left(covered) {
            self.field(field, covered, of, &mut texts);
        }
        texts.into_iter().map(|text| Step { act: Act::Reach { text }, source: None }).collect()
    }

    /// The fields that are to be set and that no step is about.
    pub(super) fn left(&self, covered: &Covered) -> Vec<FieldId> {
        // What the MSP says to itself, and what tenantry itself waits for, is no setting of the portal.
        let own = |sense: &Sense| sense.is_own() || matches!(sense, Sense::DeferUntil | Sense::ResendWhenExpired);
        let fields = self.address.kind.def().fields().filter(|(_, def)| !own(&def.sense)).map(|(field, _)| field);
        // What a creation gained item by item is all there is of it.
        let gained = |field: &FieldId| self.action == IntentAction::Create && covered.gained.contains(field);
        fields.filter(|field| self.sets(*field) && !covered.fields.contains(field) && !gained(field)).collect()
    }

    fn field(&self, field: FieldId, covered: &Covered, of: Option<&str>, texts: &mut Vec<String>) {
        let def = self.address.kind.def().field(field);
        // As in a form: whose it is, then what a person calls the field, and what stands in it.
        let (whose, field_words) = (self.told(of), def.words());
        let of = format!("{whose}: {field_words}");
        if covered.gained.contains(&field) {
            let lost = self.loses(field).into_iter().map(|v| item(def, v, self.around));
            texts.extend(lost.map(|lost| format!("{of} does not have {} any more", quoted(&lost))));
            return;
        }
        let now = self.named.get(field).filter(|v| !v.is_empty() || matches!(v, Value::Bool(_)));
        let had = self.before.get(field);
        if let (Some(Value::Map(now)), FieldType::Map(_)) = (now, &def.ty) {
            for (key, value) in now.iter().filter(|(key, _)| !covered.entries.contains(&(field, key.to_string()))) {
                let of = format!("{whose}: {key} in {field_words}");
                let old = had.and_then(|had| entry(had, key)).map(|v| shown(&v.to_json()));
                match value {
                    Value::Secret(reference) => texts.push(format!("{of} is the secret that is kept as {}", quoted(&secret(reference)))),
                    other => texts.push(format!("{of} is {}{}", shown(&other.to_json()), was(old))),
                }
            }
            let gone = had.and_then(|had| if let Value::Map(had) = had { Some(had) } else { None }).into_iter().flatten();
            for (key, _) in gone.filter(|(key, _)| !now.iter().any(|(k, _)| k == key)) {
                texts.push(format!("{whose}: {key} in {field_words} is not set any more"));
            }
            return;
        }
        let value = |value: &Value| match value {
            Value::Bool(true) => quoted("yes"),
            Value::Bool(false) => quoted("no"),
            value => quoted(&typed(def, value, self.around)),
        };
        let old = had.filter(|v| !v.is_empty()).map(value);
        match now {
            Some(now) => texts.push(format!("{of} is {}{}", value(now), was(old))),
            None => texts.push(format!("{of} is empty{}", was(old))),
        }
    }
}

/// One entry of a map.
pub(super) fn entry<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    let Value::Map(entries) = value else { return None };
    entries.iter().find(|(k, _)| **k == *key).map(|(_, v)| v)
}

fn shown(json: &serde_json::Value) -> String {
    json.as_str().map_or_else(|| quoted(&json.to_string()), quoted)
}

fn quoted(text: &str) -> String {
    format!("“{text}”")
}

fn was(old: Option<String>) -> String {
    old.map(|old| format!(" (before: {old})")).unwrap_or_default()
}
