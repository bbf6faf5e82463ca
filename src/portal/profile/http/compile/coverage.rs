//! What `fields` of a kind promises, held against what its mappings and steps do.
//!
//! Comes in: a kind's capability and its compiled calls. Goes out: problems. A field that is `full` and that nothing shows, or nothing sends,
//! would differ after every apply: it would be planned for ever, and no run could say why. Only what the driver `rest` does is looked at.

use std::collections::{BTreeMap, BTreeSet};

use serde_saphyr::Location;

use super::super::compiled::{CallStep, Each, KindCalls, PersonAct, PersonStep, Step, StepAct};
use crate::diagnostic::codes::portal as codes;
use crate::model::kind::Sense;
use crate::model::{FieldId, FieldSupport, IntentAction, Kind, KindCapability, Performer, Readability};
use crate::portal::profile::cel::{Expression, Path};
use crate::portal::profile::compile::Problems;
use crate::portal::profile::document::{Action, KindSection};
use crate::portal::profile::template::Template;

/// What the driver does with a kind.
struct Does {
    kind: Kind,
    /// The fields that its listings show; `None`: it reads none.
    shows: Option<BTreeSet<FieldId>>,
    /// Those of them that are the same of every object: the portal has one value only, and nobody sends it.
    constant: BTreeSet<FieldId>,
    /// What a creation sends; `None`: it makes none.
    creates: Option<Sends>,
    /// What an update sends; `None`: it changes none.
    updates: Option<Sends>,
}

/// What the steps of an action send.
struct Sends {
    fields: BTreeSet<FieldId>,
    /// Those of them that are named themselves, and not with their group.
    by_name: BTreeSet<FieldId>,
    /// A person sees to it that something is so (`reach`): what is set with it stands in words that nothing can look into.
    in_words: bool,
}

/// Says what a kind's fields promise and its calls do not do.
pub(super) fn check(
    kind: Kind,
    capability: &KindCapability,
    section: &KindSection,
    at: Location,
    calls: &KindCalls,
    driven: impl Fn(Action) -> bool,
    problems: &mut Problems<'_>,
) {
    let sends = |action: IntentAction, performer: Performer| {
        let steps = calls.steps(action);
        let does = performer == Performer::Call && driven(action.into()) && !steps.is_empty();
        does.then(|| Sends {
            fields: steps.iter().flat_map(|step| sent(kind, step, true)).collect(),
            by_name: steps.iter().flat_map(|step| sent(kind, step, false)).collect(),
            in_words: steps.iter().any(reaches),
        })
    };
    // What nobody makes or changes is looked at and no more: nothing of it is ever planned.
    if capability.create == Performer::Unsupported && capability.update == Performer::Unsupported {
        return;
    }
    let reads = capability.read == Readability::Listed && driven(Action::Read);
    let item = calls.item.as_ref().filter(|_| reads);
    let mapped = || item.into_iter().flat_map(|item| &item.fields);
    let does = Does {
        kind,
        shows: item.map(|_| mapped().map(|(field, _)| *field).collect()),
        constant: mapped().filter(|(_, expression)| expression.paths().is_empty()).map(|(field, _)| *field).collect(),
        creates: sends(IntentAction::Create, capability.create),
        updates: sends(IntentAction::Update, capability.update),
    };
    // What is wrong for one reason in one place is said once: a new profile lacks twenty fields alike.
    let mut wrong: BTreeMap<(u64, u64, &'static str), (Location, Vec<String>)> = BTreeMap::new();
    for (field, def) in kind.def().fields() {
        let Some(why) = does.breaks(field, capability.field(field)) else { continue };
        let place = section.fields.get(def.path).map_or(at, |support| support.referenced);
        let (_, named) = wrong.entry((place.line(), place.column(), why)).or_insert_with(|| (place, Vec::new()));
        named.push(format!("`{}`", def.path));
    }
    for ((_, _, why), (place, named)) in wrong {
        problems.add(codes::PROFILE_COVERAGE, place, format!("{kind}: {}: {why}", named.join(", ")));
    }
}

/// What is made in another's call must stand in that call, or be made by steps of its own.
pub(super) fn carried(
    kind: Kind,
    capability: &KindCapability,
    at: Location,
    calls: &BTreeMap<Kind, KindCalls>,
    driven: impl Fn(Kind) -> bool,
    problems: &mut Problems<'_>,
) {
    let Some(carrier) = capability.carried_by.filter(|carrier| driven(kind) && driven(*carrier)) else { return };
    let steps = |kind| calls.get(&kind).map_or(&[][..], |calls| calls.steps(IntentAction::Create));
    let told = steps(carrier).iter().flat_map(named).any(|path| path.root == "carried");
    if capability.create == Performer::Call && steps(kind).is_empty() && !told {
        let what = format!("{kind} is carried by {carrier}, and no step of that `create` sends `carried`: nobody makes one");
        problems.add(codes::PROFILE_COVERAGE, at, what);
    }
}

impl Does {
    /// Why what a field promises is not kept, in words that follow its name and a colon.
    fn breaks(&self, field: FieldId, support: FieldSupport) -> Option<&'static str> {
        let def = self.kind.def().field(field);
        let shown = self.shows.as_ref().map(|fields| fields.contains(&field));
        let has = |sends: &Sends| sends.in_words || sends.fields.contains(&field) || self.constant.contains(&field);
        let (created, updated) = (self.creates.as_ref().map(has), self.updates.as_ref().map(has));
        // Where the driver neither makes nor changes one, somebody else sends what there is to send.
        let sent = created.or(updated).map(|_| created == Some(true) || updated == Some(true));
        let by_name = self.creates.iter().chain(&self.updates).any(|sends| sends.by_name.contains(&field));
        match support {
            FieldSupport::Technician => None,
            FieldSupport::Unsupported => (shown == Some(true) || by_name).then_some(
                "mapped and `unsupported`, so nobody ever sees it: call it `full` under `fields`, or take it out of the mappings",
            ),
            _ if of_the_engine(def.sense) => None,
            _ if only_at_creation(def.sense) => (created == Some(false)).then_some(
                "an argument of creation that no step of `create` sends: put it into one, or call it `unsupported` under `fields`",
            ),
            FieldSupport::Full | FieldSupport::Immutable | FieldSupport::WriteOnly => {
                let seen = support == FieldSupport::WriteOnly || def.ty.is_secret() || shown != Some(false);
                differs_for_ever(support, seen, sent, created, updated)
            }
        }
    }
}

