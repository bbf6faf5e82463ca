//! What may run now: changes whose dependencies are done. What depends on something that failed is skipped; everything else goes on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::outcome::{Outcome, OutcomeResult};
use crate::diff;
use crate::model::{Address, FieldId, Performer, PortalName, TenantName};
use crate::plan::{Action, Change, Unit};

/// A change in its unit, with what rides on its call.
#[derive(Clone)]
pub(super) struct Task<'a> {
    /// Its place in the schedule.
    pub(super) at: usize,
    /// Its unit.
    pub(super) unit: &'a Unit,
    /// The change.
    pub(super) change: &'a Change,
    /// Changes that its call makes as well.
    pub(super) carried: Vec<Task<'a>>,
    /// The fields that are left to be written once it was made with its carrier; empty until then.
    pub(super) completes: Vec<FieldId>,
}

impl Task<'_> {
    /// True once it was made with its carrier.
    pub(super) fn is_made(&self) -> bool {
        !self.completes.is_empty()
    }
}

/// How a change has ended, for those that need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is done.
    Done,
    /// A technician was asked for it.
    ByHand {
        /// True if its object is there already, and only changes.
        exists: bool,
    },
    /// It was not done, or nobody knows.
    NotDone,
}

/// All changes of a run.
pub(super) struct Schedule<'a> {
    tasks: Vec<Task<'a>>,
    state: Vec<State>,
    waits_for: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    ready: BTreeMap<PortalName, BTreeSet<usize>>,
    unmet: Vec<(usize, Address)>,
    /// By tenant: how many changes that delete nothing have not ended, and the deletions that wait for them.
    makers: BTreeMap<(PortalName, TenantName), usize>,
    deletions: BTreeMap<(PortalName, TenantName), Vec<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Ended,
}

impl<'a> Schedule<'a> {
    /// Changes with findings and no action are not tasks: the guards have refused them, or there is nothing to do. What needs one of `not_made`
    /// will be skipped.
    pub(super) fn new(units: &[&'a Unit], not_made: &BTreeSet<(&PortalName, &Address)>) -> Self {
        let all = units.iter().flat_map(|u| u.changes.iter().map(move |c| (*u, c))).filter(|(_, c)| !c.actions.is_empty());
        let tasks: Vec<_> =
            all.enumerate().map(|(at, (unit, change))| Task { at, unit, change, carried: Vec::new(), completes: Vec::new() }).collect();
        let index: HashMap<_, _> = tasks.iter().map(|t| ((&t.unit.portal, &t.change.address), t.at)).collect();
        let mut schedule = Self {
            state: vec![State::Waiting; tasks.len()],
            waits_for: vec![0; tasks.len()],
            dependents: vec![Vec::new(); tasks.len()],
            ready: BTreeMap::new(),
            unmet: Vec::new(),
            makers: BTreeMap::new(),
            deletions: BTreeMap::new(),
            tasks: Vec::new(),
        };
        let mut carried = Vec::new();
        for task in &tasks {
            if deletes(task) {
                schedule.deletions.entry(tenant(task)).or_default().push(task.at);
            } else {
                *schedule.makers.entry(tenant(task)).or_insert(0) += 1;
            }
            let carrier = task.change.carried_by.as_ref().and_then(|a| index.get(&(&task.unit.portal, a)));
            if let Some(carrier) = carrier {
                carried.push((*carrier, task.at));
            }
            for needed in task.change.depends_on.iter().filter(|a| task.change.carried_by.as_ref() != Some(*a)) {
                if not_made.contains(&(&task.unit.portal, needed)) {
                    schedule.unmet.push((task.at, needed.clone()));
                }
                if let (Some(first), Some(count)) = (index.get(&(&task.unit.portal, needed)), schedule.waits_for.get_mut(task.at)) {
                    *count += 1;
                    if let Some(list) = schedule.dependents.get_mut(*first) {
                        list.push(task.at);
                    }
                }
            }
        }
        schedule.tasks = tasks;
        for (carrier, rider) in carried {
            schedule.ride(carrier, rider);
        }
        for at in 0..schedule.tasks.len() {
            schedule.wake(at);
        }
        schedule
    }

    /// At most `most` changes of a portal that may run now, in the order of the plan.
    pub(super) fn take(&mut self, portal: &PortalName, most: usize) -> Vec<Task<'a>> {
        let Some(ready) = self.ready.get_mut(portal) else { return Vec::new() };
        let taken: Vec<_> = ready.iter().copied().take(most).collect();
        let tasks: Vec<_> = taken.iter().filter_map(|at| self.tasks.get(*at).cloned()).collect();
        for task in tasks.iter().flat_map(|t| std::iter::once(t).chain(&t.carried)) {
            ready.remove(&task.at);
            if let Some(state) = self.state.get_mut(task.at).filter(|state| **state == State::Waiting) {
                *state = State::Running;
            }
        }
        tasks
    }

