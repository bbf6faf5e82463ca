//! Whoever runs the program: a folder with a SQLite ledger, and runs that end, or are killed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tenantry::apply::{Run, Stop, World};
use tenantry::diff::Purpose;
use tenantry::engine::{self, Scope, Served, View};
use tenantry::guard::{Approvals, Policy, Tighten, approve, judge};
use tenantry::ledger::sqlite::SqliteLedger;
use tenantry::ledger::{Holder, Ledger as _, LedgerRead as _, LockId, WorkWanted};
use tenantry::model::work_order::WorkItem;
use tenantry::model::{Desired, PortalSpec};
use tenantry::plan::{Body, Finding, Inputs};
use tenantry::portal::{Execute, Observe};

use crate::support::Clock;
use crate::support::bench::{Secrets, changes, mac, result};
use crate::support::ledger::INSTALLATION;

/// See the module.
pub(super) struct Desk {
    file: PathBuf,
    pub(super) spec: PortalSpec,
    pub(super) clock: Clock,
    secrets: Secrets,
    process: AtomicU32,
}

/// What running it until nothing is left to do came to.
pub(super) struct End {
    /// What became of each change in each run.
    pub(super) said: Vec<Vec<String>>,
    /// What is left to do then.
    pub(super) left: Vec<String>,
}

impl Desk {
    /// With the ledger of a folder.
    pub(super) fn at(folder: &Path) -> Self {
        let spec = PortalSpec { parallelism: 1, ..PortalSpec::embedded() };
        let secrets = Secrets::default();
        secrets.set("CLIENT_ID", "client-1");
        secrets.set("CLIENT_SECRET", "canary-client");
        Self { file: folder.join("ledger.db"), spec, clock: Clock::new(), secrets, process: AtomicU32::new(1) }
    }

    pub(super) async fn ledger(&self) -> SqliteLedger {
        SqliteLedger::open(&self.file).await.unwrap()
    }

    /// Whoever ran it is gone: its locks end.
    pub(super) fn is_killed(&self) {
        self.process.fetch_add(1, Ordering::SeqCst);
        self.clock.forward(3600);
    }

    /// What a plan would do or cannot find out; the portal must be there.
    pub(super) async fn changes(&self, portal: &Arc<dyn Execute>, desired: &Desired) -> Vec<String> {
        let body = self.plan(portal, desired).await.expect("the portal can be read");
        let mut lines = changes(&body);
        lines.extend(body.units.iter().flat_map(|u| &u.waiting).map(|w| format!("{} waits for {}", w.address, w.waits_for)));
        lines
    }

    /// What a plan would do, where it can find out; a portal that cannot be read at all has it do nothing.
    pub(super) async fn acts(&self, portal: &Arc<dyn Execute>, desired: &Desired) -> Vec<String> {
        let body = self.plan(portal, desired).await;
        body.iter().flat_map(changes).filter(|line| !line.ends_with(" -")).collect()
    }

    /// The plan's changes of which nobody knows whether they were made.
    pub(super) async fn unknown(&self, portal: &Arc<dyn Execute>, desired: &Desired) -> Vec<String> {
        let body = self.plan(portal, desired).await.expect("the portal can be read");
        let unknown = |findings: &[Finding]| findings.iter().any(|f| matches!(f, Finding::CreationResultUnknown { .. }));
        body.units.iter().flat_map(|u| &u.changes).filter(|c| unknown(&c.findings)).map(|c| c.address.to_string()).collect()
    }

    /// Why nobody knows of those.
    pub(super) async fn why_unknown(&self, portal: &Arc<dyn Execute>, desired: &Desired) -> Vec<String> {
        let body = self.plan(portal, desired).await.expect("the portal can be read");
        let why = |finding: &Finding| if let Finding::CreationResultUnknown { why } = finding { Some(why.clone()) } else { None };
        body.units.iter().flat_map(|u| &u.changes).flat_map(|c| c.findings.iter().filter_map(why)).collect()
    }

