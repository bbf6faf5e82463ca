//! One batch of changes of one portal: intents are committed, calls are made, outcomes are committed. A change of several calls (a replacement)
//! takes several rounds of this.

use std::sync::Arc;

use jiff::Timestamp;
use tracing::Span;

use super::call::{self, Prepared};
use super::outcome::{Outcome, OutcomeResult};
use super::schedule::{End, Task, outcome};
use super::steps::{self, Step};
use super::{Event, Knowledge, World, answer, order, perform, record};
use crate::ledger::Write;
use crate::model::work_order::WorkItem;
use crate::model::{Fate, FieldId, Intent, IntentAction, Next, PortalName};
use crate::plan::{Action, Change, build};
use crate::portal::{Call, Execute};
use crate::spans;

/// What every batch of a run shares.
pub(super) struct Context<'a> {
    /// The world.
    pub(super) world: &'a World<'a>,
    /// Digest of the plan.
    pub(super) plan: &'a str,
    /// Ids and rows.
    pub(super) knowledge: &'a Knowledge,
}

/// What became of a batch.
pub(super) struct BatchDone {
    /// The portal.
    pub(super) portal: PortalName,
    /// One for each change and each rider that has come to its end, by its place in the schedule.
    pub(super) outcomes: Vec<(usize, Outcome, End)>,
    /// Riders that were made, and the fields that are left to be written.
    pub(super) to_complete: Vec<(usize, Vec<FieldId>)>,
    /// What technicians were asked for.
    pub(super) given: Vec<WorkItem>,
    /// Why nothing may begin any more: the ledger cannot be written.
    pub(super) fatal: Option<String>,
}

/// A change under way.
pub(super) struct Doing<'a> {
    pub(super) task: Task<'a>,
    pub(super) steps: std::vec::IntoIter<Step>,
    begun: Timestamp,
    pub(super) result: Option<OutcomeResult>,
    /// True: a call of it is done.
    pub(super) called: bool,
    /// How it ends where its result alone does not say.
    pub(super) end: Option<End>,
    pub(super) differs: Vec<String>,
    /// Riders that were made, and the fields that are left to be written.
    pub(super) to_complete: Vec<(usize, Vec<FieldId>)>,
    /// What technicians were asked for.
    pub(super) given: Vec<WorkItem>,
    /// Of the change, and then of each rider.
    spans: Vec<Span>,
}

/// Runs a batch to its end.
pub(super) async fn run<'a>(context: &Context<'a>, portal: PortalName, driver: Arc<dyn Execute>, tasks: Vec<Task<'a>>) -> BatchDone {
    let mut doing: Vec<_> = tasks.into_iter().map(|task| begin(context, &portal, &*driver, task)).collect();
    let mut fatal = None;
    let mut writes: Vec<_> = doing.iter().flat_map(|d| ledger_only(context, &d.task)).collect();
    loop {
        let round = match next_round(context, &portal, &*driver, &mut doing, writes).await {
            Ok(round) if round.is_empty() => break,
            Ok(round) => round,
            Err(error) => {
                fatal = Some(error);
                break;
            }
        };
        let calls: Vec<Call> = round.iter().map(|(_, prepared)| prepared.call.clone()).collect();
        let ended = perform::perform(context, &portal, &*driver, calls).await;
        writes = Vec::new();
        for ((at, prepared), ended) in round.iter().zip(ended) {
            if let Some(doing) = doing.get_mut(*at) {
                answer::settle(context, &*driver, doing, prepared, ended, &mut writes);
            }
        }
        if let Err(error) = context.world.ledger.commit(context.world.lock, std::mem::take(&mut writes)).await {
            let message = format!("the portal answered, and the ledger could not record it: {error}; run again to find out");
            for (at, _) in &round {
                if let Some(doing) = doing.get_mut(*at) {
                    doing.result = Some(OutcomeResult::Uncertain { message: message.clone() });
                }
            }
            fatal = Some(error.to_string());
            break;
        }
    }
    let to_complete = doing.iter().flat_map(|d| d.to_complete.iter().cloned()).collect();
    let given = if fatal.is_none() { doing.iter().flat_map(|d| d.given.iter().cloned()).collect() } else { Vec::new() };
    let outcomes = doing.into_iter().flat_map(|d| outcomes(context, d, fatal.as_deref())).collect();
    BatchDone { portal, outcomes, to_complete, given, fatal }
}

