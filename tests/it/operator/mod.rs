//! The operator against a real API server: custom resources in, statuses out, and the portal as declared.

mod consent;
mod consent_kit;
mod keeps_in_step;
mod parity;
mod secrets;
mod stand;
mod work_orders;
