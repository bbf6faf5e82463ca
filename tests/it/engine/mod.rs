//! Tests of the whole pipeline on a portal that does as it is told: [`scripted`] plays the portal, `support::bench` the face.
//!
//! `pipeline` is the golden case, `truth_table` the design's section 4 row by row, `intents` interrupted runs, `laws` random states, `apply` order,
//! faults and what must never leak, `orders` what technicians are asked to do, `unread` lists that break off when they are needed.

mod apply;
mod intents;
mod laws;
mod mended_exits;
mod mended_intents;
mod mended_plan;
mod orders;
mod pipeline;
pub(crate) mod scripted;
mod stage;
mod truth_table;
mod unread;
