//! Tenantry: tenants as code for managed service providers.
//!
//! ```text
//! files ────► manifest ─► Desired ─┐
//!                                  ├─► diff ─► plan ─► guard ─► apply ─► report
//! portal ───► observe ──► Live ────┤
//! ledger ───► read ─────► Ledger ──┘
//! ```
//!
//! Read the modules in this order; each says at its top what comes in, what goes out and what it never does.
//!
//! 1. [`model`]: what things are (pure). [`diagnostic`]: what can be wrong, as values (pure).
//! 2. [`manifest`]: text becomes the desired state.
//! 3. [`portal`]: the port through which portals are read and changed, and the drivers behind it.
//! 4. [`ledger`]: the port and the stores of what is ours.
//! 5. [`diff`], [`plan`], [`guard`], [`report`]: pure, in this order.
//! 6. [`apply`]: drives portals by an approved plan.
//! 7. [`engine`]: the only place where the stages meet.
//! 8. [`controller`]: the engine, again and again, for whoever declares continuously.
//! 9. [`sandbox`]: a server that plays a portal by its profile. [`crds`]: the custom resource definitions of the kinds (pure).
//! 10. [`spans`]: what collectors of traces are told, by all of these.
//! 11. [`cli`]: face one; arguments in, exit code out. [`operator`]: face two; custom resources in, statuses out.

pub mod apply;
pub mod cli;
pub mod controller;
pub mod crds;
pub mod diagnostic;
pub mod diff;
pub mod engine;
pub mod guard;
pub mod ledger;
pub mod manifest;
pub mod model;
pub mod operator;
pub mod plan;
pub mod portal;
pub mod report;
pub mod sandbox;
pub mod secrets;
pub mod spans;
pub mod trust;
