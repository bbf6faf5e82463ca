//! The apply.

pub mod outcome;