/// Why a field that is compared would never be the same, or not at once. `seen`: a listing shows it, or nobody compares it with one.
fn differs_for_ever(
    support: FieldSupport,
    seen: bool,
    sent: Option<bool>,
    created: Option<bool>,
    updated: Option<bool>,
) -> Option<&'static str> {
    match (seen, sent) {
        (false, Some(false) | None) => Some(
            "shown by nothing under `item.fields` and sent by no step, and would be planned for ever: map it, or call it \
             `unsupported` under `fields` (`\"*\": unsupported` says so of all that are not named there)",
        ),
        (false, Some(true)) => {
            Some("sent and never shown, and would be planned for ever: map it under `item.fields`, or call it `writeOnly` under `fields`")
        }
        (true, Some(false)) => {
            Some("sent by no step, and would be planned for ever: put it into a step, or call it `unsupported` under `fields`")
        }
        (true, Some(true) | None) if support != FieldSupport::Immutable && updated == Some(false) => Some(
            "sent by a creation and by no step of `update`, and a change of it would be planned for ever: put it into one, or call \
             it `immutable` under `fields`",
        ),
        (true, Some(true) | None) if created == Some(false) => Some(
            "sent by an update and by no step of `create`, and every new object would be changed at once: put it into one, or add a \
             step to `create`",
        ),
        (true, Some(true) | None) => None,
    }
}

/// What means nothing to a portal: the engine itself acts on it.
const fn of_the_engine(sense: Sense) -> bool {
    matches!(sense, Sense::DeferUntil | Sense::ResendWhenExpired | Sense::Offboard)
}

/// What is said once and never compared.
const fn only_at_creation(sense: Sense) -> bool {
    matches!(sense, Sense::CreationOnly | Sense::Notify)
}

fn reaches(step: &Step) -> bool {
    let StepAct::Person(person) = &step.act else { return false };
    person.acts.iter().any(|(act, _)| matches!(act, PersonAct::Reach(_)))
}

/// The fields whose values a step takes, wherever it puts them: a step that is done when a field is true sets it, too. What is only asked for by
/// `has` is not sent.
fn sent(kind: Kind, step: &Step, with_groups: bool) -> BTreeSet<FieldId> {
    let mut fields = BTreeSet::new();
    if let Some(Each::Added(field) | Each::Removed(field)) = step.each {
        fields.insert(field);
    }
    for path in named(step).into_iter().filter(|path| !path.test) {
        let dotted = path.fields.join(".");
        let taken = |field: &str| {
            let under = |a: &str, b: &str| a == b || a.strip_prefix(b).is_some_and(|rest| b.is_empty() || rest.starts_with('.'));
            under(&dotted, field) || (with_groups && under(field, &dotted))
        };
        let all = kind.def().fields();
        match path.root.as_str() {
            "self" | "named" => fields.extend(all.filter(|(_, def)| taken(def.path)).map(|(id, _)| id)),
            "secrets" if with_groups => fields.extend(all.filter(|(_, def)| def.ty.is_secret()).map(|(id, _)| id)),
            _ => {}
        }
    }
    fields
}

/// What a step names.
fn named(step: &Step) -> Vec<&Path> {
    let condition = step.when.iter().flat_map(Expression::paths);
    let act = match &step.act {
        StepAct::Call(call) => of_call(call),
        StepAct::Person(person) => of_person(person),
        StepAct::Wait(wait) => wait.ask.paths().collect(),
    };
    condition.chain(act).collect()
}

fn of_call(call: &CallStep) -> Vec<&Path> {
    let taken = call.take.iter().map(|(_, expression)| expression).chain(&call.id).flat_map(Expression::paths);
    call.ask.paths().chain(taken).collect()
}

fn of_person(person: &PersonStep) -> Vec<&Path> {
    let acts = person.acts.iter().map(|(act, _)| match act {
        PersonAct::Visit(text) | PersonAct::Press(text) | PersonAct::Look(text) | PersonAct::Reach(text) => text,
    });
    acts.chain([&person.title]).flat_map(Template::paths).collect()
}
