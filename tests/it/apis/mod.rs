//! APIs that nobody here designed, each by a profile as a user would write it (`tests/profiles/`), through the built program.

mod better_auth;
mod better_auth_faults;
mod between;
mod desk;
mod json_api;
mod keystone;
mod proxy;
mod steps;
