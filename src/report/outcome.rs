//! What became of each change, for people and programs. Comes in: a run's report. Goes out: text with what failed first, or JSON.

use serde::Serialize;

use super::escape::{cut, visible};
use super::style::{Style, Tone};
use crate::apply::outcome::{GivenOrder, Outcome, OutcomeResult, RunReport};
use crate::model::Address;

/// Outcomes of one sort that are named, unless everything was asked for.
const NAMED: usize = 20;
/// Longest message of a portal that is shown, in characters.
const MESSAGE: usize = 500;

/// How many outcomes there are of each sort.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct OutcomeCounts {
    /// Done, those that differ afterwards among them.
    pub done: u64,
    /// Waiting for a technician or for acceptance.
    pub pending: u64,
    /// Those of the pending of which calls have done a part.
    pub begun: u64,
    /// Failed.
    pub failed: u64,
    /// Not known.
    pub uncertain: u64,
    /// Skipped.
    pub skipped: u64,
    /// Held by guards.
    pub held: u64,
    /// Not begun, because the run was stopped.
    pub cancelled: u64,
}

impl OutcomeCounts {
    /// The counts of a run.
    pub fn of(report: &RunReport) -> Self {
        let mut counts = Self::default();
        for outcome in &report.outcomes {
            let slot = match outcome.result {
                OutcomeResult::Done | OutcomeResult::DoneDiffers { .. } => &mut counts.done,
                OutcomeResult::Pending { called, waits_for: _ } => {
                    counts.begun += u64::from(called);
                    &mut counts.pending
                }
                OutcomeResult::Failed { .. } => &mut counts.failed,
                OutcomeResult::Uncertain { .. } => &mut counts.uncertain,
                OutcomeResult::Skipped { .. } => &mut counts.skipped,
                OutcomeResult::Held { .. } => &mut counts.held,
                OutcomeResult::Cancelled => &mut counts.cancelled,
            };
            *slot += 1;
        }
        counts
    }

    fn words(&self) -> String {
        let Self { done, pending, begun, failed, uncertain, skipped, held, cancelled } = self;
        let all = [
            (failed, "failed"),
            (uncertain, "uncertain"),
            (skipped, "skipped"),
            (held, "held back"),
            (cancelled, "not begun"),
            (pending, "pending"),
        ];
        let mut said = vec![format!("{done} done")];
        said.extend(all.iter().filter(|(n, _)| **n > 0).map(|(n, word)| format!("{n} {word}")));
        said.extend((*begun > 0).then(|| format!("{begun} of them with calls made")));
        said.join(", ")
    }
}

/// The run in text: what failed first, with its reason; then what is uncertain, skipped, held, cancelled, pending; then counts. The command line
/// with which a work order is read ends with `places`: flags, quoted for a shell.
pub fn text(report: &RunReport, style: &Style, places: &str) -> String {
    let mut out = String::new();
    for (tone, heading, pick) in SECTIONS {
        let found: Vec<_> = report.outcomes.iter().filter_map(|o| pick(&o.result).map(|why| (o, why))).collect();
        if found.is_empty() {
            continue;
        }
        out.push_str(&style.paint(Tone::Heading, heading));
        out.push('\n');
        // What went wrong is never folded; what merely waits is.
        let shown = if style.verbose || *tone == Tone::Alarm { found.len() } else { NAMED };
        for (outcome, why) in found.iter().take(shown) {
            let why = if why.is_empty() { String::new() } else { format!(": {}", cut(&visible(why), MESSAGE)) };
            out.push_str(&format!("  {}{why}\n", style.paint(*tone, &title(outcome))));
        }
        if found.len() > shown {
            out.push_str(&format!("  and {} more\n", found.len() - shown));
        }
        out.push('\n');
    }
    // What failed, was held or waits is out of step for a reason that stands above.
    let explained = |address: &&Address| report.outcomes.iter().any(|o| o.address == **address && o.result != OutcomeResult::Done);
    let remaining: Vec<_> = report.remaining.iter().filter(|a| !explained(a)).collect();
    if !remaining.is_empty() {
        out.push_str(&style.paint(Tone::Heading, "Still out of step afterwards, with no known reason:"));
        out.push('\n');
        for address in remaining {
            out.push_str(&format!("  {address}\n"));
        }
        out.push('\n');
    }
    orders(report, style, places, &mut out);
    let ending = if report.final_plan_empty { "" } else { "; not everything is in step yet" };
    out.push_str(&style.paint(Tone::Heading, &format!("Apply: {}{ending}", OutcomeCounts::of(report).words())));
    out.push('\n');
    out
}