    /// What needs something that this run does not make, and what needs that.
    pub(super) fn skip_unmet(&mut self) -> Vec<Outcome> {
        let mut skipped = Vec::new();
        for (at, needed) in std::mem::take(&mut self.unmet) {
            if self.state.get(at) == Some(&State::Waiting) {
                let gone = self.skip(at, &needed);
                skipped.extend(gone.iter().map(|(_, outcome)| outcome.clone()));
                skipped.extend(gone.iter().flat_map(|(at, _)| self.end(*at, End::NotDone)));
            }
        }
        skipped
    }

    /// A change was made with its carrier, and these fields are still to be written: what they refer to is to come, or a technician sets them.
    pub(super) fn complete_later(&mut self, at: usize, fields: Vec<FieldId>) {
        if let (Some(task), Some(state)) = (self.tasks.get_mut(at), self.state.get_mut(at)) {
            task.completes = fields;
            *state = State::Waiting;
        }
        self.wake(at);
    }

    /// A change has ended; what it kept waiting wakes up, or is skipped if it cannot go on.
    pub(super) fn end(&mut self, at: usize, end: End) -> Vec<Outcome> {
        let mut skipped = Vec::new();
        let mut ended = vec![(at, end)];
        while let Some((at, end)) = ended.pop() {
            self.has_ended(at);
            for dependent in self.dependents.get_mut(at).map(std::mem::take).unwrap_or_default() {
                if self.state.get(dependent) != Some(&State::Waiting) {
                    continue;
                }
                let needed = self.tasks.get(at).map(|t| t.change.address.clone());
                if let Some(needed) = needed.filter(|needed| !self.may_follow(dependent, needed, end)) {
                    for (at, outcome) in self.skip(dependent, &needed) {
                        skipped.push(outcome);
                        ended.push((at, End::NotDone));
                    }
                } else if let Some(count) = self.waits_for.get_mut(dependent) {
                    *count = count.saturating_sub(1);
                    self.wake(dependent);
                }
            }
        }
        skipped
    }

    /// True if a change may begin after what it needs has ended so: a technician does one thing after the other, and what is there may be
    /// referred to whatever is still to be set in it.
    fn may_follow(&self, at: usize, needed: &Address, end: End) -> bool {
        let Some(task) = self.tasks.get(at) else { return false };
        match end {
            End::Done => true,
            End::NotDone => false,
            End::ByHand { exists } => {
                let refers = || !deletes(task) && diff::needs(&task.change.address, &task.change.desired).contains(needed);
                task.change.performer == Performer::Technician || (exists && refers())
            }
        }
    }

    /// What never began.
    pub(super) fn left(&self) -> Vec<Outcome> {
        let waiting = self.tasks.iter().zip(&self.state).filter(|(_, state)| **state == State::Waiting);
        waiting.map(|(task, _)| outcome(task, unless_made(task, OutcomeResult::Cancelled))).collect()
    }

