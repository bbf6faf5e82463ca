//! The sandbox: what a made-up portal does when it is played. [`kit`] has the portal.

mod kit;
mod rules;
