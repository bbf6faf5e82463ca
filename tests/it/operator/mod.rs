//! The operator against a real API server: custom resources in, statuses out, and the portal as declared.

mod gitops;
mod keeps_in_step;
mod stand;
