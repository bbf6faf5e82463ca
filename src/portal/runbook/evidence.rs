//! What a technician brings back for one call.
//!
//! Comes in: what the profile asks for, and the call. Goes out: that, and what shows that the right customer was picked: every item in a
//! customer's tenant asks for the customer's name as the screen shows it, unless the profile asks for something that names the customer. Where
//! customers themselves are the values, all of them are brought back.

use std::collections::BTreeSet;

use super::screens::Part;
use super::values::{item, organization};
use crate::model::work_order::EvidenceWanted;
use crate::model::{FieldId, FieldType, IntentAction, Kind, Value};
use crate::portal::profile::cel::EvalError;
use crate::portal::profile::document::Action;
use crate::portal::profile::technician::CompiledEvidence;
use crate::portal::{Call, Profile};

/// How a technician is asked for the customer that something new is in.
pub const ASK_FOR_CUSTOMER: &str = "The customer's name, as the screen shows it";

/// The same where something was there before: a customer that is renamed, or deleted, is told by what it was.
pub const ASK_FOR_CUSTOMER_BEFORE: &str = "The customer's name, as the screen showed it before you changed anything";

/// How a technician is asked for the name of something new, where the profile does not ask for anything.
pub fn ask_for_name(kind: Kind) -> String {
    format!("The name that the portal shows for the new {}", kind.def().noun)
}

/// How a technician is asked for all items of such a field.
pub fn ask_for_all(kind: Kind, field: FieldId) -> String {
    let def = kind.def();
    let what = match def.field(field).ty {
        FieldType::Organizations => "Every customer",
        _ => def.field(field).path,
    };
    format!("{what} that the {} is now shown with, in alphabetical order, with commas between", def.noun)
}

/// The fields of a kind whose items are brought back: customers, and whatever screens are visited for one by one.
pub fn item_by_item(profile: &Profile, kind: Kind) -> BTreeSet<FieldId> {
    let screens = [Action::Create, Action::Update].into_iter().filter_map(|action| profile.screens(kind, action));
    let visited = screens.flat_map(|s| &s.screens).filter_map(|screen| screen.each);
    let customers = kind.def().fields().filter(|(_, def)| matches!(def.ty, FieldType::Organizations)).map(|(field, _)| field);
    visited.chain(customers).collect()
}

/// All that is to be brought back. `known`: what people call the customer, as the portal shows it before the call is done.
pub(super) fn evidence(profile: &Profile, call: &Call, own: &Part<'_>, known: Option<&str>) -> Result<Vec<EvidenceWanted>, EvalError> {
    let screens = profile.screens(call.address.kind, call.action.into());
    let asked = screens.map_or(&[][..], |s| &s.evidence);
    let mut wanted = Vec::with_capacity(asked.len() + 2);
    for one in asked {
        if one.when.as_ref().map_or(Ok(true), |when| when.holds(&own.scope))? {
            wanted.push(of_profile(one, own)?);
        }
    }
    let (kind, new) = (call.address.kind, call.action == IntentAction::Create);
    let called = (kind == Kind::Organization).then(|| own.object.called());
    wanted.iter_mut().for_each(|one| tells_customer(one, call, &[known, called.as_deref()]));
    if asked.is_empty() && new && kind != Kind::Organization {
        wanted.push(required("name", ask_for_name(kind), Some(own.object.called())));
    }
    if !call.address.tenant.is_msp() && !wanted.iter().any(|one| one.customer && !one.optional) {
        let ask = match (new, kind) {
            (true, Kind::Organization) => ask_for_name(kind),
            (true, _) => ASK_FOR_CUSTOMER.to_owned(),
            (false, _) => ASK_FOR_CUSTOMER_BEFORE.to_owned(),
        };
        wanted.push(EvidenceWanted { customer: true, ..required(free_name(&wanted), ask, known.map(str::to_owned)) });
    }
    wanted.extend(all_items(profile, own));
    Ok(wanted)
}

