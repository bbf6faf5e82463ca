//! Where a call stands among its steps: what is done, what comes next, and what would be lost with the answer of that.
//!
//! Comes in: what an earlier part of the call has learnt, or what a person answered. Goes out: the step to go on with, and how far it has come, for
//! the ledger. Nothing is kept here in between, and a step whose answer was lost is never made again unseen.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::began::Began;
use super::request;
use super::scope::{of_before, of_changed, scope};
use super::steps::Run;
use super::transport::SendError;
use crate::model::{FieldId, IntentAction, Next, Reached};
use crate::portal::profile::http::compiled::{CallStep, PersonStep, Step, StepAct};
use crate::portal::profile::http::connection::Method;
use crate::portal::{Call, CallError, Done};

/// Names in what was learnt.
const STEP: &str = "step";
const STEPS: &str = "steps";
const EVIDENCE: &str = "evidence";
const CARRIED: &str = "carried";
/// How many steps the action had.
const OF: &str = "of";

impl Run<'_> {
    /// The step to go on with: the first, or the one after those that are done.
    ///
    /// # Errors
    /// When the profile is another than the one that made the first steps.
    pub(super) fn resume(&mut self, call: &Call, steps: &[Step]) -> Result<usize, CallError> {
        let answered = call.context.as_deref().and_then(|c| c.answered.as_ref());
        let asked = answered.and_then(|answered| answered.learnt.get(STEP)?.parse::<usize>().ok());
        let mut from = 0;
        if let Some(answered) = answered {
            let at = asked.ok_or_else(changed)?;
            let Some(Step { act: StepAct::Person(person), .. }) = steps.get(at) else { return Err(changed()) };
            self.take(&answered.learnt)?;
            self.take_evidence(person, &answered.evidence);
            from = at + 1;
        }
        match &call.fate.reached {
            // What was answered is part of what was learnt since.
            Some(reached) if reached.steps.is_none_or(|done| done >= from) => self.go_on(reached, steps),
            Some(_) => Ok(from),
            None => {
                self.covered = answered.is_none() && self.is_told_by_its_object(steps);
                Ok(from)
            }
        }
    }

    /// True where the intent alone is enough: a call of one step, or one whose first step makes what the lists then show.
    fn is_told_by_its_object(&self, steps: &[Step]) -> bool {
        let first = steps.iter().enumerate().find(|(_, s)| !matches!(&s.act, StepAct::Call(made) if made.ask.method == Method::Get));
        steps.len() == 1
            || first
                .is_some_and(|(at, step)| step.when.is_none() && matches!(&step.act, StepAct::Call(made) if self.makes(made, at, steps)))
    }

    fn go_on(&mut self, reached: &Reached, steps: &[Step]) -> Result<usize, CallError> {
        let Some(done) = reached.steps else {
            let made =
                steps.iter().enumerate().position(|(at, step)| matches!(&step.act, StepAct::Call(made) if self.makes(made, at, steps)));
            // What was to be taken from the answer that made it, nobody knows.
            if reached.learnt.contains_key(STEPS) {
                self.take(&reached.learnt)?;
            }
            self.values.insert("id", reached.id().unwrap_or_default().into());
            return made.map(|made| made + 1).ok_or_else(changed);
        };
        if reached.learnt.get(OF).is_some_and(|of| *of != steps.len().to_string()) {
            return Err(changed());
        }
        self.take(&reached.learnt)?;
        if let Some(items) = reached.learnt.get(Reached::ITEMS) {
            self.done = serde_json::from_str(items).map_err(|_| changed())?;
        }
        self.covered = reached.if_lost != Next::Clear;
        self.next = self.call().fate.next;
        let Some(step) = steps.get(done).filter(|_| reached.if_lost == Next::Shown) else { return Ok(done) };
        // What the portal shows by now is done, though nobody heard of it.
        let telling = self.telling(step, done, steps);
        if let Some(each) = step.each {
            self.done.extend(self.began.shown(self.call, each));
        } else if !telling.is_empty() && telling.iter().all(|id| !self.call.changed.contains(id)) {
            self.done.clear();
            return Ok(done + 1);
        }
        Ok(done)
    }

    /// The fields by which the portal shows whether a step is done.
    fn telling(&self, step: &Step, at: usize, steps: &[Step]) -> Vec<FieldId> {
        let done = |earlier: &&Step| {
            let mut seen = self.values().clone();
            seen.insert("self", self.seen_by(earlier));
            earlier.when.as_ref().is_none_or(|when| when.holds(&scope(&seen)).unwrap_or(true))
        };
        self.began.telling(self.call().address.kind.def(), step, steps.iter().take(at).filter(done))
    }

    fn take(&mut self, learnt: &BTreeMap<String, String>) -> Result<(), CallError> {
        if let Some(began) = Began::again(self.call, learnt) {
            let def = self.call.address.kind.def();
            self.values.insert("before", of_before(def, &began.before));
            self.values.insert("changed", of_changed(def, &began.changed));
            self.began = began;
        }
        let map = |name: &str| -> Option<Map<String, Json>> { serde_json::from_str(learnt.get(name)?).ok() };
        self.values.insert("steps", Json::Object(map(STEPS).ok_or_else(changed)?));
        self.values.insert("evidence", Json::Object(map(EVIDENCE).ok_or_else(changed)?));
        if let Some(id) = learnt.get(Reached::ID) {
            self.values.insert("id", id.as_str().into());
        }
        if let Some(carried) = learnt.get(CARRIED) {
            self.carried = serde_json::from_str(carried).map_err(|_| changed())?;
        }
        Ok(())
    }

    fn take_evidence(&mut self, person: &PersonStep, brought: &BTreeMap<String, String>) {
        if let Some(evidence) = self.values.get_mut("evidence").and_then(Json::as_object_mut) {
            evidence.extend(brought.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
        }
        if let Some(id) = person.evidence.iter().filter(|e| e.id).find_map(|e| brought.get(&*e.name)) {
            self.values.insert("id", id.as_str().into());
        }
    }

    /// What was learnt so far, for whoever goes on.
    pub(super) fn learnt(&self) -> BTreeMap<String, String> {
        let of = |name: &str| self.values.get(name).cloned().unwrap_or_else(|| json!({})).to_string();
        let mut learnt = BTreeMap::from([(STEPS.to_owned(), of("steps")), (EVIDENCE.to_owned(), of("evidence"))]);
        if self.carried.iter().any(Option::is_some) {
            learnt.insert(CARRIED.to_owned(), json!(self.carried).to_string());
        }
        self.began.put_down(self.call, &mut learnt);
        learnt.extend(self.id().map(|id| (Reached::ID.to_owned(), id.to_owned())));
        learnt
    }

    /// The same, for the answer of a person whose step stands at `at`.
    pub(super) fn learnt_at(&self, at: usize) -> BTreeMap<String, String> {
        let mut learnt = self.learnt();
        learnt.insert(STEP.to_owned(), at.to_string());
        learnt
    }

    /// What is left of the call, to be made durable before it goes on; `None`: nothing more is done.
    pub(super) fn partly(&mut self, from: usize, steps: &[Step]) -> Option<Done> {
        let (at, if_lost) = self.ahead(from, steps)?;
        if at != from {
            self.done.clear();
        }
        let words = steps.get(at).map(|step| self.words(step)).unwrap_or_default();
        let mut learnt = self.learnt();
        learnt.insert(OF.to_owned(), steps.len().to_string());
        if !self.done.is_empty() {
            learnt.insert(Reached::ITEMS.to_owned(), json!(self.done).to_string());
        }
        let next = format!("step {} of {}{words}", at + 1, steps.len());
        Some(Done::Partly { reached: Reached { steps: Some(at), next, if_lost, learnt } })
    }

    /// The step that comes next, and what is to be believed of the first thing that it or one behind it brings about. What only a look tells
    /// whether it is done counts as done.
    fn ahead(&mut self, from: usize, steps: &[Step]) -> Option<(usize, Next)> {
        let (mut first, mut next, mut looked) = (None, Next::Clear, false);
        for (at, step) in steps.iter().enumerate().skip(from) {
            // Where its condition has no value, the step says so in its turn.
            let applies = looked || self.applies(step).unwrap_or(true);
            if !applies || self.items(step.each).iter().all(|item| self.is_done(item) && at == from) {
                continue;
            }
            first.get_or_insert(at);
            match &step.act {
                StepAct::Call(made) if made.ask.method == Method::Get => looked = true,
                StepAct::Call(made) => {
                    next = next.max(self.if_lost(made, step, at, steps));
                    if step.when.is_none() || !looked {
                        break;
                    }
                }
                StepAct::Wait(_) | StepAct::Person(_) => break,
            }
        }
        first.map(|first| (first, next))
    }

    /// What is known of a step whose answer is lost.
    pub(super) fn if_lost(&self, made: &CallStep, step: &Step, at: usize, steps: &[Step]) -> Next {
        let method = made.ask.method;
        let key = self.portal().http().is_some_and(|http| http.connection.idempotency_header.is_some());
        // By RFC 9110, section 9.2.2, these have the effect of one however often they are made; and the same values are written once more.
        let alone = matches!(method, Method::Put | Method::Delete)
            || (method == Method::Patch && self.call().action != IntentAction::Create)
            || (made.idempotent && method != Method::Post);
        // What takes away names its object and sends nothing that may be another by now.
        let takes_away = self.call().action == IntentAction::Delete && (key || made.idempotent);
        if made.find.is_some() {
            // Whoever says how to look for it knows better than its method: not every `PUT` may be made twice.
            Next::Findable
        } else if (alone && !key) || takes_away {
            Next::Repeatable
        } else if key || made.idempotent {
            Next::SameKey
        } else if self.makes(made, at, steps) {
            Next::Shown
        } else {
            let tells = || !self.telling(step, at, steps).is_empty();
            match self.call().action {
                // Fields that are shown as declared were written.
                IntentAction::Update if tells() => Next::Shown,
                IntentAction::Delete | IntentAction::Resend if steps.len() == 1 => Next::Shown,
                IntentAction::Create | IntentAction::Update | IntentAction::Delete | IntentAction::Resend => Next::Unsure,
            }
        }
    }

    /// Whether a step whose answer was lost is done already.
    ///
    /// # Errors
    /// When nobody can tell.
    pub(super) async fn is_found(&mut self, made: &CallStep, step: &Step) -> Result<bool, CallError> {
        match std::mem::replace(&mut self.next, Next::Clear) {
            Next::Clear | Next::Repeatable | Next::SameKey | Next::Shown => Ok(false),
            Next::Findable => self.find(made, step).await,
            Next::Unsure => Err(self.unsure(step)),
        }
    }

    async fn find(&mut self, made: &CallStep, step: &Step) -> Result<bool, CallError> {
        let Some(find) = &made.find else { return Err(self.unsure(step)) };
        let lost = |why: String| CallError::Lost { message: why, after: None, next: Next::Findable };
        let asked = request::request(&find.ask, &scope(&self.values)).map_err(|e| self.broken("`find`", &e))?;
        let answer = match self.portal().client.send(&self.acting(asked, made.inside)?).await {
            Ok(response) => self.masked(response.json().clone()),
            Err(SendError::Gone(answer)) => json!({"status": answer.status, "headers": {}, "body": answer.body}),
            Err(error) => return Err(lost(format!("whether{} is done already cannot be looked for: {error}", self.words(step)))),
        };
        let mut seen = self.values.clone();
        seen.insert("response", answer);
        let holds = find.holds.json(&scope(&seen)).map_err(|e| lost(format!("`find` of the profile has no value: {e}")))?;
        Ok(holds == Some(Json::Bool(true)))
    }

    fn unsure(&self, step: &Step) -> CallError {
        let message = format!("nobody knows whether{} is done, and it may not be done twice", self.words(step));
        CallError::Lost { message, after: None, next: Next::Unsure }
    }

    /// What a step does, for a person; without what nobody may read.
    pub(super) fn words(&self, step: &Step) -> String {
        let (method, ask) = match &step.act {
            StepAct::Call(made) => (made.ask.method.name(), &made.ask),
            StepAct::Wait(wait) => ("wait for GET", &wait.ask),
            StepAct::Person(_) => return " (a person's)".to_owned(),
        };
        let path = request::path(ask, &scope(&self.values)).ok().filter(|path| !self.holds_secret(path));
        path.map_or_else(|| format!(" ({method})"), |path| format!(" ({method} {path})"))
    }
}

fn changed() -> CallError {
    let why = "the profile has changed since the first part of this was done; skip the work order's item, or settle the intent with `tenantry \
               ledger settle`, and apply again";
    CallError::Refused(why.to_owned())
}
