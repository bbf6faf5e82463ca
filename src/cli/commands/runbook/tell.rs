//! Telling the ledger what became of items, one commit a tenant, and telling the person what that came to. One refused answer keeps no other back.

use jiff::Timestamp;

use super::{Given, Looked, lock};
use crate::cli::Face;
use crate::cli::args::AnswerTalk;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Declared;
use crate::engine::runbook::{self, Answer, AnswerError, Refusal, Told, Voice, Why};
use crate::ledger::{Ledger, LedgerError, LedgerRead};
use crate::model::{PortalName, PortalSpec, TenantName, WorkItem, WorkState};
use crate::report::escape::visible;

/// Tells answers.
pub(super) struct Teller<'a> {
    face: &'a Face<'a>,
    declared: Option<Declared>,
    by: String,
    note: Option<String>,
    json: bool,
    lock_timeout: u64,
}

/// An answer with its item.
struct Known {
    reference: String,
    answer: Answer,
    portal: PortalName,
    item: WorkItem,
}

impl Known {
    /// When it is told: tenant by tenant, the MSP's own last, for what is there may name customers.
    fn turn(&self) -> (PortalName, bool, TenantName, usize, String) {
        let tenant = &self.item.address.tenant;
        (self.portal.clone(), tenant.is_msp(), tenant.clone(), self.item.level(), self.reference.clone())
    }
}

/// Why one answer was not recorded.
enum Problem {
    Refused(Refusal),
    Locked(String),
}

impl<'a> Teller<'a> {
    pub(super) fn new(face: &'a Face<'a>, looked: &Looked<'_>, talk: &AnswerTalk, note: Option<String>) -> Result<Self, Failure> {
        let declared = super::declared(face, looked)?;
        let by = super::who(talk.by.as_deref());
        Ok(Self { face, declared, by, note, json: talk.json, lock_timeout: talk.lock_timeout })
    }

    /// Tells all answers; every problem is said. What is of one tenant is one commit under one lock, and what is made comes before what needs it.
    pub(super) async fn tell(&self, ledger: &dyn Ledger, answers: Vec<Given>) -> Result<Exit, Failure> {
        if answers.is_empty() {
            self.face.output.note("Nothing was recorded: no item waits for an answer.");
        }
        let mut exits = Vec::new();
        let mut known: Vec<Known> = Vec::new();
        for (reference, answer) in answers {
            let answer = match answer {
                Ok(answer) => answer,
                Err(refusal) => {
                    exits.push(self.complain(&reference, &Problem::Refused(refusal)));
                    continue;
                }
            };
            match runbook::find(ledger as &dyn LedgerRead, &reference).await {
                Ok((portal, item)) => known.push(Known { reference, answer, portal, item }),
                Err(AnswerError::Refused(refusal)) => exits.push(self.complain(&reference, &Problem::Refused(refusal))),
                Err(AnswerError::Ledger(error)) => return Err(error.into()),
            }
        }
        known.sort_by_cached_key(Known::turn);
        let mut fine = 0_usize;
        for group in known.chunk_by(|a, b| (&a.portal, &a.item.address.tenant) == (&b.portal, &b.item.address.tenant)) {
            for (known, told) in group.iter().zip(self.together(ledger, group).await?) {
                match told {
                    Ok(told) => {
                        fine += 1;
                        self.say(&told);
                    }
                    Err(problem) => exits.push(self.complain(&known.reference, &problem)),
                }
            }
        }
        if fine > 0 && !exits.is_empty() {
            exits.retain(|e| *e == Exit::Locked);
            exits.push(Exit::Partial);
        }
        Ok(Exit::first(exits))
    }

    /// Answers for items of one tenant: one lock, one commit.
    async fn together(&self, ledger: &dyn Ledger, group: &[Known]) -> Result<Vec<Result<Told, Problem>>, Failure> {
        let Some(Known { portal, answer, .. }) = group.first() else { return Ok(Vec::new()) };
        let mut units: Vec<_> = group.iter().flat_map(|known| runbook::units(&known.portal, &known.item)).collect();
        units.sort();
        units.dedup();
        let lock = match lock(self.face, ledger, &units, verb(answer), self.lock_timeout).await {
            Ok(lock) => lock,
            Err(LedgerError::Locked(by)) => {
                let text = LedgerError::Locked(by).to_string();
                return Ok(group.iter().map(|_| Err(Problem::Locked(text.clone()))).collect());
            }
            Err(error) => return Err(error.into()),
        };
        let voice = Voice {
            by: self.by.clone(),
            now: Timestamp::now(),
            believed_for_days: self.believed_for_days(portal),
            note: self.note.clone(),
        };
        let answers: Vec<_> = group.iter().map(|known| (known.reference.as_str(), &known.answer)).collect();
        let told = runbook::answers(ledger, &lock, &answers, &voice).await;
        ledger.unlock(&lock).await?;
        Ok(told?.into_iter().map(|told| told.map_err(Problem::Refused)).collect())
    }

    fn spec(&self, portal: &PortalName) -> Option<&PortalSpec> {
        self.declared.iter().flat_map(|d| &d.specs).find(|s| s.name == *portal)
    }

