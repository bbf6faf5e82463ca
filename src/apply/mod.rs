//! The apply.
