//! The `embedded` driver: a tenant directory in one SQLite file, so that everything works on a laptop with no account.
//!
//! Comes in: a `Portal`'s spec and a folder for state; the file is `portal-<name>.db` there, or the name that `endpoint` gives. Goes out: a
//! reader that creates nothing, or a writer whose batches are durable transactions. It behaves as a portal should: it keeps tenants apart and
//! references whole, never shows a secret (it does not even keep one), takes idempotency keys, keeps marks of ownership, and sends nothing:
//! mail goes to an outbox table. [`Directory`] is the side door for people who act behind our back.

mod calls;
mod codec;
mod directory;
mod objects;
mod played;
mod read;
mod store;
mod write;

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::driver::{Driver, OpenContext};
use super::{Execute, Observe, PortalError, Profile};
use crate::model::{Capabilities, PortalSpec};

pub use directory::{AuditLine, Directory, DirectoryError, Mail};
pub use objects::BY_PORTAL;
pub use played::{Goes, Played, PlayedCall};

/// Tells the time; an argument, so that a test can move it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The driver.
#[derive(Clone)]
pub struct Embedded {
    clock: Clock,
}

impl Default for Embedded {
    fn default() -> Self {
        Self::with_clock(Arc::new(Timestamp::now))
    }
}

impl Embedded {
    /// A driver whose directories take the time from a clock: invitations expire by it. It is asked once for each call.
    pub fn with_clock(clock: Clock) -> Self {
        Self { clock }
    }

    /// Opens a directory that plays a portal: whatever the profile's kinds are, each is listed and performed by calls.
    ///
    /// # Errors
    /// When the file cannot be opened or is no directory.
    pub fn play(&self, file: PathBuf, profile: Arc<Profile>) -> Result<Played, PortalError> {
        let capabilities = Arc::new(played::capabilities(profile.capabilities()));
        Ok(Played::new(write::Writer::open(file, profile, capabilities, Arc::clone(&self.clock))?))
    }
}

impl Driver for Embedded {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn open_reader(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Observe>, PortalError> {
        let file = file_of(ctx.spec, ctx.state_dir)?;
        Ok(Arc::new(read::Reader::new(file, Arc::clone(&ctx.profile), own(ctx), Arc::clone(&self.clock))))
    }

    fn open_writer(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Execute>, PortalError> {
        let file = file_of(ctx.spec, ctx.state_dir)?;
        Ok(Arc::new(write::Writer::open(file, Arc::clone(&ctx.profile), own(ctx), Arc::clone(&self.clock))?))
    }
}

/// What the profile says that the directory can do.
fn own(ctx: &OpenContext<'_>) -> Arc<Capabilities> {
    Arc::new(ctx.profile.capabilities().clone())
}

/// The file of a portal's directory: below the state folder, and nowhere else.
///
/// # Errors
/// When `endpoint` is no plain file name, or a link stands in its place.
pub fn file_of(spec: &PortalSpec, state_dir: &Path) -> Result<PathBuf, PortalError> {
    let name = spec.endpoint.clone().unwrap_or_else(|| format!("portal-{}.db", spec.name));
    let mut parts = Path::new(&name).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(n)), None) if n.to_str() == Some(name.as_str()));
    if !plain {
        return Err(PortalError::Misconfigured(format!(
            "portal {}: the endpoint `{name}` must be a plain file name, for the directory lies in the state folder",
            spec.name
        )));
    }
    let file = state_dir.join(name);
    if file.symlink_metadata().is_ok_and(|m| m.file_type().is_symlink()) {
        return Err(PortalError::Misconfigured(format!("portal {}: {} is a link; a directory must be a file", spec.name, file.display())));
    }
    Ok(file)
}
