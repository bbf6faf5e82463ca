//! The operator against a real API server: custom resources in, statuses out, and the portal as declared.

mod core_consent;
mod core_finalizer;
mod core_statuses;
mod gitops;
mod keeps_in_step;
mod leader;
mod stand;
