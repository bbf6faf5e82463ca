//! Who is told of requests. Comes in: what a driver sent and what came back, without addresses, bodies or credentials. Goes out: nothing: a meter
//! counts, and changes nothing about a request.

use std::time::Duration;

use crate::model::PortalName;

/// Told of requests.
pub trait Meter: Send + Sync {
    /// A request was answered, or will not be: `code` is the status of its answer, `None` without one.
    fn answered(&self, portal: &PortalName, method: &'static str, code: Option<u16>, took: Duration);

    /// The portal wants to be left alone for a while.
    fn throttled(&self, portal: &PortalName);
}
