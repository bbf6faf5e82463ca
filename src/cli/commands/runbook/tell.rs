//! Telling the ledger what became of items, one commit each, and telling the person what that came to. One refused answer keeps no other back.

use jiff::Timestamp;

use super::{Given, lock};
use crate::cli::Face;
use crate::cli::args::{AnswerTalk, Places};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::session::Declared;
use crate::engine::runbook::{self, Answer, AnswerError, Refusal, Told, Voice, Why};
use crate::ledger::{Ledger, LedgerError, LedgerRead};
use crate::model::{PortalName, PortalSpec, WorkItem, WorkState};
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

/// Why one answer was not recorded.
enum Problem {
    Refused(Refusal),
    Locked(String),
}

impl<'a> Teller<'a> {
    pub(super) fn new(face: &'a Face<'a>, places: &Places, talk: &AnswerTalk, note: Option<String>) -> Result<Self, Failure> {
        let declared = super::declared(face, places)?;
        let by = super::who(talk.by.as_deref());
        Ok(Self { face, declared, by, note, json: talk.json, lock_timeout: talk.lock_timeout })
    }

    /// Tells all answers; every problem is said.
    pub(super) async fn tell(&self, ledger: &dyn Ledger, answers: Vec<Given>) -> Result<Exit, Failure> {
        if answers.is_empty() {
            self.face.output.note("Nothing was recorded: no item waits for an answer.");
        }
        let mut exits = Vec::new();
        let (mut fine, mut refused) = (0_usize, 0_usize);
        for (reference, answer) in answers {
            let result = match answer {
                Ok(answer) => self.one(ledger, &reference, &answer).await,
                Err(refusal) => Ok(Err(Problem::Refused(refusal))),
            };
            match result? {
                Ok(told) => {
                    fine += 1;
                    self.say(&told);
                }
                Err(problem) => {
                    refused += 1;
                    exits.push(self.complain(&reference, &problem));
                }
            }
        }
        if fine > 0 && refused > 0 {
            exits.retain(|e| *e == Exit::Locked);
            exits.push(Exit::Partial);
        }
        Ok(Exit::first(exits))
    }

    async fn one(&self, ledger: &dyn Ledger, reference: &str, answer: &Answer) -> Result<Result<Told, Problem>, Failure> {
        let Some((portal, item)) = runbook::find(ledger as &dyn LedgerRead, reference).await? else {
            return Ok(Err(Problem::Refused(Refusal::unknown(reference))));
        };
        let lock = match lock(self.face, ledger, &runbook::units(&portal, &item), verb(answer), self.lock_timeout).await {
            Ok(lock) => lock,
            Err(LedgerError::Locked(by)) => return Ok(Err(Problem::Locked(LedgerError::Locked(by).to_string()))),
            Err(error) => return Err(error.into()),
        };
        let voice = Voice {
            by: self.by.clone(),
            now: Timestamp::now(),
            believed_for_days: self.believed_for_days(&portal),
            note: self.note.clone(),
        };
        let told = runbook::answer(ledger, &lock, reference, answer, &voice).await;
        ledger.unlock(&lock).await?;
        match told {
            Ok(told) => Ok(Ok(told)),
            Err(AnswerError::Refused(refusal)) => Ok(Err(Problem::Refused(refusal))),
            Err(AnswerError::Ledger(error)) => Err(error.into()),
        }
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
        let Told { portal, item, recorded } = told;
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
            WorkState::Open => ("open", format!("Open: {about}.")),
        };
        let warnings = self.differences(portal, item);
        if self.json {
            self.face.output.data(&line(
                "info",
                &text,
                &item.reference,
                word,
                serde_json::json!({
                    "portal": portal, "address": item.address, "recorded": recorded, "state": item.state, "calls_follow": item.calls_follow,
                    "warnings": warnings,
                }),
            ));
            return;
        }
        self.face.output.note(&visible(&text));
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
                let exit = if refusal.why == Why::Unknown { Exit::Error } else { Exit::Refused };
                (refusal.lines.clone(), serde_json::json!(refusal.why), exit)
            }
            Problem::Locked(text) => (vec![text.clone()], "locked".into(), Exit::Locked),
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
        Answer::Done(_) => "confirm",
        Answer::Failed(_) => "fail",
        Answer::Skipped(_) => "skip",
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
