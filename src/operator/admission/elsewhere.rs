//! What a change of one organization brings about in what others declare: whoever shares something by label shares it with another set of
//! organizations. Comes in: a change, and what the cluster has. Goes out: sentences. Pure: no portal is read for it, so that they are said of what is
//! declared. Nobody is named but the MSP: who else shares something is no business of whoever writes an organization.
//!
//! What stands inline in another organization is not looked at: of those only outlines are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::board;
use super::declared::builtin;
use super::effects::{Sentence, Weight, in_words};
use super::review::Change;
use crate::controller::Fleet;
use crate::model::{Address, FieldId, Kind, PortalSpec, TenantName, Value};
use crate::operator::fleet::{self, Gathered};
use crate::operator::known::Object;
use crate::operator::store::{Store, is_tenant};

/// Says what a change brings about elsewhere.
pub(super) fn of(store: &Store, change: &Change, home: &str, fleet: &Fleet) -> Vec<Sentence> {
    let deleted = change.before.clone().map(|before| Object { deleting: true, ..before });
    let (before, after) = (change.before.as_ref(), change.after.as_ref().or(deleted.as_ref()));
    let seen = |object: Option<&Object>| object.map(|object| (board::labels(&object.text), object.deleting));
    if !is_tenant(change.key.kind) || seen(before) == seen(after) {
        return Vec::new();
    }
    let Some(tenant) = after.or(before).and_then(|object| object.tenant.as_deref()) else { return Vec::new() };
    let naming = board::naming(store, tenant);
    if naming.is_empty() {
        return Vec::new();
    }
    let names = |specs: &[PortalSpec], tenant: &TenantName, kind: Kind| builtin(fleet, specs, tenant, kind);
    let gathered = |object: Option<&Object>| {
        let mut all = board::others(store, Some(tenant));
        all.extend(naming.clone());
        all.extend(object.map(|object| (change.key.clone(), Arc::new(board::outlined(object)))));
        fleet::gather(&all, home, &names)
    };
    compared(&gathered(before), &gathered(after))
}

fn compared(before: &Gathered, after: &Gathered) -> Vec<Sentence> {
    let (had, has) = (shared(before), shared(after));
    // By whose it is, the MSP's or others', and whether somebody is left out of it.
    let mut counts: BTreeMap<(bool, bool), BTreeMap<Kind, u64>> = BTreeMap::new();
    for (at, with) in &had {
        let Some(now) = has.get(at).filter(|now| *now != with) else { continue };
        let by = counts.entry((at.0.tenant.is_msp(), !with.is_subset(now))).or_default();
        *by.entry(at.0.kind).or_default() += 1;
    }
    let whose = |msp: bool| if msp { "the MSP" } else { "other organizations" };
    let one = |((msp, fewer), kinds): (&(bool, bool), &BTreeMap<Kind, u64>)| {
        let (weight, with) = if *fewer { (Weight::Access, "fewer") } else { (Weight::Outward, "more") };
        let things = in_words(kinds)?;
        Some((weight, format!("this shares {things} of {} with {with}, by the labels of organizations", whose(*msp))))
    };
    let mut said: Vec<Sentence> = counts.iter().filter_map(one).collect();
    let wrong = after.invalid.keys().filter(|tenant| !before.invalid.contains_key(*tenant));
    let held: BTreeSet<bool> = wrong.map(|tenant| tenant.is_msp()).collect();
    said.extend(held.into_iter().map(|msp| {
        (Weight::Held, format!("nothing more is done for {} until what they share with this organization is mended", whose(msp)))
    }));
    said
}

/// With whom everything is shared that is shared.
fn shared(gathered: &Gathered) -> BTreeMap<(Address, FieldId), BTreeSet<Box<str>>> {
    let resources = gathered.desired.tenants.values().flat_map(|tenant| &tenant.resources);
    let fields = resources.flat_map(|r| r.fields.iter().map(move |(id, value)| (r, id, value)));
    let sharing = fields.filter(|(r, id, _)| board::names_organizations(&r.address.kind.def().field(*id).ty));
    let with = |value: &Value| value.as_list().unwrap_or_default().iter().filter_map(Value::as_text).map(Into::into).collect();
    sharing.map(|(r, id, value)| ((r.address.clone(), id), with(value))).collect()
}
