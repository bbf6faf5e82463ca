//! What scripts are told of an apply that does not bring everything in step: the program, with a portal that says yes and does nothing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tenantry::model::live::KeyHolder;
use tenantry::model::rule::Conduct;
use tenantry::model::{Capabilities, IntentAction, Kind, LiveTenant};
use tenantry::portal::embedded::Embedded;
use tenantry::portal::{Call, CallError, Done, Driver, Drivers, Execute, Observe, OpenContext, PortalError, TenantKey};

/// What it does once it has been asked to change something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Says that it is done, and nothing is.
    Lies,
    /// Does it, and cannot be read any more.
    GoesDown,
}

struct Odd {
    inner: Embedded,
    manner: Manner,
    down: Arc<AtomicBool>,
}

struct Opened<T: ?Sized> {
    inner: Arc<T>,
    manner: Manner,
    down: Arc<AtomicBool>,
}

impl Driver for Odd {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn open_reader(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Observe>, PortalError> {
        Ok(Arc::new(Opened { inner: self.inner.open_reader(ctx)?, manner: self.manner, down: Arc::clone(&self.down) }))
    }

    fn open_writer(&self, ctx: &OpenContext<'_>) -> Result<Arc<dyn Execute>, PortalError> {
        Ok(Arc::new(Opened { inner: self.inner.open_writer(ctx)?, manner: self.manner, down: Arc::clone(&self.down) }))
    }
}

#[async_trait]
impl<T: Observe + ?Sized> Observe for Opened<T> {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn conduct(&self) -> &dyn Conduct {
        self.inner.conduct()
    }

    async fn read(&self, tenants: &[TenantKey]) -> Result<Vec<LiveTenant>, PortalError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(PortalError::Unavailable("it does not answer".to_owned()));
        }
        self.inner.read(tenants).await
    }

    async fn tenants(&self) -> Result<Vec<TenantKey>, PortalError> {
        self.inner.tenants().await
    }

    async fn holders(&self, kind: Kind, keys: &[&str]) -> Result<Vec<KeyHolder>, PortalError> {
        self.inner.holders(kind, keys).await
    }
}

#[async_trait]
impl<T: Execute + ?Sized> Execute for Opened<T> {
    async fn perform(&self, calls: &[Call]) -> Vec<Result<Done, CallError>> {
        if self.manner == Manner::GoesDown {
            self.down.store(true, Ordering::SeqCst);
            return self.inner.perform(calls).await;
        }
        let done = |call: &Call| {
            assert_eq!(call.action, IntentAction::Update);
            Ok(Done::Now { id: call.object.clone(), object: None, carried: Vec::new() })
        };
        calls.iter().map(done).collect()
    }
}

fn apply(folder: &Path, drivers: &Drivers) -> u8 {
    let (manifests, state) = (folder.join("acme.yaml"), folder.join("state"));
    let args = ["tenantry".as_ref(), "apply".as_ref(), "--auto-approve".as_ref(), "-q".as_ref(), "-f".as_ref(), manifests.as_os_str()];
    let places = ["--state-dir".as_ref(), state.as_os_str()];
    tenantry::cli::run(args.into_iter().chain(places).map(Into::into), drivers, &tenantry::operator::InCluster)
}

fn check(manner: Manner, expected: u8) {
    let folder = tempfile::tempdir().unwrap();
    let declare = |name: &str| {
        let text =
            format!("apiVersion: tenantry.dev/v1alpha1\nkind: Organization\nmetadata: {{name: acme}}\nspec: {{displayName: {name}}}\n");
        std::fs::write(folder.path().join("acme.yaml"), text).unwrap();
    };
    declare("Acme");
    assert_eq!(apply(folder.path(), &Drivers::default().with(Arc::new(Embedded::default()))), 0);
    declare("Acme Tools");
    let odd = Odd { inner: Embedded::default(), manner, down: Arc::default() };
    assert_eq!(apply(folder.path(), &Drivers::default().with(Arc::new(odd))), expected);
}

#[test]
fn an_apply_that_leaves_something_out_of_step_is_no_success() {
    check(Manner::Lies, 4);
}

#[test]
fn an_apply_after_which_the_portal_cannot_be_read_is_no_success() {
    check(Manner::GoesDown, 4);
}
