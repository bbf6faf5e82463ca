//! What comes back from technicians: what became of an item of a work order ([`confirm`], [`fail`], [`skip`]), and what a portal's screens show
//! ([`observe`]).
//!
//! Comes in: an open ledger, a lock that covers the item's tenants, the answer, and *now*. Goes out: one commit, or a [`Refusal`] and nothing.
//! Never asks a portal, prints, or believes what was brought back where it contradicts the item.

mod declared;
mod evidence;
pub mod observe;
mod records;
pub mod table;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::ledger::{AuditRecord, Ledger, LedgerError, LedgerRead, LockId, WorkWanted, Write};
use crate::model::work_order::{WorkItem, WorkState};
use crate::model::{LedgerState, PortalName, TenantName};

pub use declared::differences;
use evidence::entered;
pub use evidence::{Evidence, check};

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
    /// It could not be done; why.
    Failed(String),
    /// It is not done; why.
    Skipped(String),
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
}

/// Why an answer is refused, sorted by what the person does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// No item has this reference.
    Unknown,
    /// The item was given out again since, with another text.
    Replaced,
    /// Evidence or a reason is missing, or was not asked for.
    Incomplete,
    /// What was brought back is another customer's.
    Mismatch,
    /// Somebody has said otherwise already.
    Decided,
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

impl Refusal {
    fn new(why: Why, line: impl Into<String>) -> Self {
        Self { why, lines: vec![line.into()] }
    }

    /// The refusal of a reference that no item has.
    pub fn unknown(reference: &str) -> Self {
        Self::new(
            Why::Unknown,
            format!("no item of a work order has the reference {reference}; `tenantry runbook list --state all` shows them"),
        )
    }
}

/// The item with this reference, or the one that replaced it; `None`: nothing was ever given out under it.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn find(ledger: &(impl LedgerRead + ?Sized), reference: &str) -> Result<Option<(PortalName, WorkItem)>, LedgerError> {
    let items = ledger.work(WorkWanted::All).await?;
    let named = |item: &WorkItem| item.reference.eq_ignore_ascii_case(reference);
    let was_named = |item: &WorkItem| item.replaces.iter().any(|r| r.eq_ignore_ascii_case(reference));
    let found = items.iter().position(|(_, i)| named(i)).or_else(|| items.iter().position(|(_, i)| was_named(i)));
    Ok(found.and_then(|at| items.into_iter().nth(at)))
}

/// The tenants whose lock an answer to an item needs: its own, and those of whatever is recorded with it.
pub fn units(portal: &PortalName, item: &WorkItem) -> Vec<(PortalName, TenantName)> {
    let tenants = std::iter::once(&item.address.tenant).chain(item.records.iter().map(|r| &r.address.tenant));
    let mut units: Vec<_> = tenants.map(|tenant| (portal.clone(), tenant.clone())).collect();
    units.sort();
    units.dedup();
    units
}

/// Answers for the item with a reference, in one commit: [`confirm`], [`fail`] or [`skip`].
///
/// # Errors
/// As these.
pub async fn answer(ledger: &dyn Ledger, lock: &LockId, reference: &str, answer: &Answer, voice: &Voice) -> Result<Told, AnswerError> {
    match answer {
        Answer::Done(evidence) => confirm(ledger, lock, reference, evidence, voice).await,
        Answer::Failed(why) => fail(ledger, lock, reference, why, voice).await,
        Answer::Skipped(why) => skip(ledger, lock, reference, why, voice).await,
    }
}

