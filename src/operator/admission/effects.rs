//! What a change brings about in a portal, in sentences. Comes in: what is foreseen without the change and with it. Goes out: sentences, each with
//! how much it matters. Pure. They count, and name nobody: they end in the logs of pipelines, and anybody who reaches the webhook may ask.

use std::collections::{BTreeMap, BTreeSet};

use crate::controller::approval::Decision;
use crate::controller::preview::{Foreseen, guard};
use crate::model::kind::Bearing;
use crate::model::rule::Effect;
use crate::model::{Address, Desired, Kind, Performer, TenantName};
use crate::plan::{Action, Change, Unit};

/// How much a sentence matters; the first ones are kept where there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// The document itself is wrong.
    Wrong,
    /// Something is lost: objects, data, a customer that nobody manages any more.
    Loss,
    /// Somebody loses access, or the right to administer.
    Access,
    /// It is not done as it is.
    Held,
    /// It goes out into the world: e-mails, licences, work by hand.
    Outward,
    /// What else is done.
    Rest,
}

/// A sentence to which "in portal X" may be added.
pub(super) type Sentence = (Weight, String);

/// What a change brings about; `desired` is what would be declared.
pub(super) fn of(tenant: &TenantName, desired: &Desired, before: Option<&Foreseen>, after: &Foreseen) -> Vec<Sentence> {
    let (was, will) = (before.and_then(|b| b.unit.as_ref()), after.unit.as_ref());
    let Some(will) = will else { return Vec::new() };
    let customer = customer(tenant);
    let new = new_changes(was, will);
    let mut said = losses(&customer, &new);
    said.extend(left_alone(&customer, desired, was, will));
    said.extend(people(&customer, was, will));
    if !new.is_empty() {
        said.extend(held(before.map(|b| &b.decision), &after.decision));
    }
    said.extend(outward(&customer, was, will, &new));
    said.extend(rest(&customer, &new));
    said
}

/// How a tenant is called in a sentence.
pub(super) fn customer(tenant: &TenantName) -> String {
    if tenant.is_msp() { "the MSP".to_owned() } else { tenant.to_string() }
}

/// The changes that come of it, those apart that would come anyway.
fn new_changes<'u>(was: Option<&Unit>, will: &'u Unit) -> Vec<&'u Change> {
    let known: BTreeMap<&Address, &Change> = was.into_iter().flat_map(|u| &u.changes).map(|c| (&c.address, c)).collect();
    let same = |c: &Change| known.get(&c.address).is_some_and(|k| k.actions == c.actions && k.fields == c.fields);
    will.changes.iter().filter(|c| !c.is_left_out() && !same(c)).collect()
}

fn losses(customer: &str, new: &[&Change]) -> Vec<Sentence> {
    let with = |action: Action| counted(new.iter().filter(|c| c.has(action)));
    let mut said = Vec::new();
    let mut say = |things: Option<String>, sentence: &dyn Fn(String) -> String| {
        said.extend(things.map(|things| (Weight::Loss, sentence(things))));
    };
    say(with(Action::Delete), &|things| format!("this deletes {things} of {customer}"));
    say(with(Action::Replace), &|things| format!("this deletes {things} of {customer} and makes them anew"));
    say(counted(new.iter().filter(|c| c.effects.contains(&Effect::DataLoss))), &|things| {
        format!("this deletes the data of {things} of {customer}")
    });
    say(counted(new.iter().filter(|c| c.effects.contains(&Effect::Cascade))), &|things| {
        format!("this takes more with it than {things} of {customer}: the portal changes other objects too")
    });
    say(counted(new.iter().filter(|c| c.effects.contains(&Effect::Irreversible))), &|things| {
        format!("what this does to {things} of {customer} cannot be undone")
    });
    let suspended = with(Action::Suspend).map(|things| (Weight::Access, format!("this suspends {things} of {customer}")));
    let unshared = with(Action::Unshare).map(|things| (Weight::Access, format!("this shares {things} of {customer} with fewer")));
    said.extend(suspended.into_iter().chain(unshared));
    said
}

