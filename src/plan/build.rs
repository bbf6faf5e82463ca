//! From differences to a plan: who performs each change, what it brings about, which rules it breaks, what it means to people.
//!
//! Comes in: a [`TenantDiff`] and what it was made from. Goes out: a [`Unit`]. Names no kind and no portal.

use std::collections::{BTreeMap, BTreeSet};

use super::administrators::{self, Administrators, declared};
use super::reach::Reach;
use super::{Action, Change, Consequences, Facts, Finding, LeftOut, Observed, Source, Unit};
pub(crate) use crate::diff::intents;
use crate::diff::{Delta, Held, Input, TenantDiff, performer};
use crate::model::kind::{Bearing, Sense};
use crate::model::rule::{Conduct, Effect, Subject, Verdict, Violation};
use crate::model::{IntentAction, Kind, LedgerRow, Observation, Performer, Resource, Sources, Tenant, Value};

/// Builds the plan of one tenant in one portal; `None` if there is nothing to say.
pub fn unit(input: &Input<'_>, diff: TenantDiff, conduct: &dyn Conduct, sources: &Sources) -> Option<Unit> {
    let TenantDiff { deltas, drift, unmanaged, retained, mut waiting, held, unfinished: _, ordered: _, awaiting_acceptance: _, settled } =
        diff;
    let aside = unmanaged.is_empty() && retained.is_empty() && waiting.is_empty() && held.is_empty() && settled.is_empty();
    if deltas.is_empty() && drift.is_empty() && aside {
        return None;
    }
    let (mut changes, mut left_out) = (Vec::new(), Vec::new());
    for delta in deltas {
        match change(input, delta, conduct, sources) {
            Ok(change) => changes.push(change),
            Err(left) => left_out.push(left),
        }
    }
    // What the portal brings about by itself waits for nothing, and is said at once.
    for Held { delta, waits } in held {
        match change(input, delta, conduct, sources) {
            Ok(_) => waiting.push(waits),
            Err(left) => left_out.push(left),
        }
    }
    waiting.sort_by(|a, b| a.address.cmp(&b.address));
    left_out.sort_by(|a, b| a.address.cmp(&b.address));
    carry(input, &mut changes);
    let facts = facts(input, &changes);
    let consequences = consequences(Administrators::of(input), &facts.reach, &changes);
    Some(Unit {
        portal: input.portal.name.clone(),
        tenant: input.tenant.clone(),
        tenant_id: tenant_id(input, &changes),
        consequences,
        facts,
        changes,
        drift,
        unmanaged,
        retained,
        left_out,
        waiting,
        settled,
        observed: observed(input, conduct),
        refusals: Vec::new(),
        digest: String::new(),
    })
}

fn observed(input: &Input<'_>, conduct: &dyn Conduct) -> Vec<Observed> {
    let believed = input.portal.work_orders.believed_for_days;
    let value = |name: &str, seen: &Observation| Observed {
        name: name.into(),
        title: conduct.observed_title(name).unwrap_or(name).to_owned(),
        seen: seen.clone(),
        age_days: seen.age_days(input.now),
        old: seen.is_old(input.now, believed),
    };
    input.live.observed.iter().map(|(name, seen)| value(name, seen)).collect()
}

/// The tenant's id in the portal: of its own row, else of its own object. A row whose object is made again has the id of what is gone.
fn tenant_id(input: &Input<'_>, changes: &[Change]) -> Option<Box<str>> {
    let placed = |kind: Kind| kind.def().placement == crate::model::kind::Placement::Tenant;
    let made = |row: &LedgerRow| changes.iter().any(|c| c.address == row.address && c.has(Action::Create));
    let of_change = changes.iter().find(|c| placed(c.address.kind) && c.has(Action::Recover)).and_then(|c| c.id.clone());
    let row = input.ledger.rows.values().find(|r| placed(r.address.kind) && !made(r)).and_then(|r| r.id.clone());
    of_change.or(row).or_else(|| {
        let objects = input.live.collections.iter().filter(|(kind, _)| placed(**kind)).flat_map(|(_, c)| &c.objects);
        let mut named = objects.filter(|o| *o.key == *input.tenant.as_str());
        named.next().map(|o| o.id.clone())
    })
}

fn facts(input: &Input<'_>, changes: &[Change]) -> Facts {
    let mut owned = BTreeMap::new();
    for row in input.ledger.rows.values() {
        *owned.entry(row.address.kind).or_insert(0) += 1;
    }
    Facts {
        owned,
        declared: input.desired.map_or(0, |t| t.resources.len() as u64),
        tenant_declared: input.desired.is_some(),
        reach: Reach::of(input.desired),
        administrators_in_doubt: administrators::in_doubt(input, changes),
        offboarded: input.desired.is_some_and(Tenant::offboarded),
    }
}