/// Records that an item was done: rows and attestations of all that it made, its intents settled, and the item confirmed. Where calls follow,
/// the next apply goes on with what was brought back.
///
/// # Errors
/// When the reference is not the current one, evidence is missing or of another customer, or somebody said otherwise; when the ledger cannot
/// be written.
pub async fn confirm(ledger: &dyn Ledger, lock: &LockId, reference: &str, evidence: &Evidence, voice: &Voice) -> Result<Told, AnswerError> {
    let current = Current::read(ledger, reference).await?;
    let evidence = evidence::check(&current.item, evidence)?;
    match &current.item.state {
        WorkState::Confirmed { evidence: known, .. } if *known == evidence => return Ok(current.told()),
        WorkState::Confirmed { .. } | WorkState::Skipped { .. } => return Err(decided(&current.item).into()),
        WorkState::Open | WorkState::Failed { .. } => {}
    }
    current.still_waited_for()?;
    let mut writes = records::of_confirmation(&current.portal, &current.states, &current.item, &evidence, voice);
    let brought = evidence.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ");
    let state = WorkState::Confirmed { by: voice.by.clone(), at: voice.now, evidence };
    let request = format!("runbook confirm: {}", current.item.action.word());
    let result = if brought.is_empty() { "confirmed".to_owned() } else { format!("confirmed with {brought}") };
    writes.extend(current.closing(state.clone(), voice, request, result));
    current.commit(ledger, lock, writes, state).await
}

/// Records that an item could not be done. Its intent stays open: the plan says why it waits.
///
/// # Errors
/// As [`confirm`]; when no reason is given.
pub async fn fail(ledger: &dyn Ledger, lock: &LockId, reference: &str, why: &str, voice: &Voice) -> Result<Told, AnswerError> {
    let why = evidence::reason(why)?;
    let current = Current::read(ledger, reference).await?;
    match &current.item.state {
        WorkState::Failed { why: known, .. } if *known == why => return Ok(current.told()),
        WorkState::Confirmed { .. } | WorkState::Skipped { .. } => return Err(decided(&current.item).into()),
        WorkState::Open | WorkState::Failed { .. } => {}
    }
    current.still_waited_for()?;
    let state = WorkState::Failed { by: voice.by.clone(), at: voice.now, why: why.clone() };
    let request = format!("runbook fail: {}", current.item.action.word());
    let writes = current.closing(state.clone(), voice, request, format!("could not be done: {why}"));
    current.commit(ledger, lock, writes, state).await
}

/// Gives an item back to the plan: its intents are settled, and the next apply gives it out anew if it is still declared.
///
/// # Errors
/// As [`fail`].
pub async fn skip(ledger: &dyn Ledger, lock: &LockId, reference: &str, why: &str, voice: &Voice) -> Result<Told, AnswerError> {
    let why = evidence::reason(why)?;
    let current = Current::read(ledger, reference).await?;
    match &current.item.state {
        WorkState::Skipped { .. } => return Ok(current.told()),
        WorkState::Confirmed { .. } => return Err(decided(&current.item).into()),
        WorkState::Open | WorkState::Failed { .. } => {}
    }
    let state = WorkState::Skipped { by: voice.by.clone(), at: voice.now, why: why.clone() };
    let request = format!("runbook skip: {}", current.item.action.word());
    let mut writes = records::settled(&current.portal, &current.item);
    writes.extend(current.closing(state.clone(), voice, request, format!("skipped: {why}")));
    current.commit(ledger, lock, writes, state).await
}

/// An item as the ledger has it now, read under the lock: what was read before may have changed since.
struct Current {
    portal: PortalName,
    item: WorkItem,
    states: BTreeMap<TenantName, LedgerState>,
}

impl Current {
    async fn read(ledger: &dyn Ledger, reference: &str) -> Result<Self, AnswerError> {
        let Some((portal, item)) = find(ledger, reference).await? else { return Err(Refusal::unknown(reference).into()) };
        if !item.reference.eq_ignore_ascii_case(reference) {
            return Err(replaced(&item, reference).into());
        }
        let tenants: Vec<_> = units(&portal, &item).into_iter().map(|(_, tenant)| tenant).collect();
        let states = tenants.iter().cloned().zip(ledger.read(&portal, &tenants).await?).collect();
        Ok(Self { portal, item, states })
    }

