//! The ids of what is made in the same call as another object: an organization's first administrator, say.
//!
//! Comes in: a creation that carries others, and its answers. Goes out: an id for each that it carries, `None` where nobody says. What the answer
//! does not say is looked up in the lists of the new tenant, where there are such: they are short. A list of the whole portal is not read for it:
//! the plan after the run reads that once, and finds the object by its key.

use serde_json::Value as Json;

use super::object::text_of;
use super::read::Reader;
use super::scope::{Values, scope};
use super::steps::Run;
use crate::model::kind::Placement;
use crate::model::{IntentAction, LiveObject};
use crate::portal::profile::http::compiled::CallStep;
use crate::portal::{Call, CallError, Done};

impl Run<'_> {
    /// Takes the ids of what is carried from an answer, which is in `seen`.
    ///
    /// # Errors
    /// When an expression cannot be evaluated.
    pub(super) fn learn_carried(&mut self, step: &CallStep, mut seen: Values) -> Result<(), CallError> {
        let shown = self.values().get("carried").and_then(Json::as_array).cloned().unwrap_or_default();
        for (n, (made, shown)) in self.call().carries.iter().zip(shown).enumerate() {
            let kind = made.address.kind;
            let Some((_, expression)) = step.carried.iter().find(|(of, _)| *of == kind) else { continue };
            seen.insert("item", shown);
            let id = expression.json(&scope(&seen)).map_err(|e| self.broken(&format!("`carried.{kind}`"), &e))?;
            if let (Some(slot), Some(id)) = (self.carried.get_mut(n), id.as_ref().and_then(text_of)) {
                *slot = Some(id.into());
            }
        }
        Ok(())
    }
}

impl Reader {
    /// What was done, with the ids of what a new tenant was made with.
    pub(super) async fn with_carried(&self, call: &Call, mut done: Done) -> Done {
        let makes_tenant = call.action == IntentAction::Create && call.address.kind.def().placement == Placement::Tenant;
        let Done::Now { id: Some(id), carried, .. } = &mut done else { return done };
        for (made, slot) in call.carries.iter().zip(carried).filter(|(_, slot)| makes_tenant && slot.is_none()) {
            let there = self.in_tenant(made.address.kind, &call.address.tenant, id).await;
            *slot = one(&there, made).map(|object| object.id.clone());
        }
        done
    }
}

/// The one object with the key of what was made.
fn one<'a>(there: &'a [LiveObject], made: &Call) -> Option<&'a LiveObject> {
    let mut named = there.iter().filter(|object| object.key == made.key);
    named.next().filter(|_| named.next().is_none())
}
