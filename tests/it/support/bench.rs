//! The stages on a bench: plan, judge, approve, apply, as a face runs them, with a clock that a test moves.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tenantry::apply::{Event, OutcomeResult, Run, RunReport, Stop, World};
use tenantry::diff::Purpose;
use tenantry::engine::{self, Planned, Scope, Served, View};
use tenantry::guard::{Approvals, Policy, Tighten, approve, judge};
use tenantry::ledger::{Holder, Ledger, LockId};
use tenantry::model::{Address, Desired, Digest, PortalName, PortalSpec, SecretRef};
use tenantry::plan::{Body, Inputs, Judged, Plan};
use tenantry::portal::{Execute, Observe};
use tenantry::secrets::{SecretError, SecretReader};

use super::Clock;
use super::fuse::Fuse;
use super::ledger::{INSTALLATION, MemoryLedger};

/// Everything a run needs; portals are put in by the test.
pub(crate) struct Bench {
    pub(crate) clock: Arc<Clock>,
    pub(crate) fuse: Arc<Fuse>,
    pub(crate) ledger: MemoryLedger,
    pub(crate) portals: Vec<(PortalSpec, Arc<dyn Execute>)>,
    pub(crate) secrets: Secrets,
    pub(crate) scope: Scope,
    pub(crate) purpose: Purpose,
    pub(crate) approvals: Approvals,
    pub(crate) tighten: Tighten,
    pub(crate) stop: Stop,
    /// Somebody asks to stop as soon as this has begun.
    pub(crate) stop_when_started: Option<Address>,
    pub(crate) backoff: Duration,
    /// What `apply` said while it went on: `started ADDRESS`, `ended ADDRESS`.
    pub(crate) events: Mutex<Vec<String>>,
    ids: AtomicU64,
    process: AtomicU32,
}

/// What one apply came to.
pub(crate) struct Applied {
    /// The plan that was carried out.
    pub(crate) plan: Body,
    /// What became of it.
    pub(crate) report: RunReport,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let fuse = Arc::new(Fuse::new());
        Self {
            clock: Arc::new(Clock::new()),
            ledger: MemoryLedger::new(Arc::clone(&fuse)),
            fuse,
            portals: Vec::new(),
            secrets: Secrets::default(),
            scope: Scope::default(),
            purpose: Purpose::Converge,
            approvals: Approvals::default(),
            tighten: Tighten::default(),
            stop: Stop::default(),
            stop_when_started: None,
            backoff: Duration::from_millis(1),
            events: Mutex::default(),
            ids: AtomicU64::new(0),
            process: AtomicU32::new(1),
        }
    }

    /// Plans, as `tenantry plan` does.
    pub(crate) async fn plan(&self, desired: &Desired) -> Planned {
        let served = self.served();
        engine::plan(&self.view(desired, &served)).await.unwrap()
    }

    /// Plans and judges.
    pub(crate) async fn judged(&self, desired: &Desired) -> Plan<Judged> {
        let policy = Policy::new(self.portals.iter().map(|(spec, _)| spec), self.tighten);
        judge(self.plan(desired).await.plan, &policy)
    }

    /// Locks, plans, judges, approves as the test says, applies, plans again, unlocks: as `tenantry apply` does.
    pub(crate) async fn apply(&self, desired: &Desired) -> Applied {
        let lock = self.lock(desired).await;
        let plan = self.judged(desired).await;
        let applied = self.carry_out(desired, plan, &lock).await;
        self.ledger.unlock(&lock).await.unwrap();
        applied
    }

    /// Applies a plan under a lock.
    pub(crate) async fn carry_out(&self, desired: &Desired, plan: Plan<Judged>, lock: &LockId) -> Applied {
        let approval = approve(plan, &self.approvals);
        let portals: BTreeMap<PortalName, (Arc<dyn Execute>, usize)> =
            self.portals.iter().map(|(spec, driver)| (spec.name.clone(), (Arc::clone(driver), spec.parallelism))).collect();
        let clock = || self.clock.now();
        let new_id = || self.new_id();
        let watch = |event: Event<'_>| {
            let line = match event {
                Event::Started(_, address) => {
                    if self.stop_when_started.as_ref() == Some(address) {
                        self.stop.request();
                    }
                    format!("started {address}")
                }
                Event::Ended(outcome) => format!("ended {}", outcome.address),
            };
            self.events.lock().unwrap().push(line);
        };
        let run = Run { who: "ann@msp".to_owned(), ticket: Some("T-1".to_owned()), approval: "test".to_owned() };
        let world = World {
            desired,
            portals: &portals,
            ledger: &self.ledger,
            lock,
            installation: INSTALLATION,
            secrets: &self.secrets,
            mac: &mac,
            clock: &clock,
            new_id: &new_id,
            run: &run,
            stop: &self.stop,
            watch: &watch,
            backoff: self.backoff,
        };
        let served = self.served();
        let report = engine::apply(&approval.plan, &world, &self.view(desired, &served)).await;
        Applied { plan: approval.plan.body, report }
    }

    /// Applies and is killed right after effect `k`; true if it came to its end before that.
    pub(crate) async fn apply_killed_after(&self, k: usize, desired: &Desired) -> bool {
        self.fuse.blow_after(k);
        let done = self.fuse.or_killed(self.apply(desired)).await;
        self.fuse.blow_after(usize::MAX);
        self.ledger.bury(self.process.fetch_add(1, Ordering::SeqCst));
        done.is_some()
    }

    /// Applies, and is killed as soon as this happens; true if it came to its end before that.
    pub(crate) async fn apply_killed_when(&self, killed: impl Future<Output = ()>, desired: &Desired) -> bool {
        let done = tokio::select! {
            biased;
            () = killed => false,
            _ = self.apply(desired) => true,
        };
        self.ledger.bury(self.process.fetch_add(1, Ordering::SeqCst));
        done
    }

    /// Takes the locks of everything selected.
    pub(crate) async fn lock(&self, desired: &Desired) -> LockId {
        let holder = Holder {
            who: "ann@msp".to_owned(),
            operation: "apply".to_owned(),
            host: "desk".to_owned(),
            process: self.process.load(Ordering::SeqCst),
            started: "today".to_owned(),
        };
        let served = self.served();
        engine::lock(&self.ledger, desired, &served, &self.scope, &holder, self.clock.now(), Duration::from_secs(600)).await.unwrap()
    }

    fn new_id(&self) -> Box<str> {
        format!("i{}", self.ids.fetch_add(1, Ordering::SeqCst)).into()
    }

    fn served(&self) -> Vec<Served> {
        let observe = |driver: &Arc<dyn Execute>| -> Arc<dyn Observe> { Arc::clone(driver) as Arc<dyn Observe> };
        self.portals.iter().map(|(spec, driver)| Served { spec: spec.clone(), observe: observe(driver) }).collect()
    }

    fn view<'a>(&'a self, desired: &'a Desired, portals: &'a [Served]) -> View<'a> {
        View {
            desired,
            portals,
            ledger: &self.ledger,
            installation: INSTALLATION,
            secrets: &self.secrets,
            mac: &mac,
            now: self.clock.now(),
            scope: &self.scope,
            purpose: self.purpose,
            inputs: Inputs::default(),
        }
    }
}

