//! One text of behaviour for every driver, through the real engine and a real ledger: whatever goes wrong at whichever request, running again
//! brings the end that was declared, with nothing made twice, nobody mailed twice, and nothing touched that was not asked for.
//!
//! [`world`] says what is declared and what must be there in the end, [`desk`] is whoever runs the program. [`between`] spoils the calls of a
//! driver, [`network`] the requests of one: [`rest`] against the sandbox, [`keystone`] and [`better_auth`] against the real servers, [`lists`]
//! where their lists do not hold still. [`embedded`] is a directory in a file, [`runbook`] asks technicians. [`steps`] creates in several calls,
//! [`changes`] changes and deletes so, in the [`town`].

mod better_auth;
mod between;
mod changes;
mod desk;
mod embedded;
mod keystone;
mod lists;
mod network;
pub(crate) mod rest;
mod runbook;
mod steps;
pub(crate) mod town;
mod unknown;
mod world;
