//! Makes calls to their end. Those that may be made again are, with growing pauses; those whose answer was lost are looked for first; and a call of
//! several steps goes on once it is durable how far it has come.
//!
//! Comes in: calls whose intents are committed. Goes out: what each came to, and what is known of it ([`Fate`]). What is done about that, `Fate`
//! says: here it is only followed.

use std::time::Duration;

use futures_util::FutureExt;

use super::batch::{Context, intend};
use super::uncertain::{Look, Looked};
use crate::model::{Fate, IntentAction, Next, PortalName};
use crate::portal::{Call, CallError, Done, Execute};

/// Most times that one step is made, the first included: with a backoff of half a second that is half a minute of patience.
const ATTEMPTS: u32 = 7;

/// The longest that a portal may make a run wait; one that asks for more is come back to by another run.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// What a call came to.
pub(super) struct Ended {
    pub(super) result: Result<Done, CallError>,
    /// What is known of it; of one that is done, what was known before.
    pub(super) fate: Fate,
}

/// A call under way.
struct Doing {
    call: Call,
    tries: u32,
    /// Why it is to be made again.
    again: Option<CallError>,
    ended: Option<Result<Done, CallError>>,
}

/// What one try came to.
enum Tried {
    /// It is over, well or badly.
    Over(Result<Done, CallError>),
    /// It has come further: at once.
    Further,
    /// It may be made again after a while; with what is said if it is not.
    Again(CallError, Option<Duration>),
}

/// Makes calls to their end; one answer for each, in order.
pub(super) async fn perform(context: &Context<'_>, portal: &PortalName, driver: &dyn Execute, calls: Vec<Call>) -> Vec<Ended> {
    let mut all: Vec<_> = calls.into_iter().map(|call| Doing { call, tries: 0, again: None, ended: None }).collect();
    loop {
        let batch: Vec<Call> = all.iter().filter(|d| d.ended.is_none()).map(|d| d.call.clone()).collect();
        if batch.is_empty() {
            break;
        }
        let answers = guarded(driver, &batch).await;
        let mut look = Look::new(driver, &batch);
        let (mut pause, mut writes) = (None, Vec::new());
        for (doing, answer) in all.iter_mut().filter(|d| d.ended.is_none()).zip(answers) {
            doing.tries += 1;
            let tried = tried(driver, &mut look, doing, answer).await;
            let stops = context.world.stop.requested() || doing.tries >= ATTEMPTS;
            match tried {
                Tried::Over(result) => doing.ended = Some(result),
                Tried::Further => {
                    (doing.tries, doing.again) = (0, None);
                    writes.push(intend(context, portal, driver, &doing.call));
                }
                Tried::Again(error, after) if stops || after.is_some_and(|after| after > LONGEST_PAUSE) => {
                    doing.ended = Some(given_up(&mut look, &mut doing.call, error).await);
                }
                Tried::Again(error, after) => {
                    doing.again = Some(error);
                    let wanted = backoff(context, doing.tries - 1).max(after.unwrap_or_default());
                    pause = pause.max(Some(wanted));
                    if !driver.capabilities().consistency_window.is_zero() {
                        // The wait for what it writes counts from the last call.
                        let all = std::iter::once(&doing.call).chain(&doing.call.carries);
                        writes.extend(all.map(|call| intend(context, portal, driver, call)));
                    }
                }
            }
        }
        if !writes.is_empty()
            && let Err(error) = context.world.ledger.commit(context.world.lock, writes).await
        {
            let why = format!("the ledger cannot record how far it has come: {error}; run again to go on");
            all.iter_mut().filter(|d| d.ended.is_none()).for_each(|d| d.ended = Some(Err(CallError::Uncertain(why.clone()))));
        }
        if let Some(pause) = pause {
            context.world.stop.pause(pause.min(LONGEST_PAUSE)).await;
            if context.world.stop.requested() {
                stop(driver, &mut all).await;
            }
        }
    }
    let lost = || Err(CallError::Uncertain("the driver gave no answer".to_owned()));
    all.into_iter().map(|d| Ended { result: d.ended.unwrap_or_else(lost), fate: d.call.fate }).collect()
}

/// Somebody asked to stop in the pause: what was to be made again is not.
async fn stop(driver: &dyn Execute, all: &mut [Doing]) {
    let batch: Vec<Call> = all.iter().filter(|d| d.ended.is_none()).map(|d| d.call.clone()).collect();
    let mut look = Look::new(driver, &batch);
    for doing in all.iter_mut().filter(|d| d.ended.is_none()) {
        if let Some(error) = doing.again.take() {
            doing.ended = Some(given_up(&mut look, &mut doing.call, error).await);
        }
    }
}

