//! What a change takes away from people, by what its kind bears and what its fields mean. Answers questions and nothing else.

use super::deletes;
use crate::model::kind::{Bearing, Sense};
use crate::model::{KindDef, Value};
use crate::plan::{Action, Change, FieldChange};

/// True if whoever this change is about loses access: taken away, made anew, suspended, or the account handed to another key.
pub(super) fn takes_access(change: &Change) -> bool {
    let gives_access = def(change).bearing == Bearing::Access;
    let handed_over = change.has(Action::Update) && change.key_before().is_some();
    gives_access && (deletes(change) || handed_over) || change.has(Action::Suspend) || becomes(change, Sense::Suspended)
}

/// True if it could leave the tenant with one administrator fewer.
pub(super) fn takes_administration(change: &Change) -> bool {
    let may_administer = def(change).with_sense(Sense::Administrator).next().is_some();
    let dismissed = |f: &FieldChange| !is_true(f.after.as_ref()) && f.before != Some(Value::Bool(false));
    let is_new = change.has(Action::Create);
    may_administer && takes_access(change)
        || becomes(change, Sense::Offboard)
        || !is_new && with_sense(change, Sense::Administrator).any(dismissed)
}

/// True if it takes a role, a group or a permission away.
pub(super) fn takes_grants(change: &Change) -> bool {
    with_sense(change, Sense::Grant).any(|f| match (&f.before, &f.after) {
        (Some(Value::List(before)), Some(Value::List(after))) => before.iter().any(|granted| !after.contains(granted)),
        (Some(Value::Bool(before)), after) => *before && !is_true(after.as_ref()),
        (before, after) => before.is_some() && before != after,
    })
}

fn becomes(change: &Change, sense: Sense) -> bool {
    !change.has(Action::Create) && with_sense(change, sense).any(|f| is_true(f.after.as_ref()) && !is_true(f.before.as_ref()))
}

fn with_sense(change: &Change, sense: Sense) -> impl Iterator<Item = &FieldChange> {
    change.fields.iter().filter(move |f| def(change).field(f.field).sense == sense)
}

fn is_true(value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_true)
}

fn def(change: &Change) -> &'static KindDef {
    change.address.kind.def()
}
