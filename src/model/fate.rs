//! What became of a call, as far as anybody knows: the one value that a driver, apply, the ledger and the next plan share.
//!
//! Comes in: what a driver says of each try. Goes out: what is kept with the intent, and what is done about it ([`Decision`]). Never guesses: a
//! try that had no effect says nothing of the one before it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::kind::KindDef;
use super::ledger::{Digest, IntentAction};
use super::value::Fields;
use super::work_order::WorkItem;

/// What became of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fate {
    /// Digest of what is declared and sent: a key goes with one content. `None`: nobody recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
    /// What is done for certain; `None`: of no step is that known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Reached>,
    /// What is known of the step after that.
    #[serde(default)]
    pub next: Next,
}

/// How far a call has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reached {
    /// How many steps are done; `None`: its object was found, so that all steps are done up to the one that makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// The step that comes next, in words for a person: `step 2 of 2 (POST /invitations)`.
    pub next: String,
    /// What is to be believed of that step, should nobody hear of it again; [`Next::Clear`]: it brings nothing about.
    pub if_lost: Next,
    /// What the driver learnt and needs to go on, by name. Never a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub learnt: BTreeMap<String, String>,
}

impl Reached {
    /// The name in [`Self::learnt`] of the object's id.
    pub const ID: &'static str = "id";

    /// The name in [`Self::learnt`] of the parts of the next step that are done.
    pub const ITEMS: &'static str = "items";

    /// Its object was found: it goes on after the step that makes it.
    pub fn found(id: &str, before: Option<Self>) -> Self {
        let mut learnt = before.map(|before| before.learnt).unwrap_or_default();
        learnt.remove(Self::ITEMS);
        learnt.insert(Self::ID.to_owned(), id.to_owned());
        Self { steps: None, next: "the step after the one that makes it".to_owned(), if_lost: Next::Clear, learnt }
    }

    /// The next step was found to be done.
    #[must_use]
    pub fn advanced(mut self) -> Self {
        self.learnt.remove(Self::ITEMS);
        let next = format!("the step after {}", self.next);
        Self { steps: self.steps.map(|steps| steps + 1), next, if_lost: Next::Clear, ..self }
    }

    /// The object's id, once it is made.
    pub fn id(&self) -> Option<&str> {
        self.learnt.get(Self::ID).map(String::as_str)
    }
}

/// What is known of one step. The later, the less can be done about it without a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Next {
    /// It was not begun, or had no effect.
    Clear,
    /// It may have had its effect, and doing it again, whatever it sends, changes nothing.
    Repeatable,
    /// It may have had its effect, and the same sent again under the same key changes nothing.
    SameKey,
    /// It may have had its effect, and the driver can look for that.
    Findable,
    /// It may have had its effect, and the portal's lists show it.
    #[default]
    Shown,
    /// It may have had its effect, and nothing but a person's look tells.
    Unsure,
}

/// What is done about a call that has not ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is forgotten: it had no effect.
    Settle,
    /// It goes on with the step after those that are done, under the same intent.
    GoOn,
    /// The portal's lists are looked at before anything else.
    Look,
    /// A person decides.
    Ask,
}

impl Fate {
    /// What [`Self::content`] is of a change. Secrets count by their references: what they hold nobody keeps.
    pub fn content_of(def: &'static KindDef, action: IntentAction, key: &str, desired: &Fields) -> Digest {
        WorkItem::content_of(def, action, key, desired, |_| true)
    }

    /// Of a call that is not begun.
    pub fn fresh(content: Option<Digest>) -> Self {
        Self { content, reached: None, next: Next::Clear }
    }

    /// What is known after one more try. `effect` is what that try itself may have brought about.
    #[must_use]
    pub fn after(self, effect: Next) -> Self {
        Self { next: self.next.max(effect), ..self }
    }

    /// What is recorded before its next step is begun: nobody may hear of that again. `first` is what is to be believed of the first one.
    #[must_use]
    pub fn begun(&self, first: Next) -> Self {
        let if_lost = self.reached.as_ref().map_or(first, |reached| reached.if_lost);
        self.clone().after(if_lost)
    }

    /// The same, once it has come so far.
    #[must_use]
    pub fn at(self, reached: Reached) -> Self {
        Self { content: self.content, reached: Some(reached), next: Next::Clear }
    }

    /// The same, once a look has proven that the next step had no effect.
    #[must_use]
    pub fn cleared(self) -> Self {
        Self { next: Next::Clear, ..self }
    }

    /// What is done about it. `content` is what would be sent now.
    pub fn decision(&self, content: Option<Digest>) -> Decision {
        match self.next {
            Next::Clear if self.reached.is_none() => Decision::Settle,
            Next::Clear | Next::Repeatable | Next::Findable => Decision::GoOn,
            Next::SameKey if content.is_some() && content == self.content => Decision::GoOn,
            // Under that key something else was sent: whether that is there, the lists show of what makes an object, and nothing of the rest.
            Next::SameKey if self.is_made() => Decision::Ask,
            Next::SameKey | Next::Shown => Decision::Look,
            Next::Unsure => Decision::Ask,
        }
    }

    /// True once its object is made.
    pub fn is_made(&self) -> bool {
        self.reached.as_ref().is_some_and(|reached| reached.id().is_some())
    }

    /// A step may have had its effect.
    pub fn is_open(&self) -> bool {
        self.next != Next::Clear
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(reached: bool, next: Next) -> Fate {
        Fate { content: Some(Digest([1; 16])), reached: reached.then(|| Reached::found("u1", None)), next }
    }

    #[test]
    fn a_refusal_says_nothing_of_the_try_before_it() {
        assert_eq!(fate(false, Next::SameKey).after(Next::Clear).next, Next::SameKey);
        assert_eq!(fate(false, Next::Clear).after(Next::Clear).decision(None), Decision::Settle);
        assert_eq!(fate(false, Next::Clear).after(Next::Unsure).decision(None), Decision::Ask);
    }

    #[test]
    fn what_is_done_in_part_is_never_settled() {
        for next in [Next::Clear, Next::Repeatable, Next::SameKey, Next::Findable, Next::Shown, Next::Unsure] {
            assert_ne!(fate(true, next).decision(None), Decision::Settle, "{next:?}");
        }
    }

    #[test]
    fn a_key_is_used_again_for_the_same_content_alone() {
        let lost = fate(false, Next::SameKey);
        assert_eq!(lost.decision(Some(Digest([1; 16]))), Decision::GoOn);
        assert_eq!(lost.decision(Some(Digest([2; 16]))), Decision::Look);
        assert_eq!(fate(true, Next::SameKey).decision(Some(Digest([2; 16]))), Decision::Ask);
        assert_eq!(Fate { content: None, ..lost }.decision(None), Decision::Look, "an old ledger does not say what was sent");
    }
}
