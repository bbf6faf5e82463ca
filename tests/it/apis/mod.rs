//! APIs that nobody here designed, each by a profile as a user would write it (`tests/profiles/`), through the built program.

mod better_auth;
mod desk;
mod json_api;
pub(crate) mod keystone;
mod sandbox;
mod steps;