fn begin<'a>(context: &Context<'_>, portal: &PortalName, driver: &dyn Execute, task: Task<'a>) -> Doing<'a> {
    (context.world.watch)(Event::Started(portal, &task.change.address));
    let steps = steps::of(driver.capabilities(), &task).into_iter();
    let begun = (context.world.clock)();
    let spans = std::iter::once(&task).chain(&task.carried).map(span).collect();
    let (differs, to_complete, given) = (Vec::new(), Vec::new(), Vec::new());
    Doing { task, steps, begun, result: None, called: false, end: None, differs, to_complete, given, spans }
}

fn span(task: &Task<'_>) -> Span {
    let Change { address, actions, .. } = task.change;
    spans::change(&task.unit.portal, &address.tenant, address.kind, actions.iter().map(|action| action.word()))
}

/// Writes that need no call: they go with the first commit.
fn ledger_only(context: &Context<'_>, task: &Task<'_>) -> Vec<Write> {
    let (change, portal) = (task.change, &task.unit.portal);
    let mut writes = Vec::new();
    if task.is_made() {
        return writes;
    }
    if let Some(previous) = change.previous.as_ref().filter(|_| change.has(Action::Move)) {
        writes.push(Write::Move(portal.clone(), previous.clone(), change.address.clone()));
        if let Some(mut row) = context.knowledge.row(portal, previous) {
            row.address = change.address.clone();
            context.knowledge.learn(portal, row);
        }
    }
    let forgets = change.has(Action::Forget);
    let makes = change.has(Action::Create);
    if forgets {
        writes.push(record::removal(context, task));
    } else if !makes && change.actions.iter().any(|a| a.ledger_only()) {
        let row = record::row_before_update(context, task);
        context.knowledge.learn(portal, row.clone());
        writes.push(Write::Put(portal.clone(), Box::new(row)));
    }
    let goes_on = makes || begun(context, portal, change).is_some() || order::taken_up(context, portal, change).is_some();
    if let Some(intent) = change.resumes.as_ref().filter(|_| !goes_on) {
        writes.extend(order::settle(context, portal, &change.address.tenant, intent));
    }
    let calls = !build::intents(&change.actions).is_empty();
    if !calls {
        writes.push(record::audit(context, task, "done"));
    } else if !writes.is_empty() {
        writes.push(record::audit(context, task, "recorded; its call follows"));
    }
    writes
}

type Round = Vec<(usize, Prepared)>;

