//! The steps of an action.

use std::time::Duration;

use serde_saphyr::Spanned;

use super::super::compiled::{Ask, CallStep, Content, Each, Evidence, Find, PersonAct, PersonStep, Step, StepAct, WaitStep};
use super::super::connection::Method;
use super::super::document::{AskSection, AskStep, CallSection, EachSection, FindSection, UpdateStyle, WaitSection};
use super::parts::{Known, Parts, duration};
use crate::diagnostic::codes::portal as codes;
use crate::model::{FieldType, IntentAction, Kind};
use crate::portal::profile::cel::Expression;
use crate::portal::profile::compile::reconciled;

/// What a step may name; `item` within `each` too, `response` where something is taken from it, `current` in a read-modify-write.
const STEP: [&str; 16] = [
    "self", "named", "before", "changed", "carried", "id", "name", "kind", "action", "tenant", "account", "owner", "intent", "steps",
    "evidence", "secrets",
];
/// Longest wait: apply has other changes to make.
const MAX_WAIT: Duration = Duration::from_secs(600);

pub(super) fn compile(sections: &[Spanned<CallSection>], action: IntentAction, parts: &mut Parts<'_, '_>) -> Vec<Step> {
    parts.known = Known::default();
    let steps = sections.iter().filter_map(|section| step(section, action, parts)).collect();
    if action == IntentAction::Create && !parts.known.id {
        let at = sections.first().map_or(serde_saphyr::Location::UNKNOWN, |s| s.referenced);
        parts.contradiction(at, "no step of `create` says what the new object's `id` is");
    }
    steps
}

fn step(section: &Spanned<CallSection>, action: IntentAction, parts: &mut Parts<'_, '_>) -> Option<Step> {
    let call = &section.value;
    let mut variables = STEP.to_vec();
    let when = call.when.as_ref().map(|when| parts.expression(when, &variables));
    let each = call.each.as_ref().map(|each| each_of(each, parts));
    if each.is_some() {
        variables.push("item");
    }
    let act = match (&call.path, &call.ask, &call.wait) {
        (Some(path), None, None) => call_step(call, path, action, &variables, parts).map(|c| StepAct::Call(Box::new(c))),
        (None, Some(ask), None) => {
            only_ask(section, parts);
            person(ask, &variables, parts).map(|p| StepAct::Person(Box::new(p)))
        }
        (None, None, Some(wait)) => {
            only_ask(section, parts);
            waiting(wait, &variables, parts).map(|w| StepAct::Wait(Box::new(w)))
        }
        _ => {
            parts.contradiction(section.referenced, "a step has exactly one of `path`, `ask` and `wait`");
            None
        }
    };
    let (when, each) = (flat(when)?, flat(each)?);
    Some(Step { when, each, act: act? })
}

/// What was given must have compiled.
fn flat<T>(given: Option<Option<T>>) -> Option<Option<T>> {
    match given {
        None => Some(None),
        Some(None) => None,
        Some(Some(value)) => Some(Some(value)),
    }
}

fn only_ask(section: &Spanned<CallSection>, parts: &mut Parts<'_, '_>) {
    let CallSection {
        when: _,
        each,
        method,
        path: _,
        query,
        headers,
        body,
        form,
        update,
        etag,
        idempotent,
        inside: _,
        id,
        carried,
        take,
        find,
        ask,
        wait: _,
    } = &section.value;
    let other = method.is_some() || !query.is_empty() || !headers.is_empty() || body.is_some() || form.is_some() || update.is_some();
    if other
        || *etag
        || *idempotent
        || id.is_some()
        || !carried.is_empty()
        || !take.is_empty()
        || find.is_some()
        || (ask.is_some() && each.is_some())
    {
        parts.contradiction(section.referenced, "a step with `ask` or `wait` has nothing of a call beside it");
    }
}

fn each_of(section: &Spanned<EachSection>, parts: &mut Parts<'_, '_>) -> Option<Each> {
    let (source, make): (_, fn(_) -> Each) = match (&section.value.added, &section.value.removed) {
        (Some(field), None) => (field, Each::Added),
        (None, Some(field)) => (field, Each::Removed),
        _ => {
            parts.contradiction(section.referenced, "`each` needs either `added` or `removed`");
            return None;
        }
    };
    let (field, ty) = parts.field(&source.value, source.referenced)?;
    if !matches!(ty, FieldType::Set(_) | FieldType::Organizations | FieldType::Map(_)) {
        parts.contradiction(source.referenced, &format!("`{}` is {ty}, and `each` goes over a set", source.value));
        return None;
    }
    Some(make(field))
}

