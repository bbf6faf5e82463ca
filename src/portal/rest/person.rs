//! A person's turn in the middle of a call: what they are asked.
//!
//! Comes in: a person's step. Goes out: instructions, with everything that is needed to go on in `learnt`. `progress` takes up their answer.

use super::scope::scope;
use super::steps::Run;
use crate::model::work_order::{Act, EvidenceWanted, Instructions, Screen, Step as Done};
use crate::portal::profile::http::compiled::{PersonAct, PersonStep};
use crate::portal::profile::template::Template;
use crate::portal::runbook::{customer, declared, of_customer};
use crate::portal::{CallError, Work};

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
        let learnt = self.learnt_at(at);
        Ok(Work { instructions, learnt, calls_follow })
    }
}
