//! The only place where the stages meet.
//!
//! Comes in: the desired state, open portals, an open ledger, and *now*, all from a face. Goes out: a plan for the guards, or what became of an
//! approved one. Never parses, prints, asks or reads the environment.
//!
//! One run: [`lock`] → [`plan`] → `guard::judge` → (a person) → `guard::approve` → [`apply()`] → [`unlock`](Ledger::unlock).

pub mod import;
mod lacking;
mod narrow;
pub mod offline;
pub mod own_names;
pub mod read;
pub mod runbook;
pub mod same_names;
pub mod scope;
mod shared_keys;
mod warnings;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::Instrument as _;

pub use crate::diff::Purpose;
pub use scope::{Pattern, Scope};

use crate::apply::{self, Mac, OutcomeResult, RunReport, World};
use crate::diagnostic::{Diagnostic, codes};
use crate::ledger::{Holder, Ledger, LedgerError, LedgerRead, LockId};
use crate::model::{Desired, PortalName, PortalSpec, Tenant, TenantName};
use crate::plan::{Approved, Body, Inputs, Mode, Plan, Unchecked, Unit, link};
use crate::portal::{Observe, PortalError};
use crate::secrets::SecretReader;
use crate::spans;

/// A portal, open for reading.
#[derive(Clone)]
pub struct Served {
    /// Its document.
    pub spec: PortalSpec,
    /// Reads it.
    pub observe: Arc<dyn Observe>,
}

impl Served {
    /// The same for one plan, or for one look of another sort: what the whole portal is asked for, it is asked for once.
    pub(crate) fn for_one_plan(&self) -> Self {
        let observe = self.observe.for_one_plan().unwrap_or_else(|| Arc::clone(&self.observe));
        Self { spec: self.spec.clone(), observe }
    }
}

/// Everything that a plan is made from. None of it can write.
pub struct View<'a> {
    /// What is declared.
    pub desired: &'a Desired,
    /// The portals.
    pub portals: &'a [Served],
    /// What is ours.
    pub ledger: &'a dyn LedgerRead,
    /// Our installation id.
    pub installation: &'a str,
    /// Reads secrets, to see whether they changed.
    pub secrets: &'a dyn SecretReader,
    /// Makes MACs of secrets.
    pub mac: Mac<'a>,
    /// Now.
    pub now: Timestamp,
    /// What is selected.
    pub scope: &'a Scope,
    /// What is wanted.
    pub purpose: Purpose,
    /// Where the manifests come from.
    pub inputs: Inputs,
}

/// A plan, and the portals that are missing from it.
pub struct Planned {
    /// The plan; what it does not cover, its diagnostics name.
    pub plan: Plan<Unchecked>,
    /// Portals that could not be read.
    pub unreachable: Vec<(PortalName, PortalError)>,
}

/// Why there is no plan at all.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The ledger cannot be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Plans everything that is selected.
///
/// # Errors
/// When the ledger cannot be read. A portal that cannot be read is reported in the plan, and the others go on.
pub async fn plan(view: &View<'_>) -> Result<Planned, EngineError> {
    let recorded = recorded(view.ledger, view.scope).await?;
    let mut body = Body {
        mode: mode(view.purpose),
        now: view.now,
        inputs: view.inputs.clone(),
        units: Vec::new(),
        diagnostics: Vec::new(),
        refusals: Vec::new(),
        awaiting_acceptance: 0,
        digest: String::new(),
    };
    let mut unreachable = Vec::new();
    for served in view.portals.iter().filter(|s| view.scope.portal(&s.spec.name)) {
        let tenants = tenants(view.desired, &recorded, served, view.scope);
        let span = spans::read(&served.spec.name, tenants.len());
        let read = read::portal(view, served, &tenants).instrument(span.clone()).await;
        spans::read_ended(&span, read.is_ok());
        match read {
            Ok(mut of_portal) => {
                body.units.append(&mut of_portal.units);
                body.awaiting_acceptance += of_portal.awaiting_acceptance;
            }
            Err(read::Failure::Portal(error)) => {
                body.diagnostics.push(cannot_read(&served.spec.name, &error));
                unreachable.push((served.spec.name.clone(), error));
            }
            Err(read::Failure::Engine(error)) => return Err(error),
        }
    }
    body.units.sort_by(|a, b| (&a.portal, &a.tenant).cmp(&(&b.portal, &b.tenant)));
    link::link(&mut body.units);
    link::select(&mut body.units, &|address| view.scope.address(address));
    let selected = view.portals.iter().filter(|s| view.scope.portal(&s.spec.name));
    let portals: Vec<_> = selected.map(|s| (&s.spec, s.observe.capabilities())).collect();
    body.diagnostics.extend(same_names::of(view.desired, &portals, &|tenant| view.scope.tenant(tenant)));
    body.diagnostics.extend(warnings::of(&body.units));
    body.units.retain(says_something);
    Ok(Planned { plan: Plan::unchecked(body), unreachable })
}

