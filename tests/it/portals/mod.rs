//! The portals of the mission: each row of `docs/portals/` by its ID. A test that bears a row's ID fails when the rule, field or effect that
//! serves it is taken out of the portal's profile.

pub(crate) mod kit;

mod administrators;
mod idm;
mod ita;
mod itc;
mod itc_rules;
mod lived;
mod mails;
mod observed;
mod observed_access;
mod observed_effects;
mod observed_sandbox;
mod orders;
mod plx;
mod removals;
mod rows;
mod rules;
mod wiv;
mod wiv_api;
mod wiv_desk;
