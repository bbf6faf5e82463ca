//! The operator against a real API server: custom resources in, statuses out, and the portal as declared.

mod clock;
mod conflict;
mod core_consent;
mod core_finalizer;
mod core_statuses;
mod counted;
mod drift;
mod expiry;
mod ground;
mod keeps_in_step;
mod leader;
mod life;
mod life_asks;
mod life_finalizer;
mod life_places;
mod many;
mod portals;
mod replicas;
mod restart;
mod restart_api;
mod restart_backup;
mod stand;
