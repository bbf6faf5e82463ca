//! What the tests of this folder share: a directory in a temporary folder with a clock that moves, and short ways to say calls and tenants.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;
use tenantry::model::fate::Next;
use tenantry::model::live::normalise_key;
use tenantry::model::{
    Address, Fate, FieldId, Fields, IntentAction, Kind, LiveObject, Mark, Name, PortalSpec, Resource, SecretRef, SourceId, Tenant, Value,
};
use tenantry::portal::embedded::{Clock, Directory, Embedded, file_of};
use tenantry::portal::{Call, CallError, Done, Driver, Execute, Observe, OpenContext, PortalError, TenantKey, load_profile};
use tenantry::secrets::{SecretError, SecretReader};

/// Reads no secret.
pub(crate) struct NoSecrets;

impl SecretReader for NoSecrets {
    fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        Err(SecretError { reference: reference.to_string(), why: "a test has none".to_owned(), missing: false })
    }
}

/// A folder with a directory in it, and its clock.
pub(super) struct World {
    pub(super) dir: tempfile::TempDir,
    pub(super) spec: PortalSpec,
    seconds: Arc<AtomicI64>,
}

/// 2026-01-01T00:00:00Z: when every world begins.
const BEGIN: i64 = 1_767_225_600;

impl World {
    pub(super) fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }

    pub(super) fn at(dir: tempfile::TempDir) -> Self {
        Self { dir, spec: PortalSpec::embedded(), seconds: Arc::new(AtomicI64::new(BEGIN)) }
    }

    pub(super) fn with_endpoint(endpoint: &str) -> Self {
        let mut world = Self::new();
        world.spec.endpoint = Some(endpoint.to_owned());
        world
    }

    pub(super) fn days_pass(&self, days: i64) {
        self.seconds.fetch_add(days * 86_400, Ordering::Relaxed);
    }

    pub(super) fn clock(&self) -> Clock {
        let seconds = Arc::clone(&self.seconds);
        Arc::new(move || Timestamp::from_second(seconds.load(Ordering::Relaxed)).unwrap())
    }

    fn open<T>(&self, open: impl Fn(&Embedded, &OpenContext<'_>) -> T) -> T {
        let profile = load_profile("embedded", None).unwrap();
        let ctx = OpenContext { spec: &self.spec, profile, state_dir: self.dir.path(), secrets: &NoSecrets };
        open(&Embedded::with_clock(self.clock()), &ctx)
    }

    pub(super) fn try_writer(&self) -> Result<Arc<dyn Execute>, PortalError> {
        self.open(|driver, ctx| driver.open_writer(ctx))
    }

    pub(super) fn writer(&self) -> Arc<dyn Execute> {
        self.try_writer().unwrap()
    }

    pub(super) fn reader(&self) -> Arc<dyn Observe> {
        self.open(|driver, ctx| driver.open_reader(ctx)).unwrap()
    }

    pub(super) fn directory(&self) -> Directory {
        Directory::open(&file_of(&self.spec, self.dir.path()).unwrap(), self.clock()).unwrap()
    }

    pub(super) fn files(&self) -> Vec<String> {
        files(self.dir.path())
    }
}

pub(super) fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn fields(kind: Kind, json: serde_json::Value) -> Fields {
    Fields::from_json(kind.def(), &json).unwrap()
}

pub(crate) fn field(kind: Kind, path: &str) -> FieldId {
    kind.def().field_named(path).unwrap().0
}

/// A call about a resource; its intent is its address and action, unless it says another.
pub(crate) fn call(action: IntentAction, address: &str, json: serde_json::Value) -> Call {
    let address: Address = address.parse().unwrap();
    let desired = fields(address.kind, json);
    with_fields(action, address, desired)
}

pub(super) fn with_fields(action: IntentAction, address: Address, desired: Fields) -> Call {
    let key = address.kind.def().key_field().and_then(|id| desired.get(id)).and_then(Value::as_text).unwrap_or(address.name.as_str());
    Call {
        intent: format!("{action:?} {address}").into(),
        owner: "installation-1".into(),
        key: normalise_key(key),
        tenant_id: None,
        action,
        object: None,
        changed: desired.iter().map(|(id, _)| id).collect(),
        desired,
        secrets: Vec::new(),
        carries: Vec::new(),
        before: Fields::new(),
        context: None,
        fate: Fate::fresh(None),
        address,
    }
}

