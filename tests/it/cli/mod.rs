//! Tests of the command line, on real processes in folders of their own: what is said, how it ends, and what survives a kill.

mod faulty;
mod kill;
mod ledger_rebuild;
mod transcript;
mod transcripts;
