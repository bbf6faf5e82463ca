//! The sandbox: what a made-up portal does when it is played. [`kit`] has the portal, [`browser`] somebody at its screens.

mod browser;
mod command;
mod kit;
mod rules;
mod screens;
mod screens_access;
