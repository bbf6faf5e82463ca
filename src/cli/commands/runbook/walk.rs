//! Walking through items with the person who did them. Comes in: items in order, and a terminal. Goes out: their answers; nothing is recorded
//! before all of them are shown once more and the person says yes.

use super::{Before, Given, Item, list};
use crate::cli::failure::Failure;
use crate::cli::{Face, ask};
use crate::engine::runbook::{self, Answer, Evidence};
use crate::model::WorkItem;
use crate::report::escape::visible;
use crate::report::work_order::{self, Order};

/// Asks about each item.
pub(super) fn through(face: &Face<'_>, items: &[&Item], after: &Before) -> Result<Vec<Given>, Failure> {
    let mut given = Vec::new();
    for (at, one) in items.iter().enumerate() {
        let (portal, item) = one;
        let of = list::orders(std::slice::from_ref(*one)).into_iter().map(|order| Order { after: Some(after), ..order });
        let text: String = of.map(|order| work_order::item_text(&order, item, at + 1)).collect();
        face.output.error(&format!("\n{} of {}, of work order {} in portal {portal}\n{text}", at + 1, items.len(), visible(&item.order)));
        match ask_about(face, item) {
            Next::Answer(answer) => given.push((item, answer)),
            Next::Later => {}
            Next::Stop => break,
        }
    }
    if given.is_empty() {
        return Ok(Vec::new());
    }
    face.output.error("\nThis is recorded:");
    for (item, answer) in &given {
        face.output.error(&format!("  {} {}: {}", item.reference, visible(&item.instructions.title), visible(&in_words(answer))));
    }
    if !recorded(face)? {
        return Ok(Vec::new());
    }
    Ok(given.into_iter().map(|(item, answer)| (item.reference.to_string(), Ok(answer))).collect())
}

/// Whether all that was said is recorded. It took a while to say it, so nothing but a plain no throws it away.
fn recorded(face: &Face<'_>) -> Result<bool, Failure> {
    loop {
        match ask::line(face, "Record this? [yes/no]").map(|said| said.to_lowercase()).as_deref() {
            Some("yes") => return Ok(true),
            Some("no") => return Ok(false),
            Some(_) => face.output.error("`yes` records it, `no` throws it away:"),
            None => return Err(Failure::usage("nothing was recorded: nobody said whether it is to be")),
        }
    }
}

enum Next {
    Answer(Answer),
    Later,
    /// Nobody answers any more.
    Stop,
}

fn ask_about(face: &Face<'_>, item: &WorkItem) -> Next {
    loop {
        let Some(said) = ask::line(face, "[d]one, [c]ould not, [s]kip, [l]ater?") else { return Next::Stop };
        let why = |question: &str| ask::line(face, question).filter(|why| !why.is_empty());
        let answer = match said.to_lowercase().as_str() {
            "d" | "done" => evidence(face, item).map(Answer::Done),
            "c" | "could not" => why("Why could it not be done?").map(Answer::Failed),
            "s" | "skip" => why("Why is it not done?").map(Answer::Skipped),
            "l" | "later" => return Next::Later,
            _ => None,
        };
        if let Some(answer) = answer {
            return Next::Answer(answer);
        }
    }
}

/// Asks for each piece of evidence; `None`: what was brought back does not hold, and the person is asked again what became of the item.
fn evidence(face: &Face<'_>, item: &WorkItem) -> Option<Evidence> {
    let mut evidence = Evidence::new();
    for wanted in &item.instructions.evidence {
        let optional = if wanted.optional { " (may be left out)" } else { "" };
        let value = ask::line(face, &format!("{}{optional}", visible(&wanted.ask)))?;
        evidence.insert(wanted.name.clone(), value);
    }
    runbook::check(item, &evidence).map_err(|refusal| refusal.lines.iter().for_each(|line| face.output.error(&visible(line)))).ok()
}

fn in_words(answer: &Answer) -> String {
    match answer {
        Answer::Done(evidence) | Answer::DoneAnyway(evidence) if evidence.is_empty() => "done".to_owned(),
        Answer::Done(evidence) | Answer::DoneAnyway(evidence) => {
            let brought: Vec<_> = evidence.iter().map(|(name, value)| format!("{name} {value}")).collect();
            format!("done, with {}", brought.join(", "))
        }
        Answer::Failed(why) => format!("could not be done: {why}"),
        Answer::Skipped(why) => format!("skipped: {why}"),
        Answer::Reopened(why) => format!("open again: {why}"),
    }
}
