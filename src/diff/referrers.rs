//! What goes while something that stays refers to it: no portal deletes that, and no repetition would help. Looks at live references only.

use std::collections::{BTreeMap, BTreeSet};

use super::identity::Identity;
use super::{Action, Delta, Finding, TenantDiff};
use crate::model::{FieldId, Kind, LiveObject, Value};

/// Puts a finding on every deletion that something else still stands in the way of.
pub(super) fn of_what_goes(identity: &Identity<'_>, out: &mut TenantDiff) {
    let goes = |d: &&Delta| d.actions.contains(&Action::Delete);
    let gone: BTreeSet<(Kind, Box<str>)> = out.deltas.iter().filter(goes).filter_map(|d| Some((d.address.kind, d.id.clone()?))).collect();
    if gone.is_empty() {
        return;
    }
    let planned: BTreeMap<(Kind, &str), &Delta> = out.deltas.iter().filter_map(|d| Some(((d.address.kind, d.id.as_deref()?), d))).collect();
    let mut referrers: BTreeMap<(Kind, Box<str>), BTreeSet<String>> = BTreeMap::new();
    for object in identity.objects().filter(|o| !gone.contains(&(o.kind, o.id.clone()))) {
        let delta = planned.get(&(object.kind, &*object.id)).copied();
        for (field, kind, id) in references(object).filter(|(_, kind, id)| gone.contains(&(*kind, Box::from(*id)))) {
            if !delta.is_some_and(|d| lets_go(d, field)) {
                referrers.entry((kind, id.into())).or_default().insert(in_words(identity, object, field));
            }
        }
    }
    for delta in out.deltas.iter_mut().filter(|d| d.actions.contains(&Action::Delete)) {
        let Some(id) = delta.id.clone() else { continue };
        if let Some(who) = referrers.remove(&(delta.address.kind, id)) {
            let who: Vec<_> = who.into_iter().collect();
            delta.findings.push(Finding::Unreachable { why: format!("it is still in use by {}", who.join(", ")) });
        }
    }
}

fn references(object: &LiveObject) -> impl Iterator<Item = (FieldId, Kind, &str)> {
    let fields = object.fields.iter().filter_map(|(id, value)| Some((id, object.def().field(id).ty.refers_to()?, value)));
    fields.flat_map(|(id, kind, value)| {
        let items = value.as_list().unwrap_or_default().iter().filter_map(Value::as_text);
        value.as_text().into_iter().chain(items).map(move |target| (id, kind, target))
    })
}

/// True if a change writes the field anew: a declared reference to what goes would not have been read.
fn lets_go(delta: &Delta, field: FieldId) -> bool {
    let replaced = delta.actions.contains(&Action::Replace);
    replaced || !delta.actions.is_empty() && delta.fields.iter().any(|f| f.field == field)
}

fn in_words(identity: &Identity<'_>, object: &LiveObject, field: FieldId) -> String {
    let path = object.def().field(field).path;
    match identity.address_of(object) {
        Some(address) => format!("{address} (`{path}`, which is not declared there: declare it without this, such as `{path}: []`)"),
        None => format!("{} {}, which is not ours (`{path}`: take it out in the portal)", object.def().noun, object.key),
    }
}