/// The work orders that technicians have to do, and how to read one.
fn orders(report: &RunReport, style: &Style, places: &str, out: &mut String) {
    if report.orders.is_empty() {
        return;
    }
    let command = format!("tenantry runbook show ID {}", visible(places));
    out.push_str(&style.paint(Tone::Heading, &format!("Work orders, to read with `{}`:", command.trim_end())));
    out.push('\n');
    for GivenOrder { id, portal, assignee, due, items } in &report.orders {
        let who = assignee.as_ref().map(|who| format!(", for {}", cut(&visible(who), MESSAGE))).unwrap_or_default();
        let due = due.map(|day| format!(", due {day}")).unwrap_or_default();
        let things = if *items == 1 { "item" } else { "items" };
        out.push_str(&format!("  {id}  {items} {things} in portal {portal}{who}{due}\n"));
    }
    let makes = |o: &Outcome| matches!(o.result, OutcomeResult::Pending { .. }) && o.actions.contains(&crate::plan::Action::Create);
    if report.outcomes.iter().any(makes) {
        out.push_str("  Once they are confirmed, plan again: what follows from them, such as sharing, is done by another apply.\n");
    }
    out.push('\n');
}

fn title(outcome: &Outcome) -> String {
    let actions: Vec<_> = outcome.actions.iter().map(|a| a.word()).collect();
    let does = if actions.is_empty() { "nothing can be done about".to_owned() } else { actions.join(", ") };
    format!("{does} {} in portal {}", outcome.address, outcome.portal)
}

type Pick = fn(&OutcomeResult) -> Option<String>;

/// The sections of the text, the most urgent first. What is simply done is only counted.
const SECTIONS: &[(Tone, &str, Pick)] = &[
    (Tone::Alarm, "Failed:", |r| match r {
        OutcomeResult::Failed { message, denied: _ } => Some(message.clone()),
        _ => None,
    }),
    (Tone::Alarm, "Uncertain, the next run looks first:", |r| match r {
        OutcomeResult::Uncertain { message } => Some(message.clone()),
        _ => None,
    }),
    (Tone::Alarm, "Done, but the portal shows something else:", |r| match r {
        OutcomeResult::DoneDiffers { fields } => Some(fields.join(", ")),
        _ => None,
    }),
    (Tone::Change, "Skipped:", |r| match r {
        OutcomeResult::Skipped { why } => Some(why.clone()),
        _ => None,
    }),
    (Tone::Change, "Held back by guards:", |r| match r {
        OutcomeResult::Held { codes, why } => Some(format!("{why} ({})", codes.join(", "))),
        _ => None,
    }),
    (Tone::Change, "Not begun, the run was stopped:", |r| matches!(r, OutcomeResult::Cancelled).then(String::new)),
    (Tone::Plain, "Pending:", |r| match r {
        OutcomeResult::Pending { waits_for, called: false } => Some(format!("waits for {waits_for}")),
        OutcomeResult::Pending { waits_for, called: true } => Some(format!("its calls are made, and the rest waits for {waits_for}")),
        _ => None,
    }),
];

/// The run as JSON, indented, with its counts and a newline at its end.
pub fn json(report: &RunReport) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        format_version: &'static str,
        #[serde(flatten)]
        report: &'a RunReport,
        summary: OutcomeCounts,
    }
    let document = Document { format_version: crate::plan::document::FORMAT_VERSION, report, summary: OutcomeCounts::of(report) };
    // Strings and numbers: there is nothing here that JSON cannot say.
    serde_json::to_string_pretty(&document).map(|json| json + "\n").unwrap_or_default()
}
