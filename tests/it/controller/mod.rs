//! The controller: what is declared comes about by itself, and nothing else happens. Time is paused: a test that waits an hour does not wait.

mod approvals;
mod drift;
mod floor;
mod keeps_in_step;
mod memory;
pub(crate) mod metrics;
mod said;
mod seldom;
mod together;
mod trouble;
