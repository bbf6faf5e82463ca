//! What tests of several modules share. A test says in a few lines: these are declared, this is live, this is in the ledger, this is the plan.
//!
//! [`declared`] builds a desired state, [`ledger`] is the whole ledger port in memory, [`bench`] runs the stages on them, [`fuse`] kills a run
//! after any effect, [`program`] runs the program itself, [`proxy`] stands between it
//! and a server, [`sandbox`] is a portal that is played, [`collector`] takes spans in.

pub(crate) mod bench;
pub(crate) mod collector;
pub(crate) mod declared;
pub(crate) mod fuse;
pub(crate) mod ledger;
pub(crate) mod program;
pub(crate) mod proxy;
pub(crate) mod sandbox;

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use tenantry::model::{Address, Name};

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// A clock that stands still until a test moves it.
pub(crate) struct Clock(Mutex<Timestamp>);

impl Clock {
    /// Half past nine on a Monday.
    pub(crate) fn new() -> Self {
        Self(Mutex::new("2026-03-02T09:30:00Z".parse().unwrap()))
    }

    pub(crate) fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    pub(crate) fn forward(&self, seconds: i64) {
        *self.0.lock().unwrap() += SignedDuration::from_secs(seconds);
    }

    pub(crate) fn a_day_later(&self) {
        self.forward(24 * 3600);
    }
}
