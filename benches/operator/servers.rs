//! The real servers of the tests, as the benchmark needs them: the same code, found by its path.
#![allow(dead_code, unused_imports, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../../tests/it/servers/http.rs"]
pub(crate) mod http;
#[path = "../../tests/it/servers/kubernetes/mod.rs"]
pub(crate) mod kubernetes;
#[path = "../../tests/it/servers/process.rs"]
pub(crate) mod process;
