//! What comes back from technicians: what became of items of work orders ([`answers`]), and what a portal's screens show ([`observe`]).
//!
//! Comes in: an open ledger, a lock that covers the items' tenants, answers, and *now*. Goes out: one commit of all that holds, and a [`Refusal`]
//! for each answer that does not, of which nothing is written. Never asks a portal, prints, or believes what was brought back where it
//! contradicts the item.

mod closing;
mod declared;
mod desk;
mod evidence;
pub mod observe;
mod records;
mod refusals;
mod reopen;
mod rests;
pub mod table;

use jiff::Timestamp;

use crate::ledger::{Ledger, LedgerError, LedgerRead, LockId};
use crate::model::work_order::WorkItem;
use crate::model::{PortalName, TenantName};

pub use declared::differences;
pub use evidence::{Evidence, check};
pub use rests::comes_after;

/// Who says what became of an item, and when.
#[derive(Debug, Clone)]
pub struct Voice {
    /// Who.
    pub by: String,
    /// When.
    pub now: Timestamp,
    /// For how many days their record is believed.
    pub believed_for_days: u64,
    /// What else they say, for the audit trail.
    pub note: Option<String>,
}

/// What became of an item, as a person says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It was done.
    Done(Evidence),
    /// It was done, whoever said before that it could not be.
    DoneAnyway(Evidence),
    /// It could not be done; why.
    Failed(String),
    /// It is not done; why.
    Skipped(String),
    /// What was said of it is not so; why.
    Reopened(String),
}

/// What an answer came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The portal.
    pub portal: PortalName,
    /// The item as it is now.
    pub item: WorkItem,
    /// False: the ledger said so already, and nothing was written.
    pub recorded: bool,
    /// What was said of it before, and is no longer so, one sentence each.
    pub remarks: Vec<String>,
}

/// Why an answer is refused, sorted by what the person does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// No item has this reference.
    Unknown,
    /// Several items have it.
    Ambiguous,
    /// The item was given out again since, with another text.
    Replaced,
    /// Evidence or a reason is missing, or was not asked for.
    Incomplete,
    /// What was brought back is not what was asked for.
    Mismatch,
    /// Somebody has said otherwise already.
    Decided,
    /// Another item comes first.
    TooEarly,
    /// Later work rests on it.
    RestedOn,
    /// Nothing waits for it any more.
    NotWaited,
}

/// A refused answer: nothing of it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .lines.join("; "))]
pub struct Refusal {
    /// Of what sort.
    pub why: Why,
    /// What is wrong and what to do, one sentence each.
    pub lines: Vec<String>,
}

/// Why nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The answer is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The ledger cannot be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The item with this name, or the one that replaced it.
///
/// # Errors
/// When nothing was ever given out under it, when it is the beginning of several, and when the ledger cannot be read.
pub async fn find(ledger: &(impl LedgerRead + ?Sized), reference: &str) -> Result<(PortalName, WorkItem), AnswerError> {
    Ok(pick(ledger.called(reference).await?, reference)?)
}

/// The one item that is meant: a whole reference before the beginning of one, and a current one before that of an earlier text.
fn pick(items: Vec<(PortalName, WorkItem)>, reference: &str) -> Result<(PortalName, WorkItem), Refusal> {
    let whole = |name: &str| name.eq_ignore_ascii_case(reference);
    let ways: [&dyn Fn(&WorkItem) -> bool; 4] =
        [&|i| whole(&i.reference), &|i| i.replaces.iter().any(|former| whole(former)), &|i| i.is_called(reference), &|i| {
            i.was_called(reference)
        }];
    let fits = ways.iter().find(|fits| items.iter().any(|(_, i)| fits(i)));
    let mut meant: Vec<_> = items.iter().filter(|(_, i)| fits.is_some_and(|fits| fits(i))).cloned().collect();
    match (meant.pop(), meant.is_empty()) {
        (None, _) => Err(Refusal::unknown(reference)),
        (Some(one), true) => Ok(one),
        (Some(one), false) => {
            meant.push(one);
            Err(refusals::ambiguous(reference, &meant))
        }
    }
}

/// The tenants whose lock an answer to an item needs: its own, and those of whatever is recorded with it.
pub fn units(portal: &PortalName, item: &WorkItem) -> Vec<(PortalName, TenantName)> {
    let tenants = std::iter::once(&item.address.tenant).chain(item.records.iter().map(|r| &r.address.tenant));
    let mut units: Vec<_> = tenants.map(|tenant| (portal.clone(), tenant.clone())).collect();
    units.sort();
    units.dedup();
    units
}

/// Answers for one item: [`answers`].
///
/// # Errors
/// When the answer is refused, and as there.
pub async fn answer(ledger: &dyn Ledger, lock: &LockId, reference: &str, answer: &Answer, voice: &Voice) -> Result<Told, AnswerError> {
    let told = answers(ledger, lock, &[(reference, answer)], voice).await?.pop();
    Ok(told.unwrap_or_else(|| Err(Refusal::unknown(reference)))?)
}

/// Answers for items by their references, in the order given: what holds is written in one commit, and each answer is told what it came to.
///
/// # Errors
/// When the ledger cannot be read or written; then nothing was recorded.
pub async fn answers(
    ledger: &dyn Ledger,
    lock: &LockId,
    given: &[(&str, &Answer)],
    voice: &Voice,
) -> Result<Vec<Result<Told, Refusal>>, LedgerError> {
    let mut desk = desk::Desk::read(ledger, given.iter().map(|(reference, _)| *reference)).await?;
    let mut told = Vec::with_capacity(given.len());
    for (reference, answer) in given {
        told.push(desk.current(reference).and_then(|current| closing::close(current, answer, voice)).map(|closed| desk.take(closed)));
    }
    desk.commit(ledger, lock).await?;
    Ok(told)
}
