//! Folding: the same change in many tenants is said once, and many changes of one shape in one tenant are counted. What is refused is never
//! folded within a tenant, and what is taken away keeps every name.

use std::collections::{BTreeMap, BTreeSet};

use super::build::{change_view, how_many, shorten};
use super::{ChangeView, FieldValues, FieldView, FoldView, Mark, SharedView};
use crate::model::{Digest, Kind};
use crate::plan::Action;
use crate::plan::document::{ResourceChange, TenantPlan};

/// In so many tenants a change is said once; two can as well be read one after the other.
const SAME: usize = 3;
/// More changes of one shape in a tenant than this are folded.
const SHAPE: usize = 20;
/// So many of a folded shape are still shown whole, as examples.
const EXAMPLES: usize = 3;

/// Which changes are the same in several tenants; a change is known by the places of its tenant and of itself in the document.
pub(super) struct Shared {
    groups: Vec<Vec<(usize, usize)>>,
    members: BTreeSet<(usize, usize)>,
}

impl Shared {
    pub(super) const fn none() -> Self {
        Self { groups: Vec::new(), members: BTreeSet::new() }
    }

    pub(super) fn find(tenants: &[TenantPlan]) -> Self {
        let mut by_key: BTreeMap<Digest, Vec<(usize, usize)>> = BTreeMap::new();
        if tenants.len() >= SAME {
            for (t, tenant) in tenants.iter().enumerate() {
                for (c, change) in tenant.resource_changes.iter().enumerate() {
                    by_key.entry(key(tenant, change)).or_default().push((t, c));
                }
            }
        }
        let mut groups: Vec<_> = by_key.into_values().filter(|places| places.len() >= SAME).collect();
        groups.sort();
        let members = groups.iter().flatten().copied().collect();
        Self { groups, members }
    }

    pub(super) fn has(&self, tenant: usize, change: usize) -> bool {
        self.members.contains(&(tenant, change))
    }

    pub(super) fn views(&self, tenants: &[TenantPlan], names: usize) -> Vec<SharedView> {
        self.groups.iter().filter_map(|places| shared_view(places, tenants, names)).collect()
    }
}

/// What two changes must agree on to be the same: everything a reader would see but the tenant and the place.
fn key(tenant: &TenantPlan, change: &ResourceChange) -> Digest {
    let ResourceChange { address, change: body, natural_key, action_reason, cause, effects, effects_said, .. } = change;
    let ResourceChange { blocked_by, carried_by, .. } = change;
    let carried = carried_by.as_ref().map(|a| (a.kind, &a.name));
    let previous = change.previous_address.as_ref().map(|a| (a.kind, &a.name));
    let said = (
        &tenant.portal,
        address.kind,
        &address.name,
        natural_key,
        body,
        action_reason,
        cause,
        effects,
        effects_said,
        blocked_by,
        carried,
        previous,
    );
    // Strings, numbers and maps with string keys: there is nothing here that JSON cannot say.
    Digest::of(&serde_json::to_vec(&said).unwrap_or_default())
}

fn shared_view(places: &[(usize, usize)], tenants: &[TenantPlan], names: usize) -> Option<SharedView> {
    let found: Vec<_> = places.iter().filter_map(|(t, c)| tenants.get(*t).and_then(|t| Some((t, t.resource_changes.get(*c)?)))).collect();
    let (tenant, first) = found.first()?;
    let mut change = change_view(first, false);
    if found.iter().any(|(_, other)| other.source != first.source) {
        change.place = None;
    }
    Some(SharedView {
        change,
        portal: tenant.portal.to_string(),
        count: found.len(),
        tenants: shorten(found.iter().map(|(t, _)| t.tenant.to_string()).collect(), names),
    })
}

/// What changes of one shape have in common.
type Shape = (Kind, Vec<Action>, Vec<String>, Vec<&'static str>, bool);

pub(super) fn by_shape(changes: &[&ResourceChange], whole: bool, names: usize) -> (Vec<ChangeView>, Vec<FoldView>) {
    let views: Vec<_> = changes.iter().map(|c| (*c, change_view(c, whole))).collect();
    let mut counts: BTreeMap<Shape, usize> = BTreeMap::new();
    if !whole && views.len() > SHAPE {
        for (change, view) in &views {
            *counts.entry(shape(change, view)).or_default() += 1;
        }
    }
    let mut shown = Vec::new();
    let mut folds: BTreeMap<Shape, Vec<ChangeView>> = BTreeMap::new();
    let mut seen: BTreeMap<Shape, usize> = BTreeMap::new();
    for (change, view) in views {
        // Only where counting was worth it is the shape worked out again.
        let folded = !counts.is_empty() && !view.refused && {
            let shape = shape(change, &view);
            let nth = seen.entry(shape.clone()).or_default();
            *nth += 1;
            *nth > EXAMPLES && counts.get(&shape).is_some_and(|n| *n > SHAPE)
        };
        if folded {
            folds.entry(shape(change, &view)).or_default().push(view);
        } else {
            shown.push(view);
        }
    }
    let folded = folds.into_iter().filter_map(|(shape, views)| fold_view(shape.0, views, names)).collect();
    (shown, folded)
}

fn shape(change: &ResourceChange, view: &ChangeView) -> Shape {
    // Where a secret comes from is read one by one: only what takes the same from the same place is of one shape.
    let said = |f: &FieldView| match &f.values {
        FieldValues::Only(value) if value.starts_with("(sensitive") => format!("{} {value}", f.path),
        _ => f.path.clone(),
    };
    let paths = view.fields.iter().map(said).collect();
    (change.address.kind, change.change.actions.clone(), paths, view.effects.clone(), view.refused)
}

fn fold_view(kind: Kind, views: Vec<ChangeView>, names: usize) -> Option<FoldView> {
    let first = views.first()?;
    let (mark, effects) = (first.mark, first.effects.clone());
    let what = how_many(views.len(), kind).replacen(' ', " more ", 1);
    let what = format!("{what} to {}", first.actions);
    let all: Vec<_> = views.iter().map(|v| v.key.as_ref().map_or_else(|| v.name.clone(), |key| format!("{} ({key})", v.name))).collect();
    let takes_away = matches!(mark, Mark::Delete | Mark::Replace);
    Some(FoldView { mark, what, names: if takes_away { all } else { shorten(all, names) }, effects })
}
