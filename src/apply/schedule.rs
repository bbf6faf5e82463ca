//! What may run now: changes whose dependencies are done. What depends on something that failed is skipped; everything else goes on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::outcome::{Outcome, OutcomeResult};
use crate::model::PortalName;
use crate::plan::{Change, Unit};

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
}

/// All changes of a run.
pub(super) struct Schedule<'a> {
    tasks: Vec<Task<'a>>,
    state: Vec<State>,
    waits_for: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    ready: BTreeMap<PortalName, BTreeSet<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Ended,
}

impl<'a> Schedule<'a> {
    /// Changes with findings and no action are not tasks: the guards have refused them, or there is nothing to do.
    pub(super) fn new(units: &[&'a Unit]) -> Self {
        let all = units.iter().flat_map(|u| u.changes.iter().map(move |c| (*u, c))).filter(|(_, c)| !c.actions.is_empty());
        let tasks: Vec<_> = all.enumerate().map(|(at, (unit, change))| Task { at, unit, change, carried: Vec::new() }).collect();
        let index: HashMap<_, _> = tasks.iter().map(|t| ((&t.unit.portal, &t.change.address), t.at)).collect();
        let mut schedule = Self {
            state: vec![State::Waiting; tasks.len()],
            waits_for: vec![0; tasks.len()],
            dependents: vec![Vec::new(); tasks.len()],
            ready: BTreeMap::new(),
            tasks: Vec::new(),
        };
        let mut carried = Vec::new();
        for task in &tasks {
            let carrier = task.change.carried_by.as_ref().and_then(|a| index.get(&(&task.unit.portal, a)));
            if let Some(carrier) = carrier {
                carried.push((*carrier, task.at));
            }
            for needed in task.change.depends_on.iter().filter(|a| task.change.carried_by.as_ref() != Some(*a)) {
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
        for at in &taken {
            ready.remove(at);
            if let Some(state) = self.state.get_mut(*at) {
                *state = State::Running;
            }
        }
        taken.iter().filter_map(|at| self.tasks.get(*at).cloned()).collect()
    }

    /// A change has ended; what it kept waiting wakes up, or is skipped if it failed.
    pub(super) fn end(&mut self, at: usize, failed: bool) -> Vec<Outcome> {
        let mut skipped = Vec::new();
        let mut ended = vec![at];
        while let Some(at) = ended.pop() {
            if let Some(state) = self.state.get_mut(at) {
                *state = State::Ended;
            }
            for dependent in self.dependents.get_mut(at).map(std::mem::take).unwrap_or_default() {
                if self.state.get(dependent) != Some(&State::Waiting) {
                    continue;
                }
                if failed {
                    let why = self.tasks.get(at).map_or_else(String::new, |t| format!("{} was not done", t.change.address));
                    let Some(task) = self.tasks.get(dependent).cloned() else { continue };
                    for task in std::iter::once(&task).chain(&task.carried) {
                        skipped.push(outcome(task, OutcomeResult::Skipped { why: why.clone() }));
                        ended.push(task.at);
                    }
                } else if let Some(count) = self.waits_for.get_mut(dependent) {
                    *count = count.saturating_sub(1);
                    self.wake(dependent);
                }
            }
        }
        skipped
    }

    /// What never began.
    pub(super) fn left(&self) -> Vec<Outcome> {
        let waiting = self.tasks.iter().zip(&self.state).filter(|(_, state)| **state == State::Waiting);
        waiting.map(|(task, _)| outcome(task, OutcomeResult::Cancelled)).collect()
    }

    fn wake(&mut self, at: usize) {
        let rides = self.tasks.get(at).is_some_and(|t| t.change.carried_by.is_some());
        if self.waits_for.get(at) == Some(&0)
            && self.state.get(at) == Some(&State::Waiting)
            && !rides
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