/// Locks every tenant that is selected, in every portal that is.
///
/// # Errors
/// When somebody else holds one of them, or the ledger cannot be written.
pub async fn lock(
    ledger: &dyn Ledger,
    desired: &Desired,
    portals: &[Served],
    scope: &Scope,
    holder: &Holder,
    now: Timestamp,
    lease: std::time::Duration,
) -> Result<LockId, EngineError> {
    let recorded = recorded(ledger, scope).await?;
    let selected = portals.iter().filter(|s| scope.portal(&s.spec.name));
    let units: Vec<_> = selected
        .flat_map(|s| tenants(desired, &recorded, s, scope).into_iter().map(|t| (s.spec.name.clone(), t)).collect::<Vec<_>>())
        .collect();
    Ok(ledger.lock(&units, holder, now, lease).await?)
}

/// Keeps a lock alive; ends when it is lost.
pub async fn keep(ledger: &dyn Ledger, lock: &LockId, lease: std::time::Duration) {
    loop {
        tokio::time::sleep(lease / 3).await;
        if let Err(LedgerError::LockLost(_)) = ledger.renew(lock, Timestamp::now(), lease).await {
            return;
        }
    }
}

/// Applies an approved plan and plans again: what then remains is what waits.
pub async fn apply(plan: &Plan<Approved>, world: &World<'_>, again: &View<'_>) -> RunReport {
    let mut report = apply::run(plan, world).await;
    if report.stopped.is_none()
        && !world.stop.requested()
        && let Ok(planned) = self::plan(again).await
    {
        let left: Vec<_> =
            planned.plan.body.units.iter().flat_map(|u| &u.changes).filter(|c| !c.is_left_out()).map(|c| c.address.clone()).collect();
        report.planned_again = planned.unreachable.is_empty();
        report.final_plan_empty = report.planned_again && left.is_empty();
        // What failed, was held or waits is out of step for a reason that its outcome gives.
        let explained: BTreeSet<_> =
            report.outcomes.iter().filter(|o| o.result != OutcomeResult::Done).map(|o| o.address.clone()).collect();
        report.remaining = left.into_iter().filter(|address| !explained.contains(address)).collect();
    }
    report
}

/// Whom the ledger knows. Who names tenants one by one knows that already: asking would be a listing of the whole fleet for each of them.
async fn recorded(ledger: &(impl LedgerRead + ?Sized), scope: &Scope) -> Result<Vec<(PortalName, TenantName)>, LedgerError> {
    if scope.only.is_some() { Ok(Vec::new()) } else { ledger.tenants().await }
}

/// The tenants that a portal's plan is about: those declared for it, those that the ledger knows there, and those that are named one by one.
fn tenants(desired: &Desired, recorded: &[(PortalName, TenantName)], served: &Served, scope: &Scope) -> BTreeSet<TenantName> {
    let declared = desired.tenants.keys().filter(|t| served.spec.serves(t));
    let recorded = recorded.iter().filter(|(portal, _)| *portal == served.spec.name).map(|(_, tenant)| tenant);
    let named = scope.only.iter().flatten();
    declared.chain(recorded).chain(named).filter(|t| scope.tenant(t)).cloned().collect()
}

/// True if a tenant has a field that names tenants, such as those with which something is shared.
pub fn names_tenants(tenant: &Tenant) -> bool {
    read::names_others(tenant)
}

/// The tenants that a tenant's fields name: what it needs of one that is not made yet comes first.
pub fn tenants_named(tenant: &Tenant) -> BTreeSet<TenantName> {
    read::others_named(tenant)
}

const fn mode(purpose: Purpose) -> Mode {
    match purpose {
        Purpose::Converge => Mode::Normal,
        Purpose::Look => Mode::RefreshOnly,
        Purpose::Destroy => Mode::Destroy,
    }
}

fn says_something(unit: &Unit) -> bool {
    let Unit { changes, drift, unmanaged, retained, left_out, waiting, settled, .. } = unit;
    !(left_out.is_empty()
        && changes.is_empty()
        && drift.is_empty()
        && unmanaged.is_empty()
        && retained.is_empty()
        && waiting.is_empty()
        && settled.is_empty())
}

/// The diagnostic of a portal that cannot be read.
pub fn cannot_read(portal: &PortalName, error: &PortalError) -> Diagnostic {
    let code = match error {
        PortalError::Denied(_) | PortalError::NoCredential(_) => codes::run::PORTAL_DENIED,
        PortalError::Unavailable(_) => codes::run::PORTAL_UNAVAILABLE,
        PortalError::Misconfigured(_) => codes::run::PORTAL_MISCONFIGURED,
    };
    Diagnostic::error(code, format!("portal {portal} cannot be read: {error}"))
        .detail("Nothing is planned for it; what other portals need goes on.")
}