    /// Takes a change and what rides on it out of the schedule.
    fn skip(&mut self, at: usize, needed: &Address) -> Vec<(usize, Outcome)> {
        let Some(task) = self.tasks.get(at).cloned() else { return Vec::new() };
        if let Some(ready) = self.ready.get_mut(&task.unit.portal) {
            ready.remove(&at);
        }
        let riders = task.carried.iter().filter(|_| !task.is_made());
        let all: Vec<_> = std::iter::once(&task).chain(riders).collect();
        all.iter().for_each(|task| self.has_ended(task.at));
        let why = format!("{needed} was not done");
        all.into_iter().map(|t| (t.at, outcome(t, unless_made(t, OutcomeResult::Skipped { why: why.clone() })))).collect()
    }

    fn has_ended(&mut self, at: usize) {
        let (Some(task), Some(state)) = (self.tasks.get(at), self.state.get_mut(at)) else { return };
        let before = std::mem::replace(state, State::Ended);
        if before == State::Ended || deletes(task) {
            return;
        }
        let tenant = tenant(task);
        let left = self.makers.entry(tenant.clone()).or_insert(1);
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.deletions.get(&tenant).cloned().unwrap_or_default().into_iter().for_each(|at| self.wake(at));
        }
    }

    /// True for a deletion while its tenant still has something to make or change: who goes must not leave before who comes is there. Unless
    /// who comes waits for just that, because one takes the other's key.
    fn too_early(&self, at: usize) -> bool {
        let makes_room = self.dependents.get(at).into_iter().flatten().any(|d| self.tasks.get(*d).is_some_and(|t| !deletes(t)));
        let deletion = self.tasks.get(at).filter(|t| deletes(t) && !makes_room);
        deletion.is_some_and(|t| self.makers.get(&tenant(t)).is_some_and(|left| *left > 0))
    }

    fn wake(&mut self, at: usize) {
        let rides = self.tasks.get(at).is_some_and(|t| t.change.carried_by.is_some() && !t.is_made());
        if self.waits_for.get(at) == Some(&0)
            && self.state.get(at) == Some(&State::Waiting)
            && !rides
            && !self.too_early(at)
            && let Some(task) = self.tasks.get(at)
        {
            self.ready.entry(task.unit.portal.clone()).or_default().insert(at);
        }
    }

    fn ride(&mut self, carrier: usize, rider: usize) {
        if let Some(task) = self.tasks.get(rider).cloned()
            && let Some(carrier) = self.tasks.get_mut(carrier)
        {
            carrier.carried.push(task);
        }
    }
}

fn deletes(task: &Task<'_>) -> bool {
    task.change.action() == Some(Action::Delete)
}

fn tenant(task: &Task<'_>) -> (PortalName, TenantName) {
    (task.unit.portal.clone(), task.unit.tenant.clone())
}

/// The fields of a change that refer to something.
pub(super) fn references(change: &Change) -> Vec<FieldId> {
    let def = change.address.kind.def();
    change.desired.iter().map(|(id, _)| id).filter(|id| def.field(*id).ty.refers_to().is_some()).collect()
}

/// What was made with its carrier has been done, whatever keeps its references from being written.
fn unless_made(task: &Task<'_>, result: OutcomeResult) -> OutcomeResult {
    let def = task.change.address.kind.def();
    let fields = || task.completes.iter().map(|id| def.field(*id).path.to_owned()).collect();
    if task.is_made() { OutcomeResult::DoneDiffers { fields: fields() } } else { result }
}

/// An outcome without a call.
pub(super) fn outcome(task: &Task<'_>, result: OutcomeResult) -> Outcome {
    Outcome {
        portal: task.unit.portal.clone(),
        address: task.change.address.clone(),
        actions: task.change.actions.clone(),
        result,
        duration_ms: 0,
    }
}
