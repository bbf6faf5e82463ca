//! Tests of the command line, on real processes in folders of their own: what is said, how it ends, and what survives a kill.

mod allowed;
mod environment;
mod faulty;
mod forgotten;
mod held;
mod import;
mod kill;
mod leaving;
mod ledger_rebuild;
mod own_names;
mod runbook;
mod runbook_adoption;
mod runbook_answers;
mod runbook_observe;
mod runbook_turns;
mod saved_plan;
mod secrets;
mod several;
mod shown_beside;
mod slips;
mod transcript;
mod transcripts;
mod trust;
mod wrong_words;
