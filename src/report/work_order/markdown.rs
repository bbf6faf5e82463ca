//! A work order as Markdown: for a ticket, a wiki, or a program that follows it. Comes in: an order. Goes out: one step and one verb a line.
//!
//! Values stand in code spans and are exact, but for characters that nobody can see, which stand as escapes; a value of several lines stands
//! in a fence below its step. What people wrote is never markup.

use std::fmt::Write as _;

use super::super::escape::{longest_run, markdown_words, visible};
use super::sentence::{Line, Part, lines};
use super::{ENDS, Order, SOURCES, beside, commands, facts, items_word, moment, of_portal, of_tenant};
use crate::model::work_order::{EvidenceWanted, WorkItem, WorkState};

/// The order as a page.
pub fn markdown(order: &Order<'_>) -> String {
    let mut out = format!("# Work order {}: {}\n\n", code(order.order), markdown_words(&of_portal(order)));
    for (name, value) in facts(order) {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(out, "- {name}: {}", code(&value));
    }
    let _ = writeln!(out, "\n{SOURCES}");
    for (at, item) in order.items.iter().enumerate() {
        let _ = write!(out, "\n{}", item_text(item, at + 1, order.places, order.before(item)));
    }
    out
}

/// One item, numbered; its command lines look for things where they are looked for by default.
pub fn item(item: &WorkItem, number: usize) -> String {
    item_text(item, number, "", &[])
}

fn item_text(item: &WorkItem, number: usize, places: &str, before: &[Box<str>]) -> String {
    let title = markdown_words(&item.instructions.title);
    let (whose, name) = of_tenant(item);
    let name = name.map(code).unwrap_or_default();
    let mut out = format!("## {number}. {} {title} ({whose}{name})\n\n", code(&item.reference));
    if let Some(last) = item.replaces.last() {
        let _ = writeln!(out, "This replaces {}, which nobody is to follow any more.\n", code(last));
    }
    if !before.is_empty() {
        let _ = writeln!(out, "After {} {}.\n", items_word(before), before.iter().map(|first| code(first)).collect::<Vec<_>>().join(", "));
    }
    if let Some(state) = state(&item.state) {
        let _ = writeln!(out, "{state}\n");
    }
    for line in lines(&item.instructions) {
        step(&mut out, &line);
    }
    if !item.instructions.evidence.is_empty() {
        out.push_str("\nBring back:\n\n");
        for wanted in &item.instructions.evidence {
            let EvidenceWanted { name, ask, expect, .. } = wanted;
            let _ = write!(out, "- {}: {}", code(name), markdown_words(ask));
            if let Some(expect) = expect {
                let _ = write!(out, "; it must be {}", code(expect));
            }
            let _ = writeln!(out, "{}", beside(wanted));
        }
    }
    if item.calls_follow {
        out.push_str("\nOnce this is confirmed, tenantry does the rest.\n");
    }
    let commands = commands(item, places);
    if !commands.is_empty() {
        let _ = write!(out, "\n{ENDS}\n\n```sh\n{}\n```\n", commands.join("\n"));
    }
    out
}

fn state(state: &WorkState) -> Option<String> {
    Some(match state {
        WorkState::Open => return None,
        WorkState::Confirmed { by, at, .. } => format!("**Done**: {} confirmed it at {}.", code(by), moment(at)),
        WorkState::Failed { by, at, why } => format!("**Could not be done**: {} said at {}: {}", code(by), moment(at), markdown_words(why)),
        WorkState::Skipped { by, at, why } => format!("**Not done**: {} said at {}: {}", code(by), moment(at), markdown_words(why)),
    })
}

fn step(out: &mut String, line: &Line<'_>) {
    out.push_str("- [ ] ");
    let mut below = Vec::new();
    for part in &line.parts {
        match part {
            Part::Value(value) if value.contains('\n') => {
                out.push_str("this, line by line");
                below.push(*value);
            }
            Part::Words(words) => out.push_str(words),
            Part::Label(label) => out.push_str(&format!("**{}**", markdown_words(label))),
            Part::Path(path) => {
                let labels: Vec<_> = path.iter().map(|label| markdown_words(label)).collect();
                let _ = write!(out, "**{}**", labels.join(" › "));
            }
            Part::Value(value) | Part::Shown(value) => out.push_str(&code(value)),
            Part::Prose(prose) => out.push_str(&markdown_words(prose)),
        }
    }
    match (line.source, line.undocumented) {
        (Some(source), true) => out.push_str(&format!(" **({source})**")),
        (Some(source), false) => out.push_str(&format!(" *({source})*")),
        (None, _) => {}
    }
    out.push('\n');
    for value in below {
        fence(out, value);
    }
}

/// A value of several lines, within the list's item.
fn fence(out: &mut String, value: &str) {
    let ticks = "`".repeat((longest_run(value, '`') + 1).max(3));
    let _ = writeln!(out, "\n  {ticks}text");
    for line in value.split('\n') {
        let _ = writeln!(out, "  {}", visible(line));
    }
    let _ = writeln!(out, "  {ticks}\n");
}

/// A code span that gives back exactly what went in: one space at each end is taken off by every reader where both ends have one.
fn code(text: &str) -> String {
    let text = visible(text);
    let ticks = "`".repeat(longest_run(&text, '`') + 1);
    let blank = text.trim_matches(' ').is_empty();
    let ends = |c: char| text.starts_with(c) || text.ends_with(c);
    let pad = if ends('`') || (!blank && text.starts_with(' ') && text.ends_with(' ')) { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}
