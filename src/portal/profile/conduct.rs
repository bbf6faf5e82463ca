//! A profile answers what a plan asks: which rules a change breaks, and what it brings about.
//!
//! Fails closed: a rule that cannot be evaluated refuses the change and says why; an effect that cannot be ruled out is announced.

use std::collections::BTreeSet;

use super::cel::{EvalError, Expression, SubjectScope};
use super::plays::Announced;
use super::{EffectRule, Message, Profile, Rule};
use crate::model::live::normalise_key;
use crate::model::rule::{Conduct, Effect, Subject, Verdict, Violation};

impl Conduct for Profile {
    fn violations(&self, subject: &Subject<'_>) -> Vec<Violation> {
        let applicable = self.index.get(&(subject.kind, subject.action));
        let rules = applicable.iter().flat_map(|a| &a.rules).filter_map(|at| self.rules.get(*at));
        rules.filter_map(|rule| rule.violation(subject)).collect()
    }

    fn effects(&self, subject: &Subject<'_>) -> Vec<Effect> {
        let mut effects: Vec<Effect> = self.brought_about(subject).flat_map(|rule| rule.effects.iter().copied()).collect();
        effects.sort_unstable();
        effects.dedup();
        effects
    }

    fn recipients(&self, subject: &Subject<'_>) -> Vec<String> {
        let told = |(to, what): (String, Option<&str>)| what.map_or_else(|| to.clone(), |what| format!("{to} ({what})"));
        self.mails(subject).map(told).collect()
    }

    fn admitted(&self, subject: &Subject<'_>) -> Vec<String> {
        self.brought_about(subject).filter(|rule| rule.admits).filter_map(|rule| rule.recipient(subject)).collect()
    }

    fn said_of_effects(&self, subject: &Subject<'_>) -> Vec<String> {
        self.brought_about(subject).filter_map(|rule| rule.says.as_deref()).map(str::to_owned).collect()
    }

    fn observed_title(&self, name: &str) -> Option<&str> {
        self.observed().iter().find(|o| o.name == name).map(|o| o.title.as_str())
    }
}

impl Profile {
    /// The fields of the MSP's own account that a rule looks at.
    pub fn account_fields_of(&self, rule: &str) -> BTreeSet<&str> {
        let rules = self.rules.iter().filter(|r| *r.id == *rule);
        let paths = rules.flat_map(|r| r.when.iter().chain([&r.expr])).flat_map(|expression| expression.paths());
        paths.filter(|path| path.root == "account").filter_map(|path| path.fields.first().map(String::as_str)).collect()
    }

    /// The e-mails that a change sends: to whom, and what each is, where the profile says so.
    fn mails<'a>(&'a self, subject: &'a Subject<'_>) -> impl Iterator<Item = (String, Option<&'a str>)> {
        let sends = |rule: &&EffectRule| rule.effects.contains(&Effect::Email);
        let named = || subject.declared.map(|d| d.natural_key().to_owned());
        // An address that cannot be made out is no reason to be silent about the mail: it is then told by the key, as where no `to` is.
        let to = move |rule: &EffectRule| rule.recipient(subject).or_else(named);
        self.brought_about(subject).filter(sends).filter_map(move |rule| Some((to(rule)?, rule.mail.as_deref())))
    }

    /// The e-mail that a change sends to an address.
    pub(super) fn mail_to(&self, subject: &Subject<'_>, address: &str) -> Option<Announced> {
        let (_, what) = self.mails(subject).find(|(to, _)| normalise_key(to) == normalise_key(address))?;
        Some(what.map_or(Announced::Invitation, |what| Announced::Other(what.into())))
    }

    /// The effects of a change; one that cannot be ruled out is among them.
    fn brought_about<'a>(&'a self, subject: &'a Subject<'_>) -> impl Iterator<Item = &'a EffectRule> {
        let applicable = self.index.get(&(subject.kind, subject.action));
        let rules = applicable.into_iter().flat_map(|a| &a.effects).filter_map(|at| self.effects.get(*at));
        rules.filter(|rule| applies(rule.when.as_ref(), subject).unwrap_or(true))
    }
}

impl EffectRule {
    fn recipient(&self, subject: &Subject<'_>) -> Option<String> {
        self.to.as_ref()?.text(&SubjectScope { subject }).ok()
    }
}

impl Rule {
    fn violation(&self, subject: &Subject<'_>) -> Option<Violation> {
        let broken = |verdict, message| Some(Violation { rule: self.id.to_string(), verdict, message });
        match self.holds(subject) {
            Ok(true) => None,
            Ok(false) => broken(self.verdict, self.message(subject)),
            Err(error) => broken(
                Verdict::Refuses,
                format!(
                    "rule {} could not be evaluated, so the change is refused: {error}; correct the profile or what it looks at",
                    self.id
                ),
            ),
        }
    }

    fn holds(&self, subject: &Subject<'_>) -> Result<bool, EvalError> {
        Ok(!applies(self.when.as_ref(), subject)? || self.expr.holds(&SubjectScope { subject })?)
    }

    fn message(&self, subject: &Subject<'_>) -> String {
        let message = match &self.message {
            Message::Template(template) => template.render(subject),
            Message::Expression(expression) => expression
                .text(&SubjectScope { subject })
                .unwrap_or_else(|error| format!("rule {} is broken; its message could not be made: {error}", self.id)),
        };
        if self.inferred { format!("{message} (inferred, not documented)") } else { message }
    }
}

fn applies(when: Option<&Expression>, subject: &Subject<'_>) -> Result<bool, EvalError> {
    when.map_or(Ok(true), |when| when.holds(&SubjectScope { subject }))
}