    /// The error: the portal cannot be read.
    async fn plan(&self, portal: &Arc<dyn Execute>, desired: &Desired) -> Result<Body, String> {
        let ledger = self.ledger().await;
        let (served, scope) = (self.served(portal), Scope::default());
        let planned = engine::plan(&self.view(desired, &served, &ledger, &scope)).await.unwrap();
        if planned.unreachable.is_empty() { Ok(planned.plan.body) } else { Err(format!("{:?}", planned.unreachable)) }
    }

    /// Runs `tenantry apply`: what became of each change, or why there was no run.
    pub(super) async fn apply(&self, portal: &Arc<dyn Execute>, desired: &Desired) -> Vec<String> {
        let ledger = self.ledger().await;
        let (served, scope) = (self.served(portal), Scope::default());
        let lock = self.lock(&ledger, desired, &served).await;
        let view = self.view(desired, &served, &ledger, &scope);
        let planned = engine::plan(&view).await.unwrap();
        let judged = judge(planned.plan, &Policy::new([&self.spec], Tighten::default()));
        // They left, and it is known what that takes away.
        let allow = ["G007", "G022"].map(|code| (code.to_owned(), "they left".to_owned())).into();
        let approval = approve(judged, &Approvals { allow, ..Approvals::default() });
        let portals = BTreeMap::from([(self.spec.name.clone(), (Arc::clone(portal), 1))]);
        let run = Run { who: "ann@msp".to_owned(), ticket: None, approval: "test".to_owned() };
        let world = World {
            desired,
            portals: &portals,
            ledger: &ledger,
            lock: &lock,
            installation: INSTALLATION,
            secrets: &self.secrets,
            mac: &mac,
            clock: &|| self.clock.now(),
            new_id: &|| uuid::Uuid::now_v7().simple().to_string().into(),
            run: &run,
            stop: &Stop::default(),
            watch: &|_| {},
            backoff: Duration::from_millis(1),
        };
        let report = engine::apply(&approval.plan, &world, &view).await;
        ledger.unlock(&lock).await.unwrap();
        let unread = planned.unreachable.iter().map(|(portal, why)| format!("{portal}: {why}"));
        report.outcomes.iter().map(|o| format!("{} {}", o.address, result(&o.result))).chain(unread).collect()
    }

    /// Applies until nothing is left to do, a few times at most.
    pub(super) async fn converges(&self, portal: &Arc<dyn Execute>, desired: &Desired) -> End {
        let mut end = End { said: Vec::new(), left: self.changes(portal, desired).await };
        while !end.left.is_empty() && end.said.len() < 4 {
            end.said.push(self.apply(portal, desired).await);
            end.left = self.changes(portal, desired).await;
        }
        end
    }

    /// The items of work orders that wait.
    pub(super) async fn items(&self) -> Vec<WorkItem> {
        self.ledger().await.work(WorkWanted::Waiting).await.unwrap().into_iter().map(|(_, item)| item).collect()
    }

    async fn lock(&self, ledger: &SqliteLedger, desired: &Desired, served: &[Served]) -> LockId {
        let holder = Holder {
            who: "ann@msp".to_owned(),
            operation: "apply".to_owned(),
            host: "desk".to_owned(),
            process: self.process.load(Ordering::SeqCst),
            started: "today".to_owned(),
        };
        engine::lock(ledger, desired, served, &Scope::default(), &holder, self.clock.now(), Duration::from_secs(600)).await.unwrap()
    }

    fn served(&self, portal: &Arc<dyn Execute>) -> Vec<Served> {
        vec![Served { spec: self.spec.clone(), observe: Arc::clone(portal) as Arc<dyn Observe> }]
    }

    fn view<'a>(&'a self, desired: &'a Desired, portals: &'a [Served], ledger: &'a SqliteLedger, scope: &'a Scope) -> View<'a> {
        View {
            desired,
            portals,
            ledger,
            installation: INSTALLATION,
            secrets: &self.secrets,
            mac: &mac,
            now: self.clock.now(),
            scope,
            purpose: Purpose::Converge,
            inputs: Inputs::default(),
        }
    }
}