/// Prepares the next call of every change that has one left, and commits their intents together with `writes`.
async fn next_round(
    context: &Context<'_>,
    portal: &PortalName,
    driver: &dyn Execute,
    doing: &mut [Doing<'_>],
    mut writes: Vec<Write>,
) -> Result<Round, String> {
    let mut round = Round::new();
    for (at, doing) in doing.iter_mut().enumerate().filter(|(_, d)| d.result.is_none()) {
        let Some(step) = doing.steps.next() else { continue };
        let resumed = doing.task.change.resumes.clone().filter(|_| resumes(context, portal, &doing.task, &step));
        let id = resumed.unwrap_or_else(|| (context.world.new_id)());
        match call::prepare(context, driver, &doing.task, step, id) {
            Ok(prepared) => {
                let calls = std::iter::once(&prepared.call).chain(&prepared.call.carries);
                writes.extend(calls.map(|c| intend(context, portal, driver, c)));
                round.push((at, prepared));
            }
            Err(message) => doing.result = Some(OutcomeResult::Failed { message, denied: false }),
        }
    }
    if !writes.is_empty() {
        context.world.ledger.commit(context.world.lock, writes).await.map_err(|e| e.to_string())?;
    }
    Ok(round)
}

/// True if a step is the call that an earlier run began, or asked a technician for.
fn resumes(context: &Context<'_>, portal: &PortalName, task: &Task<'_>, step: &Step) -> bool {
    // What was taken over and is made anew is another call than the one that made it.
    let makes = step.action == IntentAction::Create && task.change.has(Action::Create);
    // Of an update in two, an item is about one.
    let asked_for =
        |item: WorkItem| item.action == step.action && (step.action != IntentAction::Update || step.by_hand != item.calls_follow);
    let half_done = |intent: Intent| intent.action == step.action && !step.by_hand;
    let resumed = || begun(context, portal, task.change).is_some_and(half_done);
    !task.is_made() && (makes || resumed() || order::taken_up(context, portal, task.change).is_some_and(asked_for))
}

/// The intent of an earlier run whose call was done in part, and that a change goes on with.
fn begun(context: &Context<'_>, portal: &PortalName, change: &Change) -> Option<Intent> {
    let intent = context.knowledge.intent(portal, change.resumes.as_ref()?)?;
    (intent.fate.reached.is_some() && build::intents(&change.actions).contains(&intent.action)).then_some(intent)
}

/// Opens a call's intent, or sets its time to now: of the step that comes next nobody may hear again.
pub(super) fn intend(context: &Context<'_>, portal: &PortalName, driver: &dyn Execute, call: &Call) -> Write {
    let first = if driver.capabilities().idempotent { Next::SameKey } else { Next::Shown };
    kept(context, portal, call, call.fate.begun(first), false)
}

/// Keeps a call's intent, with what is known of the call. `unknown`: its outcome was asked for in vain.
pub(super) fn kept(context: &Context<'_>, portal: &PortalName, call: &Call, fate: Fate, unknown: bool) -> Write {
    let intent = Intent {
        id: call.intent.clone(),
        address: call.address.clone(),
        key: call.key.clone(),
        action: call.action,
        object: call.object.clone(),
        at: (context.world.clock)(),
        plan: context.plan.into(),
        unknown,
        fate,
    };
    Write::Intend(portal.clone(), intent)
}

fn outcomes(context: &Context<'_>, doing: Doing<'_>, fatal: Option<&str>) -> Vec<(usize, Outcome, End)> {
    let unfinished = doing.steps.len() > 0;
    let result = doing.result.unwrap_or_else(|| match fatal {
        Some(error) if unfinished || doing.differs.is_empty() => {
            OutcomeResult::Failed { message: format!("the ledger cannot be written: {error}"), denied: false }
        }
        _ if doing.differs.is_empty() => OutcomeResult::Done,
        _ => OutcomeResult::DoneDiffers { fields: doing.differs },
    });
    let elapsed = (context.world.clock)().duration_since(doing.begun).as_millis();
    let duration_ms = u64::try_from(elapsed).unwrap_or(0);
    let done = matches!(result, OutcomeResult::Done | OutcomeResult::DoneDiffers { .. });
    let asked = doing.end.filter(|_| matches!(result, OutcomeResult::Pending { .. }));
    let end = if done { End::Done } else { asked.unwrap_or(End::NotDone) };
    let one = |task: &Task<'_>, result, end| (task.at, Outcome { duration_ms, ..outcome(task, result) }, end);
    // The portal reads back the carrier alone.
    let of_riders = if matches!(result, OutcomeResult::DoneDiffers { .. }) { OutcomeResult::Done } else { result.clone() };
    let left = |rider: &Task<'_>| doing.to_complete.iter().any(|(at, _)| *at == rider.at);
    let ended = doing.task.carried.iter().filter(|rider| !doing.task.is_made() && !left(rider));
    let riders: Vec<_> = ended.map(|rider| one(rider, of_riders.clone(), end)).collect();
    let outcomes: Vec<_> = std::iter::once(one(&doing.task, result, end)).chain(riders).collect();
    for (task, span) in std::iter::once(&doing.task).chain(&doing.task.carried).zip(&doing.spans) {
        // A rider that is left for a call of its own has a span of its own then.
        if let Some((_, outcome, _)) = outcomes.iter().find(|(at, ..)| *at == task.at) {
            let failed = matches!(outcome.result, OutcomeResult::Failed { .. } | OutcomeResult::Uncertain { .. });
            spans::change_ended(span, outcome.result.word(), failed);
        }
    }
    outcomes
}
