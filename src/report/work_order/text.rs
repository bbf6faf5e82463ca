//! A work order for a terminal. Comes in: an order. Goes out: plain lines; what nobody can see stands as an escape.

use std::fmt::Write as _;

use super::super::escape::visible;
use super::sentence::{Line, Part, lines};
use super::{Order, beside, commands, facts, items_word, moment, of_portal, of_tenant};
use crate::model::work_order::{EvidenceWanted, WorkItem, WorkState};

/// The order as text.
pub fn text(order: &Order<'_>) -> String {
    let mut out = format!("Work order {}: {}\n", visible(order.order), visible(&of_portal(order)));
    for (name, value) in facts(order) {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(out, "  {name}: {}", visible(&value));
    }
    for (at, item) in order.items.iter().enumerate() {
        item_lines(&mut out, item, at + 1, order);
    }
    out
}

/// One item of the order for somebody who is asked about it right away: no head, and no command lines.
pub fn item_text(order: &Order<'_>, item: &WorkItem, number: usize) -> String {
    let mut out = String::new();
    steps_text(&mut out, item, number, order);
    out
}

fn item_lines(out: &mut String, item: &WorkItem, number: usize, order: &Order<'_>) {
    steps_text(out, item, number, order);
    for command in commands(item, order.places) {
        let _ = writeln!(out, "   $ {command}");
    }
}

fn steps_text(out: &mut String, item: &WorkItem, number: usize, order: &Order<'_>) {
    let (whose, name) = of_tenant(item);
    let title = visible(&item.instructions.title);
    let _ = writeln!(out, "\n{number}. {}  {title}  ({whose}{})", item.reference, name.unwrap_or_default());
    if let Some(last) = item.replaces.last() {
        let _ = writeln!(out, "   It replaces {last}, which nobody is to follow any more.");
    }
    if let [_, ..] = order.before(item) {
        let _ = writeln!(out, "   After {} {}.", items_word(order.before(item)), order.before(item).join(", "));
    }
    if let Some(said) = said(&item.state) {
        let _ = writeln!(out, "   {said}");
    }
    for line in lines(&item.instructions) {
        step(out, &line);
    }
    for evidence in &item.instructions.evidence {
        let EvidenceWanted { name, ask, expect, .. } = evidence;
        let expect = expect.as_ref().map(|e| format!("; it must be \"{}\"", visible(e))).unwrap_or_default();
        let _ = writeln!(out, "   Bring back {}: {}{expect}{}", visible(name), visible(ask), beside(evidence));
    }
    if item.calls_follow {
        out.push_str("   Once this is confirmed, tenantry does the rest.\n");
    }
}

fn said(state: &WorkState) -> Option<String> {
    Some(match state {
        WorkState::Open => return None,
        WorkState::Confirmed { by, at, .. } => format!("Done: {} confirmed it at {}.", visible(by), moment(at)),
        WorkState::Failed { by, at, why } => format!("Could not be done: {} said at {}: {}", visible(by), moment(at), visible(why)),
        WorkState::Skipped { by, at, why } => format!("Not done: {} said at {}: {}", visible(by), moment(at), visible(why)),
    })
}

fn step(out: &mut String, line: &Line<'_>) {
    out.push_str("   [ ] ");
    let mut below = Vec::new();
    for part in &line.parts {
        match part {
            Part::Value(value) if value.contains('\n') => {
                out.push_str("this, line by line");
                below.push(*value);
            }
            Part::Words(words) => out.push_str(words),
            Part::Path(path) => out.push_str(&visible(&path.join(" › "))),
            Part::Label(label) => out.push_str(&format!("[{}]", visible(label))),
            Part::Value(value) | Part::Shown(value) => out.push_str(&format!("\"{}\"", visible(value))),
            Part::Prose(prose) => out.push_str(&visible(prose)),
        }
    }
    if let Some(source) = line.source {
        let _ = write!(out, "  ({source})");
    }
    out.push('\n');
    for line in below.into_iter().flat_map(|value| value.split('\n')) {
        let _ = writeln!(out, "         | {}", visible(line));
    }
}
