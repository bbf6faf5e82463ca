//! The sandbox: what a made-up portal does when it is played. [`kit`] has the portal, [`browser`] somebody at its screens, [`api_kit`] a program
//! that asks over HTTP.

mod api;
mod api_contract;
pub(crate) mod api_kit;
mod browser;
mod command;
mod events;
mod faults;
mod killed;
mod kit;
mod rules;
mod screens;
mod screens_access;
mod wiv;
