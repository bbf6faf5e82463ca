//! The operator against a real API server: custom resources in, statuses out, and the portal as declared.

mod admission;
mod keeps_in_step;
mod stand;