fn call_step(
    call: &CallSection,
    path: &Spanned<String>,
    action: IntentAction,
    variables: &[&str],
    parts: &mut Parts<'_, '_>,
) -> Option<CallStep> {
    let update = call.update.unwrap_or_default();
    let sent = match update {
        UpdateStyle::ReadModifyWrite => [variables, &["current"]].concat(),
        UpdateStyle::Merge | UpdateStyle::Replace => variables.to_vec(),
    };
    if update != UpdateStyle::Merge && action != IntentAction::Update {
        parts.contradiction(path.referenced, "`update` says what a call of an update sends: this is none");
    }
    if update == UpdateStyle::ReadModifyWrite && call.body.is_none() {
        parts.contradiction(path.referenced, "`update: readModifyWrite` needs a `body`: what is put over what is there");
    }
    let at = parts.path(path, variables);
    let query = parts.templates(&call.query, variables);
    let headers = parts.headers(&call.headers, variables);
    let content = parts.content(call.body.as_ref(), call.form.as_ref(), &sent);
    let answer = [variables, &["response", "location"]].concat();
    let take: Vec<_> = call.take.iter().map(|(name, source)| (name, parts.expression(source, &answer))).collect();
    parts.known.taken.extend(call.take.keys().cloned());
    parts.known.id |= call.id.is_some();
    if let (Some(id), false) = (&call.id, action == IntentAction::Create) {
        parts.contradiction(id.referenced, "only a creation makes a new id");
    }
    let id = parts.optional(call.id.as_ref(), &answer);
    let carried = carried(call, action, &answer, parts);
    let find = flat(call.find.as_ref().map(|find| finding(find, variables, parts)))?;
    Some(CallStep {
        ask: Ask { method: call.method.unwrap_or(Method::Post), path: at?, query, headers, content },
        update,
        etag: call.etag,
        idempotent: call.idempotent,
        inside: call.inside,
        id,
        carried,
        take: take.into_iter().filter_map(|(name, source)| Some((name.as_str().into(), source?))).collect(),
        find,
    })
}

/// How to tell whether a call was made already.
fn finding(section: &Spanned<FindSection>, variables: &[&str], parts: &mut Parts<'_, '_>) -> Option<Find> {
    let FindSection { path, query, holds } = &section.value;
    let path = parts.path(path, variables);
    let query = parts.templates(query, variables);
    let holds = parts.expression(holds, &[variables, &["response"]].concat());
    Some(Find { ask: Ask { method: Method::Get, path: path?, query, headers: Vec::new(), content: Content::None }, holds: holds? })
}

/// Where the ids of what rides on the call are found.
fn carried(call: &CallSection, action: IntentAction, answer: &[&str], parts: &mut Parts<'_, '_>) -> Vec<(Kind, Expression)> {
    let variables = [answer, &["item"]].concat();
    let mut found = Vec::new();
    for (name, source) in &call.carried {
        let Some(kind) = reconciled(name, source.referenced, parts.problems) else { continue };
        if action != IntentAction::Create || !parts.carries.contains(&kind) {
            parts.contradiction(
                source.referenced,
                &format!("this makes no {kind} in the same call: only what is `carriedBy` it rides on its creation"),
            );
        }
        found.extend(parts.expression(source, &variables).map(|expression| (kind, expression)));
    }
    found
}

fn person(section: &Spanned<AskSection>, variables: &[&str], parts: &mut Parts<'_, '_>) -> Option<PersonStep> {
    let AskSection { title, source, steps, evidence } = &section.value;
    let mut acts = Vec::new();
    for step in steps {
        let AskStep { visit, press, look, reach, source: own } = &step.value;
        type Make = fn(crate::portal::profile::template::Template) -> PersonAct;
        let given: [(&Option<Spanned<String>>, Make); 4] =
            [(visit, PersonAct::Visit), (press, PersonAct::Press), (look, PersonAct::Look), (reach, PersonAct::Reach)];
        let mut given = given.into_iter().filter_map(|(text, make)| Some((text.as_ref()?, make)));
        match (given.next(), given.next()) {
            (Some((text, make)), None) => acts.extend(parts.template(text, variables).map(|text| (make(text), own.unwrap_or(*source)))),
            _ => parts.contradiction(step.referenced, "a person's step has exactly one of `visit`, `press`, `look` and `reach`"),
        }
    }
    if acts.is_empty() {
        parts.contradiction(section.referenced, "a person is asked, and there is nothing to do");
    }
    let mut wanted = Vec::new();
    for section in evidence {
        let one = &section.value;
        if !parts.known.evidence.insert(one.name.clone()) {
            let what = format!("the evidence `{}` is asked for twice", one.name);
            parts.problems.add(codes::PROFILE_CONTRADICTION, section.referenced, what);
        }
        parts.known.id |= one.id;
        let expect = one.expect.as_ref().and_then(|text| parts.template(text, variables));
        let (name, ask) = (one.name.as_str().into(), one.ask.as_str().into());
        wanted.push(Evidence { name, ask, expect, optional: one.optional, id: one.id });
    }
    Some(PersonStep { title: parts.template(title, variables)?, acts, evidence: wanted })
}

fn waiting(section: &Spanned<WaitSection>, variables: &[&str], parts: &mut Parts<'_, '_>) -> Option<WaitStep> {
    let WaitSection { path, until, failed, every, at_most } = &section.value;
    let answer = [variables, &["response"]].concat();
    let every = duration(every.as_ref(), Duration::from_secs(2), MAX_WAIT, parts.problems);
    let at_most = duration(at_most.as_ref(), Duration::from_secs(60), MAX_WAIT, parts.problems);
    let path = parts.path(path, variables);
    let until = parts.expression(until, &answer);
    let failed = parts.optional(failed.as_ref(), &answer);
    let ask = Ask { method: Method::Get, path: path?, query: Vec::new(), headers: Vec::new(), content: Content::None };
    Some(WaitStep { ask, until: until?, failed, every, at_most })
}
