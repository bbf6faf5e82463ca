//! What a person sees while changes are made: a bar on a terminal, one line an event elsewhere.

use std::collections::BTreeMap;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::output::Output;
use crate::apply::{Event, OutcomeResult};
use crate::model::{Address, PortalName};
use crate::plan::{Action, Approved, Plan, Unit};
use crate::report;

/// Shows progress.
pub(super) enum Watch<'a> {
    /// A bar.
    Bar(ProgressBar),
    /// Lines for people.
    Lines(&'a Output),
    /// JSON lines for programs, which want to hear what begins as well.
    Json(&'a Output, BTreeMap<(&'a PortalName, &'a Address), Action>),
    /// Nothing.
    Silent,
}

impl<'a> Watch<'a> {
    pub(super) fn new(output: &'a Output, json: bool, plan: &'a Plan<Approved>) -> Self {
        use std::io::IsTerminal;
        if json {
            let of_unit = |u: &'a Unit| u.changes.iter().filter_map(|c| Some(((&u.portal, &c.address), *c.actions.first()?)));
            return Self::Json(output, plan.released().flat_map(of_unit).collect());
        }
        if output.quiet {
            return Self::Silent;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines(output);
        }
        let changes = plan.released().map(|u| u.changes.len() as u64).sum();
        let bar = ProgressBar::with_draw_target(Some(changes), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {wide_msg}") {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    pub(super) fn event(&self, event: Event<'_>) {
        match (self, event) {
            (Self::Silent, _) | (Self::Lines(_), Event::Started(..)) => {}
            (Self::Bar(bar), Event::Started(_, address)) => bar.set_message(address.to_string()),
            (Self::Bar(bar), Event::Ended(_)) => bar.inc(1),
            (Self::Lines(output), Event::Ended(outcome)) => {
                // What never began is no event: the report names it.
                let word = match &outcome.result {
                    OutcomeResult::Done | OutcomeResult::DoneDiffers { .. } => "done",
                    OutcomeResult::Pending { .. } => "pending",
                    OutcomeResult::Failed { .. } => "failed",
                    OutcomeResult::Uncertain { .. } => "uncertain",
                    OutcomeResult::Skipped { .. } | OutcomeResult::Held { .. } | OutcomeResult::Cancelled => return,
                };
                let actions: Vec<_> = outcome.actions.iter().map(|a| a.word()).collect();
                output.note(&format!("{word}: {} {} in {}", actions.join(", "), outcome.address, outcome.portal));
            }
            (Self::Json(output, actions), Event::Started(portal, address)) => {
                let action = actions.get(&(portal, address)).copied().unwrap_or(Action::Update);
                output.data(&report::stream::apply_start(portal, address, action, Timestamp::now()));
            }
            (Self::Json(output, _), Event::Ended(outcome)) => output.data(&report::stream::outcome(outcome, Timestamp::now())),
        }
    }

    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
