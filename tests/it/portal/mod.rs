//! Tests of portal.

pub(crate) mod as_apply;
mod cel;
pub(crate) mod contract;
mod docs;
mod driver;
mod embedded;
mod embedded_rules;
pub(crate) mod kit;
mod profile;
mod rest;
mod runbook;
mod screens;
mod secret_fields;
mod template;
mod transport;
