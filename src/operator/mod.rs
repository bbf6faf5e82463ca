//! The operator.
mod fleet;
mod known;
mod secrets;
mod status;