/// What stays in the portal and is not managed any more.
fn left_alone(customer: &str, desired: &Desired, was: Option<&Unit>, will: &Unit) -> Vec<Sentence> {
    let known: BTreeSet<&Address> = was.into_iter().flat_map(|u| &u.retained).map(|r| &r.address).collect();
    let left = will.retained.iter().map(|r| &r.address).filter(|a| !known.contains(a));
    let (in_part, whole): (BTreeSet<&Address>, BTreeSet<&Address>) = left.partition(|a| desired.get(a).is_some());
    // Of a customer who is not declared any more one stands for all.
    let all_of_it = !will.facts.tenant_declared && !whole.is_empty();
    let whole = if all_of_it { in_words(&will.facts.owned) } else { kinds(whole.iter().map(|a| a.kind)) };
    let whole = whole.map(|left| format!("this leaves {left} of {customer} as they are, managed by nobody"));
    // Whoever deletes a line such as `administrator: true` means to take something away, and does not.
    let in_part = kinds(in_part.iter().map(|a| a.kind))
        .map(|left| format!("this takes nothing from {left} of {customer} though a line of theirs is gone (`false` or `[]` would)"));
    whole.into_iter().chain(in_part).map(|text| (Weight::Loss, text)).collect()
}

fn people(customer: &str, was: Option<&Unit>, will: &Unit) -> Vec<Sentence> {
    let mut said = Vec::new();
    let had = was.map_or(&will.consequences.administrators_before, |was| &was.consequences.administrators_after);
    let has = &will.consequences.administrators_after;
    let gone = had.iter().filter(|who| !has.contains(who)).count();
    let loses = match (gone, has.is_empty(), will.consequences.administrators_unknown) {
        (0, _, _) => None,
        (_, true, false) => Some(format!("this takes the last administrator of {customer}")),
        (_, true, true) => Some(format!("this takes the last known administrator of {customer}")),
        (gone, false, _) => Some(format!("this takes {gone} of {} administrators of {customer}", had.len())),
    };
    said.extend(loses.map(|text| (Weight::Access, text)));
    let lost_anyway = was.map_or(&[][..], |u| &u.consequences.lose_access);
    let lost_anyway: BTreeSet<_> = lost_anyway.iter().collect();
    match will.consequences.lose_access.iter().filter(|who| !lost_anyway.contains(who)).count() {
        0 => {}
        1 => said.push((Weight::Access, format!("this takes access to {customer} from 1 person"))),
        count => said.push((Weight::Access, format!("this takes access to {customer} from {count} people"))),
    }
    said
}

/// What becomes of it that is not simply that it is done.
fn held(before: Option<&Decision>, after: &Decision) -> Vec<Sentence> {
    let hold = |text: String| (Weight::Held, text);
    match after {
        Decision::AwaitApproval { .. } => vec![hold("this waits for approval".to_owned())],
        Decision::Refused { codes, .. } => {
            let known = match before {
                Some(Decision::Refused { codes, .. }) => codes.as_slice(),
                _ => &[],
            };
            // What is held already is held as a whole: what comes to it waits, too.
            let new: Vec<_> = codes.iter().filter(|code| !known.contains(code)).collect();
            guarded(if new.is_empty() { codes.iter().collect() } else { new }).into_iter().map(hold).collect()
        }
        Decision::ReportDrift => vec![hold("this is reported as drift, and not done".to_owned())],
        Decision::InStep | Decision::AwaitTechnician | Decision::Apply => Vec::new(),
    }
}

/// What guards say: those that an approval passes, and those that none does.
fn guarded(codes: Vec<&String>) -> Vec<String> {
    let (passable, facts): (Vec<_>, Vec<_>) = codes.into_iter().partition(|code| guard(code).is_some_and(|(_, passable)| passable));
    let refused = (!facts.is_empty()).then(|| format!("this is refused by {}", guards(&facts)));
    let held = (!passable.is_empty()).then(|| format!("this is held back until its digest is approved, by {}", guards(&passable)));
    refused.into_iter().chain(held).collect()
}

