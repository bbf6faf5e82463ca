//! How a profile's calls are made over HTTP: the `http` parts of the format, and what they compile to.
//!
//! Comes in: the shapes that serde read. Goes out: compiled requests and mappings, which the `rest` driver performs, or everything that is wrong
//! with them, with places. It sends nothing and knows no API.

pub(super) mod compile;
pub mod compiled;
pub mod connection;
pub mod document;
pub mod tree;
