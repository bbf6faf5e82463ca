//! What the ledger promises. `contract` holds every store to it (the part about locks is in `locks`); `law` holds them to a plain model; the others
//! are about one store, or about the secrets beside it.

mod contract;
mod crash;
mod kubernetes;
mod law;
mod locks;
mod postgres;
mod recorded;
mod secrets;
mod sqlite;
mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tenantry::ledger::{AuditRecord, Holder, Ledger, LedgerError, LedgerLocation, LedgerRead, LockId, WorkWanted, Write};
use tenantry::model::ledger::{Attestation, Intent, IntentAction, LedgerRow, LedgerState, Tombstone};
use tenantry::model::work_order::{Instructions, Observation, WorkItem, WorkRecord, WorkState};
use tenantry::model::{Address, Digest, Name, Origin, PortalName, TenantName};

use crate::servers::postgres::{Schema, execute};

const LEASE: Duration = Duration::from_secs(60);

/// An empty ledger, and what goes when the test ends.
struct Store {
    location: LedgerLocation,
    /// Seconds that have passed for a store that is told the time.
    passed: AtomicI64,
    _place: Box<dyn std::any::Any + Send>,
}

impl Store {
    async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            location: LedgerLocation::Sqlite(folder.path().join("state/ledger.db")),
            passed: AtomicI64::default(),
            _place: Box::new(folder),
        }
    }

    async fn postgres() -> Self {
        let schema = Schema::new().await;
        Self { location: schema.url.parse().unwrap(), passed: AtomicI64::default(), _place: Box::new(schema) }
    }

    async fn kubernetes() -> Self {
        let location = kubernetes::place().await.parse().unwrap();
        Self { location, passed: AtomicI64::default(), _place: Box::new(()) }
    }

    async fn open(&self) -> Arc<dyn Ledger> {
        self.location.open().await.unwrap()
    }

    /// Lets time pass. A store with a clock of its own cannot be told so: there every lock becomes older instead.
    async fn pass(&self, seconds: i64) {
        match &self.location {
            LedgerLocation::Sqlite(_) => _ = self.passed.fetch_add(seconds, Ordering::SeqCst),
            LedgerLocation::Postgres(url) => {
                let nanos = seconds * 1_000_000_000;
                execute(url, &format!("UPDATE tenantry_locks SET since = since - {nanos}, until = until - {nanos}")).await;
            }
            LedgerLocation::Kubernetes(place) => kubernetes::age(place.namespace(), seconds).await,
        }
    }

    /// What time it is for a store that is told.
    fn now(&self) -> Timestamp {
        at(self.passed.load(Ordering::SeqCst))
    }

    async fn reader(&self) -> Arc<dyn LedgerRead> {
        self.location.open_read_only().await.unwrap()
    }
}

/// Seconds after the moment at which every test begins.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn portal() -> PortalName {
    name("main")
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// The portal's tenants by name.
fn units(tenants: &[&str]) -> Vec<(PortalName, TenantName)> {
    tenants.iter().map(|t| (portal(), name(t))).collect()
}

fn row(text: &str) -> LedgerRow {
    LedgerRow {
        address: address(text),
        id: Some("id-1".into()),
        key: "alice@acme.example".into(),
        owner: "somebody".into(),
        origin: Origin::Created,
        released: false,
        protected: false,
        applied: vec![("displayName".into(), Digest::of(b"Alice")), ("roles".into(), Digest::of(b"[]"))],
        secrets: Vec::new(),
    }
}

fn intent(id: &str, text: &str, began: i64) -> Intent {
    Intent {
        id: id.into(),
        address: address(text),
        key: "alice@acme.example".into(),
        action: IntentAction::Create,
        object: None,
        at: at(began),
        plan: "sha256:00".into(),
        unknown: false,
        fate: tenantry::model::Fate {
            content: Some(Digest::of(id.as_bytes())),
            reached: (began % 2 == 0).then(|| tenantry::model::Reached::found(id, None)),
            next: tenantry::model::Next::Unsure,
        },
    }
}

