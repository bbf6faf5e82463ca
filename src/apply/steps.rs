//! The calls that one change comes to. Comes in: a change and what the portal can do. Goes out: steps, in order. What calls do comes first; what
//! they leave to a technician is written once the object is there.

use super::schedule::Task;
use crate::model::{Capabilities, FieldId, FieldSupport, IntentAction, KindCapability, Performer};
use crate::plan::build;

/// One call of a change.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// What it does.
    pub(super) action: IntentAction,
    /// True: a technician does it.
    pub(super) by_hand: bool,
    /// The fields that it writes.
    pub(super) writes: Vec<FieldId>,
    /// Declared fields that are not written by then.
    pub(super) leaves: Vec<FieldId>,
}

/// The calls of a change.
pub(super) fn of(capabilities: &Capabilities, task: &Task<'_>) -> Vec<Step> {
    let Some(capability) = capabilities.kind(task.change.address.kind) else { return Vec::new() };
    if task.is_made() {
        return update(capability, &task.completes);
    }
    let changed: Vec<_> = task.change.fields.iter().map(|f| f.field).collect();
    let steps = build::intents(&task.change.actions).into_iter().map(|action| match action {
        IntentAction::Create => creation(capability, task),
        IntentAction::Update => update(capability, &changed),
        IntentAction::Delete | IntentAction::Resend => {
            vec![Step { action, by_hand: capability.performer(action) == Performer::Technician, writes: Vec::new(), leaves: Vec::new() }]
        }
    });
    steps.flatten().collect()
}

/// A creation, and what it leaves to a technician.
fn creation(capability: &KindCapability, task: &Task<'_>) -> Vec<Step> {
    let action = IntentAction::Create;
    let declared = task.change.desired.iter().map(|(id, _)| id);
    let (leaves, writes): (Vec<_>, Vec<_>) = declared.partition(|id| capability.leaves_by_hand(action, *id));
    let later =
        (!leaves.is_empty()).then(|| Step { action: IntentAction::Update, by_hand: true, writes: leaves.clone(), leaves: Vec::new() });
    let made = Step { action, by_hand: capability.create == Performer::Technician, writes, leaves };
    std::iter::once(made).chain(later).collect()
}

/// An update in two: what a call writes, and then what a technician does.
fn update(capability: &KindCapability, fields: &[FieldId]) -> Vec<Step> {
    let action = IntentAction::Update;
    let (left, called): (Vec<_>, Vec<_>) = fields.iter().copied().partition(|id| capability.leaves_by_hand(action, *id));
    let mut steps = Vec::new();
    if !called.is_empty() || left.is_empty() {
        let by_hand = capability.update == Performer::Technician;
        steps.push(Step { action, by_hand, writes: called, leaves: left.clone() });
    }
    if !left.is_empty() {
        steps.push(Step { action, by_hand: true, writes: left, leaves: Vec::new() });
    }
    steps
}

/// The creation of something that rides on a call.
pub(super) fn ridden(capabilities: &Capabilities, carrier: &Step, rider: &Task<'_>) -> Step {
    let capability = capabilities.kind(rider.change.address.kind);
    let by_hand = |id: &FieldId| !carrier.by_hand && capability.is_some_and(|c| c.field(*id) == FieldSupport::Technician);
    let (leaves, writes) = rider.change.desired.iter().map(|(id, _)| id).partition(by_hand);
    Step { action: IntentAction::Create, by_hand: carrier.by_hand, writes, leaves }
}