/// The change of a difference, or why it is left out.
fn change(input: &Input<'_>, delta: Delta, conduct: &dyn Conduct, sources: &Sources) -> Result<Change, LeftOut> {
    let Delta { address, previous, key, id, mut actions, fields, cause, reason, mut findings, before, desired, protect, resumes } = delta;
    let declared = input.desired.and_then(|t| t.get(address.kind, &address.name));
    if let Some(finding) = not_managed(input, declared, &actions) {
        // Nothing is done, and what the portal would say about it does not matter.
        actions.clear();
        findings = vec![finding];
    }
    let mut effects = BTreeSet::new();
    let mut who_performs = Performer::Call;
    let mut left_out = None;
    let (mut mail_to, mut admits, mut effects_said) = (Vec::new(), Vec::new(), Vec::new());
    let capability = input.capabilities.kind(address.kind);
    let changed: Vec<_> = fields.iter().map(|f| f.field).collect();
    let mut by_hand = false;
    for intended in intents(&actions) {
        let who = capability.map_or(Performer::Unsupported, |c| performer(c, intended, &changed));
        by_hand |= who == Performer::Technician || capability.is_some_and(|c| changed.iter().any(|id| c.leaves_by_hand(intended, *id)));
        who_performs = worse(who_performs, who);
        let deletes = intended == IntentAction::Delete;
        let subject = Subject {
            tenant: input.tenant,
            kind: address.kind,
            action: intended,
            declared: declared.filter(|_| !deletes),
            after: Some(&desired).filter(|_| !deletes),
            before: before.as_ref(),
            desired: input.desired,
            live: Some(input.live),
            account: &input.portal.account,
        };
        let brings = conduct.effects(&subject);
        if brings.contains(&Effect::Email) {
            mail_to.extend(conduct.recipients(&subject));
            admits.extend(conduct.admitted(&subject));
        }
        effects_said.extend(conduct.said_of_effects(&subject));
        effects.extend(brings);
        let broken = conduct.violations(&subject);
        let refuses = |v: &Violation| v.verdict == Verdict::Refuses;
        if !broken.iter().any(refuses) {
            left_out = left_out.or_else(|| broken.iter().find(|v| v.verdict == Verdict::LeavesOut).cloned());
        }
        findings.extend(broken.into_iter().map(|v| Finding::Rule { refuses: refuses(&v), rule: v.rule, message: v.message }));
    }
    if let Some(Violation { rule, verdict: _, message }) = left_out {
        return Err(LeftOut { address, rule, why: message });
    }
    if by_hand {
        effects.insert(Effect::Technician);
    }
    Ok(Change {
        address,
        previous,
        key,
        id,
        actions,
        fields,
        cause,
        reason,
        source: declared.map(|r| source(r, sources)),
        effects: effects.into_iter().collect(),
        mail_to,
        admits,
        effects_said,
        depends_on: Vec::new(),
        carried_by: None,
        performer: who_performs,
        findings,
        blocked_by: Vec::new(),
        desired,
        protect,
        resumes,
    })
}

/// Where a resource is declared.
fn source(declared: &Resource, sources: &Sources) -> Source {
    Source {
        file: sources.path(declared.source).to_owned(),
        line: declared.mark.line,
        column: u32::from(declared.mark.column),
        layer: "organization".to_owned(),
    }
}

/// What the manifests do not allow to be done; the portal's document and the resource's both have a say.
fn not_managed(input: &Input<'_>, declared: Option<&Resource>, actions: &[Action]) -> Option<Finding> {
    let allowed = input.portal.management.and(declared.map(Resource::management).unwrap_or_default());
    let refused = intents(actions).into_iter().find(|intended| !allowed.allows(*intended))?;
    let message = format!("its `managementPolicies` are {}: it would be a {}", allowed.words().join(", "), refused.word());
    Some(Finding::Rule { rule: super::NOT_MANAGED.to_owned(), message, refuses: false })
}

fn worse(a: Performer, b: Performer) -> Performer {
    match (a, b) {
        (Performer::Unsupported, _) | (_, Performer::Unsupported) => Performer::Unsupported,
        (Performer::Technician, _) | (_, Performer::Technician) => Performer::Technician,
        (Performer::Call, Performer::Call) => Performer::Call,
    }
}