impl Applied {
    /// One line an outcome, sorted: `acme/user/ann done`.
    pub(crate) fn outcomes(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.report.outcomes.iter().map(|o| format!("{} {}", o.address, result(&o.result))).collect();
        lines.sort();
        lines
    }

    /// What became of an address; panics unless there is exactly one outcome.
    pub(crate) fn outcome(&self, at: &str) -> String {
        let found: Vec<_> = self.report.outcomes.iter().filter(|o| o.address == super::address(at)).collect();
        assert_eq!(found.len(), 1, "one outcome of {at} in {:?}", self.outcomes());
        result(&found[0].result)
    }
}

/// An outcome in a few words.
pub(crate) fn result(result: &OutcomeResult) -> String {
    match result {
        OutcomeResult::Done => "done".to_owned(),
        OutcomeResult::DoneDiffers { fields } => format!("differs: {}", fields.join(", ")),
        OutcomeResult::Pending { waits_for, called: _ } => format!("pending: {waits_for}"),
        OutcomeResult::Failed { message, denied } => format!("{}: {message}", if *denied { "denied" } else { "failed" }),
        OutcomeResult::Uncertain { message } => format!("uncertain: {message}"),
        OutcomeResult::Skipped { why } => format!("skipped: {why}"),
        OutcomeResult::Held { codes, why: _ } => format!("held: {}", codes.join(", ")),
        OutcomeResult::Cancelled => "cancelled".to_owned(),
    }
}

/// A MAC that changes with every part; the key is the test's.
pub(crate) fn mac(parts: &[(&str, &SecretString)]) -> Digest {
    let text: Vec<_> = parts.iter().map(|(key, secret)| format!("key/{key}={}", secret.expose_secret())).collect();
    Digest::of(text.join(";").as_bytes())
}

/// Secrets by the words of their reference: `environment variable NAME`.
#[derive(Default)]
pub(crate) struct Secrets(pub(crate) Mutex<BTreeMap<String, String>>);

impl Secrets {
    /// Sets the variable that `{env: NAME}` reads.
    pub(crate) fn set(&self, variable: &str, secret: &str) {
        self.0.lock().unwrap().insert(format!("environment variable {variable}"), secret.to_owned());
    }
}

impl SecretReader for Secrets {
    fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        let reference = reference.to_string();
        let found = self.0.lock().unwrap().get(&reference).cloned();
        found.map(SecretString::from).ok_or_else(|| SecretError { reference, why: "it is not set".to_owned(), missing: false })
    }
}

/// What a plan would do: `ADDRESS action,action` for each change, in order.
pub(crate) fn changes(body: &Body) -> Vec<String> {
    let line = |address: &Address, actions: Vec<&str>| {
        format!("{address} {}", if actions.is_empty() { "-".to_owned() } else { actions.join(",") })
    };
    body.units.iter().flat_map(|u| &u.changes).map(|c| line(&c.address, c.actions.iter().map(|a| a.word()).collect())).collect()
}