fn attestation(text: &str, present: bool, recorded: i64) -> Attestation {
    Attestation {
        address: address(text),
        present,
        fields: serde_json::json!({"displayName": "Alice"}),
        id: Some("id-9".to_owned()),
        by: "tess@msp".to_owned(),
        at: at(recorded),
        until: Timestamp::MAX,
    }
}

/// An open item of an intent.
fn item(id: &str, text: &str, given: i64) -> WorkItem {
    WorkItem {
        intent: id.into(),
        reference: "0a1b2c3d".into(),
        order: "wo-12345678".into(),
        address: address(text),
        action: IntentAction::Create,
        assignee: Some("tess@msp".to_owned()),
        due: Some("2026-02-03".parse().unwrap()),
        given: at(given),
        plan: "sha256:00".into(),
        ticket: Some("T-1".to_owned()),
        instructions: Instructions { title: "Create user Alice".to_owned(), menu_place: 3, screens: Vec::new(), evidence: Vec::new() },
        content: Digest::of(b"alice"),
        records: vec![
            WorkRecord {
                intent: id.into(),
                address: address(text),
                fields: Some(serde_json::json!({"displayName": "Alice"})),
                row: Some(row(text)),
            },
            WorkRecord { intent: format!("{id}/1").into(), address: address("acme/role/staff"), fields: None, row: None },
        ],
        learnt: [("tenantId".to_owned(), "7".to_owned())].into(),
        calls_follow: false,
        state: WorkState::Open,
        replaces: vec!["ffffffff".into()],
        former: Vec::new(),
        names: None,
        before: Vec::new(),
    }
}

fn confirmed() -> WorkState {
    WorkState::Confirmed { by: "tess@msp".to_owned(), at: at(50), evidence: [("id".to_owned(), "42".to_owned())].into() }
}

fn failed() -> WorkState {
    WorkState::Failed { by: "tess@msp".to_owned(), at: at(50), why: "no licence left".to_owned() }
}

fn skipped() -> WorkState {
    WorkState::Skipped { by: "tess@msp".to_owned(), at: at(50), why: "not now".to_owned() }
}

fn observation(value: &str, seen: i64) -> Observation {
    Observation { value: value.to_owned(), at: at(seen), by: Some("tess@msp".to_owned()) }
}

fn tombstone(text: &str, went: i64) -> Tombstone {
    Tombstone { address: address(text), id: Some("id-1".into()), at: at(went) }
}

fn audit(text: &str, result: &str) -> AuditRecord {
    AuditRecord {
        at: at(0),
        who: "tess@msp".to_owned(),
        ticket: Some("T-1".to_owned()),
        plan: "sha256:00".to_owned(),
        approval: "digest".to_owned(),
        portal: portal(),
        address: address(text),
        request: "create displayName".to_owned(),
        result: result.to_owned(),
    }
}

/// The locks of these tenants, taken at the beginning.
async fn take(ledger: &dyn Ledger, tenants: &[&str]) -> LockId {
    ledger.lock(&units(tenants), &Holder::current("apply"), at(0), LEASE).await.unwrap()
}

/// What the ledger has of one tenant.
async fn state(ledger: &(impl LedgerRead + ?Sized), tenant: &str) -> LedgerState {
    let mut states = ledger.read(&portal(), &[name(tenant)]).await.unwrap();
    assert_eq!(states.len(), 1);
    states.remove(0)
}

/// Commits under a lock of `acme` that is taken and let go for it.
async fn commit(ledger: &dyn Ledger, writes: Vec<Write>) -> Result<(), LedgerError> {
    let lock = take(ledger, &["acme", "beta"]).await;
    let done = ledger.commit(&lock, writes).await;
    assert_eq!(ledger.unlock(&lock).await.unwrap(), 2);
    done
}