    /// An item whose intent somebody settled is nobody's any more: what is recorded of it now would be about a call that was given up.
    fn still_waited_for(&self) -> Result<(), Refusal> {
        let open = self.states.get(&self.item.address.tenant).is_some_and(|s| s.intents.iter().any(|i| i.id == self.item.intent));
        if open {
            return Ok(());
        }
        let WorkItem { reference, address, .. } = &self.item;
        let what = format!("nothing waits for {reference} ({address}) any more: its intent was settled meanwhile");
        Err(Refusal::new(Why::NotWaited, format!("{what}; skip it, and the next apply gives it out anew if it is still needed")))
    }

    fn told(self) -> Told {
        Told { portal: self.portal, item: self.item, recorded: false }
    }

    fn closing(&self, state: WorkState, voice: &Voice, request: String, result: String) -> [Write; 2] {
        let note = voice.note.as_deref().map_or_else(String::new, |note| format!("; {note}"));
        let record = AuditRecord {
            at: voice.now,
            who: voice.by.clone(),
            ticket: self.item.ticket.clone(),
            plan: self.item.plan.to_string(),
            approval: format!("work order {}, item {}", self.item.order, self.item.reference),
            portal: self.portal.clone(),
            address: self.item.address.clone(),
            request,
            result: result + &note,
        };
        [Write::Work(self.portal.clone(), Box::new(WorkItem { state, ..self.item.clone() })), Write::Audit(record)]
    }

    async fn commit(
        self,
        ledger: &dyn Ledger,
        lock: &LockId,
        writes: impl IntoIterator<Item = Write>,
        state: WorkState,
    ) -> Result<Told, AnswerError> {
        ledger.commit(lock, writes.into_iter().collect()).await?;
        Ok(Told { portal: self.portal, item: WorkItem { state, ..self.item }, recorded: true })
    }
}

/// Somebody has said already what became of an item.
fn decided(item: &WorkItem) -> Refusal {
    let WorkItem { reference, address, .. } = item;
    let said = match &item.state {
        WorkState::Confirmed { by, at, evidence } => {
            let brought: Vec<_> = evidence.iter().map(|(name, value)| format!("{name} `{value}`")).collect();
            let with = if brought.is_empty() { String::new() } else { format!(" with {}", brought.join(", ")) };
            format!(
                "{reference} ({address}) was confirmed by {by} at {at:.0}{with}; if that is not so, talk to {by}, and put it right in the portal or in the manifest"
            )
        }
        WorkState::Skipped { by, at, why } => {
            format!(
                "{reference} ({address}) was skipped by {by} at {at:.0}: {why}; if it is still declared the next apply gives it out anew: confirm that; if you have done it all the same, undo it, or record it with `tenantry runbook observe`"
            )
        }
        WorkState::Failed { by, at, why } => format!("{by} said at {at:.0} that {reference} ({address}) could not be done: {why}"),
        WorkState::Open => format!("{reference} ({address}) is open"),
    };
    Refusal::new(Why::Decided, said)
}

/// The reference is of an earlier text: says by what it was replaced, when, and how the two differ.
fn replaced(item: &WorkItem, reference: &str) -> Refusal {
    let former = item.former.iter().find(|f| f.reference.eq_ignore_ascii_case(reference));
    let when = former.map_or_else(String::new, |f| format!(" at {:.0}", f.replaced));
    let new = &item.reference;
    let mut lines = vec![format!("{reference} is an earlier text: the manifest changed, and {new} replaced it{when} ({})", item.address)];
    let now = entered(&item.instructions);
    let then = former.map(|f| entered(&f.instructions)).unwrap_or_default();
    lines.extend(then.iter().filter(|line| !now.contains(line)).map(|line| format!("- {line}")));
    lines.extend(now.iter().filter(|line| !then.contains(line)).map(|line| format!("+ {line}")));
    lines.push(format!("put right in the portal what you entered otherwise, and say of {new} what became of it"));
    Refusal { why: Why::Replaced, lines }
}
