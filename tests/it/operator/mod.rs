//! The operator against a real API server: custom resources in, statuses out, and the portal as declared.

mod consent;
mod consent_kit;
mod core_consent;
mod core_finalizer;
mod core_statuses;
mod keeps_in_step;
mod leader;
mod parity;
mod secrets;
mod stand;
mod work_orders;