pub(crate) fn create(address: &str, json: serde_json::Value) -> Call {
    call(IntentAction::Create, address, json)
}

pub(crate) trait CallExt: Sized {
    fn intent(self, intent: &str) -> Self;
    fn object(self, id: &str) -> Self;
    fn key(self, key: &str) -> Self;
}

impl CallExt for Call {
    fn intent(mut self, intent: &str) -> Self {
        self.intent = intent.into();
        self
    }
    fn object(mut self, id: &str) -> Self {
        self.object = Some(id.into());
        self
    }
    fn key(mut self, key: &str) -> Self {
        self.key = key.into();
        self
    }
}

/// Performs one call, part by part.
pub(crate) async fn perform(portal: &Arc<dyn Execute>, mut call: Call) -> Result<Done, CallError> {
    loop {
        let mut answers = portal.perform(std::slice::from_ref(&call)).await;
        assert_eq!(answers.len(), 1, "one answer for one call");
        match answers.remove(0) {
            Ok(Done::Partly { reached }) => {
                assert_ne!(call.fate.reached.as_ref(), Some(&reached), "it gets on");
                call.fate = call.fate.at(reached);
            }
            answer => return answer,
        }
    }
}

/// Performs one call until something is known of it: what may be made again is made again, as apply does.
pub(crate) async fn settled(portal: &Arc<dyn Execute>, call: Call) -> Result<Done, CallError> {
    for _ in 0..20 {
        match perform(portal, call.clone()).await {
            Err(CallError::Lost { next: Next::Repeatable | Next::SameKey, .. }) => {}
            known => return known,
        }
    }
    panic!("{}: nobody ever heard of it", call.intent)
}

/// Performs one call that must be done at once; the object's id.
pub(crate) async fn done(portal: &Arc<dyn Execute>, call: Call) -> String {
    let what = call.intent.clone();
    match settled(portal, call).await {
        Ok(Done::Now { id: Some(id), .. }) => id.into(),
        other => panic!("{what}: {other:?}"),
    }
}

/// Performs one call that must be refused; why.
pub(super) async fn refused(portal: &Arc<dyn Execute>, call: Call) -> String {
    let what = call.intent.clone();
    match settled(portal, call).await {
        Err(CallError::Refused(why)) => why,
        other => panic!("{what}: {other:?}"),
    }
}

pub(crate) fn tenant_key(tenant: &str) -> TenantKey {
    TenantKey { name: name(tenant), id: None }
}

/// The objects of a kind in a tenant, whose collection must have been read to its end.
pub(super) async fn objects(portal: &dyn Observe, tenant: &str, kind: Kind) -> Vec<LiveObject> {
    let live = portal.read(&[tenant_key(tenant)]).await.unwrap().remove(0);
    assert!(live.is_complete(kind), "{kind} of {tenant} was read to its end");
    live.objects(kind).to_vec()
}

pub(super) async fn keys(portal: &dyn Observe, tenant: &str, kind: Kind) -> Vec<String> {
    let mut keys: Vec<_> = objects(portal, tenant, kind).await.iter().map(|o| o.key.to_string()).collect();
    keys.sort();
    keys
}

/// An organization, made.
pub(super) async fn organization(portal: &Arc<dyn Execute>, tenant: &str) -> String {
    done(portal, create(&format!("{tenant}/organization/{tenant}"), json!({"displayName": tenant}))).await
}

/// A declared resource.
pub(super) fn resource(address: &str, json: serde_json::Value) -> Resource {
    let address: Address = address.parse().unwrap();
    let fields = fields(address.kind, json);
    let marks = fields.iter().map(|_| Mark::default()).collect();
    Resource { address, fields, marks, source: SourceId(0), mark: Mark::default(), meta: None }
}

/// A declared tenant, sorted as the manifest sorts it.
pub(super) fn tenant(resources: Vec<Resource>) -> Tenant {
    let mut resources = resources;
    resources.sort_by(|a, b| (a.address.kind, &a.address.name).cmp(&(b.address.kind, &b.address.name)));
    Tenant { resources, ..Tenant::default() }
}
