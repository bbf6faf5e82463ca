//! The diff.
