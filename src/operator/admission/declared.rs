//! What would be declared. Comes in: a change, and what the cluster has. Goes out: what is declared of the tenant that it is about, before and after
//! it, as the operator would take it in, and what is wrong with it. Pure.
//!
//! Only what bears on the tenant is lowered; other organizations are looked at, as outlines, where something names organizations. What is told of
//! errors is what can be told from the change's own namespace alone: another namespace is another customer's.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::board;
use super::review::Change;
use crate::controller::Fleet;
use crate::diagnostic::Diagnostic;
use crate::engine;
use crate::model::{Kind, Name, PortalSpec, TenantName};
use crate::operator::fleet::{self, Gathered};
use crate::operator::known::{Object, ObjectKey};
use crate::operator::store::{Objects, Store, is_tenant};

/// What is declared before a change and after it.
pub(super) struct Declared {
    pub(super) before: Gathered,
    pub(super) after: Gathered,
}

/// Works out what would be declared.
pub(super) fn declared(store: &Store, change: &Change, home: &str, fleet: &Fleet) -> Declared {
    let about = board::about(store, tenant_of(change));
    let gathered = |object: Option<&Object>| gathered(store, change, with(&about, &change.key, object), home, fleet);
    // An organization goes when its portals were seen to, which may delete it there.
    let deleted = change.before.clone().filter(|_| is_tenant(change.key.kind)).map(|before| Object { deleting: true, ..before });
    let mut declared = Declared { before: gathered(change.before.as_ref()), after: gathered(change.after.as_ref().or(deleted.as_ref())) };
    for side in [&mut declared.before, &mut declared.after] {
        side.desired.builtins = fleet.desired.builtins.clone();
    }
    declared
}

/// The tenant that a change is about.
pub(super) fn tenant_of(change: &Change) -> Option<&str> {
    change.after.as_ref().or(change.before.as_ref()).and_then(|o| o.tenant.as_deref())
}

fn with(objects: &Objects, key: &ObjectKey, object: Option<&Object>) -> Objects {
    let mut objects = objects.clone();
    match object {
        Some(object) => {
            let counted = objects.get(key).filter(|known| known.uid == object.uid).map(|known| Arc::clone(&known.counted));
            let object = Object { counted: counted.unwrap_or_default(), ..object.clone() };
            objects.insert(key.clone(), Arc::new(object));
        }
        None => drop(objects.remove(key)),
    }
    objects
}

fn gathered(store: &Store, change: &Change, objects: Objects, home: &str, fleet: &Fleet) -> Gathered {
    let names = |specs: &[PortalSpec], tenant: &TenantName, kind: Kind| builtin(fleet, specs, tenant, kind);
    let tenant = tenant_of(change);
    if tenant.is_some() {
        let alone = fleet::gather(&objects, home, &names);
        let whole = alone.invalid.is_empty() && alone.left_out.is_empty();
        let name = tenant.and_then(|t| Name::new(t).ok());
        let names_others = name.and_then(|t| alone.desired.tenants.get(&t)).is_some_and(engine::names_tenants);
        if whole && !names_others {
            return alone;
        }
    }
    let mut all = board::others(store, tenant);
    all.extend(objects);
    fleet::gather(&all, home, &names)
}

/// What the portals that serve a tenant have of a kind by themselves, as they are open.
pub(super) fn builtin(fleet: &Fleet, specs: &[PortalSpec], tenant: &TenantName, kind: Kind) -> BTreeSet<String> {
    let serving = specs.iter().filter(|spec| spec.serves(tenant)).filter_map(|spec| fleet.portals.get(&spec.name));
    serving.filter_map(|open| open.served.observe.capabilities().kind(kind)).flat_map(|can| &can.builtin).cloned().collect()
}

/// What is wrong with the changed document itself, in words that name nothing of another namespace.
pub(super) fn wrong(store: &Store, change: &Change, declared: &Declared, home: &str, fleet: &Fleet) -> Vec<String> {
    let Some(after) = &change.after else { return Vec::new() };
    let (key, wide) = (&change.key, &declared.after);
    let errors = own_errors(wide, key);
    let left_out = wide.left_out.get(key);
    if errors.is_empty() && left_out.is_none() {
        return Vec::new();
    }
    // The same from what this namespace has: what is wrong there, too, may be told in its own words.
    let near = |objects: Objects| objects.into_iter().filter(|(k, _)| k.namespace == key.namespace).collect::<Objects>();
    let mut objects = near(board::others(store, tenant_of(change)));
    objects.extend(near(board::about(store, tenant_of(change))));
    objects.insert(key.clone(), Arc::new(after.clone()));
    let names = |specs: &[PortalSpec], tenant: &TenantName, kind: Kind| builtin(fleet, specs, tenant, kind);
    let narrow = fleet::gather(&objects, home, &names);
    let mut told: Vec<String> = Vec::new();
    match left_out {
        Some(why) if narrow.left_out.get(key) == Some(why) => told.push(format!("this counts for nothing: {why}")),
        Some(_) => told.push("this counts for nothing: it does not go with what other namespaces declare".to_owned()),
        None => {}
    }
    let known = own_errors(&narrow, key);
    for error in errors {
        let text = match known.iter().any(|k| k.code == error.code && k.summary == error.summary) {
            true => format!("{}: {}", error.code, error.summary),
            false => format!("{}: this does not go with what other namespaces declare", error.code),
        };
        if !told.contains(&text) {
            told.push(text);
        }
    }
    told
}

/// The errors of a tenant that stand in one document.
fn own_errors<'g>(gathered: &'g Gathered, key: &ObjectKey) -> Vec<&'g Diagnostic> {
    let path = key.path();
    let all = gathered.invalid.values().flatten();
    all.filter(|d| d.is_error() && d.range.as_ref().is_some_and(|r| r.file == path)).collect()
}
