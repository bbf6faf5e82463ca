//! The sandbox: a server that plays a portal by its profile, with the portal's rules and traps, to rehearse a rollout, to train a technician, to
//! test manifests in CI and to test ourselves.
//!
//! Comes in: a profile, the MSP's account there, a folder for state, and requests on loopback. Goes out: what the portal would answer, as HTML
//! screens in the vendor's own menu and as an HTTP API. It keeps what it is told in a directory of its own ([`crate::portal::embedded`]) and
//! never reaches a real portal, sends a mail or listens to another machine.
//!
//! Reading order: [`change`] (what is asked for and what comes of it), [`World`] (the portal's side: its rules, its state), [`access`] (who sees
//! what), [`Server`] (HTTP), [`screens`] (HTML), [`api`] (JSON) and [`wiv`] (a vendor's documented JSON), [`faults`] (bad days).

pub mod access;
pub mod api;
pub mod change;
pub mod faults;
mod names;
mod prepare;
mod screens;
mod server;
mod sight;

mod values;
pub mod wiv;
mod world;

pub use access::{Access, Caller};
pub use change::{Change, Performed, Refusal};
pub use server::{Addresses, Server, ServerError, Shared};
pub use world::{Customer, Happened, World};
