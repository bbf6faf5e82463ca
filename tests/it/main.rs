//! Everything that was promised, as one test binary (one link, and one look at what was ignored).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr, missing_docs)]

mod apis;
mod chart;
mod cli;
mod contract;
mod controller;
mod crds;
mod engine;
mod guard;
mod ledger;
mod manifest;
mod operator;
mod portal;
mod portals;
mod report;
mod sandbox;
mod servers;
mod support;
mod technician;
mod tidy;