/// The customer's name, for a call that asks a person in the middle and asks for nothing that another customer's screen would show otherwise;
/// `None`: it is asked for such a thing, or it is about the MSP's own tenant.
pub fn customer(call: &Call, wanted: &[EvidenceWanted]) -> Option<EvidenceWanted> {
    let checked = wanted.iter().any(|one| one.expect.is_some() && !one.optional);
    let context = call.context.as_deref().filter(|_| !checked && !call.address.tenant.is_msp())?;
    let known = organization(call, &context.around, &context.named, &context.named_before);
    Some(EvidenceWanted { customer: true, ..required(free_name(wanted), ASK_FOR_CUSTOMER.to_owned(), known) })
}

/// A name that no other evidence has.
fn free_name(wanted: &[EvidenceWanted]) -> &'static str {
    ["organization", "customer"].into_iter().find(|name| !wanted.iter().any(|one| one.name == *name)).unwrap_or("tenant")
}

fn required(name: &str, ask: String, expect: Option<String>) -> EvidenceWanted {
    EvidenceWanted { name: name.to_owned(), ask, expect, words: Vec::new(), optional: false, id: false, customer: false }
}

/// Marks what tells the customer among the evidence of a person who is asked in the middle of calls.
pub fn of_customer(call: &Call, wanted: &mut EvidenceWanted) {
    let context = call.context.as_deref();
    let known = context.and_then(|context| organization(call, &context.around, &context.named, &context.named_before));
    tells_customer(wanted, call, &[known.as_deref()]);
    // What is expected in the middle of calls is what they brought for this very customer.
    wanted.customer = wanted.expect.is_some();
}

/// Marks what another customer's screen would show otherwise. For one of the MSP's own, `MSP` and the MSP's name are the same.
fn tells_customer(wanted: &mut EvidenceWanted, call: &Call, names: &[Option<&str>]) {
    let Some(expect) = wanted.expect.as_deref().map(str::to_lowercase) else { return };
    let tenant = &call.address.tenant;
    let mut names = names.iter().copied().flatten().chain([tenant.as_str()]);
    // An address is a person's, whatever stands behind the @.
    wanted.customer = !expect.contains('@') && names.any(|name| expect.contains(&name.to_lowercase()));
    if wanted.customer && tenant.is_msp() {
        let account = call.context.as_deref().and_then(|context| context.around.account.name.clone());
        wanted.words = ["MSP".to_owned()].into_iter().chain(account).collect();
    }
}

/// Every item of a field whose items are customers, or are set one by one: whoever picked another one sees it there.
fn all_items(profile: &Profile, own: &Part<'_>) -> Vec<EvidenceWanted> {
    let (kind, def) = (own.object.address.kind, own.object.address.kind.def());
    let fields = item_by_item(profile, kind).into_iter().filter(|field| own.object.sets(*field));
    let wanted = fields.filter_map(|field| {
        let all = own.object.named.get(field).and_then(Value::as_list).unwrap_or_default();
        let mut names: Vec<_> = all.iter().map(|one| item(def.field(field), one, own.object.around)).collect();
        names.sort_by_cached_key(|name| name.to_lowercase());
        // Of nothing there is nothing to read off.
        (!names.is_empty()).then(|| required(def.field(field).path, ask_for_all(kind, field), Some(names.join(", "))))
    });
    wanted.collect()
}

fn of_profile(wanted: &CompiledEvidence, own: &Part<'_>) -> Result<EvidenceWanted, EvalError> {
    let CompiledEvidence { name, ask, expect, words, when: _, optional, id } = wanted;
    let expect = expect.as_ref().map(|e| e.render(&own.scope)).transpose()?;
    let (name, ask, words) = (name.clone(), ask.clone(), words.clone());
    Ok(EvidenceWanted { name, ask, expect, words, optional: *optional, id: *id, customer: false })
}
