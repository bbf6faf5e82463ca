//! Tests of portal.

mod cel;
mod contract;
mod docs;
mod driver;
mod embedded;
mod embedded_rules;
mod kit;
mod profile;
mod secret_fields;