fn guards(codes: &[&String]) -> String {
    match codes {
        [code] => match guard(code) {
            Some((name, _)) => format!("guard {code} ({})", small(name)),
            None => format!("guard {code}"),
        },
        many => format!("guards {}", listed(&many.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap_or_default()),
    }
}

fn outward(customer: &str, was: Option<&Unit>, will: &Unit, new: &[&Change]) -> Vec<Sentence> {
    let mut said = Vec::new();
    let mut say = |text: String| said.push((Weight::Outward, text));
    let is_invitation = |c: &&&Change| {
        let lets_in = c.address.kind.def().bearing == Bearing::Access;
        lets_in && c.effects.contains(&Effect::Email) && (c.has(Action::Create) || c.has(Action::Resend))
    };
    let invitations = new.iter().filter(is_invitation).count();
    let mails = |unit: Option<&Unit>| unit.map_or(0, |u| u.consequences.emails.len());
    let others = mails(Some(will)).saturating_sub(mails(was)).saturating_sub(invitations);
    match invitations {
        0 => {}
        1 => say(format!("this sends 1 invitation to {customer}")),
        count => say(format!("this sends {count} invitations to {customer}")),
    }
    match others {
        0 => {}
        1 => say(format!("this sends 1 e-mail to people of {customer}")),
        count => say(format!("this sends {count} e-mails to people of {customer}")),
    }
    let had = was.map(|u| u.consequences.licences.clone()).unwrap_or_default();
    for (product, count) in &will.consequences.licences {
        match count - had.get(product).copied().unwrap_or_default() {
            0 => {}
            more @ 1.. => say(format!("this takes {more} more of {product} for {customer}")),
            fewer => say(format!("this gives back {} of {product} for {customer}", fewer.unsigned_abs())),
        }
    }
    match new.iter().filter(|c| c.performer == Performer::Technician).count() {
        0 => {}
        1 => say(format!("a technician makes 1 of these changes of {customer} by hand")),
        count => say(format!("a technician makes {count} of these changes of {customer} by hand")),
    }
    said
}

/// What else is done, in one sentence.
fn rest(customer: &str, new: &[&Change]) -> Option<Sentence> {
    let verbs: [(&str, &[Action]); 7] = [
        ("creates", &[Action::Create]),
        ("updates", &[Action::Update, Action::Share]),
        ("takes over", &[Action::Adopt, Action::Recover]),
        ("renames", &[Action::Move]),
        ("forgets", &[Action::Forget]),
        ("protects", &[Action::Protect]),
        ("releases", &[Action::Unprotect]),
    ];
    let plainly = |c: &&&Change| !c.has(Action::Suspend) && !c.has(Action::Unshare);
    let done = verbs.iter().filter_map(|(verb, actions)| {
        let those = new.iter().filter(|c| c.action().is_some_and(|main| actions.contains(&main))).filter(plainly);
        Some(format!("{verb} {}", counted(those)?))
    });
    let done = listed(&done.collect::<Vec<_>>())?;
    Some((Weight::Rest, format!("this {done} of {customer}")))
}

/// `14 users and 1 group`; `None`: nothing.
fn counted<'a, 'c: 'a>(changes: impl Iterator<Item = &'a &'c Change>) -> Option<String> {
    kinds(changes.map(|c| c.address.kind))
}

fn kinds(all: impl Iterator<Item = Kind>) -> Option<String> {
    let mut counts: BTreeMap<Kind, u64> = BTreeMap::new();
    all.for_each(|kind| *counts.entry(kind).or_default() += 1);
    in_words(&counts)
}

pub(super) fn in_words(counts: &BTreeMap<Kind, u64>) -> Option<String> {
    let words = counts.iter().filter(|(_, count)| **count > 0).map(|(kind, count)| match count {
        1 => format!("1 {}", kind.def().noun),
        count => format!("{count} {}", kind.def().nouns),
    });
    listed(&words.collect::<Vec<_>>())
}

/// `a`, `a and b`, `a, b and c`; `None`: nothing.
pub(super) fn listed(words: &[String]) -> Option<String> {
    let (last, others) = words.split_last()?;
    Some(if others.is_empty() { last.clone() } else { format!("{} and {last}", others.join(", ")) })
}

fn small(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