/// Where the portal makes two things in one call, the first administrator (else the first by address) rides on the carrier's creation.
fn carry(input: &Input<'_>, changes: &mut [Change]) {
    for (kind, capability) in &input.capabilities.kinds {
        let Some(carrier) = capability.carried_by else { continue };
        let Some(carrier) =
            changes.iter().find(|c| c.address.kind == carrier && c.action() == Some(Action::Create)).map(|c| c.address.clone())
        else {
            continue;
        };
        let administers =
            |c: &Change| kind.def().with_sense(Sense::Administrator).any(|(id, _)| c.desired.get(id).is_some_and(Value::is_true));
        let mut made: Vec<_> = changes.iter_mut().filter(|c| c.address.kind == *kind && c.action() == Some(Action::Create)).collect();
        made.sort_by_key(|c| !administers(c));
        if let Some(first) = made.into_iter().next() {
            first.carried_by = Some(carrier);
        }
    }
}

/// Works the consequences out again after changes were taken out: what is not done has none, and nobody may count on it.
pub(crate) fn consider_again(unit: &mut Unit) {
    let now = std::mem::take(&mut unit.consequences.administrators_before).into_iter().collect();
    let before = Administrators { now, unknown: unit.consequences.administrators_unknown };
    unit.consequences = consequences(before, &unit.facts.reach, &unit.changes);
}

/// What changes mean to people: from the kinds' bearings and the fields' senses.
fn consequences(administrators: Administrators, reach: &Reach, changes: &[Change]) -> Consequences {
    let mut out = Consequences::default();
    for change in changes {
        access(change, reach, &mut out);
        out.gain_access.extend(change.admits.iter().cloned());
        if change.effects.contains(&Effect::Email) {
            let named = change.mail_to.is_empty().then(|| change.key.to_string());
            out.emails.extend(change.mail_to.iter().cloned().chain(named));
        }
        for field in &change.fields {
            if change.address.kind.def().field(field.field).sense == Sense::Licences {
                licences(field.before.as_ref(), field.after.as_ref(), &mut out);
            }
        }
    }
    out.administrators_after = administrators::after(&administrators.now, changes).into_iter().collect();
    out.administrators_before = administrators.now.into_iter().collect();
    out.administrators_unknown = administrators.unknown;
    out.gain_access.sort();
    out.gain_access.dedup();
    out.lose_access.sort();
    out.lose_access.dedup();
    out.emails.sort();
    out.licences.retain(|_, delta| *delta != 0);
    out
}

fn access(change: &Change, reach: &Reach, out: &mut Consequences) {
    let def = change.address.kind.def();
    if def.bearing != Bearing::Access {
        return;
    }
    let whom = || change.key.to_string();
    if reach.consequences(change, out) {
        return;
    }
    if change.has(Action::Update)
        && let Some(before) = change.key_before()
    {
        return handed_over(change, &before, out);
    }
    let suspended = |id| change.desired.get(id).is_some_and(Value::is_true);
    let suspension = def.with_sense(Sense::Suspended).find_map(|(id, _)| change.fields.iter().find(|f| f.field == id));
    match change.action() {
        Some(Action::Create) if !def.with_sense(Sense::Suspended).any(|(id, _)| suspended(id)) => out.gain_access.push(whom()),
        Some(Action::Delete) => out.lose_access.push(whom()),
        Some(Action::Replace) => {
            out.lose_access.push(change.key_before().map_or_else(whom, String::from));
            out.gain_access.push(whom());
        }
        Some(_) if change.has(Action::Update) => match suspension.and_then(|f| f.after.as_ref()) {
            Some(Value::Bool(true)) => out.lose_access.push(whom()),
            Some(_) => out.gain_access.push(whom()),
            None => {}
        },
        Some(_) | None => {}
    }
}

/// An account under another key is another person's: whoever signed in with the old one cannot any more.
fn handed_over(change: &Change, before: &str, out: &mut Consequences) {
    let def = change.address.kind.def();
    let suspension = def.with_sense(Sense::Suspended).find_map(|(id, _)| change.fields.iter().find(|f| f.field == id));
    let suspended = |value: Option<&Value>| value.is_some_and(Value::is_true);
    let (was, is) = match suspension {
        Some(field) => (suspended(field.before.as_ref()), suspended(field.after.as_ref())),
        None => (declared(change, Sense::Suspended), declared(change, Sense::Suspended)),
    };
    out.lose_access.extend((!was).then(|| before.to_owned()));
    out.gain_access.extend((!is).then(|| change.key.to_string()));
}

fn licences(before: Option<&Value>, after: Option<&Value>, out: &mut Consequences) {
    let mut count = |value: Option<&Value>, sign: i64| {
        let Some(Value::Map(entries)) = value else { return };
        for (product, number) in entries {
            if let Value::Integer(n) = number {
                *out.licences.entry(product.to_string()).or_insert(0) += sign * n;
            }
        }
    };
    count(before, -1);
    count(after, 1);
}
