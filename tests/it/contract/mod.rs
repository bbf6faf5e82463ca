//! One text of behaviour for every driver, through the real engine and a real ledger: whatever goes wrong at whichever request, running again
//! brings the end that was declared, with nothing made twice, nobody mailed twice, and nothing touched that was not asked for.
//!
//! [`world`] says what is declared and what must be there in the end, [`desk`] is whoever runs the program, [`between`] spoils the calls of any
//! driver. [`rest`] asks the sandbox over HTTP, [`embedded`] a directory in a file, [`runbook`] technicians.

mod between;
mod desk;
mod embedded;
pub(crate) mod rest;
mod runbook;
mod steps;
pub(crate) mod town;
mod unknown;
mod world;