/// What one answer comes to.
async fn tried(driver: &dyn Execute, look: &mut Look<'_>, doing: &mut Doing, answer: Result<Done, CallError>) -> Tried {
    let call = &mut doing.call;
    let error = match answer {
        Ok(Done::Partly { reached }) if call.fate.reached.as_ref() == Some(&reached) => {
            return Tried::Over(Err(CallError::Uncertain("the driver does not get on with it".to_owned())));
        }
        Ok(Done::Partly { reached }) => {
            call.fate = std::mem::take(&mut call.fate).at(reached);
            return Tried::Further;
        }
        Ok(done) => return Tried::Over(Ok(done)),
        Err(error) => error,
    };
    // A list that shows an object tells nothing of the steps after the one that made it.
    let told = call.action != IntentAction::Create || !call.fate.is_made();
    let effect = if error.effect() == Next::Shown && !told { Next::Unsure } else { error.effect() };
    call.fate = std::mem::take(&mut call.fate).after(effect);
    let after = match &error {
        CallError::Retry { after, .. } | CallError::Lost { after, .. } => *after,
        CallError::Refused(_) | CallError::Denied(_) | CallError::Uncertain(_) => None,
    };
    let refused = matches!(error, CallError::Refused(_) | CallError::Denied(_));
    match call.fate.next {
        Next::Clear if refused => Tried::Over(Err(error)),
        Next::Unsure => Tried::Over(Err(error)),
        Next::Findable if look.is_late() => Tried::Over(Err(error)),
        Next::Clear | Next::Repeatable | Next::SameKey | Next::Findable if !refused => Tried::Again(error, after),
        // It is made, or it is not: a refusal of a later try tells neither.
        Next::Clear | Next::Repeatable | Next::SameKey | Next::Findable | Next::Shown => {
            let looked = if told { look.at(call).await } else { Looked::Unknown };
            match looked {
                Looked::Done(done) => Tried::Over(Ok(done)),
                Looked::Unknown if !refused && driver.capabilities().idempotent => Tried::Again(error, after),
                Looked::Unknown => Tried::Over(Err(error)),
                Looked::Nothing(_) if refused => {
                    call.fate = std::mem::take(&mut call.fate).cleared();
                    Tried::Over(Err(error))
                }
                Looked::Nothing(still) => {
                    call.fate = std::mem::take(&mut call.fate).cleared();
                    if let Some(still) = still {
                        (call.changed, call.before) = (still.changed, still.before);
                    }
                    Tried::Again(error, after)
                }
                Looked::Further(reached) => {
                    call.fate = std::mem::take(&mut call.fate).at(reached);
                    Tried::Further
                }
            }
        }
    }
}

/// No more tries: one look tells what the last of them came to, as far as lists can tell.
async fn given_up(look: &mut Look<'_>, call: &mut Call, error: CallError) -> Result<Done, CallError> {
    let told = call.action != IntentAction::Create || !call.fate.is_made();
    if !call.fate.is_open() || !told {
        return Err(error);
    }
    match look.at(call).await {
        Looked::Done(done) => return Ok(done),
        Looked::Nothing(_) => call.fate = std::mem::take(&mut call.fate).cleared(),
        Looked::Further(reached) => call.fate = std::mem::take(&mut call.fate).at(reached),
        Looked::Unknown => {}
    }
    Err(error)
}

/// One answer for each call, whatever the driver does: if it panics or leaves answers out, it has done who knows what.
async fn guarded(driver: &dyn Execute, batch: &[Call]) -> Vec<Result<Done, CallError>> {
    let answers = std::panic::AssertUnwindSafe(driver.perform(batch)).catch_unwind().await;
    let (mut answers, why) = match answers {
        Ok(answers) => (answers, "the driver gave no answer"),
        Err(_) => (Vec::new(), "the driver failed in the middle of the call"),
    };
    answers.resize_with(batch.len(), || Err(CallError::Uncertain(why.to_owned())));
    answers
}

/// Half to the whole of a pause that doubles each time, so that many runs do not come back together.
fn backoff(context: &Context<'_>, attempt: u32) -> Duration {
    let whole = context.world.backoff.saturating_mul(2_u32.saturating_pow(attempt));
    let jitter = (context.world.new_id)().bytes().fold(0_u32, |sum, b| sum.wrapping_mul(31).wrapping_add(u32::from(b))) % 1000;
    whole / 2 + whole / 2 * jitter / 1000
}