    fn believed_for_days(&self, portal: &PortalName) -> u64 {
        self.spec(portal).map_or_else(|| PortalSpec::embedded().work_orders.believed_for_days, |s| s.work_orders.believed_for_days)
    }

    /// How what is declared now differs from what the technician was asked for.
    fn differences(&self, portal: &PortalName, item: &WorkItem) -> Vec<String> {
        let (Some(declared), Some(spec)) = (&self.declared, self.spec(portal)) else { return Vec::new() };
        let capability = declared.profiles.get(portal).and_then(|p| p.capabilities().kind(item.address.kind));
        let resource = declared.desired.get(&item.address).filter(|_| spec.serves(&item.address.tenant));
        runbook::differences(item, resource, spec, capability)
    }

    fn say(&self, told: &Told) {
        let Told { portal, item, recorded, remarks } = told;
        let about = format!("{} ({} in portal {portal})", item.reference, item.address);
        let (word, text) = match &item.state {
            // Whoever comes second is not to think that this is theirs.
            WorkState::Confirmed { by, at, .. } if !recorded => {
                ("confirmed", format!("Nothing was recorded: {about} was confirmed already, by {by} at {at:.0}, with the same evidence."))
            }
            WorkState::Failed { by, at, why } if !recorded => {
                ("failed", format!("Nothing was recorded: {about} could not be done already, as {by} said at {at:.0}: {why}."))
            }
            WorkState::Skipped { by, at, why } if !recorded => {
                let next = "The next apply gives it out anew if it is needed";
                ("skipped", format!("Nothing was recorded: {about} was skipped already, by {by} at {at:.0}: {why}. {next}."))
            }
            WorkState::Confirmed { by, at, .. } if item.calls_follow => {
                let next = "the calls that follow it are made by the next `tenantry apply`";
                ("confirmed", format!("Confirmed: {about} by {by} at {at:.0}; {next}."))
            }
            WorkState::Confirmed { by, at, .. } => ("confirmed", format!("Confirmed: {about} by {by} at {at:.0}.")),
            WorkState::Failed { why, .. } => ("failed", format!("Could not be done: {about}: {why}. The plan says so until it changes.")),
            WorkState::Skipped { why, .. } => {
                ("skipped", format!("Skipped: {about}: {why}. The next apply gives it out anew if it is needed."))
            }
            WorkState::Open if !recorded => ("open", format!("Nothing was recorded: {about} is open.")),
            WorkState::Open => ("open", format!("Open again: {about}. What was recorded of it is taken back.")),
        };
        let warnings = self.differences(portal, item);
        if self.json {
            self.face.output.data(&line(
                "info",
                &text,
                &item.reference,
                word,
                serde_json::json!({
                    "portal": portal, "address": item.address, "recorded": recorded, "state": item.state, "calls_follow": item.calls_follow, "remarks": remarks,
                    "warnings": warnings,
                }),
            ));
            return;
        }
        self.face.output.note(&visible(&text));
        remarks.iter().for_each(|remark| self.face.output.note(&visible(&format!("  {remark}."))));
        if let (true, WorkState::Confirmed { .. }) = (!warnings.is_empty(), &item.state) {
            let what = warnings.join(", ");
            self.face.output.error(&format!(
                "warning: the manifest has changed since {} was given out: {what}; the next plan has the rest",
                item.reference
            ));
        }
    }

    fn complain(&self, reference: &str, problem: &Problem) -> Exit {
        let (lines, why, exit) = match problem {
            Problem::Refused(refusal) => {
                let exit = if matches!(refusal.why, Why::Unknown | Why::Ambiguous) { Exit::Error } else { Exit::Refused };
                (refusal.lines.clone(), serde_json::json!(refusal.why), exit)
            }
            Problem::Locked(text) => {
                let next = "somebody else answers just now: say it again, or wait for them with --lock-timeout SECONDS";
                (vec![text.clone(), next.to_owned()], "locked".into(), Exit::Locked)
            }
        };
        if self.json {
            let text = format!("{reference} was not recorded: {}", lines.join("; "));
            self.face.output.data(&line("error", &text, reference, "refused", serde_json::json!({ "problems": lines, "why": why })));
            return exit;
        }
        self.face.output.error(&visible(&format!("error: {reference} was not recorded")));
        lines.iter().for_each(|line| self.face.output.error(&format!("  {}", visible(line))));
        exit
    }
}

const fn verb(answer: &Answer) -> &'static str {
    match answer {
        Answer::Done(_) | Answer::DoneAnyway(_) => "confirm",
        Answer::Failed(_) => "fail",
        Answer::Skipped(_) => "skip",
        Answer::Reopened(_) => "reopen",
    }
}

/// One JSON object in the words of the other streams.
fn line(level: &str, message: &str, reference: &str, result: &str, more: serde_json::Value) -> String {
    let mut json = serde_json::json!({
        "@level": level, "@message": message, "@timestamp": Timestamp::now(), "type": "work_item", "reference": reference, "result": result,
    });
    if let (Some(object), serde_json::Value::Object(more)) = (json.as_object_mut(), more) {
        object.extend(more);
    }
    json.to_string()
}
