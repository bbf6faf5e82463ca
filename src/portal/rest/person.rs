//! A person's turn in the middle of a call: what they are asked, and how the call goes on once they have answered.
//!
//! Comes in: a person's step, or what was answered to it. Goes out: instructions, with everything that is needed to go on in `learnt`; and the
//! step to go on with. Nothing is kept here in between.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::scope::scope;
use super::steps::Run;
use crate::model::work_order::{Act, EvidenceWanted, Instructions, Screen, Step as Done};
use crate::portal::profile::http::compiled::{PersonAct, PersonStep, Step, StepAct};
use crate::portal::profile::template::Template;
use crate::portal::runbook::{customer, declared, of_customer};
use crate::portal::{Call, CallError, Work};

/// Names in what was learnt.
const STEP: &str = "step";
const ID: &str = "id";
const STEPS: &str = "steps";
const EVIDENCE: &str = "evidence";
const CARRIED: &str = "carried";

impl Run<'_> {
    /// What a person is to do; `at` is the step's place.
    ///
    /// # Errors
    /// When a text of it has no value.
    pub(super) fn ask(&self, person: &PersonStep, at: usize, calls_follow: bool) -> Result<Work, CallError> {
        let text = |template: &Template| template.render(&scope(self.values())).map_err(|e| self.broken("a text of `ask`", &e));
        let mut steps = Vec::new();
        for (act, source) in &person.acts {
            let act = match act {
                PersonAct::Visit(url) => Act::Visit { url: text(url)? },
                PersonAct::Press(label) => Act::Press { label: text(label)? },
                PersonAct::Look(so) => Act::Look { text: text(so)? },
                PersonAct::Reach(so) => Act::Reach { text: text(so)? },
            };
            // What is to be reached in whatever way the portal offers, no page documents.
            let source = (!matches!(act, Act::Reach { .. })).then_some(*source);
            steps.push(Done { act, source });
        }
        let mut evidence = Vec::new();
        for wanted in &person.evidence {
            evidence.push(EvidenceWanted {
                name: wanted.name.to_string(),
                ask: wanted.ask.to_string(),
                expect: wanted.expect.as_ref().map(text).transpose()?,
                optional: wanted.optional,
                words: Vec::new(),
                id: wanted.id,
                customer: false,
            });
        }
        evidence.iter_mut().for_each(|wanted| of_customer(self.call, wanted));
        evidence.extend(customer(self.call, &evidence));
        // Where no page says how, the person needs all that is declared: what to enter, and where each secret is kept.
        let reached = steps.iter().any(|step| matches!(step.act, Act::Reach { .. }))
            && !steps.iter().any(|step| matches!(step.act, Act::Visit { .. } | Act::Press { .. }));
        let mut screens = vec![Screen { menu: Vec::new(), steps }];
        if reached {
            screens.push(Screen { menu: Vec::new(), steps: declared(self.call)? });
        }
        let instructions = Instructions { title: text(&person.title)?, menu_place: 0, screens, evidence };
        let (left, answered) = self.left();
        let mut learnt = BTreeMap::from([
            (STEP.to_owned(), at.to_string()),
            (STEPS.to_owned(), left.to_string()),
            (EVIDENCE.to_owned(), answered.to_string()),
        ]);
        if self.carried.iter().any(Option::is_some) {
            learnt.insert(CARRIED.to_owned(), serde_json::json!(self.carried).to_string());
        }
        learnt.extend(self.id().map(|id| (ID.to_owned(), id.to_owned())));
        Ok(Work { instructions, learnt, calls_follow })
    }

    /// Takes up what was answered; the step to go on with, the first where nobody was asked yet.
    ///
    /// # Errors
    /// When the profile is another than the one that asked.
    pub(super) fn resume(&mut self, call: &Call, steps: &[Step]) -> Result<usize, CallError> {
        let Some(answered) = call.context.as_deref().and_then(|c| c.answered.as_ref()) else { return Ok(0) };
        let changed = || {
            CallError::Refused("the profile has changed since a person was asked; skip the work order's item, and apply again".to_owned())
        };
        let at: usize = answered.learnt.get(STEP).and_then(|at| at.parse().ok()).ok_or_else(changed)?;
        let Some(Step { act: StepAct::Person(person), .. }) = steps.get(at) else { return Err(changed()) };
        let map = |name: &str| -> Option<Map<String, Json>> { serde_json::from_str(answered.learnt.get(name)?).ok() };
        let left = map(STEPS).ok_or_else(changed)?;
        let mut evidence = map(EVIDENCE).ok_or_else(changed)?;
        evidence.extend(answered.evidence.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
        let brought = person.evidence.iter().filter(|e| e.id).find_map(|e| answered.evidence.get(&*e.name));
        if let Some(id) = brought.or_else(|| answered.learnt.get(ID)) {
            self.values.insert("id", id.as_str().into());
        }
        if let Some(carried) = answered.learnt.get(CARRIED) {
            self.carried = serde_json::from_str(carried).map_err(|_| changed())?;
        }
        self.values.insert("steps", Json::Object(left));
        self.values.insert("evidence", Json::Object(evidence));
        Ok(at + 1)
    }
}
