//! What a person sees while changes are made: a bar on a terminal, one line an event elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::Output;
use crate::apply::{Event, OutcomeResult};
use crate::report;
use jiff::Timestamp;

/// Shows progress.
pub(super) enum Watch<'a> {
    /// A bar.
    Bar(ProgressBar),
    /// Lines for people.
    Lines(&'a Output),
    /// JSON lines for programs.
    Json(&'a Output),
    /// Nothing.
    Silent,
}

impl<'a> Watch<'a> {
    pub(super) fn new(output: &'a Output, json: bool, changes: u64) -> Self {
        use std::io::IsTerminal;
        if json {
            return Self::Json(output);
        }
        if output.quiet {
            return Self::Silent;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines(output);
        }
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
                let word = match &outcome.result {
                    OutcomeResult::Done | OutcomeResult::DoneDiffers { .. } => "done",
                    OutcomeResult::Pending { .. } => "pending",
                    OutcomeResult::Failed { .. } => "failed",
                    OutcomeResult::Uncertain { .. } => "uncertain",
                    OutcomeResult::Skipped { .. } => "skipped",
                    OutcomeResult::Held { .. } => "held",
                    OutcomeResult::Cancelled => "not begun",
                };
                let actions: Vec<_> = outcome.actions.iter().map(|a| a.word()).collect();
                output.note(&format!("{word}: {} {} in {}", actions.join(", "), outcome.address, outcome.portal));
            }
            (Self::Json(output), Event::Started(portal, address)) => {
                output.data(&report::stream::apply_start(portal, address, crate::plan::Action::Update, Timestamp::now()));
            }
            (Self::Json(output), Event::Ended(outcome)) => output.data(&report::stream::outcome(outcome, Timestamp::now())),
        }
    }

    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
