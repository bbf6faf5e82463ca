//! Tests of the command line, on real processes in folders of their own: what is said, how it ends, and what survives a kill.

mod environment;
mod faulty;
mod import;
mod kill;
mod ledger_rebuild;
mod own_names;
mod run;
mod run_approve;
mod run_kit;
mod run_together;
mod runbook;
mod runbook_answers;
mod runbook_observe;
mod saved_plan;
mod secrets;
mod several;
mod shown_beside;
mod slips;
mod transcript;
mod transcripts;
mod trust;
mod wrong_words;
